"""What every implementation of the ports in ports/keeping.py must do. The disk is the only one yet; another joins the list."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stagewright.model.digest import Digest
from stagewright.model.names import AppName, BuildId
from stagewright.ports.keeping import Caches, CacheSlot, Records, Workspaces
from stagewright.storage import DiskCaches, DiskRecords, DiskWorkspaces

SLOT = CacheSlot(AppName("shop"), Digest.of(b"stack"))


class TestCaches:
    @pytest.fixture(params=["disk"])
    def caches(self, tmp_path: Path) -> Caches:
        return DiskCaches(tmp_path / "apps", owner=None)

    def test_what_is_given_back_is_what_is_taken(self, tmp_path: Path, caches: Caches) -> None:
        tree = tmp_path / "tree"
        tree.mkdir()
        (tree / "file").write_text("kept")
        caches.give_back(SLOT, tree)
        assert not tree.exists()
        caches.take(SLOT, tmp_path / "taken")
        assert (tmp_path / "taken" / "file").read_text() == "kept"

    def test_two_never_have_the_same_cache(self, tmp_path: Path, caches: Caches) -> None:
        (tmp_path / "tree").mkdir()
        caches.give_back(SLOT, tmp_path / "tree")
        caches.take(SLOT, tmp_path / "one")
        caches.take(SLOT, tmp_path / "two")
        assert (tmp_path / "one").exists()
        assert not (tmp_path / "two").exists()

    def test_the_later_of_two_is_kept(self, tmp_path: Path, caches: Caches) -> None:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "who").write_text(name)
            caches.give_back(SLOT, tmp_path / name)
        caches.take(SLOT, tmp_path / "taken")
        assert (tmp_path / "taken" / "who").read_text() == "second"

    def test_apps_and_stacks_do_not_share(self, tmp_path: Path, caches: Caches) -> None:
        (tmp_path / "tree").mkdir()
        caches.give_back(SLOT, tmp_path / "tree")
        others = [
            CacheSlot(AppName("other"), SLOT.stack),
            CacheSlot(SLOT.app, Digest.of(b"another stack")),
            CacheSlot(SLOT.app, SLOT.stack, apart="elsewhere"),
        ]
        for number, other in enumerate(others):
            caches.take(other, tmp_path / f"taken-{number}")
            assert not (tmp_path / f"taken-{number}").exists()


class TestDiskCaches:
    def test_caches_are_listed_with_their_size_and_cleared_by_app_or_age(self, tmp_path: Path) -> None:
        caches = DiskCaches(tmp_path / "apps", owner=None)
        for name, size in (("small", 10_000), ("large", 500_000)):
            tree = tmp_path / name
            tree.mkdir()
            (tree / "file").write_bytes(b"x" * size)
            caches.give_back(CacheSlot(AppName(name), SLOT.stack), tree)
        names = [entry.name.split()[0] for entry in caches.entries()]
        assert names == ["large", "small"]
        assert caches.entries()[0].size >= 500_000
        assert caches.clear(AppName("large")) >= 500_000
        assert [entry.name.split()[0] for entry in caches.entries()] == ["small"]
        assert caches.clear(unused_since=time.time() - 3600) == 0
        assert caches.clear(unused_since=time.time() + 3600) > 0
        assert caches.entries() == ()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_a_cache_belongs_to_whom_the_sandbox_runs_as(self, tmp_path: Path) -> None:
        from stagewright.model.tree import Owner

        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "file").write_text("x")
        caches = DiskCaches(tmp_path / "apps", Owner(2000, 2000))
        caches.give_back(SLOT, tmp_path / "tree")
        caches.take(SLOT, tmp_path / "taken")
        assert (tmp_path / "taken" / "file").stat().st_uid == 2000


def hold_a_workspace(workspaces: Workspaces, ready: Path) -> None:
    with workspaces.open(BuildId.new()) as workspace:
        (workspace.app / "file").write_text("half-written")
        ready.write_text(str(workspace.root))
        time.sleep(600)


class TestWorkspaces:
    @pytest.fixture(params=["disk"])
    def workspaces(self, tmp_path: Path) -> Workspaces:
        return DiskWorkspaces(tmp_path / "builds")

    def test_a_working_place_is_empty_at_first_and_gone_at_the_end(self, workspaces: Workspaces) -> None:
        with workspaces.open(BuildId.new()) as workspace:
            assert sorted(path.name for path in workspace.home.iterdir()) == ["app", "deps", "profile.d"]
            assert not workspace.cache.exists()
            (workspace.app / "locked").mkdir(mode=0o000)
        assert not workspace.root.exists()

    def test_it_is_gone_after_a_failure_too(self, workspaces: Workspaces) -> None:
        with pytest.raises(ZeroDivisionError), workspaces.open(BuildId.new()) as workspace:
            raise ZeroDivisionError
        assert not workspace.root.exists()

    def test_a_sweep_takes_what_a_killed_process_left_and_nothing_that_is_in_use(
        self, tmp_path: Path, workspaces: Workspaces
    ) -> None:
        ready = tmp_path / "ready"
        holder = multiprocessing.get_context("fork").Process(target=hold_a_workspace, args=(workspaces, ready))
        holder.start()
        while not ready.exists() or not ready.read_text():
            time.sleep(0.01)
        left = Path(ready.read_text())
        assert workspaces.sweep() == 0
        assert left.exists()
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
        with workspaces.open(BuildId.new()) as in_use:
            assert workspaces.sweep() == 1
            assert in_use.app.exists()
        assert not left.exists()
        assert workspaces.sweep() == 0

    def test_a_sweep_never_takes_what_is_just_being_opened(self, workspaces: Workspaces) -> None:
        end = time.monotonic() + 2
        assert in_processes([(open_until, workspaces, end), (sweep_until, workspaces, end)] * 3) == [0] * 6
        assert workspaces.sweep() == 0

    def test_only_a_lock_that_is_still_there_is_inherited(self, tmp_path: Path) -> None:
        workspaces = DiskWorkspaces(tmp_path)
        (tmp_path / "left.lock").write_text("")
        assert workspaces.sweep() == 0, "there was no working place"
        assert list(tmp_path.iterdir()) == []


def open_until(workspaces: Workspaces, end: float) -> None:
    while time.monotonic() < end:
        with workspaces.open(BuildId.new()) as workspace:
            (workspace.app / "file").write_text("x")
            assert workspace.scratch.is_dir()


def sweep_until(workspaces: Workspaces, end: float) -> None:
    while time.monotonic() < end:
        assert workspaces.sweep() == 0


def in_processes(calls: Sequence[tuple[Any, ...]]) -> list[int | None]:
    """Run each in a process of its own, at once; returns their exit codes."""
    fork = multiprocessing.get_context("fork")
    started = [fork.Process(target=call, args=arguments) for call, *arguments in calls]
    for process in started:
        process.start()
    for process in started:
        process.join(30)
    return [process.exitcode for process in started]


def save_many(records: Records, count: int) -> None:
    for _ in range(count):
        records.save(BuildId.new(), {"a": 1})


class TestRecords:
    @pytest.fixture(params=["disk"])
    def records(self, tmp_path: Path) -> Records:
        return DiskRecords(tmp_path / "records")

    def test_a_result_is_recalled_under_its_key_alone(self, records: Records) -> None:
        records.remember(Digest.of(b"key"), {"droplet": "x"})
        assert records.recall(Digest.of(b"key")) == {"droplet": "x"}
        assert records.recall(Digest.of(b"other")) is None

    def test_the_key_of_an_installation_is_secret_and_stays(self, tmp_path: Path, records: Records) -> None:
        key = records.installation_key()
        assert len(key) == 32
        assert records.installation_key() == key
        assert DiskRecords(tmp_path / "another").installation_key() != key
        assert (tmp_path / "records" / "installation.key").stat().st_mode & 0o077 == 0

    def test_a_key_that_was_cut_off_is_made_anew(self, tmp_path: Path, records: Records) -> None:
        records.installation_key()
        (tmp_path / "records" / "installation.key").write_bytes(b"short")
        assert len(records.installation_key()) == 32

    def test_a_damaged_record_is_as_good_as_none(self, tmp_path: Path, records: Records) -> None:
        key = Digest.of(b"key")
        records.remember(key, {"a": 1})
        (tmp_path / "records" / "results" / f"{key.hex}.json").write_text("{half")
        assert records.recall(key) is None

    def test_records_of_builds_are_bounded(self, tmp_path: Path, records: Records) -> None:
        for _ in range(210):
            records.save(BuildId.new(), {"a": 1})
        assert len(list((tmp_path / "records" / "builds").iterdir())) == 200

    def test_saved_builds_are_listed_newest_first(self, records: Records) -> None:
        assert records.builds() == ()
        one, other = BuildId.new(), BuildId.new()
        for build in (one, other, one):
            records.save(build, {"a": 1})
            time.sleep(0.02)
        assert [kept.build for kept in records.builds()] == [one, other]
        assert abs(records.builds()[0].kept - time.time()) < 60

    def test_a_trace_is_kept_with_its_build(self, records: Records) -> None:
        build = BuildId.new()
        assert records.trace(build) is None
        assert records.traces() == ()
        records.keep_trace(build, {"app": "old"})
        records.keep_trace(build, {"app": "shop", "scripts": [{"seconds": 1.5}], "outcome": "\udce4"})
        kept = records.trace(build)
        assert kept is not None
        assert json.loads(kept)["scripts"] == [{"seconds": 1.5}]
        assert [(entry.build, fields["app"]) for entry, fields in records.traces()] == [(build, "shop")]
        assert "scripts" not in records.traces()[0][1], "a list is small"
        assert records.trace(BuildId.new()) is None

    def test_traces_are_bounded_and_the_newest_are_kept(self, records: Records) -> None:
        made = [BuildId.new() for _ in range(55)]
        for build in made:
            records.keep_trace(build, {"app": "shop"})
            time.sleep(0.002)
        assert [entry.build for entry, _ in records.traces()] == made[:4:-1]
        assert records.trace(made[0]) is None

    def test_a_damaged_list_of_traces_is_no_failure(self, tmp_path: Path, records: Records) -> None:
        build = BuildId.new()
        records.keep_trace(build, {"app": "shop"})
        for place in ("traces", "trace-list"):
            (tmp_path / "records" / place / "not-a-build.json").write_text("{}")
            (tmp_path / "records" / place / f"{BuildId.new()}.json").write_text("{half")
        assert [entry.build for entry, _ in records.traces()] == [build]

    def test_several_runs_thin_out_the_records_at_once(self, tmp_path: Path, records: Records) -> None:
        save_many(records, 200)
        assert in_processes([(save_many, records, 100)] * 4) == [0] * 4
        assert 196 <= len(list((tmp_path / "records" / "builds").iterdir())) <= 204


def test_what_is_kept_is_closed_to_other_users(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        (tmp_path / "cache" / "apps").mkdir(parents=True)
        (tmp_path / "tree").mkdir()
        DiskCaches(tmp_path / "cache" / "apps", owner=None).give_back(SLOT, tmp_path / "tree")
        records = DiskRecords(tmp_path / "state" / "records")
        records.save(BuildId.new(), {})
        records.remember(Digest.of(b"key"), {})
        records.keep_trace(BuildId.new(), {})
        with DiskWorkspaces(tmp_path / "made" / "builds").open(BuildId.new()):
            modes = {
                str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777
                for pattern in ("*", "*/*", "state/records/*")
                for path in tmp_path.glob(pattern)
                if path.is_dir()
            }
    finally:
        os.umask(before)
    assert modes.pop("cache") == 0o755, "it was there before"
    assert set(modes.values()) == {0o700}, modes
