"""What is left out of a package: .cfignore, .slugignore and the defaults of the ``cf`` command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pathspec import GitIgnoreSpec

CF_DEFAULTS = (
    ".cfignore",
    ".DS_Store",
    ".git",
    ".gitignore",
    ".hg",
    ".svn",
    "_darcs",
    "manifest.yaml",
    "manifest.yml",
)
"""What ``cf push`` never uploads (cf CLI, ``util/ignore``); ``!name`` in a .cfignore brings one back."""

Ignored = Callable[[str, bool], bool]
"""Asked for each path relative to the source, and whether it is a directory."""


def ignore_rules(source: Path) -> Ignored:
    """The rule for a source directory. .slugignore takes files away only: Heroku knows no ``!`` in it."""
    cf = GitIgnoreSpec.from_lines([*CF_DEFAULTS, *_lines(source / ".cfignore")])
    slug_lines = [line for line in _lines(source / ".slugignore") if not line.startswith("!")]
    slug = GitIgnoreSpec.from_lines(slug_lines) if slug_lines else None

    def ignored(path: str, is_directory: bool) -> bool:
        asked = f"{path}/" if is_directory else path
        return cf.match_file(asked) or (slug is not None and slug.match_file(asked))

    return ignored


def _lines(path: Path) -> list[str]:
    if path.is_symlink() or not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
