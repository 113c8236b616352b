"""A trace as one HTML page: it fetches nothing, runs nothing but its own filter, and says so to the browser (CSP by hash)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib import resources

from stagewright.cli.show.markup import Markup, element, joined
from stagewright.model.quantities import show_duration, show_size
from stagewright.model.trace import ScriptTrace, Trace, TracedCommand
from stagewright.model.trace_timing import TimedPlace, places, slowest
from stagewright.staging.trace_words import identity_lines, wrote_words

_SLOWEST = 15
_AT_LEAST = 5
"""Commands that are told as the slowest even where each took less than a hundredth of the build."""
_MOST_COMMANDS = 1000
"""Commands of one script on the page, the slowest: a browser lays out more than that only slowly."""


def trace_page(trace: Trace) -> str:
    """The whole document."""
    style = _asset("trace_page.css")
    script = _asset("trace_page.js")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"Trace of {trace.app}, build {trace.build.short}"),
        element("style", Markup(style)),
    )
    body = element("body", _header(trace), _main(trace), element("script", Markup(script)))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en').html}\n"


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _header(trace: Trace) -> Markup:
    outcome = element("span", trace.outcome, class_="good" if trace.outcome == "staged" else "bad")
    began = f"{trace.started:%Y-%m-%d %H:%M:%S} UTC"
    return element(
        "header",
        element("h1", f"{trace.app} on {trace.stack}"),
        element("p", outcome) if trace.outcome else Markup(""),
        element("p", "build ", element("code", str(trace.build)), f", began {began}", class_="soft"),
        element("p", "stack ", element("code", str(trace.stack_digest)), class_="soft"),
        _tiles(trace),
    )


def _tiles(trace: Trace) -> Markup:
    spent = sum(script.seconds for script in trace.scripts)
    tiles = [("The whole build", show_duration(trace.seconds), ""), ("In scripts", show_duration(spent), "")]
    if trace.scripts:
        longest = max(trace.scripts, key=lambda script: script.seconds)
        tiles.append(("Slowest script", show_duration(longest.seconds), _name(trace, longest)))
    measured = [script.cpu_seconds for script in trace.scripts if script.cpu_seconds is not None]
    if measured:
        tiles.append(("Processor time", show_duration(sum(measured)), ""))
    peaks = [(script.peak_memory, script) for script in trace.scripts if script.peak_memory is not None]
    if peaks:
        peak, script = max(peaks, key=lambda pair: pair[0])
        tiles.append(("Peak memory", show_size(peak), _name(trace, script)))
    shown = (
        element("div", element("dt", what), element("dd", value, *([element("small", of)] if of else [])))
        for what, value, of in tiles
    )
    return element("dl", *shown, class_="tiles")


def _name(trace: Trace, script: ScriptTrace) -> str:
    return f"{script.script} {trace.buildpacks[script.buildpack]}"


def _main(trace: Trace) -> Markup:
    field = element(
        "input", id="filter", type="search", autocomplete="off", placeholder="curl, PATH, vendor …  (press /)"
    )
    label = element("label", "Filter", for_="filter")
    find = element(
        "div", label, field, element("output", id="count", for_="filter"), id="find", class_="find", hidden=True
    )
    return element("main", find, _time_line(trace), _slowest_commands(trace), *_buildpacks(trace))


def _bar(begin: float, seconds: float, total: float, kind: str = "run") -> Markup:
    """Where in ``total`` something ran. Widths are attributes: the page's policy allows no inline style."""
    scale = 1000 / total if total > 0 else 0.0
    start = min(begin * scale, 1000.0)
    width = min(max(seconds * scale, 3.0), 1000.0)
    rail = element("rect", class_="rail", x="0", y="5", width="1000", height="4")
    run = element("rect", class_=kind, x=f"{min(start, 1000 - width):.1f}", y="0", width=f"{width:.1f}", height="14")
    return element("svg", rail, run, viewBox="0 0 1000 14", preserveAspectRatio="none", aria_hidden="true")


def _time_line(trace: Trace) -> Markup:
    total = max([trace.seconds, *(script.started + script.seconds for script in trace.scripts)])
    longest = max((script.seconds for script in trace.scripts), default=0.0)
    lanes = []
    for index, script in enumerate(trace.scripts):
        kind = "failed" if script.failed else "slow" if script.seconds == longest else "run"
        lanes.append(
            element(
                "a",
                element("span", _name(trace, script), title=_name(trace, script)),
                _bar(script.started, script.seconds, total, kind),
                element("span", show_duration(script.seconds), class_="time"),
                href=f"#script-{index}",
                class_="lane",
            )
        )
    ticks = [element("span", show_duration(total * part / 4) if part else "0") for part in range(5)]
    axis = element("div", element("span"), element("div", *ticks), element("span"), class_="lane axis")
    return joined(element("h2", "Time line"), element("div", *lanes, axis, class_="sheet"))


def _slowest_commands(trace: Trace) -> Markup:
    told = [(script, command) for script in trace.scripts for command in slowest(script.xtrace.commands)[:_SLOWEST]]
    if not told:
        return Markup("")
    told.sort(key=lambda pair: -pair[1].seconds)
    total = max(trace.seconds, *(script.started + script.seconds for script in trace.scripts))
    rows = [
        _row(
            command,
            _bar(script.started + command.offset, command.seconds, total),
            f"{_name(trace, script)}\n{_at(command)}",
        )
        for index, (script, command) in enumerate(told[:_SLOWEST])
        if index < _AT_LEAST or command.seconds >= total / 100
    ]
    return joined(
        element("h2", "Slowest commands"), element("div", _commands_table(rows, "In the build"), class_="sheet table")
    )


