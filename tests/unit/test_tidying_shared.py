"""What all apps share is not removed under a running build."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from stagewright.model.names import AppName
from stagewright.services.platform import Platform
from stagewright.services.tidy import SharedInUse, clear_caches, collect, list_caches
from stagewright.settings import from_environment
from stagewright.wiring.command_line import open_platform


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("STAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STAGEWRIGHT_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("STAGEWRIGHT_STACKS", raising=False)
    return open_platform(from_environment(), "none")


@pytest.fixture
def shared(platform: Platform) -> tuple[Path, ...]:
    """A buildpack and a layer of long ago."""
    kept = tuple(platform.settings.cache / name for name in ("buildpacks/0f", "layers/0f.tgz"))
    for path in kept:
        path.parent.mkdir(parents=True)
    kept[0].mkdir()
    (kept[0] / "file").write_bytes(bytes(10_000))
    kept[1].write_bytes(bytes(10_000))
    for path in kept:
        os.utime(path, (1, 1))
    return kept


def test_while_a_build_runs_what_it_uses_stays(platform: Platform, shared: tuple[Path, ...]) -> None:
    with platform.buildpacks.hold():
        with pytest.raises(SharedInUse, match="in use by a running build: not removed"):
            clear_caches(platform)
        with pytest.raises(SharedInUse):
            collect(platform, 3600)
        assert clear_caches(platform, AppName("one")) == 0, "the cache of an app is nobody else's"
    assert all(path.exists() for path in shared)


def test_a_running_build_is_no_obstacle_where_nothing_is_old(platform: Platform, shared: tuple[Path, ...]) -> None:
    for path in shared:
        os.utime(path)
    with platform.buildpacks.hold():
        assert collect(platform, 3600) == 0


@pytest.mark.parametrize("verb", [clear_caches, lambda platform: collect(platform, 3600)])
def test_without_a_build_all_goes(platform: Platform, shared: tuple[Path, ...], verb: object) -> None:
    with platform.buildpacks.hold():
        pass
    assert callable(verb)
    assert verb(platform) >= 20_000
    assert list_caches(platform) == ()


def test_what_was_used_lately_is_not_collected(platform: Platform, shared: tuple[Path, ...]) -> None:
    os.utime(shared[0], (time.time(), time.time()))
    assert collect(platform, 3600) >= 10_000
    assert [path.exists() for path in shared] == [True, False]
