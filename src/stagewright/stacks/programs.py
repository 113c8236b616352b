"""The programs that stacks are made with, and the environment they get: nothing of the caller's but the way out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from stagewright.model.settings import Trust

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of every process here, and of the scripts of packages that mmdebstrap runs."""

_PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "newuidmap": "uidmap",
    "newgidmap": "uidmap",
}
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")


def missing(programs: Iterable[str]) -> tuple[str, ...]:
    """Those that are not installed."""
    return tuple(program for program in programs if not _is_installed(program))


def packages_of(programs: Iterable[str]) -> tuple[str, ...]:
    """The Debian packages that bring them."""
    return tuple(dict.fromkeys(_PACKAGES[program] for program in programs))


def environment(trust: Trust | None = None) -> Mapping[str, str]:
    """Fixed, but for the proxies of ``trust``."""
    names = {name for proxy in _PROXIES for name in (proxy, proxy.upper())}
    proxies = {name: value for name, value in trust.environment.items() if name in names} if trust is not None else {}
    return {"PATH": SEARCH, "LANG": "C.UTF-8", "TZ": "UTC", "DEBIAN_FRONTEND": "noninteractive", **proxies}


def _is_installed(program: str) -> bool:
    return any(os.access(Path(directory, program), os.X_OK) for directory in SEARCH.split(":"))
