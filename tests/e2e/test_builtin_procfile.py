"""An app that brings all it needs, and says by a Procfile how it is started."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Running, Stage
from tests.e2e.shell_buildpacks import write_app, write_buildpack

SERVER = """\
import http.server, os, sys


class Saying(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(" ".join(sys.argv[1:]).encode())


http.server.HTTPServer(("", int(os.environ["PORT"])), Saying).serve_forever()
"""


def test_each_process_of_the_procfile_can_be_run(tmp_path: Path, stage: Stage, running: Running) -> None:
    app = write_app(
        tmp_path / "app",
        server__py=SERVER,
        Procfile="web: python3 server.py the web\nadmin: python3 server.py the admin\n",
    )
    (app / "index.html").unlink()
    droplet, ended = stage(app)
    assert "Processes of the Procfile: web, admin" in ended.script_lines()
    with running(droplet) as web:
        assert web.get("/").text == "the web"
    with running(droplet, "--process", "admin") as admin:
        assert admin.get("/").text == "the admin"


def test_what_an_earlier_buildpack_supplied_reaches_the_app(tmp_path: Path, stage: Stage, running: Running) -> None:
    supply = """
mkdir -p "$3/$4/bin"
printf '#!/bin/sh\\nexec python3 server.py a tool\\n' > "$3/$4/bin/tool"
chmod +x "$3/$4/bin/tool"
"""
    tool = write_buildpack(tmp_path / "tool", supply=supply)
    app = write_app(tmp_path / "app", server__py=SERVER, Procfile="web: tool\n")
    droplet, _ = stage(app, "--buildpack", tool, "--buildpack", "procfile")
    with running(droplet) as web:
        assert web.get("/").text == "a tool"
