"""The verbs of traces: list those that are kept, find one by build, app or file."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stagewright.errors import PlatformProblem, UsageProblem
from stagewright.model.fields import Malformed
from stagewright.model.names import BuildId
from stagewright.model.trace import Trace
from stagewright.model.trace_document import LARGEST, parse_trace
from stagewright.ports.keeping import Records
from stagewright.trees.names import escape_name

_PREFIX = re.compile(r"[0-9a-f][0-9a-f-]{3,35}", re.IGNORECASE)
"""Four digits are the least that names a build: fewer are a slip rather than a name."""


@dataclass(eq=False)
class UnknownBuild(UsageProblem):
    """Nothing is known under that name."""

    what: str

    def brief(self) -> str:
        return f"{self.what!r} is no build that is remembered here, no app with a trace, and no file."

    def hint(self) -> str:
        return (
            "'stagewright trace list' shows what is kept. Give the guid of a build or its beginning, an app, or a file."
        )


@dataclass(eq=False)
class AmbiguousBuild(UsageProblem):
    """Several builds begin alike."""

    what: str
    builds: tuple[BuildId, ...]

    def brief(self) -> str:
        return f"{len(self.builds)} builds begin with {self.what!r}."

    def hint(self) -> str:
        return f"Give more of it: {', '.join(map(str, self.builds[:5]))}{' …' if len(self.builds) > 5 else ''}."


@dataclass(eq=False)
class NoTraceKept(UsageProblem):
    """The build is known, but nobody asked for its trace, or it is too old."""

    build: BuildId

    def brief(self) -> str:
        return f"No trace of the build {self.build} is kept."

    def hint(self) -> str:
        return "Stage with --trace, or set STAGEWRIGHT_TRACE=1 in the app's environment. The newest 50 traces are kept."


@dataclass(eq=False)
class MalformedTrace(UsageProblem):
    """A file that is no trace, or a damaged one."""

    path: str
    says: str

    def brief(self) -> str:
        return f"{self.path} cannot be read as a trace: {self.says}."

    def hint(self) -> str:
        return "A trace is the JSON that 'stagewright trace show BUILD --json' prints (docs/reference/trace.md)."


@dataclass(eq=False)
class UnreadableTrace(UsageProblem):
    """A file that cannot be opened."""

    path: str
    reason: str

    def brief(self) -> str:
        return f"{self.path} cannot be read ({self.reason})."


@dataclass(eq=False)
class DamagedTrace(PlatformProblem):
    """What is kept of a build cannot be read."""

    build: BuildId
    says: str

    def brief(self) -> str:
        return f"The trace that is kept of the build {self.build} cannot be read: {self.says}."

    def hint(self) -> str:
        return "Stage again with --trace."


def list_traces(records: Records) -> list[dict[str, object]]:
    """The traces that are kept, newest first; ``kept`` is seconds since the epoch."""
    listed: list[dict[str, object]] = []
    for kept, fields in records.traces():
        plain = {name: str(fields.get(name, "")) for name in ("app", "started", "ended", "outcome")}
        listed.append({"build": str(kept.build), **plain, "kept": kept.kept})
    return listed


def find_trace(what: str, records: Records) -> Trace:
    """The trace of a build (its guid, or the beginning of it), of the newest build of an app, or in a file.

    A name with a slash, or that ends with ``.json``, is a file; so is any other that names nothing else. Raises UnknownBuild,
    AmbiguousBuild, NoTraceKept, MalformedTrace, UnreadableTrace, DamagedTrace.
    """
    if "/" in what or what.endswith(".json"):
        return _from_file(Path(what))
    build = _build(what, records)
    if build is not None:
        return _kept(build, records)
    if Path(what).is_file():
        return _from_file(Path(what))
    raise UnknownBuild(what)


def _build(what: str, records: Records) -> BuildId | None:
    traces = records.traces()
    if _PREFIX.fullmatch(what):
        traced = [kept.build for kept, _ in traces]
        known = [*traced, *(kept.build for kept in records.builds())]
        found = _beginning(what.lower(), traced) or _beginning(what.lower(), known)
        if len(found) > 1:
            raise AmbiguousBuild(what, tuple(found))
        if found:
            return found[0]
        if _is_guid(what):
            raise UnknownBuild(what)
    return next((kept.build for kept, fields in traces if fields.get("app") == what), None)


def _beginning(prefix: str, builds: Sequence[BuildId]) -> list[BuildId]:
    return sorted({build for build in builds if str(build).startswith(prefix)})


def _is_guid(what: str) -> bool:
    try:
        uuid.UUID(what)
    except ValueError:
        return False
    return True


def _kept(build: BuildId, records: Records) -> Trace:
    content = records.trace(build)
    if content is None:
        raise NoTraceKept(build)
    try:
        return parse_trace(content)
    except Malformed as error:
        raise DamagedTrace(build, str(error)) from error


def _from_file(path: Path) -> Trace:
    shown = escape_name(str(path).encode("utf-8", "surrogateescape"))
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UnreadableTrace(shown, error.strerror or type(error).__name__) from error
    try:
        return parse_trace(content)
    except Malformed as error:
        raise MalformedTrace(shown, str(error)) from error
