"""Where a submodule is fetched from: its address is a stranger's text, and gets less trust than the repository that names it."""

from __future__ import annotations

import re

from stagewright.buildpacks.remotes import BadRemote, parse_remote
from stagewright.model.buildpack import GitRef, Remote


class BadSubmodule(Exception):
    """An address that is not followed; the text is the end of a sentence that begins with the submodule."""


def submodule_ref(url: str, parent: GitRef, top: GitRef) -> GitRef:
    """What ``url`` of a .gitmodules in ``parent`` names. Raises BadSubmodule.

    The person's keys serve it only on the host that the person named (``top``), and the credentials of the parent's URL only
    where ``url`` is relative to that. A file of this machine is never one.
    """
    if url.startswith("-"):
        raise BadSubmodule("the address begins with '-'")
    relative = url.startswith(("./", "../"))
    try:
        remote = parse_remote(_joined(parent.remote, url) if relative else url)
    except BadRemote as bad:
        raise BadSubmodule(f"the address is not used: {bad}") from bad
    if remote.scheme == "file":
        raise BadSubmodule("the address is a path of this machine")
    if relative:
        remote = Remote(remote.address, remote.scheme, remote.host, remote.path, parent.remote.credentials)
    same_host = remote.host == top.remote.host
    return GitRef(remote, trusted=parent.trusted and same_host)


def _joined(parent: Remote, url: str) -> str:
    """As `git submodule` resolves a relative address, but never above the host."""
    match = re.fullmatch(r"(?P<place>[A-Za-z][A-Za-z0-9+.-]*://[^/]*/|[^/]*?@[^/]*?:)(?P<path>.*)", parent.address)
    if match is None:
        raise BadSubmodule("the address is relative to one that has no directories")
    parts = [part for part in match["path"].partition("?")[0].split("/") if part]
    for part in url.split("/"):
        if part == "..":
            if not parts:
                raise BadSubmodule("the address leads above the host")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    lead = "/" if match["path"].startswith("/") else ""
    return f"{match['place']}{lead}{'/'.join(parts)}"
