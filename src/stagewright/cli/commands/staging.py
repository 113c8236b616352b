"""``stage`` and ``plan``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagewright.cli.ending import cancelled_by_signals, run_to_end
from stagewright.cli.options import environment, image_target, parsed, within
from stagewright.cli.show.jsonlines import JsonLog
from stagewright.cli.show.log import LiveLog, PlainLog, open_log
from stagewright.cli.show.wording import Line, Role, plan_lines
from stagewright.model.build import AppManifest
from stagewright.model.containers import Command
from stagewright.model.events import BuildFailed, Event
from stagewright.model.names import AppName, StackName
from stagewright.model.quantities import parse_duration, parse_size
from stagewright.ports.events import EventSink, deaf
from stagewright.ports.sandbox import Session

if TYPE_CHECKING:
    from stagewright.services.asked import StageOrder
    from stagewright.services.platform import Platform

Source = Annotated[Path, typer.Argument(metavar="PATH", help="The app: a directory, a zip, a tar, a jar or a war.")]
Buildpacks = Annotated[
    list[str] | None,
    typer.Option(
        "--buildpack",
        "-b",
        metavar="REF",
        help="A built-in name, a directory, an archive or a URL; several run in order.",
    ),
]
PostBuildpacks = Annotated[
    list[str] | None,
    typer.Option(
        "--post-buildpack", metavar="REF", help="A buildpack to run after the last one; several run in order."
    ),
]
Services = Annotated[
    list[Path] | None,
    typer.Option("--service", metavar="FILE", help="A service to bind: VCAP_SERVICES or one binding, as JSON or YAML."),
]
StrictCf = Annotated[
    bool,
    typer.Option(
        "--strict-cf", help="As on Cloud Foundry: a lone bin/compile gets two arguments, Heroku's files say nothing."
    ),
]
StackOption = Annotated[
    str | None, typer.Option("--stack", "-s", metavar="NAME", help="The stack to build and run on.")
]
Env = Annotated[list[str] | None, typer.Option("--env", "-e", metavar="K=V", help="A variable for the scripts.")]
EnvFile = Annotated[
    list[Path] | None, typer.Option("--env-file", metavar="F", help="A file of lines K=V; --env wins over it.")
]
CommandOption = Annotated[
    str | None, typer.Option("--command", "-c", metavar="CMD", help="How the process web is started.")
]
Name = Annotated[
    str | None, typer.Option("--name", "-n", metavar="APP", help="The app's name; it names cache and droplet.")
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", "-m", metavar="1G", help="Memory of the build, 1G unless the manifest asks for more."),
]
Disk = Annotated[
    str | None,
    typer.Option("--disk", "-k", metavar="4G", help="What the build may write, 4G unless the manifest asks for more."),
]
Timeout = Annotated[str | None, typer.Option("--timeout", metavar="15m", help="Time of the whole staging, 15m.")]
SandboxOption = Annotated[
    str, typer.Option("--sandbox", metavar="auto|rootful|rootless|none", help="How scripts are shut in.")
]
DropletOption = Annotated[
    Path | None, typer.Option("--droplet", "-d", metavar="FILE.tgz", help="Where the droplet goes.")
]
Images = Annotated[
    list[str] | None,
    typer.Option("--image", "-i", metavar="oci:DIR[:TAG]|docker-archive:FILE", help="An image to write as well."),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Begin with an empty cache.")]
IfChanged = Annotated[
    bool,
    typer.Option(
        "--if-changed", help="Reuse the droplet where source, buildpacks, stack and environment are the same."
    ),
]
ShellOnFailure = Annotated[
    bool, typer.Option("--shell-on-failure", help="Open a shell in a build whose script failed.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object an event, the result last.")]


def stage(
    path: Source,
    buildpack: Buildpacks = None,
    post_buildpack: PostBuildpacks = None,
    stack: StackOption = None,
    env: Env = None,
    env_file: EnvFile = None,
    service: Services = None,
    command: CommandOption = None,
    droplet: DropletOption = None,
    image: Images = None,
    name: Name = None,
    no_cache: NoCache = False,
    if_changed: IfChanged = False,
    strict_cf: StrictCf = False,
    timeout: Timeout = None,
    memory: Memory = None,
    disk: Disk = None,
    sandbox: SandboxOption = "auto",
    shell_on_failure: ShellOnFailure = False,
    check_reproducible: Annotated[
        bool, typer.Option("--check-reproducible", help="Stage twice and compare the droplets.")
    ] = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Tell and keep what each script did; 'trace show APP' shows it again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Stage an app: source becomes a droplet, and an image.

    The buildpacks of the app at PATH run in the sandbox; the droplet is written, and an image where one is asked for.

    What the app's manifest.yml says (buildpacks, env, stack, command, memory, processes) is taken; flags win over it.
    """
    told = Told()

    def work() -> int:
        from stagewright.services import stage as verbs

        flags = flags_of(buildpack, stack, env, env_file, command, name, memory, disk)
        order = order_of(path, flags, droplet, image, timeout, no_cache, if_changed)
        order = replace(order, posts=tuple(post_buildpack or ()), services=tuple(service or ()), strict_cf=strict_cf)
        order = replace(order, trace=trace or None)
        with cancelled_by_signals(), log_of(as_json) as log:
            platform = platform_of(sandbox, log)
            events = told.watching(log.event)
            on_failure = shell_opener(log) if shell_on_failure else None
            verb = verbs.check_reproducible if check_reproducible else verbs.stage
            verb(order, platform, events, on_failure)
        return 0

    raise typer.Exit(run_to_end(work, told=lambda: told.failure, as_json=as_json))


