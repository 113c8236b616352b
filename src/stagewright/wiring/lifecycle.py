"""What the drop-in commands work with: the cell that they run on. No state of ours, no stack, no sandbox."""

from __future__ import annotations

from pathlib import Path

from stagewright.buildpacks.cell import CellBuildpacks
from stagewright.buildpacks.fetching import FetchPolicy
from stagewright.sandbox.cell import Cell
from stagewright.services.cell import CellParts
from stagewright.storage.forgetting import CellRecords


def open_cell(given: Path, downloads: Path, trace: Path, policy: FetchPolicy) -> CellParts:
    """The cell whose platform put its buildpacks into ``given``; those that a URL names are fetched to ``downloads``.

    The trace of a traced build goes to ``trace``.
    """
    return CellParts(Cell(), CellRecords(trace), CellBuildpacks(given, downloads, policy))
