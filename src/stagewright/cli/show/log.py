"""The log of a build: plain lines for a pipe; colour and a bar that moves for a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from stagewright.cli.show.safety import harmless
from stagewright.cli.show.wording import Line, Role, lines_of
from stagewright.model.events import ActionFinished, ActionStarted, Event, Progressed
from stagewright.model.quantities import show_size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PREFIX = {
    Role.TITLE: "",
    Role.PHASE: "===> ",
    Role.OUTPUT: "",
    Role.ERROR_OUTPUT: "",
    Role.DETAIL: "     ",
    Role.WARNING: "  !  ",
    Role.FAILURE: "",
    Role.SUCCESS: "===> ",
}
_STYLE = {
    Role.TITLE: "bold",
    Role.PHASE: "bold cyan",
    Role.DETAIL: "dim",
    Role.WARNING: "yellow",
    Role.FAILURE: "bold red",
    Role.SUCCESS: "bold green",
}


class Log(Protocol):
    """Shows events and lines; entered for as long as the work lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event(self, event: Event) -> None: ...

    def line(self, line: Line) -> None: ...


class PlainLog(AbstractContextManager["PlainLog"]):
    """Lines without colour. Long steps say how far they are every few seconds, since nobody sees a bar in a file."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._what, self._said = "", 0.0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.flush()

    def event(self, event: Event) -> None:
        if isinstance(event, Progressed):
            self._progress(event)
        for line in lines_of(event):
            self.line(line)

    def line(self, line: Line) -> None:
        self._out.write(f"{_PREFIX[line.role]}{harmless(line.text)}\n")
        self._out.flush()

    def paused(self) -> AbstractContextManager[None]:
        """While somebody else writes to where this goes."""
        return nullcontext()

    def _progress(self, event: Progressed) -> None:
        now = time.monotonic()
        if event.what != self._what:
            self._what, self._said = event.what, now
        if now - self._said >= 5:
            self._said = now
            self.line(Line(Role.DETAIL, f"{event.what}: {_amount(event)}".removesuffix(": ")))


class LiveLog(AbstractContextManager["LiveLog"]):
    """Lines with colour above one bar, which is there only while something long goes on."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(file=out, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._bar: Progress = Progress(
            TextColumn("     {task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            refresh_per_second=8,
        )
        self._task: TaskID | None = None
        self._what = ""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()
        self._bar.stop()

    def event(self, event: Event) -> None:
        match event:
            case Progressed():
                self._show(event)
            case ActionStarted(action=action):
                self._show(Progressed(action.step.verb_noun, 0, None))
            case ActionFinished():
                self._clear()
            case _:
                pass
        for line in lines_of(event):
            self.line(line)

    def line(self, line: Line) -> None:
        from rich.text import Text

        self._console.print(Text(f"{_PREFIX[line.role]}{harmless(line.text)}", style=_STYLE.get(line.role, "")))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While somebody else writes to the terminal."""
        self._clear()
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def _show(self, event: Progressed) -> None:
        if self._task is None or event.what != self._what:
            self._clear()
            self._what = event.what
            self._task = self._bar.add_task(harmless(event.what), total=event.total, amount="")
        self._bar.update(self._task, completed=event.done, total=event.total, amount=_amount(event))

    def _clear(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None


def _amount(event: Progressed) -> str:
    """How far, in words: ``3.1 MB of 20.0 MB``, ``12 of 56 packages``; nothing where there is nothing to tell."""
    if not event.done:
        return ""
    if event.unit == "bytes":
        return show_size(event.done) + (f" of {show_size(event.total)}" if event.total else "")
    return f"{event.done}" + (f" of {event.total}" if event.total else "") + f" {event.unit}"


def open_log(out: TextIO) -> PlainLog | LiveLog:
    """The log that fits where it goes."""
    return LiveLog(out) if out.isatty() else PlainLog(out)
