"""Which packages a root holds, as dpkg recorded it."""

from __future__ import annotations

from collections.abc import Iterator

from stagewright.model.stack import PackageVersion


def installed_packages(status: str) -> tuple[PackageVersion, ...]:
    """The packages of /var/lib/dpkg/status that are installed, sorted (format: deb822(5))."""
    return tuple(sorted(_packages(status)))


def _packages(status: str) -> Iterator[PackageVersion]:
    for paragraph in status.split("\n\n"):
        fields = dict(_fields(paragraph))
        state = fields.get("status", "install ok installed").split()
        if state[-1:] == ["installed"] and "package" in fields:
            yield PackageVersion(fields["package"], fields.get("version", ""), fields.get("architecture", ""))


def _fields(paragraph: str) -> Iterator[tuple[str, str]]:
    for line in paragraph.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            yield name.lower(), value.strip()
