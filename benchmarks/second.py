"""The second, unchanged staging of each example against its first.

The first begins with an empty cache directory and downloads everything; the stack is there. Scripts run again in the second: it
is fast because of what buildpacks keep in their caches.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.command import EXAMPLES, Installation, Run
from benchmarks.report import Figure, Report, Samples, Table, Target

SHARE = Target(at_most=0.40)
_APPS = ("flask-shop", "express-api", "static-site")


def measure(place: Path, rounds: int) -> Report:
    """Each round begins with nothing kept, and stages every example twice."""
    runs: dict[str, list[tuple[Run, Run]]] = {app: [] for app in _APPS}
    for number in range(rounds):
        for app in _APPS:
            installation = Installation(place / f"{app}-{number}")
            first = installation.stage(EXAMPLES / app)
            runs[app].append((first, installation.stage(EXAMPLES / app)))
            shutil.rmtree(installation.place)
    return Report(
        name="second",
        against="the first staging, with an empty cache",
        figures=tuple(_figure(app, pairs) for app, pairs in runs.items()),
        tables=(_table(runs),),
    )


def _figure(app: str, pairs: list[tuple[Run, Run]]) -> Figure:
    first = Samples(tuple(one.wall for one, _ in pairs))
    second = Samples(tuple(two.wall for _, two in pairs))
    return Figure.share(f"{app}: second of first", second, first, SHARE)


def _table(runs: dict[str, list[tuple[Run, Run]]]) -> Table:
    rows = []
    for app, pairs in runs.items():
        for which, name in ((0, "first"), (1, "second")):
            taken = [pair[which] for pair in pairs]
            scripts = Samples(tuple(run.scripts for run in taken))
            platform = Samples(tuple(run.wall - run.scripts for run in taken))
            parts = sorted(taken, key=lambda run: run.wall)[len(taken) // 2].parts
            slowest = sorted(((s, n) for n, s in parts.items()), reverse=True)[:3]
            rows.append(
                (
                    f"{app}, {name}",
                    f"{scripts.median:.2f}",
                    f"{platform.median:.2f}",
                    ", ".join(f"{name} {seconds:.2f}" for seconds, name in slowest),
                )
            )
    return Table("seconds (medians)", ("staging", "scripts", "platform", "longest parts"), tuple(rows))
