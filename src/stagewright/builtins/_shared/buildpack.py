"""What the scripts of every built-in buildpack share: arguments, log lines, failures, commands and the deps protocol.

Each built-in has this file as ``lib/buildpack.py`` (a link to ``../../_shared/buildpack.py``; whatever packs the built-ins copies
the content). It needs Python 3.9 and its standard library alone, and would work on Cloud Foundry too. A script is no more than

    #!/usr/bin/env python3
    import sys
    from pathlib import Path
    sys.dont_write_bytecode = True          # the buildpack's directory is read-only, and its digest must not change
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
    from NAME_buildpack.supply import supply
    import buildpack
    buildpack.script(supply)

with ``def supply(staging: buildpack.Staging) -> None`` in ``lib/NAME_buildpack/supply.py`` (a package named after the buildpack,
so that tests can import several). ``bin/detect`` is the same with ``buildpack.detect_script(detect)``. What is downloaded or kept
for the next staging goes through ``cache.py`` beside this file.

The rules of the deps directories are Cloud Foundry's de-facto ones (libbuildpack's stager): a buildpack puts programs in
``deps/<index>/bin``, libraries in ``lib``, headers in ``include``, ``pkgconfig``, variables in ``env/NAME`` and scripts in
``profile.d``; later buildpacks look there by themselves, and the final one makes them reach the running app.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

DEFAULT_SOURCE_DATE = 315532801
"""The time of files where the platform sets no SOURCE_DATE_EPOCH: 1980-01-01T00:00:01Z, in seconds."""

STAGING_DIRECTORIES = (
    ("PATH", "bin"),
    ("LD_LIBRARY_PATH", "lib"),
    ("LIBRARY_PATH", "lib"),
    ("CPATH", "include"),
    ("PKG_CONFIG_PATH", "pkgconfig"),
)
LAUNCH_DIRECTORIES = (("PATH", "bin"), ("LD_LIBRARY_PATH", "lib"), ("LIBRARY_PATH", "lib"))


# ------------------------------------------------------------------------------------------------------------------ arguments
@dataclass(frozen=True)
class Staging:
    """The arguments of ``bin/supply`` and ``bin/finalize``, and what follows from them."""

    build: Path
    cache_directory: Path
    deps: Path
    index: str
    profile_d: Path | None = None
    """Given to finalize only."""

    @property
    def own(self) -> Path:
        """Our deps directory, at build."""
        return self.deps / self.index

    @property
    def own_at_run(self) -> str:
        """Our deps directory as a profile.d script or a start command must name it: never by the path of the build."""
        return f"$DEPS_DIR/{self.index}"


def parse_arguments(argv: Sequence[str]) -> Staging:
    """BUILD_DIR CACHE_DIR DEPS_DIR INDEX, and PROFILE_DIR for finalize."""
    if len(argv) not in (4, 5):
        raise BuildpackError(
            f"expected BUILD_DIR CACHE_DIR DEPS_DIR INDEX [PROFILE_DIR], got {len(argv)} arguments",
            "This is a Cloud Foundry buildpack: run it by a platform, or give it these arguments.",
        )
    build, cache, deps = (Path(argument).absolute() for argument in argv[:3])
    profile_d = Path(argv[4]).absolute() if len(argv) == 5 else None
    staging = Staging(build, cache, deps, argv[3], profile_d)
    staging.own.mkdir(parents=True, exist_ok=True)
    return staging


def script(body: Callable[[Staging], None]) -> NoReturn:
    """Run supply or finalize with the arguments of the process; a ``BuildpackError`` becomes a message and its exit status.

    Modes of what is written do not depend on the umask that we were called with.
    """
    os.umask(0o022)
    try:
        body(parse_arguments(sys.argv[1:]))
    except BuildpackError as failure:
        failure.show()
        sys.exit(failure.exit_status)
    sys.exit(0)


def detect_script(recognise: Callable[[Path], str | None]) -> NoReturn:
    """Run detect: ``recognise(build directory)`` gives the line to print when the app is ours, or None when it is not."""
    if len(sys.argv) != 2:
        print("usage: detect BUILD_DIR", file=sys.stderr)
        sys.exit(2)
    recognised = recognise(Path(sys.argv[1]).absolute())
    if recognised is None:
        sys.exit(1)
    print(recognised, flush=True)
    sys.exit(0)


def own_version() -> str:
    """The version of the running buildpack: the content of ``VERSION`` at its root, above ``bin``."""
    file = Path(sys.argv[0]).resolve().parent.parent / "VERSION"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "0"


# ------------------------------------------------------------------------------------------------------------------- log lines
def step(text: str) -> None:
    """One line per thing that a person would name: ``-----> Installing …``."""
    print(f"-----> {text}", flush=True)


def detail(text: str) -> None:
    """Indented lines below a step."""
    for line in text.splitlines() or [""]:
        print(f"       {line}".rstrip(), flush=True)


def warn(text: str) -> None:
    """What a person should change though the staging goes on."""
    for line in text.splitlines():
        print(f"       ! {line}", flush=True)


OF_THE_APP = 65
"""Exit status of a script that says: the app must be mended (EX_DATAERR of sysexits.h)."""
OF_THE_PLATFORM = 69
"""Exit status of a script that says: something outside could not be reached (EX_UNAVAILABLE)."""
_CUT_OFF = "network of the build cut off?"


class BuildpackError(Exception):
    """The staging cannot go on: what happened, and what to do about it. A hint that asks for the network blames the platform."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def exit_status(self) -> int:
        """The exit status that says whose fault it is."""
        return OF_THE_PLATFORM if _CUT_OFF in self.hint or _CUT_OFF in self.message else OF_THE_APP

    def show(self) -> None:
        """Written to standard error, after all that was said before."""
        sys.stdout.flush()
        for line in [*self.message.splitlines(), *self.hint.splitlines()]:
            print(f"       ! {line}", file=sys.stderr, flush=True)


