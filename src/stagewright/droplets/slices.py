"""A droplet's trees as the slices that become layers of an image: deps one by one, the app, the launcher, the configuration.

Slices are cut so that a change of code changes the app's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.errors import AppProblem
from stagewright.model.layout import LAUNCHER, SLUG
from stagewright.model.process import Processes, process_file_name
from stagewright.model.tree import Owner
from stagewright.trees import Placed

_LAUNCHER = Path(__file__).resolve().parent / "launcher.sh"
_HOME = PurePosixPath("home/vcap")
_ROOT = Owner(0, 0)
"""Owns the launcher and what it reads: an app that is broken into cannot change how it is started."""

_OWN = (Placed(source=None, at=_HOME, mode=0o755), Placed(source=None, at=_HOME / "deps", mode=0o755))
"""Directories that are the app's own, written into every layer below them: a layer would else bring them as root's."""


_LONGEST_NAME = 200
"""Bytes of the file that holds a process type's command."""


@dataclass(eq=False)
class BadProcessType(AppProblem):
    """A name that no file can have."""

    type: str

    def brief(self) -> str:
        return (
            f"{self.type[:40]!r}… cannot be a process type: it is too long."
            if self.type
            else "A process type is empty."
        )

    def hint(self) -> str:
        return "Give it a shorter name in the Procfile."


@dataclass(frozen=True)
class Slice:
    """One layer's content: what it is called, and what is placed where."""

    what: str
    placed: tuple[Placed, ...]


@dataclass(frozen=True)
class LaunchFiles:
    """The plain files that tell the bash launcher what JSON tells others: a file a process type, and the entrypoint prefix."""

    files: tuple[tuple[PurePosixPath, bytes], ...]

    def placed(self) -> tuple[Placed, ...]:
        lifecycle = PurePosixPath(str(LAUNCHER.parent).lstrip("/"))
        return tuple(
            Placed(source=None, at=lifecycle / path, mode=0o644, content=content, owner=_ROOT)
            for path, content in self.files
        )

    def write(self, directory: Path) -> None:
        """Lay the launcher and these files below ``directory``, as /lifecycle of a sandbox."""
        for path, content in self.files:
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        launcher = directory / LAUNCHER.name
        launcher.write_bytes(_LAUNCHER.read_bytes())
        launcher.chmod(0o755)


def launch_files(processes: Processes, entrypoint_prefix: str | None, *, slug_home: bool = False) -> LaunchFiles:
    """What the launcher reads: ``process/NAME``, ``entrypoint_prefix``, and ``home`` for an app that finds itself at /app.

    Raises BadProcessType.
    """
    for process in processes.types:
        if not process.type or len(process_file_name(process.type)) > _LONGEST_NAME:
            raise BadProcessType(process.type)
    files = [
        (PurePosixPath("process") / process_file_name(process.type), process.command.encode("utf-8", "surrogateescape"))
        for process in processes.types
    ]
    if entrypoint_prefix:
        files.append((PurePosixPath("entrypoint_prefix"), entrypoint_prefix.encode()))
    if slug_home:
        files.append((PurePosixPath("home"), str(SLUG).encode()))
    return LaunchFiles(tuple(files))


def slices(app: Path, deps: Path, profile_d: Path, info: bytes, launch: LaunchFiles) -> tuple[Slice, ...]:
    """The slices above the stack's layer, from the bottom: what changes most rarely comes first, configuration last."""
    launcher = PurePosixPath(str(LAUNCHER).lstrip("/"))
    supplied = tuple(
        Slice(f"deps {directory.name}", (*_OWN, Placed(source=directory, at=_HOME / "deps" / directory.name)))
        for directory in sorted(deps.iterdir())
    )
    config = (
        *_OWN,
        Placed(source=None, at=_HOME / "logs", mode=0o755),
        Placed(source=profile_d, at=_HOME / "profile.d"),
        Placed(source=None, at=_HOME / "staging_info.yml", mode=0o644, content=info),
        Placed(source=None, at=_HOME / "tmp", mode=0o755),
        *launch.placed(),
    )
    return (
        Slice("launcher", (Placed(None, launcher, mode=0o755, content=_LAUNCHER.read_bytes(), owner=_ROOT),)),
        *supplied,
        Slice("app", (_OWN[0], Placed(source=app, at=_HOME / "app"))),
        Slice("config", config),
    )
