"""The tests of an app are run: started as the app would be, by the same launcher, in the container that built it.

Heroku runs bin/test "with all .profile.d scripts and ENV_DIR entries already loaded" (Dev Center, "Testpack API"), and the
commands of app.json in the app's directory ("Heroku CI: Technical Detail on Test Run Lifecycle", steps 4 and 5).
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import PurePosixPath

from stagewright.buildpacks.dialects import rules_of
from stagewright.droplets import launch_files
from stagewright.model.buildpack import Script
from stagewright.model.containers import Command
from stagewright.model.plan import RunScript, RunTests
from stagewright.model.process import Processes
from stagewright.model.settings import Trust
from stagewright.staging.problems import AppTestsFailed
from stagewright.staging.running import AppToRun, app_environment, launch_command
from stagewright.staging.scripts import Ran, ScriptRunner
from stagewright.trees import remove_tree

PORT = 8080
"""Where an app that the tests start should listen."""
_ONLY_WHILE_BUILDING = ("HOME", "TMPDIR", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH")


@dataclass(frozen=True)
class AppTester:
    """Runs the tests of one build in its session, after all of its buildpacks have done their part."""

    runner: ScriptRunner
    slug_home: bool
    """Whether the app expects to find itself at /app."""

    def run(self, step: RunScript | RunTests) -> Ran:
        """Run one of the tests to its end, telling what it writes.

        Raises ScriptFailed or AppTestsFailed where it ends with something else than 0, TimedOut and its kin for a limit.
        """
        if isinstance(step, RunScript):
            self.runner.require(step)
        command = self._launched(self._arguments(step), step)
        with self.runner.env_files(step) if isinstance(step, RunScript) else nullcontext():
            ran = self.runner.told(command, step.script if isinstance(step, RunScript) else Script.TEST)
        if isinstance(step, RunScript):
            self.runner.raise_for(step, ran)
        self.runner.raise_limits(step, ran)
        if isinstance(step, RunTests) and ran.exit.code != 0:
            raise AppTestsFailed(step.setup, ran.exit.code, ran.tail)
        return ran

    def shell(self, step: RunScript | RunTests) -> Command:
        """A shell as ``step`` would be started."""
        return self._launched(("/bin/bash",), step)

    def _arguments(self, step: RunScript | RunTests) -> tuple[str, ...]:
        if isinstance(step, RunTests):
            return ("/bin/bash", "-c", step.command)
        argv = rules_of(step.buildpack).argv(step, self.runner.layout)
        return tuple(self.runner.seen(part) if isinstance(part, PurePosixPath) else part for part in argv)

    def _launched(self, arguments: tuple[str, ...], step: RunScript | RunTests) -> Command:
        self._lay_out()
        return launch_command(("--", *arguments), self._environment(step), self.runner.session)

    def _lay_out(self) -> None:
        """What the launcher reads, and the directories that it counts on: a script may have put anything in their place."""
        workspace, owner = self.runner.workspace, self.runner.owner
        # Without a root of its own a sandbox has no /app: the app is then found where it lies.
        at_slug = self.slug_home and self.runner.session.path_of(self.runner.layout.app) == self.runner.layout.app
        launch_files(Processes(), None, slug_home=at_slug).write(workspace.lifecycle)
        for path in (workspace.home / name for name in ("tmp", "logs")):
            if path.is_symlink() or not path.is_dir():
                remove_tree(path)
                path.mkdir()
                if owner is not None:
                    os.chown(path, owner.uid, owner.gid)

    def _environment(self, step: RunScript | RunTests) -> dict[str, str]:
        """That of a running app, with the operator's registries, since tests install things; and Heroku's own for its scripts."""
        request, variables = self.runner.request, self.runner.variables
        app = AppToRun(
            request.app,
            request.stack.name,
            request.stack.build.path,
            self.runner.workspace.home,
            self.runner.workspace.lifecycle,
            variables.config,
            PORT,
            request.limits,
            variables.services,
        )
        platform = {name: value for name, value in variables.platform.items() if name not in _ONLY_WHILE_BUILDING}
        heroku = variables.heroku if isinstance(step, RunScript) else {}
        return {**self.runner.written({**platform, **heroku}), **app_environment(app, Trust())}
