"""How a staging can fail. Exit codes for them are the doors' business."""

from __future__ import annotations

from dataclasses import dataclass

from stagewright.errors import AppProblem, BuildpackProblem, Fault, LimitProblem, UsageProblem
from stagewright.model.buildpack import Script
from stagewright.model.plan import Role
from stagewright.model.quantities import show_duration, show_size


@dataclass(eq=False)
class NoBuildpackMatched(AppProblem):
    """Every detect said no."""

    app: str
    tried: tuple[str, ...]

    def brief(self) -> str:
        return f"No buildpack recognised {self.app!r} (tried {', '.join(self.tried)})."

    def hint(self) -> str:
        return (
            "Name one with --buildpack, or add the file it looks for: requirements.txt, package.json, index.html, "
            "Aptfile or Procfile."
        )


@dataclass(eq=False)
class NotCompatible(AppProblem):
    """A buildpack of Heroku's form was named, and its own detect says no (contracts/heroku.md §3: all of them must pass)."""

    app: str
    buildpack: str
    says: str

    def brief(self) -> str:
        said = f" It says: {self.says}" if self.says else ""
        return (
            f"The app {self.app!r} is not compatible with the buildpack {self.buildpack}: its bin/detect says no.{said}"
        )

    def hint(self) -> str:
        return "Leave it out, or give --strict-cf: then a named buildpack is not asked, as on Cloud Foundry."


@dataclass(eq=False)
class NoTests(AppProblem):
    """An app is to be tested, and no buildpack of its list knows how."""

    app: str
    buildpacks: tuple[str, ...]

    def brief(self) -> str:
        return f"Nobody knows how to test {self.app!r}: {', '.join(self.buildpacks)} has no bin/test."

    def hint(self) -> str:
        return "Say it in app.json (environments.test.scripts.test), or name a buildpack with bin/test."


@dataclass(eq=False)
class AppTestsFailed(AppProblem):
    """A command of app.json that tests the app, or prepares that, ended with something else than 0."""

    setup: bool
    code: int
    tail: tuple[str, ...]

    def brief(self) -> str:
        if self.setup:
            return f"The tests could not begin: 'test-setup' of app.json ended with {_ending(self.code)}."
        return f"The tests failed: 'test' of app.json ended with {_ending(self.code)}."

    def hint(self) -> str:
        return "Read the last lines above; --shell-on-failure opens a shell where the tests ran."

    def details(self) -> str:
        return "\n".join(self.tail)


@dataclass(eq=False)
class ScriptFailed(BuildpackProblem):
    """A script ended with something else than 0."""

    buildpack: str
    script: Script
    code: int
    tail: tuple[str, ...]
    role: Role = Role.FINAL

    def brief(self) -> str:
        if self.script is Script.TEST:
            return f"The tests failed: bin/test of the buildpack {self.buildpack} ended with {_ending(self.code)}."
        kind = "post-buildpack" if self.role is Role.POST else "buildpack"
        return (
            f"The {kind} {self.buildpack} failed in {self.script}: bin/{self.script} ended with {_ending(self.code)}."
        )

    def hint(self) -> str:
        match self.script:
            case Script.TEST:
                return "Read the last lines above; --shell-on-failure opens a shell where the tests ran."
            case Script.RELEASE:
                return "This is for the buildpack's author to mend; a Procfile or --command does not need bin/release to succeed."
            case Script.DETECT if self.role is Role.CANDIDATE:
                return "Name the buildpack with --buildpack to go on without detection."
            case Script.DETECT:
                return (
                    "Read the last lines above; with --strict-cf a named buildpack is not asked, as on Cloud Foundry."
                )
            case _:
                return "Read the last lines above; --shell-on-failure opens a shell in the build as it stands."

    def details(self) -> str:
        return "\n".join(self.tail)

    def whose_fault(self) -> Fault:
        return _SAID.get(self.code, Fault.APP if self.script is Script.TEST else Fault.BUILDPACK)


_SAID = {65: Fault.APP, 66: Fault.APP, 69: Fault.PLATFORM, 75: Fault.PLATFORM}
"""Exit codes by which a script can say whose fault it is: EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE, EX_TEMPFAIL of sysexits.h."""


def _ending(code: int) -> str:
    return f"exit code {code}" if code <= 128 else f"exit code {code} (signal {code - 128})"


@dataclass(eq=False)
class ExportFailed(BuildpackProblem):
    """A buildpack of Heroku's form left an ``export`` for those after it that cannot be sourced."""

    buildpack: str
    code: int
    tail: tuple[str, ...] = ()

    def brief(self) -> str:
        ended = f"it ended with {_ending(self.code)}" if self.code else "it leaves no environment"
        return f"The buildpack {self.buildpack} left a file 'export' that fails when it is sourced: {ended}."

    def hint(self) -> str:
        return "An export is for words like 'export NAME=VALUE'; this is for the buildpack's author to mend."

    def details(self) -> str:
        return "\n".join(self.tail)


@dataclass(eq=False)
class TooMuchSupplied(BuildpackProblem):
    """A buildpack left more variables for those after it than a program can be started with."""

    buildpack: str
    place: str
    most: int

    def brief(self) -> str:
        return f"The buildpack {self.buildpack} left too much in {self.place}: variables may have {show_size(self.most)} in all."

    def hint(self) -> str:
        return "A file there is a variable of every later script; large things belong into other directories of deps."


@dataclass(eq=False)
class ScriptNotExecutable(BuildpackProblem):
    """A script that must run has no execute permission."""

    buildpack: str
    script: Script
    role: Role = Role.FINAL

    def brief(self) -> str:
        return f"The buildpack {self.buildpack} failed in {self.script}: bin/{self.script} is not executable."

    def hint(self) -> str:
        return f"chmod +x bin/{self.script} in the buildpack."


