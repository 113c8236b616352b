"""Control groups, version 1 (also beside version 2, "hybrid") and version 2: where a container's group lies, and what it tells.

Limits are set by the runtime from its configuration; we choose the group's place, read its counters and take it away.
Rules: Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from stagewright.model.containers import Limits

_MOUNTS = Path("/proc/self/mountinfo")
_CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")
_CPU_PERIOD = 100_000
"""Microseconds in which a container may use its share of the processors (the kernel's default)."""
_REMOVAL_PATIENCE = 0.5
"""Seconds. A group is busy for a moment after its last process is gone."""


@dataclass(frozen=True)
class Place:
    """Where containers of ours get their groups on this machine."""

    version: int
    parent: PurePosixPath
    """Below each root; what the runtime calls ``cgroupsPath`` begins with it."""
    roots: tuple[Path, ...]
    """The mounted hierarchies in which the runtime makes a group."""
    controllers: Mapping[str, Path] = field(default_factory=dict)
    """The hierarchy of each controller whose limits hold."""
    hybrid: bool = False
    """Version 1 with version 2 beside it, as systemd mounts them: there are runtimes that refuse it."""

    def group(self, name: str) -> Group:
        relative = (self.parent / name).relative_to("/")
        return Group(
            path=self.parent / name,
            directories=tuple(root / relative for root in self.roots),
            controllers={controller: root / relative for controller, root in self.controllers.items()},
            version=self.version,
        )

    def unenforced(self, limits: Limits) -> tuple[str, ...]:
        """Which of memory, pids and cpus have no controller here."""
        lacking = [limit for limit in ("memory", "pids") if limit not in self.controllers]
        if limits.cpus is not None and "cpu" not in self.controllers:
            lacking.append("cpus")
        return tuple(lacking)

    def resources(self, limits: Limits) -> dict[str, Any]:
        """``linux.resources`` of the runtime's configuration, for those limits that hold here."""
        resources: dict[str, Any] = {}
        if "memory" in self.controllers:
            resources["memory"] = {"limit": limits.memory}
            if self._counts_swap():
                resources["memory"]["swap"] = limits.memory  # memory and swap together: no swap
        if "pids" in self.controllers:
            resources["pids"] = {"limit": limits.pids}
        if "cpu" in self.controllers and limits.cpus is not None:
            resources["cpu"] = {"quota": max(1000, int(limits.cpus * _CPU_PERIOD)), "period": _CPU_PERIOD}
        return resources

    def _counts_swap(self) -> bool:
        return self.version == 2 or (self.controllers["memory"] / "memory.memsw.limit_in_bytes").exists()


@dataclass(frozen=True)
class Group:
    """The group of one container, in every hierarchy."""

    path: PurePosixPath
    """As the runtime's ``cgroupsPath``."""
    directories: tuple[Path, ...]
    controllers: Mapping[str, Path]
    version: int

    def oom_kills(self) -> int:
        """How many of its processes were killed because memory ran out; 0 where nobody counts."""
        if "memory" not in self.controllers:
            return 0
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        return _field(self.controllers["memory"] / name, "oom_kill") or 0

    def peak_memory(self) -> int | None:
        """Bytes that it used at most, so far."""
        if "memory" not in self.controllers:
            return None
        name = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        return _number(self.controllers["memory"] / name)

    def cpu_seconds(self) -> float | None:
        """Processor time that it used so far."""
        if self.version == 2:
            used = _field(self.controllers["cpu"] / "cpu.stat", "usage_usec") if "cpu" in self.controllers else None
            return None if used is None else used / 1e6
        spent = _number(self.controllers["cpuacct"] / "cpuacct.usage") if "cpuacct" in self.controllers else None
        return None if spent is None else spent / 1e9


def remove_groups(directories: tuple[Path, ...], patience: float = _REMOVAL_PATIENCE) -> bool:
    """Remove groups without processes, and groups below them; waits up to ``patience`` seconds. False: some are still there."""
    until = time.monotonic() + patience
    left = [directory for directory in directories if not _removed(directory)]
    while left and time.monotonic() < until:
        time.sleep(0.002)
        left = [directory for directory in left if not _removed(directory)]
    return not left


def find_place(mounts: Path = _MOUNTS) -> Place | None:
    """Where root's containers get their groups: at the top of each hierarchy. None: there are no control groups."""
    hierarchies = list(_hierarchies(mounts.read_text()))
    unified = [path for path, kind, _ in hierarchies if kind == "cgroup2"]
    legacy = [(path, options) for path, kind, options in hierarchies if kind == "cgroup"]
    if legacy:
        controllers = {name: path for path, options in legacy for name in options if name in _CONTROLLERS}
        roots = (*(path for path, _ in legacy), *unified)
        return Place(1, PurePosixPath("/"), roots, controllers, hybrid=bool(unified))
    if unified:
        return Place(2, PurePosixPath("/"), (unified[0],), _unified_controllers(unified[0], unified[0]))
    return None


def find_delegated_place(mounts: Path = _MOUNTS, own: Path = Path("/proc/self/cgroup")) -> Place | None:
    """Where a user without root may make groups: beside the user's own where the whole parent was delegated, or below it.

    Version 2 only; None where there is no such place.

    Rule: cgroup-v2.rst, "Delegation Containment": the mover must be able to write cgroup.procs of the common ancestor.
    """
    hierarchies = list(_hierarchies(mounts.read_text()))
    unified = [path for path, kind, _ in hierarchies if kind == "cgroup2"]
    if not unified or any(kind == "cgroup" for _, kind, _ in hierarchies):
        return None
    line = next((line for line in own.read_text().splitlines() if line.startswith("0::")), "0::/")
    group = PurePosixPath(line[3:])
    if _writable(unified[0], group.parent) and group != group.parent:
        return Place(
            2, group.parent, (unified[0],), _unified_controllers(unified[0] / group.parent.relative_to("/"), unified[0])
        )
    if _writable(unified[0], group):
        # A group with processes of its own gives no controllers to those below it.
        return Place(2, group, (unified[0],))
    return None


def _writable(root: Path, group: PurePosixPath) -> bool:
    directory = root / group.relative_to("/")
    return os.access(directory, os.W_OK) and os.access(directory / "cgroup.procs", os.W_OK)


def _unified_controllers(directory: Path, root: Path) -> dict[str, Path]:
    """The controllers that groups below ``directory`` have, or get when the runtime asks for them.

    Only the real root may hold both processes and groups with controllers; it is known by having no cgroup.type.
    """
    try:
        enabled = (directory / "cgroup.subtree_control").read_text().split()
        if not (directory / "cgroup.type").exists() and os.access(directory / "cgroup.subtree_control", os.W_OK):
            enabled = (directory / "cgroup.controllers").read_text().split()
    except OSError:
        return {}
    return {name: root for name in _CONTROLLERS if name in enabled}


def _hierarchies(mountinfo: str) -> list[tuple[Path, str, list[str]]]:
    """Mount point, type and super options of every cgroup mount (proc(5), "mountinfo")."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            found.append((Path(before.split(" ")[4]), kind, options.split(",")))
    return found


def _removed(directory: Path) -> bool:
    with suppress(OSError):
        for below in directory.iterdir():
            if below.is_dir():
                _removed(below)
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _field(path: Path, name: str) -> int | None:
    """The number behind ``name`` in a file of lines ``name number``."""
    with suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return None


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None
