"""Whether a build is traced: a person may say so, and the app in its environment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from stagewright.model.build import BuildRequest
from stagewright.ports.keeping import Workspace
from stagewright.staging.building import Tools

VARIABLE = "STAGEWRIGHT_TRACE"
_ON = frozenset({"1", "true", "yes", "on"})


def asks_for_trace(environment: Mapping[str, str]) -> bool:
    """Whether an app's environment wants its builds traced: STAGEWRIGHT_TRACE=1."""
    return environment.get(VARIABLE, "").strip().lower() in _ON


def trace_beside(result: Path) -> Path:
    """Where the trace lies that belongs to a cell's result.json."""
    return result.with_name(f"{result.name}.trace.json")


def tracing(
    tools: Tools, request: BuildRequest, workspace: Workspace, shown_by: str, *, wanted: bool
) -> AbstractContextManager[Tools]:
    """The tools of a build, traced where that is ``wanted``; the log then says ``shown_by``."""
    if not wanted:
        return nullcontext(tools)
    from stagewright.staging.tracing import traced  # a build without a trace does not wait for it

    return traced(tools, request, workspace, shown_by)
