"""What a script writes: lines made whole across chunks, secrets masked, the last lines kept for the error."""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, quote_plus, urlsplit

from stagewright.model.containers import Stream

_SECRET_NAME = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|PRIVATE|SALT|DSN|COOKIE|SIGNATURE|LICENSE", re.I)
_RANDOM_LOOKING = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_.~-]{16,}")
_SHORTEST = 4
_LONGEST_LINE = 64 << 10
MASK = "[redacted]"
_BACKSLASHED = re.compile(r"[^\w@%+=:./~#-]")
"""What bash's ``printf %q`` writes with a backslash, in a text without control characters."""


def secret_values(env: Mapping[str, str], *, guess: bool = True) -> frozenset[str]:
    """The values of ``env`` that must not be shown: by name, by credentials in a URL, or (``guess``) because they look random.

    Who also has the platform's variables in ``env`` does not guess: paths look random, too.
    """
    found: set[str] = set()
    for name, value in env.items():
        if len(value) < _SHORTEST:
            continue
        if _SECRET_NAME.search(name) or (guess and _RANDOM_LOOKING.fullmatch(value)):
            found.add(value)
        found.update(_credentials_in(value))
    return frozenset(found)


def _credentials_in(value: str) -> Iterable[str]:
    if "://" not in value or "@" not in value:
        return ()
    try:
        password = urlsplit(value).password
    except ValueError:
        return (value,)
    return (password, value) if password and len(password) >= _SHORTEST else (value,)


_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement, clearing
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles, links, the clipboard
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"  # the other escapes
)


def without_sequences(text: str) -> str:
    """``text`` without what a terminal would take for commands."""
    return _SEQUENCES.sub("", text) if "\x1b" in text else text


class Masker:
    """Replaces secrets in text, in plain, shell-quoted, JSON, base64 and URL-encoded form."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self.longest = max((len(form) for form in forms), default=0)
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern is not None else text


def _forms(secret: str) -> Iterable[str]:
    lines = [line for line in secret.splitlines() if len(line) >= _SHORTEST] if "\n" in secret else [secret]
    for line in lines:
        yield line
        yield line.replace("'", "'\"'\"'")
        yield line.replace("'", "'\\''")
        yield _BACKSLASHED.sub(r"\\\g<0>", line)
        yield json.dumps(line)[1:-1]
        yield quote(line, safe="")
        yield quote_plus(line)
    raw = secret.encode("utf-8", "surrogateescape")
    for start in range(3):
        # Base64 of a longer text that holds the secret: its whole groups of three bytes, wherever they begin.
        whole = raw[start : start + (len(raw) - start) // 3 * 3]
        if len(whole) >= 6:
            yield base64.b64encode(whole).decode()
            yield base64.urlsafe_b64encode(whole).decode()


class ScriptLines:
    """Takes chunks of two streams, gives whole masked lines.

    A line longer than 64 KiB is given in parts; the border between parts never splits a secret. Of a line that a
    program redrew with
    carriage returns the last state is given.
    """

    def __init__(self, masker: Masker, give: Callable[[Stream, str], None], keep: int = 12) -> None:
        self._masker = masker
        self._give = give
        self._open: dict[Stream, bytes] = dict.fromkeys(Stream, b"")
        self.tail: deque[str] = deque(maxlen=keep)

    def feed(self, stream: Stream, chunk: bytes) -> None:
        *whole, rest = (self._open[stream] + chunk).split(b"\n")
        for line in whole:
            self._line(stream, line)
        if len(rest) > _LONGEST_LINE:
            rest = self._part(stream, rest)
        self._open[stream] = rest

    def finish(self) -> None:
        """Give what has no line end."""
        for stream, rest in self._open.items():
            if rest:
                self._line(stream, rest)
            self._open[stream] = b""

    def _part(self, stream: Stream, rest: bytes) -> bytes:
        masked = self._masker(rest.decode("utf-8", "replace"))
        # What is held back is long enough to hold all of a secret but its last character.
        held = masked[-max(self._masker.longest, 1) :]
        self._show(stream, masked[: len(masked) - len(held)])
        return held.encode()

    def _line(self, stream: Stream, line: bytes) -> None:
        # Sequences go first: a colour in the midst of a secret would hide it from the masker and from nobody else.
        text = self._masker(without_sequences(line.decode("utf-8", "replace"))).rstrip("\r")
        self._show(stream, text.rpartition("\r")[2])

    def _show(self, stream: Stream, text: str) -> None:
        self.tail.append(text)
        self._give(stream, text)
