"""Vectors are made once per text in the background, copied from other releases, and repeated after failures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, SKILL
from graphql_api.errors import EmbeddingError
from graphql_api.index import tables
from graphql_api.index.index_file import IndexFile, exclusive
from graphql_api.index.semantic import vector_builder, vectorizer
from graphql_api.index.semantic.embedder import Embedder
from graphql_api.index.semantic.vector_file import VectorFile, Vectors, digests_of
from graphql_api.index.semantic.vectorizer import Vectorizer, VectorJob
from tests.index.semantic.fake_embedder import COLUMNS, FakeEmbedder

SAME = {"cook": "kok", "baker": "bakker"}
SKILLS = 1000
"""The number of the first skill."""
BITS = sum(1 << (number * 4 + language) for number in tables.TYPES for language in range(4))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectorizer, "RETRY", 0.001)
    monkeypatch.setattr(vector_builder, "WAIT", 0.001)


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder(same=SAME)


@pytest.fixture
def start(embedder: FakeEmbedder) -> Iterator["Starter"]:
    starter = Starter()
    yield starter
    embedder.gate.set()
    starter.close()


class Starter:
    """Starts jobs, and waits for their end."""

    def __init__(self) -> None:
        self._vectorizers: list[Vectorizer] = []

    def __call__(self, embedder: Embedder, index: Path) -> VectorJob:
        self._vectorizers.append(Vectorizer(embedder))
        return self._vectorizers[-1].start(index)

    def finish(self, embedder: Embedder, index: Path) -> VectorJob:
        job = self(embedder, index)
        self.wait()
        return job

    def wait(self) -> None:
        """Wait for all jobs."""
        for item in self._vectorizers:
            item._thread.submit(lambda: None).result(30)

    def close(self) -> None:
        for item in self._vectorizers:
            item.close()


def index(folder: Path, release: str, titles: dict[str, str], skills: tuple[str, ...] = ()) -> Path:
    """An index of profiles with these titles and descriptions, numbered from 1, and of skills, from SKILLS on; all in Dutch."""
    file = IndexFile(folder, "test", release)
    part = file.begin()
    profiles = [(n, OCCUPATIONAL_PROFILE.number) for n in range(1, len(titles) + 1)]
    concepts = [*profiles, *((n, SKILL.number) for n in range(SKILLS, SKILLS + len(skills)))]
    columns = "n, concept_type, uuid, item, facts, digest, is_final"
    part.executemany(f"INSERT INTO concept ({columns}) VALUES (?, ?, 'u' || ?1, x'', x'', 1, 1)", concepts)
    profile, skill = tables.SEARCHED[OCCUPATIONAL_PROFILE], tables.SEARCHED[SKILL]
    texts = [(n, profile["title"], title) for n, title in enumerate(titles, 1)]
    texts += [(n, profile["description"], description) for n, description in enumerate(titles.values(), 1)]
    texts += [(n, skill["description"], text) for n, text in enumerate(skills, SKILLS)]
    part.executemany("INSERT INTO text (concept, field, language, text) VALUES (?, ?, 0, ?)", texts)
    part.commit()
    file.finish(part)
    return file.path


def test_each_distinct_text_is_embedded_once(tmp_path: Path, embedder: FakeEmbedder, start: Starter) -> None:
    job = start.finish(embedder, index(tmp_path, "3.27", {"kok": "eten maken", "bakker": "brood"}, ("kok", "brood")))

    assert sorted(embedder.embedded) == ["bakker", "brood", "eten maken", "kok"]
    assert job.state() == {"state": "complete", "progress": 1.0, "texts": 4}
    assert job.meaning is not None


def test_a_second_start_reads_the_file(tmp_path: Path, embedder: FakeEmbedder, start: Starter) -> None:
    path = index(tmp_path, "3.27", {"kok": "eten maken"})
    start.finish(embedder, path)
    second = FakeEmbedder(same=SAME)
    job = start.finish(second, path)

    assert job.state() == {"state": "complete", "progress": 1.0, "texts": 2}
    assert second.embedded == []


def test_vectors_of_the_previous_release_are_copied(tmp_path: Path, embedder: FakeEmbedder, start: Starter) -> None:
    start.finish(embedder, index(tmp_path, "3.26", {"kok": "eten maken", "smid": "ijzer"}))
    embedder.embedded.clear()
    job = start.finish(embedder, index(tmp_path, "3.27", {"kok": "eten maken", "bakker": "brood"}))

    assert sorted(embedder.embedded) == ["bakker", "brood"]
    assert job.meaning is not None
    hits, _ = job.meaning.similar("cook", BITS, [])
    assert hits[0].row_id == 1


def test_vectors_of_another_model_are_not_copied(tmp_path: Path, embedder: FakeEmbedder, start: Starter) -> None:
    path = index(tmp_path, "3.27", {"kok": "eten maken"})
    start.finish(embedder, path)
    other = FakeEmbedder("fake 2", columns=32)
    start.finish(other, path)

    assert sorted(other.embedded) == ["eten maken", "kok"]
    assert {file.suffix for file in tmp_path.iterdir()} >= {".vectors"}
    assert len([*tmp_path.glob("*.vectors")]) == 2


def test_vectors_are_rebuilt_if_another_model_has_taken_the_name(tmp_path: Path, start: Starter) -> None:
    path = index(tmp_path, "3.27", {"kok": "eten maken"})
    start.finish(FakeEmbedder(columns=COLUMNS), path)
    index(tmp_path, "3.28", {"kok": "eten maken"})
    for release in (path, path.with_name(path.name.replace("3.27", "3.28"))):
        other = FakeEmbedder(columns=32)
        job = start.finish(other, release)
        assert job.meaning is not None
        assert job.meaning.similar("kok", BITS, [])[0][0].row_id == 1


def test_an_embedder_that_changes_the_length_of_its_vectors_is_an_error(tmp_path: Path, start: Starter) -> None:
    path = index(tmp_path, "3.27", {"kok": "eten maken"})
    start.finish(FakeEmbedder(), path)
    down = FakeEmbedder(columns=32)
    down.is_down = True
    job = start.finish(down, path)
    down.is_down = False
    assert job.meaning is not None
    with pytest.raises(EmbeddingError, match="different lengths"):
        job.meaning.similar("kok", BITS, [])
    with pytest.raises(EmbeddingError, match="different lengths"):
        job.meaning.vectors(["kok"])


def test_a_damaged_vector_file_is_rebuilt(tmp_path: Path, embedder: FakeEmbedder, start: Starter) -> None:
    path = index(tmp_path, "3.27", {"kok": "eten maken"})
    start.finish(embedder, path)
    file = VectorFile(path, embedder.id)
    file.path.write_bytes(file.path.read_bytes()[:-1])
    embedder.embedded.clear()
    start.finish(embedder, path)

    assert sorted(embedder.embedded) == ["eten maken", "kok"]
    assert file.read() is not None


def test_a_failed_job_is_retried_until_it_succeeds(
    tmp_path: Path, embedder: FakeEmbedder, start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    embedder.is_down = True
    job = start(embedder, index(tmp_path, "3.27", {"kok": "eten maken"}))
    for _ in range(3):  # an attempt makes two calls: the third is of the second attempt
        embedder.calls.acquire()
    assert job.state()["state"] == "failed"
    embedder.is_down = False
    start.wait()

    assert job.state() == {"state": "complete", "progress": 1.0, "texts": 2}
    assert "down" in caplog.text
    assert "kok" not in caplog.text


def test_closing_stops_a_job_after_its_batch(tmp_path: Path, embedder: FakeEmbedder) -> None:
    embedder.gate.clear()
    vectorizer = Vectorizer(embedder)
    texts = tuple(f"vaardigheid {number}" for number in range(3 * vector_builder.BATCH))
    job = vectorizer.start(path := index(tmp_path, "3.27", {}, texts))
    embedder.calls.acquire()
    assert job.state() == {"state": "computing", "progress": 0.0, "texts": len(texts)}
    vectorizer._stopping.set()
    embedder.gate.set()
    vectorizer.close()

    assert len(embedder.embedded) == vector_builder.BATCH
    assert job.meaning is None
    assert VectorFile(path, embedder.id).read() is None


def test_a_vector_file_of_another_process_is_used(tmp_path: Path, embedder: FakeEmbedder, start: Starter) -> None:
    path = index(tmp_path, "3.27", {"kok": "eten maken"})
    file = VectorFile(path, embedder.id)
    with exclusive(file.path.with_suffix(".lock")) as mine:
        assert mine
        job = start(embedder, path)
        digests = np.sort(digests_of(["kok", "eten maken"]))
        file.write(Vectors(digests, np.ones((2, COLUMNS), np.float16)))
        start.wait()

    assert job.state()["state"] == "complete"
    assert embedder.embedded == []


def test_similarity_is_by_meaning_within_types_and_languages(
    tmp_path: Path, embedder: FakeEmbedder, start: Starter
) -> None:
    job = start.finish(embedder, index(tmp_path, "3.27", {"bakker": "brood", "kok": "eten"}, ("kok worden",)))
    assert job.meaning is not None
    hits, also = job.meaning.similar("cook", BITS, [1, 2, 99])
    by_row = {similar.row_id: similar for similar in hits}

    assert max(hits, key=lambda similar: similar.similarity).row_id == SKILLS
    assert by_row[2].similarity == pytest.approx(1 / 1.5, abs=0.01)
    assert (by_row[2].field, by_row[2].language, by_row[2].length) == (
        tables.SEARCHED[OCCUPATIONAL_PROFILE]["title"],
        0,
        3,
    )
    assert also.keys() == {1, 2}
    assert also[2][0] == pytest.approx(1 / 1.5, abs=0.01)
    skills = sum(1 << (SKILL.number * 4 + language) for language in range(4))
    assert [similar.row_id for similar in job.meaning.similar("cook", skills, [1])[0]] == [SKILLS]
    assert job.meaning.similar("cook", BITS & ~(BITS // 15), [1]) == ([], {})


def test_an_index_without_texts_has_no_similar_concepts(tmp_path: Path, embedder: FakeEmbedder, start: Starter) -> None:
    job = start.finish(embedder, index(tmp_path, "3.27", {}))

    assert job.meaning is not None
    assert job.meaning.similar("cook", BITS, [1]) == ([], {})


def test_the_vector_of_a_search_text_is_cached(tmp_path: Path, embedder: FakeEmbedder, start: Starter) -> None:
    job = start.finish(embedder, index(tmp_path, "3.27", {"kok": "eten"}))
    assert job.meaning is not None
    for _ in range(3):
        job.meaning.similar("cook", BITS, [])

    assert embedder.searched == ["cook"]
