"""The built-in buildpacks on a Cloud Foundry cell: `stagewright-builder` stages where its flags say, the droplet runs elsewhere.

The cell is the sandbox with the stack's build root, and the root's own Python runs the builder. The app is built in /tmp/app,
Cloud Foundry's place, and no droplet may remember it.
"""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from stagewright.model.containers import Cause, Command, ContainerSpec, Limits, Mount
from stagewright.model.settings import Trust
from stagewright.ports.sandbox import Sandbox
from stagewright.sandbox import choose
from stagewright.settings import from_environment
from stagewright.staging.container import trust_mounts
from stagewright.staging.environment import RUN_DPKG_STATUS
from stagewright.trees import chown_tree
from tests.conformance.staging.drop_in import xxhash_name
from tests.e2e.conftest import APPS, ROOT, Running, free_port, shared_stacks
from tests.e2e.shell_buildpacks import write_app
from tests.sandboxes import LIMITS, Workplace, Written, workplace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the stack's Python is 3.11, our modules are another's"),
]

BUILTINS = ROOT / "src/stagewright/builtins"
BUILDER = "stagewright.lifecycle.builder"
LAUNCHER = "stagewright.lifecycle.launcher"
OURS = (PurePosixPath("/lifecycle"), PurePosixPath("/buildpacks"))
"""Where a cell finds our source, and what it imports."""

SAYING = """\
import http.server, os, subprocess


class Saying(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = subprocess.run(SAID, capture_output=True)
        self.send_response(200 if said.returncode == 0 else 500)
        self.end_headers()
        self.wfile.write(said.stdout + said.stderr)


http.server.HTTPServer(("", int(os.environ["PORT"])), Saying).serve_forever()
"""


@dataclass(frozen=True)
class Sample:
    """An app for one built-in, and what a visitor reads."""

    builtin: str
    files: dict[str, str]
    answers: str
    copied: Path | None = None
    command: tuple[str, ...] = ()
    """The platform's start command, for a buildpack that knows none."""
    detect: bool = True

    def write(self, place: Path) -> Path:
        app = place / "app"
        if self.copied is not None:
            shutil.copytree(self.copied, app)
        return write_app(app, **self.files)


def saying(*argv: str) -> str:
    return SAYING.replace("SAID", repr(argv))


SAMPLES = (
    Sample("python", {}, "hello from Bottle", APPS / "python-pipfile"),
    Sample("nodejs", {}, '"npm":"1', APPS / "node-server"),
    Sample("staticfile", {"index__html": "a static page", "Staticfile": ""}, "a static page"),
    Sample(
        "apt",
        {"Aptfile": "tree\n", "Procfile": "web: python3 say.py\n", "say__py": saying("tree", "--version")},
        "tree v",
    ),
    Sample("procfile", {"Procfile": "web: python3 say.py\n", "say__py": saying("echo", "by Procfile")}, "by Procfile"),
    Sample(
        "binary", {"say__py": saying("echo", "ready made")}, "ready made", command=("python3", "say.py"), detect=False
    ),
)
LAUNCHED_ELSEWHERE = ("nodejs", "staticfile")
"""Whose droplets are also launched by the drop-in in another directory than Cloud Foundry's."""


@dataclass(frozen=True)
class Cell:
    """A container of a cell: a root of the stack, a /tmp of its own, and of this machine what the operator trusts.

    A real cell builds and runs on one root. Ours has two, so buildpacks are told what the one that the app will run on holds.
    """

    work: Workplace
    sandbox: Sandbox
    trust: Trust

    @property
    def spec(self) -> ContainerSpec:
        modules = Path(site.getsitepackages()[0])
        ours = tuple(Mount(*pair) for pair in zip((ROOT / "src", modules), OURS, strict=True))
        trusted = trust_mounts(self.trust, self.work.scratch / "trust", stack_root("run"))
        limits = Limits(memory=1 << 30, disk=LIMITS.disk, timeout=300.0)
        return self.work.spec(f"cell-{time.monotonic_ns()}", mounts=(*ours, *trusted), limits=limits)

    def command(self, module: str, *arguments: str, cwd: str = "/home/vcap", **env: str) -> Command:
        given = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/home/vcap",
            "USER": "vcap",
            "TMPDIR": "/tmp",
            "CF_STACK": "debian12",
            RUN_DPKG_STATUS: "/trust/run-dpkg-status",
            **self.trust.environment,
            **env,
        }
        # What starts the builder is not passed on to buildpacks: a cell's builder is a program, not a module of the app's Python.
        start = f"import sys; sys.path[:0] = {[str(place) for place in OURS]}; from {module} import main; main()"
        return Command(("/usr/bin/python3", "-I", "-c", start, *arguments), PurePosixPath(cwd), given)

    def put(self, source: Path, name: str) -> Path:
        """Copy a directory to /tmp/``name``, whole: what links lead to in the place of links."""
        ignored = shutil.ignore_patterns("__pycache__")
        return Path(shutil.copytree(source, self.work.tmp / name, ignore=ignored))

    def give(self, tree: Path) -> None:
        """Let the cell's user own what it may write."""
        if self.work.owner is not None:
            chown_tree(tree, self.work.owner)


