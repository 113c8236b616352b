"""The clients themselves read what trust writes: pip, uv, npm and apt, each where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from stagewright.model.settings import Trust
from stagewright.settings.trust import gather


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    home = tmp_path / "home"
    files = {
        ".config/pip/pip.conf": "[global]\nindex-url = https://ada:secret@corp/simple\nextra-index-url =\n  https://a/x\n  https://b/x\n",
        ".npmrc": "registry=https://ada:secret@corp/npm/\n@team:registry=https://team/\n//corp/npm/:_authToken=secret\n",
    }
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
    apt = tmp_path / "system/etc/apt/apt.conf.d"
    apt.mkdir(parents=True)
    (apt / "90proxy").write_text('Acquire { http { Proxy "http://ada:secret@proxy:3128"; }; Retries "5"; };')
    sources = tmp_path / "operator.list"
    sources.write_text("deb [arch=amd64] http://ada:secret@corp/debian bookworm main # secret\n")
    return gather({"HOME": str(home)}, system=tmp_path / "system", apt_sources=sources)


@pytest.fixture
def environment(trust: Trust, tmp_path: Path) -> dict[str, str]:
    """As a build has it, with /trust in a directory of this test."""
    here = tmp_path / "root"
    for place, content in trust.files.items():
        file = here / str(place)[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.replace(b"/trust/", f"{here}/trust/".encode()))
    moved = {name: value.replace("/trust/", f"{here}/trust/") for name, value in trust.environment.items()}
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "nobody"), **moved}


def said(argv: list[str], environment: dict[str, str], cwd: Path) -> str:
    try:
        ended = subprocess.run(argv, env=environment, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"{argv[0]} is not installed here")
    assert ended.returncode == 0, ended.stderr
    assert "secret" not in ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_pip(environment: dict[str, str], tmp_path: Path) -> None:
    listed = said([sys.executable, "-m", "pip", "config", "list"], environment, tmp_path)
    assert "global.index-url='\\nhttps://corp/simple'" in listed
    assert "global.extra-index-url='\\nhttps://a/x\\nhttps://b/x'" in listed


def test_uv_and_the_apps_own_settings(environment: dict[str, str], tmp_path: Path) -> None:
    """What pip was told holds for uv, and an index of the app itself is asked before it."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\n[[tool.uv.index]]\nurl = "https://app.example/simple"\n'
    )
    uv = Path(sys.executable).with_name("uv")
    shown = said([str(uv), "pip", "install", "--dry-run", "--show-settings", "x"], environment, app)
    order = [
        shown.index(host)
        for host in ("https://app.example/simple", "https://a/x", "https://b/x", "https://corp/simple")
    ]
    assert order == sorted(order)


def test_npm(environment: dict[str, str], tmp_path: Path) -> None:
    assert said(["npm", "config", "get", "registry"], environment, tmp_path).strip() == "https://corp/npm/"
    assert said(["npm", "config", "get", "@team:registry"], environment, tmp_path).strip() == "https://team/"


def test_apt(environment: dict[str, str], tmp_path: Path, trust: Trust) -> None:
    shown = said(["apt-config", "dump"], environment, tmp_path)
    assert 'Acquire::http::Proxy "http://proxy:3128";' in shown
    assert 'Acquire::Retries "5";' in shown
    assert trust.files[PurePosixPath("/trust/apt.list")] == b"deb [arch=amd64] http://corp/debian bookworm main \n"
    (tmp_path / "lists/partial").mkdir(parents=True)
    update = ["apt-get", "update", "--print-uris", "-o", f"Dir::State::Lists={tmp_path}/lists"]
    uris = said(update, environment, tmp_path).split()
    hosts = {uri.strip("'").split("/")[2] for uri in uris if "://" in uri}
    assert hosts == {"corp"}, "the operator's sources and no others"
