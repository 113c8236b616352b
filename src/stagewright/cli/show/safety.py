"""What a buildpack wrote cannot take over the terminal that shows it."""

from __future__ import annotations

import re
import unicodedata

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement, clearing
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles, links, the clipboard
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"  # the other escapes
)


def harmless(text: str) -> str:
    """``text`` without terminal sequences, and with what is left of controls and direction marks made visible."""
    without = _SEQUENCES.sub("", text) if "\x1b" in text else text
    if without.isprintable():
        return without
    return "".join(character if _is_shown(character) else _visible(character) for character in without)


def _is_shown(character: str) -> bool:
    return character == "\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _visible(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"
