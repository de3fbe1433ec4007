"""The promises of `Backend`, kept by each backend that there is."""

import asyncio

import pytest

from graphql_api.competent.fetch import Validators
from graphql_api.store import Backend
from graphql_api.store.freshness import Kept
from tests.store.fakes import OTHER, PROFILE, OpenBackend, profile

HERE = "https://api.example"


async def until_found(backend: Backend, path: str) -> Kept:
    """What another has put is there soon."""
    for _ in range(1000):
        if found := (await backend.get_many([path])).get(path):
            return found
        await asyncio.sleep(0.001)
    raise AssertionError(f"{path} did not come")


@pytest.mark.parametrize("validators", [Validators(), Validators('W/"a1"', "Wed, 01 Jul 2026 00:00:00 GMT")])
async def test_a_document_comes_back_as_it_was_put(open_backend: OpenBackend, validators: Validators) -> None:
    kept = Kept({"id": "x", "title": {"nl": "Kok à la carte", "fr": None}, "n": [1, 2.5]}, 1234.5, 65, validators)
    mine, other = open_backend(HERE), open_backend(HERE)

    mine.put(PROFILE, kept)

    assert await mine.get_many([PROFILE, OTHER]) == {PROFILE: kept}
    assert await until_found(other, PROFILE) == kept


async def test_what_was_put_is_found_at_once_by_who_put_it(open_backend: OpenBackend) -> None:
    backend = open_backend(HERE)
    for version in range(50):
        backend.put(PROFILE, Kept({"version": version}, float(version), 9))
        assert (await backend.get_many([PROFILE]))[PROFILE].document == {"version": version}


async def test_what_was_put_is_there_for_who_opens_the_place_later(open_backend: OpenBackend) -> None:
    first = open_backend(HERE)
    for number in range(300):
        first.put(profile(number), Kept({"n": number}, 5.0, 9))
    await first.aclose()

    found = await open_backend(HERE).get_many(map(profile, range(300)))

    assert [found[profile(number)].document for number in range(300)] == [{"n": number} for number in range(300)]


async def test_thousands_are_found_in_one_look_and_none_in_none(open_backend: OpenBackend) -> None:
    backend = open_backend(HERE)
    paths = [profile(number) for number in range(2500)]
    for path in paths:
        backend.put(path, Kept({}, 0, 2))

    assert len(await backend.get_many(paths)) == 2500
    assert await backend.get_many([]) == {}


async def test_documents_of_another_api_in_the_same_place_are_not_ours(open_backend: OpenBackend) -> None:
    mine, other = open_backend("https://a.example"), open_backend("https://b.example")
    mine.put(PROFILE, Kept({"of": "a"}, 1, 9))
    other.put(PROFILE, Kept({"of": "b"}, 1, 9))
    await until_found(mine, PROFILE)

    assert (await mine.get_many([PROFILE]))[PROFILE].document == {"of": "a"}
    assert (await other.get_many([PROFILE]))[PROFILE].document == {"of": "b"}


async def test_many_ask_and_put_at_once(open_backend: OpenBackend) -> None:
    backends = [open_backend(HERE) for _ in range(3)]

    async def work(backend: Backend, number: int) -> None:
        backend.put(profile(number), Kept({"n": number}, 1, 9))
        assert (await backend.get_many([profile(number)]))[profile(number)].document == {"n": number}

    await asyncio.gather(*(work(each, number) for number in range(100) for each in backends))


async def test_closing_writes_what_was_put_a_moment_ago(open_backend: OpenBackend) -> None:
    backend = open_backend(HERE)
    await backend.get_many([PROFILE])
    backend.put(PROFILE, Kept({"late": True}, 1, 9))
    await backend.aclose()

    assert PROFILE in await open_backend(HERE).get_many([PROFILE])
