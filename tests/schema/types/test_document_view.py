"""Where a field is read: from the loaded document or the complete one."""

from typing import Any
from uuid import UUID

import pytest

from graphql_api.competent.routes import SOFT_SKILL, Route
from graphql_api.errors import UpstreamError, UpstreamNotFound
from graphql_api.schema.types.document_view import DocumentView

ID = "00000000-0000-4000-8000-00000000000a"
COMPLETE = {"id": ID, "code": "SS-1", "regions": ["BE"]}


class Loaders:
    """Loaders with one complete document: cached, loadable or failing."""

    def __init__(self, cached: bool = False, error: UpstreamError | None = None) -> None:
        self.cached = cached
        self.error = error
        self.loaded: list[str] = []

    def get_cached(self, path: str) -> dict[str, Any] | None:
        return COMPLETE if self.cached else None

    async def load_complete(self, route: Route, number: str, uuid: UUID) -> dict[str, Any]:
        self.loaded.append(route.path(number, uuid))
        if self.error:
            raise self.error
        return COMPLETE


def convert(view: DocumentView, value: Any) -> Any:
    return view.is_complete, value


def view(loaders: Loaders, route: Route | None = SOFT_SKILL, is_complete: bool = False, **fields: Any) -> DocumentView:
    return DocumentView(loaders, "3.11", {"id": ID, **fields}, ID, route, is_complete)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["SS-1", None])
def test_a_present_key_is_read_synchronously_even_if_null(value: str | None) -> None:
    assert view(Loaders(), code=value).read("code", convert) == (False, value)


@pytest.mark.parametrize(("route", "is_complete"), [(None, False), (SOFT_SKILL, True)])
def test_a_missing_key_is_null_if_there_is_nothing_to_load(route: Route | None, is_complete: bool) -> None:
    assert view(Loaders(), route, is_complete).read("code", convert) == (is_complete, None)


def test_a_missing_key_is_read_from_the_cached_complete_document() -> None:
    assert view(Loaders(cached=True)).read("code", convert) == (True, "SS-1")
    assert view(Loaders(cached=True)).read("description", convert) == (True, None)


async def test_a_missing_key_is_awaited_if_the_complete_document_must_be_loaded() -> None:
    loaders = Loaders()

    assert await view(loaders).read("code", convert) == (True, "SS-1")
    assert loaders.loaded == [f"/releases/3.11/softskills/{ID}"]


async def test_a_field_can_be_empty_if_the_complete_document_fails_to_load() -> None:
    loaders = Loaders(error=UpstreamNotFound())

    assert await view(loaders).read("regions", convert, empty_on_error=True) == (False, None)
    with pytest.raises(UpstreamNotFound):
        await view(loaders).read("code", convert)
