"""A definition becomes a stack: two roots at the same time, since two processors are the least there is."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stagewright.errors import UsageProblem
from stagewright.model.digest import Digest
from stagewright.model.events import Event, Noted, Progressed
from stagewright.model.settings import Trust
from stagewright.model.stack import PackageVersion, Stack, StackLayer, StackRoot
from stagewright.ports.events import EventSink, deaf
from stagewright.stacks.bootstrap import Bootstrap, bootstrap, kept_sources
from stagewright.stacks.definition import Definition
from stagewright.stacks.machine import MAKERS
from stagewright.stacks.record import StackRecord
from stagewright.stacks.store import Making, StackStore
from stagewright.stacks.workshop import Workshop, open_workshop
from stagewright.trees import TreeFailure, remove_tree

Log = Callable[[str], None]
"""Takes every line that mmdebstrap prints; from one thread at a time."""


@dataclass(eq=False)
class NotARoot(UsageProblem):
    """What was to be imported lacks what every stack must have."""

    source: str
    lacks: tuple[str, ...]

    def brief(self) -> str:
        return f"{self.source} cannot be a root of a stack: {'; '.join(self.lacks)}."

    def hint(self) -> str:
        return "A root needs bash, /bin/sh and the user id 2000 free or named vcap."


@dataclass(eq=False)
class ArchitecturesDiffer(UsageProblem):
    run: str
    build: str

    def brief(self) -> str:
        return f"The two roots are of different architectures: run is {self.run}, build is {self.build}."

    def hint(self) -> str:
        return "Import two roots of one architecture."


_NOTHING_MORE: Mapping[str, object] = {"users": [], "directories": [], "sources": None}


def unheard(line: str) -> None:
    """The log of a making that nobody reads."""
    del line


def create(
    definition: Definition,
    store: StackStore,
    *,
    sources: Path | None = None,
    trust: Trust | None = None,
    notify: EventSink = deaf,
    log: Log = unheard,
) -> Stack:
    """Make the stack of ``definition`` in ``store``, or return it if it is there; some 45 s for a Debian.

    ``sources`` is a sources.list of the operator's. Raises ProgramMissing, NoSubordinateIds, NamespaceRefused,
    MirrorUnreachable, PackageNotFound, MakingFailed, DiskFull, StoreFailure, Cancelled.
    """
    with store.making(definition.name, notify, remover) as making:
        if making.existing is not None:
            notify(_reused(making.existing, definition))
            return making.existing.stack
        workshop = open_workshop(MAKERS)
        told = _OneAtATime(notify, log)
        maker = _Maker(definition, making, workshop, sources, trust or Trust(), told)
        run, build = _both(workshop, maker)
        return making.keep(record_of(making, definition.digest, run, build))


def _reused(record: StackRecord, definition: Definition) -> Noted:
    if record.definition == definition.digest:
        return Noted(f"The stack {definition.name} is there already.")
    return Noted(
        f"The stack {definition.name} is there already, made from another definition than this one; to make it anew, first:"
        f" stagewright stack remove {definition.name}"
    )


def _both(workshop: Workshop, maker: _Maker) -> tuple[MadeRoot, MadeRoot]:
    """Both roots; where one fails, or a person ends it, the other is ended too."""
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(maker.run), threads.submit(maker.build)]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            workshop.children.stop()
            raise
    return futures[0].result(), futures[1].result()


@dataclass(frozen=True)
class MadeRoot:
    """A root that was finished and weighed."""

    root: StackRoot
    architecture: str
    content: Digest | None
    """Without owners, where they could not be kept on disk."""
    layer: StackLayer | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Maker:
    definition: Definition
    making: Making
    workshop: Workshop
    sources: Path | None
    trust: Trust
    told: _OneAtATime

    def run(self) -> MadeRoot:
        return self._make("run", self.making.run)

    def build(self) -> MadeRoot:
        return self._make("build", self.making.build)

    def _make(self, which: str, place: Path) -> MadeRoot:
        packages = self.definition.run if which == "run" else self.definition.build
        scratch = self.making.directory / f"{which}.scratch"
        made = Bootstrap(which, self.definition, packages, place, scratch, self.sources, self.trust)
        bootstrap(made, self.workshop, self.told.event, self.told.line)
        self.workshop.perform("remove", {"path": str(scratch)})
        layer = self.making.layer if which == "run" else None
        extra = {
            "users": [asdict(user) for user in self.definition.users],
            "directories": [asdict(directory) for directory in self.definition.directories],
            "sources": None if self.sources is None else dict(kept_sources(self.trust)),
        }
        return finished(self.workshop, which, place, layer, self.told.event, extra)


def finished(
    workshop: Workshop, which: str, place: Path, layer: Path | None, notify: EventSink, extra: Mapping[str, object]
) -> MadeRoot:
    """Finish the root at ``place``, whatever it came from, and weigh it. ``extra`` is what `finish` takes beside the root.

    Raises NotARoot, FailedInside.
    """
    notify(Progressed(f"{which} root: finishing", 0, None))
    found = workshop.perform("finish", {"root": str(place), **_NOTHING_MORE, **extra})
    if found["lacks"]:
        raise NotARoot(f"The {which} root", tuple(found["lacks"]))
    what = f"{which} root: {'packing' if layer else 'weighing'}"
    weighed = workshop.perform(
        "weigh",
        {"root": str(place), "layer": str(layer) if layer else None, "give_up_owners": not workshop.root},
        lambda done, total: notify(Progressed(what, done, total)),
    )
    packages = tuple(PackageVersion(**package) for package in found["packages"])
    digest = Digest.parse(weighed["digest"])
    return MadeRoot(
        StackRoot(place, digest, weighed["size"], packages),
        found["architecture"],
        Digest.parse(weighed["content"]) if "content" in weighed else None,
        _layer(layer, digest, weighed["layer"]) if layer else None,
        tuple(found["notes"]),
    )


def _layer(path: Path, diff_id: Digest, weighed: Mapping[str, Any]) -> StackLayer:
    return StackLayer(path, Digest.parse(weighed["digest"]), diff_id, weighed["size"])


def record_of(making: Making, definition: Digest | None, run: MadeRoot, build: MadeRoot) -> StackRecord:
    """Raises ArchitecturesDiffer."""
    if run.architecture != build.architecture:
        raise ArchitecturesDiffer(run.architecture, build.architecture)
    if run.layer is None:
        raise ValueError("the run root was made without its layer")
    stack = Stack(making.name, run.architecture, run.root, build.root, run.layer)
    contents = {name: made.content for name, made in (("run", run), ("build", build)) if made.content is not None}
    notes = tuple(f"{name} root: {note}" for name, made in (("run", run), ("build", build)) for note in made.notes)
    return StackRecord(stack, definition, contents, notes)


def remover(path: Path) -> None:
    """Remove a tree of the store; what belongs to subordinate ids needs their namespace. Raises TreeFailure and more."""
    try:
        remove_tree(path)
    except TreeFailure:
        if os.geteuid() == 0:
            raise
        open_workshop().perform("remove", {"path": str(path)})


class _OneAtATime:
    """Lets two threads tell one listener."""

    def __init__(self, notify: EventSink, log: Log) -> None:
        self._lock = threading.Lock()
        self._notify = notify
        self._log = log

    def event(self, event: Event) -> None:
        with self._lock:
            self._notify(event)

    def line(self, line: str) -> None:
        with self._lock:
            self._log(line)
