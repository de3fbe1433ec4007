"""Two occupations compared: what one lacks of the other, and ways from one to the other. Each is named by code, uuid or title."""

import re

from starlette.responses import Response

from graphql_api.competent.hal import Document
from graphql_api.http.pages.explorer.concept_paths import reference
from graphql_api.http.pages.explorer.visit import Visit

_SIDES = ("from", "to")
_REF = re.compile(r"[A-Za-z]{1,4}-[0-9]{1,9}(?=\s|$)|[0-9A-Fa-f-]{32,36}$")
"""A code, which a title may follow as in suggestions, or a uuid."""


async def compare(visit: Visit) -> Response:
    """The comparison; or occupations to choose from, if a title fits several."""
    names = {side: visit.parameters.get(side) for side in _SIDES}
    if None in names.values():
        return await visit.page("compare.html", await visit.ask("release", {}), gap=None, choices={}, refs=names)
    refs = {side: _ref(str(name)) for side, name in names.items()}
    if None in refs.values():
        return await _choose(visit, names, refs)
    release = await visit.ask("compare", {side: reference(str(ref)) for side, ref in refs.items()})
    gap = release.get("competenceGap")
    if gap is None and visit.codes != ["BAD_USER_INPUT"]:
        return await visit.missing(release)
    detours = [path for path in release.get("careerPaths") or () if len(path["steps"]) > 1]
    return await visit.page(
        "compare.html", release, status=200 if gap else 404, gap=gap, detours=detours, choices={}, refs=refs
    )


async def _choose(visit: Visit, names: dict[str, str | None], refs: dict[str, str | None]) -> Response:
    """Redirects if each name is of one occupation, otherwise lists those that it may mean."""
    flags = {f"choose{side.title()}": ref is None for side, ref in refs.items()}
    release = await visit.ask("choose_occupations", {**names, **flags})
    if not release or "BAD_USER_INPUT" in visit.codes:  # a name is too long
        return await visit.missing(release)
    choices = {side: release.get(side) or [] for side, ref in refs.items() if ref is None}
    resolved = refs | {side: _only(names[side] or "", items) for side, items in choices.items()}
    if None not in resolved.values():
        return visit.redirect("compare", **resolved)
    return await visit.page("compare.html", release, gap=None, choices=choices, refs=resolved)


def _ref(name: str) -> str | None:
    match = _REF.match(name)
    return match[0] if match else None


def _only(name: str, suggestions: list[Document]) -> str | None:
    """The occupation whose title or alternative name this is, or the only suggestion."""
    exact = [item for item in suggestions if item["text"].casefold() == name.casefold()]
    refs = {item["concept"]["code"] or item["concept"]["uuid"] for item in exact or suggestions}
    return str(refs.pop()) if len(refs) == 1 else None
