"""Values as Go's strconv and time read and write them: ``t`` is a boolean, ``0x10`` a number, ``1h2m`` a duration."""

from __future__ import annotations

import re

NANOSECONDS = 1_000_000_000
"""In a second. Go counts a duration in whole nanoseconds."""
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_INTEGER = re.compile(
    r"([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[bB]((?:_?[01])+)|0[oO]?((?:_?[0-7])+)|([1-9](?:_?[0-9])*|0))"
)
_BASES = (16, 2, 8, 10)
_DIGITS = re.compile(r"[+-]?[0-9]+")
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_UNITS = {
    "ns": 1,
    **dict.fromkeys(("us", "\u00b5s", "\u03bcs"), 1_000),
    "ms": 1_000_000,
    "s": NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3600 * NANOSECONDS,
}
_MOST_DIGITS = 300
_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}


class NotAValue(ValueError):
    """A text is not such a value; the message is Go's."""


def parse_boolean(text: str) -> bool:
    """strconv.ParseBool. Raises NotAValue."""
    if text not in _BOOLEANS:
        raise NotAValue("parse error")
    return _BOOLEANS[text]


def parse_integer(text: str) -> int:
    """strconv.ParseInt with base 0 and 64 bits: ``0x10``, ``0b1``, ``0o7``, ``010``, ``1_000``. Raises NotAValue."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise NotAValue("parse error")
    digits, base = next((part, base) for part, base in zip(match.groups()[1:], _BASES, strict=True) if part)
    bare = digits.replace("_", "").lstrip("0")
    return _in_64_bits(int(match[1] + (bare or "0"), base)) if len(bare) < _MOST_DIGITS else _in_64_bits(1 << 64)


def parse_decimal(text: str) -> int | None:
    """strconv.Atoi: decimal digits and a sign; None for everything else and for what needs more than 64 bits."""
    if not _DIGITS.fullmatch(text) or len(text) > _MOST_DIGITS:
        return None
    number = int(text)
    return number if -(1 << 63) <= number < 1 << 63 else None


def _in_64_bits(number: int) -> int:
    if not -(1 << 63) <= number < 1 << 63:
        raise NotAValue("value out of range")
    return number


def parse_duration(text: str) -> float:
    """time.ParseDuration, in seconds: ``1s``, ``1.5h``, ``300ms``, ``-1h2m``; only ``0`` needs no unit. Raises NotAValue."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    total, at = 0, 0
    while at < len(rest):
        part = _DURATION_PART.match(rest, at)
        if part is None or not (part[1] or part[2]) or len(part[0]) > _MOST_DIGITS:
            raise NotAValue("parse error")
        fraction = part[2] or ""
        total += int(part[1] + fraction or "0") * _UNITS[part[3]] // 10 ** len(fraction)
        at = part.end()
    if not rest or total > (1 << 63) - (sign > 0):
        raise NotAValue("parse error")
    return sign * total / NANOSECONDS


def quoted(text: str) -> str:
    """``text`` in double quotes as ``%q`` writes it: nothing in it can move a terminal's cursor."""
    return '"' + "".join(_ESCAPES.get(each) or (each if each.isprintable() else _escape(each)) for each in text) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python carries it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
