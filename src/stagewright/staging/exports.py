"""The file ``export`` that a buildpack of Heroku's leaves for those after it (contracts/heroku.md §4.1).

It is sourced by a shell of its own, and what the environment of that shell has become is what the later script gets. So an
export can say anything in the shell's language, and nothing else of it reaches that script: no directory, no arguments, no
option, and not its end. An export that ends with an error is a failure of the buildpack that wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping

_PROGRAM = r"""/bin/bash -n "$1" || exit
exec 3>&1 1>&2
trap 'printf "\0\0" >&3; /usr/bin/env -0 >&3' EXIT
. "$1"
builtin exit 0
"""
"""A bash program that sources its argument and writes two NULs and the environment to its output; what the export itself writes
goes to the log. A file that is no shell's language is refused before any of it runs."""

_OF_THE_SHELL = frozenset({"_", "SHLVL", "OLDPWD", "PWD"})
"""What a shell says of itself: a later script keeps what it would have had."""


def sourcing(export: str) -> tuple[str, ...]:
    """The command that sources ``export`` and answers with the environment as it is then."""
    return ("/bin/bash", "-c", _PROGRAM, "export", export)


def environment_after(answer: bytes, before: Mapping[str, str]) -> dict[str, str] | None:
    """What ``before`` has become, as the answer to `sourcing` says; None where the answer is no environment."""
    _, begun, listed = answer.rpartition(b"\0\0")
    if not begun or not listed.endswith(b"\0"):
        return None
    found: dict[str, str] = {}
    for record in listed.decode("utf-8", "surrogateescape").split("\0"):
        name, equals, value = record.partition("=")
        if name and equals and name not in _OF_THE_SHELL:
            found[name] = value
    return found | {name: before[name] for name in _OF_THE_SHELL if name in before}