def plan(
    path: Source,
    buildpack: Buildpacks = None,
    post_buildpack: PostBuildpacks = None,
    stack: StackOption = None,
    env: Env = None,
    env_file: EnvFile = None,
    service: Services = None,
    command: CommandOption = None,
    droplet: DropletOption = None,
    image: Images = None,
    name: Name = None,
    no_cache: NoCache = False,
    if_changed: IfChanged = False,
    strict_cf: StrictCf = False,
    timeout: Timeout = None,
    memory: Memory = None,
    disk: Disk = None,
    sandbox: SandboxOption = "auto",
    as_json: Json = False,
) -> None:
    """Show what stage would do, and why.

    Only detect is run, in the sandbox, and only where no buildpack was named.
    """

    def work() -> int:
        from stagewright.services import stage as verbs
        from stagewright.staging.documents import plan_document

        flags = flags_of(buildpack, stack, env, env_file, command, name, memory, disk)
        order = order_of(path, flags, droplet, image, timeout, no_cache, if_changed)
        order = replace(order, posts=tuple(post_buildpack or ()), services=tuple(service or ()), strict_cf=strict_cf)
        with cancelled_by_signals(), log_of(as_json) as log:
            request, made, facts = verbs.plan(order, platform_of(sandbox, log), deaf)
            if as_json:
                import json

                sys.stdout.write(json.dumps(plan_document(request, made, facts)) + "\n")
            else:
                for line in plan_lines(made.actions, made.complete):
                    log.line(line)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


def order_of(
    path: Path,
    flags: AppManifest,
    droplet: Path | None,
    image: list[str] | None,
    timeout: str | None,
    no_cache: bool,
    if_changed: bool,
) -> StageOrder:
    """What is asked of ``stage`` and ``plan`` alike. Raises BadOption, BadImagePlace."""
    from stagewright.services.asked import StageOrder

    return StageOrder(
        source=path,
        flags=flags,
        droplet=droplet,
        images=tuple(map(image_target, image or ())),
        timeout=parsed("--timeout", timeout, within(parse_duration, 1.0, 30 * 86400.0, "between 1s and 720h")),
        no_cache=no_cache,
        if_changed=if_changed,
    )


def flags_of(
    buildpack: list[str] | None,
    stack: str | None,
    env: list[str] | None,
    env_file: list[Path] | None,
    command: str | None,
    name: str | None,
    memory: str | None,
    disk: str | None,
) -> AppManifest:
    """What the flags say of the app, in the form of a manifest. Raises BadOption."""
    return AppManifest(
        name=parsed("--name", name, AppName),
        buildpacks=tuple(buildpack or ()),
        env=environment(env or (), env_file or ()),
        stack=parsed("--stack", stack, StackName),
        command=command,
        memory=parsed("--memory", memory, within(parse_size, 16 << 20, 1 << 50, "between 16M and 1024T")),
        disk=parsed("--disk", disk, within(parse_size, 1 << 20, 1 << 50, "between 1M and 1024T")),
    )


class Told:
    """Whether the log has told of a failure already."""

    failure = False

    def watching(self, show: EventSink) -> EventSink:
        def watched(event: Event) -> None:
            self.failure = self.failure or isinstance(event, BuildFailed)
            show(event)

        return watched


BuildLog = PlainLog | LiveLog | JsonLog


def log_of(as_json: bool) -> BuildLog:
    return JsonLog(sys.stdout) if as_json else open_log(sys.stdout)


def platform_of(sandbox: str, log: BuildLog) -> Platform:
    from stagewright.settings import from_environment
    from stagewright.wiring.command_line import open_platform

    if sandbox == "none":
        log.line(
            Line(
                Role.WARNING,
                "--sandbox none: scripts run on this machine as you, with nothing between them and your files.",
            )
        )
    return open_platform(from_environment(), sandbox)


def shell_opener(log: BuildLog) -> Callable[[Session, Command], None]:
    """Opens a shell in a build that failed, while the log is still."""

    def open_shell(session: Session, command: Command) -> None:
        with log.paused():
            if sys.stdin.isatty():
                sys.stderr.write("The build stands as the failed script left it. Leave this shell to end it.\n")
            session.attach(command)

    return open_shell
