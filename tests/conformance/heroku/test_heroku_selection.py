"""How apps of Heroku's and herokuish's name their buildpacks, and what else reaches these: contracts/heroku.md §4.1, §4.2."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conformance.heroku.conftest import Staged
from tests.conformance.heroku.probes import Seen, heroku
from tests.e2e.conftest import Installation


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app that brings two buildpacks along."""
    for name in ("one", "two"):
        heroku(name).write(tmp_path / "app/packs" / name)
    return tmp_path / "app"


def staged(installation: Installation, app: Path, *flags: str | Path) -> Staged:
    droplet = app.with_name("droplet.tgz")
    return Staged(installation("stage", app, "--droplet", droplet, "--json", *flags), droplet, app)


def compiled(installation: Installation, app: Path, *flags: str | Path) -> list[str]:
    ended = staged(installation, app, *flags)
    assert ended.code == 0, ended.ended.out
    return [one["name"] for one in ended.ended.result["buildpacks"]]


@pytest.mark.clause("HK-50")
def test_buildpack_url_wins_over_the_app_s_files(installation: Installation, app: Path) -> None:
    (app / ".buildpacks").write_text("./packs/two\n")
    flags = ("--env", f"BUILDPACK_URL={app / 'packs/one'}")
    assert compiled(installation, app, *flags) == ["one"]


@pytest.mark.clause("HK-51")
def test_a_list_of_buildpacks_runs_in_its_order(installation: Installation, app: Path) -> None:
    (app / ".buildpacks").write_text("# a comment\n\n./packs/two\n./packs/one\n")
    assert compiled(installation, app) == ["two", "one"]


@pytest.mark.clause("HK-52")
def test_app_json_names_buildpacks_and_config_vars(installation: Installation, app: Path) -> None:
    document = {"buildpacks": [{"url": "./packs/two"}], "env": {"GREETING": "hello", "OTHER": {"value": "x"}}}
    (app / "app.json").write_text(json.dumps(document))
    ended = staged(installation, app, "--env", "OTHER=of the flag")
    seen = Seen(ended.root / "app/.seen/two-compile")
    assert seen.config == {"GREETING": b"hello", "OTHER": b"of the flag"}


@pytest.mark.clause("HK-11")
def test_the_commit_of_the_source_is_told(installation: Installation, app: Path) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *who, *arguments], cwd=app, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "First")
    ended = staged(installation, app, "--buildpack", app / "packs/one")
    assert ended.seen("one", "compile").environment["SOURCE_VERSION"] == git("rev-parse", "HEAD")


@pytest.mark.clause("HK-28")
def test_services_reach_env_dir_alone(installation: Installation, app: Path, tmp_path: Path) -> None:
    service = tmp_path / "service.json"
    uri = "postgres://user:pa55word@localhost:5432/name"
    binding = {"name": "data", "label": "postgresql", "tags": [], "credentials": {"uri": uri}}
    service.write_text(json.dumps({"postgresql": [binding]}))
    ended = staged(installation, app, "--buildpack", app / "packs/one", "--service", service)
    seen = ended.seen("one", "compile")
    assert seen.config is not None
    assert json.loads(seen.config["VCAP_SERVICES"])["postgresql"][0]["credentials"] == {"uri": uri}
    assert seen.config["DATABASE_URL"].startswith(b"postgres")
    assert not {"VCAP_SERVICES", "DATABASE_URL"} & seen.environment.keys()
