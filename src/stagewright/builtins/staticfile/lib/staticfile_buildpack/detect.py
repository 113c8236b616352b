from __future__ import annotations

from pathlib import Path


def detect(build: Path) -> str | None:
    """A Staticfile, an index.html, or something in public/."""
    public = build / "public"
    if (build / "Staticfile").is_file() or (build / "index.html").is_file():
        return "staticfile"
    return "staticfile" if public.is_dir() and any(public.iterdir()) else None
