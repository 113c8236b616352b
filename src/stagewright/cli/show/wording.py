"""What events say to a person: lines of words, each with a role. Pure, so that tests read it and every log shows the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from stagewright.cli.show.safety import harmless
from stagewright.errors import Fault
from stagewright.model.build import Droplet, WrittenImage
from stagewright.model.buildpack import Script
from stagewright.model.containers import Stream
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
from stagewright.model.plan import Action, ReadProcesses, RunScript, Verb
from stagewright.model.quantities import show_duration, show_size
from stagewright.model.tree import Difference


class Role(StrEnum):
    """What a line is; a terminal gives each its colour."""

    TITLE = "title"
    PHASE = "phase"
    OUTPUT = "output"
    ERROR_OUTPUT = "error-output"
    DETAIL = "detail"
    WARNING = "warning"
    FAILURE = "failure"
    SUCCESS = "success"


@dataclass(frozen=True)
class Line:
    role: Role
    text: str


def lines_of(event: Event) -> Iterator[Line]:
    """The lines of one event; none for what only a progress bar shows."""
    match event:
        case BuildStarted():
            yield from _begun(event)
        case PlanMade() | Progressed():
            return
        case ActionStarted(action=action):
            yield from _started(action)
        case ScriptOutput(stream=stream, line=line):
            yield Line(Role.OUTPUT if stream is Stream.STDOUT else Role.ERROR_OUTPUT, harmless(line))
        case ActionFinished():
            yield from _finished(event)
        case Noted(text=text):
            yield Line(Role.DETAIL, text)
        case Warned(text=text):
            yield Line(Role.WARNING, harmless(text))
        case DetectNotExecutable(buildpack=buildpack):
            yield Line(Role.WARNING, f"buildpack script '/bin/detect' of {harmless(buildpack)} is not executable")
        case ScriptTraced():
            yield from _traced(event)
        case BuildStaged() | BuildTested() | BuildFailed():
            yield from _ended(event)


def _begun(event: BuildStarted) -> Iterator[Line]:
    doing = "Testing" if event.testing else "Staging"
    yield Line(Role.TITLE, f"{doing} {event.app} on {event.stack} (build {event.build.short})")
    source = f"{_count(event.files, 'entry', 'entries')}, {show_size(event.size)}, {event.package}"
    yield Line(Role.DETAIL, f"source {source}")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _started(action: Action) -> Iterator[Line]:
    step = action.step
    if (isinstance(step, RunScript) and step.script is Script.DETECT) or isinstance(step, ReadProcesses):
        return
    yield Line(Role.PHASE, f"{step.verb_noun} (because {action.because})")


def _finished(event: ActionFinished) -> Iterator[Line]:
    step = event.action.step
    took = show_duration(event.seconds)
    if isinstance(step, RunScript) and step.script is Script.DETECT:
        if event.exit_code == 0:
            yield Line(Role.PHASE, f"detect {step.buildpack}: {harmless(event.says) or 'matched'} ({took})")
        else:
            yield Line(Role.DETAIL, f"detect {step.buildpack}: no ({took})")
        return
    if isinstance(step, ReadProcesses):
        yield Line(Role.DETAIL, f"process types: {harmless(event.says)}")
        return
    said = [event.says] if event.says else []
    wrote = _wrote(event.wrote)
    yield Line(Role.DETAIL, "; ".join([*said, *([wrote] if wrote else []), f"took {took}"]))


def _traced(event: ScriptTraced) -> Iterator[Line]:
    from stagewright.staging.trace_words import log_lines  # who traces nothing does not wait for it

    for line in log_lines(event.buildpack, event.script, first=event.first):
        yield Line(Role.DETAIL, harmless(line))


def _wrote(wrote: Mapping[str, Difference]) -> str:
    parts = []
    for tree, change in wrote.items():
        counts = ((change.added, "+"), (change.changed, "~"), (change.removed, "-"))
        marks = " ".join(f"{mark}{count}" for count, mark in counts if count)
        parts.append(f"{tree} {marks} ({show_size(change.bytes_written)})")
    return f"wrote {', '.join(parts)}" if parts else ""


def _staged(event: BuildStaged) -> Iterator[Line]:
    droplet = event.droplet
    how = "Nothing changed: the droplet of an earlier build is reused" if event.reused else "Staged"
    yield Line(Role.SUCCESS, f"{how} in {show_duration(event.seconds)}")
    yield from droplet_lines(droplet)
    for image in event.images:
        yield from image_lines(image)
    if event.time is not None and not event.reused:
        yield Line(Role.DETAIL, time_line(event.time))
    yield Line(Role.DETAIL, f"run it   stagewright run {droplet.path}")


def _tested(event: BuildTested) -> Iterator[Line]:
    yield Line(Role.SUCCESS, f"The tests passed, in {show_duration(event.seconds)}")
    if event.time is not None:
        yield Line(Role.DETAIL, time_line(event.time))


def droplet_lines(droplet: Droplet) -> Iterator[Line]:
    """Where a droplet lies and what it starts."""
    yield Line(Role.DETAIL, f"droplet  {droplet.path}  {show_size(droplet.size)}")
    yield Line(Role.DETAIL, f"tree     {droplet.tree}")
    for process in droplet.processes.types:
        yield Line(Role.DETAIL, f"process  {harmless(process.type)}: {harmless(process.command)}")


def image_lines(image: WrittenImage) -> Iterator[Line]:
    """Where an image lies, and its layers, new ones told from those that were there."""
    yield Line(Role.DETAIL, f"image    {image.target}  {show_size(image.size)}  {image.digest}")
    for layer in image.layers:
        state = "reused" if layer.reused else "new"
        yield Line(Role.DETAIL, f"  layer  {layer.what:<12} {show_size(layer.size):>8}  {state}")


def time_line(time: TimeSpent) -> str:
    """Where the time went: scripts apart from the platform."""
    platform = max(0.0, time.total - time.scripts)
    return f"time     scripts {show_duration(time.scripts)}, platform {show_duration(platform)}"


_WHOSE = {
    Fault.USAGE: "the command",
    Fault.APP: "the app",
    Fault.BUILDPACK: "the buildpack",
    Fault.EXTENSION: "an extension",
    Fault.PLATFORM: "the platform",
}


def _ended(event: BuildStaged | BuildTested | BuildFailed) -> Iterator[Line]:
    match event:
        case BuildStaged():
            yield from _staged(event)
        case BuildTested():
            yield from _tested(event)
        case BuildFailed():
            yield from failure_lines(event.brief, event.hint, event.details, event.fault)


def failure_lines(brief: str, hint: str, details: str, fault: Fault) -> Iterator[Line]:
    """What happened, whose fault it is, the evidence, what to do."""
    if details:
        yield Line(Role.DETAIL, "last lines:")
        for line in details.splitlines():
            yield Line(Role.ERROR_OUTPUT, f"  {harmless(line)}")
    yield Line(Role.FAILURE, f"error: {harmless(brief)}")
    if fault in _WHOSE:
        yield Line(Role.DETAIL, f"at fault: {_WHOSE[fault]}")
    if hint:
        yield Line(Role.DETAIL, f"try:      {harmless(hint)}")


def plan_lines(actions: tuple[Action, ...], complete: bool) -> Iterator[Line]:
    """A plan as a table: verb, step, reason."""
    for action in actions:
        role = Role.DETAIL if action.verb is Verb.SKIP else Role.PHASE
        yield Line(role, f"{action.verb:<6} {action.step.verb_noun:<24} because {action.because}")
    if not complete:
        yield Line(Role.DETAIL, "what follows is decided by what these say")
