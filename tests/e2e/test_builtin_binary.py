"""A program that is ready to run: never recognised, only named; its start command comes from a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Installation, Running, Stage

PROGRAM = """\
#!/usr/bin/env python3
import http.server, os


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ready made")


http.server.HTTPServer(("", int(os.environ["PORT"])), Hello).serve_forever()
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    program = tmp_path / "app" / "bin" / "hello"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return tmp_path / "app"


def test_it_is_not_recognised(app: Path, stagewright: Installation) -> None:
    assert stagewright("stage", app, "--droplet", app.parent / "never.tgz").code == 10


def test_named_with_a_command(app: Path, stage: Stage, running: Running) -> None:
    droplet, ended = stage(app, "--buildpack", "binary", "--command", "./bin/hello")
    assert "Nothing to build" in ended.script_lines()
    with running(droplet) as hello:
        assert hello.get("/").text == "ready made"


def test_named_with_a_procfile(app: Path, stage: Stage, running: Running) -> None:
    (app / "Procfile").write_text("web: ./bin/hello\n")
    with running(stage(app, "--buildpack", "binary")[0]) as hello:
        assert hello.get("/").text == "ready made"


def test_named_without_any_command(app: Path, stagewright: Installation) -> None:
    ended = stagewright("stage", app, "--buildpack", "binary", "--droplet", app.parent / "never.tgz")
    assert ended.code == 16, ended.out + ended.err
    assert "There is no Procfile" in ended.out + ended.err


def test_a_mistake_that_is_seen_from_outside_is_said(app: Path, stage: Stage) -> None:
    (app / "bin" / "hello").chmod(0o644)
    (app / "Procfile").write_text("web: ./bin/hello\n")
    assert "./bin/hello is not executable" in stage(app, "--buildpack", "binary")[1].script_lines()
