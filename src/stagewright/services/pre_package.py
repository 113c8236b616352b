"""The program that a manifest names in ``pre_package``: a stranger's, so it runs in the sandbox.

It runs in the root of a copy of the buildpack, on the build root of a stack, as vcap.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from stagewright.buildpacks.packaging.problems import PrePackageFailed
from stagewright.model.containers import Cause, Command, ContainerSpec, Exit, Limits, Mount
from stagewright.model.events import Noted, ScriptOutput
from stagewright.model.layout import FIXED_TIME, Layout
from stagewright.model.names import StackName
from stagewright.model.quantities import show_duration, show_size
from stagewright.model.stack import Stack
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import Workspace
from stagewright.ports.sandbox import Session
from stagewright.services.platform import Platform
from stagewright.services.stacks import obtain_stack
from stagewright.staging.container import trust_mounts
from stagewright.staging.environment import LOCALE, PATH
from stagewright.staging.output import Masker, ScriptLines, secret_values

_LIMITS = Limits(memory=4 << 30)
"""It compiles as a rule, which takes more memory than to stage most apps."""
_LAYOUT = Layout()


def run_pre_package(
    platform: Platform, program: str, on: StackName | None, workspace: Workspace, events: EventSink
) -> None:
    """Run ``program`` in the copy that is the workspace's app, on the stack ``on`` or the default one; what it writes is told
    as events.

    Raises PrePackageFailed, what `obtain_stack` raises, PlatformProblem where no container can be made.
    """
    stack = obtain_stack(platform, on, events) if platform.sandbox.name != "none" else None
    where = f"on {stack.name}" if stack is not None else "on this machine"
    events(Noted(f"Running pre_package, {program}, {where}"))
    variables = platform.settings.trust.environment
    masker = Masker(secret_values(variables))
    lines = ScriptLines(masker, lambda stream, line: events(ScriptOutput(stream, line)))
    with platform.sandbox.open(_container(platform, stack, workspace)) as session:
        ended = session.run(_command(program, variables, session), lines.feed)
        lines.finish()
    if ended.cause is not Cause.EXITED or ended.code:
        raise PrePackageFailed(program, _how(ended), tuple(lines.tail))


def _container(platform: Platform, stack: Stack | None, workspace: Workspace) -> ContainerSpec:
    owner = platform.sandbox.owner
    if owner is not None:
        for directory in (workspace.home, workspace.app, workspace.app / "VERSION", workspace.tmp):
            os.chown(directory, owner.uid, owner.gid)
    mounts = (
        Mount(workspace.home, _LAYOUT.home, writable=True),
        Mount(workspace.tmp, _LAYOUT.tmp, writable=True),
        *trust_mounts(platform.settings.trust, workspace.scratch / "trust", None),
    )
    root = stack.build.path if stack is not None else Path("/")
    name = f"package-{workspace.root.name}"
    return ContainerSpec(name, root, mounts, _LIMITS, workspace.scratch, platform.settings.network)


def _command(program: str, trust: Mapping[str, str], session: Session) -> Command:
    """A program with a slash lies in the copy, another is looked for in PATH, as the reference does (Go's exec.Command)."""
    copy = session.path_of(_LAYOUT.app)
    env = {
        "LANG": LOCALE,
        "LC_ALL": LOCALE,
        "TZ": "UTC",
        "USER": "vcap",
        "SHELL": "/bin/bash",
        "HOME": str(_LAYOUT.home),
        "TMPDIR": str(_LAYOUT.tmp),
        "SOURCE_DATE_EPOCH": str(FIXED_TIME),
        **trust,
    }
    seen = {
        name: str(session.path_of(PurePosixPath(value))) if value.startswith("/") else value
        for name, value in env.items()
    }
    argv = (str(copy / program) if "/" in program else program,)
    return Command(argv, copy, {**seen, "PATH": PATH})


def _how(ended: Exit) -> str:
    match ended.cause:
        case Cause.TIMED_OUT:
            return f"took longer than {show_duration(_LIMITS.timeout)} and was ended"
        case Cause.OUT_OF_MEMORY:
            return f"used more than {show_size(_LIMITS.memory)} of memory and was ended"
        case Cause.OUT_OF_DISK:
            return f"wrote more than {show_size(_LIMITS.disk)} and was ended"
        case Cause.CANCELLED:
            return "was ended"
        case Cause.EXITED:
            pass
    if ended.code in (126, 127):
        return "is not there" if ended.code == 127 else "cannot be executed (chmod +x)"
    return f"ended with exit code {ended.code}"
