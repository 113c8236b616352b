"""Which version of Node.js an app gets: pure rules over what it asks for and what is at hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from nodejs_buildpack.lines import ended, is_lts
from nodejs_buildpack.request import NodeRequest
from nodejs_buildpack.semver import Version

OLDEST = Version(6, 2, 0)
"""The first Node.js that an npm of the table in lines.py runs on."""


@dataclass(frozen=True)
class Chosen:
    version: Version
    because: str


def choose(request: NodeRequest, at_hand: Iterable[Version]) -> Chosen | None:
    """The newest version in the range; lines with long-term support go before those without, where the range allows both."""
    allowed = [version for version in at_hand if not version.pre and request.range.allows(version)]
    supported = [version for version in allowed if is_lts(version)]
    if not allowed:
        return None
    newest = max(supported or allowed)
    because = f"{request.source} asks for {request.wanted}"
    if supported and newest != max(allowed):
        because += f"; {max(allowed)} is allowed too, but is of a line without long-term support"
    return Chosen(newest, because)


def unmet(request: NodeRequest, at_hand: Iterable[Version], architecture: str) -> tuple[str, str]:
    """What to say, and what to do, where the range allows nothing that is at hand."""
    lines = newest_of_lines(at_hand)
    message = f"{request.source} asks for Node.js {request.wanted}, and none at hand for linux-{architecture} is in that range."
    if not lines:
        return message, "No version of Node.js is at hand at all. Is the network of the build cut off?"
    return message, f"At hand are, newest of each line: {', '.join(map(str, lines))}."


def newest_of_lines(at_hand: Iterable[Version]) -> list[Version]:
    """The newest version of each line that can be installed: those with long-term support, and whatever is newest of all."""
    newest: dict[int, Version] = {}
    for version in sorted(at_hand):
        if not version.pre and version >= OLDEST:
            newest[version.major] = version
    last = max(newest, default=0)
    return [version for major, version in newest.items() if is_lts(version) or major == last]


def advice(request: NodeRequest | None, chosen: Version, today: date) -> list[str]:
    """What should be changed though the staging goes on."""
    said = []
    if request is None:
        said.append(
            "The app does not say which Node.js it needs, and a later release of this buildpack may bring another line.\n"
            f'Write it into package.json: "engines": {{ "node": "{chosen.major}.x" }}'
        )
    else:
        said += [f"{other} is passed over: {request.source} decides." for other in request.others]
        if request.range.is_open:
            said.append(
                f'The range {request.wanted} of {request.source} lets any later line in. Name a line, like "{chosen.major}.x".'
            )
    end = ended(chosen, today)
    if end is not None:
        said.append(
            f"Node.js {chosen.major} has had no security fixes since {end.isoformat()}. Move to a line that is supported."
        )
    elif not is_lts(chosen):
        said.append(f"Node.js {chosen.major} is a line without long-term support.")
    return said
