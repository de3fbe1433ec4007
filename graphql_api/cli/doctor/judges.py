"""Judges: functions that decide by the responses of a visit if an assumption about a Competent API holds."""

from collections.abc import Callable, Mapping
from enum import Enum

from graphql_api.cli.doctor.probe import (
    CANARIES,
    PAGE_BEYOND_END,
    ProbeResponse,
    Visit,
    embedded_in,
    unknown_keys,
)
from graphql_api.competent.concept_reader import first
from graphql_api.competent.declarations import CLASSIFICATIONS, OCCUPATIONAL_PROFILE, SOFT_SKILL, ConceptType
from graphql_api.competent.hal import Document, href, items, page, parse_link, release_numbers, tells_total
from graphql_api.competent.releases import CURRENT, release_order
from graphql_api.competent.values import ISCO, classifications, plain

KNOWN_RELEASE = "3.27"
"""The newest release that was known when this was written, published on 2026-06-25."""


class Verdict(Enum):
    """The result of a check."""

    HOLDS = "holds"
    DOES_NOT = "fails"
    UNKNOWN = "unknown"


Judgement = tuple[Verdict, str]
"""The verdict, and what was seen in the responses."""
Judge = Callable[[Visit], Judgement]


def _judgement(holds: bool, seen: str) -> Judgement:
    return (Verdict.HOLDS if holds else Verdict.DOES_NOT), seen


def _response(visit: Visit, name: str) -> ProbeResponse:
    return visit.get(name, ProbeResponse())


def has_document(name: str) -> Judge:
    """Judges if the path has a document."""

    def judge(visit: Visit) -> Judgement:
        seen = _response(visit, name)
        if seen.ok:
            return Verdict.HOLDS, str(seen)
        absent = seen.status in (400, 404, 405, 410) or seen.status == 200
        return (Verdict.DOES_NOT if absent else Verdict.UNKNOWN), str(seen)

    return judge


def of_document(name: str, judge: Callable[[ProbeResponse], Judgement]) -> Judge:
    """Judges a document, or returns UNKNOWN if there is none."""
    return lambda visit: judge(seen) if (seen := _response(visit, name)).ok else (Verdict.UNKNOWN, str(seen))


def key_is_accepted(visit: Visit) -> Judgement:
    refused = [seen for seen in visit.values() if seen.status in (401, 403)]
    accepted = [seen for seen in visit.values() if seen.status == 200]
    if not refused and not accepted:
        return Verdict.UNKNOWN, "no route responded; check the address"
    if accepted and all(seen.status == 403 for seen in refused):
        return Verdict.HOLDS, ", but not ".join(map(str, (accepted[0], *refused)))
    return _judgement(False, str(refused[0]))


def has_release_number(visit: Visit) -> Judgement:
    if not any(seen.status == 200 for seen in visit.values()):
        return Verdict.UNKNOWN, "no route responded"
    numbers_by_name = {
        name: release_numbers(_response(visit, name).document) for name in ("current", "soft skills", "competence")
    }
    numbers_seen = {number for numbers in numbers_by_name.values() for number in numbers}
    return _judgement(
        len(numbers_seen) == 1, ", ".join(sorted(numbers_seen, key=release_order)) or "no release number found"
    )


def is_recent(visit: Visit) -> Judgement:
    """Judges if the current release is not older than the newest one that was known when this was written."""
    number = current_number(visit)
    if number is None:
        return Verdict.UNKNOWN, "no release number found"
    if source := _source(visit):
        return Verdict.UNKNOWN, f"{number}, {source}"
    return _judgement(release_order(number) >= release_order(KNOWN_RELEASE), number)


def current_number(visit: Visit) -> str | None:
    """The number of the current release, from the first response that names one."""
    documents = (_response(visit, name).document for name in ("current", "soft skills", "competence", "releases"))
    return next((number for document in documents for number in release_numbers(document)), None)


def _source(visit: Visit) -> str:
    """Where the data is from, if the release says that it is not VDAB's."""
    return plain(_response(visit, "current").document.get("source")) or ""


def has_canaries(visit: Visit) -> Judgement:
    """Judges if the profiles that are known to be public have their ISCO codes."""
    responses = {canary: seen for canary in CANARIES if (seen := visit.get(canary.name)) is not None}
    if not responses:
        return Verdict.UNKNOWN, "requested only from a remote API"
    codes = {canary: _isco_codes(seen.document) if seen.ok else [] for canary, seen in responses.items()}
    seen_text = "; ".join(
        f"{canary.name}: {', '.join(codes[canary]) or responses[canary].outcome}" for canary in responses
    )
    if all(set(canary.isco) <= set(codes[canary]) for canary in responses):
        return Verdict.HOLDS, seen_text
    is_vdab = not _source(visit) and all(seen.ok or seen.status == 404 for seen in responses.values())
    return (Verdict.DOES_NOT if is_vdab else Verdict.UNKNOWN), seen_text


def _isco_codes(profile: Document) -> list[str]:
    declared = next(field for field in OCCUPATIONAL_PROFILE.fields if field.value == CLASSIFICATIONS)
    rows = classifications(first(profile, declared.hal_keys))
    return [row["code"] for row in rows if row["scheme"] == ISCO]


