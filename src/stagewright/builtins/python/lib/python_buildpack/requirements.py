"""requirements.txt as pip understands it, made ready for uv; and the line that is to blame when installing fails.

uv reads nearly all that pip does. What it does not is changed in a copy, line by line, so that line numbers stay: editable
version control URLs, options that uv takes on its command line only, options that mean nothing to it, and other encodings.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from buildpack import BuildpackError
from cache import without_credentials

INCLUDE = re.compile(r"^\s*(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(?P<target>[^\s#]+)")
EDITABLE_VCS = re.compile(r"^\s*(?:-e|--editable)(?:\s*=\s*|\s+)(?P<url>(?:git|hg|svn|bzr)\+.*)$")
TRUSTED = re.compile(r"^\s*--trusted-host(?:\s*=\s*|\s+)(?P<host>\S+)")
PRE = re.compile(r"^\s*--pre\s*(#.*)?$")
MEANINGLESS = re.compile(
    r"^\s*--(prefer-binary|use-feature|use-pep517|no-use-pep517|disable-pip-version-check|no-cache-dir)\b"
)
NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")

POSITION = re.compile(r"`(?P<file>[^`\s]+)` at (?:position (?P<offset>\d+)|line (?P<line>\d+))")
ROW = re.compile(r"(?P<file>[^\s:`]+\.(?:txt|in|pip)):(?P<line>\d+):\d+")
PACKAGES = (
    re.compile(r"Because ([A-Za-z0-9][A-Za-z0-9._-]*)\S* was not found"),
    re.compile(r"no versions? of ([A-Za-z0-9][A-Za-z0-9._-]*)"),
    re.compile(r"only (?:the following versions of )?([A-Za-z0-9][A-Za-z0-9._-]*)(?:\{|[<>=!~])"),
    re.compile(r"(?:build|download|download and build|fetch|prepare|resolve|read) `([A-Za-z0-9][A-Za-z0-9._-]*)"),
    re.compile(r"Hash mismatch for `([A-Za-z0-9][A-Za-z0-9._-]*)"),
    re.compile(r"you require ([A-Za-z0-9][A-Za-z0-9._-]*)"),
)
PATHS = re.compile(r"\bfile://([^\s`'\"]+)")

BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Line:
    """One line of the app's requirements, as a person finds it again."""

    file: str
    number: int
    """From 1; 0 where the line was derived from the file and has no number there."""
    text: str

    def __str__(self) -> str:
        place = f"{self.file} line {self.number}" if self.number else self.file
        return f"{place}: {without_credentials(self.text.strip())}"


@dataclass
class Prepared:
    """The copies that uv reads, in ``directory`` at the same relative paths, and the options that go on its command line."""

    directory: Path
    arguments: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """The prepared text of each file, by its path relative to the app."""


def prepare(app: Path, name: str, directory: Path) -> Prepared:
    """Copy ``name`` and all that it includes from the app; raises ``BuildpackError`` that names the line of a missing file."""
    prepared = Prepared(directory)
    _prepare_file(app, name, prepared)
    return prepared


def generated(name: str, lines: list[str], directory: Path) -> Prepared:
    """Requirements that were derived from another file, which ``name`` names in messages."""
    prepared = Prepared(directory, lines=[Line(name, 0, line) for line in lines])
    prepared.texts[name] = "\n".join(lines) + "\n"
    _write(directory / name, prepared.texts[name])
    return prepared


def _prepare_file(app: Path, name: str, prepared: Prepared) -> None:
    if name in prepared.texts:
        return
    prepared.texts[name] = ""  # a file that includes itself ends here
    changed = []
    for number, text in enumerate(read_text(app / name, name).splitlines(), 1):
        line = Line(name, number, text)
        prepared.lines.append(line)
        changed.append(_prepare_line(app, line, prepared))
    prepared.texts[name] = "\n".join(changed) + "\n"
    _write(prepared.directory / name, prepared.texts[name])


