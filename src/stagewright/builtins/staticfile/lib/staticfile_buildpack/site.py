"""Which directory is served, and that nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

from buildpack import BuildpackError, fail

PUBLIC = "public"
NOT_SERVED = frozenset(
    ("Staticfile", "Staticfile.auth", "manifest.yml", "manifest.yaml", "Procfile", "Aptfile", "stackato.yml", "nginx")
)
"""At the top of the app, when the app itself is the site."""

HASHED = re.compile(r"\$[0-9a-z]+\$.+|\{(SHA|SSHA|PLAIN)\}.+|[./0-9A-Za-z]{13}|_[./0-9A-Za-z]{19}")
"""Passwords as nginx reads them: crypt(3), {SHA} and {SSHA}; {PLAIN} says that it is none."""


def prepare_site(build: Path, root: str, *, dot_files: bool) -> str:
    """The served directory, as a path below the app.

    An app that is itself the site is moved into ``public``, as Cloud Foundry does it, so that its Staticfile, passwords,
    manifest and hidden files are outside of what is served.
    """
    chosen = root or _usual_root(build)
    place = (build / chosen.strip("/")).resolve()
    if not place.is_relative_to(build.resolve()):
        fail(f"root: {chosen} leads out of the app.")
    if place.is_file():
        fail(f"root: {chosen} is a file, not a directory.")
    if not place.is_dir():
        fail(
            f"root: {chosen} does not exist in the app.",
            "Is it made by a build step that has not run, or left out by .cfignore?",
        )
    if place != build.resolve():
        return place.relative_to(build.resolve()).as_posix()
    _move_into_public(build, dot_files=dot_files)
    return PUBLIC


def _usual_root(build: Path) -> str:
    return PUBLIC if (build / PUBLIC).is_dir() and not (build / "index.html").is_file() else "."


def _move_into_public(build: Path, *, dot_files: bool) -> None:
    waiting = build / ".public-being-made"
    waiting.mkdir()
    for entry in sorted(build.iterdir()):
        hidden = entry.name.startswith(".") and entry.name != ".well-known"
        kept_out = entry.name in (".profile", ".profile.d", ".cloudfoundry", ".git") or (hidden and not dot_files)
        if entry != waiting and entry.name not in NOT_SERVED and not kept_out:
            entry.rename(waiting / entry.name)
    waiting.rename(build / PUBLIC)


def read_passwords(build: Path) -> str | None:
    """The content of Staticfile.auth, each line judged; None where there is none."""
    file = build / "Staticfile.auth"
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    users = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, password = line.rstrip().partition(":")
        if not colon or not user:
            raise BuildpackError(f"Staticfile.auth, line {number}: expected 'user:hash of the password'")
        if not HASHED.fullmatch(password.split(":")[0]):
            raise BuildpackError(
                f"Staticfile.auth, line {number}: the password of {user} is not hashed",
                "Make the line with `htpasswd -nB USER`, or the part after the colon with `openssl passwd -6`.",
            )
        users += 1
    if not users:
        fail(
            "Staticfile.auth names nobody, so nobody could see the site.", "Add a line 'user:hash', or remove the file."
        )
    return text if text.endswith("\n") else text + "\n"
