"""Runs all checks on one visit and prints the report, as a table or as JSON."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphql_api.cli.bootstrap import printable
from graphql_api.cli.doctor.checks import CHECKS, Check
from graphql_api.cli.doctor.judges import Verdict, current_number
from graphql_api.cli.doctor.probe import ProbeResponse, Visitor
from graphql_api.cli.doctor.recorder import demand_folder, record, scrubbed
from graphql_api.services import client_of
from graphql_api.settings import Settings
from graphql_api.upstream import Upstream
from graphql_api.upstream.transport import ASGIApp

_COLOURS = {Verdict.HOLDS: "green", Verdict.DOES_NOT: "red", Verdict.UNKNOWN: "yellow"}

VERSION = 1
"""The version of the JSON report. Keys may be added to it; increase it when one is removed or changes its meaning."""

Environment = Literal["production", "test", "sandbox", "other"]

DESCRIPTIONS: dict[Environment, str] = {
    "production": "",
    "test": "a test environment of VDAB: its data may be old or incomplete",
    "sandbox": "",
    "other": "not VDAB's API",
}
_PRODUCTION = "api.vdab.be"
_TEST = re.compile(r"[-.](?:cbt|test|acc|tst|int)$")
"""The end of a name of a test environment: sister APIs have the host `api-cbt.vdab.be` and the path `/openservices-test/`."""

Results = list[tuple[Check, Verdict, str]]


@dataclass(frozen=True)
class DoctorReport:
    """The result of a visit."""

    address: str
    environment: Environment
    release: str | None
    calls: int
    ended: str | None
    """Why the visit ended early and what to do, or None if it did not."""
    results: Results

    @property
    def usable(self) -> bool:
        """Whether all required assumptions hold."""
        return all(verdict is Verdict.HOLDS for check, verdict, _ in self.results if check.needed)


async def run_doctor(
    settings: Settings, competent: ASGIApp | None, address: str, folder: Path | None, as_json: bool
) -> int:
    """Visit the API, print the report and optionally record the responses in `folder`.

    Returns 0 if all required assumptions hold, 1 if one fails or is unknown. Raises SettingsError if `folder` is not writable.
    """
    if folder is not None:
        demand_folder(folder)
    upstream = Upstream(client_of(settings, competent), settings)
    try:
        visitor = Visitor(upstream.probe, settings.upstream_page_size, canaries=settings.is_remote)
        visit = await visitor.visit()
    finally:
        await upstream.aclose()
    key = settings.key().reveal()
    report = DoctorReport(
        address,
        environment_of(settings.upstream_url),
        current_number(visit),
        len(visit),
        _why(visitor.ended),
        [(check, verdict, scrubbed(seen, key)) for check in CHECKS for verdict, seen in [check.judge(visit)]],
    )
    if as_json:
        print(json.dumps(_object(report), indent=2, ensure_ascii=False))
    else:
        _print(report)
    if folder is not None:
        count = record(visit, folder, key)
        Console(stderr=True).print(f"{count} responses saved in {folder}.", highlight=False)
    return 0 if report.usable else 1


def _why(ended: ProbeResponse | None) -> str | None:
    """Why a visit ended early and what to do, or None if it did not."""
    if ended is None:
        return None
    if ended.status == 429:
        return f"Rate limit reached ({ended}): stopped after this call; try again in a minute or later."
    if not ended.status:
        return f"The proxy refuses the connection ({ended}): stopped after this call; see docs/live-api.md."
    return f"The key is rejected ({ended}): stopped after this call; check COMPETENT_API_KEY or its file (docs/live-api.md)."


def _object(report: DoctorReport) -> dict[str, object]:
    """The report as JSON; `docs/doctor-report.schema.json` describes it."""
    checks = [
        {
            "id": check.id,
            "assumption": check.assumed,
            "needed": check.needed,
            "verdict": verdict.value,
            "seen": seen,
            "otherwise": None if verdict is Verdict.HOLDS else check.otherwise,
        }
        for check, verdict, seen in report.results
    ]
    return {
        "version": VERSION,
        "asked": report.address,
        "environment": report.environment,
        "release": report.release,
        "calls": report.calls,
        "usable": report.usable,
        "ended": report.ended,
        "checks": checks,
    }


def _print(report: DoctorReport) -> None:
    console = Console(highlight=False)
    if report.ended is not None:
        console.print(f"[red]{escape(printable(report.ended))}[/]")
        return
    about = DESCRIPTIONS[report.environment]
    console.print(f"{escape(printable(report.address))}{f' ({about})' if about else ''}, in {report.calls} calls")
    console.print(_table(report.results))
    wrong = [check for check, verdict, _ in report.results if verdict is Verdict.DOES_NOT]
    if wrong:
        console.print("Consequences of the assumptions that fail:")
    for check in wrong:
        console.print(f"- {escape(check.assumed)}: {escape(check.otherwise)}.")
    console.print("This server can use the API." if report.usable else "[red]A required assumption does not hold.[/]")


def _table(results: Results) -> Table:
    """A table with one row per check; long texts wrap, so that nothing is cut off."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("assumption", overflow="fold", ratio=1)
    table.add_column("verdict", no_wrap=True)
    table.add_column("seen", overflow="fold", ratio=1)
    for check, verdict, seen in results:
        table.add_row(escape(check.assumed), f"[{_COLOURS[verdict]}]{verdict.value}[/]", escape(printable(seen)))
    return table


def environment_of(url: str) -> Environment:
    """The environment of a base URL; an empty one is that of the sandbox in this process."""
    if not url:
        return "sandbox"
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not host.endswith(".vdab.be"):
        return "other"
    names = [host.removesuffix(".vdab.be"), *parts.path.lower().split("/")]
    if any(map(_TEST.search, names)):
        return "test"
    return "production" if host == _PRODUCTION else "other"
