"""Writes the generated pages of docs/reference: the command line, exit codes, settings, events. `make docs` runs it.

tests/architecture/test_reference.py holds the pages to what this gives, so they cannot grow old. What is said here in words of
its own (the meaning of the fields of events) is looked up by name: a field that the code gives and nobody explains ends it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main

from stagewright.cli import exit_codes
from stagewright.cli.main import command_line as whole_command_line
from stagewright.cli.show.jsonlines import NAMES, event_document
from stagewright.errors import Fault
from stagewright.model import build, containers, events, plan, process, trace
from stagewright.model.buildpack import Buildpack, Dialect, Script
from stagewright.model.digest import Digest
from stagewright.model.names import AppName, BuildId, StackName
from stagewright.model.tree import Difference
from stagewright.settings import VARIABLES

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
_MADE = "<!-- Made by `make docs` from the code. Changes to this page are lost. -->\n"


# ------------------------------------------------------------------------------------------------------------ the command line
def command_line() -> str:
    """Every command with its arguments and flags."""
    limits = containers.Limits()
    parts = [
        "# The command line\n",
        _MADE,
        "Every command takes `--help`. How it ends is told by its [exit code](exit-codes.md); environment variables that set it "
        "are on the page of [settings](settings.md).\n",
        "Sizes are written like `512M` or `1G` (powers of 1024), durations like `90s`, `15m` or `1h30m`. Without a flag and "
        f"without a larger value in manifest.yml a build gets {_size(limits.memory)} of memory, may write "
        f"{_size(limits.disk)}, and has {limits.timeout / 60:.0f} minutes.\n",
    ]
    parts.extend(_command("stagewright", typer.main.get_command(whole_command_line())))
    return "\n".join(parts)


def _size(amount: int) -> str:
    return f"{amount >> 30} GB"


def _command(name: str, command: Any) -> Iterator[str]:
    children = getattr(command, "commands", {})
    yield f"## {name}\n"
    yield f"{_plain(command.help or '')}\n"
    if not children:
        yield f"```\n{' '.join([name, *_usage(command)])}\n```\n"
    elif name != "stagewright":
        yield f"Its commands are {', '.join(f'`{child}`' for child in children)}.\n"
    yield from _parameters(command)
    for child_name, child in children.items():
        yield from _command(f"{name} {child_name}", child)


def _usage(command: Any) -> Iterator[str]:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    if any(parameter.param_type_name != "argument" for parameter in shown):
        yield "[FLAGS]"
    for parameter in shown:
        if parameter.param_type_name == "argument":
            called = _called(parameter)
            yield called if parameter.required or called.startswith("[") else f"[{called}]"


def _called(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _parameters(command: Any) -> Iterator[str]:
    rows = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            flags = f"`{_called(parameter)}`"
        else:
            takes = "" if parameter.is_flag else f" {parameter.metavar or 'TEXT'}"
            flags = f"`{', '.join(parameter.opts)}{takes}`"
        says = _plain(parameter.help or "")
        if getattr(parameter, "multiple", False):
            says += " May be given several times."
        default = parameter.default
        shown = "" if default in (None, False, (), []) or callable(default) else f"`{default}`"
        if parameter.required and parameter.param_type_name == "option":
            shown = "required"
        rows.append(f"| {flags.replace('|', chr(92) + '|')} | {says} | {shown} |")
    if rows:
        yield "| argument or flag | what it says | default |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _plain(text: str) -> str:
    """Help as Markdown: one kind of quotes for code, no line ends inside a paragraph."""
    paragraphs = text.replace("``", "`").strip().split("\n\n")
    return "\n\n".join(re.sub(r"\s+", " ", paragraph) for paragraph in paragraphs)


# ------------------------------------------------------------------------------------------------------- exit codes, settings
def exit_code_page() -> str:
    """The table of exit codes."""
    rows = "\n".join(f"| {one.code} | {one.name} | {one.when} |" for one in exit_codes.TABLE)
    return (
        f"# Exit codes\n\n{_MADE}\nEvery command ends with one of these. `run` and `shell` end with the exit code of what "
        "they ran, or with one of these where nothing could be run.\n\n"
        f"| code | name | when |\n|---|---|---|\n{rows}\n\n"
        "Every failure also says whose fault it is (the command, the app, a buildpack, the platform), where it happened, the "
        "last lines of the script, and what to try. With `--json` that is the event [`build.failed`](events.md#buildfailed).\n\n"
        "A flag that does not exist is a usage error, too, and ends with 2. Output into a pipe whose reader has gone ends "
        "with 141.\n"
    )


def settings_page() -> str:
    """The table of environment variables."""
    rows = "\n".join(f"| `{one.name}` | {one.takes} | {one.default} | {one.says} |" for one in VARIABLES)
    return (
        f"# Settings\n\n{_MADE}\nStagewright is set by these environment variables. A variable that is empty counts as not "
        "set; one with a value that it does not take ends the command with exit code 2.\n\n"
        f"| variable | takes | default | what it sets |\n|---|---|---|---|\n{rows}\n\n"
        "Beside them it reads how this machine reaches the outside (proxies, certificates, settings of pip, uv, npm and apt), "
        "to pass it on to builds: [Behind a proxy](../how-to/behind-a-proxy.md). `NO_COLOR` switches colour off.\n"
    )


# --------------------------------------------------------------------------------------------------------------------- events
_ACTION = {
    "step": "what is done, in words: `supply python 0.1.0`, `processes`, `droplet`, `image oci`",
    "verb": "`run`, `reuse` or `skip`",
    "because": "the reason, in words",
    "key": "the digest that names this action",
    "script": "for an action that runs a script: its name, such as `detect`, `supply`, `compile` or `test`",
    "buildpack": "for an action that runs a script: the name of its buildpack",
    "digest": "for an action that runs a script: the digest of its buildpack",
}
_OF_A_TRACE = (
    "position", "argv", "cwd", "environment", "started", "seconds", "cpu_seconds", "peak_memory", "exit_code", "wrote",
)  # fmt: skip
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "build.started": {
        "build": "the id of this build, a UUID",
        "app": "the name of the app",
        "stack": "`name` and `digest` of the stack",
        "package": "the source that is staged: `digest`, number of entries as `files`, `size` in bytes",
        "testing": "whether the app is built to be tested, by `stagewright test`",
    },
    "plan.made": {
        "digest": "of steps, verbs and reasons; the same plan has the same digest in every build",
        "complete": "whether later facts can still change it",
        "actions": "a list; each has the fields of an action, see `action.started`",
    },
    "action.started": _ACTION,
    "script.output": {"stream": "`stdout` or `stderr`", "line": "one line, without its end"},
    "action.finished": {
        **_ACTION,
        "seconds": "how long it took",
        "exit_code": "of the script; null for an action that is none",
        "says": "what came of it in a few words: the answer of a detect (`no` where it did not match), the process types, a size",
        "wrote": "what the script did to `app`, `deps`, `profile.d` and `cache`, each with numbers of files `added`, "
        "`changed`, `removed` and `bytes_written`; a tree that was left alone is not named",
    },
    "progressed": {
        "what": "the step that takes long",
        "done": "how far it is",
        "total": "of how much; null where nobody knows",
        "unit": "what is counted",
    },
    "noted": {"text": "a sentence"},
    "warned": {"text": "a sentence"},
    "detect.not-executable": {"buildpack": "the buildpack whose `bin/detect` not everybody may run"},
    "script.traced": {
        "buildpack": "which one it is of: [as in the trace](trace.md#buildpacks)",
        "first": "whether nothing was told of that buildpack before",
        "script": "`detect`, `supply`, `finalize`, `compile`, `release`, …",
        **dict.fromkeys(_OF_A_TRACE, "[as in the trace](trace.md#scripts)"),
        "xtrace": "`coverage` and `truncated` as in the trace, and the number of `commands`",
    },
    "build.staged": {
        "build": "the id of this build",
        "reused": "true where `--if-changed` found a droplet made from the same",
        "reports": "by key of the buildpack (its name, unless two share one): what its `bin/report` said",
        "seconds": "of the whole staging",
        "time": "seconds in `total` and in `scripts`, and `parts`: a list of pairs of a name and seconds",
        "path": "where the droplet lies",
        "images": "a list; each has `target`, `digest`, `size` and `layers` (a list of `what`, `digest`, `size` in bytes, "
        "and whether it was `reused`)",
    },
    "tests.passed": {
        "build": "the id of this build",
        "tests": "what was run, in words: `test-setup of app.json`, `test of app.json`, `test NAME` of a buildpack",
        "seconds": "of the whole test run",
        "time": "as in `build.staged`",
    },
    "build.failed": {
        "build": "the id of this build",
        "error": "the name of the kind of failure, such as `ScriptFailed`",
        "fault": f"who can mend it: {', '.join(f'`{fault}`' for fault in Fault)}",
        "brief": "what happened, in a sentence",
        "hint": "what to try; may be empty",
        "details": "longer evidence, such as the last lines of a script; may be empty",
    },
}
_SAYS = {
    "build.started": "The source was received and the build begins.",
    "plan.made": "The plan, whenever it grew.",
    "action.started": "An action of the plan begins.",
    "script.output": "One line that a script wrote. Secrets are masked; control characters are escaped as JSON has it.",
    "action.finished": "An action ended without a failure.",
    "progressed": "How far a long step is. There may be very many of these.",
    "noted": "Something a person should know, such as what was reused and because of what.",
    "warned": "Something a person should change though the build goes on.",
    "detect.not-executable": "A detect that not everybody may run; where nobody may, the next buildpack is tried.",
    "script.traced": "With `--trace`: a script ended, and what it did. Its commands are in the trace alone.",
    "build.staged": "The last line of a staging that worked.",
    "tests.passed": "The last line of a test run that worked.",
    "build.failed": "The last line of a staging or a test run that did not.",
}


def events_page() -> str:
    """The events of ``--json`` with the fields of their JSON objects."""
    parts = [
        f"# Events\n\n{_MADE}\n`stagewright stage --json` prints one JSON object a line. `event` names it; the last line is "
        "`build.staged` or `build.failed`. `stagewright test --json` prints the same events and ends with `tests.passed` or "
        "`build.failed`. What fails before a build begins (a flag, a setting, a machine without a sandbox) is "
        "one object `failed`, with `error`, `fault`, `brief`, `hint` and `details` as in `build.failed`; so does every other "
        "command that has `--json`. With `--check-reproducible` the outcome of the comparison follows as `noted`, or as "
        "`build.failed` where the droplets differ. New fields and new events "
        "may be added; ignore those that you do not know.\n\n"
        "`stagewright plan --json` prints one object, the plan, and no events.\n"
    ]
    for event in _examples():
        parts.append(_event(event_document(event)))
    return "\n".join(parts)


def _event(document: dict[str, object]) -> str:
    name = str(document.pop("event"))
    known = _FIELDS[name]
    rows = [f"| `{field}` | {known[field]} |" for field in document if field in known]
    others = [field for field in document if field not in known]
    if missing := set(known) - set(document):
        raise KeyError(f"{name} has no field {missing}")
    example = f"\n```json\n{json.dumps({'event': name, **document}, ensure_ascii=False)}\n```\n"
    if name == "build.staged":
        rows.append(
            f"| {', '.join(f'`{field}`' for field in others)} | [as in FILE.tgz.json](droplet.md#filetgzjson) |"
        )
        example = ""
    elif others:
        raise KeyError(f"nobody explains {others} of {name}")
    return f"## {name}\n\n{_SAYS[name]}\n\n| field | what it holds |\n|---|---|\n" + "\n".join(rows) + f"\n{example}"


def _examples() -> list[events.Event]:
    """One event of each kind, in the order of the table of names."""

    def digest(number: int) -> Digest:
        return Digest.of(bytes([number]))

    build_id = BuildId("7c1d2f64-6a0c-4a36-9d6c-0b6f2f1f7a11")
    buildpack = Buildpack(
        "python", "python", "0.1.0", digest(1), Path(), Dialect.CLOUD_FOUNDRY, frozenset({Script.SUPPLY})
    )
    action = plan.Action(
        plan.RunScript(Script.SUPPLY, plan.Turn(buildpack, plan.Role.FINAL, 0, 1)),
        plan.Verb.RUN,
        "its detect matched",
        digest(2),
    )
    droplet = build.Droplet(
        Path("shop.tgz"), digest(3), digest(4), 1, 2, AppName("shop"), StackName("debian12"), digest(5), (), "python",
        process.Processes(),
    )  # fmt: skip
    staged = events.BuildStaged(build_id, droplet, (), 6.5, time=events.TimeSpent(6.5, 6.0, (("supply", 5.5),)))
    wrote = {"deps": Difference(added=536, bytes_written=9_000_000)}
    made = {
        type(event): event
        for event in (
            events.BuildStarted(
                build_id, AppName("shop"), StackName("debian12"), digest(5), digest(6), files=11, size=5120
            ),
            events.PlanMade(plan.Plan((action,), complete=False)),
            events.ActionStarted(action),
            events.ScriptOutput(containers.Stream.STDOUT, "-----> Installing the packages of requirements.txt"),
            events.ActionFinished(action, 5.5, 0, wrote),
            events.Progressed("Packing the droplet", 4_194_304, 9_000_000),
            events.Noted("Cache: none yet."),
            events.Warned("No start command specified by buildpack or via Procfile."),
            events.DetectNotExecutable("python 0.1.0"),
            _traced(),
            staged,
            events.BuildTested(
                build_id, ("test-setup of app.json", "test python"), 9.5, events.TimeSpent(9.5, 9.0, (("test", 3.5),))
            ),
            events.BuildFailed(
                build_id, "NoStartCommand", Fault.APP, "Start command missing: …", "Add a Procfile …", ""
            ),
        )
    }
    return [made[kind] for kind in NAMES]


def _traced() -> events.ScriptTraced:
    origin = {"kind": "directory", "path": "/home/me/python", "dirty": False}
    buildpack = trace.TracedBuildpack("./python", "python", "0.1.0", Digest.of(b"python"), "cloudfoundry", origin)
    argv = ("/buildpacks/python/bin/supply", "/home/vcap/app", "/home/vcap/cache/final", "/home/vcap/deps", "0")
    change = trace.EnvironmentChange("detect python 0.1.0", added={"API_TOKEN": "[redacted]"})
    commands = (trace.TracedCommand(0.01, "pip install flask", argv[0], 12, seconds=5.2),)
    script = trace.ScriptTrace(
        0, "supply", 0, argv, "/home/vcap", change, 0.25, 5.5, 4.75, 96 << 20, 0,
        {"deps": Difference(added=536, bytes_written=9_000_000, bytes_added=9_000_000)}, trace.Xtrace("bash", commands),
    )  # fmt: skip
    return events.ScriptTraced(buildpack, script, first=True)


# ---------------------------------------------------------------------------------------------------------------------- pages
PAGES: dict[str, Callable[[], str]] = {
    "cli.md": command_line,
    "exit-codes.md": exit_code_page,
    "settings.md": settings_page,
    "events.md": events_page,
}


def main() -> None:
    """Write every page whose content changed, and say which."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote docs/reference/{name}\n")


if __name__ == "__main__":
    main()
