"""What mmdebstrap, apt and dpkg print, as steps that a person understands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stagewright.model.events import Progressed

_ESSENTIAL = "setting up the essential packages"
"""Here a hook installs one package more, which is not worth telling."""
_PHASES = (
    ("running apt-get update", "reading the package lists"),
    ("downloading packages with apt", "downloading the essential packages"),
    ("extracting archives", "unpacking the essential packages"),
    ("installing essential packages", _ESSENTIAL),
    ("installing remaining packages", "installing packages"),
    ("cleaning package lists", "cleaning up"),
)
_COUNT = re.compile(r"(\d+) upgraded, (\d+) newly installed")
_ARRIVED = re.compile(r"Get:(\d+) ")
_SET_UP = re.compile(r"Setting up \S+")


class StepReader:
    """Reads one run of mmdebstrap ``--verbose``, line by line."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._phase = ""
        self._packages = 0
        self._set_up = 0

    def read(self, line: str) -> Iterator[Progressed]:
        """What a line says of how far it is; nothing for most lines."""
        if line.startswith("I: "):
            yield from self._next_phase(line[3:])
        elif (count := _COUNT.match(line)) and self._phase != _ESSENTIAL:
            self._packages = int(count[1]) + int(count[2])
            self._set_up = 0
        elif arrived := _ARRIVED.match(line):
            if self._packages and self._phase != _PHASES[0][1]:
                yield self._step("downloading packages", int(arrived[1]), self._packages)
        elif _SET_UP.match(line) and self._packages:
            self._set_up += 1
            yield self._step("setting up packages", min(self._set_up, self._packages), self._packages)

    def _next_phase(self, said: str) -> Iterator[Progressed]:
        for beginning, phase in _PHASES:
            if said.startswith(beginning):
                self._phase = phase
                self._set_up = 0
                yield self._step(phase, 0, None)

    def _step(self, what: str, done: int, total: int | None) -> Progressed:
        return Progressed(f"{self._root} root: {what}", done, total, "packages")
