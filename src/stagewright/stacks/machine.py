"""What this machine needs for making stacks, and what it has. Cheap to import: nothing here starts a process."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stagewright.errors import PlatformProblem
from stagewright.model.findings import Finding, Severity
from stagewright.model.quantities import show_size
from stagewright.model.settings import Settings
from stagewright.stacks.programs import missing, packages_of
from stagewright.stacks.store import StackStore

MAKERS = ("mmdebstrap", "apt-get", "dpkg-deb")
USUAL_STACK = "debian12"

_AS_ROOT = ("unshare", "setpriv")
_AS_ANYBODY = (*_AS_ROOT, "newuidmap", "newgidmap")
_RANGE = 65536
"""Subordinate ids that a root needs: all that Debian gives away (nobody is 65534)."""
_ROOM = 3 << 29
"""Bytes of disk that a Debian needs while it is made."""
_SWITCHES = (
    ("proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
)


@dataclass(eq=False)
class ProgramMissing(PlatformProblem):
    """Programs that stacks are made with are not installed."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]

    def brief(self) -> str:
        return f"Not installed: {', '.join(self.programs)}."

    def hint(self) -> str:
        return f"Run as root: apt-get update && apt-get install --yes {' '.join(self.packages)}"


@dataclass(eq=False)
class NoSubordinateIds(PlatformProblem):
    """Without root a stack is made in a user namespace, which needs a range of ids of this user's own."""

    user: str
    file: str

    def brief(self) -> str:
        return f"The user {self.user} has no range of at least 65536 subordinate ids in {self.file}."

    def hint(self) -> str:
        return f"Run as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {self.user}"


def lacking_programs(programs: tuple[str, ...]) -> ProgramMissing | None:
    """What is not installed of ``programs`` and of what the namespaces need, for the calling user."""
    absent = missing((*programs, *(_AS_ROOT if os.geteuid() == 0 else _AS_ANYBODY)))
    return ProgramMissing(absent, packages_of(absent)) if absent else None


def lacking_ids(user: int | None = None, system: Path = Path("/")) -> NoSubordinateIds | None:
    """The problem of a user other than root (the caller, unless it is said) who has no range of subordinate ids (subuid(5))."""
    number = os.geteuid() if user is None else user
    if number == 0:
        return None
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    for file in ("etc/subuid", "etc/subgid"):
        if not any(count >= _RANGE for count in _ranges(system / file, {name, str(number)})):
            return NoSubordinateIds(name, f"/{file}")
    return None


def findings(settings: Settings) -> tuple[Finding, ...]:
    """For ``doctor``: whether there is a stack, and what the next one would need."""
    store = StackStore(settings.stacks)
    stacks = store.list()
    # Without any stack a staging needs what makes one; with one, only the next stack does.
    lack = Severity.WEAK if stacks else Severity.MISSING
    found = [
        Finding(
            "stack", Severity.GOOD, f"{stack.name} ({stack.architecture}), its layer {show_size(stack.layer.size)}."
        )
        for stack in stacks
    ]
    if not stacks:
        remedy = f"stagewright stack create {USUAL_STACK}"
        found.append(Finding("stack", Severity.MISSING, f"There is none in {settings.stacks}.", remedy))
    found += [
        Finding("stack", Severity.WEAK, problem.brief(), f"stagewright stack remove {problem.name}")
        for problem in store.unreadable()
    ]
    return (*found, _makers(lack), *user_namespaces(os.geteuid(), lack), *_room(settings.stacks, lack))


def _makers(lack: Severity) -> Finding:
    problem = lacking_programs(MAKERS)
    if problem is None:
        return Finding("making stacks", Severity.GOOD, "mmdebstrap and what it needs are installed.")
    return Finding("making stacks", lack, problem.brief(), problem.hint().removeprefix("Run as root: "))


def user_namespaces(user: int, lack: Severity, system: Path = Path("/")) -> Iterator[Finding]:
    """What keeps ``user`` from making stacks in a user namespace; root needs none."""
    if user == 0:
        return
    problem = lacking_ids(user, system)
    if problem is not None:
        yield Finding("subordinate ids", lack, problem.brief(), problem.hint().removeprefix("Run as root: "))
    for file, refused, setting in _SWITCHES:
        with suppress(OSError):
            if (system / file).read_text().strip() == refused:
                yield Finding("user namespaces", lack, "They are switched off for users.", f"sysctl -w {setting}")


def _room(directory: Path, lack: Severity) -> Iterator[Finding]:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    disk = os.statvfs(existing)
    free = disk.f_bavail * disk.f_frsize
    if free < _ROOM:
        says = f"{show_size(free)} are free in {existing}; a stack takes {show_size(_ROOM)} while it is made."
        yield Finding("room for stacks", lack, says, "free some room, or set STAGEWRIGHT_STACKS to another disk")


def _ranges(file: Path, users: set[str]) -> Iterator[int]:
    with suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            user, _, rest = line.partition(":")
            count = rest.partition(":")[2].strip()
            if user in users and count.isdigit():
                yield int(count)
