"""`stagewright-builder` stands where Cloud Foundry's builder stood (contracts/cloudfoundry-staging.md §1.1 to §1.7)."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from stagewright.errors import Cancelled, Problem
from stagewright.lifecycle import credhub, environment, surroundings
from stagewright.lifecycle.failures import failure_of
from stagewright.lifecycle.flags import BadFlags, Flag, FlagSet, Given, HelpAsked, Kind, MissingFlags
from stagewright.model.containers import Stream
from stagewright.model.events import DetectNotExecutable, Event, Noted, ScriptOutput, ScriptTraced, Warned

FLAGS = FlagSet(
    "builder",
    (
        Flag("buildDir", Kind.STRING, "/tmp/app", "directory containing raw app bits"),
        Flag("outputDroplet", Kind.STRING, "/tmp/droplet", "file where compressed droplet should be written"),
        Flag("outputMetadata", Kind.STRING, "/tmp/result.json", "directory in which to write the app metadata"),
        Flag(
            "outputBuildArtifactsCache",
            Kind.STRING,
            "/tmp/output-cache",
            "file where compressed contents of new cached build artifacts should be written",
        ),
        Flag("buildpacksDir", Kind.STRING, "/tmp/buildpacks", "directory containing the buildpacks to try"),
        Flag("buildpacksDownloadDir", Kind.STRING, "/tmp/buildpackdownloads", "directory to download buildpacks to"),
        Flag(
            "buildArtifactsCacheDir",
            Kind.STRING,
            "/tmp/cache",
            "directory where previous cached build artifacts should be extracted",
        ),
        Flag("buildpackOrder", Kind.STRING, "", "comma-separated list of buildpacks, to be tried in order"),
        Flag("skipDetect", Kind.BOOL, "false", "skip buildpack detect"),
        Flag("skipCertVerify", Kind.BOOL, "false", "skip SSL certificate verification"),
        *credhub.FLAGS,
    ),
)
"""The reference's flags, with its defaults and its words (§1.1)."""

_TOLD_TO_END = 128 + signal.SIGTERM


def main() -> NoReturn:
    """The command. It ends with an exit code of §1.3."""
    name, *arguments = surroundings.arguments()
    del name
    try:
        given = FLAGS.parse(arguments)
        given.require_all()
    except HelpAsked as asked:
        _say(asked.usage)
        sys.exit(0)
    except BadFlags as bad:
        _say(bad.said)
        _say(bad.usage)
        sys.exit(2)
    except MissingFlags as missing:
        _say(missing.brief())
        sys.exit(1)
    signal.signal(signal.SIGTERM, _cancel)
    signal.signal(signal.SIGINT, _cancel)
    try:
        build(given, surroundings.environment())
    except Cancelled:
        sys.exit(_TOLD_TO_END)
    except Problem as problem:
        code, said = failure_of(problem)
        _say(said)
        sys.exit(code)
    except OSError as error:
        _say(f"Failed to set up filesystem when generating droplet: {error}")
        sys.exit(1)
    sys.exit(0)


def build(given: Given, environ: Mapping[str, str]) -> None:
    """Stage what the flags name. Raises the Problem that ended it."""
    patience = credhub.Patience.of(given)
    environ = environment.with_service_credentials(environ, patience, lambda line: print(line, flush=True))
    from stagewright.lifecycle.orders import order_of
    from stagewright.services.cell import stage_on_cell
    from stagewright.services.tracing import trace_beside
    from stagewright.wiring.lifecycle import open_cell

    if environ.get("TMPDIR"):
        tempfile.tempdir = environ["TMPDIR"]
    order, policy = order_of(given, environ, Path.cwd())
    cell = open_cell(
        Path(given.text("buildpacksDir")).absolute(),
        Path(given.text("buildpacksDownloadDir")).absolute(),
        trace_beside(order.result),
        policy,
    )
    stage_on_cell(order, cell, show)


def show(event: Event) -> None:
    """What the reference shows, and where: output of scripts as it is, warnings on stderr, no line of the platform's own."""
    match event:
        case ScriptOutput(stream=Stream.STDOUT, line=line):
            _write(sys.stdout, line)
        case ScriptOutput(line=line) | Warned(text=line):
            _write(sys.stderr, line)
        case DetectNotExecutable():
            _write(sys.stdout, "WARNING: buildpack script '/bin/detect' is not executable")
        case Noted(text=line):
            _write(sys.stdout, line)
        case ScriptTraced(buildpack=buildpack, script=script, first=first):
            from stagewright.staging.trace_words import log_lines

            for line in log_lines(buildpack, script, first=first):
                _write(sys.stdout, line)
        case _:
            pass


def _cancel(number: int, frame: FrameType | None) -> None:
    """Told to end: what runs is ended, and what was made for it removed."""
    del number, frame
    for other in (signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    raise Cancelled()


def _say(text: str) -> None:
    _write(sys.stderr, text.rstrip("\n"))


def _write(stream: TextIO, line: str) -> None:
    """A line as bytes: a name that is not UTF-8 is written as it is."""
    stream.flush()
    stream.buffer.write(surroundings.to_bytes(line) + b"\n")
    stream.buffer.flush()


if __name__ == "__main__":
    main()