@dataclass(eq=False)
class PlaceReplaced(BuildpackProblem):
    """A script put something else in the place of a directory that it shares with the platform, took it away, or closed it."""

    buildpack: str
    script: Script
    place: str
    role: Role = Role.FINAL

    def brief(self) -> str:
        return (
            f"The buildpack {self.buildpack} failed in {self.script}: the directory {self.place!r} is gone or closed."
        )

    def hint(self) -> str:
        return (
            "A script may change what is in app, deps, profile.d and cache, but not replace or close these directories."
        )


@dataclass(eq=False)
class ProfileBlocked(BuildpackProblem):
    """What buildpacks supplied cannot be made to be found at run time, because of what they left in deps or in profile.d."""

    buildpack: str
    script: Script
    says: str
    role: Role = Role.FINAL

    def brief(self) -> str:
        return (
            f"After {self.script} of the buildpack {self.buildpack} nothing could be written to profile.d: {self.says}."
        )

    def hint(self) -> str:
        return (
            "Names in deps/*/profile.d get the index before them and may then have 255 bytes; profile.d must stay open."
        )


@dataclass(eq=False)
class SpecialFileLeft(BuildpackProblem):
    """A script left something in the app or in deps that no droplet can hold."""

    path: str
    kind: str

    def brief(self) -> str:
        return f"A buildpack left a {self.kind} in the droplet, {self.path!r}; a droplet holds files, directories and links."

    def hint(self) -> str:
        return "The script that made it must remove it, or make it in /tmp."


@dataclass(eq=False)
class ClosedFileLeft(BuildpackProblem):
    """A script left something that the platform, which has no more rights than the script had, cannot read."""

    path: str
    says: str

    def brief(self) -> str:
        return f"A buildpack left {self.path!r}, which cannot be read: {self.says}."

    def hint(self) -> str:
        return "The script that made it must give its owner the right to read it, or remove it."


@dataclass(eq=False)
class ScriptMissing(BuildpackProblem):
    """A buildpack lacks a script that its place in the list asks for (contracts/cloudfoundry-staging.md §1.2)."""

    buildpack: str
    script: Script
    says: str

    def brief(self) -> str:
        return f"The buildpack {self.buildpack} has no bin/{self.script}: {self.says}."

    def hint(self) -> str:
        if self.script is Script.SUPPLY:
            return "Only buildpacks with bin/supply can come before another; put this one last or leave it out."
        return "Choose another buildpack, or another version of this one."


@dataclass(eq=False)
class DialectNotSupported(BuildpackProblem):
    """A buildpack was written to a contract that is not built yet."""

    buildpack: str
    dialect: str

    def brief(self) -> str:
        return f"The buildpack {self.buildpack} is of the dialect {self.dialect!r}, which is not supported yet."

    def hint(self) -> str:
        return "Buildpacks of Cloud Foundry's and of Heroku's form run: bin/supply and bin/finalize, or bin/compile."


@dataclass(eq=False)
class NoStartCommand(AppProblem):
    """Nobody said how the app is started."""

    app: str

    def brief(self) -> str:
        return f"Start command missing: neither a buildpack nor a Procfile says how {self.app!r} is started."

    def hint(self) -> str:
        return "Add a Procfile with a line 'web: COMMAND', or give --command."


@dataclass(eq=False)
class TimedOut(LimitProblem):
    """The staging took longer than --timeout."""

    seconds: float
    during: str
    tail: tuple[str, ...] = ()

    def brief(self) -> str:
        return f"The staging was ended after its time of {show_duration(self.seconds)}, during {self.during}."

    def hint(self) -> str:
        return "If it only needs longer, raise --timeout; if it hangs, the last lines above say where."

    def details(self) -> str:
        return "\n".join(self.tail)


@dataclass(eq=False)
class OutOfMemory(LimitProblem):
    """The kernel killed a process of the build for using more than --memory."""

    memory: int
    during: str
    tail: tuple[str, ...] = ()

    def brief(self) -> str:
        return f"The build ran out of its {show_size(self.memory)} of memory, during {self.during}."

    def hint(self) -> str:
        return "Raise --memory."

    def details(self) -> str:
        return "\n".join(self.tail)


@dataclass(eq=False)
class OutOfDisk(LimitProblem):
    """The build wrote more than --disk."""

    disk: int
    during: str
    tail: tuple[str, ...] = ()

    def brief(self) -> str:
        return f"The build wrote more than its {show_size(self.disk)} of disk, during {self.during}."

    def hint(self) -> str:
        return "Raise --disk, or leave files out with .cfignore."

    def details(self) -> str:
        return "\n".join(self.tail)


@dataclass(eq=False)
class BadVariable(UsageProblem):
    """An environment variable that the platform sets itself, or whose name no shell could read."""

    name: str
    says: str

    def brief(self) -> str:
        return f"The environment variable {self.name!r} cannot be set: {self.says}."

    def hint(self) -> str:
        return "Choose another name."


@dataclass(eq=False)
class NotReproducible(BuildpackProblem):
    """Two stagings of the same source gave different droplets (--check-reproducible)."""

    differing: tuple[str, ...]

    def brief(self) -> str:
        count = f"{len(self.differing)} paths differ" if len(self.differing) != 1 else "one path differs"
        return f"Two stagings gave different droplets: {count}."

    def hint(self) -> str:
        return "Times, random numbers and build paths in files are the usual causes; the paths above say where to look."

    def details(self) -> str:
        shown = self.differing[:50]
        more = [f"… and {len(self.differing) - len(shown)} more"] if len(self.differing) > len(shown) else []
        return "\n".join([*shown, *more])
