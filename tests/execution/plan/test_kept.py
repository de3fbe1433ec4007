"""Parts of answers that are kept encoded: within bounds, as long as their documents are there and fresh."""

import math
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from graphql.execution.values import VariableValues

from graphql_api.execution.plan import Given, Run, steps
from graphql_api.execution.plan.kept import ENTRY_BYTES, KeptParts, Part, encoded
from graphql_api.execution.plan.plan import Asked
from graphql_api.schema.dependencies import Dependencies
from graphql_api.schema.time_slices import RoundRobin, TimeSlice
from graphql_api.schema.types.text import Language


def part(value: object, *names: str, until: float = math.inf) -> Part:
    return encoded(value, Dependencies(dict.fromkeys(names), (), until, False), None)


def test_a_part_is_found_by_its_key_until_one_of_its_documents_is_not_fresh() -> None:
    kept = KeptParts(10_000)
    kept.put("key", part({"a": 1}, "/x", until=100.0))

    assert kept.get("key", 99.9) is not None
    assert kept.get("key", 100.0) is None
    assert len(kept) == 0


def test_a_part_goes_with_any_of_its_documents() -> None:
    kept = KeptParts(100_000)
    kept.put("both", part(1, "/x", "/y"))
    kept.put("one", part(2, "/y"))
    kept.put("other", part(3, "/z"))

    kept.drop("/x")
    assert [kept.get(key, 0.0) is not None for key in ("both", "one", "other")] == [False, True, True]
    kept.drop("/y")
    kept.drop("/unknown")
    assert [kept.get(key, 0.0) is not None for key in ("both", "one", "other")] == [False, False, True]
    kept.drop("/z")
    assert (len(kept), kept.bytes) == (0, 0)


def test_the_least_recently_used_go_first_when_there_is_no_room() -> None:
    size = part("a" * 100, "/x").size
    kept = KeptParts(10 * size)
    for number in range(10):
        kept.put(number, part("a" * 100, f"/{number}"))
    kept.get(0, 0.0)
    kept.put(10, part("a" * 100, "/10"))

    assert kept.get(0, 0.0) is not None
    assert kept.get(1, 0.0) is None
    assert kept.bytes <= 10 * size


def test_what_would_push_out_much_of_the_rest_is_not_kept() -> None:
    kept = KeptParts(8 * (ENTRY_BYTES + 200))
    kept.put("large", part("a" * 1000, "/x"))

    assert (len(kept), kept.bytes) == (0, 0)


def test_a_part_that_is_put_again_takes_the_place_of_the_first() -> None:
    kept = KeptParts(10_000)
    kept.put("key", part(1, "/x"))
    kept.put("key", part(2, "/y"))
    kept.drop("/x")

    found = kept.get("key", 0.0)
    assert found is not None
    assert found.read.by_name == {"/y": None}


class Loads:
    """Loaders of which all that is ever made was made of one document."""

    def __init__(self) -> None:
        self.read = Dependencies({"/x": object()}, (), math.inf, False)
        self.reread_: list[Dependencies] = []

    def now(self) -> float:
        return 0.0

    def begin_tracking(self) -> int:
        return 0

    def dependencies_since(self, position: int) -> Dependencies:
        return self.read

    def replay_dependencies(self, read: Dependencies) -> None:
        self.reread_.append(read)


class Way:
    """A way into a release: a field of the query, or of a release, that takes a code."""

    def __init__(self, speaks: bool = False) -> None:
        self.kept, self.loads, self.called = KeptParts(100_000), Loads(), 0
        asked = Asked.of("way(code: $code)", (), frozenset({"code"}), speaks, 1)
        resolver = SimpleNamespace(wrapped_func=self._resolved, self_parameter=None, info_parameter=None)
        self._step = steps.resolved_and_kept(
            cast(Any, resolver), lambda values: {"code": values.coerced["code"]}, steps.optional(steps.text), asked
        )

    def _resolved(self, code: str) -> str:
        self.called += 1
        return code * 2

    def ask(self, code: str, languages: tuple[Language, ...] = (), release: str = "") -> Any:
        context = SimpleNamespace(loaders=self.loads, languages=languages)
        run = Run(context, Given({}, VariableValues({}, {"code": code})), self.kept, TimeSlice(RoundRobin()))
        return orjson.loads(orjson.dumps(self._step(SimpleNamespace(number=release), run)))


def test_a_way_into_a_release_is_found_without_its_resolver() -> None:
    way = Way()

    assert [way.ask("a"), way.ask("a")] == ["aa", "aa"]
    assert way.called == 1
    assert way.loads.reread_ == [way.loads.read]


def test_it_is_resolved_anew_for_other_arguments_and_other_releases() -> None:
    way = Way()

    assert [way.ask("a"), way.ask("b"), way.ask("a", release="3.11"), way.ask("a", release="3.10")] == [
        "aa",
        "bb",
        "aa",
        "aa",
    ]
    assert way.called == 4


@pytest.mark.parametrize(("speaks", "called"), [(False, 1), (True, 2)])
def test_it_is_resolved_anew_for_other_languages_where_it_depends_on_them(speaks: bool, called: int) -> None:
    way = Way(speaks)

    way.ask("a", (Language.NL,))
    way.ask("a", (Language.FR,))
    assert way.called == called


def test_it_is_resolved_anew_once_a_document_is_another_one() -> None:
    way = Way()

    way.ask("a")
    way.kept.drop("/x")
    way.ask("a")
    assert way.called == 2
