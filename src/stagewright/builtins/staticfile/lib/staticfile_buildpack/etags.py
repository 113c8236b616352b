"""Validators made of content.

nginx makes its ETag and Last-Modified of a file's time and size. All files of a droplet have one time, so a change that keeps
the size would never be seen by a browser that has the old page. Those validators are off; instead a map holds, for each path, a
hash of what is served there, and a request that brings that hash is answered with 304.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

PAGES = (b".html", b".htm", b".shtml")


def content_tags(site: Path, *, skip_pages: bool = False) -> dict[bytes, str]:
    """Hash by URL path (decoded, as nginx's $uri). A file and its .gz, which may be sent in its place, have one hash together.

    ``skip_pages``: without HTML, which server-side includes make of several files.
    """
    files = {_url(site, path): path for path in sorted(site.rglob("*")) if path.is_file()}
    tags: dict[bytes, str] = {}
    for url in files:
        plain = url[:-3] if url.endswith(b".gz") else url
        for served in (url, plain):
            if served in tags or (skip_pages and served.endswith(PAGES)):
                continue
            digest = hashlib.blake2b(digest_size=8)
            for part in (files.get(served), files.get(served + b".gz")):
                digest.update(_file_digest(part) if part else b"-")
            tags[served] = digest.hexdigest()
    return tags


def _url(site: Path, path: Path) -> bytes:
    return b"/" + os.fsencode(path.relative_to(site).as_posix())


def _file_digest(path: Path) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.digest()


def as_map(tags: Mapping[bytes, str]) -> bytes:
    """Lines for nginx's ``map``. It compares texts without regard to case, so paths that differ only there become patterns."""
    folded: dict[bytes, int] = {}
    for path in tags:
        folded[path.lower()] = folded.get(path.lower(), 0) + 1
    lines = [
        b"%s %s;\n"
        % (_quoted(path) if folded[path.lower()] == 1 else _quoted(b"~^" + _escaped(path) + b"$"), tag.encode())
        for path, tag in sorted(tags.items())
    ]
    return b"".join(lines)


def _escaped(path: bytes) -> bytes:
    return re.sub(rb"([.^$*+?()\[\]{}|\\])", rb"\\\1", path)


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
