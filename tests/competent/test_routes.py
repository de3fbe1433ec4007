"""The catalogue of paths."""

from uuid import UUID

from graphql_api.competent import routes
from graphql_api.competent.routes import ROUTES, route_of

ID = UUID("8c15a1bf-9699-43ae-b890-f79ac3e5f461")


def test_every_path_matches_its_route() -> None:
    for route in ROUTES:
        location = route_of(route.path("3.11", ID))
        assert location is not None
        assert location.route is route
        assert location.uuid == (str(ID) if "{uuid}" in route.template else None)


def test_a_page_of_a_list_matches_the_route_of_the_list() -> None:
    location = route_of("/releases/3.11/softskills?page=2&size=500")
    assert location is not None
    assert location.route is routes.SOFT_SKILLS


def test_any_other_path_is_unknown() -> None:
    for path in ("/", "/admin", "/releases/3.11/../x", "/releases/3.11/softskills/x/y", "http://x/releases"):
        assert route_of(path) is None


def test_path_parameters_are_quoted() -> None:
    assert routes.RELEASE.path("../x?y#z") == "/releases/..%2Fx%3Fy%23z"


def test_no_route_has_a_language_parameter() -> None:
    assert not any("lang" in route.template for route in ROUTES)
