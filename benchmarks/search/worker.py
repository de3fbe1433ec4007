"""Searches in a process of its own, with the package of this checkout or of another one: PYTHONPATH decides.

Reads a `Task` as JSON from standard input and writes its results to standard output. Imports only what all versions have.
"""

import json
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

import orjson

from graphql_api.competent.declarations import CONCEPT_TYPES, OCCUPATIONAL_PROFILE
from graphql_api.competent.normalise import normalise
from graphql_api.index.index_file import IndexFile, read_only
from graphql_api.index.indexer import Indexer
from graphql_api.index.search import Search
from graphql_api.index.tables import LANGUAGES, SEARCHED
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.serializers import Bodies

FIRST = 10
"""The hits that are read of each search."""
NAME = SEARCHED[OCCUPATIONAL_PROFILE]["alternativeNames"]


class Set(TypedDict):
    name: str
    variant: str
    profiles_only: bool
    texts: list[str]


class Task(TypedDict):
    """`workbook` is a file, or None for the bundled data; `left_out` has names by code of profile; `languages` are codes.

    With `hybrid`, vectors are used; `vectors` is a file to which they are copied, or from which if it exists.
    """

    workbook: str | None
    left_out: dict[str, list[str]]
    languages: list[str]
    sets: list[Set]
    hybrid: bool
    vectors: str | None


class Result(TypedDict):
    """For each text the codes of the first hits and the milliseconds; `cpu` is the processor time per text, in milliseconds."""

    answers: list[tuple[list[str], float]]
    cpu: float


def run(task: Task, folder: Path) -> dict[str, Result]:
    """Search for all texts of all sets; the key is the name of the set."""
    results: dict[str, Result] = {}
    write_part(task["workbook"], (file := IndexFile(folder, "benchmark", "1.0")))
    complete = folder / "complete"
    shutil.copyfile(file.part, complete)
    for variant in dict.fromkeys(queries["variant"] for queries in task["sets"]):
        shutil.copyfile(complete, file.part)
        part = file.begin()
        remove_texts(part, variant, task)
        file.finish(part)
        with closing(read_only(file.path)) as connection:
            search = hybrid_search(file.path, task["vectors"]) if task["hybrid"] else Search()
            sets = [queries for queries in task["sets"] if queries["variant"] == variant]
            results |= {
                queries["name"]: result
                for queries, result in zip(sets, search_all(connection, search, sets), strict=True)
            }
    return results


def write_part(workbook: str | None, file: IndexFile) -> None:
    """Write all documents of a workbook, or of the bundled data, as a crawl does."""
    dataset = read_workbook(Path(workbook)) if workbook else bundled_datasets()[0]
    bodies = Bodies(dataset)
    with closing(file.begin()) as connection:
        writer = Indexer(connection)
        for type in reversed(CONCEPT_TYPES):
            if type.route is None:
                continue
            for uuid, body, _ in bodies.collection(type.name):
                writer.add(type, normalise(type.route.path(dataset.number, uuid), orjson.loads(body)))
        writer.commit()


def remove_texts(connection: sqlite3.Connection, variant: str, task: Task) -> None:
    """Remove the texts that a variant of the index does not have."""
    if variant == "half of the names":
        connection.execute("CREATE TEMP TABLE removed (code TEXT, name TEXT)")
        rows = [(code, name) for code, names in task["left_out"].items() for name in names]
        connection.executemany("INSERT INTO removed VALUES (?, ?)", rows)
        connection.execute(
            "DELETE FROM text WHERE field = ? AND (concept, text) IN (SELECT n, name FROM removed JOIN concept USING (code))",
            (NAME,),
        )
    if variant == "Dutch and French":
        removed = [(position,) for position, code in enumerate(LANGUAGES) if code not in task["languages"]]
        connection.executemany("DELETE FROM text WHERE language = ?", removed)
    connection.commit()


def hybrid_search(index: Path, vectors: str | None) -> Any:
    """Hybrid search of an index."""
    from graphql_api.index.hybrid import HybridSearch

    return HybridSearch(Search(), vectors_of(index, vectors))


def vectors_of(index: Path, vectors: str | None) -> Any:
    """The vectors of an index. Without a file of them it takes a minute."""
    from graphql_api.index.semantic import progress
    from graphql_api.index.semantic.sentence_encoder import SentenceEncoder
    from graphql_api.index.semantic.vector_builder import read_meaning
    from graphql_api.index.semantic.vector_file import VectorFile

    progress.REST = 0.0
    encoder = SentenceEncoder()
    file = VectorFile(index, encoder.id).path
    if vectors and Path(vectors).exists() and not file.exists():
        shutil.copyfile(vectors, file)
    meaning = read_meaning(index, encoder, progress.VectorProgress(threading.Event()))
    if vectors and not Path(vectors).exists():
        shutil.copyfile(file, vectors)
    return meaning


def search_all(connection: sqlite3.Connection, search: Any, sets: Sequence[Set]) -> list[Result]:
    """Search for the texts of each set in one index, after a search that loads the vocabulary."""
    codes: dict[int, str] = dict(connection.execute("SELECT n, code FROM concept"))
    search.search(connection, "x", None, None, 0, FIRST)
    return [search_one(connection, search, queries, codes) for queries in sets]


def search_one(connection: sqlite3.Connection, search: Any, queries: Set, codes: dict[int, str]) -> Result:
    types = {OCCUPATIONAL_PROFILE} if queries["profiles_only"] else None
    answers: list[tuple[list[str], float]] = []
    cpu = time.process_time()
    for text in queries["texts"]:
        start = time.perf_counter()
        hits, _ = search.search(connection, text, types, None, 0, FIRST)
        took = (time.perf_counter() - start) * 1000
        answers.append(([codes[hit.row_id] for hit in hits], took))
    return {"answers": answers, "cpu": (time.process_time() - cpu) * 1000 / max(len(answers), 1)}


if __name__ == "__main__":
    with TemporaryDirectory(prefix="competent-benchmark-") as name:
        json.dump(run(json.load(sys.stdin), Path(name)), sys.stdout)
