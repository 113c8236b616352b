"""The system calls that Python does not offer: mount namespaces, idmapped mounts, reaping of orphans."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_CLONE_NEWNS = 0x00020000
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_MS_REC = 0x4000
_MS_SLAVE = 1 << 19
_MS_NOSUID_NODEV_NOEXEC = 0x2 | 0x4 | 0x8
_OPEN_TREE_CLONE = 0x1
_PR_SET_CHILD_SUBREAPER = 36

# One number on every architecture since Linux 5.2 (include/uapi/asm-generic/unistd.h).
_NR_OPEN_TREE = 428
_NR_MOVE_MOUNT = 429
_NR_MOUNT_SETATTR = 442

ATTR_READONLY = 0x1
ATTR_NOSUID = 0x2
ATTR_NODEV = 0x4
_ATTR_IDMAP = 0x00100000


class _MountAttributes(ctypes.Structure):
    """``struct mount_attr`` (mount_setattr(2))."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that their exit status can be waited for (prctl(2))."""
    _checked(_libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def hear_of_children() -> None:
    """Stop ignoring SIGCHLD. Who ignores it gets no exit status of any child (wait(2)), and one can be started that way."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        # Not by signal.signal, which only the main thread may call. Python itself need not know: the default is to do nothing.
        libc = _libc()
        libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
        libc.signal.restype = ctypes.c_void_p
        libc.signal(signal.SIGCHLD, None)


def leave_mount_namespace() -> None:
    """Give the calling thread a mount namespace of its own; what it mounts is seen by itself and its children alone."""
    libc = _libc()
    _checked(libc.unshare(_CLONE_NEWNS))
    # A slave still learns of unmounts outside, so that a build pins no file system of the host.
    _checked(libc.mount(b"none", b"/", None, _MS_REC | _MS_SLAVE, None))


def mount_tmpfs(directory: Path) -> None:
    libc = _libc()
    _checked(libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", _MS_NOSUID_NODEV_NOEXEC, b"mode=755,size=1m"))


def clone_mount(source: Path) -> int:
    """A descriptor of a new, unattached mount that shows ``source``, without what is mounted below it."""
    libc = _libc()
    return _checked(libc.syscall(_NR_OPEN_TREE, _AT_FDCWD, os.fsencode(source), _OPEN_TREE_CLONE | os.O_CLOEXEC))


def set_attributes(mount: int, attributes: int, user_namespace: int | None = None) -> None:
    """Set ``ATTR_…`` on an unattached mount; with a user namespace, show its files through that namespace's mapping.

    Raises OSError (EINVAL, EPERM, ENOSYS …) where the file system or the kernel cannot.
    """
    mapped = user_namespace is not None
    wanted = _MountAttributes(attributes | (_ATTR_IDMAP if mapped else 0), 0, 0, user_namespace if mapped else 0)
    size = ctypes.sizeof(wanted)
    _checked(_libc().syscall(_NR_MOUNT_SETATTR, mount, b"", _AT_EMPTY_PATH, ctypes.byref(wanted), size))


def attach_mount(mount: int, target: Path) -> None:
    libc = _libc()
    where = os.fsencode(target)
    _checked(libc.syscall(_NR_MOVE_MOUNT, mount, b"", _AT_FDCWD, where, _MOVE_MOUNT_F_EMPTY_PATH))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
