"""How an app is started: what launch.yml, release, Procfile, manifest.yml and --command say, merged in that order
(contracts/cloudfoundry-staging.md §1.2 step 4; the app's own command wins, as Cloud Foundry's does when it starts the app)."""

from __future__ import annotations

from stagewright.buildpacks.dialects.cloudfoundry import read_config, read_launch
from stagewright.model.build import BuildRequest, UsedBuildpack
from stagewright.model.buildpack import Buildpack
from stagewright.model.layout import deps_index
from stagewright.model.process import Processes
from stagewright.packages import read_procfile
from stagewright.ports.keeping import Workspace
from stagewright.staging.facts import Decided, Facts
from stagewright.staging.problems import NoStartCommand


def decide(request: BuildRequest, chosen: tuple[Buildpack, ...], facts: Facts, workspace: Workspace) -> Decided:
    """Read what the scripts left and decide. Raises NoStartCommand, BadProcfile, BadBuildpackDocument."""
    processes = Processes()
    for position, buildpack in enumerate(chosen):
        index = deps_index(position, len(chosen))
        processes = processes.merged(read_launch(workspace.deps, index, buildpack) or Processes())
    processes = processes.merged(facts.released or Processes())
    processes = processes.merged(read_procfile(workspace.app) or Processes())
    processes = processes.merged(request.manifest.processes)
    if request.manifest.command:
        processes = processes.merged(Processes.of([("web", request.manifest.command)]))
    if not processes.types:
        raise NoStartCommand(str(request.app))
    used = _used(chosen, workspace)
    found = facts.matched
    named = read_config(workspace.deps, used[-1].index, chosen[-1]).name
    detected = named or (found.says if found is not None else "")
    return Decided(processes, used, detected, used[-1].entrypoint_prefix)


def _used(chosen: tuple[Buildpack, ...], workspace: Workspace) -> tuple[UsedBuildpack, ...]:
    used = []
    for position, buildpack in enumerate(chosen):
        index = deps_index(position, len(chosen))
        config = read_config(workspace.deps, index, buildpack)
        used.append(
            UsedBuildpack(
                key=buildpack.key,
                name=config.name or buildpack.name,
                version=config.version or buildpack.version,
                digest=buildpack.digest,
                index=index,
                entrypoint_prefix=config.entrypoint_prefix,
                output_metadata=config.output_metadata,
            )
        )
    return tuple(used)
