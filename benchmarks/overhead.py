"""What the platform adds to a staging: wall time of the whole command, less the seconds of its scripts.

The stack is there and caches are warm. The scripts' own time begins when a script's process has been started and ends when it has
ended: starting it is the platform's.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import COMMAND, EXAMPLES, Installation, Run, do_nothing_buildpack
from benchmarks.report import Figure, Report, Samples, Table, Target

ADDED = Target(at_most=0.8)
_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*\d+ \| \s*(\S+)")
_OF_SCRIPTS = frozenset({"detect", "supply", "finalize", "compile", "release"})


@dataclass(frozen=True)
class _App:
    name: str
    path: Path
    flags: tuple[str | Path, ...] = ()


def measure(place: Path, rounds: int) -> Report:
    """Every app once to warm its cache, then ``rounds`` times in turn."""
    (place / "one-file").mkdir()
    (place / "one-file" / "README").write_text("An app of one file.\n", encoding="utf-8")
    nothing = do_nothing_buildpack(place / "nothing")
    apps = (
        _App("one file, a do-nothing buildpack", place / "one-file", ("--buildpack", nothing)),
        _App("static-site, detected", EXAMPLES / "static-site"),
        _App("flask-shop, detected", EXAMPLES / "flask-shop"),
    )
    installation = Installation(place / "installation")
    runs: dict[str, list[Run]] = {app.name: [] for app in apps}
    interpreter = []
    for number in range(rounds + 1):
        interpreter.append(_seconds([sys.executable, "-c", "pass"], installation))
        for app in apps:
            run = installation.stage(app.path, *app.flags)
            if number:
                runs[app.name].append(run)
    figures = [_figure(name, taken) for name, taken in runs.items()]
    starting = Samples(tuple(interpreter[1:]))
    tables = (_where(runs, starting), _imports(installation, apps[0]))
    return Report("overhead", "nothing: seconds beyond the scripts' own", tuple(figures), tables)


def _figure(name: str, runs: list[Run]) -> Figure:
    return Figure.absolute(name, Samples(tuple(run.wall - run.scripts for run in runs)), ADDED)


def _where(runs: dict[str, list[Run]], interpreter: Samples) -> Table:
    """Medians of the parts, in milliseconds."""
    columns = {name: [_parts(run, interpreter.median) for run in taken] for name, taken in runs.items()}
    parts = dict.fromkeys(part for taken in columns.values() for one in taken for part in one)
    rows = [
        (part, *(_milliseconds(one.get(part, 0.0) for one in taken) for taken in columns.values())) for part in parts
    ]
    rows.append(("all of it", *(_milliseconds(run.wall - run.scripts for run in taken) for taken in runs.values())))
    rows.append(("processor time, scripts too", *(_milliseconds(run.cpu for run in taken) for taken in runs.values())))
    return Table("where it goes, in ms (medians)", ("part", *columns), tuple(rows))


def _parts(run: Run, interpreter: float) -> dict[str, float]:
    """The platform's share of one run, by part, in seconds; what no part covers is ``else``."""
    own = {name: seconds for name, seconds in run.parts.items() if name not in _OF_SCRIPTS}
    early = sum(own.get(name, 0.0) for name in ("sweep", "source", "stack", "buildpacks"))
    outside = {"the interpreter": interpreter, "imports and arguments": run.before - early - interpreter}
    covered = {**outside, **own, "after the result": run.after}
    return {**covered, "else": run.wall - run.scripts - sum(covered.values())}


def _imports(installation: Installation, app: _App) -> Table:
    """What `stage` imports, by package: ``-X importtime`` of one run, which makes everything slower than it is."""
    droplet = installation.place / "droplet.tgz"
    call = [sys.executable, "-X", "importtime", str(COMMAND), "stage", str(app.path), "--droplet", str(droplet)]
    ended = subprocess.run(
        [*call, *map(str, app.flags)], env=installation.environment(), capture_output=True, text=True, check=True
    )
    spent: dict[str, list[int]] = {}
    for microseconds, module in _IMPORT.findall(ended.stderr):
        spent.setdefault(_package(module), []).append(int(microseconds))
    ordered = sorted(spent.items(), key=lambda item: -sum(item[1]))
    rows = [(name, str(len(times)), f"{sum(times) / 1000:.0f}") for name, times in ordered if sum(times) >= 1000]
    rows.append(("all", str(sum(map(len, spent.values()))), f"{sum(map(sum, spent.values())) / 1000:.0f}"))
    return Table("imports, by package", ("package", "modules", "ms"), tuple(rows))


def _package(module: str) -> str:
    """Ours by folder, the others by their top name."""
    names = module.split(".")
    if names[0] == "stagewright":
        return ".".join(names[:2])
    standard = {name.lstrip("_") for name in sys.stdlib_module_names}
    return "the standard library" if names[0].lstrip("_") in standard else names[0]


def _seconds(call: list[str], installation: Installation) -> float:
    began = time.monotonic()
    subprocess.run(call, env=installation.environment(), check=True, stdin=subprocess.DEVNULL)
    return time.monotonic() - began


def _milliseconds(seconds: Iterable[float]) -> str:
    return f"{Samples(tuple(seconds)).median * 1000:.0f}"
