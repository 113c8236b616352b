from __future__ import annotations

from pathlib import Path


def detect(build: Path) -> str | None:
    return "apt" if (build / "Aptfile").is_file() else None
