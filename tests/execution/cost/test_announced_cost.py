"""The work of an operation never exceeds its estimated cost, for everything that the schema allows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from graphql import get_named_type, get_nullable_type, is_list_type

from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.execution.cost.analyzer import work_of
from graphql_api.execution.cost.expression import quantity
from graphql_api.execution.schema import build_schema
from graphql_api.index.tokenizer import MAX_TEXT_CHARS
from graphql_api.sandbox import Releases, workbook_releases
from graphql_api.schema.types.global_id import NodeId
from graphql_api.schema.types.resolver_cost import NO_WORK
from graphql_api.settings import Settings
from tests.conftest import Server, running
from tests.execution.compiled.argument_values import SampleValues
from tests.execution.compiled.operations import Shapes, numbered
from tests.execution.compiled.two_servers import ClientRequest
from tests.index.test_search_real import WORKBOOKS, needs_data
from tests.work_counter import Work, count_work, measure_work, values_in

pytestmark = pytest.mark.slow

SCHEMA = build_schema().core_schema
COMPARISONS = ("concepts", "competenceGap", "profilesForCompetences", "careerPaths")
COMMON = ("de", "des", "en", "het", "operations", "ver", "e", "van veiligheid", "a b c d e f g h i j k l m n o p")


@pytest.fixture
async def counting_server(
    releases: Releases, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Server, Work]]:
    """A server without compiled queries, whose caches would hide work, and the counter of its work."""
    work = count_work(monkeypatch)
    async with running(releases, replace(settings, compiled_queries="off", operation_calls=10_000)) as server:
        for release in ("3.10", "3.11"):
            await server.app.state.services.indexes.ready(release)
        await server.app.state.services.indexes.timelines.get()  # once per process, and charged to no operation
        yield server, work


async def sample_values(server: Server) -> SampleValues:
    async def ask(request: ClientRequest) -> Any:
        response = await server.client.post("/graphql", json={"query": request.query, "variables": request.variables})
        return SimpleNamespace(body=response.content)

    return await SampleValues.of(cast(Any, SimpleNamespace(ask=ask)))


async def test_generated_operations_stay_within_their_announced_cost(counting_server: tuple[Server, Work]) -> None:
    server, work = counting_server
    shapes, samples = Shapes(SCHEMA), await sample_values(server)
    answered = index_operations = 0

    for number in range(150):
        request = numbered(shapes, samples, number)
        cost, _ = await measure_work(server, work, request.query, request.variables, request.name)
        if cost is not None:
            assert work.units <= cost, (work, cost, request.query, request.variables)
            answered += work.values > 0
            index_operations += work.index_queries > 0

    assert answered > 90
    assert index_operations > 15


async def test_lists_cost_the_same_as_literals_and_as_variables(counting_server: tuple[Server, Work]) -> None:
    server, work = counting_server
    ids = (await sample_values(server)).any_ids()
    literals = ", ".join(f'"{item}"' for item in ids)

    literal, _ = await measure_work(server, work, f"{{ nodes(ids: [{literals}]) {{ id }} }}")
    assert work.ids == len(ids)
    variable, _ = await measure_work(server, work, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert work.ids == len(ids)
    nested, _ = await measure_work(
        server,
        work,
        f"query ({', '.join(f'$i{n}: ID!' for n in range(len(ids)))}) {{ nodes(ids: [{', '.join(f'$i{n}' for n in range(len(ids)))}]) {{ id }} }}",
        {f"i{n}": item for n, item in enumerate(ids)},
    )

    assert literal == variable == nested == 1 + 3 * len(ids)


async def test_every_alias_counts_with_its_list(counting_server: tuple[Server, Work]) -> None:
    server, work = counting_server
    have = [{"id": id} for id in (await sample_values(server)).ids["TechnicalCompetence"]]
    field = "profilesForCompetences(have: $have, first: 3) { totalCount nodes { coverage } }"
    aliases = " ".join(f"a{n}: {field}" for n in range(5))

    one, _ = await measure_work(server, work, f"query ($have: [ConceptRef!]!) {{ {field} }}", {"have": have})
    five, errors = await measure_work(server, work, f"query ($have: [ConceptRef!]!) {{ {aliases} }}", {"have": have})

    assert errors == []
    assert five == 5 * one >= 5 * len(have)
    assert work.ids == 5 * len(have)
    assert work.units <= five


async def test_hundreds_of_ids_under_many_aliases_are_refused(server: Server) -> None:
    ids = ["U2tpbGw6My4xMTowMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDA"] * 500
    refs = [{"id": id} for id in ids]
    fields = {
        "nodes(ids: $ids) { id }": ("[ID!]!", ids),
        "concepts(refs: $ids) { id }": ("[ConceptRef!]!", refs),
        "profilesForCompetences(have: $ids) { totalCount }": ("[ConceptRef!]!", refs),
    }
    for field, (type_name, values) in fields.items():
        query = " ".join(f"a{n}: {field}" for n in range(45))

        assert await server.codes(f"query ($ids: {type_name}) {{ {query} }}", {"ids": values}) == ["QUERY_TOO_COMPLEX"]


async def test_many_searches_in_one_operation_are_refused(server: Server) -> None:
    query = " ".join(f'a{n}: search(text: "de{n}") {{ totalCount }}' for n in range(45))

    assert await server.codes(f"{{ {query} }}") == ["QUERY_TOO_COMPLEX"]


async def test_words_of_a_search_count_as_literals_and_as_variables(counting_server: tuple[Server, Work]) -> None:
    server, work = counting_server
    one, _ = await measure_work(server, work, '{ search(text: "lasser") { totalCount } }')
    three, _ = await measure_work(server, work, '{ search(text: "ik ben lasser") { totalCount } }')
    sent, _ = await measure_work(
        server, work, "query ($t: String!) { search(text: $t) { totalCount } }", {"t": "ik ben lasser"}
    )
    in_filter = "query ($f: OccupationalProfileFilter) { occupationalProfiles(filter: $f) { totalCount } }"
    filtered, _ = await measure_work(server, work, in_filter, {"f": {"text": "ik ben lasser"}})
    plain, _ = await measure_work(server, work, in_filter, {"f": None})

    assert three == sent == one + 2 * 310
    assert filtered - plain == 250 + 1900 + 3 * 310


def test_every_list_in_an_input_object_has_a_cost() -> None:
    """Lists in arguments count an item each; one inside of an input object has to be declared with each field that takes it."""
    lists = set()
    for type_name in ("Query", "Release"):
        for name, field in cast(Any, SCHEMA.type_map[type_name]).fields.items():
            for argument, item in field.args.items():
                for inner, value in getattr(get_named_type(item.type), "fields", {}).items():
                    if is_list_type(get_nullable_type(value.type)):
                        lists.add(f"{name}.{argument}.{inner}")
                        declared = {(per.argument, per.quantity) for per in work_of(field).arguments}
                        assert (f"{argument}.{inner}", "item") in declared, (type_name, name)

    assert "occupationalProfiles.filter.sectors" in lists


def test_every_index_query_has_a_weight() -> None:
    request = {
        "Query": ("search", "suggest", *COMPARISONS, "occupationalProfiles"),
        "Release": ("search", "suggest", *COMPARISONS, "changes", "occupationalProfiles", "translationCoverage"),
        "OccupationalProfile": ("similarProfiles",),
        **dict.fromkeys(
            ("Skill", "Knowledge", "BehaviouralIndicator", "SoftSkill", "DigitalSkill"),
            ("usedInOccupationalProfiles", "usedInTechnicalCompetences"),
        ),
    }
    for type_name, names in request.items():
        fields = cast(Any, SCHEMA.type_map[type_name]).fields
        for name in names:
            assert work_of(fields[name]) != NO_WORK, (type_name, name)


# At real size, on the arguments for which each query does most.


@pytest.fixture(scope="module")
def real_releases(tmp_path_factory: pytest.TempPathFactory) -> Any:
    releases = workbook_releases(WORKBOOKS.values(), tmp_path_factory.mktemp("workbooks"))
    yield releases
    releases.close()


@pytest.fixture
async def real_server(
    real_releases: Releases, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Server, Work]]:
    work = count_work(monkeypatch)
    changed = replace(
        settings, compiled_queries="off", cache_dir=tmp_path, data=tuple(WORKBOOKS.values()), operation_calls=10_000
    )
    async with running(real_releases, changed) as server:
        for release in WORKBOOKS:
            await server.app.state.services.indexes.ready(release)
        yield server, work


_GROUPS = "technicalCompetences { code } skills { code } knowledgeItems { code } behaviouralIndicators { code } softSkills { code } digitalSkills { code }"


@needs_data
@pytest.mark.real
@pytest.mark.xdist_group("work at real size")
async def test_at_real_size_no_index_query_exceeds_its_announced_cost(real_server: tuple[Server, Work]) -> None:
    server, work = real_server
    index = server.app.state.services.indexes.get_cached("3.27")

    def ids_by_use(connection: Any, kinds: str, order: str) -> list[str]:
        names = {type.number: type.name for type in CONCEPT_TYPES}
        of = "profile" if kinds == "1" else "member"
        rows = connection.execute(
            f"SELECT concept_type, uuid FROM (SELECT {of} AS n, count(*) AS uses FROM profile_member GROUP BY {of}) AS used"
            f" JOIN concept USING (n) WHERE concept_type IN ({kinds}) ORDER BY uses {order} LIMIT 500"
        )
        return [str(NodeId(names[concept_type], "3.27", UUID(uuid))) for concept_type, uuid in rows]

    def profiles_without_common_competences(connection: Any) -> list[str]:
        rows = connection.execute(
            "SELECT uuid FROM concept WHERE concept_type = 1 AND NOT EXISTS (SELECT * FROM profile_member AS own"
            " JOIN profile_member AS other USING (member) WHERE own.profile = n AND own.concept_type = 2 AND other.profile <> n)"
        )
        return [str(NodeId("OccupationalProfile", "3.27", UUID(uuid))) for (uuid,) in rows]

    largest = await index.query(ids_by_use, "1", "DESC")
    have = {
        "most used": await index.query(ids_by_use, "2, 3, 4, 5, 6, 7", "DESC"),
        "competences": await index.query(ids_by_use, "2", "DESC"),
        "soft": await index.query(ids_by_use, "6", "DESC"),
        "indicators": await index.query(ids_by_use, "5", "DESC"),
        "digital": await index.query(ids_by_use, "7", "DESC"),
    }
    apart = await index.query(profiles_without_common_competences)
    operations: list[tuple[str, dict[str, Any]]] = []
    for ids in have.values():
        elsewhere = [str(NodeId.parse(id)._replace(release="3.26")) for id in ids]
        unknown = [str(NodeId.parse(id)._replace(release="3.26", uuid=uuid4())) for id in ids]
        for refs in (
            [{"id": id} for id in ids],
            [{"id": id} for id in elsewhere],
            [{"id": id} for id in unknown],
            [{"uuid": str(NodeId.parse(id).uuid)} for id in ids],
            [{"code": f"SK-{n}"} for n in range(500)],
        ):
            concepts = 'query ($refs: [ConceptRef!]!) { concepts(refs: $refs, release: "3.27") { id code } }'
            operations += [(concepts, {"refs": refs[:many]}) for many in (1, 20, 500)]
        for many in (1, 20, 500):
            for first in (1, 20):
                fields = f"profilesForCompetences(have: $have, release: $in, first: {first}) {{ totalCount translated {{ from to by }} nodes {{ coverage matched {{ {_GROUPS} }} missing {{ {_GROUPS} }} }} }}"
                for refs, release in ((ids, "3.27"), (elsewhere, "3.27")):
                    operations.append(
                        (
                            f"query ($have: [ConceptRef!]!, $in: String) {{ {fields} }}",
                            {"have": [{"id": id} for id in refs[:many]], "in": release},
                        )
                    )
    for one in largest[:5]:
        nested = (
            "alternativeNames { name } essentialCompetences { code knowledgeItems { code } behaviouralIndicators { code } }"
            " optionalCompetences { code knowledgeItems { code } behaviouralIndicators { code } }"
            " softSkills { code usedInOccupationalProfiles(first: 2) { totalCount } } economicSectors { code } proofsOfLearning { code }"
        )
        operations.append(
            (f"query ($id: ID!) {{ node(id: $id) {{ ... on OccupationalProfile {{ {nested} }} }} }}", {"id": one})
        )
        for first in (10, 50):
            paths = (
                f"careerPaths(from: $from, to: $to, first: {first}) {{ effort steps {{ to {{ code }} gap {{ coverage"
                f" missing {{ {_GROUPS} }} }} }} }}"
            )
            operations.append(
                (
                    f"query ($from: ConceptRef!, $to: ConceptRef!) {{ {paths} }}",
                    {"from": {"id": one}, "to": {"id": largest[20]}},
                )
            )
            like = f"... on OccupationalProfile {{ similarProfiles(first: {first}) {{ score sharedCompetences {{ code }} sharedSkills {{ code }} }} }}"
            operations += [
                (f"query ($id: ID!) {{ node(id: $id) {{ {like} }} }}", {"id": id}) for id in (one, *apart[:5])
            ]
        gap = f"competenceGap(from: $from, to: $to) {{ coverage shared {{ {_GROUPS} }} missing {{ {_GROUPS} }} surplus {{ {_GROUPS} }} }}"
        operations.append(
            (
                f"query ($from: ConceptRef!, $to: ConceptRef!) {{ {gap} }}",
                {"from": {"id": one}, "to": {"id": largest[20]}},
            )
        )
    for text in COMMON:
        operations += [
            (
                f"query ($t: String!) {{ search(text: $t{types}, first: 50) {{ totalCount nodes {{ code }} }} }}",
                {"t": text},
            )
            for types in ("", ", types: [OCCUPATIONAL_PROFILE]", ", types: [DIGITAL_SKILL], languages: [NL]")
        ]
        operations.append(
            ("query ($t: String!) { suggest(prefix: $t, first: 50, languages: [DE]) { text } }", {"t": text})
        )
        operations.append(
            (
                "query ($t: String!) { occupationalProfiles(filter: { text: $t }, orderBy: { field: TITLE }) { totalCount } }",
                {"t": text},
            )
        )
    for order in ("", ", orderBy: { field: TITLE, language: FR }", ", orderBy: { field: CODE, descending: true }"):
        condition = '{ sectors: ["x"], areasOfInterest: "y", iscoPrefix: ["2", "3"], missing: [EN], changedSince: "2020-01-01" }'
        operations.append(
            (
                f"{{ occupationalProfiles(filter: {condition}{order}, first: 100) {{ totalCount nodes {{ code }} }} }}",
                {},
            )
        )
    for name in ("skills", "knowledgeItems", "behaviouralIndicators", "softSkills", "digitalSkills"):
        used = "usedInOccupationalProfiles(first: 2) { totalCount nodes { code } } usedInTechnicalCompetences(first: 2) { totalCount }"
        operations += [
            (f"{{ {name}(first: {first}) {{ nodes {{ code regions {used} }} }} }}", {}) for first in (24, 500)
        ]
    operations.append(("{ release { translationCoverage { type language total translated } } }", {}))
    operations += [
        (
            f'{{ release {{ changes(since: "3.26", first: {first}) {{ nodes {{ kind changedFields before {{ code }} after {{ code }} }} }} }} }}',
            {},
        )
        for first in (0, 20, 500)
    ]
    await measure_work(server, work, '{ search(text: "x") { totalCount } }')  # reads the table of texts once for all

    over = []
    for query, variables in operations:
        cost, errors = await measure_work(server, work, query, variables)
        assert {error.get("path", ["concepts"])[0] for error in errors} <= {"concepts"}, (query, errors)
        if work.units > cost:
            over.append((work.units, cost, replace(work), query, str(variables)[:100]))

    assert over == []


@needs_data
@pytest.mark.real
@pytest.mark.xdist_group("work at real size")
async def test_at_real_size_pages_stay_within_their_announced_cost(real_server: tuple[Server, Work]) -> None:
    """Lists of some concepts are longer than average; over a page this evens out, within a fixed allowance."""
    server, _ = real_server
    over = []
    nested = {
        "OccupationalProfile": (
            "alternativeNames { name }",
            "essentialCompetences { code }",
            "optionalCompetences { code }",
            "essentialCompetences { code knowledgeItems { code } behaviouralIndicators { code } }",
            "economicSectors { code } proofsOfLearning { code } digitalSkills { code } softSkills { code }",
        ),
        "TechnicalCompetence": ("knowledgeItems { code }", "behaviouralIndicators { code }"),
    }
    names = {"OccupationalProfile": "occupationalProfiles", "TechnicalCompetence": "technicalCompetences"}
    for type_name, selections in nested.items():
        for selection in selections:
            for first in (1, 2, 5, 20, 100):
                after = None
                for _ in range(8):
                    query = f"query ($after: String) {{ {names[type_name]}(first: {first}, after: $after) {{ pageInfo {{ endCursor }} nodes {{ {selection} }} }} }}"
                    response = await server.post(query, {"after": after}, x_competent_explain="1")
                    body = response.json()
                    assert "errors" not in body, body["errors"][:1]
                    if (values := values_in(body["data"])) > (cost := body["extensions"]["cost"]["requested"]):
                        over.append((values, cost, query, after))
                    after = body["data"][names[type_name]]["pageInfo"]["endCursor"]
                    if after is None:
                        break

    assert over == []


def test_the_counted_words_of_a_text_are_bounded() -> None:
    assert quantity("a " * 10_000, "word") == 1
    assert quantity(" ".join(f"w{n}" for n in range(1000))[:MAX_TEXT_CHARS], "word") == 16
    assert quantity(None, "word") == quantity(None, "item") == quantity(None, "given") == 0
    assert quantity("x", "item") == quantity({}, "item") == quantity(5, "word") == 1
