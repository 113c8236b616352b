"""A trace as JSON values, and back. docs/reference/trace.md lists the fields; a test holds it to this file.

A document may come from anybody: whoever is asked to look into somebody's build gets a file. So all of it is bounded, and a
complaint names the place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from stagewright.model.digest import Digest
from stagewright.model.fields import Fields, Malformed
from stagewright.model.names import AppName, BuildId, StackName
from stagewright.model.trace import (
    FORMAT,
    ChangedVariable,
    EnvironmentChange,
    ScriptTrace,
    Trace,
    TracedBuildpack,
    TracedCommand,
    Xtrace,
)
from stagewright.model.trace_timing import slowest
from stagewright.model.tree import Difference, WrittenFile

LARGEST = 64 << 20
"""Bytes of the largest document that is read."""
MOST_SCRIPTS = 500
MOST_COMMANDS = 200_000
"""In all scripts together."""


_HEAVIEST = 40 << 20
"""Bytes of JSON that all commands together may take, by estimate."""
_WEIGHT = 220
"""Bytes of a command without its texts: so the heaviest document has fewer commands than may be read."""


def trace_document(trace: Trace) -> dict[str, object]:
    """``trace`` as plain JSON values, within the bounds of `read_trace`: see `bounded`."""
    trace = bounded(trace)
    return {
        "format": FORMAT,
        "build": str(trace.build),
        "app": str(trace.app),
        "stack": {"name": str(trace.stack), "digest": str(trace.stack_digest)},
        "started": _moment(trace.started),
        "ended": _moment(trace.ended),
        "outcome": trace.outcome,
        "buildpacks": [buildpack_document(one) for one in trace.buildpacks],
        "scripts": [script_document(one) for one in trace.scripts],
    }


def bounded(trace: Trace, heaviest: int = _HEAVIEST) -> Trace:
    """``trace`` as it can be kept: while its commands are too much, the script with most of them keeps its slower half."""
    weights = [sum(map(_weight, script.xtrace.commands)) for script in trace.scripts]
    scripts = list(trace.scripts)
    while sum(weights) > heaviest:
        index = max(range(len(weights)), key=weights.__getitem__)
        xtrace = scripts[index].xtrace
        slower = slowest(xtrace.commands)[: len(xtrace.commands) // 2]
        kept = tuple(sorted(slower, key=lambda command: command.offset))
        scripts[index] = replace(scripts[index], xtrace=replace(xtrace, commands=kept, truncated=True))
        weights[index] = sum(map(_weight, kept))
    return replace(trace, scripts=tuple(scripts))


def _weight(command: TracedCommand) -> int:
    """Bytes in JSON, where a character that is not ASCII may take six, and a control character as well."""
    texts = (command.text, command.file, command.function)
    return _WEIGHT + sum(len(text) if text.isascii() and text.isprintable() else 6 * len(text) for text in texts)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def buildpack_document(one: TracedBuildpack) -> dict[str, object]:
    """A buildpack as plain JSON values."""
    return {
        "reference": one.reference,
        "name": one.name,
        "version": one.version,
        "digest": str(one.digest),
        "dialect": one.dialect,
        "origin": dict(one.origin),
    }


def script_document(one: ScriptTrace) -> dict[str, object]:
    """One run of a script as plain JSON values."""
    change = one.environment
    changed = {name: {"before": value.before, "after": value.after} for name, value in change.changed.items()}
    return {
        "buildpack": one.buildpack,
        "script": one.script,
        "position": one.position,
        "argv": list(one.argv),
        "cwd": one.cwd,
        "environment": {
            "against": change.against,
            "added": dict(change.added),
            "changed": changed,
            "removed": list(change.removed),
        },
        "started": round(one.started, 6),
        "seconds": round(one.seconds, 6),
        "cpu_seconds": None if one.cpu_seconds is None else round(one.cpu_seconds, 6),
        "peak_memory": one.peak_memory,
        "exit_code": one.exit_code,
        "wrote": {tree: _difference(wrote) for tree, wrote in one.wrote.items()},
        "xtrace": {
            "coverage": one.xtrace.coverage,
            "truncated": one.xtrace.truncated,
            "commands": [_command(command) for command in one.xtrace.commands],
        },
    }


def _difference(change: Difference) -> dict[str, object]:
    return {
        **change.counts(),
        "bytes_added": change.bytes_added,
        "bytes_changed": change.bytes_changed,
        "bytes_removed": change.bytes_removed,
        "largest": [{"path": file.path, "size": file.size, "new": file.new} for file in change.largest],
    }


def _command(command: TracedCommand) -> dict[str, object]:
    return {
        "offset": round(command.offset, 6),
        "seconds": round(command.seconds, 6),
        "depth": command.depth,
        "file": command.file,
        "line": command.line,
        "function": command.function,
        "process": command.process,
        "text": command.text,
    }


def parse_trace(content: bytes) -> Trace:
    """The trace in ``content``. Raises Malformed."""
    if len(content) > LARGEST:
        raise Malformed("", f"it is larger than {LARGEST >> 20} MB")
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Malformed("", f"it is not JSON ({str(error)[:200]})") from error
    return read_trace(document)


def read_trace(document: object) -> Trace:
    """The trace that JSON values say. Raises Malformed; what it does not know it leaves out."""
    top = Fields.of(document)
    if top.text("format", most=100) != FORMAT:
        raise Malformed("format", f"it is not {FORMAT}")
    stack = top.inside("stack")
    buildpacks = tuple(_read_buildpack(one) for one in top.each("buildpacks", most=MOST_SCRIPTS))
    scripts = tuple(_read_script(one, len(buildpacks)) for one in top.each("scripts", most=MOST_SCRIPTS))
    if sum(len(script.xtrace.commands) for script in scripts) > MOST_COMMANDS:
        raise Malformed("scripts", f"they hold more than {MOST_COMMANDS:,} commands")
    return Trace(
        build=top.parsed("build", BuildId),
        app=top.parsed("app", AppName),
        stack=stack.parsed("name", StackName),
        stack_digest=stack.parsed("digest", Digest.parse),
        started=top.parsed("started", _read_moment),
        ended=top.parsed("ended", _read_moment),
        buildpacks=buildpacks,
        scripts=scripts,
        outcome=top.text("outcome", otherwise=""),
    )


def _read_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _read_buildpack(one: Fields) -> TracedBuildpack:
    return TracedBuildpack(
        reference=one.text("reference"),
        name=one.text("name"),
        version=one.text("version") if one.has("version") else None,
        digest=one.parsed("digest", Digest.parse),
        dialect=one.text("dialect", most=100),
        origin=one.plain("origin") if one.has("origin") else {},
    )


def _read_script(one: Fields, buildpacks: int) -> ScriptTrace:
    wrote = one.inside("wrote")
    xtrace = one.inside("xtrace")
    return ScriptTrace(
        buildpack=one.whole("buildpack", most=buildpacks - 1),
        script=one.text("script", most=100),
        position=one.whole("position", most=10_000),
        argv=one.texts("argv"),
        cwd=one.text("cwd"),
        environment=_read_environment(one.inside("environment")),
        started=one.number("started"),
        seconds=one.number("seconds"),
        cpu_seconds=one.number("cpu_seconds") if one.has("cpu_seconds") else None,
        peak_memory=one.whole("peak_memory") if one.has("peak_memory") else None,
        exit_code=one.whole("exit_code", least=-1000, most=1000),
        wrote={tree: _read_difference(wrote.inside(tree)) for tree in wrote.names(most=100)},
        xtrace=Xtrace(
            coverage=xtrace.text("coverage"),
            commands=tuple(_read_command(each) for each in xtrace.each("commands", most=MOST_COMMANDS)),
            truncated=xtrace.flag("truncated"),
        ),
    )


def _read_environment(change: Fields) -> EnvironmentChange:
    changed = change.inside("changed")
    return EnvironmentChange(
        against=change.text("against", otherwise=""),
        added=_texts_by_name(change.inside("added")),
        changed={
            name: ChangedVariable(changed.inside(name).text("before"), changed.inside(name).text("after"))
            for name in changed.names()
        },
        removed=change.texts("removed"),
    )


def _texts_by_name(fields: Fields) -> Mapping[str, str]:
    return {name: fields.text(name) for name in fields.names()}


def _read_difference(change: Fields) -> Difference:
    return Difference(
        added=change.whole("added"),
        changed=change.whole("changed"),
        removed=change.whole("removed"),
        bytes_written=change.whole("bytes_written"),
        bytes_added=change.whole("bytes_added"),
        bytes_changed=change.whole("bytes_changed"),
        bytes_removed=change.whole("bytes_removed"),
        largest=tuple(
            WrittenFile(file.text("path"), file.whole("size"), file.flag("new"))
            for file in change.each("largest", most=100)
        ),
    )


def _read_command(command: Fields) -> TracedCommand:
    return TracedCommand(
        offset=command.number("offset"),
        text=command.text("text"),
        file=command.text("file", otherwise=""),
        line=command.whole("line"),
        function=command.text("function", otherwise=""),
        depth=command.whole("depth", most=1_000_000),
        process=command.whole("process"),
        seconds=command.number("seconds"),
    )
