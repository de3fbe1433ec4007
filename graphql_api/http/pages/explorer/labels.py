"""The pages of sectors, areas of interest and groups of ISCO-08: what each is, and its occupations; and lists of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from graphql_api.competent.hal import Document
from graphql_api.http.pages.explorer.concept_paths import LABEL_FIELDS
from graphql_api.http.pages.explorer.visit import Show, Visit
from graphql_api.http.pages.rendering import plain


@dataclass(frozen=True, slots=True)
class LabelType:
    """The fields of a type of label in the schema: the list of a release, and the filter of occupations."""

    listing: str
    filter: str
    parameter: str
    """The parameter of lists of occupations, such as `occupations?sector=ES-1`."""


LABEL_TYPES = {
    "sectors": LabelType(LABEL_FIELDS["sectors"], "sectors", "sector"),
    "areas": LabelType(LABEL_FIELDS["areas"], "areasOfInterest", "area"),
    "isco": LabelType("classifications", "iscoPrefix", "isco"),
}
"""Types of labels by path word."""
FILTERS = {type.parameter: type.filter for type in LABEL_TYPES.values()}
_ISCO_CODE = re.compile("[0-9]{1,4}")


def label_pages() -> dict[str, Show]:
    """The pages of lists and labels, by path below a language; `{ref}` is a code or a uuid."""
    lists: dict[str, Show] = {
        word: partial(_list, word, "isco_groups" if word == "isco" else "labels")
        for word in (*LABEL_TYPES, "competence-sets")
    }
    pages: dict[str, Show] = {f"{word}/{{ref}}": partial(_label, word) for word in LABEL_TYPES}
    return lists | pages


def by_title(visit: Visit) -> dict[str, object]:
    """The order of lists of occupations."""
    return {"field": "TITLE", "language": visit.language.upper()}


async def _list(word: str, operation: str, visit: Visit) -> Response:
    field = LABEL_TYPES[word].listing if word in LABEL_TYPES else "competenceSets"
    release = await visit.ask(operation, {}, field)
    if release.get("labels") is None:
        return await visit.missing(release)
    return await visit.page("labels.html", release, word=word)


async def _label(word: str, visit: Visit) -> Response:
    ref, type = visit.request.path_params["ref"], LABEL_TYPES[word]
    variables = {"filter": {type.filter: [ref]}, "orderBy": by_title(visit), "after": visit.parameters.get("after")}
    if word != "isco":
        release = await visit.ask("label", variables, type.listing)
    elif _ISCO_CODE.fullmatch(ref):
        release = await visit.ask("isco_group", variables | {"parent": ref[:-1] or None})
    else:
        return await visit.missing({})
    label = _with_ref(release.get("labels") or (), ref)
    if label is None or release["occupationalProfiles"] is None:
        return await visit.missing(release)
    code = label["code"] or label["uuid"]
    if code != ref:
        return visit.redirect(f"{word}/{code}")
    summary = plain(label["title"], {"uuid": "", **label})
    return await visit.page("label.html", release, summary=summary, label=label, word=word, parameter=type.parameter)


def _with_ref(labels: Iterable[Document], ref: str) -> Document | None:
    for label in labels:
        if ref.casefold() in {str(label[name]).casefold() for name in ("code", "uuid") if label.get(name)}:
            return label
    return None
