"""The python buildpack by the installed command: each kind of project is staged, run and asked over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import APPS, EXAMPLES, Ended, Installation, Running, Stage, shared_stacks

PINNED_UV = Path(__file__).resolve().parents[2] / "src/stagewright/builtins/python/uv.txt"

NAME = "python-app"

Uv = Callable[..., str]


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Uv]:
    """The uv that the buildpack pins, for lock files: they name the registry that wrote them, so tests make their own."""
    place = tmp_path_factory.mktemp("uv")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "--target", str(place), "-r", str(PINNED_UV)], check=True)

    def run(*arguments: str, cwd: Path, stdin: str = "") -> str:
        ended = subprocess.run(
            [str(place / "bin/uv"), *arguments],
            cwd=cwd,
            input=stdin,
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(place / "cache")},
            capture_output=True,
            text=True,
            check=True,
        )
        return ended.stdout

    yield run
    shutil.rmtree(place)


@pytest.fixture
def stage(stagewright: Installation) -> Stage:
    """All apps here bear one name and so share one cache: uv is installed once."""

    def run(app: Path, *arguments: str) -> tuple[Path, Ended]:
        return stagewright.stage(app, "--name", NAME, *arguments)

    return run


def copied(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(APPS / name, tmp_path / name))


def flask_app(root: Path, requirements: str, **files: str) -> Path:
    """A Flask app that answers with facts on its interpreter."""
    (root / "app.py").parent.mkdir(parents=True)
    (root / "app.py").write_text(
        "import platform, sys\nfrom flask import Flask, jsonify\napp = Flask(__name__)\n"
        "@app.get('/')\ndef facts():\n"
        "    return jsonify(version=platform.python_version(), prefix=sys.prefix, base=sys.base_prefix)\n"
    )
    (root / "requirements.txt").write_text(requirements)
    for name, text in files.items():
        (root / name).write_text(text)
    return root


# ------------------------------------------------------------------------------------------------- one test a kind of project
def test_requirements_with_a_procfile(stage: Stage, running: Running) -> None:
    droplet, ended = stage(EXAMPLES / "flask-shop")
    assert "The start command is the Procfile's" in ended.script_lines()
    with running(droplet) as app:
        assert "Sencha" in app.get("/").text
        assert json.loads(app.get("/health").text)["status"] == "ok"
        page = app.get("/").text
        style = page.split('rel="stylesheet" href="')[1].split('"')[0]
        assert app.get(style).status == 200
        assert app.get("/tea/nonesuch").status == 404
    lines = stage(EXAMPLES / "flask-shop")[1].script_lines()
    assert "Reusing uv" in lines
    assert "Reusing downloads from the cache" in lines


def test_a_pyproject_without_a_lock_and_a_guessed_asgi_server(stage: Stage, running: Running) -> None:
    droplet, ended = stage(APPS / "python-fastapi")
    lines = ended.script_lines()
    assert "Guessed the start command: uvicorn main:api --host 0.0.0.0 --port $PORT" in lines
    assert "main.py has a FastAPI application named `api`, and uvicorn is installed" in lines
    assert "Python 3.11" in lines
    assert "of the stack (requires-python in pyproject.toml asks for >=3.10)" in lines
    with running(droplet) as app:
        assert app.get("/").text == '{"hello":"from FastAPI"}'


def test_a_django_project_with_its_static_files(stage: Stage, running: Running) -> None:
    droplet, ended = stage(APPS / "python-django")
    assert "gunicorn --bind 0.0.0.0:$PORT kiosk.wsgi:application" in ended.script_lines()
    with running(droplet) as app:
        assert app.get("/").text == "hello from Django"
        assert app.get("/static/kiosk.css").text == "body { margin: 3rem }\n"
    lines = stage(APPS / "python-django", "--env", "DISABLE_COLLECTSTATIC=1")[1].script_lines()
    assert "Static files are not collected" in lines


def test_a_uv_lock_and_a_package_that_changed_is_built_anew(
    tmp_path: Path, uv: Uv, stage: Stage, running: Running
) -> None:
    app_dir = copied("python-uvlock", tmp_path)
    uv("lock", "--quiet", "--python", sys.executable, cwd=app_dir)
    droplet, ended = stage(app_dir)
    assert "Installing the packages of uv.lock" in ended.script_lines()
    assert "iniconfig" not in ended.script_lines(), "development packages stay out"
    with running(droplet) as app:
        assert app.get("/").text == "hello from a locked package"
    module = app_dir / "src/greeter/__init__.py"
    module.write_text(module.read_text().replace("locked", "edited"))
    with running(stage(app_dir)[0]) as app:
        assert app.get("/").text == "hello from a edited package"


def pipfile_lock(app_dir: Path, uv: Uv) -> None:
    """What ``pipenv lock`` would write for the app's two packages."""
    options = ("--generate-hashes", "--no-header", "--no-annotate", "--python-version", "3.11")
    compiled = uv("pip", "compile", "--quiet", *options, "-", cwd=app_dir, stdin="bottle\nwaitress\n")
    packages = {}
    for requirement in compiled.replace("\\\n", " ").splitlines():
        pinned, *hashes = requirement.split()
        name, version = pinned.split("==")
        packages[name] = {"version": f"=={version}", "hashes": [item.split("=", 1)[1] for item in hashes]}
    lock = {"_meta": {"requires": {"python_version": "3.11"}, "sources": []}, "default": packages, "develop": {}}
    (app_dir / "Pipfile.lock").write_text(json.dumps(lock))