def _at(command: TracedCommand) -> str:
    function = f" in {command.function}" if command.function else ""
    return f"{command.file or 'bash -c'}:{command.line}{function}"


def _row(command: TracedCommand, bar: Markup, where: str) -> Markup:
    lines = [part for line in where.split("\n") for part in (element("br"), line)][1:]
    return element(
        "tr",
        element("td", show_duration(command.seconds), class_="time"),
        element("td", bar, class_="lines"),
        element("td", *lines, class_="where soft"),
        element("td", _several_lines(command.text), class_="what"),
        data_row=True,
    )


def _several_lines(text: str) -> Markup:
    parts = [part for line in text.split("\n") for part in (Markup("\n"), line)][1:]
    return element("div", *parts, class_="code")


def _commands_table(rows: list[Markup], bar: str) -> Markup:
    heads = [element("th", "Took", class_="time"), *(element("th", name) for name in (bar, "Where", "Command"))]
    return element("table", element("thead", element("tr", *heads)), element("tbody", *rows), class_="commands")


def _buildpacks(trace: Trace) -> Iterator[Markup]:
    """Buildpacks in the order in which they ran; the tree and the time line already tell which was slow."""
    for index, buildpack in enumerate(trace.buildpacks):
        scripts = [(number, script) for number, script in enumerate(trace.scripts) if script.buildpack == index]
        if scripts:
            yield element("h2", str(buildpack))
            yield joined(*(element("p", line, class_="soft code") for line in identity_lines(buildpack)))
            for number, script in sorted(scripts, key=lambda pair: -pair[1].seconds):
                yield _script(trace, number, script)


def _script(trace: Trace, number: int, script: ScriptTrace) -> Markup:
    facts = [show_duration(script.seconds)]
    if script.cpu_seconds is not None:
        facts.append(f"processor {show_duration(script.cpu_seconds)}")
    if script.peak_memory is not None:
        facts.append(f"peak memory {show_size(script.peak_memory)}")
    kind = "bad" if script.failed else "soft"
    ending = element("span", f", exit code {script.exit_code}", class_=kind) if script.exit_code else Markup("")
    summary = element(
        "summary", element("b", script.script), element("span", f"  {', '.join(facts)}", class_="soft"), ending
    )
    argv = element("p", "in ", element("code", script.cwd), ": ", element("code", " ".join(script.argv)), data_row=True)
    inside = element("div", argv, _wrote(script), _environment(script), _xtrace(script), class_="inside")
    slow = bool(trace.seconds and script.seconds >= trace.seconds / 20)
    return element(
        "details", summary, inside, class_="script", id=f"script-{number}", open=slow or script.exit_code != 0
    )


def _wrote(script: ScriptTrace) -> Markup:
    if not script.wrote:
        return joined(element("h3", "What it wrote"), element("p", "nothing", class_="soft"))
    rows = []
    for tree, change in script.wrote.items():
        largest = [element("div", f"{file.path} ({show_size(file.size)})", class_="code") for file in change.largest]
        cells = (element("td", tree), element("td", wrote_words(change)), element("td", *largest))
        rows.append(element("tr", *cells, data_row=True))
    return joined(element("h3", "What it wrote"), _table(("Tree", "Files and bytes", "Largest"), rows))


def _environment(script: ScriptTrace) -> Markup:
    change = script.environment
    if not change:
        return Markup("")
    said = [
        *(("added", name, value) for name, value in change.added.items()),
        *(("changed", name, f"{value.after}\nwas {value.before}") for name, value in change.changed.items()),
        *(("removed", name, "") for name in change.removed),
    ]
    rows = [
        element(
            "tr",
            element("td", how, class_="soft"),
            element("td", element("code", name)),
            element("td", _several_lines(value)),
            data_row=True,
        )
        for how, name, value in said
    ]
    against = f"Environment, against {change.against}" if change.against else "Environment"
    return joined(element("h3", against), _table(("", "Variable", "Value"), rows))


def _table(heads: tuple[str, ...], rows: list[Markup]) -> Markup:
    head = element("thead", element("tr", *(element("th", name) for name in heads)))
    return element("div", element("table", head, element("tbody", *rows)), class_="table")


def _xtrace(script: ScriptTrace) -> Markup:
    commands = script.xtrace.commands
    shown = slowest(commands)[:_MOST_COMMANDS]
    said = script.xtrace.coverage if not commands else f"{script.xtrace.coverage}, {len(commands):,} commands"
    if len(shown) < len(commands):
        said += f", of which the slowest {len(shown):,} are on this page"
    if script.xtrace.truncated:
        said += "; there were more than are kept"
    nodes = (_place(script, place, index == 0) for index, place in enumerate(places(shown)))
    return joined(element("h3", "Commands"), element("p", said, class_="soft"), *nodes)


def _place(script: ScriptTrace, place: TimedPlace, first: bool) -> Markup:
    summary = element(
        "summary",
        element("code", str(place.place)),
        _bar(0, place.seconds, script.seconds),
        element("span", show_duration(place.seconds), class_="time"),
    )
    rows = [
        _row(command, _bar(command.offset, command.seconds, script.seconds), f"line {command.line}")
        for command in place.commands
    ]
    return element(
        "details",
        summary,
        element("div", _commands_table(rows, "In the script"), class_="table"),
        class_="place",
        open=first,
    )
