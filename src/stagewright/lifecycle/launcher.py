"""`stagewright-launcher`: starts a process of a droplet as Cloud Foundry's launcher does, contracts/cloudfoundry-staging.md §1.9.

    stagewright-launcher APP_DIR START_COMMAND METADATA…

It reads staging_info.yml of the working directory, makes the app's environment, and becomes bash, which becomes the app.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from stagewright.errors import AppProblem, PlatformProblem, Problem, UsageProblem
from stagewright.lifecycle import credhub, environment, surroundings
from stagewright.lifecycle.flags import BadFlags, FlagSet, HelpAsked

STAGING_INFO = "staging_info.yml"
_LARGEST = 1 << 20
_BASH = "/bin/bash"
_SCRIPT = Path(__file__).with_name("launch.sh")


@dataclass(eq=False)
class TooFewArguments(UsageProblem):
    """An app directory, a command and metadata are all asked for, be they empty."""

    name: str
    count: int

    def brief(self) -> str:
        return f"{self.name}: received only {self.count} arguments"

    def hint(self) -> str:
        return f"Usage: {self.name} <app-directory> <start-command> <metadata>"


@dataclass(eq=False)
class BadStagingInfo(AppProblem):
    """staging_info.yml is there and cannot be read."""

    reason: str

    def brief(self) -> str:
        return f"Invalid staging info - {self.reason}"


@dataclass(eq=False)
class NothingToStart(AppProblem):
    """Neither the platform nor the droplet says how the app is started."""

    name: str

    def brief(self) -> str:
        return f"{self.name}: no start command specified or detected in droplet"


@dataclass(eq=False)
class CannotBecomeBash(PlatformProblem):
    """The system does not start bash, or not with what it would be given."""

    reason: str

    def brief(self) -> str:
        return f"{_BASH} cannot be started: {self.reason}"


EXIT_CODES: tuple[tuple[type[Problem], int], ...] = (
    (HelpAsked, 0),
    (BadFlags, 2),
    (CannotBecomeBash, 4),
    (AppProblem, 1),
    (UsageProblem, 1),
    (Problem, 3),
)
"""The first class that fits. What is left are platform options and CredHub."""


@dataclass(frozen=True)
class StagingInfo:
    """What the launcher wants to know of a droplet."""

    start_command: str = ""
    entrypoint_prefix: str = ""


def main() -> NoReturn:
    """The command. It returns to nobody: it ends with an exit code, or as another program."""
    surroundings.leave_signals_alone()
    name, *arguments = surroundings.arguments()
    try:
        launch(name, arguments, surroundings.environment())
    except Problem as problem:
        complain(problem)
        sys.exit(next(code for kind, code in EXIT_CODES if isinstance(problem, kind)))


def launch(name: str, arguments: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the app that ``arguments`` name. Raises a Problem of EXIT_CODES where that is not possible."""
    if len(arguments) < 3:
        raise TooFewArguments(name, len(arguments))
    app = absolute(arguments[0], environ)
    info = read_staging_info(Path(STAGING_INFO))
    command = arguments[1] or info.start_command
    if not command:
        raise NothingToStart(name)
    patience = credhub.Patience.of(FlagSet("launcher", credhub.FLAGS).parse(arguments[2:]))
    become_app(name, app, command, info.entrypoint_prefix, environment.of_app(environ, app, patience, print))


def become_app(
    name: str, app: str, command: str, prefix: str, environ: Mapping[str, str], kind: str = "launcher"
) -> NoReturn:
    """Replace this process by bash and launch.sh. Raises CannotBecomeBash."""
    script = _SCRIPT.read_text(encoding="utf-8")
    try:
        surroundings.become(_BASH, ["bash", "-c", script, name, app, command, prefix, kind], environ)
    except OSError as error:
        raise CannotBecomeBash(error.strerror or str(error)) from None
    except ValueError:
        raise CannotBecomeBash("a null character is in what it would be given") from None


def absolute(directory: str, environ: Mapping[str, str]) -> str:
    """``directory`` from the root, by name alone; as it is where there is no working directory.

    PWD is believed where it names the working directory, as a shell and Go do: a link on the way to it keeps its name.
    """
    told = Path(environ.get("PWD", ""))
    try:
        here = told if told.is_absolute() and told.samefile(".") else Path.cwd()
    except OSError:
        try:
            here = Path.cwd()
        except OSError:
            return directory
    return os.path.normpath(here / directory)


def read_staging_info(path: Path) -> StagingInfo:
    """What ``path`` says; nothing where there is no such file. Unknown YAML tags are read as nothing. Raises BadStagingInfo."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return StagingInfo()
    except OSError as error:
        raise BadStagingInfo(f"{path} cannot be read: {error.strerror}") from None
    from stagewright.documents import NotReadable, load_yaml

    try:
        document = _mapping(load_yaml(content, tolerant=True), str(path))
    except NotReadable as error:
        raise BadStagingInfo(f"failed to unmarshal {path}: {error}") from None
    config = _mapping(document.get("config"), "config")
    return StagingInfo(_text(document, "start_command"), _text(config, "entrypoint_prefix"))


def _mapping(value: Any, name: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadStagingInfo(f"failed to unmarshal {STAGING_INFO}: {name} is not a map")
    return value


def _text(mapping: Mapping[Any, Any], name: str) -> str:
    from stagewright.documents import scalar_text

    text = scalar_text(mapping.get(name))
    if text is None:
        raise BadStagingInfo(f"failed to unmarshal {STAGING_INFO}: {name} is not text")
    return text


def complain(problem: Problem) -> None:
    """Say on stderr what happened, and what to do where there is something to do."""
    for words in (problem.brief(), problem.hint()):
        if words:
            print(words.encode("utf-8", "backslashreplace").decode("utf-8").rstrip("\n"), file=sys.stderr)


if __name__ == "__main__":
    main()
