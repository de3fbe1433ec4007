"""Assumptions about a Competent API as data: how to judge each by the responses, and what follows if it fails."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple

from graphql_api.cli.doctor.probe import BEYOND, Seen, Visit, embedded_in, unknown_keys
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, SOFT_SKILL, TECHNICAL_COMPETENCE, ConceptType
from graphql_api.competent.hal import href, items, page, parse_link, release_numbers, tells_total
from graphql_api.competent.releases import CURRENT, release_order


class Verdict(Enum):
    """The result of a check."""

    HOLDS = "holds"
    DOES_NOT = "fails"
    UNKNOWN = "unknown"


Judged = tuple[Verdict, str]
"""The verdict, and what was seen in the responses."""
Judge = Callable[[Visit], Judged]


class Check(NamedTuple):
    """An assumption. `otherwise` says what happens if it fails; if it is `needed`, the server cannot use the API without it."""

    assumed: str
    judge: Judge
    otherwise: str
    needed: bool = False


def _judged(holds: bool, seen: str) -> Judged:
    return (Verdict.HOLDS if holds else Verdict.DOES_NOT), seen


def _of(visit: Visit, name: str) -> Seen:
    return visit.get(name, Seen())


def _there(name: str) -> Judge:
    """Judges if the path has a document."""

    def judge(visit: Visit) -> Judged:
        seen = _of(visit, name)
        if seen.ok:
            return Verdict.HOLDS, str(seen)
        absent = seen.status in (400, 404, 405, 410) or seen.status == 200
        return (Verdict.DOES_NOT if absent else Verdict.UNKNOWN), str(seen)

    return judge


def _where(name: str, judge: Callable[[Seen], Judged]) -> Judge:
    """Judges a document, or returns UNKNOWN if there is none."""
    return lambda visit: judge(seen) if (seen := _of(visit, name)).ok else (Verdict.UNKNOWN, str(seen))


def _key(visit: Visit) -> Judged:
    refused = [seen for seen in visit.values() if seen.status in (401, 403)]
    came = [seen for seen in visit.values() if seen.status == 200]
    if not refused and not came:
        return Verdict.UNKNOWN, "no route responded; check the address"
    if came and all(seen.status == 403 for seen in refused):
        return Verdict.HOLDS, ", but not ".join(map(str, (came[0], *refused)))
    return _judged(False, str(refused[0]))


def _number(visit: Visit) -> Judged:
    if not any(seen.status == 200 for seen in visit.values()):
        return Verdict.UNKNOWN, "no route responded"
    numbers_by_name = {
        name: release_numbers(_of(visit, name).document) for name in ("current", "soft skills", "competence")
    }
    known = {number for numbers in numbers_by_name.values() for number in numbers}
    return _judged(len(known) == 1, ", ".join(sorted(known, key=release_order)) or "no release number found")


def _linked(visit: Visit) -> Judged:
    seen = _of(visit, "competence")
    if not seen.ok:
        return Verdict.UNKNOWN, str(seen)
    link = parse_link(href(seen.document, "self"))
    return _judged(
        link is not None and link.release != CURRENT, f"the self link names {link.release if link else 'nothing'}"
    )


def _fields(type: ConceptType) -> Callable[[Seen], Judged]:
    """Judges if the document has all declared fields of a type."""

    def judge(seen: Seen) -> Judged:
        missing = [field.hal_keys[0] for field in type.fields if seen.document.keys().isdisjoint(field.hal_keys)]
        return _judged(not missing, f"without {', '.join(missing)}" if missing else ", ".join(seen.document))

    return judge


def _soft_text(seen: Seen) -> Judged:
    keys = next(field.hal_keys for field in SOFT_SKILL.fields if field.search)
    found = {key for item in items(seen.document) for key in keys if item.get(key)}
    return _judged(bool(found), ", ".join(sorted(found)) or "no text")


def _no_unknown_keys(visit: Visit) -> Judged:
    if not any(seen.ok for seen in visit.values()):
        return Verdict.UNKNOWN, "no route answered"
    unknown = unknown_keys(visit)
    return _judged(not unknown, ", ".join(unknown) or "none")


def _listed(seen: Seen) -> Judged:
    embedded = seen.document.get("_embedded")
    names = list(embedded) if isinstance(embedded, Mapping) else [type(embedded).__name__]
    first = next(iter(items(seen.document)), {})
    return _judged({"id", "code"} <= first.keys(), f"{', '.join(names)}: {', '.join(first) or 'no items'}")


def _paged(seen: Seen) -> Judged:
    size, total, number = page(seen.document)
    return _judged(tells_total(seen.document) and number == 0, f"size {size}, total {total}, number {number}")


def _links(seen: Seen) -> Judged:
    links = seen.document.get("_links")
    names = list(links) if isinstance(links, Mapping) else []
    return _judged({"self", "next"} <= set(names), ", ".join(names) or "no links")


def _pages_differ(visit: Visit) -> Judged:
    first, second = _of(visit, "competences"), _of(visit, "second page")
    if not (first.ok and second.ok and items(second.document)):
        return Verdict.UNKNOWN, str(second)
    same = [each.get("id") for each in items(first.document)] == [each.get("id") for each in items(second.document)]
    return _judged(not same, "page=0 and page=1 are the same" if same else "page=1 follows page=0")


def _empty(visit: Visit) -> Judged:
    seen = _of(visit, "beyond the last page")
    if not seen.status:
        return Verdict.UNKNOWN, str(seen)
    seen_text = f"page={BEYOND}: {seen.status}, {', '.join(seen.document)}"
    return _judged(seen.status == 200 and "_embedded" not in seen.document, seen_text)


def _sizes(visit: Visit) -> Judged:
    seen = _of(visit, "largest page")
    if not seen.ok:
        return Verdict.UNKNOWN, str(seen)
    asked = int(seen.path.rpartition("=")[2])
    size, total, _ = page(seen.document)
    return _judged(len(items(seen.document)) >= min(asked, total), f"{asked} requested, pages of {size}")


def _embeds(*keys: str) -> Callable[[Seen], Judged]:
    def judge(seen: Seen) -> Judged:
        found = embedded_in(seen.document)
        if not found:
            return Verdict.UNKNOWN, "no competences embedded"
        return _judged(all(each.get(key) is not None for each in found for key in keys), ", ".join(found[0]))

    return judge


def _error(visit: Visit) -> Judged:
    seen = _of(visit, "nothing")
    if not seen.status:
        return Verdict.UNKNOWN, str(seen)
    form = ", ".join(seen.document) or seen.headers.get("content-type", "no type")
    return _judged(seen.status == 404 and {"status", "error"} <= seen.document.keys(), f"{seen.status}: {form}")


def _header(*names: str) -> Judge:
    def judge(visit: Visit) -> Judged:
        seen = _of(visit, "competence")
        found = [f"{name}: {seen.headers[name]}" for name in names if name in seen.headers]
        return _judged(bool(found), "; ".join(found) or "none") if seen.status else (Verdict.UNKNOWN, str(seen))

    return judge


def _unchanged(visit: Visit) -> Judged:
    seen = _of(visit, "unchanged")
    return _judged(seen.status == 304, str(seen)) if seen.status else (Verdict.UNKNOWN, "no validators in responses")


def _unknowable(visit: Visit) -> Judged:
    return Verdict.UNKNOWN, "not visible in one run"


CHECKS = (
    Check("the key is accepted", _key, "every query fails with UPSTREAM_UNAUTHORIZED", needed=True),
    Check(
        "a route returns the number of the current release",
        _number,
        "several numbers: the served one is used; no number: nothing works",
        needed=True,
    ),
    Check(
        "`/releases`", _there("releases"), "`releases` lists only the current release; older releases work by number"
    ),
    Check("`/releases/current`", _there("current"), "the number is taken from another route or a search hit"),
    Check("`/releases/{release}`", _there("release"), "the publication date is taken from the list of releases"),
    Check(
        "`/releases/{release}/technicalcompetences`", _there("competences"), "releases cannot be indexed", needed=True
    ),
    Check(
        "`/releases/{release}/technicalcompetences/{uuid}`",
        _there("competence"),
        "competences are not available",
        needed=True,
    ),
    Check(
        "`/releases/{release}/technicalcompetences/{uuid}/occupationalprofiles/used`",
        _there("used"),
        "the index is used",
    ),
    Check(
        "`/releases/{release}/occupationalprofiles`",
        _there("profiles"),
        "the crawl finds profiles through competences (one call per competence), and the index is used",
    ),
    Check(
        "`/releases/{release}/occupationalprofiles/{uuid}`",
        _there("profile"),
        "profiles are not available",
        needed=True,
    ),
    Check("`/releases/{release}/softskills`", _there("soft skills"), "only soft skills of profiles are known"),
    Check("`/releases/{release}/softskills/{uuid}`", _there("soft skill"), "soft skills are read from their list"),
    Check("`/search`", _there("search"), "`search` returns NOT_INDEXED_YET until the release is indexed"),
    Check(
        "links below `current` name the numbered release",
        _linked,
        "the number is taken from elsewhere, and links are resolved in the requested release",
    ),
    Check("list items have `id` and `code`", _where("competences", _listed), "lookups by code need the index"),
    Check(
        "lists have a `page` object, with `number` counting from 0",
        _where("competences", _paged),
        "pages are read until one has no new items; numbering from 1 is detected",
    ),
    Check("the second page differs from the first", _pages_differ, "pages are assumed to be numbered from 1"),
    Check("lists link to their other pages", _where("competences", _links), "pages are requested by number anyway"),
    Check(
        "a list without items has no `_embedded`",
        _empty,
        "an empty list, null or an error beyond the last page also ends the list",
    ),
    Check(
        "pages are as large as requested",
        _sizes,
        "more calls are made; set COMPETENT_UPSTREAM_PAGE_SIZE to the size found",
    ),
    Check(
        "soft skills have their text under a known key",
        _where("soft skills", _soft_text),
        "soft skills have no description",
    ),
    Check(
        "competences have all declared fields",
        _where("competence", _fields(TECHNICAL_COMPETENCE)),
        "missing fields are null or empty",
    ),
    Check(
        "profiles have all declared fields",
        _where("profile", _fields(OCCUPATIONAL_PROFILE)),
        "missing fields are null or empty",
    ),
    Check(
        "profiles embed competences with skill and knowledge",
        _where("profile", _embeds("skill", "knowledgeItems")),
        "each competence needs its own call",
    ),
    Check("profiles embed competences with links", _where("profile", _embeds("_links")), "their known paths are used"),
    Check(
        "profiles embed competences with indicators",
        _where("profile", _embeds("behaviouralIndicators")),
        "indicators need one call per competence",
    ),
    Check(
        "documents have no unknown keys",
        _no_unknown_keys,
        "unknown keys are dropped; a newer version may serve them",
    ),
    Check(
        "errors are `{timestamp, status, error, path}` with their HTTP status",
        _error,
        "the HTTP status is used or, if it is 200, the `status` in the document",
    ),
    Check(
        "responses tell the remaining calls of the rate plan",
        _header("x-ratelimit-remaining", "x-ratelimit-limit"),
        "calls are limited by COMPETENT_UPSTREAM_RATE_LIMIT alone",
    ),
    Check(
        "responses have a validator (`ETag` or `Last-Modified`)",
        _header("etag", "last-modified"),
        "revalidation downloads the whole document",
    ),
    Check("revalidation of an unchanged document returns 304", _unchanged, "revalidation downloads the whole document"),
    Check("a numbered release does not change", _unknowable, "changes are noticed after COMPETENT_RELEASE_TTL"),
)
"""All assumptions, in the order of the report."""
