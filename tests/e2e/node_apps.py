"""Node.js apps for end-to-end tests, and what their droplets hold."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from tests.e2e.conftest import APPS, ROOT, RunningApp

NODEJS = ("--buildpack", "nodejs", "--name", "node-e2e")
BUILDPACK = ROOT / "src" / "stagewright" / "builtins" / "nodejs"


def write_package(app: Path, **changes: Any) -> Path:
    """Change members of the app's package.json; None removes one."""
    file = app / "package.json"
    content = json.loads(file.read_text()) if file.is_file() else {}
    content.update(changes)
    app.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}, indent=2))
    return app


def copy_of(name: str, place: Path, **changes: Any) -> Path:
    shutil.copytree(APPS / name, place)
    return write_package(place, **changes)


def asked(app: RunningApp, path: str = "/") -> Any:
    return json.loads(app.get(path).text)


def from_droplet(droplet: Path, name: str) -> bytes:
    with tarfile.open(droplet) as tar:
        member = tar.extractfile(f"./{name}")
        assert member is not None
        return member.read()


def names_in(droplet: Path) -> list[str]:
    with tarfile.open(droplet) as tar:
        return tar.getnames()


def no_file_names(droplet: Path, *paths: bytes) -> None:
    """No file of the droplet and no link in it holds any of the paths."""
    with tarfile.open(droplet) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            content = file.read() if file is not None else member.linkname.encode()
            assert not any(path in content for path in paths), member.name
