"""Fixtures that tests of several parts share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.odd_trees import make_odd_tree


@pytest.fixture
def odd_tree(tmp_path: Path) -> Path:
    """A directory with everything that an app or a buildpack may leave behind and that must survive."""
    root = tmp_path / "odd"
    make_odd_tree(root)
    return root
