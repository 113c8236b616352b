"""The sandbox of root: limits by control groups, a range of user ids for each container, idmapped mounts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from stagewright.model.containers import ContainerSpec, Limits
from stagewright.model.layout import VCAP_ID
from stagewright.model.tree import Owner
from stagewright.ports.sandbox import Session
from stagewright.sandbox import kernel
from stagewright.sandbox.cgroups import find_place
from stagewright.sandbox.idmap import UserNamespace, among_private_mounts, show
from stagewright.sandbox.oci_config import Identity
from stagewright.sandbox.opening import Means, Prepared, prepare, read_seccomp
from stagewright.sandbox.problems import NotRoot, writing_below
from stagewright.sandbox.runtime import find_runtime
from stagewright.sandbox.session import Ways
from stagewright.sandbox.sweeping import Records, give_back
from stagewright.sandbox.uid_ranges import UidRange, taken_range
from stagewright.trees import chown_tree

_RUN = Path("/run/stagewright")
"""Of the whole machine, not of one installation: two installations must not take the same range."""

_FIRST_PROCESS = 65533
"""Of the container: neither a command's user nor one of the stack's."""


class Rootful:
    """The Sandbox of `ports.sandbox` for root."""

    name = "rootful"
    owner: Owner | None = Owner(VCAP_ID, VCAP_ID)

    def __init__(self, runtime: str | None, state: Path, *, idmapped: bool = True) -> None:
        """``runtime`` as in Settings. Without ``idmapped`` mounts, writable trees are chowned and chowned back."""
        self._runtime = runtime
        self._records = Records(state / "containers", state / "runtime")
        self._idmapped = idmapped

    @contextmanager
    def open(self, spec: ContainerSpec) -> Iterator[Session]:
        if os.geteuid() != 0:
            raise NotRoot
        runtime = find_runtime(self._runtime, self._records.runtime_state)
        mounts = _private_place()
        with ExitStack() as held:
            taken = held.enter_context(taken_range(_RUN / "uid-ranges"))
            with UserNamespace(taken.first, taken.size) if self._idmapped else nullcontext() as namespace:
                means = Means(runtime, self._records, find_place(), self.owner, read_seccomp())
                prepared = prepare(held, spec, means)
                identity = _identity(taken)
                sources = [mounts / str(number) for number in range(len(prepared.plan.mounts))]
                prepared.configure(identity, mounts / "root", sources)
                launch = _Launch(prepared, taken, mounts, namespace.descriptor() if namespace is not None else None)
                held.callback(launch.give_back)
                held.enter_context(prepared.container)
                among_private_mounts(launch)
            yield prepared.session(Ways(identity, taken.outside(VCAP_ID), hand_over=launch.give_away))

    def unenforced(self, limits: Limits) -> tuple[str, ...]:
        place = find_place()
        return place.unenforced(limits) if place is not None else ("memory", "pids", "cpus")

    def sweep(self) -> int:
        return self._records.sweep()


class _Launch:
    """Shows the container's files to the runtime alone, and starts it."""

    def __init__(self, prepared: Prepared, taken: UidRange, mounts: Path, namespace: int | None) -> None:
        self._prepared = prepared
        self._taken = taken
        self._mounts = mounts
        self._namespace = namespace
        self._given_away: tuple[Path, ...] = ()

    def __call__(self) -> None:
        """Runs in a mount namespace of its own."""
        kernel.mount_tmpfs(self._mounts)
        root = self._mounts / "root"
        root.mkdir()
        show(self._prepared.spec.root, root, writable=False, namespace=self._namespace)
        unmapped = [source for number, source in enumerate(self._sources()) if not self._show(number, source)]
        self._note(unmapped)
        self.give_away()
        self._prepared.container.launch(inherited=(self._taken.lock,))

    def give_away(self) -> None:
        """Without a mapping, what scripts may write must be theirs on disk; also what the caller put there meanwhile."""
        outside = self._taken.outside(VCAP_ID)
        for tree in self._given_away:
            chown_tree(tree, Owner(outside, outside))

    def give_back(self) -> None:
        for tree in self._given_away:
            give_back(tree, VCAP_ID)

    def _sources(self) -> tuple[Path, ...]:
        return tuple(mount.source for mount in self._prepared.plan.mounts)

    def _show(self, number: int, source: Path) -> bool:
        at = self._mounts / str(number)
        if source.is_dir():
            at.mkdir()
        else:
            at.touch()
        writable = self._prepared.plan.mounts[number].writable
        return show(source, at, writable=writable, namespace=self._namespace)

    def _note(self, unmapped: list[Path]) -> None:
        """Record which trees will be chowned before they are, so that a sweep can undo it."""
        trees = self._prepared.plan.writable_sources
        self._given_away = tuple(tree for tree in trees if any(source.is_relative_to(tree) for source in unmapped))
        if self._given_away:
            self._prepared.record.note_given_away(self._given_away, VCAP_ID)


def _identity(taken: UidRange) -> Identity:
    return Identity(
        first_process=_FIRST_PROCESS,
        commands=VCAP_ID,
        outside=taken.first,
        group_outside=taken.first,
        size=taken.size,
    )


def _private_place() -> Path:
    """Where the runtime finds its mounts. The path must be passable for the container's users, whatever the state directory's.

    ``root`` exists outside, too: the runtime's ``exec`` starts there, and sees the host's mounts.
    """
    place = _RUN / "mounts"
    with writing_below(_RUN.parent):
        for directory in (_RUN, place, place / "root"):
            if not directory.is_dir():
                directory.mkdir(exist_ok=True)
                directory.chmod(0o755)
    return place
