"""The installed command, run as a person would: a state of its own, the shared stack, real HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

COMMAND = Path(sys.executable).with_name("stagewright")
ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
APPS = Path(__file__).resolve().parent / "apps"


@dataclass(frozen=True)
class Ended:
    """How the command ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    @property
    def result(self) -> dict[str, Any]:
        """The last event: the result, with ``--json``."""
        return self.events[-1]

    def script_lines(self) -> str:
        return "\n".join(event["line"] for event in self.events if event["event"] == "script.output")


@dataclass(frozen=True)
class Answer:
    """What a running app answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


@dataclass(frozen=True)
class RunningApp:
    """An app that listens."""

    port: int
    process: subprocess.Popen[bytes]

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> Answer:
        """One request, redirects not followed, whatever the status is."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers or {})
        opener = urllib.request.build_opener(NoRedirects())
        try:
            with opener.open(asked, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as answer:
            return Answer(answer.code, dict(answer.headers), answer.read())


@dataclass(frozen=True)
class Installation:
    """The command with a state and caches of its own; stacks are shared, since making one takes minutes."""

    place: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        own = {"STAGEWRIGHT_STATE": str(self.place / "state"), "STAGEWRIGHT_CACHE": str(self.place / "cache")}
        return {**os.environ, "STAGEWRIGHT_STACKS": str(shared_stacks()), "NO_COLOR": "1", **own, **self.env, **more}

    def __call__(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        wrap: tuple[str, ...] = (),
        timeout: float = 500,
        **env: str,
    ) -> Ended:
        """Run ``stagewright ARGUMENTS…`` to its end. ``wrap`` comes before it, as in ``("unshare", "-n")``."""
        ended = subprocess.run(
            [*wrap, str(COMMAND), *map(str, arguments)],
            cwd=cwd or self.place,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace"))

    def stage(self, app: Path, *arguments: str | Path, **options: Any) -> tuple[Path, Ended]:
        """Stage ``app``, which must work; the droplet, and how it ended (with events)."""
        droplet = self.place / f"droplet-{time.monotonic_ns()}.tgz"
        ended = self("stage", app, "--droplet", droplet, "--json", *arguments, **options)
        assert ended.code == 0, f"stage ended with {ended.code}\n{ended.out[-4000:]}\n{ended.err[-2000:]}"
        return droplet, ended

    @contextmanager
    def running(self, what: Path | str, *arguments: str, path: str = "/", wait: float = 60) -> Iterator[RunningApp]:
        """``stagewright run`` until the app answers at ``path``; stopped as Ctrl-C would, which must end it cleanly."""
        port = free_port()
        log = self.place / f"run-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(COMMAND), "run", str(what), "--port", str(port), *arguments],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.place,
            )
        app = RunningApp(port, process)
        try:
            end = time.monotonic() + wait
            while True:
                assert process.poll() is None, (
                    f"the app ended with {process.returncode}\n{log.read_text('utf-8', 'replace')}"
                )
                assert time.monotonic() < end, f"the app did not answer\n{log.read_text('utf-8', 'replace')}"
                try:
                    app.get(path)
                    break
                except (urllib.error.URLError, ConnectionError, TimeoutError):
                    time.sleep(0.1)
            yield app
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def shared_stacks() -> Path:
    """Where `make test` has made the stack: the default place, or where STAGEWRIGHT_STACKS says."""
    given = os.environ.get("STAGEWRIGHT_STACKS")
    if given:
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(os.environ.get("STAGEWRIGHT_STATE") or f"{state}/stagewright") / "stacks"


@pytest.fixture(scope="session")
def stagewright(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation for all end-to-end tests of a session: caches of buildpacks are shared between them, as a person's are."""
    place = tmp_path_factory.mktemp("installation")
    yield Installation(place)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def fresh(tmp_path: Path) -> Installation:
    """An installation that nobody used yet."""
    return Installation(tmp_path)


Stage = Callable[..., tuple[Path, Ended]]
Running = Callable[..., AbstractContextManager[RunningApp]]


@pytest.fixture
def stage(stagewright: Installation) -> Stage:
    """``stage(app, *flags)`` → the droplet, and how it ended."""
    return stagewright.stage


@pytest.fixture
def running(stagewright: Installation) -> Running:
    """``with running(droplet) as app: app.get("/")``."""
    return stagewright.running