def fail(message: str, hint: str = "") -> NoReturn:
    raise BuildpackError(message, hint)


# -------------------------------------------------------------------------------------------------------------------- commands
class CommandError(BuildpackError):
    """A program exited with a status other than 0."""

    def __init__(self, name: str, status: int, output: str, hint: str = "") -> None:
        how = f"exited with status {status}" if status >= 0 else f"was killed by signal {-status}"
        super().__init__(f"{name} {how}", hint)
        self.name = name
        self.status = status
        self.output = output
        """The last lines that it wrote, at most 200."""


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    name: str = "",
    hint: str = "",
    quiet: bool = False,
    edit: Callable[[str], str] = str,
) -> None:
    """Run a program and stream what it writes (both streams) as indented lines; the command itself is not echoed.

    ``name`` is what failures call it (default: the program's file name), ``env`` the whole environment (default: ours), ``quiet``
    shows its lines only when it fails, ``edit`` changes each line as it is shown. Raises ``CommandError`` for a status other than
    0, ``BuildpackError`` where it cannot start.
    """
    called = name or Path(argv[0]).name
    tail: deque[str] = deque(maxlen=200)
    with _start(argv, cwd, env, called, subprocess.STDOUT) as process:
        for raw in process.stdout or ():
            line = raw.decode("utf-8", "replace").rstrip("\r\n").split("\r")[-1]
            tail.append(line)
            if not quiet:
                detail(edit(line))
    if process.returncode:
        if quiet:
            detail("\n".join(map(edit, tail)))
        raise CommandError(called, process.returncode, "\n".join(tail), hint)


def capture(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    name: str = "",
    hint: str = "",
    quiet: bool = False,
) -> str:
    """Run a program and return its standard output; standard error is kept back and shown when it fails, unless ``quiet``."""
    called = name or Path(argv[0]).name
    with _start(argv, cwd, env, called, subprocess.PIPE) as process:
        output, errors = process.communicate()
    if process.returncode:
        said = errors.decode("utf-8", "replace")
        if not quiet:
            detail(said)
        raise CommandError(called, process.returncode, said, hint)
    return output.decode("utf-8", "replace")