def test_a_pipfile_with_and_without_its_lock(
    tmp_path: Path, uv: Uv, stage: Stage, running: Running, stagewright: Installation
) -> None:
    app_dir = copied("python-pipfile", tmp_path)
    droplet, ended = stage(app_dir)
    assert "There is no lock file that is read here" in ended.script_lines()
    assert "waitress-serve --listen=0.0.0.0:$PORT wsgi:application" in ended.script_lines()
    with running(droplet) as app:
        assert app.get("/").text == "hello from Bottle"
    pipfile_lock(app_dir, uv)
    droplet, ended = stage(app_dir)
    assert "Installing the packages of Pipfile.lock" in ended.script_lines()
    with running(droplet) as app:
        assert app.get("/").text == "hello from Bottle"
    lock = json.loads((app_dir / "Pipfile.lock").read_text())
    lock["default"]["bottle"]["hashes"] = ["sha256:" + "0" * 64]
    (app_dir / "Pipfile.lock").write_text(json.dumps(lock))
    ended = stagewright("stage", app_dir, "--name", NAME)
    assert ended.code != 0
    assert "Pipfile.lock: bottle==" in ended.out + ended.err


def test_a_setup_py_and_a_guessed_factory(stage: Stage, running: Running) -> None:
    droplet, ended = stage(APPS / "python-setup")
    assert "'parcel:create_app()'" in ended.script_lines()
    with tarfile.open(droplet) as archive:
        left = [name for name in archive.getnames() if name.startswith("./app/")]
    assert not any("egg-info" in name or "/build" in name for name in left)
    with running(droplet) as app:
        assert app.get("/").text == "hello from a factory"


# ------------------------------------------------------------------------------------------------------------- another Python
def packed_python(mirror: Path) -> str:
    """A mirror with the Python of the stack, laid out and named as python-build-standalone does; the version.

    Debian's own looks for packages in a place of its own, which ``sitecustomize`` adds to.
    """
    stack = shared_stacks() / "debian12/build"
    root = mirror / "python"
    (root / "bin").mkdir(parents=True)
    shutil.copy2(stack / "usr/bin/python3.11", root / "bin/python3.11")
    (root / "bin/python3").symlink_to("python3.11")
    ignored = shutil.ignore_patterns("dist-packages", "test", "__pycache__", "config-*", "idlelib", "sitecustomize.py")
    shutil.copytree(stack / "usr/lib/python3.11", root / "lib/python3.11", symlinks=True, ignore=ignored)
    (root / "lib/python3.11/site-packages").mkdir()
    customize = "import site, sys\nsite.addsitedir(sys.prefix + '/lib/python3.11/site-packages')\n"
    (root / "lib/python3.11/sitecustomize.py").write_text(customize)
    said = subprocess.run([root / "bin/python3", "-V"], capture_output=True, text=True, check=True).stdout
    version = said.split()[1]
    name = f"cpython-{version}+20250101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
    (mirror / "20250101").mkdir()
    with tarfile.open(mirror / "20250101" / name, "w:gz", compresslevel=1) as archive:
        archive.add(root, "python")
    shutil.rmtree(root)
    _describe(mirror / "downloads.json", version, name)
    return version


def _describe(file: Path, version: str, name: str) -> None:
    """What uv knows of an interpreter to download; its own list has no Python that a test packs."""
    major, minor, patch = (int(part) for part in version.split("."))
    releases = "https://github.com/astral-sh/python-build-standalone/releases/download"
    facts = {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": f"{releases}/20250101/{name.replace('+', '%2B')}",
        "sha256": None,
        "variant": None,
        "build": "20250101",
    }
    file.write_text(json.dumps({f"cpython-{version}-linux-x86_64-gnu": facts}))


