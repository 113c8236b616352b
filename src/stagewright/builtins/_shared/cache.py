"""What a built-in buildpack keeps for the next staging, and what it downloads.

Linked into a buildpack as ``lib/cache.py``, beside ``lib/buildpack.py``. Python 3.9 and its standard library alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from buildpack import BuildpackError, detail

CACHE_METADATA = "stagewright-cache.json"


class Cache:
    """A buildpack's cache directory: named directories of a known version, and free ones that tools keep in order themselves.

    What another buildpack left there (Cloud Foundry gives the final one ``final`` whoever it is) is removed.
    """

    def __init__(self, directory: Path, buildpack: str) -> None:
        self.directory = directory
        self._buildpack = buildpack
        directory.mkdir(parents=True, exist_ok=True)
        if self._metadata().get("buildpack") != buildpack:
            for entry in directory.iterdir():
                _remove(entry)
            self._record({})

    def directory_for(self, name: str) -> Path:
        """A directory for a tool that keeps its own cache (``UV_CACHE_DIR``, ``npm_config_cache``)."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        return directory

    def have(self, name: str, version: str, make: Callable[[Path], None], *, shown: str = "") -> Path:
        """The directory ``name`` in exactly that version: reused, which is said, or made by ``make(empty directory)``.

        A making that was cut off leaves nothing that the next staging could mistake for the whole. ``shown`` is what the log
        calls it (default: name and version).
        """
        place = self.directory / name
        holds = self._holds()
        if holds.get(name) == version and place.is_dir():
            detail(f"Reusing {shown or f'{name} {version}'} from the cache")
            return place
        self._record({key: value for key, value in holds.items() if key != name})
        _remove(place)
        place.mkdir()
        make(place)
        self._record({**self._holds(), name: version})
        return place

    def held(self) -> dict[str, str]:
        """What is there as a whole: the version of each directory that ``have`` made."""
        return {name: version for name, version in self._holds().items() if (self.directory / name).is_dir()}

    def forget(self, keep: Iterable[str]) -> None:
        """Remove the directories that are not in ``keep``: versions and tools that the app no longer asks for."""
        kept = {*keep, CACHE_METADATA}
        for entry in self.directory.iterdir():
            if entry.name not in kept:
                _remove(entry)
        self._record({key: value for key, value in self._holds().items() if key in kept})

    def _holds(self) -> dict[str, str]:
        holds = self._metadata().get("holds")
        return dict(holds) if isinstance(holds, dict) else {}

    def _metadata(self) -> dict[str, object]:
        try:
            found = json.loads((self.directory / CACHE_METADATA).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _record(self, holds: Mapping[str, str]) -> None:
        facts = {"buildpack": self._buildpack, "holds": dict(sorted(holds.items()))}
        written = self.directory / (CACHE_METADATA + ".new")
        written.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        written.replace(self.directory / CACHE_METADATA)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def download(url: str, into: Path, sha256: str | None, *, attempts: int = 3, limit: int = 1 << 30) -> Path:
    """Fetch ``url`` (https, http or file) into the file ``into`` and check its SHA-256, if one is known; at most ``limit`` bytes.

    Proxy variables and SSL_CERT_FILE are honoured. Raises ``BuildpackError`` that names the URL without its credentials.
    """
    shown = without_credentials(url)
    if urllib.parse.urlsplit(url).scheme not in ("https", "http", "file"):
        raise BuildpackError(f"{shown} is neither https, http nor file")
    for attempt in range(1, attempts + 1):
        try:
            found = _fetch(url, into, limit)
            break
        except (OSError, urllib.error.URLError) as error:
            final = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if final or attempt == attempts:
                raise BuildpackError(
                    f"{shown} could not be downloaded: {error}", "Is the network of the build cut off?"
                ) from error
            time.sleep(attempt)
    if sha256 is not None and found != sha256:
        into.unlink()
        raise BuildpackError(
            f"{shown} has SHA-256 {found}, expected {sha256}", "It is not what the buildpack was written for."
        )
    return into


def _fetch(url: str, into: Path, limit: int) -> str:
    digest, size = hashlib.sha256(), 0
    with urllib.request.build_opener().open(url, timeout=60) as answer, into.open("wb") as file:
        while True:
            block = answer.read(1 << 16)
            if not block:
                return digest.hexdigest()
            size += len(block)
            if size > limit:
                raise OSError(f"more than {limit} bytes")
            digest.update(block)
            file.write(block)


def without_credentials(url: str) -> str:
    """The URL with ``user:password@`` replaced by ``***@``, as it may be shown in a log."""
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", url)
