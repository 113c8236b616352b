"""The environment becomes Settings; what cannot be is refused by the name of its variable."""

from __future__ import annotations

from collections import UserDict
from pathlib import Path

import pytest

from stagewright import settings
from stagewright.model.containers import Network
from stagewright.model.settings import Settings
from stagewright.model.tree import Bounds
from stagewright.settings.variables import NoHome


def read(tmp_path: Path, **environ: str) -> Settings:
    return settings.read({"HOME": "/home/ada"} | environ, system=tmp_path)


def test_places_follow_xdg(tmp_path: Path) -> None:
    usual = read(tmp_path)
    assert usual.state == Path("/home/ada/.local/state/stagewright")
    assert usual.cache == Path("/home/ada/.cache/stagewright")
    assert usual.stacks == usual.state / "stacks"

    moved = read(tmp_path, XDG_STATE_HOME="/srv/state", XDG_CACHE_HOME="/srv/cache")
    assert (moved.state, moved.cache) == (Path("/srv/state/stagewright"), Path("/srv/cache/stagewright"))
    assert read(tmp_path, XDG_STATE_HOME="relative").state == usual.state, "the specification ignores relative paths"


def test_own_variables_win(tmp_path: Path) -> None:
    mine = read(
        tmp_path,
        XDG_STATE_HOME="/srv/state",
        STAGEWRIGHT_STATE="/a/../b/",
        STAGEWRIGHT_CACHE="/c",
        STAGEWRIGHT_STACKS="/shared/stacks",
        STAGEWRIGHT_RUNTIME="crun",
        STAGEWRIGHT_NETWORK="none",
    )
    assert (mine.state, mine.cache, mine.stacks) == (Path("/b"), Path("/c"), Path("/shared/stacks"))
    assert (mine.runtime, mine.network) == ("crun", Network.NONE)


def test_bounds(tmp_path: Path) -> None:
    assert read(tmp_path).bounds == Bounds()
    bounds = read(
        tmp_path,
        STAGEWRIGHT_MAX_ENTRIES="10",
        STAGEWRIGHT_MAX_BYTES="1M",
        STAGEWRIGHT_MAX_RATIO="3",
        STAGEWRIGHT_MAX_NAME="100",
        STAGEWRIGHT_MAX_DEPTH="7",
    ).bounds
    assert bounds == Bounds(entries=10, bytes=1 << 20, ratio=3, ratio_from=Bounds().ratio_from, name_bytes=100, depth=7)


def test_empty_is_unset(tmp_path: Path) -> None:
    assert read(tmp_path, **{variable.name: "" for variable in settings.VARIABLES}) == read(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STAGEWRIGHT_STATE", "relative/path"),
        ("STAGEWRIGHT_CACHE", "~/cache"),
        ("STAGEWRIGHT_STACKS", "/with\0nul"),
        ("STAGEWRIGHT_RUNTIME", "run c; rm"),
        ("STAGEWRIGHT_NETWORK", "bridge"),
        ("STAGEWRIGHT_APT_SOURCES", "/no/such/file"),
        ("STAGEWRIGHT_MAX_ENTRIES", "0"),
        ("STAGEWRIGHT_MAX_ENTRIES", "-1"),
        ("STAGEWRIGHT_MAX_ENTRIES", "9" * 5000),
        ("STAGEWRIGHT_MAX_BYTES", "lots"),
        ("STAGEWRIGHT_MAX_BYTES", "9" * 400),
        ("STAGEWRIGHT_MAX_RATIO", "1.5"),
        ("STAGEWRIGHT_MAX_NAME", "0"),
        ("STAGEWRIGHT_MAX_DEPTH", "٣"),
    ],
)
def test_bad_values_are_refused_by_name(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(settings.BadSetting) as caught:
        read(tmp_path, **{variable: value})
    takes = next(known.takes for known in settings.VARIABLES if known.name == variable)
    assert variable in caught.value.brief()
    assert takes in caught.value.brief()
    assert takes in caught.value.hint()


def test_every_variable_is_read(tmp_path: Path) -> None:
    """The table holds no variable that nothing reads."""

    asked: set[str] = set()

    class Watched(UserDict[str, str]):
        def __contains__(self, name: object) -> bool:
            asked.add(str(name))
            return super().__contains__(name)

        def __getitem__(self, name: str) -> str:
            asked.add(name)
            return super().__getitem__(name)

    settings.read(Watched(HOME="/home/ada"), system=tmp_path)
    known = {variable.name for variable in settings.VARIABLES}
    assert known == {name for name in asked if name.startswith("STAGEWRIGHT_")}


def test_no_place_at_all(tmp_path: Path) -> None:
    with pytest.raises(NoHome) as caught:
        settings.read({"STAGEWRIGHT_STATE": "/state"}, system=tmp_path)
    assert "STAGEWRIGHT_CACHE" in caught.value.brief()
