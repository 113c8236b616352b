"""The runtime's configuration (OCI runtime specification 1.0.2: config.md, config-linux.md), as plain data. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stagewright.model.containers import Command, ContainerSpec, Network
from stagewright.sandbox.mount_plan import MountPlan

_OPEN_FILES = 16384
"""What Cloud Foundry gives an app (``limits.fds`` of VCAP_APPLICATION)."""

_UMASK = 0o022

# What container runtimes hide, or show read-only, of /proc (containers/common, moby's oci/defaults.go).
_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

READY = "ready"
"""The line that the first process writes once it is up."""

FIRST_PROCESS = (
    "/bin/bash",
    "--norc",
    "-c",
    # It ends when the pipe that we hold ends, and that alone ends it. bash reaps what is left to it; dash would not.
    f"trap '' HUP INT QUIT USR1 USR2 PIPE ALRM TERM; echo {READY}; read -r _",
)


@dataclass(frozen=True)
class Identity:
    """Who runs what in a container. Users and groups have the same numbers."""

    first_process: int
    """Another user than the commands' where there is one, so that they can neither signal nor read it."""
    commands: int
    """As whom the runtime starts a command."""
    outside: int
    """The user of the host that the container's 0 is."""
    group_outside: int
    size: int
    """How many ids from 0 the container knows."""
    capabilities: tuple[str, ...] = ()
    """What a command starts with; its prefix drops them."""
    prefix: tuple[str, ...] = ()
    """The program that commands are started through."""
    processes: int | None = None
    """RLIMIT_NPROC of commands, where the runtime cannot hold the number of processes otherwise."""


@dataclass(frozen=True)
class Foundation:
    """Where a container stands: paths as the runtime sees them, and what limits it."""

    root: Path
    sources: Sequence[Path]
    """Of each mount of the plan, in its order."""
    seccomp: Mapping[str, Any]
    cgroup: PurePosixPath | None
    resources: Mapping[str, Any]
    open_files: int
    """The most that this machine gives (the hard RLIMIT_NOFILE)."""


def container_config(
    spec: ContainerSpec, plan: MountPlan, identity: Identity, foundation: Foundation
) -> dict[str, Any]:
    """config.json."""
    linux: dict[str, Any] = {
        "uidMappings": [{"containerID": 0, "hostID": identity.outside, "size": identity.size}],
        "gidMappings": [{"containerID": 0, "hostID": identity.group_outside, "size": identity.size}],
        "namespaces": [{"type": kind} for kind in _namespaces(spec, foundation)],
        "maskedPaths": list(_MASKED),
        "readonlyPaths": list(_READ_ONLY),
        "seccomp": dict(foundation.seccomp),
    }
    if foundation.cgroup is not None:
        linux["cgroupsPath"] = str(foundation.cgroup)
        linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}], **foundation.resources}
    first = _process((), FIRST_PROCESS, identity.first_process, PurePosixPath("/"), ("PATH=/bin", "LANG=C"))
    return {
        "ociVersion": "1.0.2",
        "process": {**first, "rlimits": _limits(foundation.open_files, None)},
        "root": {"path": str(foundation.root), "readonly": True},
        "hostname": spec.hostname,
        "mounts": [*_own_mounts(identity), *_small_mounts(plan), *_binds(plan, foundation)],
        "linux": linux,
    }


def command_process(command: Command, identity: Identity, open_files: int, *, terminal: bool = False) -> dict[str, Any]:
    """What ``exec --process`` reads to run ``command``."""
    environment = tuple(f"{name}={value}" for name, value in command.env.items())
    argv = (*_prefix(command, identity), *command.argv)
    process = _process(identity.capabilities, argv, identity.commands, command.cwd, environment)
    return {**process, "terminal": terminal, "rlimits": _limits(open_files, identity.processes)}


def _prefix(command: Command, identity: Identity) -> tuple[str, ...]:
    """What stands before a command, so that 126 and 127 mean what they mean in a shell, whatever the runtime.

    env(1) would read a first word with ``=`` as a variable; nice(1) would not. A runtime sets HOME where it was not given.
    """
    clean = () if "HOME" in command.env else ("-u", "HOME")
    if identity.prefix:
        return ("/usr/bin/env", *clean, *identity.prefix) if clean else identity.prefix
    protected = ("/usr/bin/nice", "-n", "0") if "=" in command.argv[0] else ()
    return ("/usr/bin/env", *clean, *protected)


def _process(
    capabilities: Sequence[str], argv: Sequence[str], user: int, cwd: PurePosixPath, environment: Sequence[str]
) -> dict[str, Any]:
    held = list(capabilities)
    return {
        "terminal": False,
        "user": {"uid": user, "gid": user, "umask": _UMASK},
        "args": list(argv),
        "env": list(environment),
        "cwd": str(cwd),
        "capabilities": {"bounding": held, "effective": held, "permitted": held, "inheritable": [], "ambient": []},
        "noNewPrivileges": True,
    }


def _limits(open_files: int, processes: int | None) -> list[dict[str, Any]]:
    files = min(_OPEN_FILES, open_files)
    limits = [("RLIMIT_NOFILE", files), ("RLIMIT_CORE", 0)]
    if processes is not None:
        limits.append(("RLIMIT_NPROC", processes))
    return [{"type": name, "soft": value, "hard": value} for name, value in limits]


def _namespaces(spec: ContainerSpec, foundation: Foundation) -> list[str]:
    kinds = ["pid", "ipc", "uts", "mount", "user"]
    if foundation.cgroup is not None:
        kinds.append("cgroup")
    if spec.network is Network.NONE:
        kinds.append("network")
    return kinds


def _own_mounts(identity: Identity) -> list[dict[str, Any]]:
    """/proc and a small /dev. No /sys: a build has no business with the hardware."""
    terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if identity.size > 1:
        terminals.append("gid=5")
    return [
        _mount("/proc", "proc", ("nosuid", "noexec", "nodev")),
        _mount("/dev", "tmpfs", ("ro", "nosuid", "strictatime", "mode=755", "size=64k")),
        _mount("/dev/pts", "devpts", tuple(terminals)),
        _mount("/dev/shm", "tmpfs", ("nosuid", "noexec", "nodev", "mode=1777", "size=64m")),  # noqa: S108 - inside
    ]


def _small_mounts(plan: MountPlan) -> list[dict[str, Any]]:
    return [_mount(str(place), "tmpfs", ("ro", "nosuid", "nodev", "mode=755", "size=1m")) for place in plan.small]


def _binds(plan: MountPlan, foundation: Foundation) -> list[dict[str, Any]]:
    binds = []
    for mount, source in zip(plan.mounts, foundation.sources, strict=True):
        options = ["bind", "rw" if mount.writable else "ro", "nosuid", "nodev"]
        if mount.target in plan.noexec:
            options.append("noexec")
        binds.append({"destination": str(mount.target), "type": "bind", "source": str(source), "options": options})
    return binds


def _mount(target: str, kind: str, options: Sequence[str]) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": kind, "options": list(options)}
