"""Draws the plots of docs/performance.md from the results of whole runs: `python benchmarks/speed/plots.py`.

Requires only matplotlib, in a separate environment.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[2]
RESULTS, PLOTS = ROOT / "benchmarks" / "results", ROOT / "docs" / "performance"
COLOURS = ("#0b6e4f", "#c84630", "#3d5a98", "#b8860b", "#7b4b94", "#555555")
MARKS = "osD^vP"


def clients(part: Any) -> None:
    """Plot responses per second and p99 of the nested operation, by number of clients."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for position, server in enumerate(part["servers"]):
        for axes, key in ((left, "per_second"), (right, "p99")):
            _line(axes, part["counts"], [load[key] for load in server["loads"]], server["label"], position)
    for axes, title in ((left, "nested: responses per second"), (right, "nested: 99th percentile, ms")):
        _dress(axes, title, "concurrent clients", part["counts"])
    _finish(figure, left, "clients")


def growth(part: Any) -> None:
    """Plot responses per second of each operation, and memory, by number of profiles."""
    servers: dict[str, list[Any]] = {}
    for value in part["servers"]:
        servers.setdefault(value["label"], []).append(value)
    operations = list(part["servers"][0]["loads"])
    sizes = sorted({server["profiles"] for server in part["servers"]})
    figure, panels = pyplot.subplots(1, len(operations) + 1, figsize=(3 * len(operations) + 3, 4), layout="constrained")
    for position, (label, grown) in enumerate(servers.items()):
        for axes, name in zip(panels, operations, strict=False):
            _line(axes, sizes, [item["loads"][name]["per_second"] for item in grown], label, position)
        _line(panels[-1], sizes, [item["memory"] for item in grown], label, position)
    for axes, name in zip(
        panels, [*(f"{name}: responses per second" for name in operations), "memory, MB"], strict=True
    ):
        _dress(axes, name, "profiles", sizes)
        axes.set_ylim(bottom=0)
    _finish(figure, panels[0], "growth")


def _line(axes: Axes, across: Sequence[float], up: Sequence[float], label: str, position: int) -> None:
    axes.plot(across, up, label=label, color=COLOURS[position], marker=MARKS[position], markersize=5, linewidth=1.6)


def _dress(axes: Axes, title: str, across: str, ticks: Sequence[int]) -> None:
    axes.set_xscale("log")
    if "ms" in title or across == "concurrent clients":
        axes.set_yscale("log")
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(across)
    axes.grid(True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _finish(figure: Any, axes: Axes, name: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    PLOTS.mkdir(exist_ok=True)
    figure.savefig(PLOTS / f"{name}.png", dpi=90)
    pyplot.close(figure)


def main() -> None:
    for name, draw in (("clients", clients), ("growth", growth)):
        if (file := RESULTS / f"{name}.json").is_file():
            draw(json.loads(file.read_text()))


if __name__ == "__main__":
    main()
