"""The planner: from a request and what is known, the list of actions, each with its reason. It reads values and touches nothing.

Detection decides later actions, so a first plan ends at detect; whoever executes it asks again with what was learnt.
"""

from __future__ import annotations

from collections.abc import Iterator

from stagewright.buildpacks.dialects import is_supported, rules_of
from stagewright.model.build import BuildRequest
from stagewright.model.buildpack import Buildpack, Dialect, Script
from stagewright.model.digest import Digest
from stagewright.model.plan import (
    Action,
    PackCache,
    PackDroplet,
    Plan,
    ReadProcesses,
    Role,
    RunScript,
    RunTests,
    Step,
    Turn,
    Verb,
    WriteImage,
    key_of,
)
from stagewright.staging.facts import Facts
from stagewright.staging.problems import DialectNotSupported, NoTests, ScriptMissing


def plan(request: BuildRequest, facts: Facts) -> Plan:
    """The plan as far as ``facts`` go.

    Raises ScriptMissing and DialectNotSupported for buildpacks that cannot play the part that the list gives them, NoTests where
    an app is to be tested that nobody tests; they are found before any script runs.
    """
    if facts.earlier is not None:
        return Plan(tuple(_reuse(request, facts)), complete=True)
    detects = tuple(_detects(request, facts))
    chosen = turns(request, facts)
    if chosen is None:
        return Plan(detects, complete=False)
    check_turns(chosen)
    actions = (*detects, *_scripts(request, chosen, facts), *_results(request, chosen))
    undecided = (turn for turn in chosen if _may_release(turn) and turn.position not in facts.wrote_launch)
    return Plan(actions, complete=next(undecided, None) is None)


def turns(request: BuildRequest, facts: Facts) -> tuple[Turn, ...] | None:
    """The buildpacks that build the app, each with its part: those that were named, else the one that detection found, and then
    the post-buildpacks. None while nobody knows."""
    if request.named:
        built_by = request.buildpacks
    elif facts.matched is not None:
        built_by = (facts.matched.buildpack,)
    else:
        return None
    posts = post_turns(request)
    count = len(built_by) + len(posts)
    building = (
        Turn(buildpack, Role.FINAL if position == len(built_by) - 1 else Role.SUPPLYING, position, count)
        for position, buildpack in enumerate(built_by)
    )
    return (*building, *posts)


def post_turns(request: BuildRequest) -> tuple[Turn, ...]:
    """The post-buildpacks, each with its part: known before detection, since that finds exactly one buildpack."""
    before = len(request.buildpacks) if request.named else 1
    count = before + len(request.posts)
    return tuple(Turn(buildpack, Role.POST, before + place, count) for place, buildpack in enumerate(request.posts))


def check_turns(chosen: tuple[Turn, ...]) -> None:
    """Raise DialectNotSupported, or ScriptMissing for the first that cannot play its part."""
    for turn in chosen:
        if not is_supported(turn.buildpack.dialect):
            raise DialectNotSupported(str(turn.buildpack), turn.buildpack.dialect)
    for turn in chosen:
        lacking = rules_of(turn.buildpack).lacks(turn)
        if lacking is not None:
            script, says = lacking
            raise ScriptMissing(str(turn.buildpack), script, says)


def _detects(request: BuildRequest, facts: Facts) -> Iterator[Action]:
    if request.named:
        return
    matched = facts.matched
    for turn in _candidates(request.buildpacks):
        known = next((d for d in facts.detections if d.buildpack == turn.buildpack), None)
        if matched is not None and known is None:
            verb, because = Verb.SKIP, f"{matched.buildpack.name} matched before it"
        else:
            verb, because = Verb.RUN, "no buildpack was named"
        yield _script_action(request, RunScript(Script.DETECT, turn), verb, because)


def _candidates(buildpacks: tuple[Buildpack, ...]) -> Iterator[Turn]:
    for position, buildpack in enumerate(buildpacks):
        yield Turn(buildpack, Role.CANDIDATE, position, len(buildpacks))


def _scripts(request: BuildRequest, chosen: tuple[Turn, ...], facts: Facts) -> Iterator[Action]:
    for turn in chosen:
        because = _because(request, turn, len(chosen) == 1)
        for script in _building_scripts(request, turn):
            yield _script_action(request, RunScript(script, turn), Verb.RUN, because)
        if _may_release(turn) and not request.testing:
            wrote = facts.wrote_launch.get(turn.position)
            verb = Verb.SKIP if wrote else Verb.RUN
            yield _script_action(request, RunScript(Script.RELEASE, turn), verb, _release_because(turn, wrote))
    if not request.testing:
        yield _script_like(request, ReadProcesses(), "a droplet says how the app is started")


