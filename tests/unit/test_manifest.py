"""manifest.yml: what is read, and how a bad one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.errors import Problem
from stagewright.model.build import AppManifest
from stagewright.model.names import AppName
from stagewright.model.process import Process, Processes
from stagewright.packages import BadManifest, find_manifest, read_manifest


def read(tmp_path: Path, text: str, wanted: str | None = None) -> AppManifest:
    path = tmp_path / "manifest.yml"
    path.write_text(text)
    return read_manifest(path, AppName(wanted) if wanted else None)


def test_all_that_touches_staging_is_read(tmp_path: Path) -> None:
    manifest = read(
        tmp_path,
        """
---
version: 1
applications:
- name: shop
  buildpacks: [apt, python]
  stack: debian12
  memory: 512M
  disk_quota: 2G
  command: gunicorn app:app
  env: {A: 1, B: true, C: text, D: null}
  routes: [{route: shop.example.com}]
  processes:
  - {type: worker, command: python worker.py, memory: 256M}
""",
    )
    assert str(manifest.name) == "shop"
    assert manifest.buildpacks == ("apt", "python")
    assert str(manifest.stack) == "debian12"
    assert (manifest.memory, manifest.disk) == (512 << 20, 2 << 30)
    assert manifest.command == "gunicorn app:app"
    assert manifest.env == {"A": "1", "B": "true", "C": "text", "D": ""}
    assert manifest.processes.types == (Process("worker", "python worker.py"),)


def test_the_old_singular_buildpack_is_understood(tmp_path: Path) -> None:
    assert read(tmp_path, "applications: [{name: a, buildpack: python}]").buildpacks == ("python",)


def test_memory_of_the_web_process_is_the_apps(tmp_path: Path) -> None:
    text = "applications: [{name: a, processes: [{type: web, memory: 2G}]}]"
    assert read(tmp_path, text).memory == 2 << 30


def test_one_of_several_apps_is_chosen_by_name(tmp_path: Path) -> None:
    text = "applications: [{name: a, command: one}, {name: b, command: two}]"
    assert read(tmp_path, text, "b").command == "two"
    with pytest.raises(BadManifest, match="--name"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("applications: {}", "applications"),
        ("just words", "applications"),
        ("applications: [oops]", "map"),
        ("applications: [{name: a, memory: lots}]", "memory"),
        ("applications: [{name: a, env: [1]}]", "env"),
        ("applications: [{name: a, env: {X: [1]}}]", "'X'"),
        ("applications: [{name: a, buildpacks: python}]", "buildpacks"),
        ("applications: [{name: a, processes: [{command: x}]}]", "type"),
        ("applications: [{name: a, command: ((cmd))}]", "cmd"),
        ("applications:\n- name: a\n bad: [", "line 3"),
        ("applications: [{name: '../../etc'}]", "name"),
    ],
)
def test_a_bad_manifest_is_refused_with_where_and_why(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadManifest) as caught:
        read(tmp_path, text)
    assert says in caught.value.brief()
    assert caught.value.hint()


@given(st.binary(max_size=400))
def test_any_bytes_are_a_manifest_or_a_clear_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("manifest") / "manifest.yml"
    path.write_bytes(content)
    try:
        read_manifest(path)
    except Problem as problem:
        assert problem.brief()


def test_a_bomb_of_aliases_costs_nothing(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(BadManifest):
        read(tmp_path, "\n".join([*lines, "applications: [*a11]"]))


def test_flags_win_over_the_manifest_and_env_is_merged() -> None:
    said = AppManifest(buildpacks=("python",), env={"A": "1", "B": "1"}, command="one", memory=1)
    flags = AppManifest(buildpacks=("nodejs",), env={"B": "2"}, processes=Processes.of([("web", "x")]))
    merged = said.overridden_by(flags)
    assert merged.buildpacks == ("nodejs",)
    assert merged.env == {"A": "1", "B": "2"}
    assert (merged.command, merged.memory) == ("one", 1)


def test_a_manifest_that_is_a_link_is_not_followed_out_of_the_source(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yml"
    outside.write_text("applications: [{name: a}]")
    source = tmp_path / "source"
    source.mkdir()
    (source / "manifest.yml").symlink_to(outside)
    assert find_manifest(source) is None
