"""References to concepts in arguments: by global id, by uuid or by code."""

from collections.abc import Mapping
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types import get_object_definition
from strawberry.types.arguments import InputContext

from graphql_api.competent.declarations import concept_type
from graphql_api.errors import BadUserInput, InvalidReference
from graphql_api.schema.types.global_id import NodeId, shown

Target = NodeId | UUID | str
"""What a reference refers to: the parts of a global id, a uuid, or a code in capitals."""


@strawberry.input(
    one_of=True, description="A concept, by exactly one of its global id, its uuid and its code, such as `OP-101`."
)
class ConceptRef:
    """A reference to a concept of any type."""

    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="A global id. If it is of another release, the concept is looked up by its uuid, and then by its code if "
        "its title or text is similar.",
    )
    uuid: UUID | None = strawberry.field(default=strawberry.UNSET, description="Competent's own id.")
    code: str | None = strawberry.field(
        default=strawberry.UNSET, description="Competent's code, such as `CP-7`; upper or lower case."
    )


def _from_input(ref: type[ConceptRef], fields: Mapping[str, Any], context: InputContext) -> ConceptRef:
    return ref(**fields)


# Strawberry's own conversion resolves the types of all fields each time: 15 ms for 500 references, with this 2.5 ms.
get_object_definition(ConceptRef, strict=True).from_input = _from_input


@strawberry.enum(description="By what a concept of another release was found.")
class TranslatedBy(Enum):
    """The evidence that two ids are of the same concept."""

    UUID = strawberry.enum_value("UUID", description="The same uuid.")
    CODE = strawberry.enum_value("CODE", description="The same code, and an alike title or text.")


@strawberry.type(description="An id of another release in an argument, and the id that was used instead.")
class TranslatedId:
    """An item of `translated`."""

    from_: strawberry.ID = strawberry.field(name="from", description="The id in the argument.")
    to: strawberry.ID = strawberry.field(description="The id of the concept in the release of the result.")
    by: TranslatedBy = strawberry.field(description="By what the concept was found.")


def as_code(text: str) -> str:
    """Returns a code as Competent writes it: in capitals, without white space around it."""
    return text.strip().upper()


def target_of(entry: str, ref: ConceptRef) -> Target:
    """Returns what a reference refers to; raises InvalidReference, which names the entry, if that cannot be a concept."""
    match ref:
        case ConceptRef(uuid=UUID() as uuid):
            return uuid
        case ConceptRef(code=str() as code):
            return as_code(code)
    try:
        node_id = NodeId.parse(ref.id or "")
        _ = node_id.uuid and concept_type(node_id.type_name)
    except BadUserInput as error:
        raise InvalidReference(f"`{entry}`: {error}", entry) from None
    except KeyError:
        raise InvalidReference(f"`{entry}`: {shown(str(node_id))} is not an id of this server.", entry) from None
    if node_id.uuid is None:
        raise InvalidReference(f"`{entry}` is the id of a release; it must be the id of a concept.", entry)
    return node_id
