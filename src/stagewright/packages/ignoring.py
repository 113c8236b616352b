"""What is left out of a package: .cfignore, .slugignore and the defaults of the ``cf`` command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
    cf_lines, slug_lines = _lines(source / ".cfignore"), _lines(source / ".slugignore")
    if not cf_lines and not slug_lines:
        return _ignored_by_default
    return _ignored_by_files(cf_lines, [line for line in slug_lines if not line.startswith("!")])


def _ignored_by_default(path: str, is_directory: bool) -> bool:
    """The same as the patterns of CF_DEFAULTS say, for the many sources that add nothing: a name, at any depth."""
    del is_directory
    return path.rpartition("/")[2] in CF_DEFAULTS


def _ignored_by_files(cf_lines: list[str], slug_lines: list[str]) -> Ignored:
    from pathspec import GitIgnoreSpec  # a thirtieth of a second, which a source without these files need not pay

    cf = GitIgnoreSpec.from_lines([*CF_DEFAULTS, *cf_lines])
    slug = GitIgnoreSpec.from_lines(slug_lines)

    def ignored(path: str, is_directory: bool) -> bool:
        asked = f"{path}/" if is_directory else path
        return bool(cf.match_file(asked) or slug.match_file(asked))

    return ignored


def _lines(path: Path) -> list[str]:
    if path.is_symlink() or not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
