"""``buildpack list``, ``show``, ``package`` and ``validate``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagewright.cli.ending import cancelled_by_signals, run_to_end
from stagewright.cli.exit_codes import BUILDPACK, OK
from stagewright.cli.options import parsed
from stagewright.cli.show.jsonlines import JsonLog
from stagewright.cli.show.log import open_log
from stagewright.cli.show.tables import print_json, print_table, print_tree
from stagewright.cli.show.wording import Line, Role
from stagewright.model.names import StackName
from stagewright.model.quantities import show_size

if TYPE_CHECKING:
    from stagewright.services.packaging import PackageOrder

app = typer.Typer(help="The buildpacks at hand; packages of your own.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
JsonEvents = Annotated[bool, typer.Option("--json", help="One JSON object an event, the result last.")]


@app.command("list")
def list_buildpacks(as_json: Json = False) -> None:
    """List the built-in buildpacks, in the order in which detection tries them."""

    def work() -> int:
        from stagewright.services.buildpacks import list_builtins
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        listed = list_builtins(open_platform(from_environment(), "none"))
        if as_json:
            print_json(listed)
        else:
            rows = [
                [str(one["name"]), str(one["version"] or ""), str(one["detection"]), str(one["says"])] for one in listed
            ]
            print_table(["NAME", "VERSION", "DETECTION", "WHAT IT DOES"], rows)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


@app.command("show")
def show(
    reference: Annotated[str, typer.Argument(metavar="REF", help="A built-in name, a directory, an archive or a URL.")],
    as_json: Json = False,
) -> None:
    """Show one buildpack: its dialect, scripts, version and digest."""

    def work() -> int:
        from stagewright.services.buildpacks import show_buildpack
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        document = show_buildpack(open_platform(from_environment(), "none"), reference, Path.cwd())
        if as_json:
            print_json(document)
        else:
            print_tree(document)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


@app.command("package")
def package(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The buildpack's source, with a manifest.yml.")],
    stack: Annotated[
        str | None, typer.Option("--stack", metavar="NAME", help="The stack that the package is for.")
    ] = None,
    any_stack: Annotated[bool, typer.Option("--any-stack", help="One package for all stacks of the manifest.")] = False,
    cached: Annotated[
        bool, typer.Option("--cached", help="With the dependencies in it, for sites without a network.")
    ] = False,
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="Else the file VERSION says it.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", metavar="NAME", help="A packaging profile of the manifest; with --cached."),
    ] = None,
    exclude: Annotated[
        str | None, typer.Option("--exclude", metavar="NAME,NAME", help="Dependencies to leave out; with --cached.")
    ] = None,
    include: Annotated[
        str | None,
        typer.Option("--include", metavar="NAME,NAME", help="Dependencies to take back that the profile excludes."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE|DIR", help="Where the zip goes; a directory gives it its usual name."
        ),
    ] = Path(),
    allow_file_uris: Annotated[
        bool, typer.Option("--allow-file-uris", help="Let file: URLs of the manifest name files outside DIR.")
    ] = False,
    build_stack: Annotated[
        str | None,
        typer.Option("--build-stack", metavar="NAME", help="The stack on whose build root pre_package runs."),
    ] = None,
    sandbox: Annotated[
        str, typer.Option("--sandbox", metavar="auto|rootful|rootless|none", help="Where pre_package runs.")
    ] = "auto",
    as_json: JsonEvents = False,
) -> None:
    """Package a buildpack as the zip that 'cf create-buildpack' takes.

    The same source gives the same zip, byte for byte. DIR is only read: pre_package runs in a copy, in the sandbox.
    """

    def work() -> int:
        from stagewright.buildpacks.packaging.selection import Wanted
        from stagewright.services.packaging import PackageOrder

        chosen = parsed("--stack", stack, StackName)
        wanted = Wanted(chosen, any_stack, cached, profile or "", _names(exclude), _names(include))
        build = parsed("--build-stack", build_stack, StackName)
        return _package(PackageOrder(directory, wanted, output, version, build, allow_file_uris), sandbox, as_json)

    raise typer.Exit(run_to_end(work, as_json=as_json))


def _package(order: PackageOrder, sandbox: str, as_json: bool) -> int:
    from stagewright.services.packaging import package_buildpack, runs_a_program
    from stagewright.settings import from_environment
    from stagewright.wiring.command_line import open_platform

    with cancelled_by_signals(), JsonLog(sys.stdout) if as_json else open_log(sys.stdout) as log:
        runs = runs_a_program(order.directory)
        if runs and sandbox == "none":
            log.line(
                Line(Role.WARNING, "--sandbox none: pre_package runs on this machine as you, with nothing in between.")
            )
        # Without a program to run no sandbox is needed, and machines without one package all the same.
        platform = open_platform(from_environment(), sandbox if runs else "none")
        made = package_buildpack(platform, order, log.event)
        if as_json:
            print_json({"event": "buildpack.packaged", **made.document()})
            return OK.code
        log.line(Line(Role.SUCCESS, f"Packaged {made.language} {made.version}"))
        log.line(Line(Role.DETAIL, f"package  {made.zip.path}  {show_size(made.zip.size)}"))
        log.line(Line(Role.DETAIL, f"sha256   {made.zip.digest.hex}"))
        log.line(Line(Role.DETAIL, f"stack    {made.selection.stack or 'any'}"))
        return OK.code


@app.command("validate")
def validate(
    path: Annotated[Path, typer.Argument(metavar="DIR|ZIP", help="A buildpack, as source or packaged.")],
    as_json: Json = False,
) -> None:
    """Look for all that packaging and staging would stumble over. Ends with 11 where there are errors."""

    def work() -> int:
        from stagewright.services.packaging import checked_document, validate_buildpack
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        today = datetime.now(UTC).date()
        with cancelled_by_signals():
            checked = validate_buildpack(open_platform(from_environment(), "none"), path, today)
        document = checked_document(checked)
        if as_json:
            print_json(document)
        else:
            print_table(["", "WHERE", "WHAT"], [(flaw.weight.value, flaw.where, flaw.says) for flaw in checked.flaws])
            sys.stdout.write(f"{document['errors']} errors, {document['warnings']} warnings\n")
        return BUILDPACK.code if document["errors"] else OK.code

    raise typer.Exit(run_to_end(work, as_json=as_json))


def _names(text: str | None) -> tuple[str, ...]:
    """Names parted by commas."""
    return tuple(name for part in (text or "").split(",") if (name := part.strip()))
