"""The executor: does one action and says what came of it. It never decides; the planner does."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from stagewright.buildpacks.dialects import cloudfoundry, rules_of
from stagewright.documents import NotReadable, load_yaml, plain
from stagewright.model.build import BuildRequest
from stagewright.model.buildpack import Dialect, Script
from stagewright.model.containers import Cause, Command, Exit
from stagewright.model.events import ActionFinished, ActionStarted, DetectNotExecutable, Warned
from stagewright.model.plan import Action, ReadProcesses, Role, RunScript, RunTests, Turn
from stagewright.model.process import Processes
from stagewright.model.tree import Difference
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import Workspace
from stagewright.staging.deps import write_launch_profile
from stagewright.staging.facts import Detection, Facts
from stagewright.staging.planner import turns
from stagewright.staging.problems import ClosedFileLeft, NotCompatible, ProfileBlocked, ScriptFailed
from stagewright.staging.processes import decide
from stagewright.staging.scripts import Ran, ScriptRunner, builds, is_executable
from stagewright.staging.stopwatch import Stopwatch
from stagewright.trees import Snapshot, difference, remove_tree, snapshot
from stagewright.trees.problems import UnreadableFile, from_write, reason_of

if TYPE_CHECKING:
    from stagewright.staging.testing import AppTester

_CANNOT_RUN = (126, 127)
_LEFT_IN_THE_WAY = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM)
"""How the system refuses what scripts chose the names and the modes of."""
_MULTI_SUPPLY = "000_multi-supply.sh"
"""The name that libbuildpack gives it (contracts/cloudfoundry-staging.md §2.4)."""


@dataclass
class ScriptExecutor:
    """Takes the actions of one build that need its session."""

    request: BuildRequest
    workspace: Workspace
    runner: ScriptRunner
    events: EventSink
    watch: Stopwatch
    _before: dict[str, Snapshot] = field(default_factory=dict, init=False)
    _tests: tuple[AppTester, RunScript | RunTests] | None = field(default=None, init=False)
    """The tests that were begun last, and who runs them."""

    def execute(self, action: Action, facts: Facts) -> Facts:
        """Do ``action``; the facts after it.

        Raises ScriptFailed and its kin for what a script did, TimedOut, OutOfMemory, OutOfDisk for what it was not given.
        """
        self.events(ActionStarted(action))
        match action.step:
            case RunScript(script=Script.DETECT):
                return self._detect(action, action.step, facts)
            case RunScript(script=Script.RELEASE):
                return self._release(action, action.step, facts)
            case RunScript(script=Script.REPORT):
                return self._report(action, action.step, facts)
            case RunScript(script=Script.TEST) | RunTests():
                return self._test(action, action.step, facts)
            case RunScript():
                return self._build(action, action.step, facts)
            case ReadProcesses():
                return self._decide(action, facts)
            case _:
                raise TypeError(f"{type(action.step).__name__} runs no script")

    def shell(self) -> Command:
        """A shell as the last script of this build, or its tests, were started."""
        if self._tests is None:
            return self.runner.shell()
        tester, step = self._tests
        return tester.shell(step)

    def _detect(self, action: Action, step: RunScript, facts: Facts) -> Facts:
        says, failed = "", None
        mask = self.runner.masker
        if not is_executable(step, by_all=True):
            # §1.2 step 2: warned about; where nobody may run it at all, the next buildpack is tried.
            self.events(DetectNotExecutable(str(step.buildpack)))
        if not is_executable(step):
            ran = Ran(Exit(126, Cause.EXITED, 0.0), ())
        else:
            ran = self.runner.run(step, self._earlier(step, facts), answers=True)
            self.runner.raise_limits(step, ran)
            says = mask.answer(ran.answer.decode("utf-8", "replace").rstrip("\r\n"))
            if ran.exit.code > 128 or ran.exit.code in _CANNOT_RUN:
                failed = ran.exit.code
                self.events(
                    Warned(f"bin/detect of {step.buildpack} could not say yes or no (exit code {ran.exit.code})")
                )
        matched = ran.exit.code == 0
        self.events(ActionFinished(action, ran.exit.seconds, ran.exit.code, says=says if matched else "no"))
        if not matched and step.turn.role is not Role.CANDIDATE:
            self._refuse(step, ran, says)
        found = Detection(step.buildpack, matched, says, failed)
        return replace(facts.after(action.key), detections=(*facts.detections, found))

    def _refuse(self, step: RunScript, ran: Ran, says: str) -> NoReturn:
        """A buildpack that was named does not say yes: because it will not, or because it could not speak at all."""
        self.runner.require(step)
        if ran.exit.code > 128 or ran.exit.code in _CANNOT_RUN:
            raise ScriptFailed(str(step.buildpack), step.script, ran.exit.code, ran.tail, step.turn.role)
        raise NotCompatible(str(self.request.app), str(step.buildpack), says)

    def _release(self, action: Action, step: RunScript, facts: Facts) -> Facts:
        self.runner.require(step)
        ran = self.runner.run(step, self._earlier(step, facts), answers=True)
        self.runner.raise_for(step, ran)
        with _documents_of(step.turn):
            said = self._parsed(ran.answer, step)
        self.events(ActionFinished(action, ran.exit.seconds, ran.exit.code))
        return replace(facts.after(action.key), released={**facts.released, step.turn.position: said})

    def _parsed(self, answer: bytes, step: RunScript) -> Processes:
        """What bin/release says. Raises BadRelease, which may quote the answer, and must not quote a secret."""
        try:
            return cloudfoundry.parse_release(answer, step.buildpack)
        except cloudfoundry.BadRelease as bad:
            raise replace(bad, says=self.runner.masker(bad.says)) from None

    def _report(self, action: Action, step: RunScript, facts: Facts) -> Facts:
        """What bin/report says is kept with the build; a report that fails is no failure of the build."""
        ran = self.runner.run(step, self._earlier(step, facts), answers=True)
        self.runner.raise_limits(step, ran)
        said: Any = None
        if ran.exit.code == 0:
            text = self.runner.masker.answer(ran.answer.decode("utf-8", "replace"))
            try:
                said = plain(load_yaml(text.encode()))
            except NotReadable:
                said = text
        else:
            self.events(Warned(f"bin/report of {step.buildpack} ended with exit code {ran.exit.code}"))
        self.events(ActionFinished(action, ran.exit.seconds, ran.exit.code))
        return replace(facts.after(action.key), reports={**facts.reports, step.buildpack.key: said})

    def _test(self, action: Action, step: RunScript | RunTests, facts: Facts) -> Facts:
        """Tests have no cache, and what they write is kept by nobody: no checkpoint is taken."""
        from stagewright.staging.testing import AppTester  # who tests nothing does not wait for it

        chosen = turns(self.request, facts) or ()
        tester = AppTester(self.runner, any(turn.buildpack.dialect is Dialect.HEROKU for turn in chosen))
        self._tests = tester, step
        ran = tester.run(step)
        self.events(ActionFinished(action, ran.exit.seconds, ran.exit.code))
        return facts.after(action.key)

    def _build(self, action: Action, step: RunScript, facts: Facts) -> Facts:
        self.runner.require(step)
        self._prepare(step)
        ran = self.runner.run(step, self._earlier(step, facts))
        self.runner.raise_for(step, ran)
        self._complete(step)
        self.events(ActionFinished(action, ran.exit.seconds, ran.exit.code, self._checkpoint()))
        facts = facts.after(action.key)
        if builds(step) and step.turn.role is Role.SUPPLYING:
            facts = replace(facts, supplied=facts.supplied + 1)
        elif builds(step):
            with _documents_of(step.turn):
                launch = cloudfoundry.read_launch(self.workspace.deps, step.turn.index, step.buildpack)
            facts = replace(facts, wrote_launch={**facts.wrote_launch, step.turn.position: launch is not None})
        return facts

    def _earlier(self, step: RunScript, facts: Facts) -> tuple[Turn, ...]:
        """Those whose turns were before that of ``step``."""
        if step.turn.role is Role.CANDIDATE:
            return ()
        chosen = turns(self.request, facts) or ()
        return chosen[: step.turn.position]

    def _decide(self, action: Action, facts: Facts) -> Facts:
        started = time.monotonic()
        chosen = turns(self.request, facts)
        assert chosen is not None  # noqa: S101 - the planner plans no processes before that
        decided = decide(self.request, chosen, facts, self.workspace)
        if not decided.processes.command("web"):
            self.events(Warned("No start command specified by buildpack or via Procfile."))
            self.events(Warned("App will not start unless a command is provided at runtime."))
        says = ", ".join(process.type for process in decided.processes.types)
        self.events(ActionFinished(action, time.monotonic() - started, says=says))
        return replace(facts.after(action.key), decided=decided)

    def _prepare(self, step: RunScript) -> None:
        """What a script finds: its deps directory (none for Cloud Foundry's compile, §1.2 step 3) and its cache."""
        if not self._before:
            with self.watch.timing("checkpoints"):
                self._before = self._snapshots()
        if step.script is Script.COMPILE and step.buildpack.dialect is Dialect.CLOUD_FOUNDRY:
            remove_tree(self.workspace.deps / step.turn.index)
            if step.turn.role is Role.FINAL and step.turn.position > 0:
                self.events(
                    Warned(
                        "Warning: the last buildpack is not compatible with multi-buildpack apps and cannot make use of any "
                        "dependencies supplied by the buildpacks specified before it"
                    )
                )
        self.runner.make_cache(step.turn)

    def _complete(self, step: RunScript) -> None:
        """What the platform does after a buildpack that does not, or could not: make what was supplied be found at run time."""
        turn, rules = step.turn, rules_of(step.buildpack)
        if not builds(step):
            return
        deps, profile_d, owner = self.workspace.deps, self.workspace.profile_d, self.runner.owner
        try:
            if turn.role is Role.POST:
                write_launch_profile(deps, profile_d, (turn.index,), f"{turn.index}_000_supply.sh", owner)
            elif turn.role is Role.FINAL and not rules.KNOWS_DEPS:
                indices = tuple(replace(turn, position=position).index for position in range(turn.position + 1))
                write_launch_profile(deps, profile_d, indices, _MULTI_SUPPLY, owner)
        except OSError as error:
            if error.errno not in _LEFT_IN_THE_WAY:
                raise from_write(error, profile_d) from error
            raise ProfileBlocked(str(step.buildpack), step.script, reason_of(error), turn.role) from error

    def _checkpoint(self) -> dict[str, Difference]:
        """What the script that just ended did to the trees."""
        with self.watch.timing("checkpoints"):
            try:
                after = self._snapshots()
            except UnreadableFile as closed:
                raise ClosedFileLeft(self.workspace.called(closed.path), closed.reason) from closed
            wrote = {name: difference(self._before[name], after[name]) for name in after}
            self._before = after
        return {name: change for name, change in wrote.items() if change}

    def _snapshots(self) -> dict[str, Snapshot]:
        return {name: snapshot(path) for name, path in self.runner.places().items()}


@contextmanager
def _documents_of(turn: Turn) -> Iterator[None]:
    """A document that cannot be read is said to be that of a post-buildpack where it is one's."""
    try:
        yield
    except cloudfoundry.BadBuildpackDocument as bad:
        raise replace(bad, role=turn.role) from bad
