"""The table of all variables that Stagewright itself understands. docs/reference is generated from it."""

from __future__ import annotations

from dataclasses import dataclass

from stagewright.errors import UsageProblem


@dataclass(frozen=True)
class Variable:
    """One environment variable: its name, what it takes, what holds without it, and what it is for."""

    name: str
    takes: str
    default: str
    says: str


VARIABLES = (
    Variable(
        "STAGEWRIGHT_STATE",
        "an absolute path",
        "$XDG_STATE_HOME/stagewright, else ~/.local/state/stagewright",
        "The directory of what must last: stacks, droplets, records, the installation's key.",
    ),
    Variable(
        "STAGEWRIGHT_CACHE",
        "an absolute path",
        "$XDG_CACHE_HOME/stagewright, else ~/.cache/stagewright",
        "The directory of what may be lost: the caches of buildpacks, layers.",
    ),
    Variable(
        "STAGEWRIGHT_STACKS",
        "an absolute path",
        "stacks in the state directory",
        "The directory of stacks; apart, so that several installations can share it.",
    ),
    Variable(
        "STAGEWRIGHT_RUNTIME",
        "the name of a program or an absolute path",
        "the first of runc and crun that is installed",
        "The OCI runtime that runs containers.",
    ),
    Variable(
        "STAGEWRIGHT_NETWORK",
        "host or none",
        "host",
        "What builds reach: the network of this machine, or nothing.",
    ),
    Variable(
        "STAGEWRIGHT_APT_SOURCES",
        "the absolute path of a file of apt sources (sources.list or deb822)",
        "the mirrors that mmdebstrap and the stack know",
        "Where Debian packages come from, when stacks are made and when builds install packages.",
    ),
    Variable(
        "STAGEWRIGHT_MAX_ENTRIES",
        "a whole number above 0",
        "500000",
        "The most entries that an archive or a directory from outside may hold.",
    ),
    Variable(
        "STAGEWRIGHT_MAX_BYTES",
        "a size above 0, such as 512M or 4G",
        "4G",
        "The most bytes that an archive or a directory from outside may unpack to.",
    ),
    Variable(
        "STAGEWRIGHT_MAX_RATIO",
        "a whole number above 0",
        "200",
        "How many times its own size an archive may unpack to, once that is more than 100 MB.",
    ),
    Variable(
        "STAGEWRIGHT_MAX_NAME",
        "a size above 0, such as 4096",
        "4096",
        "The longest path in an archive, in bytes.",
    ),
    Variable(
        "STAGEWRIGHT_MAX_DEPTH",
        "a whole number above 0",
        "512",
        "The most directories within one another in an archive.",
    ),
)


@dataclass(eq=False)
class BadSetting(UsageProblem):
    """A variable is set to what it cannot be."""

    variable: str
    value: str
    takes: str

    def brief(self) -> str:
        return f"The environment variable {self.variable} is {self.value!r}, which is not {self.takes}."

    def hint(self) -> str:
        return f"Set {self.variable} to {self.takes}, or unset it."


@dataclass(eq=False)
class NoHome(UsageProblem):
    """Neither a home directory nor a place of one's own is known."""

    variable: str
    xdg: str

    def brief(self) -> str:
        return f"There is no place to keep things: {self.variable}, {self.xdg} and HOME are all unset."

    def hint(self) -> str:
        return f"Set {self.variable} to an absolute path."
