"""Releases that are held back, and published on request."""

from collections.abc import Iterator

import pytest

from graphql_api.sandbox import Releases, bundled_releases, create_sandbox
from tests.sandbox.conftest import ClientOf


@pytest.fixture
def releases() -> Iterator[Releases]:
    made = bundled_releases()
    yield made
    made.close()


def test_a_held_back_release_is_not_served(releases: Releases) -> None:
    releases.hold(1)

    assert (releases.numbers, releases.held) == (("3.10", "3.9"), ("3.11",))
    assert releases.get("3.11") is None
    assert releases.get("current") is releases.get("3.10")
    assert releases.describe().endswith("; held back: 3.11")


@pytest.mark.parametrize("count", [-1, 3, 4])
def test_at_least_one_release_must_remain(releases: Releases, count: int) -> None:
    with pytest.raises(ValueError, match="at most 2 of 3 releases can be held back"):
        releases.hold(count)

    assert releases.numbers == ("3.11", "3.10", "3.9")


async def test_a_post_publishes_the_next_release(releases: Releases, client_of: ClientOf) -> None:
    releases.hold(1)
    client = client_of(create_sandbox(releases, key="k3y"))  # the sandbox's own addresses need no key

    before = (await client.get("/sandbox/releases")).json()
    published = await client.post("/sandbox/releases")
    response = await client.get("/releases/current", headers={"X-IBM-Client-Id": "k3y"})

    assert before == {"current": "3.10", "served": ["3.10", "3.9"], "held": ["3.11"]}
    assert published.status_code == 201
    assert published.json() == {"current": "3.11", "served": ["3.11", "3.10", "3.9"], "held": []}
    assert "3.11" in response.text


async def test_publishing_without_a_held_back_release_is_409(releases: Releases, client_of: ClientOf) -> None:
    refused = await client_of(create_sandbox(releases)).post("/sandbox/releases")

    assert refused.status_code == 409
    assert "--hold 1" in refused.json()["error"]
