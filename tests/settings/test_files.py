"""Files that an operator names, and folders of a user: what cannot be read or written is one sentence, or the server works
without it."""

import logging
import os
import pwd
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphql_api.cli import command
from graphql_api.errors import SettingsError
from graphql_api.http.auth import access_policy_for, keys_file
from graphql_api.http.auth.keys import Keys
from graphql_api.services.storage import cache_dir, index_folder
from graphql_api.settings import Settings
from graphql_api.settings.files import (
    UnusableFile,
    is_open_to_others,
    read_small,
    user_cache_folder,
    user_config_folder,
)
from tests.conftest import Clock

LIVE = {"COMPETENT_UPSTREAM_URL": "https://competent.invalid", "COMPETENT_API_KEY": "k3y"}


@pytest.fixture
def user_without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user as in a container: no HOME, no entry in /etc/passwd, no settings."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    for name in [
        item for item in os.environ if item in ("HOME", "USERPROFILE") or item.startswith(("XDG_", "COMPETENT_"))
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.usefixtures("user_without_home")
def test_a_user_without_a_home_has_no_folders() -> None:
    assert (user_cache_folder(), user_config_folder(), cache_dir(Settings()), index_folder(Settings())) == (None,) * 4
    with pytest.raises(SettingsError, match="set COMPETENT_KEYS_FILE"):
        keys_file(Settings())


@pytest.mark.usefixtures("user_without_home")
@pytest.mark.parametrize("live", [{}, LIVE], ids=["sandbox", "live"])
def test_ask_works_without_a_home(live: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in live.items():
        monkeypatch.setenv(name, value)

    assert run("ask", "{ __typename }")[0] == 0


@pytest.mark.usefixtures("user_without_home")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["key", "new", "x"], "set COMPETENT_KEYS_FILE"),
        (["key", "list"], "set COMPETENT_KEYS_FILE"),
        (["key", "revoke", "x"], "set COMPETENT_KEYS_FILE"),
        (["mirror"], "set COMPETENT_CACHE_DIR"),
    ],
)
def test_a_command_that_needs_a_home_folder_names_the_setting(arguments: list[str], says: str) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert says in err


@pytest.mark.usefixtures("user_without_home")
def test_doctor_works_without_a_home() -> None:
    assert run("doctor", "--json")[0] == 0


@pytest.mark.usefixtures("user_without_home")
def test_a_tilde_without_a_home_is_refused() -> None:
    with pytest.raises(SettingsError, match="COMPETENT_CACHE_DIR begins with ~"):
        Settings.from_environment({"COMPETENT_CACHE_DIR": "~/cache"})


def test_a_tilde_is_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings.from_environment({"COMPETENT_CACHE_DIR": "~/cache", "COMPETENT_PERSISTED": "~/a.json"})

    assert (settings.cache_dir, settings.persisted) == (tmp_path / "cache", (tmp_path / "a.json",))


def test_mirror_refuses_to_run_without_a_writable_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COMPETENT_CACHE_DIR", str(tmp_path / "file"))
    assert "file cannot be written): set COMPETENT_CACHE_DIR" in run("mirror")[2]

    monkeypatch.setenv("COMPETENT_STORE", "memory:")
    code, out, err = run("mirror")
    assert (code, out) == (2, "")
    assert "mirror needs a persistent store, but COMPETENT_STORE is memory:" in err


def test_doctor_refuses_an_unwritable_folder_before_the_first_call(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        code, out, err = run("doctor", "--record", str(folder))

        assert (code, out) == (2, "")
        assert "cannot save the responses in" in err


def test_access_by_keys_without_a_keys_file_is_refused(tmp_path: Path) -> None:
    settings = replace(Settings(), access="keys", keys_file=tmp_path / "keys.json")

    with pytest.raises(SettingsError, match=r"keys\.json does not exist: create it with `competent-graphql key new"):
        access_policy_for(settings)


def test_an_empty_keys_file_is_accepted_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = replace(Settings(), access="keys", keys_file=tmp_path / "keys.json")
    keys = Keys(tmp_path / "keys.json")
    keys.new("partner")
    keys.revoke("partner")

    assert access_policy_for(settings) is not None
    assert "every request is refused" in caplog.text


def test_a_disappearing_keys_file_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    Keys(tmp_path / "keys.json").new("partner")
    keys = Keys(tmp_path / "keys.json", clock)
    keys.file.unlink()
    for _ in range(3):
        clock.now += 2
        assert keys.clients() == []

    assert caplog.text.count("keys file not found") == 1


@pytest.mark.parametrize("location", ["file/keys.json", "folder", "new/keys.json"])
def test_an_unwritable_keys_file_is_a_one_line_error(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    def full_folder(source: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_folder)
    monkeypatch.setenv("COMPETENT_KEYS_FILE", str(tmp_path / location))
    code, out, err = run("key", "new", "partner")

    assert (code, out) == (2, "")
    assert "the keys file" in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.rglob(".keys.json.new"))


def test_a_file_is_read_up_to_its_size_limit(tmp_path: Path) -> None:
    file = tmp_path / "small"
    file.write_bytes(b"x" * 100)
    link = tmp_path / "link"  # as Kubernetes mounts secrets
    link.symlink_to(file)

    assert read_small(link, 100) == b"x" * 100
    with pytest.raises(UnusableFile, match="more than 99 bytes"):
        read_small(file, 99)


@pytest.mark.parametrize("name", ["pipe", "link to a pipe", "socket", "folder", "missing", "/dev/zero", "/dev/null"])
def test_a_pipe_or_device_is_refused_without_blocking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    os.mkfifo("pipe")
    Path("link to a pipe").symlink_to("pipe")
    Path("folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(UnusableFile) as refused:
            read_small(Path(name), 100)

    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize(
    ("mode", "what"), [(0o600, ""), (0o400, ""), (0o640, ""), (0o644, "read"), (0o660, "change"), (0o602, "change")]
)
def test_permissions_of_other_users_are_detected(tmp_path: Path, mode: int, what: str) -> None:
    file = tmp_path / "keys"
    file.touch()
    file.chmod(mode)

    assert is_open_to_others(file) == what


def test_a_missing_file_is_not_open_to_others(tmp_path: Path) -> None:
    assert is_open_to_others(tmp_path / "missing") == ""
