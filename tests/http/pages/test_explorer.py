"""The explorer: HTML pages in four languages, made from GraphQL queries."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from graphql_api.http.auth.keys import Keys
from graphql_api.http.pages.explorer.concept_paths import TYPES
from graphql_api.http.pages.explorer.visit import LANGUAGES
from graphql_api.http.pages.rendering import render
from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import Clock, Server, alive, running

pytestmark = pytest.mark.usefixtures("indexed")

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FIRST_CODES = {
    "occupations": "OP-101",
    "competences": "CP-101",
    "skills": "SK-101",
    "knowledge": "KN-101",
    "indicators": "BI-61",
    "soft-skills": "SS-1",
    "digital-skills": "DS-1",
    "competence-sets": "CS-401",
}
CONCEPTS = [f"{word}/{code}" for word, code in FIRST_CODES.items()]
PAGES = [
    "",
    "my-skills",
    "search",
    "search?q=wond",
    "occupations",
    "compare?from=OP-102&to=OP-101",
    "changes?since=3.11",
    *CONCEPTS,
]
HOSTILE = "<script>alert('1')</script>\u202e\"&"


@pytest.fixture
async def indexed_before(server: Server) -> None:
    """Build the index of the previous release, for which pages do not wait."""
    await server.app.state.services.indexes.ready("3.10")


async def page_at(server: Server, path: str, status: int = 200, **headers: str) -> httpx.Response:
    page = await server.client.get(path, headers=HTML | headers)
    assert page.status_code == status, (path, page.text)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    return page


def heading(page: httpx.Response) -> str:
    (text,) = re.findall(r"<h1>(.*?)</h1>", page.text, re.DOTALL)
    return " ".join(unescape(re.sub("<[^>]+>", "", text)).split())


def links(page: httpx.Response, path: str) -> set[str]:
    hrefs = [unescape(href) for href in re.findall(r'(?:href|action)="([^"]*)"', page.text)]
    assert not [href for href in hrefs if re.match(r"/|\w+:", href) and "data.europa.eu" not in href]
    others = [href for href in hrefs if not href.startswith("#")]
    return {urljoin(f"http://server.test{path}", href).removeprefix("http://server.test") for href in others}


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_in_its_language_and_links_to_the_others(server: Server, path: str) -> None:
    for language in LANGUAGES:
        page = await page_at(server, f"/{language}/{path}")
        assert f'<html lang="{language}">' in page.text
        (title,) = re.findall("<title>(.*) · Competent</title>", page.text)
        assert unescape(title) in (text := heading(page), text[:-3]), (
            "the heading, without the mark of another language"
        )
        assert re.search('<meta name="description" content="[^"]{3,400}">', page.text)
        assert {f"/{other}/{path}" for other in LANGUAGES} <= links(page, f"/{language}/{path}")


@pytest.mark.slow
@pytest.mark.usefixtures("indexed_before")
@pytest.mark.parametrize("path", PAGES)
async def test_every_link_of_a_page_resolves(server: Server, path: str) -> None:
    for link in links(await page_at(server, f"/nl/{path}"), f"/nl/{path}"):
        response = await server.client.get(link, headers=HTML, follow_redirects=True)
        assert response.status_code == 200, link


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_only_its_own_assets_and_sets_no_cookie(server: Server, path: str) -> None:
    page = await page_at(server, f"/nl/{path}")
    policy = page.headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    scripts = re.findall("<script[^<]*</script>", page.text)
    assert all(
        re.fullmatch(r'<script type="module" src="[./]*assets/[\w-]+\.js\?v=\w+"></script>', script)
        for script in scripts
    )
    assert len(re.findall("<script", page.text)) == len(scripts)
    assert not re.search(r"<style|\son\w+=|\sstyle=", page.text)
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_over_the_sandbox_has_a_notice_and_is_not_indexed(server: Server, path: str) -> None:
    page = await page_at(server, f"/nl/{path}")

    assert '<meta name="robots" content="noindex">' in page.text
    assert "Dit zijn voorbeeldgegevens van de sandbox, niet van VDAB." in page.text.partition("<footer")[0]


@pytest.mark.parametrize("path", PAGES)
async def test_the_query_at_the_foot_returns_what_the_page_shows(server: Server, path: str) -> None:
    page = await page_at(server, f"/nl/{path}")
    (link,) = [link for link in links(page, f"/nl/{path}") if link.startswith("/graphiql#")]
    parameters = parse_qs(urlsplit(link).fragment)
    variables = httpx.Response(200, text=parameters["variables"][0]).json()
    data = await server.ask(parameters["query"][0], variables)

    assert data["release"]["number"] == "3.11"
    assert 'curl "$SERVER/graphql" --json ' in unescape(page.text)


@pytest.mark.parametrize(
    ("accept_language", "language"), [("nl-BE,en;q=0.5", "nl"), ("fr", "fr"), ("de-AT", "de"), ("ja", "en"), ("", "en")]
)
async def test_the_first_page_is_in_the_language_of_its_reader(
    server: Server, accept_language: str, language: str
) -> None:
    page = await page_at(server, "/", **{"Accept-Language": accept_language})

    assert f'<html lang="{language}">' in page.text
    assert {"accept", "accept-language"} <= set(page.headers["vary"].lower().replace(" ", "").split(","))
    assert {f"/{other}/" for other in LANGUAGES} <= links(page, "/")


async def test_the_first_page_is_complete_behind_a_prefix(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, root_path="/partner/competent")) as server:
        for path in ("/", "/nl/", "/nl/occupations/OP-101", "/nl/my-skills", "/nl/isco/22"):
            page = await page_at(server, f"/partner/competent{path}")
            (suggestions, *_) = re.findall(r'data-suggestions="([^"]+)"', page.text)
            suggested = await server.client.get(
                urljoin(f"/partner/competent{path}", suggestions), params={"q": "verpl"}
            )
            assert suggested.json()[0]["ref"] == "OP-101"
            urls = links(page, f"/partner/competent{path}")
            assert all(link.startswith("/partner/competent/") for link in urls if "data.europa.eu" not in link)


async def test_an_encoded_slash_does_not_escape_the_prefix(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, root_path="/partner/competent")) as server:
        for path in ("/nl/%2F%2Fevil.example", "/nl/occupations/OP%2F101", "/nl/a%2F..%2F..%2F..%2Fb"):
            page = await page_at(server, f"/partner/competent{path}", 404)
            urls = links(page, f"/partner/competent{path}")
            assert [url for url in urls if not url.startswith("/partner/competent/")] == []
            moved = await server.client.get(f"/partner/competent{path}/", headers=HTML)
            assert moved.status_code == 302
            target = urljoin(f"http://server.test/partner/competent{path}/", moved.headers["location"])
            assert target.startswith("http://server.test/partner/competent/nl/")


async def test_compressible_pages_vary_by_encoding_exactly_once(server: Server) -> None:
    for path in ("/", "/nl/", "/nl/occupations/OP-101", "/docs/", "/id/3.11", "/releases.atom"):
        page = await server.client.get(path, headers=HTML)
        revalidated = await server.client.get(path, headers=HTML | {"If-None-Match": page.headers.get("etag", "")})
        assert (page.headers["content-encoding"], revalidated.status_code) == ("gzip", 304)
        assert (
            page.headers["vary"].count("Accept-Encoding") == revalidated.headers["vary"].count("Accept-Encoding") == 1
        )
    posted = await server.client.post("/nl/my-skills", data={"have": "SS-1"}, headers=HTML)
    assert posted.headers["vary"].count("Accept-Encoding") == 1


async def test_home_has_the_counts_of_the_graph_and_links_to_sectors(server: Server) -> None:
    page = await page_at(server, "/nl/")
    query = "{ release { occupationalProfiles(first: 0) { totalCount } economicSectors { code uuid profileCount } } }"
    release = (await server.ask(query))["release"]

    assert f"{release['occupationalProfiles']['totalCount']} beroepen" in page.text
    sector = release["economicSectors"][0]
    assert f"/nl/sectors/{sector['code']}" in links(page, "/nl/")
    listed = await page_at(server, f"/nl/occupations?sector={sector['code'] or sector['uuid']}")
    assert len(re.findall(r'<li><a href="[^"]*/occupations/', listed.text)) == sector["profileCount"]


async def test_a_search_shows_each_hit_with_its_reason(server: Server) -> None:
    page = await page_at(server, "/nl/search?q=thuisverpleegkundige")

    assert "/nl/occupations/OP-101" in links(page, "/nl/search")
    assert "een andere naam" in page.text
    assert "<mark>Thuisverpleegkundige</mark>" in page.text


async def test_a_search_can_be_limited_to_a_type_and_is_paged(server: Server) -> None:
    first = await page_at(server, "/nl/search?q=werken&type=skills")
    (following,) = re.findall(r'<a rel="next" href="([^"]+)"', first.text)
    second = await page_at(server, urljoin("/nl/search", unescape(following)))
    hits = [
        {link for link in links(page, "/nl/search") if re.fullmatch(r"/nl/[a-z-]+/[A-Z]+-\d+", link)}
        for page in (first, second)
    ]

    assert all(link.startswith("/nl/skills/") for page in hits for link in page)
    assert len(hits[0]) == 20
    assert hits[1]
    assert not hits[0] & hits[1]


async def test_a_search_is_narrowed_by_sector_area_and_isco(server: Server) -> None:
    page = await page_at(server, "/nl/search?q=zorg&isco=2&sector=ES-1")
    query = """{ release { occupationalProfiles(filter: { text: "zorg", sectors: ["ES-1"], iscoPrefix: ["2"] }) { nodes { code }
      facets { areasOfInterest { count value { code } } classifications(level: 2) { count value { code } } } } } }"""
    profiles = (await server.ask(query))["release"]["occupationalProfiles"]
    hits = page.text.partition('<ol class="hits">')[2].partition("</ol>")[0]
    urls = links(page, "/nl/search")

    assert profiles["nodes"]
    assert set(re.findall(r"/occupations/([\w-]+)", hits)) == {node["code"] for node in profiles["nodes"]}
    assert "<mark>" in hits
    assert {
        f"/nl/search?q=zorg&sector=ES-1&area={item['value']['code']}&isco=2"
        for item in profiles["facets"]["areasOfInterest"]
    } <= urls
    assert {
        f"/nl/search?q=zorg&sector=ES-1&isco={item['value']['code']}" for item in profiles["facets"]["classifications"]
    } <= urls
    assert "/nl/search?q=zorg&isco=2" in urls, "without the sector"
    assert "/nl/search?q=zorg&type=skills" in urls, "another type has no sectors"


@pytest.mark.parametrize(
    ("path", "condition"),
    [
        ("sectors/ES-1", 'sectors: ["ES-1"]'),
        ("areas/AI-1", 'areasOfInterest: ["AI-1"]'),
        ("isco/222", 'iscoPrefix: ["222"]'),
    ],
)
async def test_a_sector_area_or_group_lists_its_occupations(server: Server, path: str, condition: str) -> None:
    page = await page_at(server, f"/nl/{path}")
    query = f"{{ occupationalProfiles(filter: {{ {condition} }}) {{ nodes {{ code }} }} }}"
    profiles = (await server.ask(query))["occupationalProfiles"]["nodes"]

    assert profiles
    listed = {link for link in links(page, f"/nl/{path}") if re.fullmatch(r"/nl/occupations/[\w-]+", link)}
    assert listed == {f"/nl/occupations/{profile['code']}" for profile in profiles}
    assert f"/nl/{path.partition('/')[0]}" in links(page, f"/nl/{path}")


async def test_isco_groups_link_up_and_down_and_a_uuid_redirects_to_the_code(server: Server) -> None:
    urls = links(await page_at(server, "/nl/isco/222"), "/nl/isco/222")
    assert {"/nl/isco/2", "/nl/isco/22", "/nl/isco/2221"} <= urls
    sector = (await server.ask("{ release { economicSectors { uuid code } } }"))["release"]["economicSectors"][0]
    response = await server.client.get(f"/nl/sectors/{sector['uuid'].upper()}", headers=HTML)
    assert response.status_code == 302
    assert response.headers["location"].endswith(f"/nl/sectors/{sector['code']}")


async def test_an_occupation_shows_its_competences(server: Server) -> None:
    page = await page_at(server, "/fr/occupations/OP-101")
    query = """{ occupationalProfile(code: "OP-101") { title { fr }
      essentialCompetences { code skill { description { fr } } usedInOccupationalProfiles { totalCount } }
      similarProfiles(first: 5) { profile { code } } softSkills { code } } }"""
    profile = (await server.ask(query))["occupationalProfile"]
    urls = links(page, "/fr/occupations/OP-101")

    assert heading(page) == profile["title"]["fr"]
    assert {f"/fr/competences/{item['code']}" for item in profile["essentialCompetences"]} <= urls
    assert {f"/fr/soft-skills/{item['code']}" for item in profile["softSkills"]} <= urls
    assert {f"/fr/occupations/{item['profile']['code']}" for item in profile["similarProfiles"]} <= urls
    others = {item["usedInOccupationalProfiles"]["totalCount"] - 1 for item in profile["essentialCompetences"]}
    for count in others - {0}:
        assert re.search(rf"aussi dans {count} autres? métiers?", page.text)


async def test_the_diagram_of_an_occupation_matches_its_table(server: Server) -> None:
    page = await page_at(server, "/nl/occupations/OP-101/picture")
    query = """{ occupationalProfile(code: "OP-101") { uuid similarProfiles(first: 8) { profile { uuid code }
      sharedCompetences { uuid code } } } }"""
    profile = (await server.ask(query))["occupationalProfile"]
    shared = {
        (item["profile"]["uuid"], competence["uuid"])
        for item in profile["similarProfiles"]
        for competence in item["sharedCompetences"]
    }
    wide, narrow = (re.findall(r'data-from="([^"]+)" data-to="([^"]+)"', svg) for svg in page.text.split("<svg")[1:])
    assert wide == narrow
    lines = narrow
    drawn = {end for start, end in lines if start == profile["uuid"]}
    table = page.text.partition("<table")[2]

    assert len(drawn) == min(24, len({competence for _, competence in shared}))
    assert {(end, start) for start, end in lines if start != profile["uuid"]} == {
        (neighbour, competence) for neighbour, competence in shared if competence in drawn
    }
    for item in profile["similarProfiles"]:
        row = table.partition(f'/occupations/{item["profile"]["code"]}"')[2].partition("</tr>")[0]
        codes = [competence["code"] for competence in item["sharedCompetences"]]
        assert re.findall(r"/competences/([\w-]+)", row) == codes
        assert f"/nl/occupations/{item['profile']['code']}/picture" in links(page, "/nl/occupations/OP-101/picture")


async def test_a_comparison_shows_the_missing_competences(server: Server) -> None:
    page = await page_at(server, "/nl/compare?from=op-102&to=OP-101")
    query = """{ competenceGap(from: { code: "OP-102" }, to: { code: "OP-101" }) { coverage
      missing { technicalCompetences { code } } to { essentialCompetences { code } } } }"""
    gap = (await server.ask(query))["competenceGap"]
    learn = page.text.partition("Nog te leren")[2].partition("</section>")[0]

    missing = [competence["code"] for competence in gap["missing"]["technicalCompetences"]]
    essential = {competence["code"] for competence in gap["to"]["essentialCompetences"]}
    assert 0 < len(essential & set(missing)) < len(missing)
    assert re.findall(r"/competences/([\w-]+)", learn) == sorted(missing, key=lambda code: code not in essential)
    assert learn.count("essentieel") == len(essential & set(missing))
    assert f"{round(gap['coverage'] * 100)}%" in page.text.replace("\xa0", "")


async def test_occupations_to_compare_may_be_named_by_their_titles(server: Server) -> None:
    path = "/nl/compare?from=Zorgkundige&to=OP-101+Verpleegkundige&release=3.11"
    by_title = await server.client.get(path, headers=HTML)
    assert by_title.status_code == 302
    assert urljoin(path, by_title.headers["location"]) == "/nl/compare?from=OP-102&to=OP-101&release=3.11"
    assert (
        heading(await page_at(server, "/nl/compare?from=OP-102&to=OP-101+Verpleegkundige"))
        == "Zorgkundige → Verpleegkundige"
    )

    choices = await page_at(server, "/nl/compare?from=ver&to=OP-101")
    assert "Welk beroep is “ver”?" in choices.text
    assert "/nl/compare?from=OP-101&to=OP-101" in links(choices, "/nl/compare")
    nothing = await page_at(server, "/nl/compare?from=xqzzy&to=%3Cscript%3E")
    assert nothing.text.count("Niets gevonden") == 2


async def test_a_comparison_shows_career_paths_in_two_steps(server: Server) -> None:
    page = await page_at(server, "/nl/compare?from=OP-114&to=OP-101")
    query = """{ careerPaths(from: { code: "OP-114" }, to: { code: "OP-101" }, first: 3) { steps { from { code } to { code } } } }"""
    paths = [path["steps"] for path in (await server.ask(query))["careerPaths"]]
    steps = [step for path in paths if len(path) == 2 for step in path]

    assert steps
    for step in steps:
        assert f"/nl/compare?from={step['from']['code']}&to={step['to']['code']}" in links(page, "/nl/compare")


async def test_with_a_public_address_links_to_languages_are_absolute(releases: Releases, settings: Settings) -> None:
    public = replace(settings, public_url="https://competent.example/atlas")
    async with running(releases, public) as server:
        page = await server.client.get("/nl/isco/22?release=3.11", headers=HTML)

    assert '<link rel="canonical" href="https://competent.example/atlas/nl/isco/22?release=3.11">' in page.text
    for language in LANGUAGES:
        absolute = f"https://competent.example/atlas/{language}/isco/22?release=3.11"
        assert f'<link rel="alternate" hreflang="{language}" href="{absolute}">' in page.text
    assert "curl &#34;https://competent.example/atlas/graphql&#34;" in page.text


async def test_the_query_of_a_page_can_be_copied_as_javascript_and_python(server: Server) -> None:
    page = await page_at(server, "/nl/competences/CP-101")
    javascript, python = (
        unescape(re.findall(f'<pre id="{id}"[^>]*>(.*?)</pre>', page.text, re.DOTALL)[0]) for id in ("fetch", "python")
    )
    lines = python.partition("\nresponse")[0]
    values: dict[str, Any] = {}
    exec(lines.replace("import httpx", ""), values)
    data = await server.ask(**values["body"])

    assert data["release"]["concept"]["code"] == "CP-101"
    assert f"const query = `{values['body']['query']}`;" in javascript
    assert "await fetch(`${server}/graphql`" in javascript


async def test_a_comparison_with_an_unknown_code_is_an_error(server: Server) -> None:
    page = await page_at(server, "/nl/compare?from=OP-99999&to=OP-101", 404)

    assert "Er is geen beroep met een van deze codes." in page.text


async def test_changes_default_to_those_since_the_previous_release(server: Server) -> None:
    for path, location in (
        ("nl/changes", "changes?since=3.10"),
        ("fr/changes?release=3.10", "changes?release=3.10&since=3.9"),
    ):
        page = await server.client.get(f"/{path}", headers=HTML)
        assert (page.status_code, page.headers["location"].partition("/")[2]) == (302, f"{path[:2]}/{location}")
    oldest = await page_at(server, "/nl/changes?release=3.9")
    assert "Deze server heeft geen andere release om mee te vergelijken." in oldest.text


@pytest.mark.usefixtures("indexed_before")
async def test_changes_lists_occupations_that_differ_between_releases(server: Server) -> None:
    page = await page_at(server, "/nl/changes?since=3.10")
    query = """{ release { changes(since: "3.10", types: [OCCUPATIONAL_PROFILE], first: 500) { totalCount nodes {
      kind after { code } } } } }"""
    changes = (await server.ask(query))["release"]["changes"]
    urls = links(page, "/nl/changes")

    assert f"{changes['totalCount']} beroep" in page.text
    assert "/nl/changes?since=3.9" in urls, "another release to compare with"
    shown = changes["nodes"][:50]
    assert {f"/nl/occupations/{node['after']['code']}" for node in shown if node["after"]} <= urls
    assert "essentialCompetences" not in page.text.partition("<footer")[0], (
        "fields are named in the language of the page"
    )
    assert "/nl/changes?since=3.10&kind=new" in urls
    new = await page_at(server, "/nl/changes?since=3.10&kind=new")
    codes = {node["after"]["code"] for node in changes["nodes"] if node["kind"] == "ADDED"}
    assert set(re.findall(r'<li>\s*<a href="[^"]*/occupations/([\w-]+)', new.text)) == codes
    ended = await page_at(server, "/nl/changes?since=3.10&kind=ended")
    assert "/nl/occupations/OP-116" in links(ended, "/nl/changes"), "that page says what took its place"
    assert "<p>1 beroep</p>" in ended.text


async def test_a_text_in_another_language_is_marked(server: Server) -> None:
    query = '{ occupationalProfile(code: "OP-101") { alternativeNames { name language } } }'
    names = (await server.ask(query))["occupationalProfile"]["alternativeNames"]
    (french,) = [name["name"] for name in names if name["language"] == "FR"][:1]
    page = unescape((await page_at(server, "/nl/occupations/OP-101")).text)

    assert f'<span lang="fr"><bdi>{french}</bdi></span> <small class="tag">fr</small>' in page


async def test_a_concept_links_to_its_linked_data_as_json_and_turtle(server: Server) -> None:
    for path in ("/nl/occupations/OP-101", "/nl/skills/SK-101", "/nl/sectors/ES-1", "/nl/areas/AI-1"):
        page = await page_at(server, path)
        alternates = re.findall(r'<link rel="alternate" type="([^"]+)" href="([^"]+)"', page.text)
        assert [media_type for media_type, _ in alternates] == ["application/ld+json", "text/turtle"]
        shown = re.findall(r'<a href="([^"]+)" type="([^"]+)"', page.text)
        assert [(media_type, href) for href, media_type in shown] == alternates
        for media_type, href in alternates:
            data = await server.client.get(urljoin(path, href), headers=HTML)
            assert data.status_code == 200
            assert data.headers["content-type"].startswith(media_type)


async def test_mappings_of_the_operator_are_shown_on_concept_pages(
    releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "crosswalk.sssom.tsv"
    file.write_text(
        "#curie_map:\n#  esco: http://data.europa.eu/esco/x/\n"
        "subject_id\tpredicate_id\tobject_id\tobject_label\tmapping_justification\n"
        "competent:OP-101\tskos:closeMatch\tesco:a2\t<b>nurse</b>\tsemapv:ManualMappingCuration\n"
        "competent:CP-101\tskos:exactMatch\tesco:a1\tdress wounds\tsemapv:ManualMappingCuration\n",
        encoding="utf-8",
    )
    async with running(releases, replace(settings, mapping=(file,))) as server:
        occupation = await page_at(server, "/nl/occupations/OP-101")
        competence = await page_at(server, "/fr/competences/CP-101")

    for page, heading_of_it, link, match in (
        (occupation, "In andere classificaties", "a2", "bijna hetzelfde"),
        (competence, "Dans d’autres classifications", "a1", "identique"),
    ):
        section = page.text.partition(heading_of_it)[2].partition("</ul>")[0]
        label = "&lt;b&gt;nurse&lt;/b&gt;" if link == "a2" else "dress wounds"
        assert f'<a href="http://data.europa.eu/esco/x/{link}"><bdi>{label}</bdi></a>' in section
        assert match in section


@pytest.mark.parametrize("path", CONCEPTS)
async def test_a_uuid_or_another_spelling_redirects_to_the_code(server: Server, path: str) -> None:
    word, _, code = path.partition("/")
    uuid = (await server.ask(f'{{ {TYPES[word].single}(code: "{code}") {{ uuid }} }}'))[TYPES[word].single]["uuid"]
    for ref in (uuid, code.lower()):
        at = f"/nl/{word}/{ref}?release=3.11"
        response = await server.client.get(at, headers=HTML)
        assert response.status_code == 302
        assert urljoin(at, response.headers["location"]) == f"/nl/{path}?release=3.11"


async def test_a_release_in_the_url_is_preserved_in_links(server: Server) -> None:
    path = "/nl/occupations/OP-101?release=3.10"
    page = await page_at(server, path)

    assert "Release 3.10." in page.text
    concepts = {link for link in links(page, path) if re.match(r"/nl/[a-z-]+/", link)}
    assert concepts
    assert all(link.endswith("release=3.10") for link in concepts)


async def test_pages_have_the_cache_control_of_responses(server: Server, settings: Settings) -> None:
    pinned = await page_at(server, "/nl/competences/CP-101?release=3.11")
    current = await page_at(server, "/nl/competences/CP-101")
    second = await server.client.get(
        "/nl/competences/CP-101", headers=HTML | {"If-None-Match": current.headers["etag"]}
    )

    assert pinned.headers["cache-control"] == f"public, max-age={int(settings.release_max_age)}"
    assert current.headers["cache-control"] == f"public, max-age={int(settings.current_max_age)}"
    assert (second.status_code, second.content) == (304, b"")


async def test_a_page_is_rendered_once_until_its_data_changes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []

    def counting(template: str, **values: Any) -> str:
        rendered.append(template)
        return render(template, **values)

    monkeypatch.setattr("graphql_api.http.pages.explorer.visit.render", counting)
    pages = [await page_at(server, path) for path in 2 * ("/nl/occupations/OP-101", "/fr/occupations/OP-101")]
    older = await page_at(server, "/nl/occupations/OP-101?release=3.10")

    assert rendered == ["occupation.html"] * 3
    assert [page.text for page in pages[:2]] == [page.text for page in pages[2:]]
    assert "Release 3.10." in older.text


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("occupations/OP-99999", 404, "staat niets in deze release"),
        ("skills/OP-101", 404, "staat niets in deze release"),
        ("nothing/at/all", 404, "staat niets in deze release"),
        ("sectors/ES-99999", 404, "staat niets in deze release"),
        ("isco/2222", 404, "staat niets in deze release"),
        ("isco/x", 404, "staat niets in deze release"),
        ("occupations/OP-101?release=9.9", 404, "Deze release bestaat niet"),
        ("occupations/OP-101?release=../x", 404, "Deze release bestaat niet"),
        ("search?q=,,", 400, "minstens één letter of cijfer"),
        ("search?q=a&after=x", 400, "staat niets in deze release"),
        ("occupations?after=x", 400, "staat niets in deze release"),
        ("changes?since=x", 404, "Deze release bestaat niet"),
        (f"search?q={'w' * 5000}", 400, "BAD_USER_INPUT"),
        (f"compare?from={'w' * 5000}&to=OP-101", 400, "BAD_USER_INPUT"),
        *((f"{page}?release=9.9", 404, "Deze release bestaat niet") for page in ("", "search", "compare", "my-skills")),
    ],
)
async def test_an_error_is_a_page_with_its_reason(server: Server, path: str, status: int, says: str) -> None:
    page = await page_at(server, f"/nl/{path}", status)

    assert says in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_with_upstream_down_a_page_shows_the_error(server: Server) -> None:
    server.faults.add(Fault("**", "status", status=503))
    page = await page_at(server, "/nl/occupations/OP-101", 503)

    assert heading(page) == "Nu niet beschikbaar"
    assert "UPSTREAM_UNAVAILABLE" in page.text
    home = await page_at(server, "/nl/")
    assert "UPSTREAM_UNAVAILABLE" in home.text
    assert home.headers["cache-control"] == "no-store"


async def test_a_page_of_stale_documents_has_a_notice(releases: Releases, settings: Settings) -> None:
    clock = Clock(time.time())
    async with alive(Server(releases, settings, clock=clock)) as server:
        fresh = await page_at(server, "/nl/occupations/OP-101")
        clock.now += settings.current_ttl + 60
        refreshing = await page_at(server, "/nl/occupations/OP-101")
        clock.now += settings.current_ttl + 60
        server.faults.add(Fault("**", "status", status=503))
        store = server.app.state.services.store
        await page_at(server, "/nl/occupations/OP-101")
        while not store.revalidation_fails:
            await asyncio.sleep(0)
        stale = await page_at(server, "/nl/occupations/OP-101")

    says = "Deze pagina kan verouderd zijn"
    assert says not in fresh.text
    assert says not in refreshing.text, "the source responds"
    assert refreshing.headers["cache-control"] == "no-store"
    assert says in stale.text
    assert stale.headers["cache-control"] == "no-store"
    assert heading(stale) == "Verpleegkundige"


@pytest.fixture
async def without_index(releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    async with running(releases, replace(settings, index="off", cache_dir=tmp_path)) as started:
        yield started


async def test_without_an_index_a_page_shows_the_rest_and_an_error(without_index: Server) -> None:
    page = await page_at(without_index, "/nl/occupations/OP-101")

    assert heading(page) == "Verpleegkundige"
    assert "NOT_INDEXED_YET" in page.text
    assert page.headers["cache-control"] == "no-store"
    search = await page_at(without_index, "/nl/search?q=wond&type=skills", 503)
    assert "NOT_INDEXED_YET" in search.text


@pytest.mark.parametrize(
    "path",
    [
        "search?q={}",
        "search?q=wond&type={}",
        "occupations?sector={}",
        "occupations?isco={}",
        "{}",
        "skills/{}",
        "isco/{}",
        "areas/{}",
    ],
)
async def test_hostile_urls_are_escaped(server: Server, path: str) -> None:
    address = f"/nl/{path.format(str(httpx.QueryParams({'': HOSTILE})).removeprefix('='))}"
    page = await server.client.get(address, headers=HTML)

    assert page.status_code in (200, 400, 404)
    assert "<script>" not in page.text
    assert not re.search(r'="[^"]*"alert', page.text)


@pytest.mark.parametrize(("pages", "access", "status"), [
    ("on", "off", 200), ("on", "keys", 401), ("public", "keys", 200), ("off", "off", 404), ("off", "keys", 401),
])  # fmt: skip
async def test_the_setting_enables_or_disables_pages(
    releases: Releases, settings: Settings, tmp_path: Path, pages: str, access: str, status: int
) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.new("visitor")
    changed = replace(settings, pages=pages, access=access, keys_file=keys.file)
    async with running(releases, changed) as server:
        page = await server.client.get("/nl/occupations/OP-101", headers=HTML)
        assert page.status_code == status
        assert status == 200 or heading(page) == {401: "Geen toegang", 404: "Niet gevonden"}[status]
        home = await page_at(server, "/")
        assert ("/nl/" in links(home, "/")) == (status == 200)
        suggestions = await server.client.get("/nl/suggest?q=verpl")
        assert (suggestions.status_code == 200) == (status == 200), "the browser has no key"
        if access == "keys":
            assert not any(link.startswith("/id/") for link in links(page, "/nl/occupations/OP-101"))


async def test_readers_of_public_pages_share_one_quota(releases: Releases, settings: Settings, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.new("client")
    limited = replace(settings, pages="public", access="keys", keys_file=keys.file, key_requests_per_minute=2)
    async with running(releases, limited) as server:
        pages = [await server.client.get("/nl/search", headers=HTML) for _ in range(3)]
        api = await server.post("{ __typename }", X_API_Key=key)

        made_of_queries = ("/", "/nl/suggest?q=verpl", "/releases.atom", "/llms.txt", "/graphiql/examples.json")
        others = [(await server.client.get(path, headers=HTML)).status_code for path in made_of_queries]
        files = [(await server.client.get(path)).status_code for path in ("/docs/", "/graphiql", "/health/live")]

    assert [page.status_code for page in pages] == [200, 200, 429]
    assert heading(pages[-1]) == "Nu niet beschikbaar"
    assert int(pages[-1].headers["retry-after"]) > 0
    assert others == [429] * 5
    assert files == [200] * 3
    assert api.status_code == 200


@pytest.mark.usefixtures("indexed_before")
async def test_an_ended_concept_is_410_with_its_successor(server: Server) -> None:
    for language, word in (("nl", "geschrapt"), ("fr", "supprimé"), ("en", "ended"), ("de", "weggefallen")):
        path = f"/{language}/occupations/OP-116"
        page = await page_at(server, path, 410)
        assert word in page.text, (language, page.text)
        assert {f"/{language}/occupations/OP-113", f"{path}?release=3.10"} <= links(page, path)
        assert page.headers["cache-control"] == "no-store"
    assert re.search(r"query Ended\(", page.text)
    await page_at(server, f"{path}/picture", 410)
    data = await server.ask('{ occupationalProfile(code: "OP-116", release: "3.10") { uuid } }')
    by_uuid = await page_at(server, f"/en/occupations/{data['occupationalProfile']['uuid']}", 410)
    assert heading(by_uuid) == heading(await page_at(server, "/en/occupations/OP-116", 410))
    await page_at(server, "/en/skills/OP-116", 404)
    await page_at(server, "/en/occupations/OP-99999", 404)
    replaced = await page_at(server, "/en/competences/CP-151", 410)
    assert "Nothing in the data shows what took its place." in replaced.text


@pytest.mark.usefixtures("indexed_before")
async def test_an_occupation_shows_changes_since_the_previous_release(server: Server) -> None:
    query = """query ($release: String!) { occupationalProfile(code: "OP-310", release: $release) {
      essentialCompetences { code } optionalCompetences { code } } }"""
    now, was = [
        {item["code"] for items in data["occupationalProfile"].values() for item in items}
        for release in ("3.11", "3.10")
        for data in [await server.ask(query, {"release": release})]
    ]
    path = "/en/occupations/OP-310"
    page = await page_at(server, path)
    section = page.text.partition("Since release 3.10")[2].partition("</section>")[0]

    assert "other names, essential competences, optional competences" in " ".join(section.split())
    assert now - was == {"CP-374"}
    assert was - now == {"CP-347"}
    assert {f"/en/competences/{code}" for code in now - was} <= links(page, path)
    assert section.count("<li>") == len(now ^ was)
    assert "/en/changes?since=3.10" in links(page, path)
    assert re.search(r"query Occupation\(", page.text)
    new = await page_at(server, "/nl/occupations/OP-109")
    assert "Dit beroep is nieuw." in new.text
    first = await page_at(server, "/nl/occupations/OP-101?release=3.9")
    assert "Sinds release" not in first.text


@pytest.mark.usefixtures("indexed_before")
async def test_linked_data_of_an_ended_concept_is_410(server: Server) -> None:
    data = await server.ask('{ occupationalProfile(code: "OP-116", release: "3.10") { uuid } }')
    successor = await server.ask('{ occupationalProfile(code: "OP-113") { uuid } }')
    uuid, other = (one["occupationalProfile"]["uuid"] for one in (data, successor))
    gone = await server.client.get(f"/id/3.11/occupational-profile/{uuid}")

    assert gone.status_code == 410
    assert gone.json()["errors"][0]["message"] == (
        "Gone: it ended; the last indexed release that has it is 3.10. "
        f"Probably replaced by /id/3.11/occupational-profile/{other}."
    )
    assert (await server.client.get(f"/id/3.10/occupational-profile/{uuid}")).status_code == 200
    assert (await server.client.get(f"/id/3.11/skill/{uuid}")).status_code == 404
