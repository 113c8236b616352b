"""The packages of Node.js apps end to end: every package manager, build scripts, compilers, other buildpacks and registries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import npm_registry
from tests.e2e.conftest import APPS, EXAMPLES, Ended, Installation, Running, Stage
from tests.e2e.node_apps import BUILDPACK, NODEJS, asked, copy_of, from_droplet, names_in, no_file_names, write_package
from tests.e2e.npm_registry import PrivateRegistry, private_registry

PNPM = (
    "pnpm@9.12.3+sha512.cce0f9de9c5a7c95bef944169cc5dfe8741abfb145078c0d508b868056848a87"
    "c81e626246cb60967cbd7fd29a6c062ef73ff840d96b3c86c40ac92cf4a813ee"
)
"""With the hash that corepack writes there."""


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
    again, _ = stage(app, *NODEJS)
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
    again, _ = stage(app, *NODEJS)
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
    ended = stagewright("stage", app, *NODEJS, "--droplet", tmp_path / "never.tgz")
    said = ended.out + ended.err
    assert ended.code == 13
    assert "the reason" in said
    assert 'The script "build" of package.json failed' in said


def test_a_lock_file_that_disagrees_is_refused(stagewright: Installation, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(EXAMPLES / "express-api", app)
    write_package(app, dependencies={"express": "^4.0.0"})
    ended = stagewright("stage", app, *NODEJS, "--droplet", tmp_path / "never.tgz")
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
    again, _ = stage(APPS / "node-native", *NODEJS)
    assert again.read_bytes() == droplet.read_bytes()


# ------------------------------------------------------------------------------------------------ other buildpacks, registries
@pytest.mark.slow
def test_another_buildpack_finds_node_and_the_packages(stage: Stage, running: Running, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(EXAMPLES / "express-api", app)
    (app / "Procfile").write_text("web: node server.js\n")
    droplet, _ = stage(app, *NODEJS, "--buildpack", "procfile")
    assert "./app/node_modules/express" in names_in(droplet)
    with running(droplet) as running_app:
        assert asked(running_app, "/health")["status"] == "ok"


def write_private_app(app: Path, registry: PrivateRegistry, **package: Any) -> Path:
    write_package(
        app,
        name="private",
        version="1.0.0",
        engines={"node": "22.x"},
        scripts={"start": "node index.js"},
        **{"dependencies": {npm_registry.NAME: "^1.0.0"}, **package},
    )
    (app / "index.js").write_text(
        f"const tiny = require('{npm_registry.NAME}');\n"
        "require('node:http').createServer((_, response) => response.end(tiny)).listen(process.env.PORT);\n"
    )
    (app / ".npmrc").write_text(registry.npmrc("TEAS_TOKEN"))
    return app


PRIVATE = (*NODEJS, "--env", "TEAS_TOKEN=s3cret")


@pytest.mark.slow
@pytest.mark.parametrize("manager", [None, "pnpm@9.12.3", "yarn@1.22.22"])
def test_a_private_registry_of_the_apps_npmrc_holds(
    stage: Stage, running: Running, tmp_path: Path, manager: str | None
) -> None:
    with private_registry("s3cret") as registry:
        app = write_private_app(tmp_path / "app", registry, packageManager=manager)
        droplet, _ = stage(app, *PRIVATE)
    assert [path for path in registry.asked if path.endswith(".tgz")]
    with running(droplet) as running_app:
        assert running_app.get("/").text == f"{npm_registry.PLACE}: 1.0.0"
    no_file_names(droplet, b"s3cret")


@pytest.mark.slow
def test_a_version_that_is_newer_than_the_cache_is_found(stage: Stage, running: Running, tmp_path: Path) -> None:
    """The cache holds a list of versions without it, and npm must not take that for the truth."""
    with private_registry("s3cret") as registry:
        for version in ("1.0.0", "1.0.1"):
            registry.published.setdefault(version, npm_registry.packed(version))
            app = write_private_app(tmp_path / "app", registry, dependencies={npm_registry.NAME: version})
            (app / "package-lock.json").write_text(registry.lock(version, "private"))
            droplet, _ = stage(app, *PRIVATE)
    with running(droplet) as running_app:
        assert running_app.get("/").text == f"{npm_registry.PLACE}: 1.0.1"


def test_no_registry_is_named_in_the_buildpack() -> None:
    for file in BUILDPACK.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts and file.parent.name != "lib":
            assert "://" not in file.read_text(), file
