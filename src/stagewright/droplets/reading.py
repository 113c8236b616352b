"""A droplet is read with suspicion, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stagewright.documents import LARGEST, NotReadable, load_yaml, scalar_text
from stagewright.droplets.facts import read_facts
from stagewright.errors import AppProblem, UsageProblem
from stagewright.model.build import Droplet
from stagewright.model.process import Processes
from stagewright.model.tree import Bounds, Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees import LinkPolicy, Modes, Times, unpack


@dataclass(eq=False)
class NoSuchDroplet(UsageProblem):
    """The named droplet is not there."""

    path: Path

    def brief(self) -> str:
        return f"There is no droplet {self.path}."

    def hint(self) -> str:
        return "Give the file that 'stagewright stage' wrote, or the name of an app that was staged here."


@dataclass(eq=False)
class BadDroplet(AppProblem):
    """A file is not a droplet."""

    path: Path
    says: str

    def brief(self) -> str:
        return f"{self.path} is not a droplet: {self.says}."

    def hint(self) -> str:
        return "A droplet is a .tgz that holds ./app/ and ./staging_info.yml."


@dataclass(frozen=True)
class OpenedDroplet:
    """An unpacked droplet. ``facts`` is None for a droplet that is not ours."""

    tree: Path
    detected: str
    processes: Processes
    entrypoint_prefix: str | None
    facts: Droplet | None


def open_droplet(
    path: Path, into: Path, *, bounds: Bounds, owner: Owner | None, progress: Progress = silent
) -> OpenedDroplet:
    """Unpack the droplet at ``path`` into the empty directory ``into``.

    Raises NoSuchDroplet, BadDroplet and what `trees.unpack` refuses.
    """
    if not path.is_file():
        raise NoSuchDroplet(path)
    unpack(
        path,
        into,
        bounds=bounds,
        links=LinkPolicy.KEEP,
        owner=owner,
        modes=Modes.KEEP,
        times=Times.KEEP,
        progress=progress,
    )
    if (into / "app").is_symlink() or not (into / "app").is_dir():
        raise BadDroplet(path, "it has no directory 'app'")
    detected, command, prefix = _staging_info(path, into / "staging_info.yml")
    facts = read_facts(path)
    known = facts.processes if facts is not None else Processes()
    web = Processes.of([("web", command)]) if command else Processes()
    return OpenedDroplet(into, detected, web.merged(known), prefix, facts)


def _staging_info(droplet: Path, path: Path) -> tuple[str, str, str | None]:
    """staging_info.yml is missing in droplets of old (that is allowed, §1.9) and YAML in some."""
    if path.is_symlink() or not path.is_file():
        return "", "", None
    with path.open("rb") as file:
        text = file.read(LARGEST + 1)
    try:
        document = load_yaml(text, tolerant=True)
    except NotReadable as error:
        raise BadDroplet(droplet, f"its staging_info.yml cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise BadDroplet(droplet, "its staging_info.yml holds no map")
    config = document.get("config")
    prefix = config.get("entrypoint_prefix") if isinstance(config, dict) else None
    said = (document.get("detected_buildpack"), document.get("start_command"), prefix)
    detected, command, entrypoint = (scalar_text(value) for value in said)
    return _writable(detected), _writable(command), _writable(entrypoint) or None


def _writable(text: str | None) -> str:
    """A text that can be written to a file; what has no form in UTF-8 becomes a question mark."""
    return (text or "").encode("utf-8", "replace").decode()
