"""Buildpacks that are named in a list: the file ``.buildpacks``, and variables such as POST_BUILDPACKS.

Rules: contracts/heroku.md §4.2 (herokuish and heroku-buildpack-multi). A reference is kept as it was written, with its
``#branch``; what it names is decided later, where buildpacks are known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stagewright.documents import NotReadable
from stagewright.errors import AppProblem, UsageProblem
from stagewright.packages.plain_files import read_plain

FILE = ".buildpacks"
MOST_REFERENCES = 100
"""Buildpacks that one list may name."""
LONGEST_REFERENCE = 2048
"""Characters of the longest reference."""
_BETWEEN = re.compile(r"[,\s]+")


POST_VARIABLES = ("POST_BUILDPACK", "POST_BUILDPACKS")
"""Variables of an app that name its post-buildpacks (contracts/extensions.md, "Where extensions come from")."""


@dataclass(eq=False)
class BadBuildpackList(AppProblem):
    """The file ``.buildpacks`` is no list of references."""

    says: str
    """What is wrong, and in which line. It never quotes a reference, which may hold credentials."""

    def brief(self) -> str:
        return f"{FILE} cannot be used: {self.says}."

    def hint(self) -> str:
        return "Write one buildpack a line, as in https://example.com/buildpack.git#branch, and comments on lines of their own."


@dataclass(eq=False)
class BadReferences(UsageProblem):
    """A value that should name buildpacks, as POST_BUILDPACKS does, is no list of references."""

    says: str

    def brief(self) -> str:
        return f"A list of buildpacks cannot be used: {self.says}."

    def hint(self) -> str:
        return "Write the references of buildpacks with commas or spaces between them."


@dataclass(frozen=True)
class BuildpackList:
    """What ``.buildpacks`` names, in order."""

    references: tuple[str, ...]

    @property
    def buildpack_url(self) -> str | None:
        """The one reference of a list of one, which acts as BUILDPACK_URL does; None for an empty list and for several."""
        return self.references[0] if len(self.references) == 1 else None


def read_buildpack_list(app: Path) -> BuildpackList | None:
    """What the file ``.buildpacks`` of the source ``app`` names; None where there is none, or a link, which is not followed.

    White space around a reference, blank lines and lines that begin with ``#`` say nothing. Raises BadBuildpackList.
    """
    try:
        content = read_plain(app / FILE)
    except NotReadable as error:
        raise BadBuildpackList(str(error)) from error
    return None if content is None else parse_buildpack_list(content)


def parse_buildpack_list(content: bytes) -> BuildpackList:
    """The references in the text of a ``.buildpacks``. Raises BadBuildpackList."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadBuildpackList(f"byte {error.start} is not UTF-8") from error
    references: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        reference = line.strip()
        if not reference or reference.startswith("#"):
            continue
        fault = fault_of_reference(reference)
        if fault:
            raise BadBuildpackList(f"line {number} {fault}")
        references.append(reference)
        if len(references) > MOST_REFERENCES:
            raise BadBuildpackList(f"it names more than {MOST_REFERENCES} buildpacks")
    return BuildpackList(tuple(references))


def split_references(text: str) -> tuple[str, ...]:
    """The references in ``text``, with commas or white space between them; nothing between two commas is nothing.

    Raises BadReferences.
    """
    references = tuple(reference for reference in _BETWEEN.split(text) if reference)
    if len(references) > MOST_REFERENCES:
        raise BadReferences(f"it names more than {MOST_REFERENCES} buildpacks")
    for number, reference in enumerate(references, start=1):
        fault = fault_of_reference(reference)
        if fault:
            raise BadReferences(f"its reference {number} {fault}")
    return references


def fault_of_reference(reference: str) -> str | None:
    """What makes ``reference`` no reference, as the end of a sentence that does not quote it; None where nothing does."""
    if len(reference) > LONGEST_REFERENCE:
        return f"is longer than {LONGEST_REFERENCE} characters"
    if re.search(r"\s", reference):
        return "holds white space inside a reference"
    if not reference.isprintable():
        return "holds a control character"
    return None
