"""The differences between two releases, with the concepts before and after as GraphQL objects."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated

import strawberry

from graphql_api.competent.declarations import Length
from graphql_api.index.diff import Change
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concepts
from graphql_api.schema.types.concept_type import ConceptType, declared
from graphql_api.schema.types.relay import After, Connection, ConnectionArguments, First
from graphql_api.schema.types.resolver_cost import Work


@strawberry.enum(description="What happened to a concept between two releases.")
class ChangeKind(Enum):
    """GraphQL enum of the kinds of changes that an index reports."""

    ADDED = strawberry.enum_value("ADDED", description="The concept is new.")
    REMOVED = strawberry.enum_value("REMOVED", description="The concept is gone.")
    CHANGED = strawberry.enum_value(
        "CHANGED", description="The concept is in both releases, and some of its fields differ."
    )
    CODE_MOVED = strawberry.enum_value(
        "CODE_MOVED",
        description="A code names another concept now: `before` had it, `after` has it. What happened to each of the two is "
        "listed as well.",
    )


@strawberry.type(description="A concept that differs between two releases.")
class ConceptChange:
    """A change of one concept; concepts are matched by uuid, the remaining ones by code."""

    change: ChangeKind = strawberry.field(name="kind", description="What happened.")
    type: ConceptType = strawberry.field(description="The type of the concept.")
    before: Concept | None = strawberry.field(description="The concept in the earlier release; null if it was added.")
    after: Concept | None = strawberry.field(description="The concept in this release; null if it was removed.")
    changed_fields: list[str] = strawberry.field(
        description="Names of the fields that differ; texts with their language, as `title.nl`; `uuid` if the concept got "
        "another uuid. Empty for added and removed concepts.",
        metadata={"length": Length(2, 20)},
    )


Since = Annotated[str, strawberry.argument(description="The number of the release to compare with.")]
Types = Annotated[
    list[ConceptType] | None, strawberry.argument(description="Types of concepts to return; all if omitted.")
]
Kinds = Annotated[
    list[ChangeKind] | None, strawberry.argument(description="Kinds of changes to return; all if omitted.")
]


CHANGES_WORK = Work(base=20_500, item=3)
"""Comparing two releases (0.2 seconds of CPU, then cached for all clients), and selecting among all changes (500)."""


async def changes_since(
    loaders: Loaders,
    number: str,
    since: Since,
    types: Types = None,
    kinds: Kinds = None,
    first: First = None,
    after: After = None,
) -> Connection[ConceptChange] | None:
    """Returns a page of the changes from release `since` to release `number`."""
    old = await loaders.release_number(since)
    paging = ConnectionArguments(first, after)
    changes = await _changes(loaders, old, number, types, kinds)
    arguments = [None if members is None else sorted(member.name for member in members) for members in (types, kinds)]
    window = paging.window(f"changes {old} {number} {arguments}", len(changes))
    page = changes[window.start : window.stop]
    return Connection(window=window, items=await _concept_changes(loaders, old, number, page))


async def _changes(
    loaders: Loaders, old: str, new: str, types: list[ConceptType] | None, kinds: list[ChangeKind] | None
) -> Sequence[Change]:
    before, after = await loaders.index(old), await loaders.index(new)
    return await after.changes_since(
        before, declared(types), None if kinds is None else {member.name for member in kinds}
    )


async def _concept_changes(loaders: Loaders, old: str, new: str, changes: Sequence[Change]) -> list[ConceptChange]:
    befores = await concepts(loaders, old, (change.before for change in changes if change.before is not None))
    afters = await concepts(loaders, new, (change.after for change in changes if change.after is not None))
    before, after = iter(befores), iter(afters)
    return [
        ConceptChange(
            change=ChangeKind[change.change],
            type=ConceptType(change.type.name),
            before=None if change.before is None else next(before),
            after=None if change.after is None else next(after),
            changed_fields=list(change.fields),
        )
        for change in changes
    ]
