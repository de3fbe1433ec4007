"""What changed in an occupation since the indexed release before, for its page."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql_api.competent.hal import Document
from graphql_api.execution.operations import Executed
from graphql_api.http.pages.explorer.visit import Visit

_LISTS = ("essentialCompetences", "optionalCompetences")


@dataclass(frozen=True, slots=True)
class LastChange:
    """The differences from release `since`; `added` and `removed` are competences."""

    since: str
    is_new: bool
    fields: list[str]
    added: list[Document]
    removed: list[Document]


async def last_change(visit: Visit, number: str, profile: Document) -> LastChange | None:
    """What changed in a profile of release `number`; None if no earlier release is indexed."""
    history = profile["history"] or []
    numbers = [presence["release"]["number"] for presence in history]
    position = numbers.index(number) if number in numbers else 0
    if not position:
        return None
    since, fields = numbers[position - 1], history[position]["changedFields"]
    before: Document = {}
    if any(name in fields for name in _LISTS):
        before = await _profile_before(visit, since, profile["uuid"])
    was, now = _competences(before), _competences(profile)
    return LastChange(
        since,
        not history[position - 1]["exists"],
        fields,
        [competence for uuid, competence in now.items() if before and uuid not in was],
        [competence for uuid, competence in was.items() if uuid not in now],
    )


async def _profile_before(visit: Visit, since: str, uuid: str) -> Document:
    """The competences that a profile had; empty if they cannot be loaded."""
    operation, result = visit.operation, visit.result
    release = await visit.ask("occupation_before", {"release": since, "uuid": uuid})
    profile: Document = release.get("occupationalProfile") or {}
    # The page is made of both, and is cached by its data.
    visit.restore(operation, Executed({**(result.data or {}), "before": profile}, result.errors))
    return profile


def _competences(profile: Document) -> Mapping[str, Document]:
    return {competence["uuid"]: competence for name in _LISTS for competence in profile.get(name) or ()}
