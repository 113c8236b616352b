"""One run of mmdebstrap: a definition becomes a root file system."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.errors import PlatformProblem, Problem, UsageProblem
from stagewright.model.layout import FIXED_TIME
from stagewright.model.settings import Trust
from stagewright.ports.events import EventSink
from stagewright.stacks.definition import Definition, RootDefinition
from stagewright.stacks.finishing import OPERATOR_CONF
from stagewright.stacks.programs import environment
from stagewright.stacks.steps import StepReader
from stagewright.stacks.workshop import Workshop
from stagewright.trees import DiskFull

_SHOWN = 15
"""Lines of mmdebstrap that a person sees of a failure."""
_HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr"
_APT_CONF = PurePosixPath("/trust/apt.conf")
_APT_SOURCES = (PurePosixPath("/trust/apt.list"), PurePosixPath("/trust/apt.sources"))
"""The operator's sources without credentials, in one of two formats that apt tells apart by the end of the name."""
_FULL = re.compile(r"No space left on device|Disk quota exceeded|don't have enough free space")
_NO_PACKAGE = re.compile(r"E: Unable to locate package (\S+)|E: Version '.*' for '(\S+)' was not found")
_UNTRUSTED = re.compile(r"NO_PUBKEY|EXPKEYSIG|is not signed")
_PREFIX = re.compile(r"^(E|W|Err:\d+|Ign:\d+):? *")
_UNREACHABLE = re.compile(
    r"Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Network is unreachable"
    r"|Connection (failed|timed out|refused)|No route to host|does not have a Release file|Certificate verification failed"
    r"|Failed to fetch|50[234]  "
)


@dataclass(eq=False)
class MirrorUnreachable(PlatformProblem):
    """The network is gone, or the mirror is."""

    root: str
    reason: str
    """What apt said, in one line."""
    lines: tuple[str, ...]

    def brief(self) -> str:
        return f"The Debian mirror could not be reached while the {self.root} root was made: {self.reason}."

    def hint(self) -> str:
        return (
            "Check the network, the proxy variables and the resolver;"
            " STAGEWRIGHT_APT_SOURCES names a file with the sources of a mirror of your own."
        )

    def details(self) -> str:
        return "\n".join(self.lines)


@dataclass(eq=False)
class PackageNotFound(UsageProblem):
    packages: tuple[str, ...]
    definition: str
    lines: tuple[str, ...]

    def brief(self) -> str:
        return f"The mirror has no package {', '.join(self.packages)}, which the stack {self.definition} asks for."

    def hint(self) -> str:
        return "Correct the name in the definition, or name sources that have it with STAGEWRIGHT_APT_SOURCES."

    def details(self) -> str:
        return "\n".join(self.lines)


@dataclass(eq=False)
class MirrorUntrusted(PlatformProblem):
    """apt does not know the key that the mirror's packages are signed with."""

    reason: str
    lines: tuple[str, ...]

    def brief(self) -> str:
        return f"The packages of the mirror are signed with a key that this machine does not know: {self.reason}."

    def hint(self) -> str:
        return "Run as root: apt-get install --yes debian-archive-keyring. Sources of your own say Signed-By."

    def details(self) -> str:
        return "\n".join(self.lines)


@dataclass(eq=False)
class MakingFailed(PlatformProblem):
    """mmdebstrap failed in a way that has no name of its own."""

    root: str
    code: int
    lines: tuple[str, ...]

    def brief(self) -> str:
        return f"mmdebstrap failed with exit code {self.code} while the {self.root} root was made."

    def details(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Bootstrap:
    """What one root is made of, and where."""

    which: str
    """``run`` or ``build``, for a person."""
    definition: Definition
    root: RootDefinition
    place: Path
    """The directory that becomes the root; it does not exist yet."""
    scratch: Path
    sources: Path | None
    trust: Trust


def bootstrap(made: Bootstrap, workshop: Workshop, notify: EventSink, log: Callable[[str], None]) -> None:
    """Raises MirrorUnreachable, MirrorUntrusted, PackageNotFound, DiskFull, MakingFailed, NamespaceRefused, Cancelled."""
    steps = StepReader(made.which)

    def read(line: str) -> None:
        log(f"{made.which}: {line}")
        for step in steps.read(line):
            notify(step)

    made.scratch.mkdir()
    env = {**environment(made.trust), "SOURCE_DATE_EPOCH": str(FIXED_TIME), "TMPDIR": str(made.scratch)}
    code, last = workshop.run(command_line(made), env, read)
    if code:
        raise diagnosis(made, code, last)


def command_line(made: Bootstrap) -> list[str]:
    argv = [
        "mmdebstrap",
        "--verbose",
        "--mode=root",
        "--format=directory",
        f"--variant={made.root.variant}",
        f"--hook-directory={_HOOKS}",
        # Without it usrmerge comes in, and perl with it.
        f"--include={','.join(('usr-is-merged', *made.root.packages))}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in made.definition.path_excludes),
    ]
    operators = made.trust.files.get(_APT_CONF)
    if operators is not None:
        conf = made.scratch / "apt.conf"
        conf.write_bytes(_without_sources(operators))
        argv.append(f"--setup-hook=upload {shlex.quote(str(conf))} /{OPERATOR_CONF}")
    argv += [made.definition.suite, str(made.place)]
    return [*argv, str(made.sources)] if made.sources is not None else argv


def kept_sources(trust: Trust) -> Mapping[str, str]:
    """The files of sources that a root keeps where the operator named the sources: by name in /etc/apt, and never a password."""
    found = {place: trust.files[place] for place in _APT_SOURCES if place in trust.files}
    return {f"sources.list.d/operator{place.suffix}": content.decode() for place, content in found.items()}


def _without_sources(conf: bytes) -> bytes:
    """The operator's settings of apt but for where the sources lie: mmdebstrap is told that itself."""
    return b"".join(line for line in conf.splitlines(keepends=True) if not line.startswith(b"Dir::"))


def diagnosis(made: Bootstrap, code: int, last: Sequence[str]) -> Problem:
    """What the last lines of mmdebstrap mean."""
    lines = tuple(last)
    shown = lines[-_SHOWN:]
    if any(_FULL.search(line) for line in lines):
        return DiskFull(made.place.parent)
    absent = [match[1] or match[2] for line in lines if (match := _NO_PACKAGE.search(line))]
    if absent:
        return PackageNotFound(tuple(dict.fromkeys(absent)), str(made.definition.name), shown)
    unsigned = next((line for line in lines if _UNTRUSTED.search(line)), None)
    if unsigned is not None:
        return MirrorUntrusted(_PREFIX.sub("", unsigned).strip().rstrip("."), shown)
    cut_off = next((line for line in lines if _UNREACHABLE.search(line)), None)
    if cut_off is not None:
        return MirrorUnreachable(made.which, _PREFIX.sub("", cut_off).strip().rstrip("."), shown)
    return MakingFailed(made.which, code, shown)
