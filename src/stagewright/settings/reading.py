"""An environment becomes Settings. Costs a few milliseconds, since every command pays it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.containers import Network
from stagewright.model.quantities import parse_size
from stagewright.model.settings import Settings
from stagewright.model.tree import Bounds
from stagewright.settings import trust
from stagewright.settings.outward import outward_variables
from stagewright.settings.variables import VARIABLES, BadSetting, NoHome

_TAKES = {variable.name: variable.takes for variable in VARIABLES}
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def from_environment() -> Settings:
    """The settings of this process. Raises BadSetting, NoHome."""
    return read(os.environ)


def read(environ: Mapping[str, str], system: Path = Path("/")) -> Settings:
    """Settings from ``environ`` and, for the trust, from files below ``system``. An empty variable is an unset one.

    Raises BadSetting where a value is not what its variable takes, NoHome where no place is known.
    """
    asked = _Asked(environ)
    state = asked.path("STAGEWRIGHT_STATE") or asked.place("STAGEWRIGHT_STATE", "XDG_STATE_HOME", ".local/state")
    cache = asked.path("STAGEWRIGHT_CACHE") or asked.place("STAGEWRIGHT_CACHE", "XDG_CACHE_HOME", ".cache")
    apt_sources = asked.file("STAGEWRIGHT_APT_SOURCES")
    return Settings(
        state=state,
        cache=cache,
        stacks=asked.path("STAGEWRIGHT_STACKS") or state / "stacks",
        runtime=asked.program("STAGEWRIGHT_RUNTIME"),
        network=asked.network("STAGEWRIGHT_NETWORK"),
        bounds=asked.bounds(),
        trust=trust.gather(environ, system=system, apt_sources=apt_sources),
        outward=outward_variables(environ),
        apt_sources=apt_sources,
    )


@dataclass(frozen=True)
class _Asked:
    environ: Mapping[str, str]

    def value(self, name: str) -> str | None:
        return self.environ.get(name) or None

    def refuse(self, name: str) -> BadSetting:
        return BadSetting(name, self.environ.get(name, ""), _TAKES[name])

    def path(self, name: str) -> Path | None:
        text = self.value(name)
        if text is None:
            return None
        if not text.startswith("/") or "\0" in text:
            raise self.refuse(name)
        return Path(os.path.normpath(text))

    def file(self, name: str) -> Path | None:
        path = self.path(name)
        if path is not None and not path.is_file():
            raise self.refuse(name)
        return path

    def place(self, name: str, xdg: str, below_home: str) -> Path:
        """Where the XDG base directory specification puts it; as it says, a relative path there is no path at all."""
        given = self.value(xdg)
        if given and given.startswith("/"):
            return Path(os.path.normpath(given)) / "stagewright"
        home = self.value("HOME")
        if not home or not home.startswith("/"):
            raise NoHome(name, xdg)
        return Path(os.path.normpath(home)) / below_home / "stagewright"

    def program(self, name: str) -> str | None:
        text = self.value(name)
        if text is None or text.startswith("/") or _PROGRAM.fullmatch(text):
            return text
        raise self.refuse(name)

    def network(self, name: str) -> Network:
        text = self.value(name)
        try:
            return Network(text) if text else Network.HOST
        except ValueError:
            raise self.refuse(name) from None

    def count(self, name: str, default: int) -> int:
        text = self.value(name)
        if text is None:
            return default
        if not re.fullmatch(r"0*[1-9][0-9]{0,17}", text):
            raise self.refuse(name)
        return int(text)

    def size(self, name: str, default: int) -> int:
        text = self.value(name)
        if text is None:
            return default
        try:
            size = parse_size(text)
        except (ValueError, OverflowError):
            size = 0
        if size <= 0:
            raise self.refuse(name)
        return size

    def bounds(self) -> Bounds:
        usual = Bounds()
        return Bounds(
            entries=self.count("STAGEWRIGHT_MAX_ENTRIES", usual.entries),
            bytes=self.size("STAGEWRIGHT_MAX_BYTES", usual.bytes),
            ratio=self.count("STAGEWRIGHT_MAX_RATIO", usual.ratio),
            ratio_from=usual.ratio_from,
            name_bytes=self.size("STAGEWRIGHT_MAX_NAME", usual.name_bytes),
            depth=self.count("STAGEWRIGHT_MAX_DEPTH", usual.depth),
        )
