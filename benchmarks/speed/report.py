"""What was found as Markdown, and the marked parts of docs/performance.md written anew from it."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import results
from benchmarks.speed.goals import goals
from benchmarks.speed.results import Part

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def warm(found: Part) -> Iterator[str]:
    """Goals first, then answers a second, latencies and memory."""
    yield from _measured(found)
    rows = [
        (goal.what, _figure(goal.wanted), _figure(goal.measured), goal.unit, "yes" if goal.kept else "**no**")
        for goal in goals(found)
    ]
    yield from _table(("goal", "wanted", "measured", "", "kept"), rows)
    for part in ("shared", "indexed"):
        sizes, servers = found[part]["sizes"], found[part]["servers"]
        heads = [f"{name} ({size / 1000:.1f} kB)" for name, size in sizes.items()]
        loads = [
            (server["label"], *(_figure(load["per_second"]) for load in server["loads"].values())) for server in servers
        ]
        yield from _table(("answers a second", *heads), loads)
        late = [
            (
                server["label"],
                *(f"{load['p50']:.2f} / {load['p99']:.2f}" for load in server["loads"].values()),
                f"{server['memory']:.0f}",
            )
            for server in servers
        ]
        yield from _table(("median / p99, ms", *heads, "memory, MB"), late)


SECTIONS: dict[str, Callable[[Part], Iterator[str]]] = {"warm": warm}
"""By the name of the part."""


def write() -> None:
    """Write every part that was measured into its place on the page."""
    page = PAGE.read_text(encoding="utf-8")
    for name, section in SECTIONS.items():
        if (found := results.kept(name)) is not None:
            text = "\n".join(section(found))
            marked = re.compile(f"(<!-- {name}: [^>]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
            page = marked.sub(lambda match, text=text: f"{match[1]}\n{text}\n\n{match[2]}", page)  # type: ignore[misc]
    PAGE.write_text(page, encoding="utf-8")


def _measured(found: Part) -> Iterator[str]:
    told = found["machine"]
    yield f"Measured on {told['machine']}; {told['server']}; {told['peers']}; {told['upstream and load']}."
    yield f"Median of {found['lasts']['runs']} runs of {found['lasts']['seconds']} s each."


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"\n| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    yield from (f"| {' | '.join(map(str, row))} |" for row in rows)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
