"""Soft skills in GraphQL."""

from tests.conftest import SOFT_SKILLS, Server


async def test_by_code_and_by_uuid_give_the_same(server: Server) -> None:
    fields = "{ id uuid code description { nl fr } regions }"
    by_code = (await server.ask(f'{{ softSkill(code: "SS-1") {fields} }}'))["softSkill"]
    by_uuid = (await server.ask(f'{{ softSkill(uuid: "{by_code["uuid"]}") {fields} }}'))["softSkill"]

    assert by_code == by_uuid
    assert by_code["description"]["nl"].lower() == "samenwerken"
    assert by_code["regions"] == []


async def test_the_list_holds_all_that_a_soft_skill_has(server: Server) -> None:
    data = await server.ask("{ softSkills(first: 100) { totalCount nodes { code description { nl fr } regions } } }")

    assert data["softSkills"]["totalCount"] == len(data["softSkills"]["nodes"]) == SOFT_SKILLS
    assert server.upstream_paths() == ["/releases/current", "/releases/3.11/softskills?page=0&size=500"]


async def test_where_the_whole_is_lost_a_field_that_cannot_be_null_is_empty(server: Server) -> None:
    from graphql_api.sandbox import Fault

    server.faults.add(Fault("/releases/*/softskills/*", "status", status=503))

    data = await server.ask('{ occupationalProfile(code: "OP-101") { softSkills { code regions } } }')

    assert all(skill["code"] and skill["regions"] == [] for skill in data["occupationalProfile"]["softSkills"])
