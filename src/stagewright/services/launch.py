"""The verbs *run* and *shell*: a droplet or an image is started in the sandbox."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from stagewright.droplets import NoSuchDroplet, OpenedDroplet, launch_files, open_droplet
from stagewright.errors import UsageProblem
from stagewright.images import Image, ImageConfig, LayoutPlace, Place, read_layout, unpack_image
from stagewright.model.containers import Command, Limits
from stagewright.model.names import AppName, BuildId, StackName
from stagewright.model.process import Processes
from stagewright.model.stack import Stack
from stagewright.model.tree import Owner
from stagewright.packages import read_bindings
from stagewright.ports.events import deaf
from stagewright.ports.keeping import Workspace
from stagewright.ports.progress import Progress, silent
from stagewright.ports.sandbox import Session
from stagewright.services.platform import Platform
from stagewright.services.stacks import obtain_stack
from stagewright.staging.environment import check_variables, service_variables
from stagewright.staging.running import AppToRun, app_container, app_environment, launch_command
from stagewright.trees import remove_tree

NO_TIME_OUT = 10 * 365 * 86400.0


@dataclass(frozen=True)
class LaunchOrder:
    """What a person asks of ``run`` and ``shell``."""

    what: Path | Place
    arguments: tuple[str, ...] = ()
    """For the launcher: nothing, a process type, or ``--`` and a command."""
    port: int = 8080
    env: Mapping[str, str] = field(default_factory=dict)
    services: tuple[Path, ...] = ()
    """Files with bindings of services."""
    stack: StackName | None = None
    memory: int | None = None
    disk: int | None = None


@dataclass(eq=False)
class NoSuchProcess(UsageProblem):
    """A droplet has no process of the type that is asked for."""

    type: str
    known: tuple[str, ...]

    def brief(self) -> str:
        return f"There is no process type {self.type!r} in it."

    def hint(self) -> str:
        if self.known:
            return f"Its process types are {', '.join(self.known)}; or give a command after '--'."
        return "It has no process types at all; give a command after '--'."


@dataclass(eq=False)
class NotRunnable(UsageProblem):
    """An image in a form that nothing here runs."""

    image: str

    def brief(self) -> str:
        return f"{self.image} cannot be run or inspected here: a Docker archive is for 'docker load'."

    def hint(self) -> str:
        return "Write the image as a layout, with --image oci:DIR, and give that."


@dataclass(eq=False)
class NotOurImage(UsageProblem):
    """An image that was not made of a droplet."""

    image: str

    def brief(self) -> str:
        return f"{self.image} holds no launcher: it is not an image that Stagewright made of a droplet."

    def hint(self) -> str:
        return "Run it with a container engine; or give an image that 'stagewright stage --image' wrote."


Started = Callable[[Session], None]


def run(order: LaunchOrder, platform: Platform, started: Started, progress: Progress = silent) -> int:
    """Start the app with the caller's standard streams; its exit code. ``started`` is told the session, to stop it by.

    Raises NoSuchDroplet, NoSuchProcess and what unpacking and the sandbox refuse.
    """
    with _opened(order, platform, progress) as (session, command):
        started(session)
        return session.attach(command)


def shell(order: LaunchOrder, platform: Platform, progress: Progress = silent) -> int:
    """A shell in the app's environment, its profile scripts sourced; the exit code of the shell."""
    inside = ("--", "/bin/bash", "-l") if not order.arguments else order.arguments
    with _opened(replace(order, arguments=inside), platform, progress) as (session, command):
        return session.attach(command)


def find_droplet(path: Path, platform: Platform) -> Path:
    """The droplet at ``path``, or the one of the app of that name that was staged here. Raises NoSuchDroplet."""
    kept = platform.settings.state / "droplets" / f"{path}.tgz"
    try:
        if path.is_file():
            return path
        if len(path.parts) == 1 and kept.is_file():
            return kept
    except OSError as error:  # a name that no file system takes, a directory that is closed to us
        raise NoSuchDroplet(path) from error
    raise NoSuchDroplet(path)


@contextmanager
def _opened(order: LaunchOrder, platform: Platform, progress: Progress) -> Iterator[tuple[Session, Command]]:
    check_variables(order.env)
    platform.sweep()
    build = BuildId.new()
    with platform.workspaces.open(build) as workspace:
        if isinstance(order.what, Path):
            app, base_env = _droplet(order, order.what, platform, workspace, progress)
        else:
            app, base_env = _image(order, order.what, platform, workspace, progress)
        app = replace(app, services=service_variables(read_bindings(order.services)))
        held = platform.stacks.hold(app.stack) if app.stack is not None else nullcontext()
        settings = platform.settings
        spec = app_container(app, f"run-{build}", workspace.scratch, workspace.tmp, settings.trust, settings.network)
        with held, platform.sandbox.open(spec) as session:
            env = {**base_env, **app_environment(app, settings.trust)}
            yield session, launch_command(order.arguments, env, session)


