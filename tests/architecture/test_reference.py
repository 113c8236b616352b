"""Documentation that can be asserted is: generated pages are fresh, and the names that pages use exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts.write_reference import PAGES, REFERENCE

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
LIFE = DOCS / "explanation" / "life-of-a-build.md"


@pytest.mark.parametrize("name", list(PAGES))
def test_generated_pages_are_what_the_code_says(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_the_life_of_a_build_names_what_exists() -> None:
    """Each `path/file.py` of the page is a file, and each name in brackets behind it is defined there."""
    text = LIFE.read_text(encoding="utf-8")
    mentions = re.findall(r"`([a-z_/]+\.(?:py|sh))`(?: \(([^)]*)\))?", text)
    assert len(mentions) >= 20
    for path, names in mentions:
        file = ROOT / "src" / "stagewright" / path
        assert file.is_file(), f"{path} is not there"
        for name in re.findall(r"`(\w+)`", names or ""):
            assert re.search(rf"\b(def|class) {name}\b|^{name}\b", file.read_text(encoding="utf-8"), re.M), (path, name)


def every_page() -> list[Path]:
    return [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", every_page(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_exit_code_is_its_own() -> None:
    from stagewright.cli.exit_codes import TABLE

    assert len({one.code for one in TABLE}) == len({one.name for one in TABLE}) == len(TABLE)


def test_every_problem_has_an_exit_code_and_says_what_happened() -> None:
    """Every leaf of the tree of errors is reached by the table; classes are gathered by importing the whole package."""
    import importlib
    import pkgutil

    import stagewright
    from stagewright.cli.exit_codes import _CLASSES
    from stagewright.errors import Problem

    for module in pkgutil.walk_packages(stagewright.__path__, "stagewright."):
        if ".builtins" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    mapped = tuple(class_ for class_, _ in _CLASSES)
    leaves = [class_ for class_ in subclasses(Problem) if class_.__module__ != "stagewright.errors"]
    assert len(leaves) > 20
    for leaf in leaves:
        assert issubclass(leaf, mapped), leaf
        assert leaf.brief is not Problem.brief, leaf
        assert leaf.__doc__, leaf


def subclasses(class_: type) -> list[type]:
    return [found for child in class_.__subclasses__() for found in (child, *subclasses(child))]
