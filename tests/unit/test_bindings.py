"""Bindings of services: the forms that are read, Cloud Foundry's shape, and what of it is secret."""

from __future__ import annotations

import json
import math
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.documents import NotReadable
from stagewright.model.services import database_url
from stagewright.packages import BadBinding, Services, credential_values, read_bindings
from stagewright.packages.yaml_values import load_yaml_values

CANARY = "c4n4ry-p4ss"


def bind(directory: Path, *documents: Any) -> Services:
    paths = []
    for number, document in enumerate(documents):
        paths.append(directory / f"service{number}.json")
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        paths[-1].write_bytes(content)
    return read_bindings(paths)


def test_one_binding_takes_cloud_foundrys_shape(tmp_path: Path) -> None:
    assert bind(tmp_path, {"name": "db", "credentials": {"uri": "postgres://u:p@h/d", "port": 5432}}) == {
        "user-provided": [
            {
                "name": "db",
                "instance_name": "db",
                "binding_name": None,
                "label": "user-provided",
                "tags": [],
                "credentials": {"uri": "postgres://u:p@h/d", "port": 5432},
                "syslog_drain_url": None,
                "volume_mounts": [],
            }
        ]
    }


def test_a_label_is_a_broker_s_and_has_a_plan(tmp_path: Path) -> None:
    (binding,) = bind(
        tmp_path, {"name": "db", "label": "postgres", "tags": ["sql", 9], "credentials": None, "provider": "x"}
    )["postgres"]
    assert binding["label"] == "postgres"
    assert binding["plan"] is None
    assert (binding["tags"], binding["credentials"], binding["provider"]) == (["sql", "9"], {}, "x")


@pytest.mark.parametrize("wrap", [lambda services: services, lambda services: {"VCAP_SERVICES": services, "MORE": {}}])
def test_a_whole_vcap_services_is_taken_as_it_is(tmp_path: Path, wrap: Any) -> None:
    services = {
        "p.mysql": [
            {
                "name": "bound",
                "instance_name": "db",
                "binding_name": "bound",
                "binding_guid": "g",
                "label": "p.mysql",
                "tags": ["mysql"],
                "plan": "small",
                "credentials": {"uri": "mysql://u:p@h/d", "tls": {"enabled": True}},
                "syslog_drain_url": None,
                "volume_mounts": [{"container_dir": "/data"}],
            }
        ],
        "empty": [],
    }
    assert bind(tmp_path, wrap(services)) == {"p.mysql": services["p.mysql"]}


def test_a_name_may_come_from_the_binding_or_the_instance(tmp_path: Path) -> None:
    services = bind(tmp_path, {"a": [{"instance_name": "i", "binding_name": "b"}, {"instance_name": "j"}]})
    assert [(each["name"], each["instance_name"]) for each in services["a"]] == [("b", "i"), ("j", "j")]


def test_files_are_merged_and_the_later_of_one_name_holds(tmp_path: Path) -> None:
    services = bind(
        tmp_path,
        {"a": [{"name": "one", "credentials": {"v": 1}}, {"name": "two"}], "b": [{"name": "one"}]},
        {"name": "one", "label": "a", "credentials": {"v": 2}},
        {"name": "three", "label": "a"},
    )
    assert [(each["name"], each["credentials"]) for each in services["a"]] == [
        ("one", {"v": 2}),
        ("two", {}),
        ("three", {}),
    ]
    assert list(services) == ["a", "b"]
    assert read_bindings([]) == {}


def test_yaml_keeps_passwords_as_they_were_written(tmp_path: Path) -> None:
    text = b"""
name: db   # a comment
tags: [relational]
credentials:
  password: 0123
  other: 1_000
  time: 12:34:56
  day: 2024-01-01
  word: on
  number: 5432
  ratio: 1.5
  tls: true
  none: ~
  quoted: "5432"
  tagged: !!str 5432
  pem: |
    line
    line
"""
    (binding,) = bind(tmp_path, text)["user-provided"]
    assert binding["credentials"] == {
        "password": "0123",
        "other": "1_000",
        "time": "12:34:56",
        "day": "2024-01-01",
        "word": "on",
        "number": 5432,
        "ratio": 1.5,
        "tls": True,
        "none": None,
        "quoted": "5432",
        "tagged": "5432",
        "pem": "line\nline\n",
    }


