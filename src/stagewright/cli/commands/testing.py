"""``test``."""

from __future__ import annotations

from dataclasses import replace

import typer

from stagewright.cli.commands.staging import (
    Buildpacks,
    Disk,
    Env,
    EnvFile,
    Json,
    Memory,
    Name,
    NoCache,
    PostBuildpacks,
    SandboxOption,
    Services,
    ShellOnFailure,
    Source,
    StackOption,
    Timeout,
    Told,
    flags_of,
    log_of,
    order_of,
    platform_of,
    shell_opener,
)
from stagewright.cli.ending import cancelled_by_signals, run_to_end


def test(
    path: Source,
    buildpack: Buildpacks = None,
    post_buildpack: PostBuildpacks = None,
    stack: StackOption = None,
    env: Env = None,
    env_file: EnvFile = None,
    service: Services = None,
    name: Name = None,
    no_cache: NoCache = False,
    timeout: Timeout = None,
    memory: Memory = None,
    disk: Disk = None,
    sandbox: SandboxOption = "auto",
    shell_on_failure: ShellOnFailure = False,
    as_json: Json = False,
) -> None:
    """Test an app: its buildpacks build it for its tests, and the tests are run.

    What app.json names as 'test' is run, else bin/test of the buildpacks of Heroku's form. No droplet is written.

    Buildpacks are found, and manifest.yml and app.json are read, as by stage; of app.json the environment 'test' holds.
    """
    told = Told()

    def work() -> int:
        from stagewright.services import testing as verbs

        flags = flags_of(buildpack, stack, env, env_file, None, name, memory, disk)
        order = order_of(path, flags, None, None, timeout, no_cache, False)
        order = replace(order, posts=tuple(post_buildpack or ()), services=tuple(service or ()))
        with cancelled_by_signals(), log_of(as_json) as log:
            on_failure = shell_opener(log) if shell_on_failure else None
            verbs.test(order, platform_of(sandbox, log), told.watching(log.event), on_failure)
        return 0

    raise typer.Exit(run_to_end(work, told=lambda: told.failure, as_json=as_json))
