"""Files that an operator names: what can be read is, and nothing else is waited for."""

import os
import socket
from pathlib import Path

import pytest

from graphql_api.settings.files import UnusableFile, is_open_to_others, read_small


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "small"
    file.write_bytes(b"x" * 100)
    link = tmp_path / "link"  # as Kubernetes mounts secrets
    link.symlink_to(file)

    assert read_small(link, 100) == b"x" * 100
    with pytest.raises(UnusableFile, match="more than 99 bytes"):
        read_small(file, 99)


@pytest.mark.parametrize("name", ["pipe", "link to a pipe", "socket", "folder", "missing", "/dev/zero", "/dev/null"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(
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
def test_what_others_may_do_with_a_file(tmp_path: Path, mode: int, what: str) -> None:
    file = tmp_path / "keys"
    file.touch()
    file.chmod(mode)

    assert is_open_to_others(file) == what


def test_a_file_that_is_not_there_is_open_to_nobody(tmp_path: Path) -> None:
    assert is_open_to_others(tmp_path / "missing") == ""