def _prepare_line(app: Path, line: Line, prepared: Prepared) -> str:
    included = INCLUDE.match(line.text)
    if included:
        return _include(app, line, included["target"], prepared)
    editable = EDITABLE_VCS.match(line.text)
    if editable:
        return editable["url"]
    trusted = TRUSTED.match(line.text)
    if trusted:
        prepared.arguments += ["--allow-insecure-host", trusted["host"]]
        return ""
    if PRE.match(line.text):
        prepared.arguments += ["--prerelease", "allow"]
        return ""
    return "" if MEANINGLESS.match(line.text) else line.text


def _include(app: Path, line: Line, target: str, prepared: Prepared) -> str:
    """A file of the app is prepared too; URLs and what lies outside the app are left to uv."""
    if "://" in target or target.startswith("/") or "$" in target:
        return line.text
    file = (app / line.file).parent / target
    if not file.is_file():
        raise BuildpackError(
            f"{line} (there is no such file)", "A file named by -r or -c is sought beside the one that names it."
        )
    try:
        relative = file.resolve().relative_to(app.resolve()).as_posix()
    except ValueError:
        raise BuildpackError(f"{line} (leads out of the app)") from None
    _prepare_file(app, relative, prepared)
    return line.text.replace(target, str(prepared.directory / relative), 1)


def read_text(file: Path, name: str) -> str:
    """The text of a requirements file, by its byte order mark as pip does it, else UTF-8."""
    raw = file.read_bytes()
    encoding = next((encoding for mark, encoding in BOMS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        number = raw[: error.start].count(b"\n") + 1
        raise BuildpackError(f"{name} line {number} is not UTF-8 text", "Save the file as UTF-8.") from error


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def blame(output: str, prepared: Prepared) -> Line | None:
    """The line of the app that uv's output is about, or None where it is not about one line."""
    joined = " ".join(output.split())
    return _by_position(joined, prepared) or _by_package(joined, prepared) or _by_path(joined, prepared)


def _by_position(output: str, prepared: Prepared) -> Line | None:
    for match in (*POSITION.finditer(output), *ROW.finditer(output)):
        name = _name_in_app(match["file"], prepared)
        if name is None:
            continue
        groups = match.groupdict()
        number = int(groups["line"]) if groups.get("line") else _row(prepared.texts[name], int(groups["offset"]))
        return next((line for line in prepared.lines if (line.file, line.number) == (name, number)), None)
    return None


def _row(text: str, offset: int) -> int:
    """The number of the line at a character of the text; an offset at a line's end belongs to the next line with content."""
    while offset < len(text) and text[offset].isspace():
        offset += 1
    return text[:offset].count("\n") + 1


def _name_in_app(shown: str, prepared: Prepared) -> str | None:
    """The file of the app that uv shows by the path of its copy, absolute or relative to wherever it ran."""
    return next(
        (name for name in prepared.texts if shown == name or shown.endswith(f"{prepared.directory.name}/{name}")), None
    )


def _by_package(output: str, prepared: Prepared) -> Line | None:
    for pattern in PACKAGES:
        for match in pattern.finditer(output):
            wanted = normalised(match[1])
            for name, line in _named(prepared):
                if name == wanted:
                    return line
    return None


def _by_path(output: str, prepared: Prepared) -> Line | None:
    """A requirement that is a directory or an archive of the app."""
    names = [match[1].rstrip("/").rpartition("/")[2] for match in PATHS.finditer(output)]
    return next((line for name in names for line in prepared.lines if name and name in line.text), None)


def without_version(prepared: Prepared) -> list[str]:
    """The names of packages whose line does not say which version, in the order of the lines."""
    pinned = ("==", "@", ".whl", ".tar.gz", ".zip")
    return [name for name, line in _named(prepared) if not any(sign in line.text for sign in pinned)]


def _named(prepared: Prepared) -> Iterator[tuple[str, Line]]:
    for line in prepared.lines:
        found = NAME.match(line.text)
        if found:
            yield normalised(found[1]), line


def normalised(name: str) -> str:
    """A package's name as indices compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).rstrip("-").lower()
