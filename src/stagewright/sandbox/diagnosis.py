"""What this machine lacks for running containers, for ``stagewright doctor``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from stagewright.errors import Problem
from stagewright.model.containers import Command, ContainerSpec, Exit, Limits, Mount
from stagewright.model.findings import Finding, Severity
from stagewright.model.layout import MOUNT_POINTS
from stagewright.ports.sandbox import Sandbox
from stagewright.sandbox import kernel
from stagewright.sandbox.cgroups import find_place
from stagewright.sandbox.choice import choose
from stagewright.sandbox.idmap import UserNamespace
from stagewright.sandbox.problems import HostRefused, RuntimeMissing, SeccompProfileMissing
from stagewright.sandbox.programs import find_program
from stagewright.sandbox.runtime import find_runtime
from stagewright.sandbox.seccomp import find_profile

_SYSCTL = Path("/proc/sys")
_HOST_PROGRAMS = ("unshare", "nsenter")

_SWITCHES = (
    # Name, the value that forbids, whether root is forbidden, too, and what allows it.
    ("user/max_user_namespaces", "0", True, "sysctl -w user.max_user_namespaces=10000"),
    ("kernel/unprivileged_userns_clone", "0", False, "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        False,
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)


def findings(runtime: str | None, state: Path) -> tuple[Finding, ...]:
    """Everything that was looked at, good or bad. ``runtime`` and ``state`` as for `choose`.

    The last look is at the thing itself: a container with this machine's own programs, in which one of them runs.
    """
    if sys.platform != "linux":
        return (
            Finding("operating system", Severity.MISSING, f"Buildpacks run on Linux only, and this is {sys.platform}."),
        )
    root = os.geteuid() == 0
    looked = [
        look_at_runtime(runtime, state),
        *look_at_programs(),
        look_at_user_namespaces(root=root),
        look_at_seccomp(),
        look_at_limits(choose("auto", runtime=runtime, state=state), root=root),
        *(look_at_idmapped_mounts(state) if root else ()),
    ]
    if not any(finding.severity is Severity.MISSING for finding in looked):
        looked.append(try_a_container(choose("auto", runtime=runtime, state=state), state))
    return tuple(looked)


def look_at_runtime(preferred: str | None, state: Path) -> Finding:
    """runc, or crun where its control groups allow it."""
    subject = "OCI runtime"
    try:
        found = find_runtime(preferred, state)
    except RuntimeMissing as problem:
        return Finding(subject, Severity.MISSING, problem.brief(), "apt-get install runc")
    place = find_place()
    if found.name == "crun" and place is not None and place.hybrid:
        says = f"{found.program} refuses machines with control groups of both versions, like this one."
        return Finding(subject, Severity.WEAK, says, "apt-get install runc")
    return Finding(subject, Severity.GOOD, str(found.program))


def look_at_programs() -> Iterator[Finding]:
    """Of util-linux."""
    for program in _HOST_PROGRAMS:
        found = find_program(program)
        if found is None:
            yield Finding(program, Severity.MISSING, f"{program} was not found.", "apt-get install util-linux")
        else:
            yield Finding(program, Severity.GOOD, str(found))


def look_at_user_namespaces(sysctl: Path = _SYSCTL, *, root: bool) -> Finding:
    """Switches by which distributions forbid them. A switch that a kernel does not have forbids nothing."""
    for name, forbids, root_too, remedy in _SWITCHES:
        with suppress(OSError):
            if (root_too or not root) and (sysctl / name).read_text().strip() == forbids:
                says = f"They are forbidden here: {name.replace('/', '.')} is {forbids}."
                return Finding("user namespaces", Severity.MISSING, says, remedy)
    return Finding("user namespaces", Severity.GOOD, "They may be made.")


def look_at_seccomp() -> Finding:
    subject, package = "seccomp profile", "golang-github-containers-common"
    try:
        return Finding(subject, Severity.GOOD, str(find_profile()))
    except SeccompProfileMissing as problem:
        return Finding(subject, Severity.MISSING, problem.brief(), f"apt-get install {package}")


def look_at_limits(sandbox: Sandbox, *, root: bool) -> Finding:
    """Which limits nobody will hold."""
    lacking = sandbox.unenforced(Limits(cpus=1.0))
    if not lacking:
        return Finding("limits", Severity.GOOD, "memory, processes, processors, disk and time are held.")
    remedy = "" if root else "stage as root, or: systemd-run --user --scope --property=Delegate=yes stagewright stage ."
    says = f"Without control groups of its own a build is not held to: {', '.join(lacking)}. Disk and time are held."
    return Finding("limits", Severity.WEAK, says, remedy)


def look_at_idmapped_mounts(state: Path) -> Iterator[Finding]:
    """Whether files of the state directory can be shown under another owner; without it they are chowned, which takes longer."""
    subject = "idmapped mounts"
    state.mkdir(parents=True, exist_ok=True)
    try:
        with UserNamespace(0x70000000, 65536) as namespace:
            mount = kernel.clone_mount(state)
            try:
                kernel.set_attributes(mount, kernel.ATTR_NODEV, namespace.descriptor())
            finally:
                os.close(mount)
    except (OSError, HostRefused) as error:
        says = f"Files are chowned for each build instead, which takes longer ({error})."
        yield Finding(
            subject, Severity.WEAK, says, "use Linux 5.12 or newer, and ext4, xfs, btrfs or tmpfs for the state"
        )
    else:
        yield Finding(subject, Severity.GOOD, f"They work for {state}.")


def try_a_container(sandbox: Sandbox, state: Path) -> Finding:
    """Whether all of it works together."""
    subject = f"container ({sandbox.name})"
    state.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="doctor-", dir=state) as scratch:
            ended = _run_true(sandbox, _borrowed(Path(scratch)))
    except Problem as problem:
        return Finding(subject, Severity.MISSING, problem.brief(), problem.hint())
    if ended.code != 0:
        return Finding(subject, Severity.MISSING, f"A program in it ended with {ended.code} ({ended.cause}).")
    return Finding(subject, Severity.GOOD, "A program ran in one.")


def _run_true(sandbox: Sandbox, spec: ContainerSpec) -> Exit:
    with sandbox.open(spec) as session:
        command = Command(("/bin/true",), PurePosixPath("/"), {"PATH": "/usr/bin:/bin"})
        return session.run(command, lambda _stream, _chunk: None)


def _borrowed(scratch: Path) -> ContainerSpec:
    """A container of this machine's own programs and libraries."""
    root = scratch / "root"
    for place in MOUNT_POINTS:
        (root / place.relative_to("/")).mkdir(parents=True, exist_ok=True)
    mounts = []
    for directory in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        host = Path("/") / directory
        if host.is_symlink():
            (root / directory).symlink_to(host.readlink())
        elif host.is_dir():
            (root / directory).mkdir()
            mounts.append(Mount(host, PurePosixPath("/") / directory))
    for opened in (scratch, root):
        opened.chmod(0o755)
    return ContainerSpec("doctor", root, tuple(mounts), Limits(timeout=30.0), scratch)
