"""Writes the generated parts of the documentation: settings, metrics and the help texts of the command line.

Run by `make docs`. Tests check that the pages are as this script writes them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from graphql_api.export.contents import PARTS_FIRST, ReleaseFacts
from graphql_api.export.tables import tables_of
from graphql_api.observability import metrics
from graphql_api.settings import Settings, variable
from graphql_api.settings.environment import Secret, settings_by_section

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- written by `make docs` -->", "<!-- end -->"
HELP = re.compile(r"(## competent-graphql ([a-z ]+)\n\n```text\n).*?(```)", re.DOTALL)


def settings_page(page: str) -> str:
    """docs/settings.md with a table for each section of the settings."""
    return _with_lines(page, _settings())


def metrics_page(page: str) -> str:
    """docs/metrics.md with a table of all metrics of the server."""
    return _with_lines(page, _metrics())


def _with_lines(page: str, lines: Iterable[str]) -> str:
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + "\n\n" + "\n".join([*lines, ""]) + END + rest.partition(END)[2]


def _metrics() -> Iterator[str]:
    yield "| metric | type | labels | meaning |\n|---|---|---|---|"
    ours = [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]
    for name, metric in sorted((our.describe()[0].name, our) for our in ours):
        suffix = "_total" if isinstance(metric, Counter) else ""
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        yield f"| `{name}{suffix}` | {type(metric).__name__.lower()} | {labels} | {metric.describe()[0].documentation} |"
    yield ""


def _settings() -> Iterator[str]:
    for section, settings in settings_by_section(fields(Settings)).items():
        yield f"## {section.value}\n\n| variable | default | what it does |\n|---|---|---|"
        for setting in settings:
            yield f"| `{variable(setting)}` | {_default(setting)} | {setting.metadata['help']} |"
        yield ""


def _default(setting: "Field[Any]") -> str:
    match setting.default:
        case Secret() | None | "" | ():
            return "unset"
        case float() as number:
            return f"`{int(number) if number.is_integer() else number}`"
        case value:
            return f"`{value}`"


def export_page(page: str) -> str:
    """docs/export.md with a table of the files of a CSV export."""
    return _with_lines(page, _csv_files())


def _csv_files() -> Iterator[str]:
    yield "| file | columns |\n|---|---|"
    yield f"| `release.csv` | {_listed(field.name for field in fields(ReleaseFacts))} |"
    for table in (table for type in PARTS_FIRST for table in tables_of(type)):
        yield f"| `{table.name}` | {_listed(table.columns)} |"
    yield ""


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def command_line_page(page: str) -> str:
    """docs/command-line.md with the help that each command prints."""
    return HELP.sub(lambda match: match[1] + help_of(match[2]) + match[3], page)


def help_of(command: str) -> str:
    """What `competent-graphql COMMAND --help` prints on a terminal of 100 columns."""
    run = [sys.executable, "-m", "graphql_api", *command.split(), "--help"]
    environment = os.environ | {"COLUMNS": "100"}
    printed = subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout  # noqa: S603
    return printed.replace("python -m graphql_api", "competent-graphql").strip() + "\n"


if __name__ == "__main__":
    for name, generate in (
        ("settings.md", settings_page),
        ("metrics.md", metrics_page),
        ("export.md", export_page),
        ("command-line.md", command_line_page),
    ):
        file = DOCS / name
        file.write_text(generate(file.read_text(encoding="utf-8")), encoding="utf-8")
