"""The verb *test*: an app is built to be tested, and tested. No droplet is written."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from stagewright.model.buildpack import Script
from stagewright.model.events import BuildTested, TimeSpent
from stagewright.model.names import BuildId
from stagewright.model.plan import Action, RunScript, RunTests
from stagewright.ports.events import EventSink
from stagewright.services.asked import StageOrder
from stagewright.services.opening import cache_of, opened, telling, tools_of
from stagewright.services.platform import Platform
from stagewright.staging.building import Building, ShellOnFailure
from stagewright.staging.planner import plan
from stagewright.staging.stopwatch import Stopwatch


def test(
    order: StageOrder, platform: Platform, events: EventSink, on_failure: ShellOnFailure | None = None
) -> BuildTested:
    """Build and test what ``order`` names. Raises the Problem that ended it, after telling it as BuildFailed: AppTestsFailed or
    ScriptFailed where the tests themselves failed, NoTests where there are none."""
    build = BuildId.new()
    with telling(build, events):
        return _test(build, replace(order, testing=True), platform, events, on_failure)


def _test(
    build: BuildId, order: StageOrder, platform: Platform, events: EventSink, on_failure: ShellOnFailure | None
) -> BuildTested:
    watch = Stopwatch()
    with ExitStack() as held:
        begun = held.enter_context(opened(build, order, platform, events, watch))
        with platform.stacks.hold(begun.request.stack.name), cache_of(begun):
            facts = Building(begun.request, begun.workspace, tools_of(begun), on_failure=on_failure).run()
        with watch.timing("removal"):
            held.close()
    ran = tuple(action.step.verb_noun for action in plan(begun.request, facts).actions if _tests(action))
    spent = TimeSpent(watch.total, watch.scripts, watch.parts)
    tested = BuildTested(build, ran, spent.total, spent)
    events(tested)
    return tested


def _tests(action: Action) -> bool:
    step = action.step
    return isinstance(step, RunTests) or (isinstance(step, RunScript) and step.script is Script.TEST)
