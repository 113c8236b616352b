"""What the heart asks of a sandbox, and what it gets back. All values; nothing here runs anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath


class Network(StrEnum):
    """What a container reaches. The dependency proxy will be a third value."""

    HOST = "host"
    NONE = "none"


class Stream(StrEnum):
    STDOUT = "stdout"
    STDERR = "stderr"


class Cause(StrEnum):
    """Why a command ended."""

    EXITED = "exited"
    TIMED_OUT = "timed-out"
    OUT_OF_MEMORY = "out-of-memory"
    OUT_OF_DISK = "out-of-disk"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Limits:
    """What a build may use."""

    memory: int = 1 << 30
    """Bytes, of all its processes together."""
    disk: int = 4 << 30
    """Bytes that it may write."""
    timeout: float = 900.0
    """Seconds, of the whole staging."""
    pids: int = 1024
    cpus: float | None = None


@dataclass(frozen=True)
class Mount:
    """A directory or file of the host at a place in the container."""

    source: Path
    target: PurePosixPath
    writable: bool = False


@dataclass(frozen=True)
class ContainerSpec:
    """One container: a shared read-only root, mounts, limits."""

    name: str
    """Unique among running containers: letters, digits, '-' and '_'."""
    root: Path
    mounts: tuple[Mount, ...]
    limits: Limits
    scratch: Path
    """A directory of the caller's for what the sandbox needs beside the container (configuration, sockets)."""
    network: Network = Network.HOST
    hostname: str = "stagewright"


@dataclass(frozen=True)
class Command:
    """One program run in a container, as vcap."""

    argv: tuple[str, ...]
    cwd: PurePosixPath
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Exit:
    """How a command ended. ``code`` is 128 + N where signal N ended it."""

    code: int
    cause: Cause
    seconds: float
    cpu_seconds: float | None = None
    """Processor time of the container while it ran, where the sandbox can tell."""
    peak_memory: int | None = None
    """Bytes that the container used at most until then, where the sandbox can tell."""
