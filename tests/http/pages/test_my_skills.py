"""My skills: selections and texts of visitors are sent by POST, never in a URL, and never cached."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from tests.conftest import Server
from tests.http.pages.test_explorer import HTML, heading, links, page_at

pytestmark = pytest.mark.usefixtures("indexed")

PATH = "/nl/my-skills"


async def post(server: Server, status: int = 200, **fields: Any) -> httpx.Response:
    page = await server.client.post(PATH, data=fields, headers=HTML)
    assert page.status_code == status, page.text
    assert page.headers["cache-control"] == "no-store"
    assert "etag" not in page.headers
    return page


def boxes(page: httpx.Response) -> dict[str, bool]:
    """The listed competences, and whether each is selected."""
    pattern = r'<input type="checkbox" name="have" value="([^"]+)"( checked)?>'
    return {ref: bool(checked) for ref, checked in re.findall(pattern, page.text)}


async def test_skills_are_searched_selected_and_compared_without_javascript(server: Server) -> None:
    found_page = await post(server, q="wond", do="find", have="SS-1")
    assert boxes(found_page)["SS-1"]
    assert not boxes(found_page)["SK-101"]

    page = await post(server, have=["sk-101", "SS-1"], do="match")
    assert boxes(page) == {"SK-101": True, "SS-1": True}
    query = """query ($have: [ConceptRef!]!) { profilesForCompetences(have: $have, first: 8) { totalCount nodes { coverage
      profile { code } missing { skills { code } softSkills { code } } } } }"""
    matches = await server.ask(query, {"have": [{"code": "SK-101"}, {"code": "SS-1"}]})
    first = matches["profilesForCompetences"]["nodes"][0]
    result = page.text.partition('id="matches"')[2].partition("<form")[0].partition("</li>\n      <li>")[0]
    assert f"/occupations/{first['profile']['code']}" in result
    assert f"Je hebt {round(first['coverage'] * 100)}%" in result.replace("\xa0", "")
    learn = result.partition("Nog te leren")[2]
    missing = [concept["code"] for concepts in first["missing"].values() for concept in concepts]
    assert missing
    assert sorted(re.findall(r'/(?:soft-)?skills/([\w-]+)"', learn)) == sorted(missing)
    assert "/competences/" not in learn, "only types that were chosen from are compared"


@pytest.mark.parametrize("path", ["competences/CP-101", "skills/SK-101", "knowledge/KN-101", "soft-skills/SS-1"])
async def test_the_page_of_a_concept_adds_it_to_my_skills(server: Server, path: str) -> None:
    page = await page_at(server, f"/nl/{path}?release=3.11")
    (form,) = re.findall(r"<form[^>]* data-add>.*?</form>", page.text, re.DOTALL)
    assert 'method="post" action="../../nl/my-skills?release=3.11"' in form
    fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', form))
    code = path.partition("/")[2]

    assert fields == {"have": code}
    assert boxes(await post(server, have=[code, "SS-2,DS-1"])) == {code: True, "SS-2": True, "DS-1": True}


async def test_every_page_links_to_my_skills_and_competence_sets_cannot_be_added(server: Server) -> None:
    for path in ("/nl/", "/nl/occupations/OP-101", "/nl/competence-sets/CS-401"):
        page = await page_at(server, path)
        assert PATH in links(page, path)
        assert "data-add" not in page.text


async def test_concepts_missing_in_the_release_are_named_and_deselected(server: Server) -> None:
    page = await post(server, have=["SK-101", "XX-9", "OP-101", "<script>", "a" * 99], do="match")

    assert boxes(page) == {"SK-101": True, "XX-9": False, "OP-101": False}
    assert re.search(r"<bdi>OP-101</bdi></label> <small>geen competentie", page.text)
    assert "niet in deze release" in page.text
    assert 'role="alert"' in page.text


async def test_oversized_input_is_refused_with_a_message(server: Server) -> None:
    longest, too_long = "x" * 10_000, "\U0001f600" * 10_001
    assert 'role="alert"' not in (await post(server, text=longest, do="read")).text
    refused = await post(server, 413, text=too_long, do="read")
    assert "10.001 tekens" in refused.text
    assert too_long in refused.text, "it can be shortened"
    assert 'role="alert"' in (await post(server, 413, text="x" * 210_000, do="read")).text
    refused = await post(server, 413, have=[f"SK-{n}" for n in range(101)], do="match")
    assert 'role="alert"' in refused.text
    assert all(boxes(refused).values()), "they stay chosen, as they were not looked up"
    assert "niet in deze release" not in refused.text
    assert 'role="alert"' in (await post(server, 413, have=["SK-1"] * 501, do="match")).text
    many = await post(server, 413, have=",".join(f"SK-{n}" for n in range(20_000)), do="match")
    assert ('role="alert"' in many.text, len(boxes(many))) == (True, 0), "they do not come back as boxes"
    other = await server.client.post(PATH, json={"have": ["SK-1"]})
    assert (other.status_code, other.json()["errors"][0]["extensions"]["code"]) == (415, "BAD_REQUEST")


async def test_without_vectors_the_page_names_the_missing_extra(server: Server) -> None:
    page = await post(server, text="Ik verzorg wonden.\r\nOok thuis.", do="read")

    assert "heeft de uitbreiding “semantic” niet geïnstalleerd" in page.text
    assert "NOT_AVAILABLE" in page.text
    assert ">Ik verzorg wonden.\nOok thuis.</textarea>" in page.text


async def test_selected_skills_and_texts_never_appear_in_urls(server: Server) -> None:
    for fields in (
        {"have": "SK-101", "do": "match"},
        {"text": "Ik verzorg wonden.", "do": "read"},
        {"q": "verzorg", "do": "find"},
    ):
        page = await post(server, **fields)
        addresses = " ".join(links(page, PATH))
        assert heading(page) == "Mijn vaardigheden"
        assert "/graphiql#query=" in addresses
        assert '"code"' not in addresses
        assert "have=" not in addresses
        assert "verzorg" not in unescape(addresses)


async def test_a_hostile_text_is_escaped(server: Server) -> None:
    hostile = "</textarea><script>alert(1)</script>\u202e"
    page = await post(server, text=hostile, q=hostile, do="read")

    assert "<script>alert" not in page.text
    assert "&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;\u202e</textarea>" in page.text


async def test_the_empty_page_may_be_cached(server: Server) -> None:
    page = await page_at(server, PATH)

    assert page.headers["cache-control"].startswith("public")
    assert boxes(page) == {}


async def test_suggestions_link_to_concepts_of_the_requested_types(server: Server) -> None:
    response = await server.client.get("/fr/suggest?q=wond&type=skills,knowledge")
    found_page = response.json()

    assert {
        "text": "Wonden verzorgen",
        "language": "nl",
        "type": "Savoir-faire",
        "ref": "SK-101",
        "url": "../fr/skills/SK-101",
    } in found_page
    assert {item["type"] for item in found_page} <= {"Savoir-faire", "Connaissances"}
    assert response.headers["cache-control"].startswith("public")
    assert response.headers["x-robots-tag"] == "noindex"
    second = await server.client.get(
        "/fr/suggest?q=wond&type=skills,knowledge", headers={"If-None-Match": response.headers["etag"]}
    )
    assert (second.status_code, second.content) == (304, b"")


@pytest.mark.parametrize("query", ["", "?q=", "?q=,,", "?q=x&release=9.9", f"?q={'w' * 5000}"])
async def test_a_text_without_suggestions_gets_an_empty_list(server: Server, query: str) -> None:
    response = await server.client.get(f"/nl/suggest{query}")

    assert (response.status_code, response.json()) == (200, [])
