"""Unfinished layers: how they are named, and what becomes of those that a killed run left."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path, PurePosixPath

import pytest

from stagewright.droplets import Slice
from stagewright.ports.events import deaf
from stagewright.staging.imaging import _layer, remove_dead_parts
from stagewright.trees import Placed


def a_dead_process() -> int:
    process = multiprocessing.get_context("fork").Process(target=os.getpid)
    process.start()
    process.join()
    assert process.pid is not None
    return process.pid


@pytest.mark.parametrize("what", ["app", "deps 0/" + "x" * 250, "deps 0/a/../b\n"])
def test_a_layer_is_written_whatever_its_slice_is_called(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").write_text("x")
    layers = tmp_path / "layers"
    layers.mkdir()
    one = Slice(what, (Placed(tmp_path / "file", PurePosixPath("home/vcap/app/file")),))
    layer, reused = _layer(one, layers, deaf)
    assert (list(layers.iterdir()), reused) == ([layer.path], False)
    os.utime(layer.path, (1, 1))
    again, reused = _layer(one, layers, deaf)
    assert (again, reused) == (layer, True)
    assert layer.path.stat().st_mtime > 1, "what is collected by age is what was not used"


def test_only_parts_of_dead_processes_are_removed(tmp_path: Path) -> None:
    dead = a_dead_process()
    for name in (f".part-{dead}-aa", f"..part-{dead}-bb.cc.part"):
        (tmp_path / name).write_bytes(bytes(10_000))
    kept = {f".part-{os.getpid()}-aa", ".part-1-aa", ".part-0-aa", ".part-other", "0f.tgz"}
    for name in kept:
        (tmp_path / name).write_text("x")
    assert remove_dead_parts(tmp_path) >= 20_000
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_no_layers_are_no_parts(tmp_path: Path) -> None:
    assert remove_dead_parts(tmp_path / "missing") == 0
