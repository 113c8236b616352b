"""Names of images: the tag in a layout, the repository name in a Docker archive, and the texts that name one of those places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stagewright.errors import UsageProblem

_ALPHANUMERIC = "[A-Za-z0-9]+"
_COMPONENT = f"{_ALPHANUMERIC}(?:(?:--|[-._:@+]){_ALPHANUMERIC})*"
_REF_NAME = re.compile(f"{_COMPONENT}(?:/{_COMPONENT})*")
"""annotations.md, the grammar of org.opencontainers.image.ref.name."""

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?"
_PATH_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE_NAME = re.compile(
    rf"(?P<repository>(?:{_HOST}/)?{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}))?"
)
"""The grammar of references that Docker and the distribution specification share, without a digest."""

_MAX_NAME = 255


@dataclass(frozen=True, order=True)
class RefName:
    """The name of an image within a layout: a tag such as ``latest`` or ``v1.0``, or a whole reference."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > _MAX_NAME or not _REF_NAME.fullmatch(self.text):
            raise ValueError(
                f"{self.text[:_MAX_NAME]!r} is not a tag; use letters and digits, with single '.', '-', '_' between"
            )

    def __str__(self) -> str:
        return self.text


LATEST = RefName("latest")


@dataclass(frozen=True, order=True)
class ImageName:
    """A repository and a tag, as ``docker load`` names an image."""

    repository: str
    tag: str = "latest"

    def __post_init__(self) -> None:
        match = _IMAGE_NAME.fullmatch(f"{self.repository}:{self.tag}")
        if len(self.repository) > _MAX_NAME or match is None or match["repository"] != self.repository:
            raise ValueError(
                f"{str(self)[:_MAX_NAME]!r} is not the name of an image; write it like shop:v1, in lower case"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``shop``, ``shop:v1`` or ``registry.example.com:5000/team/shop:v1``. Raises ValueError."""
        match = _IMAGE_NAME.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:_MAX_NAME]!r} is not the name of an image; write it like shop:v1, in lower case")
        return cls(match["repository"], match["tag"] or "latest")

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class LayoutPlace:
    """An image in an OCI layout directory. ``tag`` is None where nobody named one."""

    directory: Path
    tag: RefName | None = None

    def __str__(self) -> str:
        return f"oci:{self.directory}" + (f":{self.tag}" if self.tag else "")


@dataclass(frozen=True)
class ArchivePlace:
    """An image in a file that ``docker load`` reads."""

    file: Path
    name: ImageName | None = None

    def __str__(self) -> str:
        return f"docker-archive:{self.file}" + (f":{self.name}" if self.name else "")


Place = LayoutPlace | ArchivePlace


@dataclass(eq=False)
class BadImagePlace(UsageProblem):
    """A text that does not say where an image is or should go."""

    text: str
    reason: str

    def brief(self) -> str:
        return f"{self.text!r} names no image: {self.reason}."

    def hint(self) -> str:
        return "Write oci:DIRECTORY[:TAG] or docker-archive:FILE[:NAME[:TAG]]; the path cannot hold a colon."


def parse_place(text: str) -> Place:
    """Read ``oci:DIR[:TAG]`` or ``docker-archive:FILE[:NAME]``. Raises BadImagePlace.

    The path ends at the first colon, as it does for skopeo and umoci.
    """
    transport, _, rest = text.partition(":")
    path, colon, name = rest.partition(":")
    if transport not in ("oci", "docker-archive"):
        raise BadImagePlace(text, "it begins with neither oci: nor docker-archive:")
    if not path or "\0" in path:
        raise BadImagePlace(text, "it names no path")
    if colon and not name:
        raise BadImagePlace(text, "nothing follows its last colon")
    try:
        if transport == "oci":
            return LayoutPlace(Path(path), RefName(name) if name else None)
        return ArchivePlace(Path(path), ImageName.parse(name) if name else None)
    except ValueError as error:
        raise BadImagePlace(text, str(error)) from error
