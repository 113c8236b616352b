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
from pathlib import Path

from stagewright.model.build import ImageTarget
from stagewright.model.buildpack import Buildpack, Script
from stagewright.model.digest import Digest
from stagewright.model.layout import deps_index


class Verb(StrEnum):
    RUN = "run"
    REUSE = "reuse"
    SKIP = "skip"


class Role(StrEnum):
    """The part that a buildpack plays in a build."""

    CANDIDATE = "candidate"
    """It is asked whether it fits."""
    SUPPLYING = "supplying"
    """It comes before the last."""
    FINAL = "final"
    """It is the last: its cache is ``final`` and it decides the processes."""
    POST = "post"
    """A post-buildpack: it comes after the last (contracts/extensions.md, "Post-buildpacks")."""


@dataclass(frozen=True)
class Turn:
    """A buildpack's part in one build."""

    buildpack: Buildpack
    role: Role
    position: int
    """Its place among the buildpacks of the build, from 0; that of a candidate among the candidates."""
    count: int
    """How many there are: supplying, final and post-buildpacks together."""

    @property
    def index(self) -> str:
        """The name of its directory in deps."""
        return deps_index(self.position, self.count)


@dataclass(frozen=True)
class RunScript:
    """Run one script of a buildpack."""

    script: Script
    turn: Turn

    @property
    def buildpack(self) -> Buildpack:
        return self.turn.buildpack

    @property
    def verb_noun(self) -> str:
        post = "post-buildpack " if self.turn.role is Role.POST else ""
        return f"{self.script} {post}{self.buildpack}"


@dataclass(frozen=True)
class RunTests:
    """Run a command of app.json, as the app itself would be run."""

    command: str
    setup: bool = False
    """Whether it only prepares the tests."""

    @property
    def verb_noun(self) -> str:
        return "test-setup of app.json" if self.setup else "test of app.json"


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
class PackCache:
    """Write the caches of the buildpacks into an archive, for a platform that keeps them so."""

    path: Path

    @property
    def verb_noun(self) -> str:
        return "cache"


@dataclass(frozen=True)
class WriteImage:
    """Write the image: the stack's layer below, the droplet's slices above."""

    target: ImageTarget

    @property
    def verb_noun(self) -> str:
        return f"image {self.target.form}"


Step = RunScript | RunTests | ReadProcesses | PackDroplet | PackCache | WriteImage


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
