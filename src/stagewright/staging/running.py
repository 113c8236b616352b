"""A droplet or an image is started as an app: the same launcher, the same places, in a sandbox on the run root."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stagewright.model.application import AppIdentity, running_application
from stagewright.model.containers import Command, ContainerSpec, Limits, Mount, Network
from stagewright.model.layout import LAUNCHER, Layout
from stagewright.model.names import AppName, StackName
from stagewright.model.settings import Trust
from stagewright.ports.sandbox import Session
from stagewright.staging.container import trust_mounts
from stagewright.staging.environment import LOCALE, PATH

_REGISTRIES = PurePosixPath("/trust")
"""Where the settings of registries lie: they are for builds, not for apps."""
_FOR_INSTALLERS = ("PIP_", "UV_", "NPM_", "npm_", "APT_", "CARGO_", "XDG_CONFIG_DIRS")


@dataclass(frozen=True)
class AppToRun:
    """What is started: a root, the tree that becomes /home/vcap, and how."""

    name: AppName
    stack: StackName | None
    """What must not be removed while it runs; None where the root is its own."""
    root: Path
    home: Path
    lifecycle: Path | None
    """What becomes /lifecycle; None where the root holds it already (an image)."""
    env: Mapping[str, str]
    port: int
    limits: Limits
    services: Mapping[str, str] = field(default_factory=dict)
    """VCAP_SERVICES and DATABASE_URL, where services are bound."""


def app_container(app: AppToRun, name: str, scratch: Path, tmp: Path, trust: Trust, network: Network) -> ContainerSpec:
    """The container of a running app. Of the operator's trust it gets certificates and names, no registry settings."""
    lifecycle = (Mount(app.lifecycle, LAUNCHER.parent),) if app.lifecycle is not None else ()
    mounts = (
        Mount(app.home, Layout().home, writable=True),
        Mount(tmp, Layout().tmp, writable=True),
        *lifecycle,
        *trust_mounts(_without_registries(trust), scratch / "trust", None),
    )
    return ContainerSpec(
        name=name,
        root=app.root,
        mounts=mounts,
        limits=app.limits,
        scratch=scratch,
        network=network,
        hostname=str(app.name)[:60],
    )


def _without_registries(trust: Trust) -> Trust:
    """Certificates, names and proxies. What lies at a system's own place stays; what only a variable names goes with it."""
    files = {path: content for path, content in trust.files.items() if not path.is_relative_to(_REGISTRIES)}
    environment = {
        name: value
        for name, value in trust.environment.items()
        if not (value.startswith(f"{_REGISTRIES}/") or name.startswith(_FOR_INSTALLERS))
    }
    return Trust(files, environment)


def app_environment(app: AppToRun, trust: Trust) -> dict[str, str]:
    """The environment of a running app (contracts/cloudfoundry-staging.md §1.9, "LRP env"); the launcher adds to it."""
    identity = AppIdentity(app.name)
    application = running_application(identity, app.limits, port=app.port)
    instance = identity.instance_id("web", 0)
    port = str(app.port)
    return {
        "PATH": PATH,
        "LANG": LOCALE,
        "USER": "vcap",
        "SHELL": "/bin/bash",
        **_without_registries(trust).environment,
        **app.env,
        "PORT": port,
        "VCAP_APP_PORT": port,
        "VCAP_APP_HOST": "0.0.0.0",  # noqa: S104 - as above
        "VCAP_APPLICATION": json.dumps(application, sort_keys=True),
        "VCAP_SERVICES": "{}",
        **app.services,
        "MEMORY_LIMIT": f"{app.limits.memory >> 20}m",
        "CF_INSTANCE_INDEX": "0",
        "CF_INSTANCE_GUID": instance,
        "INSTANCE_GUID": instance,
        "INSTANCE_INDEX": "0",
    }


def launch_command(arguments: tuple[str, ...], env: Mapping[str, str], session: Session) -> Command:
    """The launcher with ``arguments``: nothing for web, a process type, or ``--`` and a command."""
    home, lifecycle = session.path_of(Layout().home), session.path_of(LAUNCHER.parent)
    places = {"STAGEWRIGHT_LIFECYCLE": str(lifecycle), "STAGEWRIGHT_HOME_DIR": str(home)}
    return Command((str(lifecycle / LAUNCHER.name), *arguments), home, {**env, **places})
