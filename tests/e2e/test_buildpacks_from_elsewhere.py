"""Buildpacks that are fetched: the installed command shows and stages them, again without a network, and tells no password."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.conftest import Ended, Installation
from tests.e2e.shell_buildpacks import serving, write_app
from tests.made_repositories import Repository
from tests.source_server import Answer, SourceServer, source_server

PASSWORD = "c4n4ry+p/w:x'y"
RAW = PASSWORD.encode()
FORMS = (
    RAW,
    quote(PASSWORD, safe="").encode(),
    quote(PASSWORD).encode(),
    base64.b64encode(RAW),
    base64.b64encode(b"me:" + RAW),
    PASSWORD.replace("'", "'\\''").encode(),
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SourceServer]:
    with source_server() as running:
        running.repositories = tmp_path / "served"
        running.credentials = f"me:{PASSWORD}"
        yield running


def require_untold(ended: Ended, place: Path) -> None:
    """The password is in no output and in no file that the command left."""
    for form in FORMS:
        assert form not in (ended.out + ended.err).encode()
        for path in place.rglob("*"):
            if path.is_file() and not path.is_symlink() and "served" not in path.parts:
                assert form not in path.read_bytes(), (form, path)


def test_a_private_repository_is_staged_and_then_its_commit_without_a_network(
    tmp_path: Path, fresh: Installation, server: SourceServer
) -> None:
    repository = Repository(serving(tmp_path / "served" / "my-bp", finalize="echo finalized by $(basename $0)"))
    commit = repository.commit("Begin")
    app = write_app(tmp_path / "app")
    url = f"http://me:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/my-bp/.git"
    _, ended = fresh.stage(app, "-b", f"{url}#main")
    assert "finalized by finalize" in ended.script_lines()
    require_untold(ended, fresh.place)
    shutil.rmtree(tmp_path / "served")
    server.credentials = "nobody:comes-in"
    server.asked.clear()
    _, ended = fresh.stage(app, "-b", f"{url}#{commit}")
    assert "finalized by finalize" in ended.script_lines()
    assert server.asked == []
    unpinned = fresh("stage", app, "-b", f"{url}#main", "--json", "-d", tmp_path / "never.tgz")
    assert unpinned.code == 2
    require_untold(unpinned, fresh.place)


def test_what_is_shown_of_each_form(tmp_path: Path, fresh: Installation, server: SourceServer) -> None:
    server.credentials = None
    directory = serving(tmp_path / "served" / "my-bp")
    repository = Repository(directory)
    commit = repository.commit("Begin")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", directory))
    server.answers["/my-bp-v1.0.zip"] = Answer(packed.read_bytes())
    shown = {
        name: fresh("buildpack", "show", reference, "--json").result
        for name, reference in {
            "directory": str(directory),
            "file": str(packed),
            "url": f"{server.url}/my-bp-v1.0.zip",
            "git": f"{server.url}/my-bp/.git#main",
        }.items()
    }
    assert shown["git"]["origin"]["commit"] == shown["directory"]["origin"]["commit"] == commit
    assert shown["directory"]["origin"]["dirty"] is False
    assert shown["url"]["origin"]["digest"] == shown["file"]["origin"]["digest"]
    assert {name: one["name"] for name, one in shown.items()} == {
        "directory": "my-bp", "file": "packed", "url": "my-bp", "git": "my-bp"
    }  # fmt: skip
    assert len({tuple(one["scripts"]) for one in shown.values()}) == 1


def test_a_manifest_of_a_stranger_gets_no_file_of_this_machine(tmp_path: Path, fresh: Installation) -> None:
    repository = Repository(serving(tmp_path / "private"))
    repository.commit("Begin")
    app = write_app(tmp_path / "app")
    (app / "manifest.yml").write_text(f"applications: [{{name: shop, buildpacks: ['file://{tmp_path}/private']}}]\n")
    ended = fresh("stage", app, "-d", tmp_path / "never.tgz")
    assert ended.code == 3 and "--buildpack" in ended.out + ended.err
