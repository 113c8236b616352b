"""What is said of a traced script, in words: the same in the log of `stage`, on a cell, in the tree and on the page.

Texts are those of the trace: masked, and else as they came. Who shows them takes control characters out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stagewright.model.quantities import show_duration, show_size
from stagewright.model.trace import EnvironmentChange, ScriptTrace, TracedBuildpack, TracedCommand
from stagewright.model.trace_timing import slowest
from stagewright.model.tree import Difference

_TEXT = 160
"""Characters of a command, and of a value, in the log."""
_VARIABLES = 40
_SLOWEST = 3


def log_lines(buildpack: TracedBuildpack, script: ScriptTrace, *, first: bool) -> Iterator[str]:
    """What the log tells of one run; ``first`` tells which buildpack that was, too."""
    yield f"trace    {script.script} {buildpack}: {', '.join(_measured(script))}"
    if first:
        yield from (f"  buildpack  {line}" for line in identity_lines(buildpack))
    yield _cut(f"  argv       {' '.join(script.argv)}")
    yield _cut(f"  cwd        {script.cwd}")
    yield from _environment_lines(script.environment)
    for tree, change in script.wrote.items():
        yield f"  wrote      {tree}: {wrote_words(change)}"
    yield f"  xtrace     {xtrace_words(script)}"
    for command in slowest(script.xtrace.commands)[:_SLOWEST]:
        yield f"  slowest    {show_duration(command.seconds):>8}  {_place(command)}  {_cut(command.text)}"


def _measured(script: ScriptTrace) -> Iterator[str]:
    yield f"exit code {script.exit_code}"
    yield show_duration(script.seconds)
    if script.cpu_seconds is not None:
        yield f"CPU {show_duration(script.cpu_seconds)}"
    if script.peak_memory is not None:
        yield f"peak memory {show_size(script.peak_memory)}"


def identity_lines(buildpack: TracedBuildpack) -> Iterator[str]:
    """Which buildpack that was: reference, version, digest, and for git the last commits."""
    version = f"version {buildpack.version}, " if buildpack.version else ""
    yield f"{buildpack.reference}, {version}{buildpack.dialect}, {buildpack.digest}"
    origin = buildpack.origin
    plain = [f"{name} {_said(value)}" for name, value in origin.items() if not isinstance(value, list | Mapping)]
    if plain:
        yield ", ".join(plain)
    commits = origin.get("commits")
    for commit in commits if isinstance(commits, list) else []:
        if isinstance(commit, Mapping):
            said = {name: _said(commit.get(name, "")) for name in ("commit", "date", "author", "subject")}
            yield f"{said['commit'][:12]}  {said['date']}  {said['author']}: {said['subject']}"


def _said(value: object) -> str:
    return {True: "yes", False: "no", None: "unknown"}[value] if isinstance(value, bool | None) else str(value)


def wrote_words(change: Difference) -> str:
    """What was done to one tree."""
    parts = (
        ("added", change.added, change.bytes_added),
        ("changed", change.changed, change.bytes_changed),
        ("removed", change.removed, change.bytes_removed),
    )
    said = [f"{count:,} {what} ({show_size(size)})" for what, count, size in parts if count]
    return ", ".join(said) or "nothing"


def xtrace_words(script: ScriptTrace) -> str:
    """What its shells told, and how much of it is kept."""
    commands = len(script.xtrace.commands)
    more = " and more that are not kept" if script.xtrace.truncated else ""
    told = f": {commands} {'command' if commands == 1 else 'commands'}{more}" if commands or more else ""
    return f"{script.xtrace.coverage}{told}"


def _environment_lines(change: EnvironmentChange) -> Iterator[str]:
    if not change:
        yield f"  env        as that of {change.against}"
        return
    lines = [
        *(f"+ {name}={value}" for name, value in change.added.items()),
        *(f"~ {name}={changed.after}  (was {changed.before})" for name, changed in change.changed.items()),
        *(f"- {name}" for name in change.removed),
    ]
    yield f"  env        against that of {change.against}:"
    yield from (_cut(f"    {line}") for line in lines[:_VARIABLES])
    if len(lines) > _VARIABLES:
        yield f"    … {len(lines) - _VARIABLES} more"


def _place(command: TracedCommand) -> str:
    return f"{command.file or '(bash -c)'}:{command.line}"


def _cut(text: str) -> str:
    line = text.replace("\n", "⏎")
    return line if len(line) <= _TEXT else f"{line[: _TEXT - 2]} …"
