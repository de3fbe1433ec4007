"""HAL documents, read tolerantly."""

import pytest

from graphql_api.competent import hal
from graphql_api.competent.hal import Link, Page

UUID = "8c15a1bf-9699-43ae-b890-f79ac3e5f461"
INTERNAL = "http://competent00-rel1prd.vdab.be:8080/competent/api/external/v1"


@pytest.mark.parametrize(
    ("href", "link"),
    [
        (f"{INTERNAL}/releases/3.11/technicalcompetences/{UUID}", Link("3.11", f"/technicalcompetences/{UUID}")),
        (f"/releases/current/softskills/{UUID}/", Link("current", f"/softskills/{UUID}")),
        ("releases/3.11", Link("3.11", "")),
        ("https://elsewhere.example/releases/3.11/softskills", Link("3.11", "/softskills")),
        (f"{INTERNAL}/releases/3.11/occupationalprofiles{{?page,size}}", Link("3.11", "/occupationalprofiles")),
        (f"{INTERNAL}/releases/3.11/occupationalprofiles?page=1#x", Link("3.11", "/occupationalprofiles")),
    ],
)
def test_a_link_is_parsed_from_releases_on_regardless_of_its_host(href: str, link: Link) -> None:
    assert hal.parse_link(href) == link


@pytest.mark.parametrize(
    "href",
    [
        None,
        7,
        "",
        "https://elsewhere.example/admin",
        "/releases/../admin",
        "/releases/3.11/../../admin",
        "/releases/3.11/softskills/..%2f..%2fadmin",
        "/releases/3.11/soft skills",
        "/releases/%2e%2e/softskills",
        "/releases/3.11//softskills",
        "/releases/3.11/softskills\n/x",
        "/notreleases/3.11",
        "/releases/" + "9" * 2000,
    ],
)
def test_a_link_to_any_other_path_is_refused(href: object) -> None:
    assert hal.parse_link(href) is None


@pytest.mark.parametrize("text", ["3.11", "current", "4", "3.11.1", "2026-1", "3_11"])
def test_valid_release_numbers_are_accepted_in_paths(text: str) -> None:
    assert hal.is_release(text)


@pytest.mark.parametrize("text", ["", ".", "..", "3..11", "3.11/", "a b", "3.11\n", "x" * 33, "%2e", "é"])
def test_invalid_release_numbers_are_refused_in_paths(text: str) -> None:
    assert not hal.is_release(text)


def test_an_embedded_list_is_found_by_its_shape() -> None:
    for name in ("softSkillList", "anythingElse"):
        assert hal.items({"_embedded": {"count": 1, name: [{"id": 1}, None, "x"]}}) == [{"id": 1}]


@pytest.mark.parametrize("document", [{}, {"_embedded": None}, {"_embedded": []}, {"_embedded": {"x": 1}}])
def test_a_list_without_embedded_items_is_empty(document: dict[str, object]) -> None:
    assert hal.items(document) == []


def test_a_page_has_its_size_and_the_total() -> None:
    assert hal.page({"page": {"size": 20, "totalElements": 45, "totalPages": 3, "number": 0}}) == Page(20, 45, 0)


def test_a_list_without_a_page_object_is_a_single_page() -> None:
    assert hal.page({"_embedded": {"x": [{}, {}]}}) == Page(2, 2)


@pytest.mark.parametrize("page_object", [None, [], {"size": "20"}, {"size": -1, "totalElements": True}])
def test_an_unusable_page_object_is_replaced_by_counting_items(page_object: object) -> None:
    assert hal.page({"page": page_object, "_embedded": {"x": [{}, {}]}}) == Page(2, 2)


@pytest.mark.parametrize(
    ("links", "href"),
    [
        ({"self": {"href": "/a"}}, "/a"),
        ({"self": [{"href": "/a"}, {"href": "/b"}]}, "/a"),
        ({"self": []}, None),
        ({"self": "/a"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_href_of_a_relation(links: object, href: object) -> None:
    assert hal.href({"_links": links}, "self") == href


@pytest.mark.parametrize(
    ("embedded", "count"),
    [
        ({"list": {"id": UUID}}, 1),
        ({"list": {"number": "3.11"}}, 1),
        ({"list": {"_links": {}}}, 1),
        ({"list": {"document": {"id": UUID}}}, 1),
        ({"id": UUID, "title": {"nl": "Kok"}, "regions": [{}, {}]}, 1),
        ({"warning": {"text": "x"}, "list": [{"id": UUID}, {"id": UUID}]}, 2),
        ({"profile": {"id": UUID}, "list": []}, 1),
        ({"warning": {"text": "x"}, "id": 1}, 0),
        ({"list": {}}, 0),
        ({"list": None}, 0),
        ({"list": "x"}, 0),
        (None, 0),
        ([], 0),
    ],
)
def test_a_single_object_is_a_list_of_one(embedded: object, count: int) -> None:
    document = {"_embedded": embedded}

    assert len(hal.items(document)) == count
    assert hal.page(document) == Page(count, count)


@pytest.mark.parametrize(
    ("value", "expected"), [([1, 2], [1, 2]), ([], []), (None, []), ({}, []), ({"a": 1}, [{"a": 1}]), ("BRU", ["BRU"])]
)
def test_a_value_is_a_list_or_its_only_item(value: object, expected: list[object]) -> None:
    assert hal.as_list(value) == expected
