"""Roots that were made elsewhere become a stack: a directory, a tar of a root file system, or an OCI image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from stagewright.errors import Fault, UsageProblem
from stagewright.images import LayoutPlace, parse_place
from stagewright.model.events import Progressed
from stagewright.model.names import StackName
from stagewright.model.stack import Stack
from stagewright.model.tree import Bounds
from stagewright.ports.events import EventSink, deaf
from stagewright.stacks.making import MadeRoot, NotARoot, finished, record_of, remover
from stagewright.stacks.store import StackStore
from stagewright.stacks.workshop import FailedInside, Workshop, open_workshop


@dataclass(eq=False)
class NothingToImport(UsageProblem):
    source: str
    reason: str

    def brief(self) -> str:
        return f"{self.source} cannot be imported: {self.reason}."

    def hint(self) -> str:
        return "Give a directory, a tar of a root file system, or oci:DIRECTORY[:TAG]."


@dataclass(eq=False)
class StackExists(UsageProblem):
    name: StackName

    def brief(self) -> str:
        return f"There is a stack {self.name} already, and stacks are never changed."

    def hint(self) -> str:
        return f"Take another name, or first: stagewright stack remove {self.name}"


class SourceKind(StrEnum):
    DIRECTORY = "directory"
    TAR = "tar"
    LAYOUT = "layout"


@dataclass(frozen=True)
class RootSource:
    """Where a root comes from."""

    kind: SourceKind
    path: Path
    """Absolute."""
    tag: str | None = None
    """Of an image in a layout; None: the only one."""

    @classmethod
    def parse(cls, text: str) -> RootSource:
        """Read ``oci:DIR[:TAG]``, or the path of a directory or a tar. Raises NothingToImport, BadImagePlace."""
        if text.startswith("oci:"):
            place = parse_place(text)
            if isinstance(place, LayoutPlace):
                return cls(SourceKind.LAYOUT, place.directory.absolute(), str(place.tag) if place.tag else None)
        path = Path(text).absolute()
        if (path / "oci-layout").is_file():
            raise NothingToImport(text, f"it is the layout of an image: write oci:{text}")
        if path.is_dir():
            return cls(SourceKind.DIRECTORY, path)
        if path.is_file():
            return cls(SourceKind.TAR, path)
        raise NothingToImport(text, "there is no such file or directory")

    def __str__(self) -> str:
        if self.kind is SourceKind.LAYOUT:
            return f"oci:{self.path}" + (f":{self.tag}" if self.tag else "")
        return str(self.path)


def import_roots(
    name: StackName,
    store: StackStore,
    *,
    run: RootSource,
    build: RootSource,
    bounds: Bounds | None = None,
    notify: EventSink = deaf,
) -> Stack:
    """Make the stack ``name`` of two roots, which may be the same one.

    What every stack has is added: the user vcap (2000), mount points, empty files to mount over. Raises StackExists,
    NotARoot, ArchitecturesDiffer, FailedInside (for what is wrong with an archive or an image), DiskFull,
    NoSubordinateIds, ProgramMissing, NamespaceRefused, StoreFailure.
    """
    with store.making(name, notify, remover) as making:
        if making.existing is not None:
            raise StackExists(name)
        workshop = open_workshop()
        laid = _laid(workshop, "run", run, making.run, making.layer, bounds or Bounds(), notify)
        other = _laid(workshop, "build", build, making.build, None, bounds or Bounds(), notify)
        return making.keep(record_of(making, None, laid, other))


def _laid(
    workshop: Workshop,
    which: str,
    source: RootSource,
    place: Path,
    layer: Path | None,
    bounds: Bounds,
    notify: EventSink,
) -> MadeRoot:
    facts = {"kind": source.kind.value, "source": str(source.path), "tag": source.tag}
    try:
        workshop.perform(
            "lay",
            {**facts, "root": str(place), "bounds": asdict(bounds)},
            lambda done, total: notify(Progressed(f"{which} root: unpacking", done, total)),
        )
        return finished(workshop, which, place, layer, notify, {})
    except NotARoot as problem:
        raise NotARoot(str(source), problem.lacks) from problem
    except FailedInside as problem:
        # An archive that cannot be read is an app's fault elsewhere; here it is what the command was given.
        fault = Fault.USAGE if problem.at_fault is Fault.APP else problem.at_fault
        raise FailedInside(problem.text, problem.advice, problem.evidence, fault) from problem
