"""What a command loads is a promise: it is most of the time of a small staging."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NEVER = {
    "sqlalchemy",
    "fastapi",
    "dbos",
    "pydantic",
    "httpx",
    "starlette",
    "uvicorn",
    "alembic",
    "cryptography",
    "asyncio",
}
THIRD_PARTY_OF_STAGE = {
    "typer",
    "click",
    "yaml",
    "_yaml",
    "isal",
    "xxhash",
    "pathspec",
    "rich",
    "shellingham",
    "typing_extensions",
    "annotated_doc",
    "pygments",
    "markdown_it",
    "mdurl",
    "cython_runtime",  # of libyaml's loader
}


def loaded_by(code: str, **env: str) -> set[str]:
    """Top-level modules that are loaded after ``code`` ran in a new interpreter."""
    program = f"import sys\n{code}\nprint(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    call = [sys.executable, "-c", program]
    ended = subprocess.run(call, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


STAGE = (
    "import stagewright.cli.main, stagewright.services.stage, stagewright.wiring.command_line, stagewright.settings\n"
    "import stagewright.staging.building"
)


def test_stage_loads_no_server_no_database_and_no_event_loop() -> None:
    assert not loaded_by(STAGE) & NEVER


def test_stage_loads_only_the_libraries_that_it_needs() -> None:
    foreign = {
        name
        for name in loaded_by(STAGE)
        if name not in sys.stdlib_module_names
        and not name.startswith(("_", "stagewright", "sitecustomize", "usercustomize"))
    }
    assert foreign <= THIRD_PARTY_OF_STAGE, foreign - THIRD_PARTY_OF_STAGE


def test_the_command_itself_loads_none_of_them_on_its_way(tmp_path: Path) -> None:
    """Imports inside of functions count, too: typer 0.29 loaded pydantic where it parsed the arguments."""
    command = (
        "from stagewright.cli.main import command_line\n"
        "try: command_line('stage')(['stage', '/does/not/exist', '--name', 'app', '--json'])\n"
        "except SystemExit as end: assert end.code == 2, end.code\n"
    )
    places = {f"STAGEWRIGHT_{place}": str(tmp_path / place) for place in ("STATE", "CACHE")}
    loaded = loaded_by(command, **places)
    assert "stagewright" in loaded
    assert not loaded & (NEVER | {"rich"})


def test_a_staging_does_not_pay_for_a_trace() -> None:
    program = f"{STAGE}\nimport stagewright.services.cell, stagewright.cli.show.log, sys\nprint(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert "stagewright.services.tracing" in loaded
    traced = {"model.trace", "model.trace_document", "buildpacks.tracing", "staging.tracing", "staging.trace_words"}
    assert not {f"stagewright.{name}" for name in traced} & loaded


def test_a_pipe_does_not_pay_for_the_terminal() -> None:
    assert "rich" not in loaded_by(STAGE)


@pytest.mark.parametrize("module", ["stagewright.model", "stagewright.ports", "stagewright.errors"])
def test_the_lowest_floors_load_the_standard_library_alone(module: str) -> None:
    names = loaded_by(
        f"import importlib, pkgutil, {module} as top\n"
        f"[importlib.import_module(m.name) for m in pkgutil.walk_packages(getattr(top, '__path__', []), '{module}.')]"
    )
    foreign = {
        n for n in names if n not in sys.stdlib_module_names and not n.startswith(("_", "stagewright", "sitecustomize"))
    }
    assert not foreign
