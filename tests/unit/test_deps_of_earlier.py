"""What the platform does with deps for buildpacks that do not know them; scripts wrote all of it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from tests.values import buildpack

from stagewright.model.buildpack import Script
from stagewright.model.plan import Role, Turn
from stagewright.staging.deps import staging_variables, write_launch_profile
from stagewright.staging.problems import TooMuchSupplied

SHOWN = PurePosixPath("/home/vcap/deps")


def turns(count: int) -> tuple[Turn, ...]:
    one = buildpack("tools", Script.SUPPLY)
    return tuple(Turn(one, Role.SUPPLYING, position, count + 1) for position in range(count))


def files(deps: Path, **texts: str) -> None:
    """Files by ``INDEX__DIRECTORY__NAME``."""
    for name, text in texts.items():
        path = deps.joinpath(*name.strip("_").split("__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_highest_index_is_searched_first_and_its_variables_win(tmp_path: Path) -> None:
    files(tmp_path, _0__bin__a="", _1__bin__b="", _0__env__SAME="zero", _1__env__SAME="one", _0__env__ONLY="x\n")
    found = staging_variables(tmp_path, SHOWN, turns(2), {"PATH": "/bin"})
    assert found == {"PATH": "/home/vcap/deps/1/bin:/home/vcap/deps/0/bin:/bin", "SAME": "one", "ONLY": "x\n"}


def test_what_is_no_variable_of_a_plain_file_is_passed_over(tmp_path: Path) -> None:
    files(
        tmp_path, _0__env__GOOD="yes", _0__env__NUL="a\0b", **{"_0__env__A-B": "x", "_0__env__LARGE": "x" * (65 << 10)}
    )
    (tmp_path / "0/env/LINK").symlink_to("/etc/hostname")
    (tmp_path / "0/lib").symlink_to("/usr/lib")
    os.mkfifo(tmp_path / "0/env/FIFO")
    (tmp_path / "1").symlink_to("0")
    assert staging_variables(tmp_path, SHOWN, turns(2), {}) == {"GOOD": "yes"}


def test_more_variables_than_fit_are_refused_with_who_supplied_them(tmp_path: Path) -> None:
    files(tmp_path, **{f"_0__env__LARGE{number}": "x" * (60 << 10) for number in range(20)})
    with pytest.raises(TooMuchSupplied) as refused:
        staging_variables(tmp_path, SHOWN, turns(1), {})
    assert "tools" in refused.value.brief() and "deps/0/env" in refused.value.brief()


def test_profile_scripts_are_new_files_whatever_lies_in_their_place(tmp_path: Path) -> None:
    deps, profile_d, outside = tmp_path / "deps", tmp_path / "profile.d", tmp_path / "outside"
    files(deps, _0__profile__d="")
    (deps / "0/profile.d").mkdir()
    (deps / "0/profile.d/own.sh").write_text("export A=1\n")
    (deps / "0/profile.d/linked.sh").symlink_to("/etc/passwd")
    (deps / "0/bin").mkdir()
    profile_d.mkdir()
    outside.write_text("mine")
    (profile_d / "000_multi-supply.sh").symlink_to(outside)
    (profile_d / "0_own.sh").symlink_to(outside)
    assert write_launch_profile(deps, profile_d, ("0",), "000_multi-supply.sh", None) == (
        "000_multi-supply.sh",
        "0_own.sh",
    )
    assert outside.read_text() == "mine"
    assert (profile_d / "0_own.sh").read_text() == "export A=1\n"
    assert (profile_d / "000_multi-supply.sh").read_text() == 'export PATH="$DEPS_DIR/0/bin${PATH:+:$PATH}"\n'
