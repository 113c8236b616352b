"""The tree of deliberate errors.

    Problem                     something went wrong, and here is what to do about it
    ├── UsageProblem            the command or its input is wrong           (fault: usage)
    ├── AppProblem              the application's source is at fault        (fault: app)
    ├── BuildpackProblem        a buildpack is at fault                     (fault: buildpack)
    ├── LimitProblem            a limit was reached; whose fault is a field
    ├── Cancelled               a person or the platform ended it
    └── PlatformProblem         this machine or Stagewright is at fault     (fault: platform)

Every leaf is a class that takes facts and writes its own sentences: ``brief()`` says what happened, ``hint()`` what to do,
``details()`` holds longer evidence such as the last lines of a script. The leaves live with the code that raises them; the doors
(`cli` now, an API later) own one table each from a class to an exit code or a status.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who can mend a failure."""

    USAGE = "usage"
    APP = "app"
    BUILDPACK = "buildpack"
    EXTENSION = "extension"
    PLATFORM = "platform"
    NOBODY = "nobody"


class Problem(Exception):
    """A failure that Stagewright foresaw. Subclasses are dataclasses (``eq=False``) whose fields are the facts."""

    fault: ClassVar[Fault] = Fault.PLATFORM

    def brief(self) -> str:
        """One sentence: what happened, and where."""
        raise NotImplementedError(f"{type(self).__name__} says nothing")

    def hint(self) -> str:
        """What to do next; empty where there is nothing to add."""
        return ""

    def details(self) -> str:
        """Evidence of several lines, such as the end of a script's output; empty where there is none."""
        return ""

    def whose_fault(self) -> Fault:
        """Who can mend it. The class says so, unless the facts of this failure do."""
        return self.fault

    def __str__(self) -> str:
        return self.brief()


class UsageProblem(Problem):
    """The command line, a setting or a named file is wrong."""

    fault = Fault.USAGE


class AppProblem(Problem):
    """The application's source cannot be staged as it is."""

    fault = Fault.APP


class BuildpackProblem(Problem):
    """A buildpack is malformed or its script failed."""

    fault = Fault.BUILDPACK


class LimitProblem(Problem):
    """The build needed more than it was given."""

    fault = Fault.APP


class Cancelled(Problem):
    """The build was ended on purpose, by Ctrl-C or by a signal."""

    fault = Fault.NOBODY

    def brief(self) -> str:
        return "The build was cancelled."


class PlatformProblem(Problem):
    """This machine, its network or Stagewright itself is at fault."""

    fault = Fault.PLATFORM
