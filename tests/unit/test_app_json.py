"""app.json: what is read, how a bad one is refused, and that no value of its env is ever quoted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.documents import LARGEST, NotReadable, load_json
from stagewright.model.names import StackName
from stagewright.packages import AppJson, AppScripts, BadAppJson, read_app_json

CANARY = "c4n4ry-v4lue"


def read(directory: Path, document: Any) -> AppJson | None:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    (directory / "app.json").write_bytes(content)
    return read_app_json(directory)


def test_all_that_touches_staging_is_read(tmp_path: Path) -> None:
    said = read(
        tmp_path,
        {
            "name": "Small Sharp Tool",
            "keywords": ["x"],
            "formation": {"web": {"quantity": 1, "size": "standard-1x"}},
            "buildpacks": [{"url": " https://example.com/b.git#main "}, "heroku/ruby", {"url": "urn:buildpack:x"}],
            "env": {
                "PLAIN": "text",
                "NUMBER": 5,
                "TRUTH": True,
                "EMPTY": "",
                "WITH_DEFAULT": {"value": "5", "required": True, "description": "how many"},
                "ASKED": {"description": "from outside"},
                "ASKED_TOO": {"required": True},
                "NULL": None,
                "OPTIONAL": {"required": False},
                "SECRET": {"generator": "secret"},
                "FIXED": {"generator": "secret", "value": "fixed"},
            },
            "stack": "heroku-24",
            "scripts": {"postdeploy": {"command": "rake db", "size": "x"}, "test": "rake", "test-setup": "rake setup"},
            "addons": ["openredis", "mongolab:small", {"plan": "heroku-postgresql:mini", "as": "DB"}],
        },
    )
    assert said == AppJson(
        name="Small Sharp Tool",
        buildpacks=("https://example.com/b.git#main", "heroku/ruby", "urn:buildpack:x"),
        env={"PLAIN": "text", "NUMBER": "5", "TRUTH": "true", "EMPTY": "", "WITH_DEFAULT": "5", "FIXED": "fixed"},
        required=("ASKED", "ASKED_TOO", "NULL"),
        generated=("SECRET",),
        stack=StackName("heroku-24"),
        scripts=AppScripts("rake db", "rake", "rake setup"),
        addons=("openredis", "mongolab", "heroku-postgresql"),
    )


def test_an_environment_replaces_whole_keys_as_heroku_does(tmp_path: Path) -> None:
    """The example of Heroku's page: WEB_CONCURRENCY is not set in the test environment."""
    said = read(
        tmp_path,
        {
            "buildpacks": ["base"],
            "env": {"SECRET_TOKEN": {"generator": "secret"}, "WEB_CONCURRENCY": "5"},
            "scripts": {"postdeploy": "x"},
            "environments": {
                "test": {"env": {"SECRET_TOKEN": "test-secret"}, "scripts": {"test": "rake"}},
                "production": {"env": {"A": "1"}},
            },
        },
    )
    assert said is not None
    assert (said.env, said.generated) == ({"WEB_CONCURRENCY": "5"}, ("SECRET_TOKEN",))
    test = said.for_environment("test")
    assert (test.env, test.generated, test.required) == ({"SECRET_TOKEN": "test-secret"}, (), ())
    assert test.scripts == AppScripts(test="rake")
    assert test.buildpacks == ("base",)
    assert said.for_environment("review") is said
    assert set(said.environments) == {"test"}


