"""What git's answers mean: its failures become problems that say what to do, its listings become values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from stagewright.buildpacks.fetching.git_command import Ended
from stagewright.buildpacks.fetching.problems import (
    SourceRefused,
    SourceUnreachable,
    TooMuch,
    UntrustedCertificate,
    UnusableBits,
)
from stagewright.errors import Problem
from stagewright.model.buildpack import GitRef
from stagewright.model.origin import Commit
from stagewright.model.quantities import show_size
from stagewright.model.tree import Bounds

LOG_FORMAT = "--format=%H%x00%cI%x00%an%x00%s%x00"

_NOT_ALLOWED = re.compile(
    r"authentication failed|could not read (?:username|password)|permission denied|access denied|terminal prompts disabled"
    r"|returned error: 40[13]|host key verification failed|invalid credentials|not authorized",
    re.IGNORECASE,
)
_CERTIFICATE = re.compile(r"certificate|gnutls_handshake|ssl_connect|ssl routines|tls connection", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"could not resolve|failed to connect|couldn't connect|connection (?:refused|timed out|reset|closed)|no route to host"
    r"|network is unreachable|unable to (?:connect|look up)|operation timed out|early eof|rpc failed"
    r"|returned error: (?:5\d\d|429)|empty reply|name or service not known|temporary failure",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"not found|does not exist|does not appear to be a git repository|returned error: 404|not a git repository",
    re.IGNORECASE,
)
_BROKEN = re.compile(r"fsck error|invalid object|bad object|index-pack failed|inflate|corrupt", re.IGNORECASE)
_UNABLE = re.compile(
    r"shallow|depth|unadvertised|not our ref|does not allow|no such remote ref|couldn't find remote ref", re.IGNORECASE
)


def is_about_depth(ended: Ended) -> bool:
    """Whether the server cannot or will not give a part of the history, so that more of it may be asked for."""
    return _UNABLE.search(ended.errors) is not None


def failure(ref: GitRef, reference: str, ended: Ended) -> Problem:
    """What a command that talked to the remote of ``ref`` failed of. ``reference`` is what messages call it."""
    said = ended.errors
    last = next((line for line in said.split("\n") if line.startswith(("fatal:", "error:", "remote: ", "ssh:"))), "")
    reason = re.sub(r"^(?:fatal|error|ssh): ", "", last).rstrip(". ") or f"git ended with exit code {ended.code}"
    if _NOT_ALLOWED.search(said):
        if ref.trusted:
            advice = (
                "Check the credentials in the URL, in your credential helper or in your ssh agent (git ls-remote URL)."
            )
        else:
            advice = "Keys of yours are not used for what an app names. If you trust it, name it yourself: --buildpack REFERENCE."
        return SourceRefused(reference, f"the server does not let us read it ({reason})", advice, said)
    if _CERTIFICATE.search(said):
        return UntrustedCertificate(reference, reason)
    if _UNREACHABLE.search(said):
        return SourceUnreachable(reference, reason, said)
    if _MISSING.search(said):
        return SourceRefused(reference, f"there is no such repository ({reason})", "Check the address.", said)
    if _BROKEN.search(said):
        return UnusableBits(reference, f"git refuses its content ({reason})")
    return SourceRefused(reference, reason, "Try it by hand: git ls-remote URL", said)


@dataclass(frozen=True)
class TreeListing:
    """What a commit holds, as far as it matters before it is checked out."""

    submodules: tuple[tuple[str, str], ...]
    """Path and commit of each."""
    has_modules_file: bool


class TreeReader:
    """Reads ``ls-tree -r -l -z`` as it comes, so that a tree of a billion entries in a small pack ends early. Raises TooMuch."""

    def __init__(self, reference: str, bounds: Bounds, spend: Callable[[int, int], tuple[int, int]]) -> None:
        self._reference = reference
        self._bounds = bounds
        self._spend = spend
        self._rest = b""
        self._submodules: list[tuple[str, str]] = []
        self._has_modules_file = False

    def take(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\0")
        size = 0
        for line in lines:
            facts, _, path = line.partition(b"\t")
            mode, kind, sha, length = facts.split()
            size += int(length) if length.isdigit() else 0
            if path.count(b"/") > self._bounds.depth or len(path) > self._bounds.name_bytes:
                raise TooMuch(self._reference, f"{self._bounds.depth} directories in one another, or too long a name")
            if kind == b"commit":
                self._submodules.append((path.decode("utf-8", "surrogateescape"), sha.decode()))
            if path == b".gitmodules" and mode in (b"100644", b"100755"):
                self._has_modules_file = True
        entries, total = self._spend(len(lines), size)
        if entries > self._bounds.entries:
            raise TooMuch(self._reference, f"{self._bounds.entries:,} entries")
        if total > self._bounds.bytes:
            raise TooMuch(self._reference, f"{show_size(self._bounds.bytes)} of files")
        if len(self._rest) > 1 << 20:
            raise TooMuch(self._reference, "a name may have")

    def listing(self) -> TreeListing:
        return TreeListing(tuple(self._submodules), self._has_modules_file)


def commits_of(output: bytes) -> tuple[Commit, ...]:
    """What ``log`` with `LOG_FORMAT` printed."""
    fields = output.decode("utf-8", "replace").replace("\0\n", "\0").split("\0")[:-1]
    return tuple(Commit(*(_plain(field) for field in fields[at : at + 4])) for at in range(0, len(fields) - 3, 4))


def modules_of(output: bytes) -> dict[str, str]:
    """The URL by path of what ``config --list -z`` printed of a .gitmodules; those that say ``update = none`` are left out."""
    modules: dict[str, dict[str, str]] = {}
    for entry in output.split(b"\0"):
        name, _, value = entry.decode("utf-8", "surrogateescape").partition("\n")
        section, _, rest = name.partition(".")
        which, _, key = rest.rpartition(".")
        if section == "submodule":
            modules.setdefault(which, {})[key] = value
    return {
        one["path"]: one["url"]
        for one in modules.values()
        if {"path", "url"} <= one.keys() and one.get("update") != "none"
    }


def _plain(text: str) -> str:
    """One short line of a stranger's, without what a terminal would act upon."""
    return "".join(character if character.isprintable() else "?" for character in text)[:200]