def stack_root(which: str) -> Path:
    return shared_stacks() / "debian12" / which


def new_cell(place: Path, root: str) -> Cell:
    settings = from_environment()
    sandbox = choose("auto", runtime=settings.runtime, state=place / "sandbox")
    return Cell(workplace(place / "cell", stack_root(root), sandbox.owner), sandbox, settings.trust)


def staged(cell: Cell, sample: Sample, place: Path) -> Path:
    """The droplet, made with the builder's own defaults for all places."""
    cell.put(BUILTINS / sample.builtin, f"buildpacks/{xxhash_name(sample.builtin)}")
    cell.give(cell.put(sample.write(place), "app"))
    flags = (f"-buildpackOrder={sample.builtin}", f"-skipDetect={str(not sample.detect).lower()}")
    written = Written()
    with cell.sandbox.open(cell.spec) as session:
        ended = session.run(cell.command(BUILDER, *flags), written)
    assert ended.code == 0, (written.stdout + written.stderr).decode()[-3000:]
    return cell.work.tmp / "droplet"


def unpacked(droplet: Path, into: Path) -> Path:
    into.mkdir()
    subprocess.run(["tar", "-xzf", str(droplet), "-C", str(into)], check=True)
    return into


@contextmanager
def launched_elsewhere(cell: Cell) -> Iterator[str]:
    """What a droplet answers that lies in /tmp/elsewhere of ``cell``, and is started there by `stagewright-launcher`."""
    port = free_port()
    launch = cell.command(LAUNCHER, "app", "", "", cwd="/tmp/elsewhere", PORT=str(port))
    written = Written()
    with cell.sandbox.open(cell.spec) as session:
        running = threading.Thread(target=session.run, args=(launch, written))
        running.start()
        try:
            yield answer_of(f"http://127.0.0.1:{port}/", running, written)
        finally:
            session.stop(Cause.CANCELLED)
            running.join(timeout=30)


def answer_of(url: str, running: threading.Thread, written: Written) -> str:
    end = time.monotonic() + 60
    while True:
        assert running.is_alive() and time.monotonic() < end, (written.stdout + written.stderr).decode()
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - an address of this machine
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)


def remembers_nothing(tree: Path) -> None:
    """No link leads to where the app was built, and no file names it."""
    for path in tree.rglob("*"):
        if path.is_symlink():
            assert not path.readlink().is_relative_to("/tmp"), path
        elif path.is_file():
            content = path.read_bytes()
            assert b"/tmp/app" not in content and b"/tmp/contents" not in content, path


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.builtin)
def test_what_the_drop_in_builds_runs_elsewhere(tmp_path: Path, sample: Sample, running: Running) -> None:
    """At Cloud Foundry's paths by ``stagewright run``, which takes a droplet that no facts file describes."""
    droplet = staged(new_cell(tmp_path, "build"), sample, tmp_path)
    command = ("--", *sample.command) if sample.command else ()
    with running(droplet, *command) as app:
        assert sample.answers in app.get("/").text
    (tmp_path / "other").mkdir()
    other = new_cell(tmp_path / "other", "run")
    elsewhere = unpacked(droplet, other.work.tmp / "elsewhere")
    remembers_nothing(elsewhere)
    if sample.builtin in LAUNCHED_ELSEWHERE:
        other.give(elsewhere)
        with launched_elsewhere(other) as answer:
            assert sample.answers in answer
