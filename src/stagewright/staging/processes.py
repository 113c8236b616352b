"""How an app is started: what launch.yml, release, Procfile, manifest.yml and --command say, merged in that order
(contracts/cloudfoundry-staging.md §1.2 step 4; the app's own command wins, as Cloud Foundry's does when it starts the app)."""

from __future__ import annotations

from stagewright.buildpacks.dialects.cloudfoundry import read_config, read_launch
from stagewright.model.build import BuildRequest, UsedBuildpack
from stagewright.model.plan import Role, Turn
from stagewright.model.process import Processes
from stagewright.packages import read_procfile
from stagewright.ports.keeping import Workspace
from stagewright.staging.facts import Decided, Facts
from stagewright.staging.problems import NoStartCommand


def decide(request: BuildRequest, chosen: tuple[Turn, ...], facts: Facts, workspace: Workspace) -> Decided:
    """Read what the scripts left and decide. Raises NoStartCommand, BadProcfile, BadBuildpackDocument."""
    processes = Processes()
    for turn in chosen:
        said = read_launch(workspace.deps, turn.index, turn.buildpack) or facts.released.get(turn.position)
        processes = processes.merged(said or Processes())
    processes = processes.merged(read_procfile(workspace.app) or Processes())
    processes = processes.merged(request.manifest.processes)
    if request.manifest.command:
        processes = processes.merged(Processes.of([("web", request.manifest.command)]))
    if request.needs_process and not processes.types:
        raise NoStartCommand(str(request.app))
    used = used_buildpacks(chosen, workspace)
    final = next(one for one, turn in zip(used, chosen, strict=True) if turn.role is Role.FINAL)
    return Decided(processes, used, detected_name(chosen, facts, workspace), final.entrypoint_prefix, final.has_config)


def detected_name(chosen: tuple[Turn, ...], facts: Facts, workspace: Workspace) -> str:
    """What a droplet says was detected: the name in the final buildpack's config.yml, else what its detect printed (§1.4)."""
    final = next(turn for turn in chosen if turn.role is Role.FINAL)
    own = (found.says for found in facts.detections if found.matched and found.buildpack == final.buildpack)
    return read_config(workspace.deps, final.index, final.buildpack).name or next(own, "")


def used_buildpacks(chosen: tuple[Turn, ...], workspace: Workspace) -> tuple[UsedBuildpack, ...]:
    """The buildpacks of a build as its droplet remembers them; a config.yml that cannot be read says nothing."""
    used = []
    for turn in chosen:
        buildpack = turn.buildpack
        config = read_config(workspace.deps, turn.index, buildpack)
        used.append(
            UsedBuildpack(
                key=buildpack.key,
                name=config.name or buildpack.name,
                version=config.version or buildpack.version,
                digest=buildpack.digest,
                index=turn.index,
                entrypoint_prefix=config.entrypoint_prefix,
                output_metadata=config.output_metadata,
                has_config=config.has_config,
                dialect=buildpack.dialect,
                reference=buildpack.reference,
                post=turn.role is Role.POST,
            )
        )
    return tuple(used)
