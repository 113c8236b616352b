"""How much room trees take, whose they are, and how they go away."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.odd_trees import as_nobody, facts, make_odd_tree, open_to_all

from stagewright.model.tree import Owner
from stagewright.trees import TreeFailure, chown_tree, disk_use, remove_tree
from stagewright.trees.descent import Descent

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def make_deep(root: Path, levels: int) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("deep", dir_fd=descriptor)
        below = os.open("deep", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
    os.write(file, bytes(1 << 20))
    os.close(file)
    os.close(descriptor)


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """As on a machine that lets a process have no more than 256 files open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[0]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


class TestDescent:
    def test_a_directory_that_was_moved_is_not_left_upwards(self, tmp_path: Path) -> None:
        """Beyond what stays open the way back is '..', which leads elsewhere then."""
        deep = tmp_path.joinpath(*["d"] * 70)
        deep.mkdir(parents=True)
        with Descent(tmp_path) as descent:
            for _ in range(70):
                descent.down("d")
            deep.rename(tmp_path / "elsewhere")
            with pytest.raises(OSError, match="moved while it was read"):
                descent.up()

    def test_up_and_down(self, tmp_path: Path) -> None:
        tmp_path.joinpath(*["d"] * 70).mkdir(parents=True)
        with Descent(tmp_path) as descent:
            for _ in range(70):
                descent.down("d")
            for _ in range(70):
                descent.up()
            assert descent.depth == 0
            assert os.fstat(descent.fd).st_ino == tmp_path.stat().st_ino

    def test_links_are_not_entered(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("/usr")
        with Descent(tmp_path) as descent, pytest.raises(OSError, match="Not a directory"):
            descent.down("link")


@pytest.mark.usefixtures("few_descriptors")
class TestDiskUse:
    def test_as_du_counts(self, odd_tree: Path) -> None:
        du = subprocess.run(["du", "-s", "-B1", odd_tree], capture_output=True, check=True).stdout
        assert disk_use(odd_tree) == int(du.split()[0])

    def test_holes_take_no_room(self, tmp_path: Path) -> None:
        with (tmp_path / "sparse").open("wb") as file:
            file.truncate(1 << 30)
        assert disk_use(tmp_path) < 1 << 20

    def test_missing_takes_none(self, tmp_path: Path) -> None:
        assert disk_use(tmp_path / "missing") == 0

    def test_a_link_takes_none(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("/usr")
        assert disk_use(tmp_path / "link") == 0

    @pytest.mark.root
    @root_only
    def test_other_file_systems_are_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "mount").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path / "mount"], check=True)
        try:
            (tmp_path / "mount" / "file").write_bytes(bytes(5 << 20))
            assert disk_use(tmp_path) < 1 << 20
        finally:
            subprocess.run(["umount", tmp_path / "mount"], check=True)

    @pytest.mark.slow
    def test_nothing_hides_in_the_deep(self, tmp_path: Path) -> None:
        make_deep(tmp_path, 3000)
        assert disk_use(tmp_path) >= 1 << 20
        remove_tree(tmp_path)

    def test_while_files_come_and_go(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        stop = threading.Event()

        def churn() -> None:
            while not stop.is_set():
                for number in range(20):
                    (tmp_path / "tree" / str(number) / "below").mkdir(parents=True)
                    (tmp_path / "tree" / str(number) / "below" / "file").write_bytes(bytes(5000))
                for number in range(20):
                    shutil.rmtree(tmp_path / "tree" / str(number))

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            for _ in range(200):
                assert 0 <= disk_use(tmp_path / "tree") < 10 << 20
        finally:
            stop.set()
            thread.join()


@pytest.mark.usefixtures("few_descriptors")
class TestRemoval:
    def test_odd_things(self, odd_tree: Path, tmp_path: Path) -> None:
        (tmp_path / "outside").write_bytes(b"untouched")
        remove_tree(odd_tree)
        assert [path.name for path in tmp_path.iterdir()] == ["outside"]

    def test_missing_is_fine(self, tmp_path: Path) -> None:
        remove_tree(tmp_path / "missing")
        remove_tree(tmp_path / "missing" / "below")

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        remove_tree(tmp_path / "file")
        assert not (tmp_path / "file").exists()

    def test_a_link_and_not_what_it_leads_to(self, tmp_path: Path) -> None:
        (tmp_path / "kept" / "deep").mkdir(parents=True)
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
        (tmp_path / "link").symlink_to("kept")
        remove_tree(tmp_path / "tree")
        remove_tree(tmp_path / "link")
        assert sorted(facts(tmp_path)) == [b"kept", b"kept/deep"]

    @pytest.mark.slow
    def test_deeper_than_a_path_or_the_stack(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        make_deep(tmp_path / "tree", 5000)
        remove_tree(tmp_path / "tree")
        assert list(tmp_path.iterdir()) == []

    def test_directories_that_their_owner_cannot_enter(self, tmp_path: Path) -> None:
        open_to_all(tmp_path)

        def work() -> list[str]:
            make_odd_tree(tmp_path / "tree")
            for mode in (0o000, 0o111, 0o444, 0o555):
                locked = tmp_path / "tree" / f"locked{mode}"
                (locked / "below" / "more").mkdir(parents=True)
                (locked / "below" / "file").write_bytes(b"")
                (locked / "below").chmod(mode)
                locked.chmod(mode)
            (tmp_path / "tree").chmod(0)
            remove_tree(tmp_path / "tree")
            return [path.name for path in tmp_path.iterdir()]

        assert as_nobody(work) == []

    def test_what_may_not_be_removed_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        open_to_all(tmp_path)
        tmp_path.chmod(0o555)
        with pytest.raises(TreeFailure, match="tree cannot be written: permission denied"):
            as_nobody(lambda: remove_tree(tmp_path / "tree"))
        tmp_path.chmod(0o755)


@pytest.mark.root
@root_only
class TestMounts:
    @pytest.fixture(params=["tmpfs", "bind"])
    def mounted(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
        """A tree with somebody else's directory mounted in it; a bind mount is on the very same disk."""
        (tmp_path / "theirs").mkdir()
        (tmp_path / "theirs" / "file").write_bytes(b"theirs")
        place = tmp_path / "tree" / "a b\\c" / "mount"
        place.mkdir(parents=True)
        (tmp_path / "tree" / "mine").write_bytes(b"mine")
        options = {"tmpfs": ["-t", "tmpfs", "tmpfs"], "bind": ["--bind", str(tmp_path / "theirs")]}
        subprocess.run(["mount", *options[request.param], place], check=True)
        (place / "file").write_bytes(b"theirs")
        try:
            yield place
        finally:
            subprocess.run(["umount", place], check=True)

    def test_nothing_is_touched_where_something_is_mounted(self, mounted: Path, tmp_path: Path) -> None:
        with pytest.raises(TreeFailure, match="something is mounted at"):
            remove_tree(tmp_path / "tree")
        assert (mounted / "file").read_bytes() == b"theirs"
        assert (tmp_path / "tree" / "mine").exists()

    def test_the_place_of_a_mount_is_one_too(self, mounted: Path) -> None:
        with pytest.raises(TreeFailure, match="something is mounted at"):
            remove_tree(mounted)
        assert (mounted / "file").read_bytes() == b"theirs"


@pytest.mark.root
@root_only
class TestOwners:
    def test_everything_changes_hands_and_nothing_else(self, odd_tree: Path, tmp_path: Path) -> None:
        (tmp_path / "outside").write_bytes(b"")
        before = facts(odd_tree)
        chown_tree(odd_tree, Owner(1234, 1235))
        after = facts(odd_tree)
        assert {fact[4:] for fact in after.values()} == {(1234, 1235)}
        assert {path: fact[:4] for path, fact in after.items()} == {path: fact[:4] for path, fact in before.items()}
        assert odd_tree.stat().st_uid == 1234
        assert (tmp_path / "outside").stat().st_uid == 0

    def test_a_link_itself(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        (tmp_path / "link").symlink_to("file")
        chown_tree(tmp_path / "link", Owner(1234, 1235))
        assert ((tmp_path / "link").lstat().st_uid, (tmp_path / "file").stat().st_uid) == (1234, 0)

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(TreeFailure):
            chown_tree(tmp_path / "missing", Owner(1, 1))


def test_modes_of_odd_trees_are_what_the_tests_think(odd_tree: Path) -> None:
    assert stat.S_IMODE((odd_tree / "mode-4755").stat().st_mode) == 0o4755
