"""Reports on the conversion of a file: its progress, and invalid rows as the error that refuses it or as a list."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Progress = Callable[[str, int, int], None]
"""Called with a name (a sheet, a collection), the amount done and the total (0 if unknown)."""

MAX_SHOWN = 20
"""Number of rows shown; the others are counted per sheet."""
_MAX_ROWS = 100
_MAX_CHARS = 300


def silent(name: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """An invalid row; `row` counts from 1 as in Excel, headings included, and `column` is its letters.

    In a file of lines `sheet` is empty, and `row` is the number of the line.
    """

    sheet: str
    row: int
    reason: str
    column: str = field(default="", compare=False)

    def __str__(self) -> str:
        if not self.sheet:
            return f"line {self.row}: {self.reason}"
        column = f", column {self.column}" if self.column else ""
        return f"{self.sheet}, row {self.row}{column}: {self.reason}"


class WorkbookError(ValueError):
    """A file cannot be served as a release. `faults` are the first invalid rows, if they are the reason."""

    def __init__(self, message: str, faults: Iterable[BadRow] = ()) -> None:
        super().__init__(message)
        self.faults = list(faults)


def one_line(text: str) -> str:
    """A text from a workbook made safe for a log: on one line, with at most 300 characters."""
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:_MAX_CHARS]
    )
    return text if len(text) < _MAX_CHARS else f"{text[:-1]}…"


class Report:
    """Collects invalid rows: counts all, and stores the first hundred."""

    def __init__(self) -> None:
        self.rows: list[BadRow] = []
        self.by_sheet: Counter[str] = Counter()

    def add(self, row: BadRow) -> None:
        self.by_sheet[row.sheet] += 1
        if len(self.rows) < _MAX_ROWS:
            self.rows.append(row)

    @property
    def count(self) -> int:
        return self.by_sheet.total()

    def lines(self) -> list[str]:
        """The first rows with their reasons, and a line that counts the others."""
        shown = self.rows[:MAX_SHOWN]
        others = self.by_sheet - Counter(row.sheet for row in shown)
        lines = [str(row) for row in shown]
        if others:
            sheets = ", ".join(f"{count:,} on {sheet!r}" for sheet, count in others.most_common() if sheet)
            lines.append(f"… and {others.total():,} more{f' ({sheets})' if sheets else ''}")
        return lines

    def notes(self, name: str, noun: str = "row") -> list[str]:
        """Sentences about the skipped rows of a file; none if all were read."""
        heading = f"{name}: {self.count:,} {noun}{'s' if self.count > 1 else ''} skipped:"
        return [heading, *(f"  {line}" for line in self.lines())] if self.count else []

    def error(self, name: str, noun: str = "row") -> WorkbookError:
        """The error that refuses the file; `noun` is what it consists of."""
        rows = f"{self.count:,} {noun}s" if self.count > 1 else f"one {noun}"
        hint = f"Correct the file, or skip these {noun}s with --lenient (COMPETENT_LENIENT=on)."
        lines = [f"{name}: {rows} cannot be read:", *(f"  {line}" for line in self.lines()), hint]
        return WorkbookError("\n".join(lines), self.rows)
