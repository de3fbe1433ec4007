"""Runs all checks on one visit and prints the report, as a table or as JSON."""

import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphql_api.cli.doctor.checks import CHECKS, Check
from graphql_api.cli.doctor.judges import Verdict
from graphql_api.cli.doctor.probe import ProbeResponse, Visitor
from graphql_api.cli.doctor.recorder import demand_folder, record, scrubbed
from graphql_api.services import client_of
from graphql_api.settings import Settings
from graphql_api.upstream import Upstream
from graphql_api.upstream.transport import ASGIApp

_COLOURS = {Verdict.HOLDS: "green", Verdict.DOES_NOT: "red", Verdict.UNKNOWN: "yellow"}

Results = list[tuple[Check, Verdict, str]]


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
        visitor = Visitor(upstream.probe, settings.upstream_page_size)
        visit = await visitor.visit()
    finally:
        await upstream.aclose()
    key = settings.key().reveal()
    results: Results = [
        (check, verdict, scrubbed(seen, key)) for check in CHECKS for verdict, seen in [check.judge(visit)]
    ]
    usable = all(verdict is Verdict.HOLDS for check, verdict, _ in results if check.needed)
    ended = _why(visitor.ended)
    if as_json:
        print(json.dumps(_object(address, len(visit), usable, results, ended), indent=2, ensure_ascii=False))
    else:
        _print(address, len(visit), usable, results, ended)
    if folder is not None:
        count = record(visit, folder, key)
        Console(stderr=True).print(f"{count} responses saved in {folder}.", highlight=False)
    return 0 if usable else 1


def _why(ended: ProbeResponse | None) -> str | None:
    """Why a visit ended early and what to do, or None if it did not."""
    if ended is None:
        return None
    if ended.status == 429:
        return f"Rate limit reached ({ended}): stopped after this call; try again in a minute or later."
    if not ended.status:
        return f"The proxy refuses the connection ({ended}): stopped after this call; see docs/live-api.md."
    return f"The key is rejected ({ended}): stopped after this call; check COMPETENT_API_KEY or its file (docs/live-api.md)."


def _object(address: str, calls: int, usable: bool, results: Results, ended: str | None) -> dict[str, object]:
    checks = [
        {
            "assumption": check.assumed,
            "needed": check.needed,
            "verdict": verdict.value,
            "seen": seen,
            "otherwise": None if verdict is Verdict.HOLDS else check.otherwise,
        }
        for check, verdict, seen in results
    ]
    return {"asked": address, "calls": calls, "usable": usable, "ended": ended, "checks": checks}


def _print(address: str, calls: int, usable: bool, results: Results, ended: str | None) -> None:
    console = Console(highlight=False)
    if ended is not None:
        console.print(f"[red]{escape(ended)}[/]")
        return
    console.print(f"{escape(address)}, in {calls} calls")
    console.print(_table(results))
    wrong = [check for check, verdict, _ in results if verdict is Verdict.DOES_NOT]
    if wrong:
        console.print("Consequences of the assumptions that fail:")
    for check in wrong:
        console.print(f"- {escape(check.assumed)}: {escape(check.otherwise)}.")
    console.print("This server can use the API." if usable else "[red]A required assumption does not hold.[/]")


def _table(results: Results) -> Table:
    """A table with one row per check; long texts wrap, so that nothing is cut off."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("assumption", overflow="fold", ratio=1)
    table.add_column("verdict", no_wrap=True)
    table.add_column("seen", overflow="fold", ratio=1)
    for check, verdict, seen in results:
        table.add_row(escape(check.assumed), f"[{_COLOURS[verdict]}]{verdict.value}[/]", escape(seen))
    return table
