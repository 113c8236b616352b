"""What can go wrong on the way of a buildpack to this machine. Every text that a server or git had a part in is masked."""

from __future__ import annotations

from dataclasses import dataclass

from stagewright.errors import BuildpackProblem, PlatformProblem, UsageProblem
from stagewright.model.quantities import show_size


@dataclass(eq=False)
class SourceUnreachable(PlatformProblem):
    """No network, no such host, a server that fails: it may work later."""

    reference: str
    reason: str
    evidence: str = ""
    pinned: str = ""
    """The reference that names what was fetched last, where something was; it needs no network."""

    def brief(self) -> str:
        return f"The buildpack {self.reference} could not be reached: {self.reason}."

    def hint(self) -> str:
        again = "Check the network and the proxy, and try again."
        if self.pinned:
            return f"{again} What was fetched last is still here, and needs no network when it is pinned: {self.pinned}"
        return f"{again} A buildpack that was fetched before works without a network when it is pinned: #COMMIT or #sha256=HEX."

    def details(self) -> str:
        return self.evidence


@dataclass(eq=False)
class SourceRefused(UsageProblem):
    """The server answered, and will not give what was asked for."""

    reference: str
    reason: str
    advice: str
    evidence: str = ""

    def brief(self) -> str:
        return f"The buildpack {self.reference} could not be fetched: {self.reason}."

    def hint(self) -> str:
        return self.advice

    def details(self) -> str:
        return self.evidence


@dataclass(eq=False)
class NoSuchRevision(UsageProblem):
    """A repository has no such branch, tag or commit."""

    reference: str
    revision: str
    near: tuple[str, ...] = ()
    evidence: str = ""

    def brief(self) -> str:
        return f"The repository of {self.reference} has no branch, tag or commit {self.revision!r}."

    def hint(self) -> str:
        if self.near:
            return f"Did you mean {', '.join(self.near)}?"
        return "An abbreviated commit is looked for in branches and tags only; a full one is asked for by name."

    def details(self) -> str:
        return self.evidence


@dataclass(eq=False)
class UntrustedCertificate(PlatformProblem):
    """TLS did not work: a certificate that this machine does not trust, or a server that speaks something else."""

    reference: str
    reason: str

    def brief(self) -> str:
        return f"The buildpack {self.reference} could not be fetched over TLS: {self.reason}."

    def hint(self) -> str:
        return "If a proxy of your company signs certificates anew, let SSL_CERT_FILE name a bundle that holds its own."


@dataclass(eq=False)
class UnusableBits(BuildpackProblem):
    """What came is not what a buildpack may be: no archive, a damaged one, a link that leads out."""

    reference: str
    says: str
    advice: str = "Check that the reference names the buildpack itself, and tell its author."

    def brief(self) -> str:
        return f"The buildpack {self.reference} cannot be used: {self.says}."

    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class PinBroken(BuildpackProblem):
    """An archive is not the one that was pinned."""

    reference: str
    expected: str
    found: str

    def brief(self) -> str:
        return (
            f"The buildpack {self.reference} is not what was pinned: its sha256 is {self.found}, not {self.expected}."
        )

    def hint(self) -> str:
        return "Somebody changed what lies there. If that was meant to be, change sha256= in the reference."


@dataclass(eq=False)
class UsesGitLfs(BuildpackProblem):
    """A repository keeps files in Git LFS, so a clone holds pointers in their place."""

    reference: str
    files: tuple[str, ...]

    def brief(self) -> str:
        shown = ", ".join(self.files[:3])
        more = f" and {len(self.files) - 3} more" if len(self.files) > 3 else ""
        return f"The buildpack {self.reference} uses Git LFS, whose files are not fetched: {shown}{more}."

    def hint(self) -> str:
        return (
            "Clone it yourself with git-lfs and name the directory (git clone URL DIR; git -C DIR lfs pull; --buildpack DIR),"
            " or name a release archive that holds the files."
        )


@dataclass(eq=False)
class TooMuch(BuildpackProblem):
    """A bound of fetching was reached."""

    reference: str
    what: str

    def brief(self) -> str:
        return f"The buildpack {self.reference} was refused: it has more than {self.what}."

    def hint(self) -> str:
        return (
            "A buildpack is small. Check that the reference names one; a release archive is smaller than a repository."
        )


def too_large(reference: str, largest: int) -> TooMuch:
    return TooMuch(reference, f"{show_size(largest)} of content and history")


@dataclass(eq=False)
class TookTooLong(PlatformProblem):
    """Fetching was not done in time."""

    reference: str
    allowed: float
    """Seconds."""

    def brief(self) -> str:
        return f"The buildpack {self.reference} was not there after {self.allowed:g} s; fetching was stopped."

    def hint(self) -> str:
        return (
            "The network or the server is slow, or sends without end. Fetch it yourself, and name what you have then."
        )


@dataclass(eq=False)
class GitMissing(PlatformProblem):
    """There is no git on this machine."""

    reference: str

    def brief(self) -> str:
        return f"The buildpack {self.reference} is a git repository, and there is no git on this machine."

    def hint(self) -> str:
        return (
            "Install git (apt-get install git), or name an archive of the repository: https://HOST/…/archive/BRANCH.zip"
        )
