"""Directories that are hard to carry, how to look at them without the code under test, and how to be someone else than root."""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


def make_odd_tree(root: Path) -> None:
    """Fill the new directory ``root`` with odd names, modes and links."""
    root.mkdir()
    plain = {
        "plain.txt": b"plain\n",
        "empty": b"",
        "block": b"x" * 512,
        "one more": b"y" * 513,
        "große Straße/Ümläut.txt": b"umlaut",
        "new\nline": b"newline",
        "back\\slash": b"backslash",
        ".wh.name": b"no whiteout",
        "-rf": b"dash",
        "n" * 250: b"long name",
        "/".join(["d" * 40] * 3): b"path beyond 100",
        "/".join(["e" * 60] * 5): b"path beyond 255",
        "/".join(["ü" * 100] * 12): b"path beyond 2000",
        "large": bytes(range(256)) * 9000,
    }
    for name, content in plain.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    Path(os.fsdecode(os.fsencode(root) + b"/latin-\xe4\xff")).write_bytes(b"not UTF-8")
    (root / "deep" / "empty directory").mkdir(parents=True)
    for mode in (0o755, 0o600, 0o4755, 0o2755, 0o1644, 0o444, 0o000):
        path = root / f"mode-{mode:04o}"
        path.write_bytes(b"#!/bin/sh\n")
        path.chmod(mode)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    (root / "read-only").mkdir()
    (root / "read-only" / "file").write_bytes(b"inside")
    (root / "read-only").chmod(0o555)
    links = {
        "link": "plain.txt",
        "dangling": "nowhere",
        "absolute": "/etc/passwd",
        "out": "../../outside",
        "loop": "loop",
        "cycle-a": "cycle-b",
        "cycle-b": "cycle-a",
        "to-directory": "deep",
        "long-link": "t" * 300,
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    (root / "odd-link").symlink_to(os.fsdecode(b"\xff\xfe"))
    (root / "second name").hardlink_to(root / "plain.txt")
    (root / "deep" / "third name").hardlink_to(root / "plain.txt")


def facts(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Everything below ``root`` that must survive, read without the code under test: kind, mode, content or target, twins."""
    found: dict[bytes, tuple[object, ...]] = {}
    twins: dict[int, bytes] = {}
    for directory, directories, files in os.walk(root):
        directories.sort()  # of hard links the first that is met names the twins
        for name in sorted(directories + files):
            path = Path(directory) / name
            status = path.lstat()
            kind = stat.S_IFMT(status.st_mode)
            content: object = None
            if kind == stat.S_IFLNK:
                content = os.fsencode(path.readlink())
            elif kind == stat.S_IFREG:
                content = path.read_bytes()
            mode = 0 if kind == stat.S_IFLNK else stat.S_IMODE(status.st_mode)
            relative = os.fsencode(path.relative_to(root))
            twin = twins.setdefault(status.st_ino, relative) if kind == stat.S_IFREG else None
            found[relative] = (kind, mode, content, twin, status.st_uid, status.st_gid)
    return found


def open_to_all(directory: Path) -> None:
    """Let everybody reach ``directory`` of pytest's, and write in it."""
    directory.chmod(0o777)
    for parent in directory.parents:  # of one worker, of one run, of one user; or what --basetemp names
        parent.chmod(0o755)
        if parent.name.startswith("pytest-of-") or not parent.name.startswith(("popen-", "pytest-")):
            break


def as_nobody(work: Callable[[], Result]) -> Result:
    """The result of ``work`` in a process without root's powers; its exception is raised here."""
    if os.geteuid() != 0:
        return work()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            answer: tuple[bool, object] = (True, work())
        except BaseException as error:
            answer = (False, error)
        with os.fdopen(write, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    worked, result = pickle.loads(content)  # noqa: S301
    if not worked:
        raise result
    return result
