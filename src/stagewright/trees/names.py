"""One reversible escape for names of files, which are bytes and need not be UTF-8.

Linux lets a name hold every byte but NUL and ``/``. Wherever such a name is shown or stored it goes through
`escape_name`: what is plain text stays as it is, a backslash is doubled, and every byte that is not UTF-8 or could take
over a terminal or turn a line around is written ``\\xNN``.
"""

from __future__ import annotations

import re

_UNPLAIN = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 control characters
    "\\\\"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # directions: they show another name than there is
    "\u2028\u2029\ufeff"  # line and paragraph separators, byte order mark
    "\udc80-\udcff"  # bytes that are not UTF-8, as surrogateescape hands them over
    "]"
)
_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})?")


def escape_name(raw: bytes) -> str:
    """``raw`` as text without control characters; `unescape_name` gives the same bytes back."""
    return _UNPLAIN.sub(_escaped, raw.decode("utf-8", "surrogateescape"))


def unescape_name(text: str) -> bytes:
    """The bytes that `escape_name` wrote as ``text``. Raises ValueError where a backslash begins no escape."""
    return _ESCAPE.sub(_unescaped, text.encode("utf-8"))


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\\":
        return "\\\\"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _unescaped(match: re.Match[bytes]) -> bytes:
    escape: bytes | None = match[1]
    if escape is None:
        raise ValueError(f"a lone backslash in an escaped name, at byte {match.start()}")
    return b"\\" if escape == b"\\" else bytes([int(escape[1:], 16)])
