"""What tests of several parts share: a fixture, the order under workers, and how hypothesis searches."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.odd_trees import make_odd_tree

settings.register_profile("the suite", deadline=None, derandomize=True)
settings.load_profile("the suite")
"""The same examples in every run, and no limit of time for one: a busy machine is no failure. Another search:
``pytest --hypothesis-profile=default tests/unit``."""

_COSTLY_FIRST = ("e2e", "conformance", "integration", "contracts", "unit", "architecture")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files go to several workers, begin with folders whose tests stage: else a worker ends alone with a long file.

    A folder that has no place in the order comes first. Without workers the order is the folders' own.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _place_of(item.path.relative_to(Path(__file__).parent).parts[0]))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are called by their place: workers must agree on the names of tests, and a gzip file holds the time."""
    return argname if isinstance(val, bytes) else None


def _place_of(folder: str) -> int:
    return _COSTLY_FIRST.index(folder) if folder in _COSTLY_FIRST else -1


@pytest.fixture
def odd_tree(tmp_path: Path) -> Path:
    """A directory with everything that an app or a buildpack may leave behind and that must survive."""
    root = tmp_path / "odd"
    make_odd_tree(root)
    return root
