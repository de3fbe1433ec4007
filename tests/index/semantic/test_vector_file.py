"""The file of vectors: complete or not at all, for one model, and readable or ignored."""

from pathlib import Path

import numpy as np
import pytest

from graphql_api.index.semantic.vector_file import MAGIC, VectorFile, Vectors, digests_of


def vectors(*texts: str, columns: int = 4) -> Vectors:
    digests = np.sort(digests_of(texts))
    return Vectors(digests, np.arange(len(texts) * columns, dtype=np.float16).reshape(len(texts), columns))


def test_a_vector_file_is_read_back_unchanged(tmp_path: Path) -> None:
    original = vectors("kok", "bakker", "smid")
    VectorFile(tmp_path / "3.27.sqlite", "model").write(original)
    read = VectorFile(tmp_path / "3.27.sqlite", "model").read()

    assert read is not None
    assert read.digests.tolist() == original.digests.tolist()
    assert read.rows.tolist() == original.rows.tolist()
    assert [file.suffix for file in tmp_path.iterdir()] == [".vectors"]


def test_positions_correspond_to_the_texts(tmp_path: Path) -> None:
    original = vectors("kok", "bakker", "smid")
    positions, has = original.positions(digests_of(["smid", "dokter", "kok"]))

    assert has.tolist() == [True, False, True]
    assert original.digests[positions[[0, 2]]].tolist() == digests_of(["smid", "kok"]).tolist()
    assert vectors().positions(digests_of(["kok"]))[1].tolist() == [False]


def test_another_model_has_another_file(tmp_path: Path) -> None:
    VectorFile(tmp_path / "3.27.sqlite", "model").write(vectors("kok"))

    assert VectorFile(tmp_path / "3.27.sqlite", "model 2").read() is None
    assert VectorFile(tmp_path / "3.28.sqlite", "model").read() is None


def test_a_file_with_the_name_of_another_model_is_ignored(tmp_path: Path) -> None:
    one, other = VectorFile(tmp_path / "3.27.sqlite", "model"), VectorFile(tmp_path / "3.27.sqlite", "model 2")
    one.write(vectors("kok"))
    one.path.rename(other.path)

    assert other.read() is None


@pytest.mark.parametrize("size", range(0, 160, 7))
def test_a_truncated_file_is_ignored(tmp_path: Path, size: int) -> None:
    file = VectorFile(tmp_path / "3.27.sqlite", "model")
    file.write(vectors("kok", "bakker"))
    content = file.path.read_bytes()
    file.path.write_bytes(content[: min(size, len(content) - 1)])

    assert file.read() is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        MAGIC,
        MAGIC + b"[]\n",
        MAGIC + b"\xff\n",
        MAGIC + b'{"model": "model", "texts": 9, "columns": 9, "checksum": 0}\n',
        MAGIC + b'{"model": "model", "texts": -1, "columns": 9, "checksum": 0}\n',
        MAGIC + b'{"model": "model", "texts": "x", "columns": null, "checksum": 0}\n',
        b"something else",
    ],
)
def test_a_damaged_file_is_ignored(tmp_path: Path, content: bytes) -> None:
    file = VectorFile(tmp_path / "3.27.sqlite", "model")
    file.path.write_bytes(content)

    assert file.read() is None
    assert list(VectorFile(tmp_path / "3.28.sqlite", "model").read_others()) == []


def test_a_changed_byte_is_detected(tmp_path: Path) -> None:
    file = VectorFile(tmp_path / "3.27.sqlite", "model")
    file.write(vectors("kok", "bakker"))
    content = bytearray(file.path.read_bytes())
    content[-3] ^= 1
    file.path.write_bytes(content)

    assert file.read() is None


def test_a_failed_write_leaves_the_old_file_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = VectorFile(tmp_path / "3.27.sqlite", "model")
    file.write(vectors("kok"))

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        file.write(vectors("kok", "bakker"))

    read = file.read()
    assert read is not None
    assert len(read.digests) == 1
    assert list(tmp_path.iterdir()) == [file.path]
