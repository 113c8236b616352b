"""What every built-in buildpack shares: arguments, the deps protocol, log lines, the cache and downloads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import buildpack
import pytest
import yaml
from buildpack import BuildpackError, CommandError, Staging
from cache import CACHE_METADATA, Cache, download, without_credentials
from hypothesis import given
from hypothesis import strategies as st

BUILTINS = Path(buildpack.__file__).resolve().parent.parent


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    """Finalize of the second of two buildpacks, whose first supplied something of everything."""
    for name in ("app", "cache", "deps/1", "profile.d"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("bin", "lib", "include", "pkgconfig", "env", "profile.d"):
        (tmp_path / "deps/0" / name).mkdir(parents=True)
    (tmp_path / "deps/0/env/JAVA_HOME").write_text("/somewhere")
    (tmp_path / "deps/0/profile.d/java.sh").write_text("export FROM_JAVA=1\n")
    return Staging(tmp_path / "app", tmp_path / "cache", tmp_path / "deps", "1", tmp_path / "profile.d")


# ------------------------------------------------------------------------------------------------------------------- arguments
def test_the_arguments_of_supply_and_of_finalize(tmp_path: Path) -> None:
    arguments = [str(tmp_path / name) for name in ("app", "cache", "deps")]
    supply = buildpack.parse_arguments([*arguments, "07"])
    assert (supply.own, supply.own_at_run, supply.profile_d) == (tmp_path / "deps/07", "$DEPS_DIR/07", None)
    assert supply.own.is_dir()
    assert buildpack.parse_arguments([*arguments, "07", str(tmp_path / "p")]).profile_d == tmp_path / "p"
    with pytest.raises(BuildpackError, match="got 3 arguments"):
        buildpack.parse_arguments(arguments)


# --------------------------------------------------------------------------------------------------------------- deps protocol
def test_lower_indices_reach_the_environment_the_highest_first(staging: Staging) -> None:
    deps = staging.deps
    (deps / "1/bin").mkdir()
    final = Staging(staging.build, staging.cache_directory, deps, "2")
    env = buildpack.supplied_environment(final, {"PATH": "/bin", "HOME": "/h"})
    assert env["PATH"] == f"{deps}/1/bin:{deps}/0/bin:/bin"
    assert env["LD_LIBRARY_PATH"] == env["LIBRARY_PATH"] == f"{deps}/0/lib"
    assert env["CPATH"] == f"{deps}/0/include"
    assert env["PKG_CONFIG_PATH"] == f"{deps}/0/pkgconfig"
    assert (env["JAVA_HOME"], env["HOME"]) == ("/somewhere", "/h")


def test_what_we_or_later_ones_supply_is_not_in_our_own_environment(staging: Staging) -> None:
    (staging.deps / "1/bin").mkdir()
    (staging.deps / "2/bin").mkdir(parents=True)
    assert buildpack.supplied_environment(staging, {})["PATH"] == f"{staging.deps}/0/bin"


def test_of_two_variables_of_one_name_the_later_buildpack_wins(staging: Staging) -> None:
    buildpack.write_env(staging, "JAVA_HOME", "/newer")
    final = Staging(staging.build, staging.cache_directory, staging.deps, "2")
    assert buildpack.supplied_environment(final, {})["JAVA_HOME"] == "/newer"


def test_the_launch_environment_names_deps_by_their_place_at_run_time(staging: Staging, tmp_path: Path) -> None:
    (staging.own / "bin").mkdir()
    buildpack.write_profile(staging, "own.sh", f"export OWN={staging.own_at_run}/x")
    buildpack.write_launch_environment(staging)
    assert staging.profile_d is not None
    assert sorted(file.name for file in staging.profile_d.iterdir()) == ["000_multi-supply.sh", "0_java.sh", "1_own.sh"]
    script = 'for f in "$0"/*; do . "$f"; done; echo "$PATH|$LD_LIBRARY_PATH|$FROM_JAVA|$OWN"'
    said = subprocess.run(
        ["/bin/bash", "-euc", script, staging.profile_d],
        env={"PATH": "/bin", "DEPS_DIR": "/run/deps"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert said == "/run/deps/1/bin:/run/deps/0/bin:/bin|/run/deps/0/lib|1|/run/deps/1/x"
    everything = "".join(file.read_text() for file in staging.profile_d.iterdir())
    assert str(tmp_path) not in everything


def test_a_path_of_the_build_is_refused_where_it_would_outlive_it(staging: Staging) -> None:
    with pytest.raises(BuildpackError, match="not where the app runs"):
        buildpack.write_profile(staging, "x.sh", f"export X={staging.own}")
    with pytest.raises(BuildpackError, match="not where the app runs"):
        buildpack.write_launch(staging, {"web": f"{staging.build}/run"})


COMMANDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(command=COMMANDS, kind=st.from_regex(r"[a-z][a-z0-9_-]*", fullmatch=True))
def test_launch_and_config_are_yaml_that_means_what_was_given(
    tmp_path_factory: pytest.TempPathFactory, command: str, kind: str
) -> None:
    root = tmp_path_factory.mktemp("yaml")
    staging = Staging(root / "build", root, root / "deps", "0")
    buildpack.write_launch(staging, {kind: command})
    buildpack.write_config(staging, "x", "1.10", {"entrypoint_prefix": command})
    assert yaml.safe_load((staging.own / "launch.yml").read_text()) == {
        "processes": [{"type": kind, "command": command}]
    }
    config = yaml.safe_load((staging.own / "config.yml").read_text())
    assert config == {"name": "x", "version": "1.10", "config": {"entrypoint_prefix": command}}


def test_a_program_is_linked_relatively_and_anew(staging: Staging) -> None:
    for version in ("1", "2"):
        program = staging.own / version / "tool"
        program.parent.mkdir()
        program.touch()
        buildpack.link_program(staging, program)
    assert (staging.own / "bin/tool").readlink() == Path("../2/tool")


def test_a_procfile_is_read_line_by_line(tmp_path: Path) -> None:
    assert buildpack.read_procfile(tmp_path) is None
    (tmp_path / "Procfile").write_text("# c\nweb: run --port $PORT\nworker:work\n\nodd line\nempty:\n")
    assert buildpack.read_procfile(tmp_path) == {"web": "run --port $PORT", "worker": "work"}


# -------------------------------------------------------------------------------------------------------------------- commands
def test_a_command_that_fails_is_named_and_its_last_lines_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    script = "import sys; print('one'); print('two', file=sys.stderr, flush=True); sys.exit(3)"
    with pytest.raises(CommandError) as failure:
        buildpack.run([sys.executable, "-u", "-c", script], name="the tool", hint="mend it", edit=str.upper)
    assert failure.value.message == "the tool exited with status 3"
    assert (failure.value.hint, failure.value.output) == ("mend it", "one\ntwo")
    assert capsys.readouterr().out == "       ONE\n       TWO\n"


def test_a_command_that_is_not_there_is_a_failure_with_its_name() -> None:
    with pytest.raises(BuildpackError, match="nonesuch cannot be run: No such file or directory"):
        buildpack.run(["/nonesuch"])


def test_a_quiet_command_speaks_only_when_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    buildpack.run(["/bin/echo", "nothing"], quiet=True)
    assert capsys.readouterr().out == ""
    with pytest.raises(CommandError):
        buildpack.run(["/bin/sh", "-c", "echo reason; exit 1"], quiet=True)
    assert capsys.readouterr().out == "       reason\n"


# ----------------------------------------------------------------------------------------------------------------------- cache
def test_the_cache_keeps_a_version_says_so_and_replaces_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def one(place: Path) -> None:
        (place / "content").write_text("1")

    def two(place: Path) -> None:
        (place / "content").write_text("2")

    first = Cache(tmp_path, "x").have("tool", "1", one)
    assert capsys.readouterr().out == ""
    assert Cache(tmp_path, "x").have("tool", "1", two) == first
    assert (first / "content").read_text() == "1"
    assert capsys.readouterr().out == "       Reusing tool 1 from the cache\n"
    assert (Cache(tmp_path, "x").have("tool", "2", two) / "content").read_text() == "2"


def test_a_making_that_was_cut_off_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    def breaks(place: Path) -> None:
        (place / "half").touch()
        raise BuildpackError("no network")

    def whole(place: Path) -> None:
        (place / "whole").touch()

    with pytest.raises(BuildpackError):
        Cache(tmp_path, "x").have("tool", "1", breaks)
    place = Cache(tmp_path, "x").have("tool", "1", whole)
    assert [file.name for file in place.iterdir()] == ["whole"]


def test_what_another_buildpack_left_is_removed_and_a_broken_record_is_no_obstacle(tmp_path: Path) -> None:
    Cache(tmp_path, "x").directory_for("tool")
    assert (tmp_path / "tool").is_dir()
    Cache(tmp_path, "y")
    assert [file.name for file in tmp_path.iterdir()] == [CACHE_METADATA]
    Cache(tmp_path, "y").directory_for("tool")
    (tmp_path / CACHE_METADATA).write_text("{")
    Cache(tmp_path, "y")
    assert not (tmp_path / "tool").exists()


def test_what_the_app_no_longer_asks_for_is_forgotten(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "x")
    for name in ("old", "new"):
        cache.have(name, "1", Path.touch)
    cache.forget(["new"])
    assert (cache.held(), (tmp_path / "old").exists()) == ({"new": "1"}, False)


# ------------------------------------------------------------------------------------------------------------------- downloads
def test_a_download_is_checked_and_what_is_wrong_does_not_stay(tmp_path: Path) -> None:
    source, into = tmp_path / "source", tmp_path / "into"
    source.write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    assert download(source.as_uri(), into, digest).read_bytes() == b"content"
    with pytest.raises(BuildpackError, match=f"has SHA-256 {digest}, expected 00"):
        download(source.as_uri(), into, "00")
    assert not into.exists()
    with pytest.raises(BuildpackError, match="more than 3 bytes"):
        download(source.as_uri(), into, digest, limit=3, attempts=1)
    with pytest.raises(BuildpackError, match="neither https, http nor file"):
        download("ftp://host/x", into, digest)


def test_credentials_of_a_url_are_never_shown(tmp_path: Path) -> None:
    assert without_credentials("a https://me:secret@host/x b") == "a https://***@host/x b"
    with pytest.raises(BuildpackError) as failure:
        download("http://me:secret@127.0.0.1:1/x", tmp_path / "x", "00", attempts=1)
    assert "secret" not in failure.value.message


# ------------------------------------------------------------------------------------------------------------------- the files
def test_every_built_in_has_the_shared_modules_as_relative_links_and_executable_scripts() -> None:
    for name in ("buildpack.py", "cache.py"):
        for link in BUILTINS.glob(f"*/lib/{name}"):
            assert link.readlink() == Path(f"../../_shared/{name}"), link
    scripts = [file for file in BUILTINS.glob("*/bin/*") if file.is_file()]
    assert scripts
    for script in scripts:
        assert os.access(script, os.X_OK), script
        assert script.read_bytes().startswith(b"#!/usr/bin/env "), script
