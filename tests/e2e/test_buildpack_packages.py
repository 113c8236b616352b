"""``buildpack package`` and ``buildpack validate`` as a person runs them; what was packaged stages an app."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, Installation
from tests.e2e.shell_buildpacks import write_app
from tests.manifest_buildpacks import Shelf, dependency, serving_shelf, sha256, write_source


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving_shelf() as shelf:
        yield shelf


SUPPLY = """
version=$(sed -n 's/.*version: //p' "$(dirname "$0")/../manifest.yml")
file=$(sed -n 's/.*file: //p' "$(dirname "$0")/../manifest.yml")
echo "installing $version on $CF_STACK from $(cat "$(dirname "$0")/../$file"), built by $(cat "$(dirname "$0")/../lib/who")"
"""
BUILD = '#!/bin/bash\nmkdir lib\nid -un > lib/who\necho "building in $PWD"\ntouch /etc/was-here && exit 9\nexit 0\n'


def test_what_was_packaged_stages_an_app(tmp_path: Path, stagewright: Installation, shelf: Shelf) -> None:
    entry = dependency("tool", "3.10", shelf.put("/tool", b"the shelf"), b"the shelf")
    text = f"language: small\npre_package: ./build.sh\ndependencies:\n{entry}"
    source = write_source(tmp_path / "source", text, supply=SUPPLY)
    (source / "build.sh").write_text(BUILD)
    (source / "build.sh").chmod(0o755)
    ended = stagewright("buildpack", "package", source, "--cached", "--output", tmp_path)
    assert ended.code == 0, ended.out + ended.err
    package = tmp_path / "small_buildpack-cached-debian12-v1.2.3.zip"
    assert "building in /home/vcap/app" in ended.out
    assert str(package) in ended.out and sha256(package.read_bytes()) in ended.out
    validated = stagewright("buildpack", "validate", package)
    assert validated.code == 0, validated.out
    _, staged = stagewright.stage(write_app(tmp_path / "app"), "--buildpack", package)
    assert "installing 3.10 on debian12 from the shelf, built by vcap" in staged.script_lines()


def test_validate_tells_a_person_and_a_program(tmp_path: Path, fresh: Installation) -> None:
    source = write_source(tmp_path / "source", "language: small\ninclude_files: [lib/missing]\n")
    said = fresh("buildpack", "validate", source)
    assert said.code == 11
    assert "lib/missing is not there" in said.out and "1 errors" in said.out
    result = fresh("buildpack", "validate", source, "--json")
    assert result.code == 11
    assert result.result["errors"] == 1
    assert {"weight", "where", "says"} == set(result.result["findings"][0])
    (source / "manifest.yml").write_text("language: small\n")
    (source / "VERSION").unlink()
    warned = fresh("buildpack", "validate", source)
    assert warned.code == 0 and "warning" in warned.out


def test_package_tells_a_program(tmp_path: Path, fresh: Installation) -> None:
    source = write_source(tmp_path / "source", "language: small\n")
    said = fresh("buildpack", "package", source, "--any-stack", "--json")
    assert said.code == 0, said.out
    package = fresh.place / "small_buildpack-v1.2.3.zip"
    assert said.result["event"] == "buildpack.packaged"
    assert said.result["sha256"] == sha256(package.read_bytes())
    assert said.result["stack"] is None and said.result["size"] == package.stat().st_size
    with zipfile.ZipFile(package) as archive:
        assert "bin/supply" in archive.namelist()


def test_mistakes_say_what_to_do(tmp_path: Path, fresh: Installation) -> None:
    source = write_source(tmp_path / "source", "language: small\n")
    nothing = fresh("buildpack", "package", source)
    assert nothing.code == 2 and "--stack" in nothing.err
    (source / "manifest.yml").write_text("language: small\ndependencies: [{name: a}, {}]\n")
    bad = fresh("buildpack", "package", source, "--any-stack")
    assert bad.code == 11
    assert "line 2, dependencies[0] (a): sha256 is missing" in bad.err and "try:" in bad.err
    assert "Traceback" not in bad.err + nothing.err


def interrupted(fresh: Installation, begun: Callable[[str], bool], *arguments: str | Path) -> str:
    """Package until ``begun`` says so of the output, then Ctrl-C; the output. Nothing may be left of it."""
    log = fresh.place / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, "buildpack", "package", *arguments],
            env=fresh.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=fresh.place,
        )
        end = time.monotonic() + 30
        while not begun(log.read_text()):
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130, log.read_text()
    assert "Traceback" not in log.read_text()
    assert list((fresh.place / "cache/builds").iterdir()) == []
    assert list(fresh.place.glob("*.zip")) == []
    return log.read_text()


def test_ctrl_c_ends_pre_package(tmp_path: Path, fresh: Installation) -> None:
    source = write_source(tmp_path / "source", "language: small\npre_package: ./build.sh\n")
    (source / "build.sh").write_text("#!/bin/bash\necho begun\nsleep 300\n")
    (source / "build.sh").chmod(0o755)
    interrupted(fresh, lambda said: "begun" in said, source, "--any-stack", "--sandbox", "none")


def test_ctrl_c_ends_a_download(tmp_path: Path, fresh: Installation) -> None:
    kept = fresh.place / "cache/dependencies"
    with socket.create_server(("127.0.0.1", 0)) as server:
        entry = dependency("slow", "1.0.0", f"http://127.0.0.1:{server.getsockname()[1]}/slow", b"never")
        source = write_source(tmp_path / "source", f"language: small\ndependencies:\n{entry}")
        answering = threading.Thread(target=_answer_a_little, args=(server,))
        answering.start()

        def begun(said: str) -> bool:
            return kept.exists() and any(path.stat().st_size for path in kept.iterdir())

        interrupted(fresh, begun, source, "--cached")
        answering.join()
    assert list(kept.iterdir()) == []


def _answer_a_little(server: socket.socket) -> None:
    """Promise much, send a part, and wait until the other side has gone."""
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 600_000)
        with contextlib.suppress(OSError):
            while connection.recv(4096):
                pass
