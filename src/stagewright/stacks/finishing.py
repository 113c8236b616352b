"""What every root gets before it is a stack's: the user vcap, mount points, and nothing that differs from run to run.

Works on a directory that is ``/`` by then (`inside` changes its root first), so that no link in a foreign root leads out of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.layout import FIXED_TIME, MOUNT_POINTS, VCAP_ID
from stagewright.model.stack import PackageVersion
from stagewright.stacks.definition import Directory, User
from stagewright.stacks.dpkg import installed_packages
from stagewright.stacks.elf import architecture_of

OPERATOR_CONF = "etc/apt/apt.conf.d/97operator"
"""Where the operator's settings of apt lie while a root is made."""

_VCAP = User("vcap", VCAP_ID, "/home/vcap")
_EMPTY_FILES = ("etc/resolv.conf", "etc/hosts", "etc/hostname")
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_OTHER_BUNDLES = ("etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem", "etc/ssl/cert.pem")
_LARGEST = 64 << 20
"""Bytes of the largest file that is read whole."""

_VARYING = (
    "var/log/**/*",
    "var/cache/ldconfig/aux-cache",
    "var/cache/apt/*.bin",
    "var/cache/debconf/*-old",
    "var/lib/dpkg/*-old",
    "etc/*-",
    OPERATOR_CONF,
)
"""Files that differ between two runs of mmdebstrap, or that are of no use."""

_EMPTIED = ("dev", "tmp", "run", "var/cache/apt/archives", "var/lib/apt/lists")
"""apt's hold a directory that is _apt's or root's, by whether _apt could reach the place where the root was made."""


@dataclass(frozen=True)
class Finished:
    """What a root turned out to be."""

    architecture: str
    packages: tuple[PackageVersion, ...]
    lacks: tuple[str, ...]
    """What every stack must have and this root has not, as ends of sentences."""
    notes: tuple[str, ...]


def finish(
    root: Path,
    users: Sequence[User] = (),
    directories: Sequence[Directory] = (),
    sources: Mapping[str, str] | None = None,
    *,
    owned: bool = True,
) -> Finished:
    """Make the tree at ``root`` a stack's.

    ``sources`` take the place of all sources of apt, by name in /etc/apt; None leaves them as they are. ``owned``: whether
    owners can be set here. Raises OSError.
    """
    lacks: list[str] = []
    notes: list[str] = []
    shell = _program(root)
    architecture = architecture_of(shell) if shell is not None else None
    if shell is None:
        lacks.append("it has no bash")
    elif architecture is None:
        lacks.append("its bash is a program of no machine known here")
    if not (root / "bin" / "sh").exists():
        lacks.append("it has no /bin/sh")
    for user in (_VCAP, *users):
        lacks += _add_user(root, user)
    if not lacks:
        _furnish(root, directories, owned, notes)
        _source(root / "etc/apt", sources)
        _clean(root)
        _settle_byte_code(root)
    packages = _packages(root, notes)
    return Finished(architecture or "", packages, tuple(lacks), tuple(notes))


def _program(root: Path) -> bytes | None:
    for place in ("usr/bin/bash", "bin/bash"):
        with suppress(OSError):
            path = root / place
            if path.is_file() and path.stat().st_mode & 0o111:
                with path.open("rb") as file:
                    return file.read(64)
    return None


def _packages(root: Path, notes: list[str]) -> tuple[PackageVersion, ...]:
    status = _text(root / "var/lib/dpkg/status")
    if status is None:
        notes.append("the packages are not known, since there is no /var/lib/dpkg/status")
        return ()
    return installed_packages(status)


def _add_user(root: Path, user: User) -> list[str]:
    """Append a user to passwd, group and shadow (a root of essential packages has no useradd); returns what forbids it."""
    lines = [line.split(":") for line in (_text(root / "etc/passwd") or "").splitlines()]
    by_name = {line[0]: line[2] for line in lines if len(line) > 2}
    if user.name in by_name:
        known = by_name[user.name]
        return [] if known == str(user.id) else [f"its user {user.name} has the id {known} and not {user.id}"]
    if str(user.id) in by_name.values():
        return [f"its user id {user.id} belongs to another user than {user.name}"]
    _append(root / "etc/passwd", f"{user.name}:x:{user.id}:{user.id}:{user.name}:{user.home}:{user.shell}")
    groups = [line.split(":") for line in (_text(root / "etc/group") or "").splitlines()]
    if not any(str(user.id) == line[2] for line in groups if len(line) > 2):
        _append(root / "etc/group", f"{user.name}:x:{user.id}:")
    if (root / "etc/shadow").is_file():
        # No password; the day of its last change is a fixed one.
        _append(root / "etc/shadow", f"{user.name}:!:{FIXED_TIME // 86400}:0:99999:7:::")
    return []


