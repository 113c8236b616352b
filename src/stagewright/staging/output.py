"""What a script writes: lines made whole across chunks, secrets masked, the last lines kept for the error."""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from stagewright.model.containers import Stream

_SECRET_NAME = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|PRIVATE|SALT|DSN|COOKIE|SIGNATURE|LICENSE", re.I)
_RANDOM_LOOKING = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_.~-]{16,}")
_USERINFO = re.compile(r"://([^/?#\s@]{1,4000}(?:@[^/?#\s@]{1,1000}){0,8})@")
_SECRET_PARAMETER = re.compile(
    r"[?&;][\w.-]{0,100}(?:pass|pwd|secret|token|key|credential|signature)[\w.-]{0,100}=([^&;#\s]{1,4000})", re.I
)
_SHORTEST = 4
_LONGEST_LINE = 64 << 10
MASK = "[redacted]"
_ENCODED_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_PIECE = 8
"""Characters of base64, six bytes, that no text has in common with a secret by chance."""
_PERCENT = re.compile(r"%[0-9A-F]{2}")
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
    """A value with credentials of a URL in it, and each password, token and secret parameter alone, as written and decoded."""
    parts = [match[1] for match in _USERINFO.finditer(value)]
    passwords = [part.partition(":")[2] or part.partition(":")[0] for part in parts]
    secrets = [*passwords, *(match[1] for match in _SECRET_PARAMETER.finditer(value))]
    return (*((value,) if parts else ()), *(each for secret in secrets for each in _decoded(secret)))


def _decoded(secret: str) -> Iterable[str]:
    return {one for one in (secret, unquote(secret), unquote_plus(secret)) if len(one) >= _SHORTEST}


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
    """Replaces secrets in text: plain, quoted by a shell, escaped as in JSON, URL-encoded, and in base64, of which a program may
    have written each line of a long one alone."""

    def __init__(self, secrets: Iterable[str]) -> None:
        secrets = frozenset(secrets)
        forms = {form for secret in secrets for form in _forms(secret)}
        self.longest = min(max((len(form) for form in forms), default=0), _LONGEST_LINE // 2)
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._encoded = "\n".join(whole for secret in secrets for whole in _encoded(secret))

    def __call__(self, text: str) -> str:
        if self._pattern is None:
            return text
        return _ENCODED_RUN.sub(self._run, self._pattern.sub(MASK, text))

    def answer(self, text: str) -> str:
        """``text``, which somebody reads as it is, colours and all; without its sequences only where one hides a secret."""
        bare = without_sequences(text)
        masked = self(bare)
        return masked if masked != bare else text

    def _run(self, match: re.Match[str]) -> str:
        """A line of a base64 text that is broken into lines holds the secret's beginning, its end, or what is between them."""
        run = match[0].rstrip("=")
        inside = run[:_PIECE] in self._encoded or run[-_PIECE:] in self._encoded
        return MASK if inside else match[0]


def _forms(secret: str) -> Iterable[str]:
    lines = [line for line in secret.splitlines() if len(line) >= _SHORTEST] if "\n" in secret else [secret]
    for line in lines:
        yield line
        yield line.replace("'", "'\"'\"'")
        yield line.replace("'", "'\\''")
        yield line.replace("\\", "\\\\").replace("'", "\\'")
        yield _BACKSLASHED.sub(r"\\\g<0>", line)
        yield from _escaped_in_json(line)
        for safe in ("", "/", "!'()*"):
            encoded = quote(line.encode("utf-8", "surrogateescape"), safe=safe)
            yield encoded
            yield _PERCENT.sub(lambda match: match[0].lower(), encoded)
        yield quote_plus(line.encode("utf-8", "surrogateescape"))
    raw = secret.encode("utf-8", "surrogateescape")
    for start in range(3):
        # Base64 of a longer text that holds the secret: its whole groups of three bytes, wherever they begin.
        whole = raw[start : start + (len(raw) - start) // 3 * 3]
        if len(whole) >= 6:
            yield base64.b64encode(whole).decode()
            yield base64.urlsafe_b64encode(whole).decode()


def _escaped_in_json(line: str) -> Iterable[str]:
    """As a JSON string, and as one in a JSON text that is a string itself."""
    for ascii_only in (True, False):
        once = json.dumps(line, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield once.replace("/", "\\/")
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]


def _encoded(secret: str) -> Iterable[str]:
    """The secret in base64 at each of three phases, without the characters that mix with what stands before and behind it."""
    raw = secret.encode("utf-8", "surrogateescape")
    for start in range(3):
        whole = raw[start : start + (len(raw) - start) // 3 * 3]
        if len(whole) >= _PIECE:
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
        masked = self._masker(without_sequences(rest.decode("utf-8", "replace")))
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
