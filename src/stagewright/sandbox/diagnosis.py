"""What this machine lacks for running containers, for ``stagewright doctor``."""

from __future__ import annotations

import sys
from pathlib import Path

from stagewright.model.findings import Finding, Severity
from stagewright.sandbox.problems import RuntimeMissing, SeccompProfileMissing
from stagewright.sandbox.runtime import find_runtime
from stagewright.sandbox.seccomp import find_profile


def findings(runtime: str | None, state: Path) -> tuple[Finding, ...]:
    """Everything that was looked at, good or bad. ``runtime`` and ``state`` as for `choose`."""
    if sys.platform != "linux":
        return (Finding("operating system", Severity.MISSING, "Buildpacks run on Linux only."),)
    return (_runtime(runtime, state), _seccomp())


def _runtime(preferred: str | None, state: Path) -> Finding:
    try:
        found = find_runtime(preferred, state)
    except RuntimeMissing as problem:
        return Finding("OCI runtime", Severity.MISSING, problem.brief(), "apt-get install runc")
    return Finding("OCI runtime", Severity.GOOD, str(found.program))


def _seccomp() -> Finding:
    try:
        return Finding("seccomp profile", Severity.GOOD, str(find_profile()))
    except SeccompProfileMissing as problem:
        return Finding(
            "seccomp profile", Severity.MISSING, problem.brief(), "apt-get install golang-github-containers-common"
        )