def test_no_file_no_link_and_no_pipe_is_nothing(tmp_path: Path) -> None:
    assert read_app_json(tmp_path) is None
    assert read_app_json(tmp_path / "absent") is None
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    source = tmp_path / "source"
    source.mkdir()
    (source / "app.json").symlink_to(outside)
    assert read_app_json(source) is None
    (source / "app.json").unlink()
    os.mkfifo(source / "app.json")
    assert read_app_json(source) is None
    (source / "app.json").unlink()
    (source / "app.json").mkdir()
    assert read_app_json(source) is None


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "line 1"),
        (b'{"env": {\n"A": c4n4ry-v4lue}}', "line 2"),
        (b'{"name": "c4n4ry-v4lue \xff"}', "byte"),
        (b"[" * 100_000, "deeper"),
        (b'{"a": ' * 100_000, "deeper"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        (b'"' + b" " * LARGEST + b'"', "larger"),
        (b'"' + b'\\"' * 500_000, "line 1"),
        ([], "the document must be a map"),
        (None, "the document must be a map"),
        ({"env": [CANARY]}, "'env' must be a map"),
        ({"env": {"KEY": [CANARY]}}, "'env.KEY'"),
        ({"env": {"KEY": {"value": {CANARY: CANARY}}}}, "'env.KEY'"),
        ({"env": {"KEY": CANARY + "\0"}}, "'env.KEY'"),
        ({"env": {"KEY": {"value": CANARY + "\ud800"}}}, "'env.KEY'"),
        ({"env": {"KEY": {"generator": CANARY}}}, "'env.KEY'"),
        ({"env": {"KEY": {"required": CANARY}}}, "'env.KEY.required'"),
        ({"env": {"A\nB": CANARY}}, "'env'"),
        ({"buildpacks": CANARY}, "'buildpacks' must be a list"),
        ({"buildpacks": ["a", {"name": CANARY}]}, "'buildpacks[1]'"),
        ({"buildpacks": [f"https://{CANARY}@example.com/b c"]}, "'buildpacks[0]'"),
        ({"buildpacks": ["x"] * 101}, "100"),
        ({"stack": f"../{CANARY}"}, "'stack'"),
        ({"scripts": {"test": [CANARY]}}, "'scripts.test'"),
        ({"addons": [{"as": CANARY}]}, "'addons[0]'"),
        ({"environments": []}, "'environments'"),
        ({"environments": {"test": {"env": {"KEY": [CANARY]}}}}, "'environments.test.env.KEY'"),
        ({"environments": {"review": [CANARY]}}, "'environments.review'"),
    ],
)
def test_a_bad_one_is_refused_with_where_and_without_values(tmp_path: Path, document: Any, says: str) -> None:
    with pytest.raises(BadAppJson) as caught:
        read(tmp_path, document)
    assert says in caught.value.brief()
    assert CANARY not in caught.value.brief() + caught.value.hint() + repr(caught.value)


def test_brackets_in_texts_do_not_count_as_depth(tmp_path: Path) -> None:
    said = read(tmp_path, {"name": "[" * 500 + '"{' * 200, "env": {"A": '\\"[' * 300}})
    assert said is not None
    assert said.env["A"] == '\\"[' * 300


def test_json_is_read_to_the_depth_that_is_promised() -> None:
    assert load_json(b"[" * 64 + b"]" * 64)
    with pytest.raises(NotReadable):
        load_json(b"[" * 65 + b"]" * 65)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=8), each, max_size=4)
)
KEYS = st.sampled_from(["name", "env", "buildpacks", "stack", "scripts", "addons", "environments", "url", "value"])
DOCUMENTS = st.dictionaries(
    KEYS, VALUES | st.dictionaries(st.sampled_from(["test", "review", "A", "B"]), VALUES, max_size=3)
)


@given(st.binary(max_size=300) | DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_any_bytes_are_an_app_json_or_a_clear_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    directory = tmp_path_factory.mktemp("app")
    try:
        said = read(directory, content)
    except BadAppJson as problem:
        assert problem.brief()
        return
    assert isinstance(said, AppJson)
    for each in (said, said.for_environment("test"), said.for_environment("review")):
        texts = [*each.env, *each.env.values(), *each.required, *each.generated, *each.buildpacks, *each.addons]
        texts += [
            text for text in (each.name, each.scripts.test, each.scripts.postdeploy, each.scripts.test_setup) if text
        ]
        assert all(isinstance(text, str) and "\0" not in text and text.encode() is not None for text in texts)
        assert each.stack is None or isinstance(each.stack, StackName)
