"""The verbs of stacks: make, import, list, show, remove; and the stack that a build stands on.

What only making and importing need is loaded by them alone: every staging passes through here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stagewright.model.events import Noted
from stagewright.model.names import StackName
from stagewright.model.stack import Stack
from stagewright.ports.events import EventSink
from stagewright.services.platform import Platform
from stagewright.stacks.problems import UnknownStack

if TYPE_CHECKING:
    from stagewright.stacks.definition import Definition

DEFAULT_STACK = StackName("debian12")


def obtain_stack(platform: Platform, name: StackName | None, events: EventSink) -> Stack:
    """The stack that is asked for, or the default. A built-in one that nobody made yet is made, since it is needed anyway.

    Raises UnknownStack, and what making raises.
    """
    wanted = name or DEFAULT_STACK
    try:
        return platform.stacks.get(wanted)
    except UnknownStack:
        from stagewright.stacks.definition import builtin_names

        if str(wanted) not in builtin_names():
            raise
    events(Noted(f"The stack {wanted} is not here yet; it is made once, which takes some minutes."))
    return create_stack(platform, find_definition(wanted, None), events)


def create_stack(platform: Platform, definition: Definition, events: EventSink) -> Stack:
    """Make the stack of a definition file, or of the built-in definition of that name; one that is there already is returned.

    Raises UnknownStack where there is no such definition, BadDefinition, and what making raises.
    """
    from stagewright.stacks.making import create

    settings = platform.settings
    return create(
        definition,
        platform.stacks,
        sources=settings.apt_sources,
        trust=settings.trust,
        notify=events,
    )


def find_definition(name: StackName, path: Path | None) -> Definition:
    """The definition in a file, under ``name``; without a file the built-in one. Raises UnknownDefinition, BadDefinition."""
    from stagewright.stacks.definition import builtin_definition, load_definition

    if path is None:
        return builtin_definition(str(name))
    return replace(load_definition(path), name=name)


def definition_text(name: StackName) -> str:
    """The built-in definition of that name, as a file to begin one's own from. Raises UnknownDefinition."""
    from stagewright.stacks.definition import builtin_text

    return builtin_text(str(name))


def import_stack(platform: Platform, name: StackName, build: str, run: str, events: EventSink) -> Stack:
    """A stack of two roots that were made elsewhere: directories, tars or ``oci:DIR``. Raises what importing refuses."""
    from stagewright.stacks.importing import RootSource, import_roots

    run_root, build_root = RootSource.parse(run), RootSource.parse(build)
    bounds = platform.settings.bounds
    return import_roots(name, platform.stacks, run=run_root, build=build_root, bounds=bounds, notify=events)


def remove_stack(platform: Platform, name: StackName) -> None:
    """Raises UnknownStack, StackInUse."""
    from stagewright.stacks.making import remover

    platform.stacks.remove(name, remover)


def stack_document(stack: Stack) -> dict[str, object]:
    """A stack as ``stack show`` says it."""
    return {
        "name": str(stack.name),
        "architecture": stack.architecture,
        "digest": str(stack.digest),
        "run": {"path": str(stack.run.path), "digest": str(stack.run.digest), "size": stack.run.size},
        "build": {"path": str(stack.build.path), "digest": str(stack.build.digest), "size": stack.build.size},
        "layer": {"digest": str(stack.layer.digest), "size": stack.layer.size},
    }


def package_lines(stack: Stack) -> list[tuple[str, str, str]]:
    """The packages of both roots: name, version, and where they are (run roots are part of build roots, but for versions)."""
    run = {(package.name, package.version) for package in stack.run.packages}
    rows = [(package.name, package.version, "run, build") for package in stack.run.packages]
    rows += [
        (package.name, package.version, "build")
        for package in stack.build.packages
        if (package.name, package.version) not in run
    ]
    return sorted(rows)
