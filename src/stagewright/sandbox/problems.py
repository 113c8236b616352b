"""What can go wrong between us, the OCI runtime and the kernel."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.errors import PlatformProblem, UsageProblem
from stagewright.trees import DiskFull


@dataclass(eq=False)
class NotLinux(PlatformProblem):
    """Containers are a matter of the Linux kernel."""

    system: str

    def brief(self) -> str:
        return f"Stagewright runs buildpacks on Linux only, and this is {self.system}."

    def hint(self) -> str:
        return "Use a Linux machine or a virtual machine with Linux."


@dataclass(eq=False)
class RuntimeMissing(PlatformProblem):
    """No OCI runtime on this machine."""

    looked_for: tuple[str, ...]

    def brief(self) -> str:
        return f"No OCI runtime was found (looked for {', '.join(self.looked_for)})."

    def hint(self) -> str:
        return "Install one, on Debian with: apt-get install runc. `stagewright doctor` says what else is missing."


@dataclass(eq=False)
class ProgramMissing(PlatformProblem):
    """A program of the host that the sandbox cannot do without."""

    program: str
    package: str

    def brief(self) -> str:
        return f"The sandbox needs {self.program}, which was not found."

    def hint(self) -> str:
        return f"Install it, on Debian with: apt-get install {self.package}"


@dataclass(eq=False)
class SeccompProfileMissing(PlatformProblem):
    """No list of the system calls that containers may use."""

    looked_in: tuple[Path, ...]

    def brief(self) -> str:
        return f"No seccomp profile was found (looked for {', '.join(map(str, self.looked_in))})."

    def hint(self) -> str:
        return "Install it, on Debian with: apt-get install golang-github-containers-common"


@dataclass(eq=False)
class SeccompProfileUnreadable(PlatformProblem):
    """A seccomp profile that is not one."""

    path: Path
    reason: str

    def brief(self) -> str:
        return f"The seccomp profile {self.path} cannot be used: {self.reason}."

    def hint(self) -> str:
        return "Restore it, on Debian with: apt-get install --reinstall golang-github-containers-common"


@dataclass(eq=False)
class MountPointMissing(PlatformProblem):
    """A shared root is never written, so what is mounted into it must have its place there already."""

    target: PurePosixPath
    root: Path

    def brief(self) -> str:
        return f"{self.target} cannot be mounted: it does not exist in the root {self.root}."

    def hint(self) -> str:
        return "The stack is incomplete; make or import it again with `stagewright stack`."


@dataclass(eq=False)
class MountSourceMissing(PlatformProblem):
    """Something that should be mounted into a container is not there."""

    source: Path
    target: PurePosixPath

    def brief(self) -> str:
        return f"{self.source} does not exist, so it cannot be mounted at {self.target}."


@dataclass(eq=False)
class NoFreeRange(PlatformProblem):
    """Every range of user ids is taken by a running container."""

    ranges: int

    def brief(self) -> str:
        return f"All {self.ranges} ranges of user ids are in use by running containers."

    def hint(self) -> str:
        return "Wait until other builds have ended."


@dataclass(eq=False)
class ContainerNotStarted(PlatformProblem):
    """The runtime refused the container."""

    runtime: str
    reason: str
    """The runtime's own words."""
    remedy: str = ""

    def brief(self) -> str:
        return f"{self.runtime} could not start the container: {self.reason}"

    def hint(self) -> str:
        return (
            self.remedy or "`stagewright doctor` says what is missing on this machine; `--sandbox none` does without."
        )


@dataclass(eq=False)
class CommandNotStarted(PlatformProblem):
    """The container is up, but the runtime could not start a command in it."""

    program: str
    reason: str

    def brief(self) -> str:
        return f"{self.program} could not be started in the sandbox: {self.reason}"


@dataclass(eq=False)
class NotRoot(UsageProblem):
    """The rootful sandbox was asked for by somebody else."""

    def brief(self) -> str:
        return "The rootful sandbox is for root."

    def hint(self) -> str:
        return "Use --sandbox rootless, or auto."


@dataclass(eq=False)
class HostRefused(PlatformProblem):
    """The kernel refused something that a container needs."""

    action: str
    reason: str

    def brief(self) -> str:
        return f"The sandbox could not {self.action}: {self.reason}."

    def hint(self) -> str:
        return "`stagewright doctor` says what is missing on this machine."


@dataclass(eq=False)
class RootLacksProgram(PlatformProblem):
    """A root file system without a program that rootless containers need inside."""

    root: Path
    program: PurePosixPath

    def brief(self) -> str:
        return f"The root {self.root} has no {self.program}, which containers without root need."

    def hint(self) -> str:
        return "Add the package util-linux to the stack, or stage as root."


@dataclass(eq=False)
class NoSuchSandbox(UsageProblem):
    """A word after --sandbox that names none."""

    kind: str
    kinds: tuple[str, ...]

    def brief(self) -> str:
        return f"There is no sandbox {self.kind!r}; it is one of {', '.join(self.kinds)}."


@contextmanager
def writing_below(directory: Path) -> Iterator[None]:
    """Translates the failures of writing what a container needs below ``directory``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(directory) from error
        raise HostRefused(f"write below {directory}", error.strerror or str(error)) from error
