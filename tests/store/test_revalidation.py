"""When a stale document is requested again after its revalidation failed."""

import pytest

from graphql_api.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout, UpstreamUnavailable
from graphql_api.store.revalidation import Revalidations
from tests.conftest import Clock

PAUSE = 3600.0


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (UpstreamRateLimited(retry_after=7, detail="not asked: plan").lasting(), 7.0),
        (UpstreamUnavailable(retry_after=2, detail="not asked: failing").lasting(), 2.0),
        (UpstreamUnavailable(retry_after=2, detail="status 503"), PAUSE),
        (UpstreamTimeout(), PAUSE),
    ],
    ids=["plan", "breaker", "503", "timeout"],
)
async def test_a_failed_revalidation_is_retried_only_after_its_pause(error: UpstreamError, pause: float) -> None:
    clock, tries = Clock(1000.0), 0
    revalidations = Revalidations(clock)

    async def renew() -> None:
        nonlocal tries
        tries += 1
        raise error

    for at in (0.0, pause - 0.1, pause + 0.1):
        clock.now = 1000.0 + at
        revalidations.start("/releases", None, renew, PAUSE)
        await revalidations.wait_idle()
    assert tries == 2
