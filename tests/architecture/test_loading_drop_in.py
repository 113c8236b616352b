"""What the drop-in commands load is a promise: every start, restart and task of an app pays for the launcher's, a staging for the
builder's, and what they may load at all is what lifecycle.tgz holds (scripts/lifecycle)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conformance.staging.buildpacks import compiling
from tests.conformance.staging.drop_in import xxhash_name

LAUNCHER = Path(sys.executable).with_name("stagewright-launcher")
FOREIGN = {"yaml", "_yaml", "cython_runtime"}
OF_THE_BUILDER = FOREIGN | {"isal", "xxhash"}
"""Lie in the archive, with their extension modules; a cell has no other."""
NOT_ON_A_CELL = {"builtins", "cli", "images", "stacks"}
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


def foreign_of(names: set[str]) -> set[str]:
    """Those that are neither the standard library's nor our own, nor of an environment for development."""
    return {
        name
        for name in names
        if name not in sys.stdlib_module_names
        and not name.startswith(("_", "stagewright", "sitecustomize", "usercustomize"))
    }


def test_the_launcher_loads_the_standard_library_and_yaml_alone(droplet: Path) -> None:
    services = json.dumps({"db": [{"credentials": {"uri": "mysql://u:p@[::1]/db"}}]})
    names = {name.partition(".")[0] for name in loaded(droplet, VCAP_SERVICES=services, VCAP_APPLICATION="{}")}
    foreign = foreign_of(names)
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


STAGING = """
import atexit, sys

sys.argv = ["builder", *sys.argv[1:]]
from stagewright.lifecycle.builder import main
atexit.register(lambda: print("loaded", *sorted(sys.modules)))
main()
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every module that the builder has loaded when it has staged an app by a buildpack of shell scripts."""
    place = tmp_path_factory.mktemp("staged")
    for name in ("app", "home"):
        (place / name).mkdir()
    (place / "app" / "Procfile").write_text("worker: run\n")
    compiling("shell").write(place / "buildpacks" / xxhash_name("shell"))
    flags = {
        "buildDir": "app",
        "buildpacksDir": "buildpacks",
        "buildpackOrder": "shell",
        **{name: name for name in ("buildpacksDownloadDir", "buildArtifactsCacheDir")},
        **{name: f"out/{name}" for name in ("outputDroplet", "outputMetadata", "outputBuildArtifactsCache")},
    }
    shown = subprocess.run(
        [sys.executable, "-c", STAGING, *(f"-{name}={value}" for name, value in flags.items())],
        cwd=place,
        env={"PATH": "/usr/bin:/bin", "HOME": "home", "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.splitlines()[-1].split()[1:])


def test_the_builder_loads_three_libraries_and_no_network(staged: set[str]) -> None:
    foreign = foreign_of({name.partition(".")[0] for name in staged})
    assert foreign <= OF_THE_BUILDER, foreign - OF_THE_BUILDER
    assert not staged & (ONLY_WHEN_NEEDED - {"subprocess", "threading"})


def test_the_builder_loads_nothing_that_a_cell_has_no_use_for(staged: set[str]) -> None:
    assert "stagewright.services.cell" in staged
    assert not {f"stagewright.{name}" for name in NOT_ON_A_CELL} & staged


def test_a_staging_without_a_trace_loads_nothing_of_it(staged: set[str]) -> None:
    assert {name for name in staged if "trac" in name and name.startswith("stagewright.")} == {
        "stagewright.services.tracing"
    }


def test_it_loads_a_bounded_number_of_modules(staged: set[str]) -> None:
    """Each costs about half a millisecond, and the start may take a quarter of a second."""
    assert len(staged) < 350
