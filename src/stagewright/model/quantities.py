"""Sizes and durations as people write them: ``512M``, ``1G``, ``90s``, ``15m``."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_size(text: str) -> int:
    """Bytes in ``text``; units are powers of 1024, as Cloud Foundry reads ``memory: 512M``. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size; write it like 512M or 1G")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def parse_duration(text: str) -> float:
    """Seconds in ``text``: a bare number, or parts such as ``1h30m``, ``15m``, ``90s``. Raises ValueError."""
    stripped = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", stripped):
        return float(stripped)
    parts = _DURATION_PART.findall(stripped)
    if not parts or "".join(number + unit for number, unit in parts) != stripped:
        raise ValueError(f"{text!r} is not a duration; write it like 90s, 15m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def show_size(size: int) -> str:
    """``size`` bytes for a person: three figures and a unit."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    units = iter(("KB", "MB", "GB", "TB"))
    unit = "B"
    while amount >= 999.5:
        amount /= 1024
        unit = next(units)
    return f"{amount:.1f} {unit}" if amount < 99.95 else f"{amount:.0f} {unit}"


def show_duration(seconds: float) -> str:
    """``seconds`` for a person: 8 ms, 1.3 s, 2 m 05 s."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02d} s"
