"""Formats results as Markdown, and updates the marked parts of docs/performance.md."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import goals, results
from benchmarks.speed.goals import Goal
from benchmarks.speed.results import Part
from benchmarks.speed.warm import Lasts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def warm(result: Part) -> Iterator[str]:
    """Goals, then responses per second, latencies and memory."""
    yield f"Median of {result['lasts']['runs']} runs of {result['lasts']['seconds']} s each."
    yield from _goals(goals.warm(result))
    for part in ("shared", "indexed"):
        sizes, servers = result[part]["sizes"], result[part]["servers"]
        heads = [f"{name} ({size / 1000:.1f} kB)" for name, size in sizes.items()]
        loads = [
            (server["label"], *(_figure(load["per_second"]) for load in server["loads"].values())) for server in servers
        ]
        yield from _table(("responses per second", *heads), loads)
        late = [
            (
                server["label"],
                *(f"{load['p50']:.2f} / {load['p99']:.2f}" for load in server["loads"].values()),
                f"{server['memory']:.0f}",
            )
            for server in servers
        ]
        yield from _table(("median / p99, ms", *heads, "memory, MB"), late)


def varied(part: Part) -> Iterator[str]:
    """Goals, then responses per second and per second of CPU time, and memory."""
    yield f"Median of {part['lasts']['runs']} runs of {part['lasts']['seconds']} s each."
    yield from _goals(goals.varied(part))
    heads = [f"{name} ({size / 1000:.1f} kB)" for name, size in part["sizes"].items()]
    figures: dict[str, Callable[[Part, Part], float]] = {
        "responses per second": lambda load, _: load["per_second"],
        "per second of CPU time (of one core)": lambda load, _: load["per_cpu_second"],
        "per second and GB of memory": lambda load, server: load["per_second"] / server["memory"] * 1000,
    }
    for head, figure in figures.items():
        rows = [
            (s["label"], *(_figure(figure(load, s)) for load in s["loads"].values()), f"{s['memory']:.0f}")
            for s in part["servers"]
        ]
        yield from _table((head, *heads, "memory, MB"), rows)


def mixed(part: Part) -> Iterator[str]:
    """Goals, then one table for each kind of load."""
    yield f"Median of {part['lasts']['runs']} runs of {part['lasts']['seconds']} s each, except bursts: one run."
    yield from _goals(goals.mixed(part))
    servers = part["servers"]
    yield from _table(
        ("big list", "median, ms", "CPU, ms", "tiny beside it, per second", "tiny beside it, median / p99, ms"),
        [
            (
                s["label"],
                _figure(s["big"]),
                _figure(s["big_cpu"]),
                _figure(s["beside"]["per_second"]),
                _times(s["beside"]),
            )
            for s in servers
        ],
    )
    for key, delay in (("filling", 0.0), ("filling_late", part["delay"])):
        head = f"responses after a start, upstream {delay * 1000:.0f} ms late" if delay else "responses after a start"
        heads = [f"in {seconds} s" for seconds in servers[0][key]]
        yield from _table((head, *heads), [(s["label"], *map(_figure, s[key].values())) for s in servers])
    heads = [f"nested, {count} connections" for count in servers[0]["bursts"]]
    rows = [(s["label"], *(_burst(load) for load in (*s["bursts"].values(), s["varied"]))) for s in servers]
    yield from _table(("per second; median / p99, ms; refused", *heads, "varied, 32 connections"), rows)


def _times(load: Part) -> str:
    return f"{load['p50']:.2f} / {load['p99']:.2f}"


def _burst(load: Part) -> str:
    return f"{_figure(load['per_second'])}; {_times(load)}; {load['failed']:.1%}"


def cold(part: Part) -> Iterator[str]:
    """Goals, then times compared to the ideal, and requests compared to documents."""
    yield from _goals(goals.cold(part))
    rows = [
        (
            server["label"],
            f"{server['median']:.1f}",
            f"{server['longest']:.1f}",
            f"{server['median'] / part['ideal']:.2f}",
            server["requests"],
            server["documents"],
        )
        for server in part["servers"]
    ]
    ideal = f"of the ideal ({part['ideal']:.0f} ms)"
    yield from _table(
        ("nested, cold", "median, ms", "longest, ms", ideal, "requests upstream", "distinct documents"), rows
    )


def clients(part: Part) -> Iterator[str]:
    """Responses per second and 99th percentile, by number of clients."""
    yield f"One run of {Lasts(**part['lasts']).shorter} s each."
    yield "\n![Responses per second and the 99th percentile by the number of clients](performance/clients.png)"
    for head, key in (("nested, responses per second", "per_second"), ("p99, ms", "p99")):
        rows = [(server["label"], *(_figure(load[key]) for load in server["loads"])) for server in part["servers"]]
        yield from _table((head, *(f"{count} clients" for count in part["counts"])), rows)


def growth(part: Part) -> Iterator[str]:
    """Responses per second and memory, by size of the release."""
    yield f"One run of {Lasts(**part['lasts']).shorter} s each."
    yield "\n![Responses per second and memory by the number of profiles](performance/growth.png)"
    rows = [
        (
            server["label"],
            f"{server['profiles']:,}",
            f"{server['documents']:.0f}",
            f"{server['memory']:.0f}",
            *(_figure(load["per_second"]) for load in server["loads"].values()),
        )
        for server in part["servers"]
    ]
    names = [f"{name}, per second" for name in part["servers"][0]["loads"]]
    yield from _table(("", "profiles", "documents, MB of JSON", "memory, MB", *names), rows)


def start(part: Part) -> Iterator[str]:
    """Start times."""
    yield f"Median of {part['lasts']['runs']} starts."
    rows = [
        (s["label"], f"{s['answered']:.2f}", f"{s['processor']:.2f}", f"{s['memory']:.0f}") for s in part["servers"]
    ]
    yield from _table(("start", "first response, s", "processor time, s", "memory then, MB"), rows)


def summary(parts: Mapping[str, Part]) -> Iterator[str]:
    """How many goals are met, and which are not."""
    all_goals = [goal for name, goals_of in goals.BY_PART.items() if name in parts for goal in goals_of(parts[name])]
    missed = [goal for goal in all_goals if not goal.is_met]
    yield f"{len(all_goals) - len(missed)} of {len(all_goals)} goals are met.{' Missed:' if missed else ''}\n"
    for goal in missed:
        yield f"- {goal.what}: {_figure(goal.measured)}; the goal is {_figure(goal.target)} {goal.unit}"


def machine(part: Part) -> Iterator[str]:
    """The machine and software versions of the measurements."""
    yield from (f"- {name}: {value}" for name, value in part["machine"].items())


SECTIONS: dict[str, Callable[[Part], Iterator[str]]] = {
    "warm": warm,
    "varied": varied,
    "mixed": mixed,
    "cold": cold,
    "clients": clients,
    "growth": growth,
    "start": start,
}
"""Formatters by name of the part."""


def write() -> None:
    """Write all measured parts to their places on the page."""
    page = PAGE.read_text(encoding="utf-8")
    parts = {name: result for name in SECTIONS if (result := results.read(name)) is not None}
    for name, result in parts.items():
        page = _put(page, name, SECTIONS[name](result))
    page = _put(page, "summary", summary(parts))
    for first in list(parts.values())[:1]:  # the load that later parts record includes the benchmark itself
        page = _put(page, "machine", machine(first))
    PAGE.write_text(page, encoding="utf-8")


def _put(page: str, name: str, lines: Iterable[str]) -> str:
    text = "\n".join(lines).strip("\n")
    marked = re.compile(f"(<!-- {name}: [^>]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    return marked.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page)


def _goals(result: Iterable[Goal]) -> Iterator[str]:
    rows = [
        (goal.what, _figure(goal.target), _figure(goal.measured), goal.unit, "yes" if goal.is_met else "**no**")
        for goal in result
    ]
    yield from _table(("goal", "target", "measured", "", "met"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"\n| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    yield from (f"| {' | '.join(map(str, row))} |" for row in rows)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