def _droplet(
    order: LaunchOrder, path: Path, platform: Platform, workspace: Workspace, progress: Progress
) -> tuple[AppToRun, Mapping[str, str]]:
    found = find_droplet(path, platform)
    home = workspace.root / "droplet"
    home.mkdir()
    owner = platform.sandbox.owner
    opened = open_droplet(found, home, bounds=platform.settings.bounds, owner=owner, progress=progress)
    _require_process(order.arguments, opened.processes)
    _complete(home, owner)
    lifecycle = workspace.root / "lifecycle"
    lifecycle.mkdir()
    launch_files(opened.processes, opened.entrypoint_prefix, slug_home=_slug_home(opened)).write(lifecycle)
    facts = opened.facts
    stack = obtain_stack(platform, order.stack or (facts.stack if facts is not None else None), deaf)
    name = facts.app if facts is not None else AppName.from_path_name(found.stem)
    return AppToRun(name, stack.name, stack.run.path, home, lifecycle, order.env, order.port, _limits(order)), {}


def _slug_home(opened: OpenedDroplet) -> bool:
    """Whether the app expects itself at /app; a droplet of somebody else's says nothing of it."""
    return opened.facts is not None and opened.facts.wants_slug_home


def _complete(home: Path, owner: Owner | None) -> None:
    """Add the directories that a launcher counts on. A droplet of anybody's may hold a link or a file in their place."""
    if owner is not None:
        os.chown(home, owner.uid, owner.gid)
    for path in (home / name for name in ("tmp", "logs", "deps", "profile.d")):
        if path.is_symlink() or not path.is_dir():
            remove_tree(path)
            path.mkdir()
            if owner is not None:
                os.chown(path, owner.uid, owner.gid)


def _image(
    order: LaunchOrder, place: Place, platform: Platform, workspace: Workspace, progress: Progress
) -> tuple[AppToRun, Mapping[str, str]]:
    if not isinstance(place, LayoutPlace):
        raise NotRunnable(str(place))
    image = read_layout(place)
    _require_process(order.arguments, _labelled(image.config))
    base, slices = _apart_from_stack(image, platform)
    root = workspace.root / "image"
    keep_owner = platform.sandbox.owner is not None
    unpack_image(slices, root, bounds=platform.settings.bounds, keep_owner=keep_owner, progress=progress)
    title = image.config.labels.get("org.opencontainers.image.title", place.directory.name)
    name = AppName.from_path_name(title)
    home, lifecycle = root / "home/vcap", root / "lifecycle"
    if not (_lies_in(lifecycle / "launcher", root) and _lies_in(home, root) and home.is_dir()):
        raise NotOurImage(str(place))
    if base is None:
        return AppToRun(name, None, root, home, None, order.env, order.port, _limits(order)), image.config.env
    return AppToRun(
        name, base.name, base.run.path, home, lifecycle, order.env, order.port, _limits(order)
    ), image.config.env


def _apart_from_stack(image: Image, platform: Platform) -> tuple[Stack | None, Image]:
    """The stack that an image of ours stands on, where it is here too, and the layers above it; else nothing and all of them.

    An unpacked stack of the same digest is the same content: there is no need to unpack it once more.
    """
    ours = "io.stagewright.stack" in image.config.labels
    stacks = {stack.run.digest: stack for stack in platform.stacks.list()} if ours and image.layers else {}
    stack = stacks.get(image.layers[0].diff_id) if stacks else None
    if stack is None:
        return None, image
    config = image.config
    above = replace(config, diff_ids=config.diff_ids[1:], history=config.history[1:])
    return stack, Image.of(above, image.layers[1:])


def _lies_in(path: Path, root: Path) -> bool:
    """Whether ``path`` is there without a link on the way: what is mounted must be of the image, not of this machine."""
    return path.exists() and path.resolve() == root.resolve() / path.relative_to(root)


def _labelled(config: ImageConfig) -> Processes | None:
    label = config.labels.get("io.stagewright.processes")
    return Processes.of((type_, "") for type_ in label.split(",")) if label else None


def _require_process(arguments: tuple[str, ...], processes: Processes | None) -> None:
    """Say at once, and better than a launcher can, that a process type is not there."""
    if processes is None or len(arguments) > 1:
        return
    wanted = arguments[0] if arguments else "web"
    if processes.command(wanted) is None:
        raise NoSuchProcess(wanted, tuple(process.type for process in processes.types))


def _limits(order: LaunchOrder) -> Limits:
    defaults = Limits(timeout=NO_TIME_OUT)
    return replace(defaults, memory=order.memory or defaults.memory, disk=order.disk or defaults.disk)
