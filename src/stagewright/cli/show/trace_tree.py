"""A trace as a tree for a person: buildpacks, scripts, functions and files, commands; the slowest first everywhere.

Pure, like wording: lines of words, each with a style; what prints them knows whether there is a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stagewright.cli.show.safety import harmless
from stagewright.model.quantities import show_duration, show_size
from stagewright.model.trace import EnvironmentChange, ScriptTrace, Trace, TracedBuildpack, TracedCommand
from stagewright.model.trace_timing import places, slowest
from stagewright.staging.trace_words import identity_lines, wrote_words, xtrace_words

_BAR = 12
_PLACES = 4
_COMMANDS = 4
_TEXT = 140
"""Characters of a command, and of a value, unless all is asked for."""
_STYLES = {"title": "bold", "script": "bold cyan", "slow": "yellow", "detail": "dim", "failed": "bold red"}


@dataclass(frozen=True)
class Node:
    """One line of the tree, and what is below it."""

    text: str
    style: str = ""
    below: tuple[Node, ...] = field(default_factory=tuple)


def trace_tree(trace: Trace, full: bool = False) -> Node:
    """The whole trace. Without ``full`` only the slowest places and commands, and long texts cut."""
    by_buildpack: dict[int, list[ScriptTrace]] = {}
    for script in trace.scripts:
        by_buildpack.setdefault(script.buildpack, []).append(script)
    times = {index: sum(script.seconds for script in scripts) for index, scripts in by_buildpack.items()}
    order = sorted(by_buildpack, key=lambda index: -times[index])
    scripts = sum(times.values())
    outcome = f" · {harmless(trace.outcome)}" if trace.outcome else ""
    head = (
        f"{trace.app} on {trace.stack} · build {trace.build} · {show_duration(trace.seconds)} "
        f"(scripts {show_duration(scripts)}){outcome}"
    )
    below = [Node(f"began {trace.started:%Y-%m-%d %H:%M:%S %Z}, stack {trace.stack_digest}", "detail")]
    for index in order:
        below.append(_buildpack(trace.buildpacks[index], by_buildpack[index], times[index], trace.seconds, full))
    return Node(head, "title", tuple(below))


def _buildpack(
    buildpack: TracedBuildpack, scripts: Iterable[ScriptTrace], seconds: float, total: float, full: bool
) -> Node:
    origin = tuple(Node(harmless(line), "detail") for line in identity_lines(buildpack))
    nodes = (script_node(script, total, full) for script in sorted(scripts, key=lambda one: -one.seconds))
    return Node(f"{_share(seconds, total)}  {harmless(str(buildpack))}", "title", (*origin, *nodes))


def script_node(script: ScriptTrace, total: float, full: bool) -> Node:
    """One run of a script with all that is known of it."""
    failed = f", exit code {script.exit_code}" if script.exit_code else ""
    used = f"{', '.join(['', *_used(script)])}"
    text = f"{_share(script.seconds, total)}  {harmless(script.script)}{used}{failed}"
    details = [Node(line, "detail") for line in script_lines(script, full)]
    return Node(text, "failed" if script.failed else "script", (*details, *_place_nodes(script, full)))


def _used(script: ScriptTrace) -> Iterator[str]:
    if script.cpu_seconds is not None:
        yield f"CPU {show_duration(script.cpu_seconds)}"
    if script.peak_memory is not None:
        yield f"peak memory {show_size(script.peak_memory)}"


def script_lines(script: ScriptTrace, full: bool) -> Iterator[str]:
    """Arguments, what it wrote, what changed in its environment, what its shells told."""
    yield _cut(f"in {script.cwd}: {' '.join(script.argv)}", full)
    for tree, change in script.wrote.items():
        yield f"wrote {harmless(tree)}: {wrote_words(change)}"
        if full and change.largest:
            yield f"  largest: {', '.join(f'{harmless(file.path)} ({show_size(file.size)})' for file in change.largest)}"
    yield from _environment_lines(script.environment, full)
    yield f"xtrace {harmless(xtrace_words(script))}"


def _environment_lines(change: EnvironmentChange, full: bool) -> Iterator[str]:
    if not change:
        return
    against = f" against {harmless(change.against)}" if change.against else ""
    yield f"environment{against}:"
    for name, value in change.added.items():
        yield _cut(f"  + {name}={value}", full)
    for name, changed in change.changed.items():
        yield _cut(f"  ~ {name}={changed.after}  (was {changed.before})", full)
    for name in change.removed:
        yield _cut(f"  - {name}", full)


def _place_nodes(script: ScriptTrace, full: bool) -> Iterator[Node]:
    found = places(script.xtrace.commands)
    shown = found if full else found[:_PLACES]
    for one in shown:
        commands = slowest(one.commands) if full else one.commands[:_COMMANDS]
        below = [_command_node(command, script.seconds, full) for command in commands]
        if len(commands) < len(one.commands):
            below.append(Node(f"… {len(one.commands) - len(commands)} more", "detail"))
        yield Node(f"{_share(one.seconds, script.seconds)}  {harmless(str(one.place))}", "", tuple(below))
    if len(shown) < len(found):
        yield Node(f"… {len(found) - len(shown)} more files and functions (--full shows all)", "detail")


def _command_node(command: TracedCommand, total: float, full: bool) -> Node:
    style = "slow" if total and command.seconds >= total / 4 else ""
    return Node(f"{_share(command.seconds, total)}  {command.line}: {_cut(command.text, full)}", style)


def _share(seconds: float, total: float) -> str:
    """A bar, per cent, and the time."""
    part = min(1.0, seconds / total) if total else 0.0
    whole = round(part * _BAR)
    return f"{'█' * whole}{'·' * (_BAR - whole)} {part * 100:3.0f}% {show_duration(seconds):>8}"


def _cut(text: str, full: bool) -> str:
    """One line of harmless text."""
    line = harmless(text.replace("\n", "⏎"))
    return line if full or len(line) <= _TEXT else f"{line[: _TEXT - 2]} …"


def tree_lines(node: Node) -> Iterator[tuple[str, str]]:
    """The lines of a tree with its branches, each with its style."""
    yield node.text, node.style
    yield from _branches(node.below, "")


def _branches(nodes: tuple[Node, ...], indent: str) -> Iterator[tuple[str, str]]:
    for index, node in enumerate(nodes):
        last = index == len(nodes) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}{node.text}", node.style
        yield from _branches(node.below, f"{indent}{'   ' if last else '│  '}")


def print_trace(trace: Trace, *, full: bool = False) -> None:
    """The tree on standard output; with colour where that is a terminal."""
    lines = tree_lines(trace_tree(trace, full))
    if not sys.stdout.isatty():
        for line, _ in lines:
            sys.stdout.write(
                f"{line}\n".encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding or "utf-8")
            )
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for line, style in lines:
        console.print(Text(line, style=_STYLES.get(style, "")))
