"""``stack create``, ``import``, ``list``, ``show`` and ``remove``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stagewright.cli.ending import cancelled_by_signals, run_to_end
from stagewright.cli.options import parsed
from stagewright.cli.show.log import open_log
from stagewright.cli.show.tables import print_json, print_table, print_tree
from stagewright.cli.show.wording import Line, Role
from stagewright.model.names import StackName
from stagewright.model.quantities import show_size
from stagewright.model.stack import Stack

app = typer.Typer(help="The root file systems that builds and apps stand on.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the stack.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("create")
def create(
    name: Name = "debian12",
    definition: Annotated[
        Path | None, typer.Option("--definition", "-f", metavar="FILE", help="A definition of your own.")
    ] = None,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Say nothing where it is there already.")] = False,
) -> None:
    """Make a stack from Debian packages, once. 'stack show NAME --definition' prints what a definition looks like."""

    def work() -> int:
        from stagewright.services.stacks import create_stack, find_definition
        from stagewright.settings import from_environment
        from stagewright.stacks.problems import UnknownStack
        from stagewright.wiring.command_line import open_platform

        platform = open_platform(from_environment(), "none")
        wanted = _name(name)
        if if_missing:
            try:
                platform.stacks.get(wanted)
                return 0
            except UnknownStack:
                pass
        with cancelled_by_signals(), open_log(sys.stdout) as log:
            chosen = find_definition(wanted, definition)
            log.line(Line(Role.PHASE, f"Making the stack {name}"))
            stack = create_stack(platform, chosen, log.event)
            log.line(Line(Role.SUCCESS, f"Stack {stack.name} {stack.digest}"))
            log.line(
                Line(Role.DETAIL, f"run root    {show_size(stack.run.size)}, {show_size(stack.layer.size)} compressed")
            )
            log.line(Line(Role.DETAIL, f"build root  {show_size(stack.build.size)}"))
        return 0

    raise typer.Exit(run_to_end(work))


@app.command("import")
def import_stack(
    name: Name,
    build: Annotated[str, typer.Option("--build", metavar="DIR|TAR|oci:DIR", help="The root that builds stand on.")],
    run: Annotated[str, typer.Option("--run", metavar="DIR|TAR|oci:DIR", help="The root that apps run on.")],
) -> None:
    """Make a stack of root file systems that were made elsewhere."""

    def work() -> int:
        from stagewright.services.stacks import import_stack as verb
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        platform = open_platform(from_environment(), "none")
        with cancelled_by_signals(), open_log(sys.stdout) as log:
            stack = verb(platform, _name(name), build, run, log.event)
            log.line(Line(Role.SUCCESS, f"Stack {stack.name} {stack.digest}"))
        return 0

    raise typer.Exit(run_to_end(work))


@app.command("list")
def list_stacks(as_json: Json = False) -> None:
    """List the stacks that are here."""

    def work() -> int:
        from stagewright.services.stacks import stack_document
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        store = open_platform(from_environment(), "none").stacks
        stacks = store.list()
        if as_json:
            print_json([stack_document(stack) for stack in stacks])
            return 0
        print_table(["NAME", "ARCHITECTURE", "RUN", "BUILD", "COMPRESSED", "DIGEST"], [_row(stack) for stack in stacks])
        for problem in store.unreadable():
            sys.stderr.write(f"{problem.brief()} {problem.hint()}\n")
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


@app.command("show")
def show(
    name: Name = "debian12",
    packages: Annotated[bool, typer.Option("--packages", help="List its packages with their versions.")] = False,
    definition: Annotated[
        bool, typer.Option("--definition", help="Print the built-in definition of that name, to make your own from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a stack: digests, sizes, packages."""

    def work() -> int:
        from stagewright.services.stacks import definition_text, package_lines, stack_document
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        if definition:
            sys.stdout.write(definition_text(_name(name)))
            return 0
        stack = open_platform(from_environment(), "none").stacks.get(_name(name))
        rows = package_lines(stack)
        if as_json:
            listed = [{"name": package, "version": version, "roots": where} for package, version, where in rows]
            print_json({**stack_document(stack), **({"packages": listed} if packages else {})})
            return 0
        print_tree({**stack_document(stack), "packages": f"{len(rows)} (list them with --packages)"})
        if packages:
            print_table(["PACKAGE", "VERSION", "IN"], rows)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


@app.command("remove")
def remove(name: Name) -> None:
    """Remove a stack. A stack that a build stands on right now is not removed."""

    def work() -> int:
        from stagewright.services.stacks import remove_stack
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        remove_stack(open_platform(from_environment(), "none"), _name(name))
        return 0

    raise typer.Exit(run_to_end(work))


def _name(text: str) -> StackName:
    name = parsed("NAME", text, StackName)
    assert name is not None  # noqa: S101 - a text was given
    return name


def _row(stack: Stack) -> tuple[str, ...]:
    return (
        str(stack.name),
        stack.architecture,
        show_size(stack.run.size),
        show_size(stack.build.size),
        show_size(stack.layer.size),
        stack.digest.short,
    )
