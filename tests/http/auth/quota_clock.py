"""A stopped clock for quotas, so that what is left depends on requests alone."""

import time
from types import SimpleNamespace

import limits.storage.memory
import limits.strategies
import pytest

from tests.conftest import Clock


def stop_quota_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of all quotas at the present time, until the test ends."""
    stopped = SimpleNamespace(time=Clock(time.time()))
    for module in (limits.storage.memory, limits.strategies):
        monkeypatch.setattr(module, "time", stopped)