def _furnish(root: Path, directories: Sequence[Directory], owned: bool, notes: list[str]) -> None:
    points = [Directory(str(point), mode=0o1777 if point.name == "tmp" else 0o755) for point in MOUNT_POINTS]
    home = Directory(_VCAP.home, VCAP_ID)
    for directory in (*(point for point in points if point.path != home.path), home, *directories):
        path = root / directory.path.lstrip("/")
        _make_directory(path)
        path.chmod(directory.mode)
        if owned:
            os.chown(path, directory.owner, directory.owner)
    _link_app(root / "app", notes)
    for place in _EMPTY_FILES:
        _write(root / place, b"")
    bundle = root / _BUNDLE
    if not bundle.is_file():
        _write(bundle, next((found for other in _OTHER_BUNDLES if (found := _content(root / other))), b""))


def _link_app(app: Path, notes: list[str]) -> None:
    """Heroku's buildpacks know the app by this path."""
    with suppress(OSError):
        app.rmdir()
    if not app.is_symlink() and app.exists():
        notes.append(
            "/app is not a link to /home/vcap/app, since something lies there: Heroku buildpacks will not work"
        )
    elif not app.is_symlink():
        app.symlink_to(f"{_VCAP.home}/app")


def _clean(root: Path) -> None:
    for pattern in _VARYING:
        for path in sorted(root.glob(pattern), reverse=True):
            if path.is_symlink() or not path.is_dir():
                path.unlink()
    for place in _EMPTIED:
        _empty(root / place)
    if (root / "var/lock").is_symlink():
        _make_directory(root / "run/lock")
        (root / "run/lock").chmod(0o1777)
    machine = root / "etc/machine-id"
    if machine.is_file():
        _write(machine, b"")
    if not (root / "usr/bin/apt-get").exists():
        # Nothing reads them, and they would tell the mirror that this root was made from.
        _source(root / "etc/apt", {})


def _source(directory: Path, sources: Mapping[str, str] | None) -> None:
    if sources is None:
        return
    for path in (directory / "sources.list", *(directory / "sources.list.d").glob("*")):
        path.unlink(missing_ok=True)
    for name, content in sources.items():
        _write(directory / name, content.encode())


def _empty(directory: Path) -> None:
    for parent, inner, files in os.walk(directory, topdown=False):
        for name in files:
            Path(parent, name).unlink()
        for name in inner:
            path = Path(parent, name)
            path.unlink() if path.is_symlink() else path.rmdir()


def _settle_byte_code(root: Path) -> None:
    """Mark Python's byte code as valid without a look at its source (PEP 552, unchecked hash).

    What Debian compiles while SOURCE_DATE_EPOCH is set is told by a hash already. The rest, and all of a root that was
    imported, is told by time and size of its source, and since layers have one time for everything the interpreter would
    compile all of it again at each start of an app.
    """
    for compiled in _byte_code(root / "usr"):
        source = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
        with suppress(OSError), compiled.open("r+b") as file:
            head = file.read(16)
            if len(head) == 16 and head[4:8] == bytes(4) and _size(source) == int.from_bytes(head[12:16], "little"):
                file.seek(4)
                file.write((1).to_bytes(4, "little") + bytes(8))


def _byte_code(directory: Path) -> Iterator[Path]:
    for parent, _, files in os.walk(directory):
        if parent.endswith("/__pycache__"):
            yield from (Path(parent, name) for name in files if name.endswith(".pyc"))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size & 0xFFFFFFFF
    except OSError:
        return None


def _make_directory(path: Path) -> None:
    if path.is_dir():
        return
    if path.is_symlink() or path.exists():
        path.unlink()
    _make_directory(path.parent)
    path.mkdir()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= _LARGEST else None
    except OSError:
        return None


def _text(path: Path) -> str | None:
    found = _content(path)
    return None if found is None else found.decode("utf-8", "replace")


def _append(path: Path, line: str) -> None:
    before = _text(path) or ""
    end = "" if not before or before.endswith("\n") else "\n"
    _make_directory(path.parent)
    mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0o644
    with path.open("ab") as file:
        file.write(f"{end}{line}\n".encode())
    path.chmod(mode)


def _write(path: Path, content: bytes) -> None:
    """A new regular file in place of whatever lay there."""
    _make_directory(path.parent)
    if path.is_symlink() or path.exists():
        path.unlink()
    path.write_bytes(content)
    path.chmod(0o644)
