"""The Procfile: a YAML map of process type to command (contracts/cloudfoundry-staging.md §1.2 step 4)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stagewright.documents import NotReadable, load_yaml, scalar_text
from stagewright.errors import AppProblem
from stagewright.model.process import Processes


@dataclass(eq=False)
class BadProcfile(AppProblem):
    """The Procfile is not a map of names to commands."""

    says: str

    def brief(self) -> str:
        return f"The Procfile cannot be read: {self.says}."

    def hint(self) -> str:
        return "Write one process a line, as in 'web: gunicorn app:app'; quote a command that holds ': '."


def parse_procfile(text: bytes) -> Processes:
    """Process types in the order of the file. Numbers and nulls are commands too (``clock: 1`` → "1", ``none:`` → "").

    Raises BadProcfile.
    """
    try:
        document = load_yaml(text)
    except NotReadable as error:
        raise BadProcfile(str(error)) from error
    if document is None:
        return Processes()
    if not isinstance(document, dict):
        raise BadProcfile(f"it holds a {type(document).__name__}, not a map of process types to commands")
    commands = []
    for type_, value in document.items():
        name, command = scalar_text(type_), scalar_text(value)
        if not name or command is None:
            raise BadProcfile(f"the entry {type_!r} is not a process type with a command")
        commands.append((name, command))
    return Processes.of(commands)


def read_procfile(app: Path) -> Processes | None:
    """The processes of ``app``'s Procfile; None where there is none.

    A Procfile that is a link is not followed: after staging, the tree is a script's word, not ours. Raises BadProcfile.
    """
    path = app / "Procfile"
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return parse_procfile(file.read((1 << 20) + 1))
