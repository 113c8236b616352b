"""Roots from elsewhere become stacks: a directory, a tar, an image; what is hostile or no root is refused."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from stagewright.errors import Fault
from stagewright.images import Addition, LayoutPlace, Platform, RefName, append_layers, empty, pack_layer, write_layout
from stagewright.model.layout import MOUNT_POINTS
from stagewright.model.names import StackName
from stagewright.model.tree import Bounds, Owner
from stagewright.stacks.importing import NothingToImport, RootSource, SourceKind, StackExists, import_roots
from stagewright.stacks.machine import lacking_ids, lacking_programs
from stagewright.stacks.making import ArchitecturesDiffer, NotARoot, remover
from stagewright.stacks.store import StackStore
from stagewright.stacks.workshop import FailedInside
from stagewright.trees import Placed

_LACKING = lacking_programs(()) or lacking_ids()
pytestmark = pytest.mark.skipif(_LACKING is not None, reason=str(_LACKING))

NAME = StackName("mine")


def program(machine: int = 62) -> bytes:
    return b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<HH", 2, machine) + bytes(44)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StackStore]:
    stacks = StackStore(tmp_path / "stacks")
    yield stacks
    stacks.sweep(remover)
    for name in stacks.names():
        stacks.remove(name, remover)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build_root(tmp_path / "root")


def build_root(place: Path, machine: int = 62) -> Path:
    for directory in ("usr/bin", "etc", "dev", "proc", "opt/thing"):
        (place / directory).mkdir(parents=True)
    (place / "bin").symlink_to("usr/bin")
    (place / "usr/bin/bash").write_bytes(program(machine))
    (place / "usr/bin/bash").chmod(0o755)
    (place / "usr/bin/sh").symlink_to("bash")
    (place / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (place / "opt/thing/one").write_text("linked")
    os.link(place / "opt/thing/one", place / "opt/thing/two")
    (place / "opt/thing/away").symlink_to("/etc/passwd")
    return place


def tar_of(root: Path, archive: Path, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root, ".")
        for entry in more:
            tar.addfile(entry, io.BytesIO(bytes(entry.size)))
    return archive


def entry(name: str, **facts: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in facts.items():
        setattr(made, key, value)
    return made


def source(path: Path | str) -> RootSource:
    return RootSource.parse(str(path))


def left_over(store: StackStore) -> list[str]:
    found = store.directory.iterdir() if store.directory.is_dir() else ()
    return sorted(path.name for path in found if not path.name.startswith(".lock-"))


def test_from_a_directory(store: StackStore, root: Path) -> None:
    stack = import_roots(NAME, store, run=source(root), build=source(root))
    assert (stack.architecture, stack.run.digest) == ("amd64", stack.layer.diff_id)
    for point in MOUNT_POINTS:
        assert (stack.run.path / str(point)[1:]).is_dir()
    assert "vcap:x:2000:" in (stack.run.path / "etc/passwd").read_text()
    thing = stack.run.path / "opt/thing"
    assert (thing / "one").stat().st_ino == (thing / "two").stat().st_ino
    assert (thing / "away").readlink() == Path("/etc/passwd")
    store.verify(NAME)
    assert left_over(store) == ["mine"]
    assert not (root / "home").exists(), "the source is left as it was"
    assert any("dpkg" in note for note in store.record(NAME).notes)


def test_from_a_tar_the_same_content_is_the_same_digest(store: StackStore, root: Path, tmp_path: Path) -> None:
    packed = source(tar_of(root, tmp_path / "root.tar.gz"))
    from_tar = import_roots(NAME, store, run=packed, build=packed)
    from_directory = import_roots(StackName("other"), store, run=source(root), build=source(root))
    assert from_tar.digest == from_directory.digest


def test_owners_come_along(store: StackStore, root: Path, tmp_path: Path) -> None:
    """In the layer always; on disk where root made it."""
    packed = source(tar_of(root, tmp_path / "root.tar", entry("./opt/theirs", uid=33, gid=33, size=3, mode=0o4755)))
    stack = import_roots(NAME, store, run=packed, build=packed)
    with tarfile.open(stack.layer.path) as layer:
        theirs, home = layer.getmember("opt/theirs"), layer.getmember("home/vcap")
    assert (theirs.uid, theirs.gid, theirs.mode) == (33, 33, 0o4755)
    assert (home.uid, home.gid) == (2000, 2000)
    if os.geteuid() == 0:
        status = (stack.run.path / "opt/theirs").stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (33, 0o4755)


def test_from_an_image(store: StackStore, root: Path, tmp_path: Path) -> None:
    lower = pack_layer([Placed(root, PurePosixPath())], tmp_path / "lower.tar.gz", owner=Owner(0, 0))
    image = append_layers(empty(Platform("linux", "amd64")), Addition(lower))
    write_layout(LayoutPlace(tmp_path / "layout", RefName("v1")), image)
    place = source(f"oci:{tmp_path}/layout:v1")
    stack = import_roots(NAME, store, run=place, build=place)
    assert (stack.run.path / "opt/thing/one").read_text() == "linked"
    with pytest.raises(FailedInside) as caught:
        import_roots(StackName("other"), store, run=source(f"oci:{tmp_path}/layout:v2"), build=place)
    assert "v2" in caught.value.brief()


def test_a_foreign_root_leads_nowhere(store: StackStore, root: Path, tmp_path: Path) -> None:
    """Links of the root that would lead finishing to this machine's own files."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_text("untouched")
    (outside / "resolv.conf").write_text("untouched")
    (root / "etc/passwd").unlink()
    (root / "etc").rmdir()
    (root / "etc").symlink_to(outside)
    (root / "home").symlink_to("../" * 20 + str(outside))
    stack = import_roots(NAME, store, run=source(root), build=source(root))
    assert "vcap" in (stack.run.path / "etc/passwd").read_text(), "it was made in the root itself"
    assert {path.name: path.read_text() for path in outside.iterdir()} == {
        "passwd": "untouched",
        "resolv.conf": "untouched",
    }


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (entry("../escape"), "'../escape'"),
        (entry("/absolute"), "'/absolute'"),
        (entry("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "'dev/null'"),
        (entry("opt/thing/away/x"), "leads through a link"),
        (entry("opt/hard", type=tarfile.LNKTYPE, linkname="../../x"), "'../../x'"),
    ],
)
def test_hostile_tars_are_refused(
    store: StackStore, root: Path, tmp_path: Path, bad: tarfile.TarInfo, says: str
) -> None:
    packed = source(tar_of(root, tmp_path / "root.tar.gz", bad))
    with pytest.raises(FailedInside) as caught:
        import_roots(NAME, store, run=packed, build=packed)
    assert says in caught.value.brief()
    assert caught.value.whose_fault() is Fault.USAGE
    assert left_over(store) == []


