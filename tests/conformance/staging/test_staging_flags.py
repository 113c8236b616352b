"""The builder's command line and the directories that it names (contracts/cloudfoundry-staging.md §1.1)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.staging.buildpacks import Buildpack, compiling, supplying
from tests.conformance.staging.conftest import Stage
from tests.conformance.staging.drivers import Builder, Staging
from tests.conformance.staging.drop_in import DropIn, md5_name, xxhash_name

pytestmark = pytest.mark.only("drop-in")

KEY = "my-buildpack/key/::"
ZEROS = "a1b4aa82-e5ae-4736-8284-bdfb013a7121_2845c523cf4f4f1045b331982cc557ef761afde4dc9fc8777831563461309455"
"""A key whose xxhash64 begins with zeros, as the reference's builder_config_test has it."""


@pytest.mark.clause("CF-F-01")
def test_flags_that_are_not_given_have_the_reference_s_values(builder: Builder, tmp_path: Path) -> None:
    """/tmp is another directory for the builder: what belongs to this machine's /tmp is not touched."""
    assert isinstance(builder, DropIn)
    for name in ("app", "cache", "home"):
        (tmp_path / name).mkdir()
    program = tmp_path / "home" / "program"
    program.write_bytes(builder.program.read_bytes())
    program.chmod(0o755)
    compiling("asked").write(tmp_path / "buildpacks" / xxhash_name("asked"))
    alone = 'mount --bind "$1" /tmp && cd /tmp/home && exec ./program -buildpackOrder=asked -skipDetect'
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "bash", "-c", alone, "alone", tmp_path],
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert b"asked compile 2 /tmp/app /tmp/cache/final" in done.stdout.splitlines()
    for name, magic in (("droplet", b"\x1f\x8b"), ("result.json", b'{"'), ("output-cache", b"\x1f\x8b")):
        assert (tmp_path / name).read_bytes()[:2] == magic
    assert (tmp_path / "app" / "compiled").is_file()


@pytest.mark.clause("CF-F-02")
@pytest.mark.parametrize(
    "written",
    [
        lambda name, value: [f"-{name}={value}"],
        lambda name, value: [f"--{name}={value}"],
        lambda name, value: [f"-{name}={value}"] if name == "skipDetect" else [f"-{name}", value],
        lambda name, value: [f"--{name}={value}"] if name == "skipDetect" else [f"--{name}", value],
        lambda name, value: ["-skipDetect"] if name == "skipDetect" else [f"-{name}={value}"],
    ],
    ids=["-x=v", "--x=v", "-x v", "--x v", "-x"],
)
def test_flags_are_written_as_go_reads_them(stage: Stage, written: Callable[[str, str], list[str]]) -> None:
    ended = stage(compiling("asked", detect="exit 1"), written=written)
    assert ended.code == 0
    assert ended.said("asked compile ")
    assert ended.droplet.text("./app/compiled") == "asked"


@pytest.mark.clause("CF-F-03")
@pytest.mark.parametrize("value", ["true", "True", "TRUE", "t", "1"])
def test_a_switch_takes_the_words_for_yes_that_go_takes(stage: Stage, value: str) -> None:
    ended = stage(compiling("asked", detect="exit 1"), flags={"skipDetect": value})
    assert ended.code == 0
    assert ended.said("asked compile ")


@pytest.mark.clause("CF-F-03")
@pytest.mark.parametrize("value", ["false", "False", "f", "0"])
def test_a_switch_takes_the_words_for_no_that_go_takes(stage: Stage, value: str) -> None:
    ended = stage(compiling("asked", detect="exit 1"), flags={"skipDetect": value})
    assert ended.code == 222
    assert not ended.said("asked compile ")


