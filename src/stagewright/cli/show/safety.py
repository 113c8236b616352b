"""What a buildpack wrote cannot take over the terminal that shows it."""

from __future__ import annotations

import unicodedata

from stagewright.staging.output import without_sequences


def harmless(text: str) -> str:
    """``text`` without terminal sequences, and with what is left of controls and direction marks made visible."""
    without = without_sequences(text)
    if without.isprintable():
        return without
    return "".join(character if _is_shown(character) else _visible(character) for character in without)


def _is_shown(character: str) -> bool:
    return character == "\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _visible(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"
