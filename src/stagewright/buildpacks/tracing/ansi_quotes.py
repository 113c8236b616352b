"""Secrets in what bash quoted, where no mask would know them.

xtrace writes control characters and the like as ``$'…'``, and what ``[[ … ]]`` compares with backslashes: ``[[ x == \\a\\b ]]``.
"""

from __future__ import annotations

import re

from stagewright.model.trace import Mask

_QUOTED = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|(.))", re.DOTALL)
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def masked_through_quotes(text: str, mask: Mask) -> str:
    """``text`` masked, as it stands, with each ``$'…'`` read as what it means, and without backslashes (bash(1), "Quoting")."""
    if "$'" in text:
        text = _QUOTED.sub(lambda found: _masked(found, mask), text)
    text = mask(text)
    if "\\" in text:
        meant = _BACKSLASH.sub(r"\1", text)
        masked = mask(meant)
        return text if masked == meant else masked
    return text


def _masked(found: re.Match[str], mask: Mask) -> str:
    meant = _meaning(found[1])
    masked = mask(meant)
    return found[0] if masked == meant else f"'{masked}'"


def _meaning(quoted: str) -> str:
    """Escapes stand for bytes: those of one character may be several."""
    parts: list[bytes] = []
    at = 0
    for escape in _ESCAPE.finditer(quoted):
        parts.append(quoted[at : escape.start()].encode("utf-8", "replace"))
        octal, hexadecimal, character, letter = escape.groups()
        if octal or hexadecimal:
            parts.append(bytes([int(octal, 8) & 0xFF if octal else int(hexadecimal, 16)]))
        else:
            meant = chr(int(character, 16)) if character else _LETTERS.get(letter, letter)
            parts.append(meant.encode("utf-8", "replace"))
        at = escape.end()
    parts.append(quoted[at:].encode("utf-8", "replace"))
    return b"".join(parts).decode("utf-8", "replace")
