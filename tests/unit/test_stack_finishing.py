"""What every root gets, and what is read from it."""

from __future__ import annotations

import os
import py_compile
import stat
import struct
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from stagewright.model.layout import MOUNT_POINTS
from stagewright.model.stack import PackageVersion
from stagewright.stacks.definition import Directory, User
from stagewright.stacks.dpkg import installed_packages
from stagewright.stacks.elf import architecture_of
from stagewright.stacks.finishing import Finished, finish

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-9
Description: GNU C Library
 Package: not-a-field

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2
"""


def elf(machine: int, bits: int = 2, order: str = "<") -> bytes:
    head = b"\x7fELF" + bytes([bits, 1 if order == "<" else 2]) + bytes(10)
    return head + struct.pack(f"{order}HH", 2, machine) + bytes(44)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The least that a root can be made of."""
    place = tmp_path / "root"
    for directory in ("usr/bin", "etc/ssl/certs", "var/lib/dpkg", "dev", "var/log"):
        (place / directory).mkdir(parents=True)
    (place / "bin").symlink_to("usr/bin")
    bash = place / "usr/bin/bash"
    bash.write_bytes(elf(62))
    bash.chmod(0o755)
    (place / "usr/bin/sh").symlink_to("bash")
    (place / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (place / "etc/group").write_text("root:x:0:")
    (place / "var/lib/dpkg/status").write_text(STATUS)
    return place


def finished(root: Path, *users: User, directories: tuple[Directory, ...] = ()) -> Finished:
    return finish(root, users, directories, owned=False)


def test_packages_that_are_installed_and_no_others() -> None:
    assert installed_packages(STATUS) == (
        PackageVersion("bash", "5.2", "amd64"),
        PackageVersion("libc6", "2.36-9", "amd64"),
    )
    assert installed_packages("") == ()


@pytest.mark.parametrize(
    ("head", "architecture"),
    [
        (elf(62), "amd64"),
        (elf(183), "arm64"),
        (elf(22, order=">"), "s390x"),
        (elf(62, bits=1), None),
        (elf(4242), None),
        (b"#!/bin/sh\necho hello, world", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_the_architecture_of_a_program(head: bytes, architecture: str | None) -> None:
    assert architecture_of(head) == architecture


def test_what_every_root_gets(root: Path) -> None:
    found = finished(root)
    assert (found.architecture, found.lacks, found.notes) == ("amd64", (), ())
    assert [package.name for package in found.packages] == ["bash", "libc6"]
    for point in MOUNT_POINTS:
        assert (root / str(point)[1:]).is_dir()
    assert stat.S_IMODE((root / "tmp").stat().st_mode) == 0o1777
    assert (root / "etc/passwd").read_text().endswith("vcap:x:2000:2000:vcap:/home/vcap:/bin/bash\n")
    assert (root / "etc/group").read_text() == "root:x:0:\nvcap:x:2000:\n", "the missing end of a line is made up for"
    assert (root / "app").readlink() == Path("/home/vcap/app")
    for name in ("resolv.conf", "hosts", "hostname"):
        file = root / "etc" / name
        assert file.is_file() and not file.is_symlink() and file.read_bytes() == b""
    assert (root / "etc/ssl/certs/ca-certificates.crt").is_file()


def test_finishing_twice_changes_nothing(root: Path) -> None:
    finished(root)
    once = {path: path.lstat().st_size for path in sorted(root.rglob("*"))}
    assert finished(root).lacks == ()
    assert {path: path.lstat().st_size for path in sorted(root.rglob("*"))} == once


def test_what_varies_from_run_to_run_goes(root: Path) -> None:
    left = [
        "var/log/dpkg.log",
        "var/log/apt/term.log",
        "etc/passwd-",
        "var/lib/dpkg/status-old",
        "var/cache/apt/pkgcache.bin",
    ]
    left += [
        "var/cache/ldconfig/aux-cache",
        "var/lib/apt/lists/partial/x",
        "dev/null",
        "dev/pts/ptmx",
        "tmp/a/b",
        "run/x.pid",
    ]
    left += ["etc/apt/apt.conf.d/97operator", "etc/apt/sources.list"]
    for name in left:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    (root / "etc/machine-id").write_text("0123")
    (root / "etc/resolv.conf").symlink_to("/run/systemd/resolve/stub-resolv.conf")
    finished(root)
    assert [name for name in left if (root / name).exists()] == []
    assert list((root / "dev").iterdir()) == list((root / "tmp").iterdir()) == list((root / "run").iterdir()) == []
    assert (root / "etc/machine-id").read_text() == ""
    assert not (root / "etc/resolv.conf").is_symlink()


def test_a_root_with_apt_keeps_its_sources_or_the_operators(root: Path) -> None:
    (root / "usr/bin/apt-get").write_text("")
    (root / "etc/apt/sources.list.d").mkdir(parents=True)
    (root / "etc/apt/sources.list").write_text("deb http://ada:secret@mirror/debian bookworm main\n")
    finish(root, owned=False)
    assert (root / "etc/apt/sources.list").exists()
    finish(root, sources={"sources.list.d/operator.list": "deb http://mirror/debian bookworm main\n"}, owned=False)
    assert [path.name for path in (root / "etc/apt").rglob("*.list")] == ["operator.list"]
    assert not any("secret" in path.read_text() for path in (root / "etc/apt").rglob("*") if path.is_file())


def test_users_and_directories_of_a_definition(root: Path) -> None:
    (root / "etc/shadow").write_text("root:*:1:0:99999:7:::\n")
    (root / "etc/shadow").chmod(0o640)
    finished(root, User("app", 1001, "/home/app", "/bin/sh"), directories=(Directory("/srv/data", 1001, 0o750),))
    assert "app:x:1001:1001:app:/home/app:/bin/sh\n" in (root / "etc/passwd").read_text()
    assert "app:!:3652:0:99999:7:::\n" in (root / "etc/shadow").read_text()
    assert stat.S_IMODE((root / "etc/shadow").stat().st_mode) == 0o640
    assert stat.S_IMODE((root / "srv/data").stat().st_mode) == 0o750


def test_what_a_root_lacks_is_all_said(root: Path) -> None:
    for name in ("bash", "sh"):
        (root / "usr/bin" / name).unlink()
    (root / "etc/passwd").write_text("vcap:x:1234:1234::/:\n")
    lacks = finished(root).lacks
    assert lacks == ("it has no bash", "it has no /bin/sh", "its user vcap has the id 1234 and not 2000")
    assert not (root / "home").exists(), "nothing is made of what is no root"


def test_an_id_that_is_taken_and_a_bash_that_is_none(root: Path) -> None:
    (root / "etc/passwd").write_text("other:x:2000:2000::/:\n")
    (root / "usr/bin/bash").write_text("#!/bin/busybox sh\n" + " " * 64)
    assert finished(root).lacks == (
        "its bash is a program of no machine known here",
        "its user id 2000 belongs to another user than vcap",
    )


def test_notes_of_a_root_that_is_not_debians(root: Path) -> None:
    (root / "var/lib/dpkg/status").unlink()
    (root / "app").mkdir()
    (root / "app/x").write_text("")
    (root / "etc/pki/tls/certs").mkdir(parents=True)
    (root / "etc/pki/tls/certs/ca-bundle.crt").write_text("CERTIFICATES")
    found = finished(root)
    assert found.packages == () and found.lacks == ()
    assert len(found.notes) == 2 and "/app" in found.notes[0] and "dpkg" in found.notes[1]
    assert (root / "etc/ssl/certs/ca-certificates.crt").read_text() == "CERTIFICATES"


def test_byte_code_stays_valid_whatever_the_time(root: Path) -> None:
    """Layers have one time for everything: byte code that is told by time would be compiled again at each start."""
    library = root / "usr/lib/python3"
    library.mkdir(parents=True)
    source = library / "probe.py"
    source.write_text("answer = 42\n")
    changed = library / "changed.py"
    changed.write_text("print(1)\n")
    for file in (source, changed):
        py_compile.compile(str(file), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    changed.write_text("print('longer than before')\n")
    finished(root)
    os.utime(source, (1, 1))

    code = f"import sys; sys.path.insert(0, {str(library)!r}); import probe, changed"
    said = subprocess.run([sys.executable, "-B", "-v", "-c", code], capture_output=True, text=True, check=True)
    cached = Path(cache_from_source(str(source)))
    assert f"code object from '{cached}'" in said.stderr, "it was not compiled"
    assert "longer than before" in said.stdout, "what does not fit its source is compiled, though"
