"""In which order things are mounted into a container, and where their mount points come from.

The root is shared and never written. So a mount point is in the root already, or below a writable mount (we make it there),
or in a small file system in memory that is put over one of the stack's own empty directories (/buildpacks, /trust).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.model.containers import ContainerSpec, Mount
from stagewright.model.layout import MOUNT_POINTS
from stagewright.model.tree import Owner
from stagewright.sandbox.problems import HostRefused, MountPointMissing, MountSourceMissing

_NOT_OURS = (PurePosixPath("/proc"), PurePosixPath("/dev"), PurePosixPath("/sys"))


@dataclass(frozen=True)
class MissingPoint:
    """A mount point that has to be made in the source of another, writable mount."""

    source: Path
    below: PurePosixPath
    directory: bool


@dataclass(frozen=True)
class MountPlan:
    """What is mounted, outermost first. Small file systems come before everything else."""

    mounts: tuple[Mount, ...]
    small: tuple[PurePosixPath, ...] = ()
    missing: tuple[MissingPoint, ...] = ()
    noexec: frozenset[PurePosixPath] = frozenset()
    """Targets whose file system forbids to run programs; the kernel lets nobody in a user namespace forget that."""

    @property
    def writable_sources(self) -> tuple[Path, ...]:
        """The sources that commands may write, each tree once even where one lies in another."""
        sources = sorted(
            {mount.source.resolve() for mount in self.mounts if mount.writable}, key=lambda s: len(s.parts)
        )
        outermost: list[Path] = []
        for source in sources:
            if not any(source.is_relative_to(other) for other in outermost):
                outermost.append(source)
        return tuple(outermost)


def plan_mounts(spec: ContainerSpec) -> MountPlan:
    """Raises MountSourceMissing, MountPointMissing."""
    mounts = sorted(spec.mounts, key=lambda mount: len(mount.target.parts))
    small: list[PurePosixPath] = []
    missing: list[MissingPoint] = []
    for position, mount in enumerate(mounts):
        if not mount.source.exists():
            raise MountSourceMissing(mount.source, mount.target)
        outer = _outer(mount.target, mounts[:position])
        if outer is not None:
            missing.extend(_missing_below(mount, outer))
        elif not os.path.lexists(spec.root / mount.target.relative_to("/")):
            place = _empty_place(mount.target, spec.root)
            if place not in small:
                small.append(place)
    noexec = frozenset(mount.target for mount in mounts if os.statvfs(mount.source).f_flag & os.ST_NOEXEC)
    return MountPlan(tuple(mounts), tuple(small), tuple(missing), noexec)


def make_points(plan: MountPlan, owner: Owner | None) -> None:
    """Make the missing mount points, never through a link. Raises HostRefused."""
    for point in plan.missing:
        try:
            _make_below(point, owner)
        except OSError as error:
            action = f"make the mount point {point.below} in {point.source}"
            raise HostRefused(action, error.strerror or str(error)) from error


def _outer(target: PurePosixPath, earlier: list[Mount]) -> Mount | None:
    """The innermost of ``earlier`` that ``target`` lies in."""
    around = [mount for mount in earlier if target.is_relative_to(mount.target)]
    return around[-1] if around else None


def _missing_below(mount: Mount, outer: Mount) -> list[MissingPoint]:
    below = mount.target.relative_to(outer.target)
    if os.path.lexists(outer.source / below):
        return []
    if not outer.writable:
        raise MountPointMissing(mount.target, outer.source)
    return [MissingPoint(outer.source, below, mount.source.is_dir())]


def _empty_place(target: PurePosixPath, root: Path) -> PurePosixPath:
    for place in MOUNT_POINTS:
        usable = place not in _NOT_OURS and place != target and target.is_relative_to(place)
        if usable and (root / place.relative_to("/")).is_dir():
            return place
    raise MountPointMissing(target, root)


def _make_below(point: MissingPoint, owner: Owner | None) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    at = os.open(point.source, flags)
    try:
        *parents, last = point.below.parts
        for name in (*parents, last) if point.directory else parents:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=at)
                if owner is not None:
                    os.chown(name, owner.uid, owner.gid, dir_fd=at, follow_symlinks=False)
            inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        if not point.directory:
            created = os.open(
                last, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=at
            )
            with os.fdopen(created, "wb"):
                if owner is not None:
                    os.fchown(created, owner.uid, owner.gid)
    finally:
        os.close(at)
