"""What a field or a selection of a compiled query depends on."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a field or a selection asks for, and what else its value depends on."""

    digest: bytes
    variables: frozenset[str]
    speaks: bool
    """Whether it depends on the languages of the request."""
    weight: int
    """About how many values it makes."""
    works: bool = False
    """Whether a resolver does more than read a value (`schema/types/resolver_cost.py`)."""

    @classmethod
    def of(
        cls,
        text: str,
        below: Sequence["Asked"],
        variables: frozenset[str],
        speaks: bool,
        weight: int,
        works: bool = False,
    ) -> "Asked":
        """What is asked by something that stands in the document as `text`, with what it has below."""
        digest = blake2b(b"\0".join([text.encode(), *(each.digest for each in below)]), digest_size=16).digest()
        variables = variables.union(*(each.variables for each in below))
        works = works or any(each.works for each in below)
        return cls(digest, variables, speaks or any(each.speaks for each in below), weight, works)
