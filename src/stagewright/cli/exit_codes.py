"""The one table from a Problem to an exit code. docs/reference/exit-codes.md is made from it."""

from __future__ import annotations

from dataclasses import dataclass

from stagewright.buildpacks.dialects.cloudfoundry import BadRelease
from stagewright.errors import (
    AppProblem,
    BuildpackProblem,
    Cancelled,
    LimitProblem,
    PlatformProblem,
    Problem,
    UsageProblem,
)
from stagewright.model.buildpack import Script
from stagewright.staging.problems import (
    AppTestsFailed,
    NoBuildpackMatched,
    NoStartCommand,
    NotCompatible,
    NotReproducible,
    OutOfDisk,
    OutOfMemory,
    PlaceReplaced,
    ScriptFailed,
    ScriptMissing,
    ScriptNotExecutable,
    TimedOut,
)


@dataclass(frozen=True)
class ExitCode:
    code: int
    name: str
    when: str


OK = ExitCode(0, "ok", "It worked.")
BUG = ExitCode(70, "bug", "Stagewright failed in a way that nobody foresaw; it says where to look.")
USAGE = ExitCode(2, "usage", "The command, a setting or a named file is wrong.")
APP_REFUSED = ExitCode(
    3, "app refused", "The source cannot be staged: an unsafe archive, a bad manifest.yml or Procfile."
)
PLATFORM = ExitCode(4, "platform", "This machine, its disk, its network or the sandbox is at fault.")
NO_MATCH = ExitCode(
    10, "no buildpack matched", "Every detect said no, or that of a buildpack of Heroku's form that was named."
)
BUILDPACK = ExitCode(11, "buildpack malformed", "A buildpack is not one, or lacks a script that its place asks for.")
DETECT = ExitCode(12, "detect failed", "No buildpack matched, and a detect could not be run or was killed.")
SUPPLY = ExitCode(13, "supply failed", "bin/supply of a buildpack ended with an error.")
FINALIZE = ExitCode(14, "finalize failed", "bin/finalize or bin/compile ended with an error.")
RELEASE = ExitCode(15, "release failed", "bin/release ended with an error, is missing, or printed no YAML.")
NO_START = ExitCode(16, "start command missing", "Nobody said how the app is started.")
NOT_REPRODUCIBLE = ExitCode(17, "not reproducible", "--check-reproducible got two different droplets.")
TESTS = ExitCode(
    18, "tests failed", "'stagewright test': bin/test, or 'test' or 'test-setup' of app.json, ended with an error."
)
TIME = ExitCode(20, "time-out", "The staging took longer than --timeout.")
MEMORY = ExitCode(21, "memory", "The build used more than --memory and was killed.")
DISK = ExitCode(22, "disk", "The build wrote more than --disk.")
CANCELLED = ExitCode(130, "cancelled", "Ctrl-C, or a signal that asked to end.")

TABLE = (
    OK,
    USAGE,
    APP_REFUSED,
    PLATFORM,
    NO_MATCH,
    BUILDPACK,
    DETECT,
    SUPPLY,
    FINALIZE,
    RELEASE,
    NO_START,
    NOT_REPRODUCIBLE,
    TESTS,
    TIME,
    MEMORY,
    DISK,
    BUG,
    CANCELLED,
)

_SCRIPTS = {
    Script.DETECT: DETECT,
    Script.SUPPLY: SUPPLY,
    Script.FINALIZE: FINALIZE,
    Script.COMPILE: FINALIZE,
    Script.TEST_COMPILE: FINALIZE,
    Script.RELEASE: RELEASE,
    Script.REPORT: RELEASE,
    Script.TEST: TESTS,
}
_CLASSES: tuple[tuple[type[Problem], ExitCode], ...] = (
    (NoBuildpackMatched, NO_MATCH),
    (NotCompatible, NO_MATCH),
    (NoStartCommand, NO_START),
    (AppTestsFailed, TESTS),
    (NotReproducible, NOT_REPRODUCIBLE),
    (TimedOut, TIME),
    (OutOfMemory, MEMORY),
    (OutOfDisk, DISK),
    (BadRelease, RELEASE),
    (Cancelled, CANCELLED),
    (UsageProblem, USAGE),
    (AppProblem, APP_REFUSED),
    (BuildpackProblem, BUILDPACK),
    (LimitProblem, PLATFORM),
    (PlatformProblem, PLATFORM),
)


def exit_code(problem: Problem) -> ExitCode:
    """The exit code of ``problem``: by its script where it has one, else by the first class in the table that it is."""
    if isinstance(problem, ScriptFailed | ScriptNotExecutable | PlaceReplaced):
        return _SCRIPTS[problem.script]
    if isinstance(problem, ScriptMissing):
        return RELEASE if problem.script is Script.RELEASE else BUILDPACK
    return next(code for class_, code in _CLASSES if isinstance(problem, class_))
