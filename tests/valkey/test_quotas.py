"""Quotas that replicas count together on a real server."""

import pytest

from graphql_api.http.auth.rate_limit import Quotas
from tests.valkey.conftest import Server

pytestmark = pytest.mark.valkey


async def test_replicas_share_the_quota_of_each_client(valkey: Server) -> None:
    one, other = Quotas.of(valkey.url), Quotas.of(valkey.url)

    taken = [await item.take("a", 3) for item in (one, other, one, other)]

    assert [state.allowed for state in taken] == [True, True, True, False]
    assert [state.remaining for state in taken] == [2, 1, 0, 0]
    assert (await other.take("b", 3)).remaining == 2
    await one.aclose()
    await other.aclose()


async def test_a_replica_without_its_server_counts_quotas_locally(valkey: Server) -> None:
    quotas = Quotas.of(valkey.url)
    assert (await quotas.take("a", 2)).remaining == 1
    valkey.stop()

    assert [(await quotas.take("a", 2)).allowed for _ in range(3)] == [True, True, False]
    await quotas.aclose()
