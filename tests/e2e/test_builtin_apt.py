"""Debian packages of an Aptfile: for the running app, and for a later buildpack that compiles."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.conftest import Ended, Installation, Running, Stage
from tests.e2e.shell_buildpacks import write_buildpack

NAME = "apt-e2e"

DRAWING = """\
import http.server, os, subprocess


class Drawing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path.strip("/") or "svg"
        drawn = subprocess.run(["dot", "-T" + kind], input=b"digraph { tea -> water }", capture_output=True)
        self.send_response(200 if drawn.returncode == 0 else 500)
        self.end_headers()
        self.wfile.write(drawn.stdout or drawn.stderr)


http.server.HTTPServer(("", int(os.environ["PORT"])), Drawing).serve_forever()
"""

SERVING = """\
import http.server, os, subprocess, sys


class Saying(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = subprocess.run(sys.argv[1:], capture_output=True)
        self.send_response(200 if said.returncode == 0 else 500)
        self.end_headers()
        self.wfile.write(said.stdout + said.stderr)


http.server.HTTPServer(("", int(os.environ["PORT"])), Saying).serve_forever()
"""


LATER = """
below="$3/0"  # as libbuildpack's stager does it for every buildpack that uses it
export PATH="$below/bin:$PATH" LD_LIBRARY_PATH="$below/lib" LIBRARY_PATH="$below/lib" CPATH="$below/include"
export PKG_CONFIG_PATH="$below/pkgconfig"
mkdir -p "$5"
printf 'export LD_LIBRARY_PATH="$DEPS_DIR/0/lib"\\n' > "$5/000_multi-supply.sh"
"""
"""The beginning of a later buildpack's bin/finalize."""


def write_app(root: Path, **files: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)
    return root


@pytest.fixture
def stage(stagewright: Installation) -> Stage:
    """All apps here bear one name and so share one cache: package lists are fetched once, and graphviz."""

    def run(app: Path, *arguments: str | Path) -> tuple[Path, Ended]:
        return stagewright.stage(app, "--name", NAME, *arguments)

    return run


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    return write_app(
        tmp_path / "app", Aptfile="graphviz  # draws\n", Procfile="web: python3 draw.py\n", draw__py=DRAWING
    )


@pytest.mark.slow
def test_a_program_and_its_libraries_reach_the_running_app(drawing: Path, stage: Stage, running: Running) -> None:
    droplet, ended = stage(drawing)
    assert "graphviz 2." in ended.script_lines()
    with running(droplet, path="/dot") as app:
        assert "<title>tea&#45;&gt;water</title>" in app.get("/svg").text
        assert app.get("/png").body.startswith(b"\x89PNG"), "plug-ins and fonts are found"
    with tarfile.open(droplet) as archive:
        for member in archive:
            assert not member.linkname.startswith("/home/vcap")
            file = archive.extractfile(member) if member.isfile() else None
            assert file is None or b"/home/vcap" not in file.read(), member.name


@pytest.mark.slow
def test_the_second_staging_reuses_and_both_are_the_same(drawing: Path, stage: Stage) -> None:
    stage(drawing)
    again = stage(drawing, "--check-reproducible")[1].script_lines()
    assert "Reusing the unpacked packages from the cache" in again


@pytest.mark.slow
def test_a_later_buildpack_compiles_against_a_library(tmp_path: Path, stage: Stage, running: Running) -> None:
    """libyaml comes along for the run; libzstd is on the run root, and only what one compiles with comes along."""
    source = """
#include <stdio.h>
#include <yaml.h>
#include <zstd.h>
int main(void) { printf("yaml %s zstd %u\\n", yaml_get_version_string(), ZSTD_versionNumber() / 10000); return 0; }
"""
    compiler = write_buildpack(
        tmp_path / "compiler",
        finalize=LATER + 'gcc -Wall -Werror -o "$1/say" "$1/say.c" $(pkg-config --cflags --libs yaml-0.1 libzstd)',
        release="echo 'default_process_types: {web: \"python3 serve.py ./say\"}'",
    )
    app = write_app(tmp_path / "app", Aptfile="libyaml-dev\nlibzstd-dev\n", say__c=source, serve__py=SERVING)
    droplet, _ = stage(app, "--buildpack", "apt", "--buildpack", compiler)
    with running(droplet) as saying:
        answer = saying.get("/")
        assert answer.status == 200, answer.text
        assert answer.text.startswith("yaml 0.2.")
        assert answer.text.rstrip().endswith("zstd 1")


def test_what_only_the_build_root_has_comes_along(tmp_path: Path, stage: Stage, running: Running) -> None:
    """The run root decides: make is on the build root alone, curl on both."""
    app = write_app(
        tmp_path / "app", Aptfile="make\ncurl\n", Procfile="web: python3 serve.py make --version\n", serve__py=SERVING
    )
    droplet, ended = stage(app)
    assert "On the stack already: curl" in ended.script_lines()
    with running(droplet) as saying:
        assert saying.get("/").text.startswith("GNU Make")


@pytest.mark.parametrize(
    ("aptfile", "words"),
    [
        (
            "graphvis\nnginx=0.1\nawk\n",
            ("did you mean graphviz?", "nginx: there is no version 0.1; there is 1.", "choose one"),
        ),
        ("curl\n:repo:deb https://example.org stable main\n", ("line 2", ":repo: is not supported")),
    ],
)
def test_mistakes_are_named_with_what_was_perhaps_meant(
    tmp_path: Path, stagewright: Installation, aptfile: str, words: tuple[str, ...]
) -> None:
    app = write_app(tmp_path / "app", Aptfile=aptfile, Procfile="web: true\n")
    ended = stagewright("stage", app, "--name", NAME, "--droplet", tmp_path / "never.tgz")
    assert ended.code == 13, ended.out + ended.err
    for word in words:
        assert word in ended.out + ended.err


# -------------------------------------------------------------------------------------------------------------- a .deb by its URL
@pytest.fixture
def served_deb(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URL of a small package that a server of ours gives, and its SHA-256."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb makes the package")
    root = tmp_path / "deb"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: greet\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: t\nDepends: bash\n"
    )
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/greet").write_text("#!/bin/sh\necho greetings\n")
    (root / "usr/bin/greet").chmod(0o755)
    place = tmp_path / "served"
    place.mkdir()
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, place / "greet_1_all.deb"], check=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(place)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    digest = hashlib.sha256((place / "greet_1_all.deb").read_bytes()).hexdigest()
    yield f"http://127.0.0.1:{server.server_port}/greet_1_all.deb", digest
    server.shutdown()
    server.server_close()


def test_a_deb_by_its_url_and_digest(
    tmp_path: Path, served_deb: tuple[str, str], stage: Stage, running: Running
) -> None:
    url, digest = served_deb
    app = write_app(
        tmp_path / "app",
        Aptfile=f"{url} sha256={digest}\n",
        Procfile="web: python3 serve.py greet\n",
        serve__py=SERVING,
    )
    with running(stage(app)[0]) as saying:
        assert saying.get("/").text == "greetings\n"


def test_a_deb_that_is_not_what_the_aptfile_says(
    tmp_path: Path, served_deb: tuple[str, str], stagewright: Installation
) -> None:
    url, digest = served_deb
    app = write_app(tmp_path / "app", Aptfile=f"{url} sha256={'0' * 64}\n")
    ended = stagewright("stage", app, "--name", NAME, "--droplet", tmp_path / "never.tgz")
    assert ended.code == 13
    assert f"has SHA-256 {digest}, expected {'0' * 64}" in ended.out + ended.err
