"""What a build tells while it runs. The core emits these; the terminal, `--json` and later the web and the audit render them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stagewright.errors import Fault
from stagewright.model.build import Droplet, WrittenImage
from stagewright.model.containers import Cause, Stream
from stagewright.model.digest import Digest
from stagewright.model.names import AppName, BuildId, StackName
from stagewright.model.plan import Action, Plan
from stagewright.model.tree import Difference

if TYPE_CHECKING:
    from stagewright.model.trace import ScriptTrace, TracedBuildpack


@dataclass(frozen=True)
class BuildStarted:
    build: BuildId
    app: AppName
    stack: StackName
    stack_digest: Digest
    package: Digest
    files: int
    size: int
    testing: bool = False
    """Whether the app is built to be tested."""


@dataclass(frozen=True)
class PlanMade:
    """The plan, whenever it grew."""

    plan: Plan


@dataclass(frozen=True)
class ActionStarted:
    action: Action


@dataclass(frozen=True)
class ScriptOutput:
    """One line of a script, without its end, masked; control characters are still in it."""

    stream: Stream
    line: str


@dataclass(frozen=True)
class ActionFinished:
    action: Action
    seconds: float
    exit_code: int | None = None
    wrote: Mapping[str, Difference] = field(default_factory=dict)
    """What a script did to app, deps, profile.d and cache; trees that it left alone are not named."""
    says: str = ""
    """What came of it, in a few words: ``matched``, ``no``, the size of the droplet."""


@dataclass(frozen=True)
class Progressed:
    """How far one long step is. ``total`` is None where nobody knows. ``unit`` is what is counted: bytes, or packages."""

    what: str
    done: int
    total: int | None
    unit: str = "bytes"


@dataclass(frozen=True)
class Noted:
    """Something a person should know: what was reused, and because of what."""

    text: str


@dataclass(frozen=True)
class Warned:
    text: str


@dataclass(frozen=True)
class DetectNotExecutable:
    """A bin/detect cannot be run; the next buildpack is tried (contracts/cloudfoundry-staging.md §1.2 step 2)."""

    buildpack: str


@dataclass(frozen=True)
class ScriptTraced:
    """A script of a traced build ended; all texts are masked."""

    buildpack: TracedBuildpack
    script: ScriptTrace
    first: bool
    """Whether nothing was told of that buildpack before."""


@dataclass(frozen=True)
class TimeSpent:
    """Where the time of a staging went, in seconds: that of the scripts apart from the platform's own."""

    total: float
    scripts: float
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class BuildStaged:
    build: BuildId
    droplet: Droplet
    images: tuple[WrittenImage, ...]
    seconds: float
    reused: bool = False
    time: TimeSpent | None = None
    reports: Mapping[str, object] = field(default_factory=dict)
    """What bin/report of a buildpack said, by its name."""


@dataclass(frozen=True)
class BuildTested:
    """The tests of an app passed."""

    build: BuildId
    tests: tuple[str, ...]
    """What was run, in words: ``test-setup of app.json``, ``test python``."""
    seconds: float
    time: TimeSpent | None = None


@dataclass(frozen=True)
class BuildFailed:
    build: BuildId
    error: str
    """The name of the class of the problem."""
    fault: Fault
    brief: str
    hint: str
    details: str
    cause: Cause | None = None


Event = (
    BuildStarted
    | PlanMade
    | ActionStarted
    | ScriptOutput
    | ActionFinished
    | Progressed
    | Noted
    | Warned
    | DetectNotExecutable
    | ScriptTraced
    | BuildStaged
    | BuildTested
    | BuildFailed
)
