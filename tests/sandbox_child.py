"""A program that opens a container and stays in it, for tests that kill it or look at it from outside.

    sandbox_child.py KIND STATE WORK hold|attach [GRACE] ARGV…

KIND is a sandbox as in --sandbox. ``hold`` runs ARGV, ``attach`` attaches it; SIGTERM stops it with GRACE seconds. Ends with the
command's code.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from stagewright.model.containers import Cause, Command
from stagewright.sandbox import choose
from tests.sandbox_root import root_filesystem
from tests.sandboxes import ENVIRONMENT, HOME, Workplace, Written


def main(kind: str, state: str, work: str, how: str, grace: str, *argv: str) -> int:
    sandbox = choose(kind, runtime=None, state=Path(state))
    place = Workplace(Path(work), root_filesystem(), sandbox.owner)
    with sandbox.open(place.spec()) as session:
        signal.signal(signal.SIGTERM, lambda *_: session.stop(Cause.CANCELLED, float(grace)))
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the program's
        command = Command(argv, session.path_of(HOME), ENVIRONMENT)
        if how == "attach":
            return session.attach(command)
        return session.run(command, Written()).code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