def _building_scripts(request: BuildRequest, turn: Turn) -> tuple[Script, ...]:
    return rules_of(turn.buildpack).scripts(turn, named=bool(request.named), testing=request.testing)


def _because(request: BuildRequest, turn: Turn, alone: bool) -> str:
    why = "it was named" if request.named else "its detect matched"
    match turn.role:
        case Role.POST:
            return "it was named as a post-buildpack"
        case Role.SUPPLYING:
            return f"{why}, before the last"
        case _:
            return why if alone else f"{why}, as the last"


def _may_release(turn: Turn) -> bool:
    return turn.role in (Role.FINAL, Role.POST) and rules_of(turn.buildpack).may_release(turn)


def _release_because(turn: Turn, wrote_launch: bool | None) -> str:
    match wrote_launch:
        case True:
            return "launch.yml was written"
        case _ if turn.buildpack.dialect is Dialect.HEROKU:
            return "it says which processes there are by default"
        case None:
            return "finalize may write no launch.yml"
        case False:
            return "no launch.yml was written"


def _results(request: BuildRequest, chosen: tuple[Turn, ...]) -> Iterator[Action]:
    if request.testing:
        yield from _tests(request, chosen)
        return
    yield _script_like(request, PackDroplet(), "it is the result")
    if request.cache_archive is not None:
        yield _script_like(request, PackCache(request.cache_archive), "the next staging begins with it")
    for target in request.images:
        yield _script_like(request, WriteImage(target), "--image was given")


def _tests(request: BuildRequest, chosen: tuple[Turn, ...]) -> Iterator[Action]:
    """What app.json says, else bin/test of every buildpack of Heroku's form that has one: Heroku runs them all, in their order
    (Dev Center, "Heroku CI: Technical Detail on Test Run Lifecycle", step 5). Raises NoTests."""
    testing = [turn for turn in chosen if turn.buildpack.dialect is Dialect.HEROKU and turn.buildpack.has(Script.TEST)]
    if request.test_command is None and not testing:
        raise NoTests(str(request.app), tuple(turn.buildpack.name for turn in chosen))
    if request.test_setup is not None:
        yield _script_like(request, RunTests(request.test_setup, setup=True), "app.json wants it before the tests")
    if request.test_command is not None:
        yield _script_like(request, RunTests(request.test_command), "app.json says how the app is tested")
        return
    for turn in testing:
        yield _script_action(request, RunScript(Script.TEST, turn), Verb.RUN, "app.json names no other tests")


def _reuse(request: BuildRequest, facts: Facts) -> Iterator[Action]:
    assert facts.earlier is not None  # noqa: S101 - the caller asked
    build = facts.earlier.build[:8]
    because = f"source, buildpacks, stack and environment are those of build {build}"
    for turn in () if request.named else _candidates(request.buildpacks):
        yield _script_action(request, RunScript(Script.DETECT, turn), Verb.SKIP, because)
    for turn in turns(request, facts) or post_turns(request):
        for script in _building_scripts(request, turn):
            yield _script_action(request, RunScript(script, turn), Verb.SKIP, because)
    yield Action(PackDroplet(), Verb.REUSE, because, facts.earlier.droplet.tree)
    for target in request.images:
        yield _script_like(request, WriteImage(target), "--image was given")


def _script_action(request: BuildRequest, step: RunScript, verb: Verb, because: str) -> Action:
    key = key_of(
        str(request.id),
        step.script,
        step.turn.role,
        str(step.turn.position),
        step.buildpack.digest,
        request.stack.digest,
        request.package.digest,
    )
    return Action(step, verb, because, key)


def _script_like(request: BuildRequest, step: Step, because: str) -> Action:
    return Action(step, Verb.RUN, because, _result_key(request, step))


def _result_key(request: BuildRequest, step: Step) -> Digest:
    match step:
        case WriteImage(target=target):
            return key_of(str(request.id), type(step).__name__, str(target))
        case RunTests():
            return key_of(str(request.id), step.verb_noun, step.command)
        case _:
            return key_of(str(request.id), type(step).__name__, None)
