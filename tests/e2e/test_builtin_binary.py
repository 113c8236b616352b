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


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (b"#!/bin/sh\n", 0o644, "bin/hello is not executable"),
        (b"\xcf\xfa\xed\xfe" + bytes(30), 0o755, "a program for macOS"),
        (b"MZ" + bytes(30), 0o755, "a program for Windows"),
        (b"\x7fELF" + bytes(14) + b"\xff\x01" + bytes(30), 0o755, "for another processor"),
        (None, 0o755, "the app has no file bin/hello"),
    ],
)
def test_mistakes_that_are_seen_from_outside(
    app: Path, stage: Stage, content: bytes | None, mode: int, says: str
) -> None:
    program = app / "bin" / "hello"
    if content is None:
        program.unlink()
    else:
        program.write_bytes(content)
        program.chmod(mode)
    (app / "Procfile").write_text("web: exec bin/hello --port $PORT\n")
    assert says in stage(app, "--buildpack", "binary")[1].script_lines()
