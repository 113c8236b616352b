from __future__ import annotations

from pathlib import Path


def detect(build: Path) -> str | None:
    return "procfile" if (build / "Procfile").is_file() else None
