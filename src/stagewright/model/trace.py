"""What one build did, script by script: the value that ``--trace`` makes, whatever the dialect of the buildpacks.

Every text in it was masked before it got here: what makes these values takes the masker. Times are in here and in nothing that
has a digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from stagewright.model.digest import Digest
from stagewright.model.names import AppName, BuildId, StackName
from stagewright.model.tree import Difference

FORMAT = "stagewright.trace.v1"
"""A change of meaning will have another number; fields may be added."""

Mask = Callable[[str], str]
"""Takes secrets out of a text."""


@dataclass(frozen=True)
class TracedBuildpack:
    """Which buildpack that was, to the last bit."""

    reference: str
    """As it was named, without credentials."""
    name: str
    version: str | None
    digest: Digest
    dialect: str
    origin: Mapping[str, object] = field(default_factory=dict)
    """Where its bits came from, as plain JSON values. For git: ``kind`` git, ``remote``, ``branch`` or ``tag``, ``commit`` and
    ``commits``, the last five, each with ``commit``, ``date``, ``author`` and ``subject``. For a directory: ``kind`` directory,
    ``path`` and ``dirty``."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


@dataclass(frozen=True)
class ChangedVariable:
    before: str
    after: str


@dataclass(frozen=True)
class EnvironmentChange:
    """How the environment of a script differs from another."""

    against: str = ""
    """From which: ``the build's environment``, ``supply python 1.2``."""
    added: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, ChangedVariable] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def environment_change(
    before: Mapping[str, str], after: Mapping[str, str], *, against: str, mask: Mask, without: Iterable[str] = ()
) -> EnvironmentChange:
    """What ``after`` has other than ``before``, values masked. Variables named in ``without`` are left out."""
    out = frozenset(without)
    names = sorted((before.keys() | after.keys()) - out)
    return EnvironmentChange(
        against,
        added={name: mask(after[name]) for name in names if name not in before},
        changed={
            name: ChangedVariable(mask(before[name]), mask(after[name]))
            for name in names
            if name in before and name in after and before[name] != after[name]
        },
        removed=tuple(name for name in names if name not in after),
    )


@dataclass(frozen=True)
class TracedCommand:
    """One command that a shell ran, as xtrace tells it: expanded, and before it ran."""

    offset: float
    """Seconds since the script began."""
    text: str
    file: str = ""
    """The file that it stands in; empty for ``bash -c``."""
    line: int = 0
    function: str = ""
    depth: int = 0
    """Levels of functions, sourced files, subshells and command substitutions around it."""
    process: int = 0
    """The shell that ran it, by its process id in the container."""
    seconds: float = 0.0
    """Until the same shell went on; where it had nothing more to do, until the shells around it went on."""


@dataclass(frozen=True)
class Xtrace:
    """What the shells of a script told of their commands."""

    coverage: str
    """What there is: ``bash``, or ``none: …`` with the reason why only start and end are known."""
    commands: tuple[TracedCommand, ...] = ()
    truncated: bool = False
    """Whether there was more than is kept."""


@dataclass(frozen=True)
class ScriptTrace:
    """One run of one script."""

    buildpack: int
    """Its index in the trace's list of buildpacks."""
    script: str
    position: int
    """The place of its buildpack in the build, from 0; for detect, among those that were tried."""
    argv: tuple[str, ...]
    cwd: str
    environment: EnvironmentChange
    started: float
    """Seconds since the build began."""
    seconds: float
    """Wall time."""
    cpu_seconds: float | None
    """Time of processors that its control group used; None where that is not measured."""
    peak_memory: int | None
    """Bytes that its control group held at most; None where that is not measured."""
    exit_code: int
    wrote: Mapping[str, Difference] = field(default_factory=dict)
    """By tree: app, deps, profile.d, cache. A tree that was left alone is not named."""
    xtrace: Xtrace = field(default_factory=lambda: Xtrace("none"))

    @property
    def failed(self) -> bool:
        """Whether it ended with an error; a detect that ends with 1 only said no."""
        return self.exit_code != 0 and not (self.script == "detect" and self.exit_code == 1)


def script_trace(
    *,
    buildpack: int,
    script: str,
    position: int,
    argv: Iterable[str],
    cwd: str,
    environment: EnvironmentChange,
    started: float,
    seconds: float,
    exit_code: int,
    mask: Mask,
    cpu_seconds: float | None = None,
    peak_memory: int | None = None,
    wrote: Mapping[str, Difference] | None = None,
    xtrace: Xtrace | None = None,
) -> ScriptTrace:
    """The trace of one run. Arguments and names of files are masked here; ``environment`` and ``xtrace`` came masked."""
    return ScriptTrace(
        buildpack=buildpack,
        script=script,
        position=position,
        argv=tuple(map(mask, argv)),
        cwd=mask(cwd),
        environment=environment,
        started=started,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        peak_memory=peak_memory,
        exit_code=exit_code,
        wrote={tree: _masked(change, mask) for tree, change in (wrote or {}).items() if change},
        xtrace=xtrace if xtrace is not None else Xtrace("none"),
    )


def _masked(change: Difference, mask: Mask) -> Difference:
    return replace(change, largest=tuple(replace(file, path=mask(file.path)) for file in change.largest))


@dataclass(frozen=True)
class Trace:
    """One build."""

    build: BuildId
    app: AppName
    stack: StackName
    stack_digest: Digest
    started: datetime
    """With its time zone."""
    ended: datetime
    buildpacks: tuple[TracedBuildpack, ...]
    """Each buildpack of which a script ran, those that only detected, too."""
    scripts: tuple[ScriptTrace, ...]
    """In the order in which they began."""
    outcome: str = ""
    """``staged``, or what went wrong, in a sentence."""

    @property
    def seconds(self) -> float:
        return max(0.0, (self.ended - self.started).total_seconds())
