"""`stagewright-shell`: a shell or a command with the environment of an app, as `cf ssh` gives it.

    stagewright-shell [APP_DIR [COMMAND [FLAG…]]]

The source is contracts/cloudfoundry-staging.md §1.9. It does what the launcher does, but it says nothing, reads no
staging_info.yml and leaves `.profile` alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from stagewright.errors import Problem, UsageProblem
from stagewright.lifecycle import credhub, environment, surroundings
from stagewright.lifecycle.flags import BadFlags, FlagSet, HelpAsked
from stagewright.lifecycle.launcher import absolute, become_app, complain

EXIT_CODES: tuple[tuple[type[Problem], int], ...] = ((HelpAsked, 0), (BadFlags, 2), (Problem, 1))
"""The first class that fits."""


@dataclass(eq=False)
class NoApp(UsageProblem):
    """The directory of the app, named or guessed, is not there."""

    named: bool

    def brief(self) -> str:
        said = "Provided app directory does not exist"
        return said if self.named else "Could not infer app directory, please provide one"


def main() -> NoReturn:
    """The command. It returns to nobody: it ends with an exit code, or as another program."""
    surroundings.leave_signals_alone()
    name, *arguments = surroundings.arguments()
    try:
        enter(name, arguments, surroundings.environment())
    except Problem as problem:
        complain(problem)
        sys.exit(next(code for kind, code in EXIT_CODES if isinstance(problem, kind)))


def enter(name: str, arguments: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the command that ``arguments`` name, bash without one. Raises a Problem of EXIT_CODES."""
    named = bool(arguments)
    directory = arguments[0] if named else f"{environ.get('HOME', '')}/app"
    if not Path(directory).exists():
        raise NoApp(named)
    app = absolute(directory, environ)
    command = arguments[1] if len(arguments) > 1 else "bash"
    patience = credhub.Patience.of(FlagSet("shell", credhub.FLAGS).parse(arguments[2:]))
    become_app(name, app, command, "", environment.of_app(environ, app, patience, print), kind="shell")


if __name__ == "__main__":
    main()
