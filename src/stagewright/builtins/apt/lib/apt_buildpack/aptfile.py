"""The Aptfile: what a person writes, and clear words for what is not understood.

# a comment
graphviz                                        a package
libpq-dev=15.6-0+deb12u1                        in one version
curl/bookworm-backports                         from one suite of the stack's sources
https://example.com/tool_1.0_amd64.deb sha256=0a1b…     a file, with the digest that it must have
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from buildpack import BuildpackError
from cache import without_credentials

NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
PIN = re.compile(r"=[A-Za-z0-9.+:~-]+|/[A-Za-z0-9.~-]+")
DIGEST = re.compile(r"sha256[=:]([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Download:
    """A .deb of a URL. ``sha256`` is lower-case hexadecimal, None where the Aptfile gives none."""

    url: str
    sha256: str | None = None

    @property
    def file(self) -> str:
        return re.sub(r"[^A-Za-z0-9.+~_-]", "_", self.url.partition("?")[0].rpartition("/")[2])

    @property
    def shown(self) -> str:
        return without_credentials(self.url)


@dataclass(frozen=True)
class Aptfile:
    """``names`` as apt reads them: ``name``, ``name=version`` or ``name/suite``."""

    names: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()

    def names_python(self) -> bool:
        """Whether a package of Python modules is asked for by name."""
        return any(name.startswith("python3-") for name in self.names)


def parse_aptfile(text: str) -> Aptfile:
    """Raises ``BuildpackError`` with every line that is not understood."""
    names: list[str] = []
    downloads: list[Download] = []
    troubles: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        try:
            if line.startswith((":", "-")):
                raise _Misunderstood(_refusal(line))
            _read_words(line.split(), names, downloads)
        except _Misunderstood as trouble:
            troubles.append(f"line {number}: {trouble}")
    if troubles:
        raise BuildpackError("The Aptfile cannot be read:\n" + "\n".join(troubles))
    return Aptfile(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(downloads)))


def read_aptfile(build: Path) -> Aptfile:
    file = build / "Aptfile"
    if not file.is_file():
        other = "apt.yml is not read; write" if (build / "apt.yml").is_file() else "Add"
        raise BuildpackError(
            "The app has no Aptfile.", f"{other} an Aptfile with the name of a Debian package on each line."
        )
    return parse_aptfile(file.read_text(encoding="utf-8-sig", errors="replace"))


class _Misunderstood(Exception):
    pass


def _read_words(words: list[str], names: list[str], downloads: list[Download]) -> None:
    for word in words:
        digest = DIGEST.fullmatch(word)
        if digest and downloads and downloads[-1].url in words:
            downloads[-1] = Download(downloads[-1].url, digest[1].lower())
        elif digest:
            raise _Misunderstood("a digest follows the URL of its .deb, on the same line")
        elif "://" in word:
            downloads.append(_download(word, [other for other in words if DIGEST.fullmatch(other)]))
        else:
            names.append(_package(word))


def _download(word: str, digests: list[str]) -> Download:
    url, _, fragment = word.partition("#")
    shown = without_credentials(url)
    digest = DIGEST.fullmatch(fragment)
    if fragment and not digest:
        raise _Misunderstood(f"{shown}#{fragment}: after # comes sha256= and 64 hexadecimal digits")
    if not url.partition("?")[0].endswith(".deb"):
        raise _Misunderstood(f"{shown} is not the address of a .deb file")
    if url.startswith("http://") and not digest and not digests:
        raise _Misunderstood(f"{shown}: a file over plain http needs its digest: add sha256=…")
    if not url.startswith(("http://", "https://")):
        raise _Misunderstood(f"{shown} is neither https nor http")
    return Download(url, digest[1].lower() if digest else None)


def _package(word: str) -> str:
    name = NAME.match(word)
    rest = word[name.end() :] if name else word
    if name and (not rest or PIN.fullmatch(rest)):
        if name[0].endswith("-"):
            raise _Misunderstood(f"{word} would tell apt to remove a package, which nothing here can")
        return word
    if word.lower() != word and NAME.fullmatch(word.lower()):
        raise _Misunderstood(f"{word}: names of packages are lower-case; is it {word.lower()}?")
    if name and rest.startswith(":"):
        raise _Misunderstood(f"{word}: packages of another architecture are not supported")
    if name and rest in ("=", "/"):
        raise _Misunderstood(f"{word}: the version is missing")
    raise _Misunderstood(f"{word!r} is neither the name of a package, nor name=version, nor the URL of a .deb file")


def _refusal(line: str) -> str:
    if line.startswith(":repo:"):
        return (
            ":repo: is not supported: packages come from the signed sources of the stack alone. "
            "Name a .deb by its https URL and sha256 instead, or ask for a stack with that source."
        )
    return f"{line.split()[0]!r}: options of apt and directives are not supported"
