"""What mmdebstrap prints becomes steps for a person, and a failure of it becomes a sentence."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from stagewright.errors import Problem
from stagewright.model.settings import Trust
from stagewright.stacks.bootstrap import (
    Bootstrap,
    MakingFailed,
    MirrorUnreachable,
    MirrorUntrusted,
    PackageNotFound,
    command_line,
    diagnosis,
    kept_sources,
)
from stagewright.stacks.definition import builtin_definition
from stagewright.stacks.steps import StepReader
from stagewright.trees import DiskFull

PRINTED = """\
I: chroot architecture amd64 is equal to the host's architecture
Setting up usr-is-merged (1) ...
I: running apt-get update...
Get:1 http://mirror/debian bookworm InRelease [151 kB]
I: downloading packages with apt...
0 upgraded, 60 newly installed, 0 to remove and 1 not upgraded.
Get:1 http://mirror/debian bookworm/main amd64 gcc-12-base amd64 12.2 [37.6 kB]
Get:60 http://mirror/debian bookworm/main amd64 sysvinit-utils amd64 3 [31.0 kB]
I: extracting archives...
I: installing essential packages...
Setting up gcc-12-base:amd64 (12.2.0-14) ...
1 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.
I: installing remaining packages inside the chroot...
2 upgraded, 3 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://mirror/debian bookworm/main amd64 curl amd64 7 [37.6 kB]
Setting up curl (7) ...
Setting up file (7) ...
I: cleaning package lists and apt cache...
I: success in 19.2933 seconds
"""


def test_steps_a_person_understands() -> None:
    reader = StepReader("run")
    steps = [(step.what, step.done, step.total) for line in PRINTED.splitlines() for step in reader.read(line)]
    assert steps == [
        ("run root: reading the package lists", 0, None),
        ("run root: downloading the essential packages", 0, None),
        ("run root: downloading packages", 1, 60),
        ("run root: downloading packages", 60, 60),
        ("run root: unpacking the essential packages", 0, None),
        ("run root: setting up the essential packages", 0, None),
        ("run root: setting up packages", 1, 60),
        ("run root: installing packages", 0, None),
        ("run root: downloading packages", 1, 5),
        ("run root: setting up packages", 1, 5),
        ("run root: setting up packages", 2, 5),
        ("run root: cleaning up", 0, None),
    ]


def bootstrap_in(directory: Path, trust: Trust | None = None, sources: Path | None = None) -> Bootstrap:
    definition = builtin_definition("debian12")
    return Bootstrap("build", definition, definition.build, directory / "build", directory, sources, trust or Trust())


@pytest.mark.parametrize(
    ("lines", "problem", "says"),
    [
        (
            ["Err:1 http://m InRelease", "  Temporary failure resolving 'm'"],
            MirrorUnreachable,
            "Temporary failure resolving 'm'",
        ),
        (["E: Failed to fetch http://m/x  Could not connect to proxy:3128"], MirrorUnreachable, "proxy:3128"),
        (["Err:4 http://m x", "  503  Service Unavailable"], MirrorUnreachable, "503  Service Unavailable"),
        (["E: The repository 'http://m nix Release' does not have a Release file."], MirrorUnreachable, "nix"),
        (
            ["E: Unable to locate package gcc-99", "E: Unable to locate package gcc-99"],
            PackageNotFound,
            "package gcc-99,",
        ),
        (["E: Version '9' for 'curl' was not found"], PackageNotFound, "curl"),
        (["dpkg: error: No space left on device", "E: Failed to fetch x"], DiskFull, "disk is full"),
        (
            ["W: GPG error: http://m: NO_PUBKEY 0E98404D386FA1D9", "E: The repository is not signed."],
            MirrorUntrusted,
            "0E98",
        ),
        (["E: something else"], MakingFailed, "exit code 25"),
    ],
)
def test_a_failure_says_what_it_means(tmp_path: Path, lines: list[str], problem: type[Problem], says: str) -> None:
    found = diagnosis(bootstrap_in(tmp_path), 25, ["I: noise"] * 100 + lines)
    assert type(found) is problem
    assert says in found.brief()
    assert len(found.details().splitlines()) <= 15, "the end of it, not all of it"
    if not isinstance(found, DiskFull):
        assert lines[-1] in found.details()


def test_no_mirror_is_named_unless_the_operator_names_one(tmp_path: Path) -> None:
    assert command_line(bootstrap_in(tmp_path))[-2:] == ["bookworm", str(tmp_path / "build")]
    sources = tmp_path / "my.list"
    assert command_line(bootstrap_in(tmp_path, sources=sources))[-1] == str(sources)
    assert not any("://" in word for word in command_line(bootstrap_in(tmp_path)))


def test_the_operators_apt_settings_go_in_without_sources(tmp_path: Path) -> None:
    place = tmp_path / "with space"
    place.mkdir()
    conf = b'Acquire::http::Proxy "http://p:1";\nDir::Etc::SourceList "/trust/apt.list";\n'
    trust = Trust({PurePosixPath("/trust/apt.conf"): conf})
    hook = next(word for word in command_line(bootstrap_in(place, trust)) if word.startswith("--setup-hook="))
    assert f"'{place}/apt.conf'" in hook, "quoted for mmdebstrap"
    assert (place / "apt.conf").read_bytes() == b'Acquire::http::Proxy "http://p:1";\n'


def test_a_root_keeps_the_operators_sources_as_they_were_cleaned() -> None:
    assert kept_sources(Trust()) == {}
    assert kept_sources(Trust({PurePosixPath("/trust/apt.list"): b"deb x"})) == {
        "sources.list.d/operator.list": "deb x"
    }
    assert kept_sources(Trust({PurePosixPath("/trust/apt.sources"): b"T"})) == {"sources.list.d/operator.sources": "T"}
