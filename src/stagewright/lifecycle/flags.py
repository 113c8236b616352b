"""A command line by the rules of Go's flag package, which the callers of Cloud Foundry's builder and launcher were written to.

``-x v``, ``--x v``, ``-x=v`` and ``--x=v`` are the same; a boolean takes its value behind ``=`` alone; names are never shortened;
the first argument that is no flag ends them, and so does ``--``. Messages and the usage text are Go's, word for word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from stagewright.errors import UsageProblem
from stagewright.lifecycle.go_values import NotAValue, parse_boolean, parse_duration, parse_integer, quoted

_HELP = ("h", "help")


class Kind(Enum):
    """What a flag takes. The value is the word for it in the usage text."""

    STRING = "string"
    BOOL = ""
    INT = "int"
    DURATION = "duration"


_NOTHING = {Kind.STRING: "", Kind.BOOL: "false", Kind.INT: "0", Kind.DURATION: "0s"}
"""Go's zero values, as it writes them: a default that the usage text does not mention."""


@dataclass(frozen=True)
class Flag:
    """One flag. ``default`` is what Go would write for it: ``/tmp/app``, ``false``, ``3``, ``1s``."""

    name: str
    kind: Kind
    default: str
    usage: str


@dataclass(eq=False)
class BadFlags(UsageProblem):
    """A command line is not what the flags allow; Go's commands say so, show their usage and end with 2."""

    said: str
    usage: str

    def brief(self) -> str:
        return self.said

    def hint(self) -> str:
        return self.usage


@dataclass(eq=False)
class HelpAsked(UsageProblem):
    """``-h`` or ``-help``: the usage on stderr, and the end with 0."""

    usage: str

    def brief(self) -> str:
        return self.usage.removesuffix("\n")


@dataclass(eq=False)
class MissingFlags(UsageProblem):
    """Flags that must have a value are empty; the builder ends with 1 (contracts/cloudfoundry-staging.md §1.1)."""

    names: tuple[str, ...]

    def brief(self) -> str:
        return ", ".join(f"missing flag: -{name}" for name in self.names)


@dataclass(frozen=True)
class Given:
    """What a command line said: a value for every flag, and the arguments behind them.

    A getter raises KeyError for a flag that was not declared and NotAValue for one of another kind.
    """

    values: Mapping[str, str]
    arguments: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        return self.values[name]

    def boolean(self, name: str) -> bool:
        return parse_boolean(self.values[name])

    def integer(self, name: str) -> int:
        return parse_integer(self.values[name])

    def seconds(self, name: str) -> float:
        return parse_duration(self.values[name])

    def require_all(self) -> None:
        """Raise MissingFlags for the flags whose value is empty, in the order of their names."""
        missing = tuple(sorted(name for name, value in self.values.items() if value == ""))
        if missing:
            raise MissingFlags(missing)


@dataclass(frozen=True)
class FlagSet:
    """The flags of one command, by the name that its usage text gives it."""

    command: str
    flags: tuple[Flag, ...]

    def parse(self, arguments: Sequence[str]) -> Given:
        """Read ``arguments`` (without the command's own name). Raises BadFlags, HelpAsked."""
        values = {flag.name: flag.default for flag in self.flags}
        rest = list(arguments)
        while rest and rest[0].startswith("-") and rest[0] != "-":
            argument = rest.pop(0)
            if argument == "--":
                break
            flag, value = self._flag(argument)
            if value is None and flag.kind is Kind.BOOL:
                value = "true"
            elif value is None:
                if not rest:
                    raise self._refuse(f"flag needs an argument: -{flag.name}")
                value = rest.pop(0)
            self._check(flag, value)
            values[flag.name] = value
        return Given(values, tuple(rest))

    def _flag(self, argument: str) -> tuple[Flag, str | None]:
        """The flag that ``argument`` names, and what stands behind its equals sign."""
        bare = argument[2:] if argument.startswith("--") else argument[1:]
        if bare[:1] in ("-", "="):
            raise self._refuse(f"bad flag syntax: {argument}")
        name, equals, value = bare.partition("=")
        for flag in self.flags:
            if flag.name == name:
                return flag, value if equals else None
        if name in _HELP:
            raise HelpAsked(self.usage())
        raise self._refuse(f"flag provided but not defined: -{name}")

    def _check(self, flag: Flag, value: str) -> None:
        try:
            match flag.kind:
                case Kind.BOOL:
                    parse_boolean(value)
                case Kind.INT:
                    parse_integer(value)
                case Kind.DURATION:
                    parse_duration(value)
                case Kind.STRING:
                    pass
        except NotAValue as error:
            what = f"boolean value {quoted(value)} for" if flag.kind is Kind.BOOL else f"value {quoted(value)} for flag"
            raise self._refuse(f"invalid {what} -{flag.name}: {error}") from None

    def _refuse(self, said: str) -> BadFlags:
        return BadFlags(said, self.usage())

    def usage(self) -> str:
        """The usage text, as flag.PrintDefaults writes it, with a newline at its end."""
        return f"Usage of {self.command}:\n" + "".join(map(_described, sorted(self.flags, key=lambda flag: flag.name)))


def _described(flag: Flag) -> str:
    """Two lines for one flag. A word in backquotes in its usage names what it takes, in the place of its kind."""
    before, mark, behind = flag.usage.partition("`")
    named, closed, after = behind.partition("`")
    word, usage = (named, before + named + after) if mark and closed else (flag.kind.value, flag.usage)
    head = f"  -{flag.name}" + (f" {word}" if word else "")
    default = quoted(flag.default) if flag.kind is Kind.STRING else flag.default
    shown = "" if flag.default == _NOTHING[flag.kind] else f" (default {default})"
    gap = "\t" if len(head) <= 4 else "\n    \t"
    return head + gap + usage.replace("\n", "\n    \t") + shown + "\n"
