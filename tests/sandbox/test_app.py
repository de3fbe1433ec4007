"""The sandbox over HTTP: every route of the Competent API, and the habits that its clients must live with."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.sandbox.dataset import Concept, Dataset, Profile, texts
from graphql_api.sandbox.document_store import documents_in_memory
from graphql_api.sandbox.faults import Fault, Faults
from tests.sandbox.conftest import ClientOf

INTERNAL = "http://competent00-rel1prd.vdab.be:8080/competent/api/external/v1"
GOLDEN = Path(__file__).parents[1] / "golden" / "technicalcompetence-CP-7.json"
CP_7 = "8c15a1bf-9699-43ae-b890-f79ac3e5f461"
LISTS = {
    "occupationalprofiles": "occupationalProfileListInfoList",
    "technicalcompetences": "technicalCompetenceListInfoList",
    "softskills": "softSkillList",
}


@pytest.fixture
def client(bundled: Releases, client_of: ClientOf) -> httpx.AsyncClient:
    return client_of(create_sandbox(bundled))


async def get(client: httpx.AsyncClient, path: str) -> Any:
    """The document at a path."""
    response = await client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/hal+json"
    return response.json()


async def items(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """The items of a list, whatever its name."""
    body = await get(client, path)
    return next(iter(body.get("_embedded", {"": []}).values()))


async def test_a_technical_competence_equals_the_example_published_by_vdab(client: httpx.AsyncClient) -> None:
    body = await get(client, f"/releases/current/technicalcompetences/{CP_7}")

    assert json.dumps(body, indent=2, ensure_ascii=False) + "\n" == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "base",
    [
        "",
        "/services/opendata/competent/v2",
        "/services/opendata/competent/v2.1",
        "/services/opendata/competent/v2.1.0",
        "/services/openservices/v1",
    ],
)
async def test_routes_are_served_at_the_root_and_under_both_vdab_bases(client: httpx.AsyncClient, base: str) -> None:
    body = await get(client, f"{base}/releases/3.11/technicalcompetences/{CP_7}")

    assert body["code"] == "CP-7"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/occupationalprofiles?page=1&size=3",
        "/technicalcompetences",
        "/softskills",
        f"/technicalcompetences/{CP_7}",
        f"/technicalcompetences/{CP_7}/occupationalprofiles/used",
    ],
)
async def test_current_is_an_alias_of_the_newest_release(client: httpx.AsyncClient, path: str) -> None:
    current = await get(client, f"/releases/current{path}")

    assert current == await get(client, f"/releases/3.11{path}")
    assert current != await get(client, f"/releases/3.10{path}")
    assert "/releases/3.11" in json.dumps(current["_links"])


async def test_releases_are_listed_newest_first(client: httpx.AsyncClient) -> None:
    assert await get(client, "/releases") == {
        "_embedded": {
            "releaseList": [
                {
                    "number": number,
                    "publicationDate": day,
                    "current": number == "3.11",
                    "source": "sandbox data, not VDAB's",
                    "_links": {"self": {"href": f"{INTERNAL}/releases/{number}"}},
                }
                for number, day in (("3.11", "2022-06-30"), ("3.10", "2022-03-31"), ("3.9", "2021-12-16"))
            ]
        },
        "_links": {"self": {"href": f"{INTERNAL}/releases"}},
    }


async def test_a_release_equals_its_entry_in_the_list(client: httpx.AsyncClient) -> None:
    current, older, _ = await items(client, "/releases")

    assert await get(client, "/releases/current") == current
    assert await get(client, "/releases/3.10") == older


@pytest.mark.parametrize(
    ("collection", "keys"),
    [
        ("occupationalprofiles", ["id", "code", "title", "_links"]),
        ("technicalcompetences", ["id", "code", "_links"]),
        ("softskills", ["id", "code", "title", "regions", "type", "_links"]),
    ],
)
async def test_a_list_item_links_to_its_document(client: httpx.AsyncClient, collection: str, keys: list[str]) -> None:
    body = await get(client, f"/releases/current/{collection}?page=1&size=5")

    (name,) = body["_embedded"]
    assert name == LISTS[collection]
    for item in body["_embedded"][name]:
        assert list(item) == keys
        href = item["_links"]["self"]["href"]
        assert href == f"{INTERNAL}/releases/3.11/{collection}/{item['id']}"
        document = await get(client, href.removeprefix(INTERNAL))
        assert {key: document[key] for key in ("id", "code")} == {key: item[key] for key in ("id", "code")}
        assert document["_links"]["self"]["href"] == href


@pytest.mark.parametrize("collection", LISTS)
async def test_all_pages_together_equal_the_complete_list(client: httpx.AsyncClient, collection: str) -> None:
    complete = await items(client, f"/releases/current/{collection}?size=2000")
    path, met = f"/releases/current/{collection}?page=0&size=7", []
    while path:
        body = await get(client, path)
        met += body["_embedded"][LISTS[collection]]
        path = body["_links"].get("next", {"href": ""})["href"].removeprefix(INTERNAL)

    assert met == complete
    assert len({item["id"] for item in met}) == len(met)


async def test_a_page_has_its_size_its_number_and_links_to_its_neighbours(client: httpx.AsyncClient) -> None:
    total = len(await items(client, "/releases/current/technicalcompetences?size=2000"))
    last = -(-total // 20) - 1

    first, middle, end = [
        await get(client, f"/releases/current/technicalcompetences?page={number}") for number in (0, 1, last)
    ]

    assert middle["page"] == {"size": 20, "totalElements": total, "totalPages": last + 1, "number": 1}
    path = f"{INTERNAL}/releases/3.11/technicalcompetences"
    assert middle["_links"] == {
        "first": {"href": f"{path}?page=0&size=20"},
        "prev": {"href": f"{path}?page=0&size=20"},
        "self": {"href": f"{path}?page=1&size=20"},
        "next": {"href": f"{path}?page=2&size=20"},
        "last": {"href": f"{path}?page={last}&size=20"},
    }
    assert list(first["_links"]) == ["first", "self", "next", "last"]
    assert list(end["_links"]) == ["first", "prev", "self", "last"]


async def test_a_page_beyond_the_last_has_no_embedded_key(client: httpx.AsyncClient) -> None:
    body = await get(client, "/releases/current/occupationalprofiles?page=900")

    assert list(body) == ["_links", "page"]
    assert body["page"]["number"] == 900


async def test_the_page_size_is_capped_at_2000_and_reported(client: httpx.AsyncClient) -> None:
    body = await get(client, "/releases/current/occupationalprofiles?size=5000")

    assert body["page"]["size"] == 2000


async def test_soft_skills_are_unpaged_unless_a_page_is_requested(client: httpx.AsyncClient) -> None:
    complete = await get(client, "/releases/current/softskills")
    page = await get(client, "/releases/current/softskills?size=4")

    assert list(complete) == ["_embedded", "_links"]
    assert len(complete["_embedded"]["softSkillList"]) == page["page"]["totalElements"] > 4
    assert page["_embedded"]["softSkillList"] == complete["_embedded"]["softSkillList"][:4]


async def test_embedded_competences_have_no_indicators_but_a_link_to_all_fields(
    client: httpx.AsyncClient,
) -> None:
    (first, *_) = await items(client, "/releases/current/occupationalprofiles")
    profile = await get(client, f"/releases/current/occupationalprofiles/{first['id']}")

    for embedded in (*profile["essentialCompetences"], *profile["specificCompetences"]):
        assert list(embedded) == ["id", "code", "skill", "knowledgeItems", "_links"]
        complete = await get(client, embedded["_links"]["self"]["href"].removeprefix(INTERNAL))
        assert {key: complete[key] for key in ("id", "code", "skill", "knowledgeItems")} == {
            key: embedded[key] for key in ("id", "code", "skill", "knowledgeItems")
        }
        assert complete["behaviouralIndicators"]


async def test_used_in_profiles_are_exactly_those_that_embed_the_competence(client: httpx.AsyncClient) -> None:
    competence = await get(client, f"/releases/current/technicalcompetences/{CP_7}")
    path = competence["_links"]["usedInOccupationalProfiles"]["href"].removeprefix(INTERNAL)
    users = []
    for item in await items(client, "/releases/current/occupationalprofiles?size=2000"):
        profile = await get(client, f"/releases/current/occupationalprofiles/{item['id']}")
        embedded = (*profile["essentialCompetences"], *profile["specificCompetences"])
        users += [item] if CP_7 in [one["id"] for one in embedded] else []

    used = await get(client, path)

    assert list(used) == ["_embedded", "_links"]
    assert used["_links"]["self"]["href"] == INTERNAL + path
    assert used["_embedded"] == {"occupationalProfileListInfoList": users}


async def test_an_unused_competence_has_an_empty_list(client_of: ClientOf) -> None:
    alone = Concept("6a0e5d43-0000-4000-8000-000000000001", "CP-1")
    releases = Releases([documents_in_memory(Dataset("3.9", None, (), (alone,)))])
    client = client_of(create_sandbox(releases))

    path = f"/releases/3.9/technicalcompetences/{alone.uuid}/occupationalprofiles/used"
    assert await get(client, path) == {"_links": {"self": {"href": INTERNAL + path}}}
    assert await get(client, "/releases/current/softskills") == {
        "_links": {"self": {"href": f"{INTERNAL}/releases/3.9/softskills"}}
    }
    assert (await get(client, "/releases/current/occupationalprofiles"))["page"] == {
        "size": 20,
        "totalElements": 0,
        "totalPages": 0,
        "number": 0,
    }
    releases.close()


async def test_every_localized_text_has_four_languages(client: httpx.AsyncClient) -> None:
    (first, *_) = await items(client, "/releases/current/occupationalprofiles")
    profile = await get(client, f"/releases/current/occupationalprofiles/{first['id']}")

    def check(value: Any, key: str = "") -> int:
        if isinstance(value, list):
            return sum(check(one) for one in value)
        if not isinstance(value, dict):
            return 0
        if key in ("title", "description", "workingContext"):
            assert list(value) == ["nl", "fr", "en", "de"]
            return 1
        return sum(check(one, name) for name, one in value.items())

    assert check(profile) > 20


async def test_the_lang_parameter_empties_all_other_languages(client: httpx.AsyncClient) -> None:
    path = f"/releases/current/technicalcompetences/{CP_7}"
    complete, english = await get(client, path), await get(client, f"{path}?lang=en")

    assert english["skill"]["description"] == {"nl": None, "fr": None, "en": None, "de": None}
    assert english["knowledgeItems"][1]["description"] == {
        "nl": None,
        "fr": None,
        "en": "Human resources management\n",
        "de": None,
    }
    assert (english["id"], english["_links"]) == (complete["id"], complete["_links"])
    for item in await items(client, "/releases/current/occupationalprofiles?lang=fr"):
        assert item["title"]["fr"] is not None
        assert item["title"]["nl"] is None


async def test_a_search_hit_has_uuid_code_release_and_title(client: httpx.AsyncClient) -> None:
    path = "/search?searchValue=verpleegkundige&entityTypes=OCCUPATIONAL_PROFILE&language=nl"
    body = await get(client, f"{path}&page=0&size=1")

    (hit,) = body["_embedded"]["competentSearchResultList"]
    assert list(hit) == ["document"]
    assert list(hit["document"]) == ["id", "code", "releaseNumber", "title"]
    assert hit["document"]["releaseNumber"] == "3.11"
    assert "verpleegkundige" in hit["document"]["title"]["nl"].lower()
    document = await get(client, f"/releases/3.11/occupationalprofiles/{hit['document']['id']}")
    assert document["title"] == hit["document"]["title"]


async def test_page_links_of_a_search_preserve_its_query(client: httpx.AsyncClient) -> None:
    query = {"searchValue": "mede werker & co", "entityTypes": "OCCUPATIONAL_PROFILE", "language": "nl"}
    response = await client.get("/search", params={**query, "size": "1", "page": "1"})

    link = urlsplit(response.json()["_links"]["next"]["href"])
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{INTERNAL}/search"
    assert dict(parse_qsl(link.query)) == {**query, "page": "2", "size": "1"}


@pytest.mark.parametrize(
    "text", ["zzyzx", "q", "loodgietter", "'; DROP TABLE document; --", 'NEAR("a b", 2)', "é" * 900]
)
async def test_search_is_so_loose_that_nonsense_has_hits(client: httpx.AsyncClient, text: str) -> None:
    response = await client.get("/search", params={"searchValue": text})

    assert response.status_code == 200
    if text != "q":
        assert response.json()["page"]["totalElements"] > 0


@pytest.mark.parametrize("types", ["TECHNICAL_COMPETENCE", "SKILL,SOFT_SKILL"])
async def test_search_for_anything_but_profiles_is_empty(client: httpx.AsyncClient, types: str) -> None:
    body = await get(client, f"/search?searchValue=verpleegkundige&entityTypes={types}")

    assert list(body) == ["_links", "page"]
    assert body["page"]["totalElements"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/releases/3.12",
        "/releases/3.12/softskills",
        "/releases/3.12/occupationalprofiles/" + CP_7,
        "/releases/3.11/occupationalprofiles/" + CP_7,
        "/releases/3.11/technicalcompetences/not-a-uuid",
        "/releases/3.11/technicalcompetences/00000000-0000-4000-8000-000000000000/occupationalprofiles/used",
        "/releases/3.11/skills",
        "/releases/",
        "/releases/3.11/softskills/",
        "/nothing",
        "/",
    ],
)
async def test_a_missing_document_is_a_404_in_the_format_of_the_service(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(f"/services/opendata/competent/v2{path}")

    body = response.json()
    assert response.status_code == body["status"] == 404
    assert list(body) == ["timestamp", "status", "error", "path"]
    assert body["error"] == "Not Found"
    assert body["path"] == f"/competent/api/external/v1{path}"


@pytest.mark.parametrize("query", ["page=-1", "page=x", "page=", "page=1.5", "size=0", "size=-3", "size=all", "page=٣"])
@pytest.mark.parametrize("collection", LISTS)
async def test_an_invalid_page_or_size_is_a_400_in_the_format_of_the_service(
    client: httpx.AsyncClient, collection: str, query: str
) -> None:
    response = await client.get(f"/releases/current/{collection}?{query}")

    assert response.status_code == response.json()["status"] == 400


@pytest.mark.parametrize("query", ["", "searchValue=", "searchValue=%20", "searchValue=kok&page=-1"])
async def test_a_search_without_text_or_with_an_invalid_page_is_a_400(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/search?{query}")).status_code == 400


async def test_other_methods_are_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/releases/current/softskills")

    assert response.status_code == response.json()["status"] == 405
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize("headers", [{}, {"X-IBM-Client-Id": "another"}, {"X-IBM-Client-Id": "clé".encode()}])
async def test_without_the_key_the_gateway_responds_401(
    bundled: Releases, client_of: ClientOf, headers: dict[str, str | bytes]
) -> None:
    client = client_of(create_sandbox(bundled, key="the key"))
    response = await client.get("/services/opendata/competent/v2/releases", headers=headers)  # type: ignore[arg-type]

    assert response.status_code == 401
    assert response.json() == {
        "httpCode": "401",
        "httpMessage": "Unauthorized",
        "moreInformation": "Invalid client id or secret.",
    }


async def test_with_the_key_the_service_responds(bundled: Releases, client_of: ClientOf) -> None:
    client = client_of(create_sandbox(bundled, key="the key"))

    assert (await client.get("/releases", headers={"x-ibm-client-id": "the key"})).status_code == 200


async def test_calls_over_the_rate_limit_are_refused_until_the_next_minute(
    bundled: Releases, client_of: ClientOf
) -> None:
    now = 1000.0
    client = client_of(create_sandbox(bundled, rate_limit=2, clock=lambda: now))

    async def call() -> tuple[int, str, str | None]:
        response = await client.get("/releases/nothing")
        assert response.headers["x-ratelimit-limit"] == "name=default,2;"
        return response.status_code, response.headers["x-ratelimit-remaining"], response.headers.get("retry-after")

    assert await call() == (404, "name=default,1;", None)
    now += 20.5
    assert await call() == (404, "name=default,0;", None)
    now += 1
    assert await call() == (429, "name=default,0;", "39")
    now += 38.4
    assert await call() == (429, "name=default,0;", "1")
    now += 0.1
    assert await call() == (404, "name=default,0;", None)
    now += 60
    assert await call() == (404, "name=default,1;", None)


async def test_a_rate_limit_error_has_the_format_of_the_gateway(bundled: Releases, client_of: ClientOf) -> None:
    response = await client_of(create_sandbox(bundled, rate_limit=0)).get("/releases")

    assert response.status_code == 429
    assert response.json() == {
        "httpCode": "429",
        "httpMessage": "Too Many Requests",
        "moreInformation": "Rate Limit exceeded",
    }


async def test_requests_are_recorded_with_query_but_without_base(bundled: Releases, client_of: ClientOf) -> None:
    paths: list[str] = []
    client = client_of(create_sandbox(bundled, key="k", requests=paths))

    await client.get("/releases/current/softskills?page=0&size=2", headers={"X-IBM-Client-Id": "k"})
    await client.get("/services/openservices/v1/releases?lang=nl")
    await client.get("/sandbox/faults")

    assert paths == ["/releases/current/softskills?page=0&size=2", "/releases?lang=nl"]


async def test_by_default_only_the_latest_requests_are_recorded(bundled: Releases, client_of: ClientOf) -> None:
    app = create_sandbox(bundled)
    await client_of(app).get("/releases")

    assert list(app.state.requests) == ["/releases"]
    assert app.state.requests.maxlen == 10_000


async def test_a_release_with_one_profile_has_one_page(client_of: ClientOf) -> None:
    one = Profile("6a0e5d43-0000-4000-8000-000000000002", "OP-1", {"title": texts("Kok")})
    releases = Releases([documents_in_memory(Dataset("3.9", "2022-01-01", (one,), ()))])
    body = await get(client_of(create_sandbox(releases)), "/releases/3.9/occupationalprofiles?size=1")
    releases.close()

    assert list(body["_links"]) == ["first", "self", "last"]
    assert body["page"] == {"size": 1, "totalElements": 1, "totalPages": 1, "number": 0}


@pytest.mark.parametrize(
    "path",
    [
        "/releases",
        "/releases/3.11",
        "/releases/3.11/softskills",
        "/releases/current/occupationalprofiles?page=1&size=3",
        f"/releases/3.11/technicalcompetences/{CP_7}",
        f"/releases/3.11/technicalcompetences/{CP_7}/occupationalprofiles/used",
        "/search?searchValue=laser",
    ],
)
async def test_a_document_can_be_read_without_a_request(bundled: Releases, client_of: ClientOf, path: str) -> None:
    requests: list[str] = []
    sandbox = create_sandbox(bundled, requests=requests)

    assert sandbox.read(path) == (await client_of(sandbox).get(path)).content
    assert requests == [path, path]


def test_responses_that_depend_on_a_request_cannot_be_read_directly(bundled: Releases) -> None:
    path, faults, requests = "/releases/3.11", Faults(), list[str]()
    sandbox = create_sandbox(bundled, faults=faults, requests=requests)

    assert sandbox.read("/releases/9.99") is None
    assert sandbox.read("/releases?x=1") == sandbox.read("/releases")
    assert create_sandbox(bundled, key="secret").read(path) is None
    assert create_sandbox(bundled, rate_limit=100).read(path) is None
    faults.add(Fault(path, "slow"))
    assert sandbox.read(path) is None
    faults.clear()
    assert sandbox.read(path) is not None
    assert requests == ["/releases?x=1", "/releases", path]