def test_bombs_are_refused(store: StackStore, root: Path) -> None:
    with pytest.raises(FailedInside, match="2 entries"):
        import_roots(NAME, store, run=source(root), build=source(root), bounds=Bounds(entries=2))


def test_what_is_no_root_is_refused(store: StackStore, root: Path, tmp_path: Path) -> None:
    (root / "usr/bin/bash").unlink()
    with pytest.raises(NotARoot) as caught:
        import_roots(NAME, store, run=source(root), build=source(root))
    assert "it has no bash" in caught.value.brief() and str(root) in caught.value.brief()
    assert left_over(store) == []
    (tmp_path / "text").write_text("no tar")
    with pytest.raises(FailedInside, match="no tar"):
        import_roots(NAME, store, run=source(tmp_path / "text"), build=source(root))


def test_two_roots_of_two_machines(store: StackStore, root: Path, tmp_path: Path) -> None:
    other = build_root(tmp_path / "arm", machine=183)
    with pytest.raises(ArchitecturesDiffer, match="run is amd64, build is arm64"):
        import_roots(NAME, store, run=source(root), build=source(other))


def test_a_name_is_taken_once(store: StackStore, root: Path) -> None:
    import_roots(NAME, store, run=source(root), build=source(root))
    with pytest.raises(StackExists):
        import_roots(NAME, store, run=source(root), build=source(root))


def test_what_a_source_can_be(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source(root).kind is SourceKind.DIRECTORY
    assert source(f"oci:{tmp_path}/x:v1") == RootSource(SourceKind.LAYOUT, tmp_path / "x", "v1")
    monkeypatch.chdir(tmp_path)
    assert source("root").path == root, "found from wherever the work is done"
    with pytest.raises(NothingToImport, match="no such file"):
        source(tmp_path / "missing")
    (root / "oci-layout").write_text("{}")
    with pytest.raises(NothingToImport, match="write oci:"):
        source(root)
