"""Process types and sidecars: what a droplet can start (contracts/cloudfoundry-staging.md §1.2, §1.4)."""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass

_PLAIN_BYTES = frozenset((string.ascii_letters + string.digits + "-_").encode())


def process_file_name(type_: str) -> str:
    """The name of the file below ``/lifecycle/process`` that holds the command of process type ``type_``.

    Every byte that is not an ASCII letter, a digit, ``-`` or ``_`` is written as ``%XX``; launcher.sh does the same.
    """
    encoded = type_.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN_BYTES else f"%{byte:02X}" for byte in encoded)


@dataclass(frozen=True)
class Process:
    """A named command, as in ``web: gunicorn app:app``."""

    type: str
    command: str


@dataclass(frozen=True)
class Sidecar:
    """A command that runs beside processes of the named types. ``memory`` is in MB."""

    name: str
    command: str
    process_types: tuple[str, ...]
    memory: int | None = None


@dataclass(frozen=True)
class Processes:
    """The process types and sidecars of a droplet, in order."""

    types: tuple[Process, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()

    def merged(self, later: Processes) -> Processes:
        """A later source replaces a type in its place and appends new ones (§1.2 step 4). A sidecar is an entry with a type, too:
        one that later is a process is no sidecar any more, and the other way round."""
        now_processes = {process.type for process in later.types}
        now_sidecars = {sidecar.name for sidecar in later.sidecars}
        commands = {process.type: process.command for process in self.types if process.type not in now_sidecars}
        commands.update((process.type, process.command) for process in later.types)
        types = tuple(Process(type_, command) for type_, command in commands.items())
        kept = (sidecar for sidecar in self.sidecars if sidecar.name not in now_processes)
        sidecars = {sidecar.name: sidecar for sidecar in (*kept, *later.sidecars)}
        return Processes(types, tuple(sidecars.values()))

    def command(self, type_: str) -> str | None:
        return next((process.command for process in self.types if process.type == type_), None)

    @classmethod
    def of(cls, commands: Iterable[tuple[str, str]]) -> Processes:
        return cls(tuple(Process(type_, command) for type_, command in commands))