def _start(
    argv: Sequence[str | os.PathLike[str]], cwd: Path | None, env: Mapping[str, str] | None, called: str, errors: int
) -> subprocess.Popen[bytes]:
    sys.stdout.flush()
    try:
        return subprocess.Popen(
            [os.fspath(argument) for argument in argv],
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    except OSError as error:
        raise BuildpackError(f"{called} cannot be run: {error.strerror or error}") from error


# ----------------------------------------------------------------------------------------------------- what others supplied
def supplied_environment(staging: Staging, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """``environment`` (default: ours) with what the buildpacks of lower indices supplied, as libbuildpack's stager does it.

    Their bin, lib, include and pkgconfig directories go before the present value, the highest index first; each file ``env/NAME``
    is the value of NAME, where the highest index wins.
    """
    result = dict(os.environ if environment is None else environment)
    lower = [directory for directory in _supplied(staging.deps) if directory.name < staging.index]
    for variable, below in STAGING_DIRECTORIES:
        found = [str(directory / below) for directory in reversed(lower) if (directory / below).is_dir()]
        if found:
            result[variable] = ":".join([*found, *filter(None, [result.get(variable)])])
    for directory in lower:
        for file in sorted((directory / "env").glob("*")):
            if file.is_file():
                result[file.name] = file.read_text(encoding="utf-8", errors="surrogateescape")
    return result


def _supplied(deps: Path) -> list[Path]:
    """The deps directories by index: names are padded to one width, so their order as text is their order."""
    return sorted(entry for entry in deps.iterdir() if entry.is_dir()) if deps.is_dir() else []


# ----------------------------------------------------------------------------------------------------------- what we supply
def write_config(staging: Staging, name: str, version: str = "", config: Mapping[str, object] | None = None) -> None:
    """``config.yml``: the name and version that the build's record shows (``config`` may hold ``entrypoint_prefix``)."""
    facts = {"name": name, "version": version or own_version(), "config": dict(config or {})}
    _write(staging.own / "config.yml", "".join(f"{key}: {_yaml(value)}\n" for key, value in facts.items()))


def write_launch(staging: Staging, processes: Mapping[str, str]) -> None:
    """``launch.yml``: start commands by process type; of the final buildpack it stands in for ``bin/release``."""
    for command in processes.values():
        _refuse_build_paths(staging, "launch.yml", command)
    lines = ["processes:" if processes else "processes: []"]
    for kind, command in processes.items():
        lines += [f"- type: {_yaml(kind)}", f"  command: {_yaml(command)}"]
    _write(staging.own / "launch.yml", "\n".join(lines) + "\n")


def write_env(staging: Staging, name: str, value: str) -> None:
    """``env/NAME``: a variable for later buildpacks, at build only. The file stays in the droplet: no path of the build in it."""
    _refuse_build_paths(staging, f"env/{name}", value)
    _write(staging.own / "env" / name, value)


def write_profile(staging: Staging, name: str, lines: str) -> None:
    """``profile.d/NAME``: bash that every start of the app sources; places are named by ``staging.own_at_run`` and ``$HOME``."""
    _refuse_build_paths(staging, name, lines)
    _write(staging.own / "profile.d" / name, lines if lines.endswith("\n") else lines + "\n")


def link_program(staging: Staging, program: Path, name: str = "") -> None:
    """``bin/NAME`` as a relative link to a program below our deps directory."""
    link = staging.own / "bin" / (name or program.name)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True) if link.is_symlink() else None
    link.symlink_to(os.path.relpath(program, link.parent))


def write_launch_environment(staging: Staging) -> None:
    """For finalize: ``000_multi-supply.sh`` and a copy of every deps/*/profile.d script, in the droplet's profile.d.

    Rule: libbuildpack's ``SetLaunchEnvironment``; the launcher itself knows nothing of deps.
    """
    if staging.profile_d is None:
        raise BuildpackError("finalize was called without PROFILE_DIR")
    directories = _supplied(staging.deps)
    lines = []
    for variable, below in LAUNCH_DIRECTORIES:
        found = [f"$DEPS_DIR/{entry.name}/{below}" for entry in reversed(directories) if (entry / below).is_dir()]
        if found:
            lines.append(f'export {variable}="{":".join(found)}${{{variable}:+:${variable}}}"\n')
    _write(staging.profile_d / "000_multi-supply.sh", "".join(lines))
    for directory in directories:
        for file in sorted((directory / "profile.d").glob("*")):
            if file.is_file():
                shutil.copyfile(file, staging.profile_d / f"{directory.name}_{file.name}")


def _refuse_build_paths(staging: Staging, what: str, text: str) -> None:
    for path in (staging.build, staging.deps):
        if str(path) in text:
            raise BuildpackError(
                f"{what} would hold {path}, which is not where the app runs", "This is a flaw of the buildpack."
            )


def _yaml(value: object) -> str:
    """JSON, which YAML contains but for one thing: a pair of ``\\u`` escapes is two characters there, so ``\\U`` is used."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in text)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", errors="surrogateescape")


# -------------------------------------------------------------------------------------------------------------------- Procfile
PROCESS = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+)$")


def read_procfile(build: Path) -> dict[str, str] | None:
    """The start commands of the app's Procfile by process type, or None where there is no Procfile.

    Only ``type: command`` lines are understood here, to know which types are named; the platform reads it as YAML and judges it.
    """
    file = build / "Procfile"
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    matches = (PROCESS.match(line.rstrip()) for line in text.splitlines())
    return {match[1]: match[2] for match in matches if match}


# ------------------------------------------------------------------------------------------------------------ reproducibility
def source_date() -> int:
    """SOURCE_DATE_EPOCH in seconds: the only time that may appear in what a buildpack makes."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(given) if given.isdigit() else DEFAULT_SOURCE_DATE


def scratch(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A directory outside app, deps and cache that is removed at the end of its ``with`` block."""
    return tempfile.TemporaryDirectory(prefix=f"{prefix}-")
