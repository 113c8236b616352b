"""What ``--buildpack`` may name: a built-in buildpack or a directory."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from stagewright.errors import UsageProblem
from stagewright.model.buildpack import BuildpackRef, BuiltinRef, DirectoryRef

_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*://|[^/\s]+@[^/\s]+:|.*\.(zip|tgz|tar|tar\.gz)$", re.IGNORECASE)


@dataclass(eq=False)
class UnknownBuildpack(UsageProblem):
    """A reference names neither a built-in buildpack nor a directory."""

    reference: str
    known: tuple[str, ...]
    elsewhere: bool = False

    def brief(self) -> str:
        if self.elsewhere:
            shown = _without_credentials(self.reference)
            return f"{shown!r} cannot be used: buildpacks in archives and at URLs are not supported yet."
        return f"There is no buildpack {self.reference!r}: it is no built-in name and no directory."

    def hint(self) -> str:
        if self.elsewhere:
            return "Fetch it into a directory and name that: --buildpack ./my-buildpack."
        plain = re.sub(r"[-_]?buildpack$", "", self.reference.rpartition("/")[2])
        near = get_close_matches(plain, self.known, n=1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        return f"{meant}The built-in buildpacks are {', '.join(self.known)}."


def parse_reference(text: str, builtins: Collection[str], relative_to: Path) -> BuildpackRef:
    """Read one reference. A name without a slash is a built-in first, a directory of ``relative_to`` second.

    Raises UnknownBuildpack.
    """
    if text in builtins:
        return BuiltinRef(text)
    path = (relative_to / Path(text).expanduser()).resolve()
    if path.is_dir():
        return DirectoryRef(path)
    raise UnknownBuildpack(text, tuple(builtins), elsewhere=_ELSEWHERE.match(text) is not None)


def _without_credentials(reference: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//***@", reference)
