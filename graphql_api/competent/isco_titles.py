"""Titles of groups of ISCO-08 from a CSV file of the operator, since Competent has only their codes."""

import csv
import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from graphql_api.competent.isco import is_group
from graphql_api.competent.values import ISCO, LANGUAGES
from graphql_api.errors import SettingsError
from graphql_api.settings.files import UnusableFile, read_small, warn_of_rows

log = logging.getLogger(__name__)

MAX_BYTES = 4_000_000
"""Maximum size of the file; the titles of all 619 groups in four languages take 110 kB."""

Titles = Mapping[str, dict[str, str]]
"""Titles by language, by the code of a group."""


class TitleFile(NamedTuple):
    """The titles in a file, and the line of each row that cannot be used with what is wrong with it."""

    titles: dict[str, dict[str, str]]
    problems: list[tuple[int, str]]


def titles_in(path: Path) -> Titles:
    """The titles in a file. Lines that cannot be used are logged and skipped. Raises SettingsError if the file is unusable."""
    try:
        file = read_titles(read_small(path, MAX_BYTES).decode())
    except UnicodeDecodeError:
        raise SettingsError(f"COMPETENT_TITLES: {path} is not in UTF-8") from None
    except (UnusableFile, ValueError, csv.Error) as error:
        raise SettingsError(f"COMPETENT_TITLES: cannot use {path}: {error}") from None
    warn_of_rows(log, path, file.problems)
    return file.titles


def read_titles(text: str) -> TitleFile:
    """Read a CSV file with the columns `code`, `nl`, `fr`, `en` and `de`; of the languages, some may be missing.

    Rows with a wrong code, without a title, or with the code of an earlier row are skipped. Raises ValueError if the columns are
    missing.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), restkey="", strict=True)
    columns = [name.strip().lower() for name in rows.fieldnames or ()]
    if "code" not in columns or not {*LANGUAGES} & {*columns}:
        raise ValueError(f"its first line must name the columns code,{','.join(LANGUAGES)}")
    rows.fieldnames = columns
    file = TitleFile({}, [])
    for row in rows:
        code = (row["code"] or "").strip()
        titles = {language: title for language in LANGUAGES if (title := (row.get(language) or "").strip())}
        problem = _problem(code, titles, file.titles)
        if problem:
            file.problems.append((rows.line_num, problem))
        else:
            file.titles[code] = titles
    return file


def _problem(code: str, titles: dict[str, str], earlier: Titles) -> str | None:
    if not is_group(ISCO, code):
        return f"{code[:20]!r} is no code of ISCO-08 (one to four digits)"
    if code in earlier:
        return f"the code {code} has a title already"
    return None if titles else f"the group {code} has no title"
