"""The plan of a build: what will be done, and because of what.

A plan is a list of actions. An action names its step, its verb, the reason and a key. Keys of *pure* actions hash
the content that
goes in, so that a result can be reused by any build; keys of *script* actions also hold the guid of the build, because a script's
cache and the network are inputs too (shared design, "Two kinds of action").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from stagewright.model.build import ImageTarget
from stagewright.model.buildpack import Buildpack, Script
from stagewright.model.digest import Digest


class Verb(StrEnum):
    RUN = "run"
    REUSE = "reuse"
    SKIP = "skip"


@dataclass(frozen=True)
class RunScript:
    """Run one script of a buildpack."""

    script: Script
    buildpack: Buildpack
    position: int
    """Its place among the buildpacks of the build, from 0; for detect, among the candidates."""
    count: int
    final: bool
    """Whether it is the last buildpack, whose cache is ``final`` and who decides the processes."""

    @property
    def verb_noun(self) -> str:
        return f"{self.script} {self.buildpack}"


@dataclass(frozen=True)
class ReadProcesses:
    """Merge what launch.yml, release and Procfile say of processes."""

    @property
    def verb_noun(self) -> str:
        return "processes"


@dataclass(frozen=True)
class PackDroplet:
    """Write the droplet."""

    @property
    def verb_noun(self) -> str:
        return "droplet"


@dataclass(frozen=True)
class WriteImage:
    """Write the image: the stack's layer below, the droplet's slices above."""

    target: ImageTarget

    @property
    def verb_noun(self) -> str:
        return f"image {self.target.form}"


Step = RunScript | ReadProcesses | PackDroplet | WriteImage


@dataclass(frozen=True)
class Action:
    step: Step
    verb: Verb
    because: str
    key: Digest


@dataclass(frozen=True)
class Plan:
    """What is known to be needed now; it grows when detection or a finished script decides more."""

    actions: tuple[Action, ...]
    complete: bool
    """Whether later facts can still add actions."""

    def next(self, done: Iterable[Digest]) -> Action | None:
        """The first action to run whose key is not in ``done``."""
        finished = set(done)
        return next((a for a in self.actions if a.verb is Verb.RUN and a.key not in finished), None)

    @property
    def digest(self) -> Digest:
        """Of the steps, verbs and reasons: the audit's name for this plan. Keys hold a build's guid and stay out."""
        lines = (f"{action.verb}\t{action.step.verb_noun}\t{action.because}\n" for action in self.actions)
        return Digest.of("".join(lines).encode())


def key_of(*parts: str | Digest | None) -> Digest:
    """A key over parts whose borders count: (``ab``, ``c``) and (``a``, ``bc``) differ."""
    hasher = hashlib.sha256()
    for part in parts:
        encoded = str(part).encode("utf-8", "surrogateescape") if part is not None else b""
        hasher.update(f"{'-' if part is None else len(encoded)}:".encode() + encoded)
    return Digest(hasher.hexdigest())
