"""One JSON object an event, the result last. docs/reference/events.md lists them; a test holds it to this file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from types import TracebackType
from typing import TextIO

from stagewright.cli.show.wording import Line, Role
from stagewright.droplets.facts import facts_document
from stagewright.model.build import WrittenImage
from stagewright.model.events import (
    ActionFinished,
    ActionStarted,
    BuildFailed,
    BuildStaged,
    BuildStarted,
    BuildTested,
    DetectNotExecutable,
    Event,
    Noted,
    PlanMade,
    Progressed,
    ScriptOutput,
    ScriptTraced,
    TimeSpent,
    Warned,
)
from stagewright.model.plan import Action
from stagewright.staging.documents import action_document

NAMES: Mapping[type[Event], str] = {
    BuildStarted: "build.started",
    PlanMade: "plan.made",
    ActionStarted: "action.started",
    ScriptOutput: "script.output",
    ActionFinished: "action.finished",
    Progressed: "progressed",
    Noted: "noted",
    Warned: "warned",
    DetectNotExecutable: "detect.not-executable",
    ScriptTraced: "script.traced",
    BuildStaged: "build.staged",
    BuildTested: "tests.passed",
    BuildFailed: "build.failed",
}


class JsonLog(AbstractContextManager["JsonLog"]):
    """Writes events as they come. Plain lines become ``noted`` and ``warned``."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.flush()

    def event(self, event: Event) -> None:
        self._out.write(json.dumps(event_document(event), ensure_ascii=True) + "\n")
        self._out.flush()

    def paused(self) -> AbstractContextManager[None]:
        """While somebody else writes to where this goes."""
        return nullcontext()

    def line(self, line: Line) -> None:
        self.event(Warned(line.text) if line.role is Role.WARNING else Noted(line.text))


def event_document(event: Event) -> dict[str, object]:
    """An event as JSON values; ``event`` is its name."""
    return {"event": NAMES[type(event)], **_fields(event)}


def _fields(event: Event) -> dict[str, object]:
    match event:
        case BuildStarted():
            return {
                "build": str(event.build),
                "app": str(event.app),
                "stack": {"name": str(event.stack), "digest": str(event.stack_digest)},
                "package": {"digest": str(event.package), "files": event.files, "size": event.size},
                "testing": event.testing,
            }
        case PlanMade(plan=plan):
            actions = [action_document(action) for action in plan.actions]
            return {"digest": str(plan.digest), "complete": plan.complete, "actions": actions}
        case ActionStarted(action=action):
            return _action(action)
        case ScriptOutput():
            return {"stream": event.stream.value, "line": event.line}
        case ActionFinished():
            wrote = {tree: change.counts() for tree, change in event.wrote.items()}
            ended = {"seconds": round(event.seconds, 3), "exit_code": event.exit_code, "says": event.says}
            return {**_action(event.action), **ended, "wrote": wrote}
        case Progressed():
            return {"what": event.what, "done": event.done, "total": event.total, "unit": event.unit}
        case Noted(text=text) | Warned(text=text):
            return {"text": text}
        case DetectNotExecutable(buildpack=buildpack):
            return {"buildpack": buildpack}
        case ScriptTraced():
            return _traced(event)
        case BuildStaged() | BuildTested() | BuildFailed():
            return _ended(event)


def _ended(event: BuildStaged | BuildTested | BuildFailed) -> dict[str, object]:
    match event:
        case BuildStaged():
            return _staged(event)
        case BuildTested():
            seconds = round(event.seconds, 3)
            return {
                "build": str(event.build),
                "tests": list(event.tests),
                "seconds": seconds,
                "time": _spent(event.time),
            }
        case BuildFailed():
            return {
                "build": str(event.build),
                "error": event.error,
                "fault": event.fault.value,
                "brief": event.brief,
                "hint": event.hint,
                "details": event.details,
            }


def _action(action: Action) -> dict[str, object]:
    return action_document(action)


def _traced(event: ScriptTraced) -> dict[str, object]:
    """As in the trace, but for the commands, of which there are too many for a line."""
    from stagewright.model.trace_document import buildpack_document, script_document

    script = {name: value for name, value in script_document(event.script).items() if name != "buildpack"}
    xtrace = event.script.xtrace
    told = {"coverage": xtrace.coverage, "commands": len(xtrace.commands), "truncated": xtrace.truncated}
    return {"buildpack": buildpack_document(event.buildpack), "first": event.first, **script, "xtrace": told}


def _staged(event: BuildStaged) -> dict[str, object]:
    return {
        "build": str(event.build),
        "reused": event.reused,
        "seconds": round(event.seconds, 3),
        "time": _spent(event.time),
        "path": str(event.droplet.path),
        **facts_document(event.droplet),
        "reports": dict(event.reports),
        "images": [image_document(image) for image in event.images],
    }


def _spent(time: TimeSpent | None) -> dict[str, object] | None:
    return {"total": time.total, "scripts": time.scripts, "parts": [list(p) for p in time.parts]} if time else None


def image_document(image: WrittenImage) -> dict[str, object]:
    """A written image with the sizes of its layers in bytes."""
    layers = [{**asdict(layer), "digest": str(layer.digest)} for layer in image.layers]
    return {"target": str(image.target), "digest": str(image.digest), "size": image.size, "layers": layers}
