"""What the drop-in launcher loads is a promise: every start, restart and task of an app pays for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

LAUNCHER = Path(sys.executable).with_name("stagewright-launcher")
FOREIGN = {"yaml", "_yaml", "cython_runtime"}
ONLY_WHEN_NEEDED = {"ssl", "http", "socket", "threading", "subprocess", "asyncio", "urllib.request"}

PROGRAM = """
import os, sys

def stop(*_):
    print(" ".join(sorted(sys.modules)))
    sys.exit()

os.execve = stop
sys.argv = ["launcher", "app", "", ""]
from stagewright.lifecycle.launcher import main
main()
"""


@pytest.fixture
def droplet(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "staging_info.yml").write_text('{"detected_buildpack":"x","start_command":"true","config":{}}')
    return tmp_path


def loaded(droplet: Path, **env: str) -> set[str]:
    """Every module that is loaded when the launcher becomes bash."""
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=droplet, env=env, capture_output=True, text=True, check=True
    )
    return set(shown.stdout.split())


def test_the_launcher_loads_the_standard_library_and_yaml_alone(droplet: Path) -> None:
    services = json.dumps({"db": [{"credentials": {"uri": "mysql://u:p@[::1]/db"}}]})
    names = {name.partition(".")[0] for name in loaded(droplet, VCAP_SERVICES=services, VCAP_APPLICATION="{}")}
    foreign = {
        name
        for name in names
        if name not in sys.stdlib_module_names
        and not name.startswith(("_", "stagewright", "sitecustomize", "usercustomize"))
    }
    assert foreign <= FOREIGN, foreign - FOREIGN


def test_the_network_is_loaded_only_where_it_is_asked_for(droplet: Path) -> None:
    assert not loaded(droplet) & ONLY_WHEN_NEEDED


def test_yaml_is_loaded_only_where_there_is_some_to_read(droplet: Path) -> None:
    assert "yaml" in loaded(droplet)
    (droplet / "staging_info.yml").unlink()
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace('"app", ""', '"app", "true"')],
        cwd=droplet,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "yaml" not in ended.stdout.split()


def test_it_has_become_the_app_in_a_quarter_of_a_second(droplet: Path) -> None:
    """The best of five, since other work on this machine is none of the launcher's."""

    def seconds() -> float:
        began = time.perf_counter()
        subprocess.run([LAUNCHER, "app", "", ""], cwd=droplet, check=True, capture_output=True)
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.25
