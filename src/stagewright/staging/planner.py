"""The planner: from a request and what is known, the list of actions, each with its reason. It reads values and touches nothing.

Detection decides later actions, so a first plan ends at detect; whoever executes it asks again with what was learnt.
"""

from __future__ import annotations

from collections.abc import Iterator

from stagewright.buildpacks.dialects.cloudfoundry import final_scripts
from stagewright.model.build import BuildRequest
from stagewright.model.buildpack import Buildpack, Dialect, Script
from stagewright.model.digest import Digest
from stagewright.model.plan import (
    Action,
    PackDroplet,
    Plan,
    ReadProcesses,
    RunScript,
    Step,
    Verb,
    WriteImage,
    key_of,
)
from stagewright.staging.facts import Facts
from stagewright.staging.problems import DialectNotSupported, ScriptMissing


def plan(request: BuildRequest, facts: Facts) -> Plan:
    """The plan as far as ``facts`` go.

    Raises ScriptMissing and DialectNotSupported for buildpacks that cannot play the part that the list gives them; they are found
    before any script runs.
    """
    if facts.earlier is not None:
        return Plan(tuple(_reuse(request, facts)), complete=True)
    detects = tuple(_detects(request, facts))
    chosen = chosen_buildpacks(request, facts)
    if chosen is None:
        return Plan(detects, complete=False)
    check_roles(chosen)
    actions = (*detects, *_scripts(request, chosen, facts), *_results(request))
    return Plan(actions, complete=facts.final_wrote_launch is not None or not _may_release(chosen[-1]))


def chosen_buildpacks(request: BuildRequest, facts: Facts) -> tuple[Buildpack, ...] | None:
    """The buildpacks that build the app: those that were named, else the one that detection found; None while nobody knows."""
    if request.named:
        return request.buildpacks
    return (facts.matched.buildpack,) if facts.matched is not None else None


def check_roles(chosen: tuple[Buildpack, ...]) -> None:
    """Every buildpack but the last must have bin/supply; the last needs finalize or compile (§1.2 step 2)."""
    for buildpack in chosen:
        if buildpack.dialect is Dialect.CLOUD_NATIVE:
            raise DialectNotSupported(str(buildpack), buildpack.dialect)
    for buildpack in chosen[:-1]:
        if not buildpack.has(Script.SUPPLY):
            raise ScriptMissing(
                str(buildpack), Script.SUPPLY, "it cannot supply dependencies to the buildpacks after it"
            )
    last = chosen[-1]
    if not (last.has(Script.FINALIZE) or last.has(Script.COMPILE)):
        says = "the last buildpack of the list needs bin/finalize, or bin/compile"
        raise ScriptMissing(str(last), Script.FINALIZE, says)


def _detects(request: BuildRequest, facts: Facts) -> Iterator[Action]:
    if request.named:
        return
    matched = facts.matched
    for position, buildpack in enumerate(request.buildpacks):
        known = next((d for d in facts.detections if d.buildpack == buildpack), None)
        if matched is not None and known is None:
            verb, because = Verb.SKIP, f"{matched.buildpack.name} matched before it"
        else:
            verb, because = Verb.RUN, "no buildpack was named"
        step = RunScript(Script.DETECT, buildpack, position, len(request.buildpacks), final=False)
        yield _script_action(request, step, verb, because)


def _scripts(request: BuildRequest, chosen: tuple[Buildpack, ...], facts: Facts) -> Iterator[Action]:
    count = len(chosen)
    why = "it was named" if request.named else "its detect matched"
    for position, buildpack in enumerate(chosen[:-1]):
        step = RunScript(Script.SUPPLY, buildpack, position, count, final=False)
        yield _script_action(request, step, Verb.RUN, f"{why}, before the last")
    last = chosen[-1]
    for script in final_scripts(last):
        step = RunScript(script, last, count - 1, count, final=True)
        yield _script_action(request, step, Verb.RUN, why if count == 1 else f"{why}, as the last")
    if _may_release(last):
        release = RunScript(Script.RELEASE, last, count - 1, count, final=True)
        verb = Verb.SKIP if facts.final_wrote_launch else Verb.RUN
        yield _script_action(request, release, verb, _release_because(facts.final_wrote_launch))
    yield _script_like(request, ReadProcesses(), "a droplet says how the app is started")


def _may_release(buildpack: Buildpack) -> bool:
    """A buildpack with neither release nor launch.yml fails in release, as the reference does; so it is always asked for."""
    return buildpack.has(Script.RELEASE) or not buildpack.has(Script.FINALIZE)


def _release_because(wrote_launch: bool | None) -> str:
    match wrote_launch:
        case None:
            return "finalize may write no launch.yml"
        case True:
            return "launch.yml was written"
        case False:
            return "no launch.yml was written"


def _results(request: BuildRequest) -> Iterator[Action]:
    yield _script_like(request, PackDroplet(), "it is the result")
    for target in request.images:
        yield _script_like(request, WriteImage(target), "--image was given")


def _reuse(request: BuildRequest, facts: Facts) -> Iterator[Action]:
    assert facts.earlier is not None  # noqa: S101 - the caller asked
    build = facts.earlier.build[:8]
    because = f"source, buildpacks, stack and environment are those of build {build}"
    for position, buildpack in enumerate(request.buildpacks):
        script = Script.SUPPLY if request.named else Script.DETECT
        step = RunScript(script, buildpack, position, len(request.buildpacks), final=False)
        yield _script_action(request, step, Verb.SKIP, because)
    yield Action(PackDroplet(), Verb.REUSE, because, facts.earlier.droplet.tree)
    for target in request.images:
        yield _script_like(request, WriteImage(target), "--image was given")


def _script_action(request: BuildRequest, step: RunScript, verb: Verb, because: str) -> Action:
    key = key_of(
        str(request.id),
        step.script,
        str(step.position),
        step.buildpack.digest,
        request.stack.digest,
        request.package.digest,
    )
    return Action(step, verb, because, key)


def _script_like(request: BuildRequest, step: Step, because: str) -> Action:
    return Action(step, Verb.RUN, because, _result_key(request, step))


def _result_key(request: BuildRequest, step: Step) -> Digest:
    target = str(step.target) if isinstance(step, WriteImage) else None
    return key_of(str(request.id), type(step).__name__, target)
