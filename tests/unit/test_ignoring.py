"""What is left out of a package: the defaults of cf, .cfignore, .slugignore."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagewright.packages.ignoring import ignore_rules


@pytest.mark.parametrize(
    ("cfignore", "path", "is_directory", "ignored"),
    [
        ("", ".git", True, True),
        ("", "manifest.yml", False, True),
        ("", "src/.git", True, True),
        ("", "src/app.py", False, False),
        ("!.gitignore", ".gitignore", False, False),
        ("*.log\n!keep.log", "debug.log", False, True),
        ("*.log\n!keep.log", "keep.log", False, False),
        ("node_modules/", "node_modules", True, True),
        ("node_modules/", "node_modules", False, False),
        ("/only-top", "below/only-top", False, False),
        ("# comment\n\ntmp", "tmp", True, True),
    ],
)
def test_cfignore(tmp_path: Path, cfignore: str, path: str, is_directory: bool, ignored: bool) -> None:
    (tmp_path / ".cfignore").write_text(cfignore)
    assert ignore_rules(tmp_path)(path, is_directory) is ignored


@pytest.mark.parametrize(
    "path", [".git", "a/.git", "manifest.yml", "a/manifest.yml", "gitignore", "x.git", "a/b.svn/c", ".hg"]
)
@pytest.mark.parametrize("is_directory", [True, False])
def test_the_short_way_of_the_defaults_says_what_their_patterns_say(
    tmp_path: Path, path: str, is_directory: bool
) -> None:
    short = ignore_rules(tmp_path)(path, is_directory)
    (tmp_path / ".cfignore").write_text("# nothing but a comment\n")
    assert ignore_rules(tmp_path)(path, is_directory) is short


def test_slugignore_takes_away_and_knows_no_exception(tmp_path: Path) -> None:
    (tmp_path / ".slugignore").write_text("*.psd\n!keep.psd\n")
    rules = ignore_rules(tmp_path)
    assert rules("art.psd", False)
    assert rules("keep.psd", False)
    assert not rules("art.png", False)