@pytest.mark.clause("CF-F-04")
@pytest.mark.parametrize(
    "flags",
    [
        {"buildpackorder": "asked"},
        {"buildpack": "asked"},
        {"unknown": "x"},
        {"skipDetect": "maybe"},
        {"credhubRetryDelay": "soon"},
        {"credhubConnectAttempts": "many"},
    ],
)
def test_a_flag_that_go_would_not_take_ends_it_before_anything_is_done(stage: Stage, flags: dict[str, str]) -> None:
    """Go's flag package ends the reference with 2; the contract's table says 1 of bad flags."""
    ended = stage(compiling("asked"), flags=flags)
    assert ended.code in (1, 2)
    assert any(name in ended.stderr for name in flags)
    assert not ended.said("asked compile ")
    assert ended.result is None


@pytest.mark.clause("CF-F-05")
@pytest.mark.parametrize(
    "name",
    [
        *("buildDir", "buildpacksDir", "buildpacksDownloadDir", "buildArtifactsCacheDir", "outputDroplet"),
        *("outputMetadata", "outputBuildArtifactsCache", "buildpackOrder"),
    ],
)
def test_an_empty_flag_is_missing(stage: Stage, name: str) -> None:
    ended = stage(compiling("asked"), flags={name: ""})
    assert ended.code == 1
    assert f"missing flag: -{name}" in ended.stderr
    assert not ended.said("asked compile ")


@pytest.mark.clause("CF-F-06")
@pytest.mark.parametrize(("key", "directory"), [(KEY, "dc91f5556d3ae859"), (ZEROS, "00c84a1da9e0c81e")])
def test_a_buildpack_lies_under_the_xxhash64_of_its_key(stage: Stage, key: str, directory: str) -> None:
    ended = stage(compiling(key).at(directory))
    assert ended.code == 0
    assert ended.droplet.text("./app/compiled") == key


@pytest.mark.clause("CF-F-07")
def test_a_buildpack_may_lie_under_the_md5_of_its_key(stage: Stage) -> None:
    ended = stage(compiling(KEY).at("8b2f72a0702aed614f8b5d8f7f5b431b"))
    assert ended.code == 0
    assert ended.droplet.text("./app/compiled") == KEY


@pytest.mark.clause("CF-F-08")
@pytest.mark.parametrize("directory", ["dc91f5556d3ae859", "8b2f72a0702aed614f8b5d8f7f5b431b"])
def test_a_buildpack_may_lie_in_the_one_directory_inside(stage: Stage, directory: str) -> None:
    ended = stage(compiling(KEY).at(f"{directory}/repository-main"))
    assert ended.code == 0
    assert ended.droplet.text("./app/compiled") == KEY


@pytest.mark.clause("CF-F-09")
def test_the_xxhash64_directory_wins_over_the_md5_one(builder: Builder, tmp_path: Path) -> None:
    assert isinstance(builder, DropIn)
    compiling(KEY, compile="echo old").write(tmp_path / "0" / "buildpacks" / md5_name(KEY))
    ended = builder.stage(Staging((compiling(KEY, compile="echo new"),)), tmp_path / "0")
    assert ended.code == 0
    assert ended.lines == ["new"]


@pytest.mark.clause("CF-F-10")
@pytest.mark.parametrize("files", [{}, {"a/bin-is-not-here": ""}, {"one/bin/compile": "", "two/README": ""}])
def test_a_directory_without_bin_is_malformed(stage: Stage, files: dict[str, str]) -> None:
    ended = stage(supplying("first"), Buildpack("odd", files=files))
    assert ended.code == 225
    assert any("odd" in line or xxhash_name("odd") in line for line in ended.complaints)


@pytest.mark.clause("CF-F-11")
def test_the_order_is_split_at_commas(stage: Stage) -> None:
    ended = stage(
        supplying("first"), supplying("second"), compiling("third"), flags={"buildpackOrder": "second,first,third"}
    )
    assert ended.code == 0
    assert [line.split()[0] for line in ended.lines if " supply " in line] == ["second", "first"]
    assert ended.said("third compile ")
