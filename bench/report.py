"""Figures against targets: as a table for a terminal and as the "Latest figures" of docs/bench.md."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.cpu import Cost
from bench.latency import Waits
from bench.targets import CPU_RATIO_MAX, RSS_MAX_MIB, TOP_UP_P99_MAX_MS

_BEGIN = "<!-- figures: written by `python -m bench --write docs/bench.md`, do not edit -->"
_END = "<!-- /figures -->"
_PACKAGES = ("pymodbus", "paho-mqtt", "aiosqlite", "msgspec", "cryptography", "iotcore")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; without a target it is told only."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it is within its target."""
        return self.most is None or self.value <= self.most


def cost_figures(cost: Cost) -> list[Figure]:
    """What the daemon costs."""
    return [
        Figure("CPU per 1,000 readings, daemon", median(cost.gateway_s), "s"),
        Figure("CPU per 1,000 readings, floor", median(cost.floor_s), "s"),
        Figure("daemon / floor", cost.ratio, "", CPU_RATIO_MAX),
        Figure("memory of the daemon, resident (RSS)", cost.rss_mib, "MiB", RSS_MAX_MIB),
        Figure("memory of the daemon, proportional (PSS)", cost.pss_mib, "MiB"),
    ]


def wait_figures(waits: Waits) -> list[Figure]:
    """How long a top-up takes."""
    name = f"top-up published to relay commanded ({len(waits.sorted_ms)} samples)"
    return [
        Figure(f"{name}, p50", waits.percentile(0.5), "ms"),
        Figure("the same, p95", waits.percentile(0.95), "ms"),
        Figure("the same, p99", waits.percentile(0.99), "ms", TOP_UP_P99_MAX_MS),
        Figure("the same, longest", waits.sorted_ms[-1], "ms"),
    ]


def rows(figures: Sequence[Figure]) -> list[tuple[str, str, str, str]]:
    """Name, value, target, verdict, as text."""
    return [
        (
            figure.name,
            _number(figure.value, figure.unit),
            "" if figure.most is None else f"<= {_number(figure.most, figure.unit)}",
            "" if figure.most is None else "pass" if figure.passed else "MISS",
        )
        for figure in figures
    ]


def table(figures: Sequence[Figure]) -> str:
    """For a terminal."""
    cells = [("", "measured", "target", ""), *rows(figures)]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in cells
    )


def write(document: Path, figures: Sequence[Figure], how: str) -> None:
    """Replace the figures in the document; ValueError when it has no place for them."""
    text = document.read_text("utf-8")
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with `{how}`, on {machine()}.",
        "",
        "| | measured | target | |",
        "|---|---:|---:|---|",
        *(f"| {' | '.join(row)} |" for row in rows(figures)),
    ]
    body = "\n".join([_BEGIN, *lines, _END])
    changed, count = re.subn(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", lambda _: body, text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{document} has no place for the figures: {_BEGIN} ... {_END}")
    document.write_text(changed, "utf-8")


def machine() -> str:
    """What the figures were measured on."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{_processor()} ({os.cpu_count()} cores seen), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def file_system(folder: Path) -> str:
    """The type of the file system below `folder`, as /proc/mounts names it."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text("utf-8").splitlines():
        _, point, kind = line.split()[:3]
        if folder.is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine() or sys.platform


def _number(value: float, unit: str) -> str:
    digits = {"": 2, "s": 3, "MiB": 1, "ms": 1}[unit]
    return f"{value:.{digits}f} {unit}".rstrip()
