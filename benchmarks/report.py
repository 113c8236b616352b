"""Measurements as values, and the one table that all benchmarks print."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Samples:
    """One thing measured several times, in ``unit``."""

    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        """What it takes when nobody disturbs: on a busy machine the better estimate."""
        return min(self.values)

    def __str__(self) -> str:
        if self.unit == "MB":
            return f"{self.median:.1f} MB"
        return (
            f"{self.median:.2f} {self.unit} (least {self.least:.2f})"
            if len(self.values) > 1
            else f"{self.median:.2f} s"
        )


@dataclass(frozen=True)
class Target:
    """What was promised: a ratio (or a figure) at least, or at most, this."""

    at_least: float | None = None
    at_most: float | None = None

    def met_by(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``ratio`` is what the target speaks of: against the peer, or the figure itself without one."""

    what: str
    ours: Samples
    peer: Samples | None
    ratio: float
    ratio_of_least: float
    target: Target | None = None

    @classmethod
    def faster(cls, what: str, ours: Samples, peer: Samples, target: Target | None) -> Figure:
        """How many times less ours is than the peer."""
        return cls(what, ours, peer, peer.median / ours.median, peer.least / ours.least, target)

    @classmethod
    def share(cls, what: str, ours: Samples, peer: Samples, target: Target | None) -> Figure:
        """How much ours is of the peer."""
        return cls(what, ours, peer, ours.median / peer.median, ours.least / peer.least, target)

    @classmethod
    def absolute(cls, what: str, ours: Samples, target: Target | None) -> Figure:
        """Ours alone."""
        return cls(what, ours, None, ours.median, ours.least, target)

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        if self.target.met_by(self.ratio):
            return "met"
        return "met by the least" if self.target.met_by(self.ratio_of_least) else "missed"


@dataclass(frozen=True)
class Table:
    """Where something goes: rows of equal length under ``columns``."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Report:
    """What one benchmark found out."""

    name: str
    against: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    load: tuple[float, float, float] = field(default_factory=os.getloadavg)


def text(report: Report) -> str:
    """The report for a person."""
    head = ("figure", "ours", "peer", "ratio", "target", "")
    rows = [
        (f.what, str(f.ours), str(f.peer or ""), f"{f.ratio:.2f}", str(f.target or ""), f.verdict)
        for f in report.figures
    ]
    parts = [f"== {report.name}: against {report.against}", _aligned(head, rows)]
    for table in report.tables:
        parts += ["", table.title, _aligned(table.columns, table.rows)]
    parts += [f"  {note}" for note in report.notes]
    parts.append(f"  load average {', '.join(f'{load:.1f}' for load in report.load)} on {os.cpu_count()} processors")
    return "\n".join(parts)


def document(report: Report) -> dict[str, Any]:
    """The report as JSON values; samples in the order in which they were taken."""
    return {
        "benchmark": report.name,
        "against": report.against,
        "figures": [_figure(figure) for figure in report.figures],
        "tables": [{"title": t.title, "columns": t.columns, "rows": t.rows} for t in report.tables],
        "notes": report.notes,
        "load": report.load,
        "processors": os.cpu_count(),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "unit": figure.ours.unit,
        "ours": figure.ours.values,
        "peer": figure.peer.values if figure.peer else None,
        "ratio": round(figure.ratio, 4),
        "ratio_of_least": round(figure.ratio_of_least, 4),
        "target": str(figure.target) if figure.target else None,
        "verdict": figure.verdict or None,
    }


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join(("", first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others))).rstrip()