MIRROR = "/home/vcap/app/mirror"
FROM_MIRROR = (
    *("--env", f"UV_PYTHON_INSTALL_MIRROR=file://{MIRROR}"),
    *("--env", f"UV_PYTHON_DOWNLOADS_JSON_URL={MIRROR}/downloads.json"),
    *("--env", "UV_PYTHON_PREFERENCE=only-managed"),
)


@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the packed Python is named for x86_64")
def test_a_python_from_a_mirror_goes_into_the_droplet(tmp_path: Path, stage: Stage, running: Running) -> None:
    app_dir = flask_app(tmp_path / "app", "flask\ngunicorn\n")
    version = packed_python(app_dir / "mirror")
    (app_dir / ".python-version").write_text(f"{version}\n")
    droplet, ended = stage(app_dir, *FROM_MIRROR)
    assert f"Installing Python {version}" in ended.script_lines()
    with running(droplet) as app:
        facts = json.loads(app.get("/").text)
    assert facts == {"version": version, "prefix": "/home/vcap/deps/0", "base": "/home/vcap/deps/0"}
    lines = stage(app_dir, *FROM_MIRROR)[1].script_lines()
    assert f"Reusing Python {version} from the cache" in lines


@pytest.mark.slow
def test_a_python_that_cannot_be_had_names_what_is_at_hand(tmp_path: Path, stagewright: Installation) -> None:
    app_dir = flask_app(tmp_path / "app", "flask\n", **{".python-version": "3.12\n"})
    ended = stagewright("stage", app_dir, "--name", NAME, "--env", f"UV_PYTHON_INSTALL_MIRROR=file://{MIRROR}")
    said = ended.out + ended.err
    assert ended.code != 0
    assert "Python 3.12, which .python-version asks for, could not be installed" in said
    assert "At hand without a download: 3.11." in said
    assert "UV_PYTHON_INSTALL_MIRROR" in said


# ------------------------------------------------------------------------------------------------------------------- failures
@pytest.mark.parametrize(
    ("requirements", "named"),
    [
        ("flask\n\ngunicorn ===== 3\n", "requirements.txt line 3: gunicorn ===== 3"),
        ("flask\n-r nowhere.txt\n", "requirements.txt line 2: -r nowhere.txt"),
        ("flask\ngunicorn==999\n", "requirements.txt line 2: gunicorn==999"),
        ("flask==3.0.0 --hash=sha256:" + "0" * 64, "requirements.txt line 1: flask==3.0.0"),
    ],
)
def test_a_broken_requirements_file_fails_with_its_line(
    tmp_path: Path, stagewright: Installation, requirements: str, named: str
) -> None:
    ended = stagewright("stage", flask_app(tmp_path / "app", requirements), "--name", NAME)
    assert ended.code != 0
    assert named in ended.out + ended.err


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="an empty network namespace is made by root")
def test_without_a_network_the_message_says_where_uv_comes_from(tmp_path: Path, fresh: Installation) -> None:
    app_dir = flask_app(tmp_path / "app", "flask\n")
    ended = fresh("stage", app_dir, "--env", "PIP_RETRIES=0", wrap=("unshare", "--net"))
    assert ended.code != 0
    assert "uv comes from the package index that pip is configured for" in ended.out + ended.err


# ------------------------------------------------------------------------------------------------------------ reproducibility
@pytest.mark.slow
def test_two_stagings_with_cold_caches_give_the_same_droplet(tmp_path: Path) -> None:
    """With an extension module that is compiled, a local package, and files that include one another."""
    app_dir = flask_app(
        tmp_path / "app",
        "-r more.txt\n-c limits.txt\n--no-binary markupsafe\ngunicorn\n-e ./local\n",
        **{"more.txt": "flask\n", "limits.txt": "flask==3.1.*\n"},
    )
    (app_dir / "local").mkdir()
    (app_dir / "local/setup.py").write_text(
        "from setuptools import setup\nsetup(name='ours', version='1', py_modules=['ours'])\n"
    )
    (app_dir / "local/ours.py").write_text("NAMES = {'a', 'b', 'c'}\n")
    droplets = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        droplets.append(Installation(tmp_path / place).stage(app_dir)[0])
    first, second = (droplet.read_bytes() for droplet in droplets)
    assert first == second
    with tarfile.open(droplets[0]) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member) if member.isfile() else None
            if file and member.name.startswith(("./deps", "./profile.d")):
                assert b"/home/vcap" not in file.read(), f"{member.name} knows where it was built"