def serves_no_other_taxonomy(visit: Visit) -> Judgement:
    """Judges if soft skills of another taxonomy are absent from the base itself."""
    seen = _response(visit, "other soft skills")
    if not seen.status:
        return Verdict.UNKNOWN, str(seen)
    if not seen.ok:
        return _judgement(seen.status in (404, 405, 410), str(seen))
    but = "" if current_number(visit) else ", and no release: this is not the base of Competent"
    return Verdict.DOES_NOT, f"{seen}, the reference data of Competent 1{but}"


def links_name_release(visit: Visit) -> Judgement:
    seen = _response(visit, "competence")
    if not seen.ok:
        return Verdict.UNKNOWN, str(seen)
    link = parse_link(href(seen.document, "self"))
    return _judgement(
        link is not None and link.release != CURRENT, f"the self link names {link.release if link else 'nothing'}"
    )


def has_fields(type: ConceptType) -> Callable[[ProbeResponse], Judgement]:
    """Judges if the document has all declared fields of a type."""

    def judge(seen: ProbeResponse) -> Judgement:
        missing = [field.hal_keys[0] for field in type.fields if seen.document.keys().isdisjoint(field.hal_keys)]
        return _judgement(not missing, f"without {', '.join(missing)}" if missing else ", ".join(seen.document))

    return judge


def soft_skills_have_text(seen: ProbeResponse) -> Judgement:
    keys = next(field.hal_keys for field in SOFT_SKILL.fields if field.search)
    found_keys = {key for item in items(seen.document) for key in keys if item.get(key)}
    return _judgement(bool(found_keys), ", ".join(sorted(found_keys)) or "no text")


def has_no_unknown_keys(visit: Visit) -> Judgement:
    if not any(seen.ok for seen in visit.values()):
        return Verdict.UNKNOWN, "no route answered"
    unknown = unknown_keys(visit)
    return _judgement(not unknown, ", ".join(unknown) or "none")


def items_have_ids(seen: ProbeResponse) -> Judgement:
    embedded = seen.document.get("_embedded")
    names = list(embedded) if isinstance(embedded, Mapping) else [type(embedded).__name__]
    first = next(iter(items(seen.document)), {})
    return _judgement({"id", "code"} <= first.keys(), f"{', '.join(names)}: {', '.join(first) or 'no items'}")


def has_page_object(seen: ProbeResponse) -> Judgement:
    size, total, number = page(seen.document)
    return _judgement(tells_total(seen.document) and number == 0, f"size {size}, total {total}, number {number}")


def links_other_pages(seen: ProbeResponse) -> Judgement:
    links = seen.document.get("_links")
    names = list(links) if isinstance(links, Mapping) else []
    return _judgement({"self", "next"} <= set(names), ", ".join(names) or "no links")


def pages_differ(visit: Visit) -> Judgement:
    first, second = _response(visit, "competences"), _response(visit, "second page")
    if not (first.ok and second.ok and items(second.document)):
        return Verdict.UNKNOWN, str(second)
    same = [item.get("id") for item in items(first.document)] == [item.get("id") for item in items(second.document)]
    return _judgement(not same, "page=0 and page=1 are the same" if same else "page=1 follows page=0")


def empty_list_has_no_embedded(visit: Visit) -> Judgement:
    seen = _response(visit, "beyond the last page")
    if not seen.status:
        return Verdict.UNKNOWN, str(seen)
    seen_text = f"page={PAGE_BEYOND_END}: {seen.status}, {', '.join(seen.document)}"
    return _judgement(seen.status == 200 and "_embedded" not in seen.document, seen_text)


def pages_are_as_large_as_requested(visit: Visit) -> Judgement:
    seen = _response(visit, "largest page")
    if not seen.ok:
        return Verdict.UNKNOWN, str(seen)
    requested = int(seen.path.rpartition("=")[2])
    size, total, _ = page(seen.document)
    return _judgement(len(items(seen.document)) >= min(requested, total), f"{requested} requested, pages of {size}")


def embeds_competences_with(*keys: str) -> Callable[[ProbeResponse], Judgement]:
    def judge(seen: ProbeResponse) -> Judgement:
        competences = embedded_in(seen.document)
        if not competences:
            return Verdict.UNKNOWN, "no competences embedded"
        return _judgement(
            all(competence.get(key) is not None for competence in competences for key in keys),
            ", ".join(competences[0]),
        )

    return judge


def has_error_object(visit: Visit) -> Judgement:
    seen = _response(visit, "nothing")
    if not seen.status:
        return Verdict.UNKNOWN, str(seen)
    form = ", ".join(seen.document) or seen.headers.get("content-type", "no type")
    return _judgement(seen.status == 404 and {"status", "error"} <= seen.document.keys(), f"{seen.status}: {form}")


def has_header(*names: str) -> Judge:
    def judge(visit: Visit) -> Judgement:
        seen = _response(visit, "competence")
        headers = [f"{name}: {seen.headers[name]}" for name in names if name in seen.headers]
        return _judgement(bool(headers), "; ".join(headers) or "none") if seen.status else (Verdict.UNKNOWN, str(seen))

    return judge


def revalidates(visit: Visit) -> Judgement:
    seen = _response(visit, "unchanged")
    return _judgement(seen.status == 304, str(seen)) if seen.status else (Verdict.UNKNOWN, "no validators in responses")


def not_visible(visit: Visit) -> Judgement:
    return Verdict.UNKNOWN, "not visible in one run"
