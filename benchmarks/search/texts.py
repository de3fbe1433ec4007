"""Measures how well texts of people are matched with profiles and competences; prints Markdown.

Texts have marks, made by hand: the profiles that are acceptable, and the skills of which they speak (`texts.toml`).
"""

import time
import tomllib
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchmarks.search import worker
from benchmarks.search.metrics import Answer, percentile, quality
from benchmarks.search.sets import Half, Query
from graphql_api.index.index_file import IndexFile, read_only
from graphql_api.index.search import Search
from graphql_api.index.text_matches import TextEvidence

TEXTS = Path(__file__).with_name("texts.toml")
MOST = 100
"""Profiles and competences that are read of each text."""
EVIDENCE = {
    "the text says it (`WORDS`)": {TextEvidence.WORDS},
    "the text says it or resembles it (`WORDS`, `MEANING`)": {TextEvidence.WORDS, TextEvidence.MEANING},
    "a guess (`LIKELY_PROFILE`)": {TextEvidence.LIKELY_PROFILE},
    "all": set(TextEvidence),
}


class MarkedText(NamedTuple):
    """A text with its acceptable profiles and its marks: each has the codes of skills of which one is enough."""

    language: str
    text: str
    profiles: Sequence[str]
    marks: Sequence[frozenset[str]]
    half: Half


class Result(NamedTuple):
    """What was found for a text, as codes: profiles, and skills with their evidence; and milliseconds of processor time."""

    profiles: Sequence[str]
    skills: Sequence[tuple[str, TextEvidence]]
    profiles_cpu: float
    skills_cpu: float


def read_texts(file: Path = TEXTS) -> list[MarkedText]:
    """Read the texts; in each language, every second one is for reporting."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    padding: dict[str, str] = tables.pop("padding", {})
    texts = []
    for language, entries in tables.items():
        for number, entry in enumerate(entries):
            marks = [frozenset(mark.split("|")) for mark in entry["skills"]]
            half: Half = "report" if number % 2 else "tune"
            texts.append(MarkedText(language, entry["text"].strip(), entry["profiles"], marks, half))
    return texts + [
        text._replace(language=f"{text.language} padded", text=f"{text.text}\n{padding[text.language]}")
        for text in texts
        if text.language in padding
    ]


def measure_texts(
    workbook: Path | None, folder: Path, vectors: Path | None, texts: Sequence[MarkedText]
) -> list[Result]:
    """Compare all texts with the release of a workbook, or of the bundled data."""
    from graphql_api.index.semantic.text_competences import competences_in_text
    from graphql_api.index.semantic.text_profiles import profiles_for_text

    file = IndexFile(folder, "texts", "1.0")
    worker.write_part(None if workbook is None else str(workbook), file)
    file.finish(file.begin())
    search, meaning = Search(), worker.vectors_of(file.path, None if vectors is None else str(vectors))
    results = []
    with closing(read_only(file.path)) as connection:
        codes: dict[int, str] = dict(connection.execute("SELECT n, code FROM concept"))
        for text in texts:
            start = time.process_time()
            profiles, _ = profiles_for_text(connection, search, meaning, text.text, None, 0, MOST)
            middle = time.process_time()
            matches = competences_in_text(connection, search, meaning, text.text, None, MOST)
            skills = [(codes[item.skill], item.because) for item in matches.competences]
            took = ((middle - start) * 1000, (time.process_time() - middle) * 1000)
            results.append(Result([codes[profile.row_id] for profile in profiles], skills, *took))
    return results


def report_texts(texts: Sequence[MarkedText], results: Sequence[Result], half: Half) -> Iterator[str]:
    """Two Markdown tables of one half: profiles, and competences by evidence."""
    pairs = [pair for pair in zip(texts, results, strict=True) if pair[0].half == half]
    short = [pair for pair in pairs if not pair[0].language.endswith("padded")]
    padded = [pair for pair in pairs if pair[0].language.endswith("padded")]
    yield "| texts | recall@1 | recall@5 | recall@10 | MRR | CPU p50, ms |\n|---|---:|---:|---:|---:|---:|"
    for name, of in (("vacancies and CVs", short), ("the same amid other sentences", padded)):
        if of:
            yield _profiles_row(name, of)
    yield "\n| competences | precision | recall | per text |\n|---|---:|---:|---:|"
    for name, evidence in EVIDENCE.items():
        yield _competences_row(name, short, evidence)


def _profiles_row(name: str, pairs: Sequence[tuple[MarkedText, Result]]) -> str:
    queries = [Query(text.text, tuple(text.profiles), text.half) for text, _ in pairs]
    of = quality(queries, [Answer(result.profiles, result.profiles_cpu) for _, result in pairs])
    cpu = percentile([result.profiles_cpu for _, result in pairs], 50)
    numbers = " | ".join(f"{value:.2f}" for value in (*of.recall.values(), of.mrr))
    return f"| {name} ({len(pairs)}) | {numbers} | {cpu:.0f} |"


def _competences_row(name: str, pairs: Sequence[tuple[MarkedText, Result]], evidence: Collection[TextEvidence]) -> str:
    precision, recall, count = competence_quality(pairs, evidence)
    return f"| {name} | {precision:.2f} | {recall:.2f} | {count:.1f} |"


def competence_quality(
    pairs: Sequence[tuple[MarkedText, Result]], evidence: Collection[TextEvidence]
) -> tuple[float, float, float]:
    """Precision, recall and the number per text, of the skills with this evidence.

    Precision is the share of these skills that a text marks; recall the share of marks of which a skill was found.
    """
    right = returned = hit = marks = 0
    for text, result in pairs:
        skills = {code for code, because in result.skills if because in evidence}
        right += len(skills & frozenset().union(*text.marks))
        returned += len(skills)
        hit += sum(not mark.isdisjoint(skills) for mark in text.marks)
        marks += len(text.marks)
    return right / max(returned, 1), hit / max(marks, 1), returned / max(len(pairs), 1)
