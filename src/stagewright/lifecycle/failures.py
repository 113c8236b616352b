"""The one table from a Problem to the builder's exit code and message (contracts/cloudfoundry-staging.md §1.3)."""

from __future__ import annotations

from stagewright.buildpacks.cell import MalformedKey
from stagewright.buildpacks.dialects.cloudfoundry import BadBuildpackDocument, BadRelease
from stagewright.errors import Problem
from stagewright.lifecycle.credhub import CredhubFailed
from stagewright.lifecycle.platform_options import BadPlatformOptions
from stagewright.model.buildpack import Script
from stagewright.model.plan import Role
from stagewright.packages.procfile import BadProcfile
from stagewright.staging.problems import (
    NoBuildpackMatched,
    PlaceReplaced,
    ProfileBlocked,
    ScriptFailed,
    ScriptMissing,
    ScriptNotExecutable,
)

DETECT, COMPILE, RELEASE, SUPPLY, OTHER = 222, 223, 224, 225, 1
PLATFORM_OPTIONS, CREDHUB = 3, 4

_NO_MATCH = "None of the buildpacks detected a compatible application"
_COMPILE = "Failed to compile droplet"
_RELEASE = "Failed to build droplet release"
_SUPPLY = "Failed to run all supply scripts"
_FINALIZE = "Failed to run finalize script"
_NO_SUPPLY = "Error: one of the buildpacks chosen to supply dependencies does not support multi-buildpack apps"


def failure_of(problem: Problem) -> tuple[int, str]:
    """The exit code, and what is said on stderr: first the reference's words, which operators search their logs for."""
    match problem:
        case NoBuildpackMatched():
            return DETECT, _NO_MATCH
        case ScriptMissing(script=Script.SUPPLY):
            return SUPPLY, _NO_SUPPLY
        case ScriptMissing(script=Script.RELEASE):
            return RELEASE, f"{_RELEASE}: {problem.brief()}"
        case ScriptMissing() | ProfileBlocked() | BadBuildpackDocument(role=Role.POST) | MalformedKey(post=True):
            return COMPILE, f"{_COMPILE}: {problem.brief()}"
        case ScriptFailed() | ScriptNotExecutable() | PlaceReplaced():
            return _script(problem)
        case BadRelease():
            return RELEASE, f"{_RELEASE}: buildpack's release output invalid: {problem.says}"
        case BadProcfile():
            return OTHER, f"Failed to read command from Procfile: invalid YAML\n{problem.brief()}"
        case MalformedKey():
            return SUPPLY, f"{_SUPPLY}: {problem.brief()}"
        case BadPlatformOptions():
            return PLATFORM_OPTIONS, problem.brief()
        case CredhubFailed():
            return CREDHUB, problem.brief()
        case _:
            return OTHER, "\n".join(words for words in (problem.brief(), problem.details(), problem.hint()) if words)


def _script(problem: ScriptFailed | ScriptNotExecutable | PlaceReplaced) -> tuple[int, str]:
    why = f"exit status {problem.code}" if isinstance(problem, ScriptFailed) else problem.brief()
    if problem.role is Role.POST:
        return COMPILE, f"{_COMPILE}: the post-buildpack {problem.buildpack} failed in {problem.script}: {why}"
    match problem.script:
        case Script.SUPPLY if problem.role is Role.SUPPLYING:
            return SUPPLY, f"{_SUPPLY}: {why}"
        case Script.SUPPLY:
            return COMPILE, f"{_COMPILE}: {_SUPPLY}: {why}"
        case Script.FINALIZE:
            return COMPILE, f"{_COMPILE}: {_FINALIZE}: {why}"
        case Script.RELEASE:
            return RELEASE, f"{_RELEASE}: {why}"
        case _:
            return COMPILE, f"{_COMPILE}: {why}"
