"""``bin/detect``: an app is ours when it has a package.json."""

from __future__ import annotations

from pathlib import Path

from nodejs_buildpack.package_json import PACKAGE_JSON


def detect(build: Path) -> str | None:
    return "nodejs" if (build / PACKAGE_JSON).is_file() else None
