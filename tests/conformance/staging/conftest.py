"""Which builder the suite is run against: ``--builder stage|drop-in|nothing|PATH``; the first two where nothing is said.

PATH is any program with the flags of Cloud Foundry's builder, as its own is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.conformance.staging.buildpacks import Buildpack
from tests.conformance.staging.drivers import Builder, Staging
from tests.conformance.staging.drop_in import DropIn, nothing
from tests.conformance.staging.installed import StagewrightStage
from tests.conformance.staging.outcome import Outcome

OURS = ("stage", "drop-in")
PYTHON = Path(sys.executable)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--builder", default=None, help="stage, drop-in, nothing, or a program with the builder's flags")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only(builder): the clause concerns this builder alone, 'stage' or 'drop-in'")
    config.addinivalue_line("markers", "unlike(reason): why Cloud Foundry's own builder fails here, and ours must not")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test is run against the builders that it concerns; the one that does nothing stands in for any of them."""
    if "builder" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("builder", default=None)
    only = [mark.args[0] for mark in metafunc.definition.iter_markers("only")]
    concerned = tuple(only) or OURS
    if asked is None:
        chosen = [name for name in OURS if name in concerned]
    elif asked in OURS or asked != "nothing":
        chosen = [asked] if (asked if asked in OURS else "drop-in") in concerned else []
    else:
        chosen = [asked]
    metafunc.parametrize(
        "builder", chosen, indirect=True, ids=[name if name in (*OURS, "nothing") else "program" for name in chosen]
    )


@pytest.fixture(autouse=True)
def unlike(request: pytest.FixtureRequest) -> None:
    """A program that is given by its path is taken for Cloud Foundry's own."""
    if request.config.getoption("builder", default=None) in (None, *OURS, "nothing"):
        return
    for mark in request.node.iter_markers("unlike"):
        request.applymarker(pytest.mark.xfail(strict=True, reason=mark.args[0]))


@pytest.fixture(autouse=True)
def clauses(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Which clauses a test asserts stands in its report too."""
    for mark in request.node.iter_markers("clause"):
        for clause in mark.args:
            record_property("clause", clause)


@pytest.fixture(scope="session")
def builder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Builder:
    match request.param:
        case "stage":
            return StagewrightStage(PYTHON.with_name("stagewright"))
        case "drop-in":
            return DropIn(PYTHON.with_name("stagewright-builder"))
        case "nothing":
            return nothing(tmp_path_factory.mktemp("nothing"))
        case path:
            return DropIn(Path(path).resolve())


class Stage(Protocol):
    """Stages with the builder of the test. Keywords are the fields of Staging."""

    def __call__(self, *buildpacks: Buildpack, **asked: Any) -> Outcome: ...


@pytest.fixture
def stage(builder: Builder, tmp_path: Path) -> Stage:
    numbers = count()

    def staged(*buildpacks: Buildpack, **asked: Any) -> Outcome:
        return builder.stage(Staging(buildpacks, **asked), tmp_path / str(next(numbers)))

    return staged
