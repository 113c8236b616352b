"""A stack: the root file systems that builds and apps stand on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stagewright.model.digest import Digest
from stagewright.model.names import StackName


@dataclass(frozen=True, order=True)
class PackageVersion:
    """One operating system package of a root."""

    name: str
    version: str
    architecture: str


@dataclass(frozen=True)
class StackRoot:
    """One root file system, unpacked and shared read-only."""

    path: Path
    digest: Digest
    """Of its canonical tar: the same content is the same digest on every machine. It is the layer's diff id, too."""
    size: int
    """Bytes of its files."""
    packages: tuple[PackageVersion, ...]


@dataclass(frozen=True)
class StackLayer:
    """The run root as a gzipped layer, made once when the stack is made."""

    path: Path
    digest: Digest
    diff_id: Digest
    size: int


@dataclass(frozen=True)
class Stack:
    """A named pair of roots. ``build`` holds what ``run`` holds and compilers beside it."""

    name: StackName
    architecture: str
    """As Go and OCI write it: amd64, arm64."""
    run: StackRoot
    build: StackRoot
    layer: StackLayer

    @property
    def digest(self) -> Digest:
        """Of both roots: what a build depends on."""
        return Digest.of(f"{self.run.digest}\n{self.build.digest}\n".encode())
