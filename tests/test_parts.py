"""The parts chosen by the settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from graphql_api.parts import _origin, cache_dir
from graphql_api.settings import Settings


def test_what_is_kept_of_a_workbook_is_not_served_for_a_changed_one(tmp_path: Path) -> None:
    file = tmp_path / "x.xlsx"
    file.write_bytes(b"one")
    settings = replace(Settings(), data=(file,))
    before = _origin(settings)
    file.write_bytes(b"another")

    assert _origin(settings) != before
    assert _origin(Settings()) != before


def test_what_is_kept_of_an_api_is_kept_by_its_address() -> None:
    assert _origin(replace(Settings(), upstream_url="https://a.example/v2/")) == "https://a.example/v2"


def test_the_cache_folder_is_the_one_of_the_settings_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert cache_dir(replace(Settings(), cache_dir=tmp_path / "own")) == tmp_path / "own"
    assert cache_dir(Settings()).name == "competent-graphql"
