"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import overhead, packing, second
from benchmarks.command import COMMAND, NotMeasured, shared_stacks
from benchmarks.report import Report, document, text

BENCHMARKS: dict[str, Callable[[Path, int], Report]] = {
    "overhead": overhead.measure,
    "packing": packing.measure,
    "second": second.measure,
}
_ROUNDS = {"overhead": 9, "packing": 3, "second": 3}


def main() -> int:
    """Run what is asked for. 0 whatever the figures say; 1 where something could not be measured at all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all where none is named")
    parser.add_argument("--json", action="store_true", help="one JSON object a benchmark")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured")
    asked = parser.parse_args()
    for name in asked.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    if not COMMAND.exists() or not (shared_stacks() / "debian12").is_dir():
        sys.stderr.write("There is no installed command or no stack: run 'make stack' first.\n")
        return 1
    failed = 0
    for name in asked.names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="stagewright-bench-") as place:
            try:
                report = BENCHMARKS[name](Path(place), asked.rounds or _ROUNDS[name])
            except NotMeasured as problem:
                sys.stderr.write(f"{name} could not be measured: {problem}\n")
                failed = 1
                continue
        print(json.dumps(document(report)) if asked.json else f"{text(report)}\n", flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
