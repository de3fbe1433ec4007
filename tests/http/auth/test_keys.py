"""Client keys: shown once, stored as salted hashes, valid until revoked, also on running servers."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from graphql_api.errors import SettingsError
from graphql_api.http.auth.keys import RELOAD_INTERVAL, Keys
from tests.conftest import Clock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "keys.json"


def test_a_key_identifies_its_client_until_it_is_revoked(file: Path) -> None:
    keys = Keys(file)
    key, other = keys.new("partner", 5), keys.new("other")

    assert [(client.name, client.per_minute) for client in keys.clients()] == [("other", None), ("partner", 5)]
    result = keys.client(key)
    assert result is not None
    assert (result.name, result.per_minute) == ("partner", 5)

    keys.revoke("partner")

    assert keys.client(key) is None
    assert keys.client(other) is not None


def test_the_file_holds_no_key_and_only_its_owner_may_read_it(file: Path) -> None:
    key = Keys(file).new("partner")
    text = file.read_text(encoding="utf-8")

    assert key not in text
    assert key.split("_", 2)[2] not in text
    assert key[17:] not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_two_keys_have_two_salts_and_two_hashes(file: Path) -> None:
    keys = Keys(file)
    keys.new("a")
    keys.new("b")
    entries = orjson.loads(file.read_bytes())["keys"]

    assert len({line["salt"] for line in entries} | {line["hash"] for line in entries}) == 4


WRONG: list[Callable[[str], str]] = [
    lambda key: "",
    lambda key: key[:-1],
    lambda key: key + "A",
    lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
    lambda key: "cgk_" + "0" * 12 + key[16:],
    lambda key: key.upper(),
    lambda key: f" {key}",
    lambda key: key[:17],
    lambda key: "x" * 100_000,
    lambda key: key + "\n",
    lambda key: "é" * 60,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_only_the_exact_key_identifies_a_client(file: Path, wrong: Callable[[str], str]) -> None:
    keys = Keys(file)
    key = keys.new("partner")

    assert keys.client(wrong(key)) is None


def test_a_running_server_checks_for_changed_keys_once_a_second(file: Path) -> None:
    clock = Clock()
    operator, server = Keys(file), Keys(file, clock)
    key = operator.new("partner")

    assert server.client(key) is None  # it has just looked
    clock.now += RELOAD_INTERVAL
    assert server.client(key) is not None

    operator.revoke("partner")
    assert server.client(key) is not None
    clock.now += RELOAD_INTERVAL
    assert server.client(key) is None


def test_without_the_file_all_keys_are_refused(file: Path) -> None:
    clock = Clock()
    keys = Keys(file, clock)
    key = keys.new("partner")
    file.unlink()
    clock.now += RELOAD_INTERVAL

    assert keys.client(key) is None


def one_key(**changed: object) -> str:
    """A keys file with one key and one invalid entry."""
    client = {"name": "a", "id": "0" * 12, "salt": "0" * 32, "hash": "0" * 64, "made": "", "per_minute": None}
    return json.dumps({"keys": [client | changed]})


def test_a_hand_written_keys_file_is_read(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(one_key(per_minute=5), encoding="utf-8")

    assert [(client.name, client.per_minute) for client in Keys(file).clients()] == [("a", 5)]


@pytest.mark.parametrize(
    "rubbish",
    [
        *("", "{", "[]", "[" * 100_000, "\0", '{"keys": 7}', '{"keys": [7]}', '{"keys": [{"name": "a"}]}'),
        *(one_key(name=name) for name in (7, None, "", "a b")),
        *(one_key(id=id) for id in (7, [], "x")),
        *(one_key(per_minute=number) for number in (0, -1, "5", 1.5, True)),
        *(one_key(salt="00"), one_key(hash=7), one_key(made=7), one_key(more=1)),
    ],
)
def test_an_invalid_keys_file_stops_the_start_but_not_a_running_server(
    file: Path, rubbish: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    keys = Keys(file, clock)
    key = keys.new("partner")
    file.write_text(rubbish, encoding="utf-8")
    clock.now += RELOAD_INTERVAL

    assert keys.client(key) is not None
    assert "the previous keys stay valid" in caplog.text
    with pytest.raises(SettingsError, match="is not a valid keys file"):
        Keys(file)
    with pytest.raises(SettingsError, match="is not a valid keys file"):
        keys.new("another")
    assert file.read_text(encoding="utf-8") == rubbish


@pytest.mark.parametrize("problem", ["pipe", "folder", "huge"])
def test_a_keys_file_that_is_huge_or_not_a_file_is_refused(
    file: Path, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    keys = Keys(file, clock)
    key = keys.new("partner")
    file.unlink()
    match problem:
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "huge":
            with file.open("wb") as huge:
                huge.truncate(10**11)

    for change in (lambda: Keys(file), lambda: keys.new("another"), lambda: keys.revoke("partner")):
        with pytest.raises(SettingsError, match="cannot read the keys file"):
            change()
    for _ in range(3):
        clock.now += RELOAD_INTERVAL
        assert keys.client(key) is not None
    assert caplog.text.count("the previous keys stay valid") == 1


def test_simultaneous_changes_are_serialized(file: Path) -> None:
    keys = Keys(file)
    keys.new("a")
    draft = file.with_name(".keys.json.new")
    draft.touch()

    with pytest.raises(SettingsError, match="another process is changing the keys"):
        keys.new("b")

    draft.unlink()
    keys.new("b")
    assert [client.name for client in keys.clients()] == ["a", "b"]


def test_a_client_name_is_unique_and_has_only_safe_characters(file: Path) -> None:
    keys = Keys(file)
    keys.new("partner")

    with pytest.raises(SettingsError, match="already has a key"):
        keys.new("partner")
    for name in ("", "a b", "x" * 65, "a\nb", "../a"):
        with pytest.raises(SettingsError, match="invalid name"):
            keys.new(name)
    with pytest.raises(SettingsError, match="no client named"):
        keys.revoke("other")
    with pytest.raises(SettingsError, match="at least 1"):
        keys.new("none", 0)
