"""How a command ends: a Problem becomes words and an exit code; signals become Cancelled, once."""

from __future__ import annotations

import json
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from stagewright.cli.exit_codes import BUG, CANCELLED, exit_code
from stagewright.cli.show.log import PlainLog, open_log
from stagewright.cli.show.wording import failure_lines
from stagewright.errors import Cancelled, Problem

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def cancelled_by_signals() -> Iterator[None]:
    """The first Ctrl-C or SIGTERM raises Cancelled where the work is; while that is cleaned up, further ones are not heard."""

    def cancel(number: int, frame: FrameType | None) -> None:
        del number, frame
        for other in _SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise Cancelled()

    before = [(number, signal.signal(number, cancel)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def stopped_by_signals(stop: Callable[[], bool]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM calls ``stop``, which lets the work end by itself; a second one raises Cancelled.

    So does the first where ``stop`` says that nothing runs yet.
    """
    heard = 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        del number, frame
        heard += 1
        if heard > 1 or not stop():
            raise Cancelled()

    before = [(number, signal.signal(number, hear)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def run_to_end(work: Callable[[], int], *, told: Callable[[], bool] = lambda: False, as_json: bool = False) -> int:
    """Do ``work``; the exit code of the process. What a log already told of a Problem is not said twice."""
    try:
        return work()
    except Problem as problem:
        if not told():
            (say_as_json if as_json else say)(problem)
        return exit_code(problem).code
    except KeyboardInterrupt:
        return CANCELLED.code
    except BrokenPipeError:
        # Whoever read our output has gone; that is not a failure to tell anybody of.
        with suppress(OSError):
            sys.stdout.close()
        return 141
    except Exception as error:
        traceback.print_exc()
        sys.stderr.write(
            f"\nStagewright failed in a way that nobody foresaw ({type(error).__name__}). Nothing of yours is "
            f"lost: sources are only "
            "read.\nPlease report the lines above.\n"
        )
        return BUG.code


def say_as_json(problem: Problem) -> None:
    """Tell a Problem to a program: the event ``failed``, on standard output."""
    said = {"brief": problem.brief(), "hint": problem.hint(), "details": problem.details()}
    document = {"event": "failed", "error": type(problem).__name__, "fault": problem.whose_fault().value, **said}
    sys.stdout.write(json.dumps(document) + "\n")


def say(problem: Problem) -> None:
    """Tell a Problem on standard error."""
    log = open_log(sys.stderr) if sys.stderr.isatty() else PlainLog(sys.stderr)
    with log:
        for line in failure_lines(problem.brief(), problem.hint(), problem.details(), problem.whose_fault()):
            log.line(line)
