"""Checks the bundled data for what a domain expert would reject: shared names, unknown ISCO codes, thin profiles, mixed styles.

The loader checks codes, languages and shapes first. `docs/sandbox-data.md` has the rules for people who edit the data.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from graphql_api.sandbox.bundled_data import DATA
from graphql_api.sandbox.toml_tables import RELEASES, BundledDataError, TomlTable, Values, read_tables

UNIT_GROUPS = {
    "01": "1:0",
    "02": "1:0",
    "03": "1:0",
    "11": "1:1234 2:0",
    "12": "1:1239 2:123",
    "13": "1:12 2:1234 3:0 4:1234569",
    "14": "1:12 2:0 3:19",
    "21": "1:1234 2:0 3:123 4:1234569 5:123 6:123456",
    "22": "1:12 2:12 3:0 4:0 5:0 6:12345679",
    "23": "1:0 2:0 3:0 4:12 5:1234569",
    "24": "1:123 2:1234 3:1234",
    "25": "1:12349 2:1239",
    "26": "1:129 2:12 3:123456 4:123 5:1234569",
    "31": "1:123456789 2:123 3:123459 4:123 5:12345",
    "32": "1:1234 2:12 3:0 4:0 5:123456789",
    "33": "1:12345 2:1234 3:12349 4:1234 5:123459",
    "34": "1:123 2:123 3:12345",
    "35": "1:1234 2:12",
    "41": "1:0 2:0 3:12",
    "42": "1:1234 2:12345679",
    "43": "1:123 2:123",
    "44": "1:1234569",
    "51": "1:123 2:0 3:12 4:12 5:123 6:123459",
    "52": "1:12 2:123 3:0 4:1234569",
    "53": "1:12 2:129",
    "54": "1:12349",
    "61": "1:1234 2:1239 3:0",
    "62": "1:0 2:1234",
    "63": "1:0 2:0 3:0 4:0",
    "71": "1:123459 2:1234567 3:123",
    "72": "1:12345 2:1234 3:1234",
    "73": "1:123456789 2:123",
    "74": "1:123 2:12",
    "75": "1:123456 2:123 3:123456 4:12349",
    "81": "1:1234 2:12 3:12 4:123 5:12345679 6:0 7:12 8:1239",
    "82": "1:129",
    "83": "1:12 2:12 3:12 4:1234 5:0",
    "91": "1:12 2:1239",
    "92": "1:123456",
    "93": "1:123 2:19 3:1234",
    "94": "1:12",
    "95": "1:0 2:0",
    "96": "1:123 2:12349",
}
"""Unit groups of ISCO-08 by sub-major group: the third digit, and the fourth digits that occur after it."""
ISCO_CODES = frozenset(
    sub_major + minor + unit
    for sub_major, groups in UNIT_GROUPS.items()
    for minor, units in (group.split(":") for group in groups.split())
    for unit in units
)

MIN_ESSENTIAL = 6
NO_PROFILE: Values = {"title": {}}
TERMS = {"KN", "SS", "DS", "PL", "ES", "AI"}
AS_PUBLISHED = {"Boucher"}
"""French titles of Competent itself, which has the masculine form only."""
EPICENE = frozenset(
    [
        "aide",
        "analyste",
        "cariste",
        "clarkiste",
        "comptable",
        "data",
        "docker",
        "ébéniste",
        "frigoriste",
        "gestionnaire",
        "graphiste",
        "infographiste",
        "kiné",
        "kinésithérapeute",
        "machiniste",
        "parajuriste",
        "réceptionniste",
        "responsable",
        "transitaire",
        "webmestre",
    ]
)
"""First words of French names that have one form for men and women."""
SUBJECTS = {
    "nl": re.compile(r"^(De|Het|Een|Je) |\b(H|h)ij of zij\b"),
    "fr": re.compile(r"^(Le|La|Un|Une) |^L'|\b(I|i)l ou elle\b"),
    "en": re.compile(r"^(The|A|An|You) |\b(H|h)e or she\b"),
    "de": re.compile(r"^(Der|Die|Das|Ein|Eine) |\b(E|e)r oder sie\b"),
}
"""A subject in a description or working context; these start with the verb, as in "Verzorgt zieke mensen"."""


def faults(folder: Path) -> list[str]:
    """What is wrong in a folder of data files; each fault names file, table and remedy."""
    try:
        tables = read_tables(folder)
    except BundledDataError as error:
        return [str(error)]
    checks = (*map(_faults, tables.values()), shared_names(tables), lost_names(tables), unused(tables))
    return [*dict.fromkeys(map(str, chain.from_iterable(checks)))]


def _faults(table: TomlTable) -> Iterator[BundledDataError]:
    if table.prefix == "OP":
        yield from thin(table)
        yield from isco(table)
    for values in table.states():
        if table.prefix == "OP":
            yield from profile_style(table, values)
        elif table.prefix == "CP":
            blocks = [values["skill"], *values.get("behavioural_indicators", ())]
            for block in (block for block in blocks if isinstance(block, dict)):
                yield from label_style(table, block)
        elif table.prefix != "KN":
            yield from label_style(table, values)


def thin(table: TomlTable) -> Iterator[BundledDataError]:
    """Each profile has enough essential competences, or says why not; of the newest release that has it."""
    count = len(table.values.get("essential_competences", ()))
    reason = table.values.get("few_competences")
    if count < MIN_ESSENTIAL and reason is None:
        yield table.error(
            f"{count} essential competences are few: list {MIN_ESSENTIAL}, or say why not in few_competences",
            "essential_competences",
        )
    if count >= MIN_ESSENTIAL and reason is not None:
        yield table.error(f"{count} essential competences are enough: remove this key", "few_competences")


def isco(table: TomlTable) -> Iterator[BundledDataError]:
    for values in table.states():
        for scheme, codes in values.get("classifications", {}).items():
            if scheme != "ISCO08":
                yield table.error(f"{scheme!r} is not a known scheme; write ISCO08", "classifications")
                continue
            for code in codes:
                if code not in ISCO_CODES:
                    yield table.error(f"{code} is not a unit group of ISCO-08", "classifications.ISCO08")


def profile_style(table: TomlTable, values: Values) -> Iterator[BundledDataError]:
    for language in ("nl", "fr"):
        if language not in values["title"]:
            yield table.error("the title is missing", f"title.{language}")
    for key, language, name in names(values):
        if not name[0].isupper():
            yield table.error(f"{name!r} must start with a capital", f"{key}.{language}")
        if language == "fr" and not is_inclusive(name):
            yield table.error(
                f"{name!r} must have the masculine and the feminine form, as in 'Coiffeur / Coiffeuse'", f"{key}.fr"
            )
    for key in ("description", "working_context"):
        for language, text in values.get(key, {}).items():
            yield from prose_style(table, f"{key}.{language}", text.strip(), SUBJECTS[language])


def prose_style(table: TomlTable, key: str, text: str, subject: re.Pattern[str]) -> Iterator[BundledDataError]:
    if not text[0].isupper() or not text.endswith("."):
        yield table.error("the text must start with a capital and end with a full stop", key)
    if "  " in text:
        yield table.error("the text has two spaces in a row", key)
    if match := subject.search(text):
        yield table.error(f"start with the verb, without the subject {match[0].strip()!r}", key)


def label_style(table: TomlTable, texts: Mapping[str, str]) -> Iterator[BundledDataError]:
    """Skills, indicators and terms: a capital, and no full stop."""
    for language in SUBJECTS.keys() & texts.keys():
        text = texts[language].strip()
        if text[0].islower() or text.endswith("."):
            yield table.error(f"{text!r} must start with a capital and end without a full stop", language)


def is_inclusive(name: str) -> bool:
    """Whether a French name has both forms, or one form for men and women."""
    first = re.split(r"[ '-]", name.lower())[0]
    return " / " in name or first in EPICENE or name in AS_PUBLISHED


def names(values: Values) -> Iterator[tuple[str, str, str]]:
    """Key, language and text of the title and of each alternative name."""
    yield from (("title", language, title) for language, title in values["title"].items())
    for language, alternatives in values.get("alternative_names", {}).items():
        yield from (("alternative_names", language, name) for name in alternatives)


def shared_names(tables: Mapping[str, TomlTable]) -> Iterator[BundledDataError]:
    """No two profiles, or two terms of a kind, share a name in a language of a release, and no profile repeats its own."""
    for release in RELEASES:
        owners: dict[tuple[str, str, str], TomlTable] = {}
        for table in tables.values():
            for key, language, name in labels(table, table.as_of(release)):
                label = table.prefix, language, name.lower()
                if owner := owners.get(label):
                    yield table.error(f"{name!r} is also a name of {owner.code} in release {release}", key)
                owners[label] = table


def labels(table: TomlTable, values: Values | None) -> Iterator[tuple[str, str, str]]:
    """Key, language and text of the names of a profile or term; competences may share a skill."""
    if values is not None and table.prefix == "OP":
        yield from ((f"{key}.{language}", language, name) for key, language, name in names(values))
    elif values is not None and table.prefix in TERMS:
        yield from ((language, language, values[language]) for language in SUBJECTS.keys() & values.keys())


def lost_names(tables: Mapping[str, TomlTable]) -> Iterator[BundledDataError]:
    """Old titles, and all names of a profile that has ended, lead to a profile of the newest release."""
    newest, *older = RELEASES
    profiles = [table for table in tables.values() if table.prefix == "OP"]
    current = {(language, name) for table in profiles for _, language, name in names(table.as_of(newest) or NO_PROFILE)}
    for table in profiles:
        has_ended = table.as_of(newest) is None
        for values in filter(None, map(table.as_of, older)):
            for key, language, name in names(values):
                is_old = (has_ended or key == "title") and language in ("nl", "fr")
                if is_old and (language, name) not in current:
                    yield table.error(f"{name!r} is lost: make it an alternative name of a profile of {newest}", key)


def unused(tables: Mapping[str, TomlTable]) -> Iterator[BundledDataError]:
    """Each competence, knowledge item and term is referred to; soft and digital skills are whole lists."""
    used = set[str]()
    for table in tables.values():
        for values in table.states():
            for references in values.values():
                used |= (
                    {item for item in references if isinstance(item, str)} if isinstance(references, list) else set()
                )
    for table in tables.values():
        if table.prefix not in {"OP", "SS", "DS"} and table.code not in used:
            yield table.error("nothing refers to this table; use it or remove it")


if __name__ == "__main__":
    sys.exit("\n".join(faults(DATA)) or 0)
