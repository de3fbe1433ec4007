"""Queries have the same responses whichever assumption about the upstream is wrong, except for losses that are reported.

Each mutation of the sandbox alone, and with each other one.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest

from graphql_api.execution.operations import Request, decoded
from graphql_api.sandbox import Releases
from tests.conftest import CP_7
from tests.variants.answers import RELEASES, Leaves, World, differences
from tests.variants.changes import each_object, flat
from tests.variants.mutated_sandbox import Mutation
from tests.variants.mutations import MUTATIONS, TOGETHER
from tests.variants.operations import IN_PAIRS
from tests.variants.small_releases import small_releases

PAIRED = [mutation for mutation in MUTATIONS if mutation.paired]
_WORLDS: list[World] = []


@pytest.fixture(scope="module")
def small() -> Iterator[Releases]:
    with closing(small_releases()) as opened:
        yield opened


@pytest.fixture
async def world(tmp_path_factory: pytest.TempPathFactory, small: Releases) -> World:
    """Made once per process; each variant gets new objects for whatever is bound to an event loop."""
    if not _WORLDS:
        made = World(tmp_path_factory.mktemp("variants"), small)
        await made.prepare()
        _WORLDS.append(made)
    return _WORLDS[0]


def without_items(tables: Leaves, *releases: str) -> Leaves:
    """The rows without the received documents, whose values are compared in the responses."""
    selected = releases or RELEASES
    return {path: value for path, value in tables.items() if path[-1] != "item" and path[0] in selected}


def unexpected_losses(lost: set[tuple[object, ...]], loses: frozenset[str]) -> set[tuple[object, ...]]:
    return {path for path in lost if loses.isdisjoint(path)}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda item: item.name)
async def test_a_mutation_alone_loses_only_the_declared_fields(world: World, mutation: Mutation) -> None:
    async with world.services([mutation]) as services:
        rows = await world.crawl(services, *RELEASES)
    async with world.services([mutation], rows) as services:
        lost = world.lost(await world.ask(services, [mutation], *world.queries))
    lost |= differences(without_items(world.tables), without_items(rows))

    assert unexpected_losses(lost, mutation.loses) == set()
    assert {name for name in mutation.loses if not any(name in path for path in lost)} == set()


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda item: item.name)
async def test_without_an_index_fields_that_need_one_are_errors(world: World, mutation: Mutation) -> None:
    async with world.services([mutation], index="off") as services:
        answers = await world.ask(services, [mutation], IN_PAIRS)

    unindexed = {path for path, value in answers[IN_PAIRS].items() if value == "NOT_INDEXED_YET"}
    lost = {path[1:] for path in unexpected_losses(world.lost(answers), mutation.loses)}
    assert {path for path in lost if not any(path[: len(item)] == item for item in unindexed)} == set()


@pytest.mark.slow
@pytest.mark.parametrize("first", PAIRED, ids=lambda item: item.name)
async def test_two_mutations_lose_only_the_declared_fields(world: World, first: Mutation) -> None:
    for second in PAIRED[PAIRED.index(first) + 1 :]:
        loses = first.loses | second.loses | TOGETHER.get(frozenset({first.name, second.name}), frozenset())
        async with world.services([first, second]) as services:
            rows = without_items(await world.crawl(services, RELEASES[0]))
        async with world.services([first, second], rows) as services:
            lost = world.lost(await world.ask(services, [first, second], IN_PAIRS))
        lost |= differences(without_items(world.tables, RELEASES[0]), rows)
        assert unexpected_losses(lost, loses) == set(), second.name


FLAT = Mutation("flat competences", each_object(lambda d: flat(d) if "skill" in d else None))
CALLED = """query ($text: String!) { technicalCompetence(code: "CP-7") { uuid skill { uuid description { nl } } knowledgeItems { code } }
    search(text: $text, types: [TECHNICAL_COMPETENCE, SKILL], first: 1) { nodes { uuid } }
    occupationalProfiles { nodes { essentialCompetences { code skill { description { nl } } } } } }"""


@pytest.mark.slow
async def test_flat_competences_have_the_text_of_their_skill(world: World) -> None:
    _, cp_7 = await world.original.answer(f"/releases/3.11/technicalcompetences/{CP_7}")
    text = cp_7["skill"]["description"]["nl"]

    async with world.services([FLAT], {("flat",): 1}) as services:
        data = decoded(await world.engine(services).execute(Request(CALLED, {"text": text}))).data or {}

    skill = {"uuid": CP_7, "description": {"nl": text}}
    assert data["technicalCompetence"] == {"uuid": CP_7, "skill": skill, "knowledgeItems": []}
    assert data["search"]["nodes"][0]["uuid"] == CP_7
    profiles = data["occupationalProfiles"]["nodes"]
    competences = [competence for profile in profiles for competence in profile["essentialCompetences"]]
    assert competences
    assert all(competence["skill"]["description"]["nl"] for competence in competences)