def test_a_directory_of_servicebinding_io_is_a_binding(tmp_path: Path) -> None:
    """As Kubernetes mounts it: links to a hidden directory with the version."""
    root = tmp_path / "account-database"
    versions = root / "..2024"
    versions.mkdir(parents=True)
    for name, content in {"type": "postgresql\n", "provider": "acme", "uri": "postgres://u:p@h/d\n"}.items():
        (versions / name).write_text(content)
        (root / name).symlink_to(Path("..2024") / name)
    (binding,) = read_bindings([root])["postgresql"]
    assert (binding["name"], binding["provider"]) == ("account-database", "acme")
    assert binding["credentials"] == {"uri": "postgres://u:p@h/d"}


def test_a_pipe_may_stand_for_a_file(tmp_path: Path) -> None:
    """As in ``--service <(vault read …)``: the secret never lies on a disk."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text('{"name": "db"}'))
    writer.start()
    assert read_bindings([pipe])["user-provided"][0]["name"] == "db"
    writer.join()


def test_the_database_of_an_app_is_found_in_what_was_bound(tmp_path: Path) -> None:
    services = bind(tmp_path, {"name": "db", "credentials": {"uri": "mysql://u:p@h/d"}})
    assert database_url(services) == "mysql2://u:p@h/d"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "holds no map"),
        ([CANARY], "holds no map"),
        (b"name: db\ncredentials: {password: *c4n4ry-p4ss}", "not JSON or YAML"),
        (b"name: db\ncredentials:\n  password: %c4n4ry-p4ss", "line 3"),
        (b"name: db\ncredentials: {password: !c4n4ry-p4ss x}", "line 2"),
        (b"name: db\ncredentials:\n  <<: {password: c4n4ry-p4ss}", "line 3"),
        (b"name: db\ncredentials:\n  ? [c4n4ry-p4ss]\n  : x", "line 3"),
        (b"name: c4n4ry-p4ss\xff", "UTF-8"),
        (b"[" * 100_000, "deeper"),
        (b"name: " + b"c4n4ry-p4ss" * 100_000, "larger"),
        ({"credentials": {"password": CANARY}}, "'name'"),
        ({"name": "", "credentials": {"password": CANARY}}, "the binding needs a 'name'"),
        ({"name": "db", "credentials": CANARY}, "'credentials' of the binding must be a map"),
        ({"name": "db", "tags": CANARY}, "'tags'"),
        ({"name": "db", "tags": [[CANARY]]}, "'tags'"),
        ({"name": "db", "label": [CANARY]}, "'label'"),
        ({"name": "db", "credentials": {"a": [CANARY + "\ud800"]}}, "the binding holds a character"),
        ({"postgres": [{"name": "a"}, CANARY]}, "binding 2 of 'postgres' must be a map"),
        (
            {"postgres": [{"name": "a"}, {"credentials": {"password": CANARY}}]},
            "binding 2 of 'postgres' needs a 'name'",
        ),
        ({"": [{"name": "a"}]}, "label 1"),
        ({"a": [{"name": str(n)} for n in range(1001)]}, "1000"),
        ({"name": "db", "credentials": {"password": CANARY * 12_000}}, "120 KB"),
    ],
)
def test_what_is_no_binding_is_refused_with_where_and_without_values(tmp_path: Path, document: Any, says: str) -> None:
    with pytest.raises(BadBinding) as caught:
        bind(tmp_path, document)
    problem = caught.value
    assert says in problem.brief()
    assert "service0.json" in problem.brief()
    assert CANARY not in problem.brief() + problem.hint() + problem.details() + repr(problem)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadBinding, match="No such file"):
        read_bindings([tmp_path / "absent"])
    with pytest.raises(BadBinding, match="NUL"):
        read_bindings([Path("a\0b")])
    with pytest.raises(BadBinding, match="'type'"):
        read_bindings([tmp_path])
    (tmp_path / "type").write_text("postgresql")
    (tmp_path / "key").write_bytes(b"\xff")
    with pytest.raises(BadBinding, match="'key' is not text"):
        read_bindings([tmp_path])


def secrets(credentials: dict[str, Any]) -> frozenset[str]:
    return credential_values({"x": [{"name": "visible-name", "credentials": credentials}]})


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({"password": "hunter2"}, {"hunter2"}),
        ({"password": "true", "api_key": "12345", "accessKey": "localhost"}, {"true", "12345", "localhost"}),
        ({"password": 123456}, {"123456"}),
        ({"secrets": {"a": [{"b": "db.example.com"}]}}, {"db.example.com"}),
        ({"anything": "u7f-Ab3"}, {"u7f-Ab3"}),
        ({"username": "u8d9f0a"}, {"u8d9f0a"}),
        (
            {"uri": "postgres://admin:s3cr%40t@db.example.com/shop"},
            {"postgres://admin:s3cr%40t@db.example.com/shop", "s3cr%40t", "s3cr@t"},
        ),
        ({"url": "https://t0k3n@example.com/x"}, {"https://t0k3n@example.com/x", "t0k3n"}),
        ({"url": "redis://default@h/"}, {"redis://default@h/"}),
        (
            {"jdbcUrl": "jdbc:mysql://h/d?user=root&password=p%2Fss"},
            {"jdbc:mysql://h/d?user=root&password=p%2Fss", "p%2Fss", "p/ss"},
        ),
        ({"hook": "https://hooks.example.com/T000/B000"}, {"https://hooks.example.com/T000/B000"}),
        (
            {"cert": "-----BEGIN X-----\nMIIBIjANBgkqhkiG9w0B\nshort\n-----END X-----\n"},
            {
                "-----BEGIN X-----\nMIIBIjANBgkqhkiG9w0B\nshort\n-----END X-----\n",
                "-----BEGIN X-----\nMIIBIjANBgkqhkiG9w0B\nshort\n-----END X-----",
                "MIIBIjANBgkqhkiG9w0B",
            },
        ),
    ],
)
def test_secrets_are_found(credentials: dict[str, Any], expected: set[str]) -> None:
    assert secrets(credentials) == expected


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"password": "abc"},
        {"port": 5432, "number": "5432", "tls": "true", "ssl": False, "nothing": None, "mode": "disabled"},
        {"host": "db.example.com", "hosts": ["10.0.0.1", "db-1.example.com:5432", "[::1]:80"], "at": "localhost"},
        {"url": "amqp://broker.example.com:5672/", "api": "https://api.example.com"},
        {"username": "postgres", "database": "shop", "db_type": "mysql", "schema": "my_shop"},
    ],
)
def test_what_plainly_is_no_secret_stays_readable(credentials: dict[str, Any]) -> None:
    assert secrets(credentials) == frozenset()


def test_only_what_lies_below_credentials_is_secret(tmp_path: Path) -> None:
    services = bind(tmp_path, {"name": "my-secret-name-1", "tags": ["t4g-v4lue"], "credentials": {"password": CANARY}})
    assert credential_values(services) == {CANARY}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3)
)
FIELDS = st.sampled_from(["name", "label", "tags", "credentials", "plan", "volume_mounts", "VCAP_SERVICES", "x"])
ENTRIES = st.dictionaries(FIELDS, VALUES, max_size=5)
NAMED = st.builds(lambda entry, credentials: {**entry, "name": "n", "credentials": credentials}, ENTRIES, ENTRIES)
DOCUMENTS = ENTRIES | NAMED | st.dictionaries(st.text(max_size=5), st.lists(ENTRIES | NAMED, max_size=3), max_size=3)


@given(st.binary(max_size=300) | DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_any_bytes_are_bindings_or_a_clear_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try:
        services = bind(tmp_path_factory.mktemp("services"), content)
    except BadBinding as problem:
        assert problem.brief()
        return
    for label, bindings in services.items():
        assert all(each["label"] == label for each in bindings)
        assert len({each["name"] for each in bindings}) == len(bindings)
        for each in bindings:
            assert isinstance(each["name"], str) and isinstance(each["credentials"], dict)
            assert all(isinstance(tag, str) for tag in each["tags"])
    assert json.loads(json.dumps(services, allow_nan=False)) == services
    assert json.dumps(services, ensure_ascii=False).encode()
    assert all(len(value) >= 4 and value.encode() for value in credential_values(services))


@given(st.text(max_size=100))
def test_yaml_is_values_of_json_or_a_clear_refusal(text: str) -> None:
    try:
        value = load_yaml_values(text.encode("utf-8", "surrogatepass"))
    except NotReadable as error:
        assert str(error)
        return
    json.dumps(value, allow_nan=False)


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=4, max_size=40))
def test_a_password_is_always_among_the_secrets(password: str) -> None:
    assert password in secrets({"a": {"password": password}})


@given(st.floats() | st.integers())
def test_a_number_of_json_is_the_same_number_in_yaml(number: float) -> None:
    text = json.dumps(number)
    value = load_yaml_values(text.encode())
    if isinstance(value, str):
        assert value == text, "what YAML 1.1 calls a text stays as it was written"
    else:
        assert value == number and not math.isinf(number)
