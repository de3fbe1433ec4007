"""Soft skills in GraphQL."""

from tests.conftest import SOFT_SKILLS, Server


async def test_lookups_by_code_and_uuid_are_equal(server: Server) -> None:
    fields = "{ id uuid code description { nl fr } regions }"
    by_code = (await server.ask(f'{{ softSkill(code: "SS-1") {fields} }}'))["softSkill"]
    by_uuid = (await server.ask(f'{{ softSkill(uuid: "{by_code["uuid"]}") {fields} }}'))["softSkill"]

    assert by_code == by_uuid
    assert by_code["description"]["nl"].lower() == "samenwerken"
    assert by_code["regions"] == []


async def test_the_list_has_every_field_of_a_soft_skill(server: Server) -> None:
    data = await server.ask("{ softSkills(first: 100) { totalCount nodes { code description { nl fr } regions } } }")

    assert data["softSkills"]["totalCount"] == len(data["softSkills"]["nodes"]) == SOFT_SKILLS
    assert server.upstream_paths() == ["/releases/current", "/releases/3.11/softskills?page=0&size=500"]


async def test_a_non_null_field_of_a_lost_document_is_empty(server: Server) -> None:
    from graphql_api.sandbox import Fault

    server.faults.add(Fault("/releases/*/softskills/*", "status", status=503))

    data = await server.ask('{ occupationalProfile(code: "OP-101") { softSkills { code regions } } }')

    assert all(skill["code"] and skill["regions"] == [] for skill in data["occupationalProfile"]["softSkills"])
