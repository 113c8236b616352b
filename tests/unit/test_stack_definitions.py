"""Definitions of stacks: what they say, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagewright.stacks.definition import (
    BadDefinition,
    Directory,
    UnknownDefinition,
    User,
    builtin_definition,
    builtin_names,
    builtin_text,
    load_definition,
    parse_definition,
)

MINIMAL = """
schema = 1
suite = "bookworm"
[run]
variant = "essential"
packages = ["bash"]
[build]
variant = "apt"
packages = ["gcc", "bash"]
"""


def parse(text: str, name: str = "mine") -> object:
    return parse_definition(text, Path(f"/x/{name}.toml"))


def test_a_minimal_definition() -> None:
    definition = parse_definition(MINIMAL, Path("/x/mine.toml"))
    assert (str(definition.name), definition.suite) == ("mine", "bookworm")
    assert definition.run.packages == ("bash",)
    assert definition.build.packages == ("bash", "gcc"), "the build root holds what the run root holds, each once"


def test_users_and_directories() -> None:
    more = '[[users]]\nname = "app"\nid = 1001\nhome = "/home/app"\n[[directories]]\npath = "/srv"\nowner = 1001\nmode = "0750"\n'
    definition = parse_definition(MINIMAL + more, Path("mine.toml"))
    assert definition.users == (User("app", 1001, "/home/app"),)
    assert definition.directories == (Directory("/srv", 1001, 0o750),)


def test_the_digest_is_of_what_it_says() -> None:
    plain = parse_definition(MINIMAL, Path("mine.toml"))
    commented = parse_definition(
        "# a comment\n" + MINIMAL.replace('["bash"]', '[\n  "bash", # more\n]'), Path("mine.toml")
    )
    other = parse_definition(MINIMAL.replace('"gcc"', '"g++"'), Path("mine.toml"))
    assert plain.digest == commented.digest != other.digest


def test_debian12_holds_what_was_promised() -> None:
    definition = builtin_definition("debian12")
    assert builtin_names() == ("debian12",)
    run = {
        "bash",
        "coreutils",
        "ca-certificates",
        "curl",
        "python3",
        "python3-venv",
        "tar",
        "gzip",
        "xz-utils",
        "util-linux",
    }
    assert run | {"libatomic1", "tzdata", "media-types", "netbase", "procps"} <= set(definition.run.packages)
    build = {
        "gcc",
        "g++",
        "git",
        "make",
        "pkg-config",
        "python3-dev",
        "unzip",
        "zip",
        "bzip2",
        "patch",
        "file",
        "rsync",
        "jq",
    }
    assert build | set(definition.run.packages) <= set(definition.build.packages)
    assert "# " in builtin_text("debian12"), "a person edits it: it has comments"


def test_an_unknown_one_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(UnknownDefinition) as caught:
        builtin_definition("debian99")
    assert "debian12" in caught.value.brief()
    for name in ("../debian12", "", "debian12.toml"):
        with pytest.raises(UnknownDefinition):
            builtin_definition(name)
    with pytest.raises(BadDefinition, match="cannot be read"):
        load_definition(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ("schema = 1", "", "schema"),
        ('suite = "bookworm"', "", "suite"),
        ('suite = "bookworm"', 'suite = "book worm"', "suite"),
        ('suite = "bookworm"', 'suite = "bookworm"\nsuiet = 1', "suiet"),
        ("[run]", "[runn]", "runn"),
        ('variant = "essential"', 'variant = "huge"', "run.variant"),
        ('["bash"]', '"bash"', "run.packages"),
        ('["bash"]', '["bash; rm -rf /"]', "run.packages"),
        ('["bash"]', '["./local.deb"]', "run.packages"),
        ('["bash"]', '["?essential"]', "run.packages"),
        ('["gcc", "bash"]', "[1]", "build.packages"),
        ("[run]", 'path_excludes = ["relative"]\n[run]', "path_excludes"),
        ("[run]", 'path_excludes = ["/a\\nb"]\n[run]', "path_excludes"),
        ("[run]", "users = 1\n[run]", "users"),
        ("[run]", '[[users]]\nname = "vcap"\nid = 5\n[run]', "users[0]"),
        ("[run]", '[[users]]\nname = "a"\nid = 2000\n[run]', "users[0]"),
        ("[run]", '[[users]]\nname = "a:b"\nid = 5\n[run]', "users[0].name"),
        ("[run]", '[[users]]\nname = "a"\nid = true\n[run]', "users[0].id"),
        ("[run]", '[[users]]\nname = "a"\nid = 5\nhome = "/x:y"\n[run]', "users[0].home"),
        ("[run]", '[[directories]]\npath = "/a/../../b"\n[run]', "directories[0].path"),
        ("[run]", '[[directories]]\npath = "/a"\nmode = "999"\n[run]', "directories[0].mode"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, where: str) -> None:
    assert old in MINIMAL
    with pytest.raises(BadDefinition) as caught:
        parse(MINIMAL.replace(old, new, 1))
    assert caught.value.where == where
    assert "/x/mine.toml" in caught.value.brief()
    assert caught.value.reason
    assert "debian12.toml" in caught.value.hint()


def test_what_is_no_toml_or_has_no_name() -> None:
    with pytest.raises(BadDefinition, match="line 1"):
        parse("schema = = 1")
    with pytest.raises(BadDefinition, match="named like the file"):
        parse(MINIMAL, ".hidden")
