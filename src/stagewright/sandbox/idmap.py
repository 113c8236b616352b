"""Mounts that show the files of the host under other owners, in a mount namespace that only the runtime lives in.

On disk everything that scripts may write belongs to 2000, whatever range of ids a container got: nothing is ever chowned.
Where the kernel or the file system cannot (Linux before 5.12, overlay as a source), the mount shows files as they are.
"""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from stagewright.sandbox import kernel
from stagewright.sandbox.problems import HostRefused
from stagewright.sandbox.programs import require_program
from stagewright.sandbox.runtime import ENVIRONMENT

_Result = TypeVar("_Result")

_CANNOT = (errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)


class UserNamespace:
    """A user namespace that exists only to say how ids are mapped. It takes two milliseconds to come up; begin early."""

    def __init__(self, first: int, size: int) -> None:
        self._mapping = f"0 {first} {size}\n"
        self._descriptor: int | None = None
        unshare = require_program("unshare", "util-linux")
        # cat answers from inside the namespace, and ends with us.
        self._inhabitant = subprocess.Popen(
            (str(unshare), "--user", "cat"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )

    def __enter__(self) -> Self:
        return self

    def descriptor(self) -> int:
        """Of the namespace, with its mapping. Raises HostRefused."""
        if self._descriptor is None:
            says = self._inhabitant.stdout
            self._tell(b"\n")
            if says is None or not says.readline():
                raise HostRefused("make a user namespace", self._complaint())
            place = Path("/proc") / str(self._inhabitant.pid)
            try:
                (place / "uid_map").write_text(self._mapping)
                (place / "gid_map").write_text(self._mapping)
                self._descriptor = os.open(place / "ns/user", os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise HostRefused("map a range of user ids", error.strerror or str(error)) from error
        return self._descriptor

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._inhabitant.kill()
        self._inhabitant.communicate()

    def _tell(self, line: bytes) -> None:
        try:
            os.write(self._inhabitant.stdin.fileno() if self._inhabitant.stdin else -1, line)
        except OSError:
            return

    def _complaint(self) -> str:
        says = self._inhabitant.stderr
        return says.read().decode(errors="replace").strip() if says is not None else ""


def show(source: Path, at: Path, *, writable: bool, namespace: int | None) -> bool:
    """Mount ``source`` at ``at`` through ``namespace``'s mapping; False where it could only be mounted as it is."""
    mount = kernel.clone_mount(source)
    try:
        mapped = namespace is not None and _map(mount, writable, namespace)
        kernel.attach_mount(mount, at)
    finally:
        os.close(mount)
    return mapped


def _map(mount: int, writable: bool, namespace: int) -> bool:
    attributes = kernel.ATTR_NOSUID | kernel.ATTR_NODEV | (0 if writable else kernel.ATTR_READONLY)
    try:
        kernel.set_attributes(mount, attributes, namespace)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    return True


def among_private_mounts(work: Callable[[], _Result]) -> _Result:
    """Do ``work`` in a thread with a mount namespace of its own: what it mounts lives as long as the processes that it starts.

    This process keeps its own namespace. Raises HostRefused, and what ``work`` raises.
    """
    thread = _Secluded(work)
    thread.start()
    try:
        thread.join()
    finally:
        thread.join()  # again where a signal interrupted the first: nobody may clean up while it still starts things
    return thread.outcome()


class _Secluded(threading.Thread, Generic[_Result]):
    def __init__(self, work: Callable[[], _Result]) -> None:
        super().__init__(name="private-mounts")
        self._work = work
        self._result: list[_Result] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            kernel.leave_mount_namespace()
            self._result.append(self._work())
        except BaseException as error:
            self._error = error

    def outcome(self) -> _Result:
        if isinstance(self._error, OSError):
            raise HostRefused("set up its mounts", self._error.strerror or str(self._error)) from self._error
        if self._error is not None:
            raise self._error
        return self._result[0]
