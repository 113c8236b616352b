"""DATABASE_URL from VCAP_SERVICES, by the reference's databaseuri_test and by what a Go program made of the odd ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.model.services import database_url


def of(*uris: object) -> str:
    return json.dumps({"label": [{"credentials": {"uri": uri}} for uri in uris]})


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("mysql://username:password@host/db", "mysql2://username:password@host/db"),
        ("mysql2://username:password@host/db", "mysql2://username:password@host/db"),
        ("postgres://username:password@host/db", "postgres://username:password@host/db"),
        ("postgresql://username:password@host/db", "postgres://username:password@host/db"),
        ("sendgrid://foo:bar@host/db", None),
        ("mysqlx://host/db", None),
        ("://host", None),
        ("", None),
        # as net/url writes them
        ("MySQL://Host/db", "mysql2://Host/db"),
        ("postgres://u:p@ss!@host:5432/db?ssl=true#x", "postgres://u:p%40ss%21@host:5432/db?ssl=true#x"),
        ("postgres://u:p%40ss@host/db", "postgres://u:p%40ss@host/db"),
        ("postgres://host/a b", "postgres://host/a%20b"),
        ("mysql:/path", "mysql2:/path"),
        ("mysql:///path", "mysql2:///path"),
        ("mysql:opaque?q", "mysql2:opaque?q"),
        ("mysql://host?", "mysql2://host?"),
        ("mysql://host#", "mysql2://host"),
        ("mysql://[::1]:3306/db", "mysql2://[::1]:3306/db"),
        ("postgres://größe/ü", "postgres://gr%C3%B6%C3%9Fe/%C3%BC"),
        # what is no URL there
        ("postgresql://invalid:password@host/%a", None),
        ("postgres://u:p%zz@host/db", None),
        ("postgres://host:port/db", None),
        ("postgres://ho st/db", None),
        ("postgres://u|p@host/db", None),
        ("postgres://host/db\n", None),
        ("postgres://[::1/db", None),
        ("postgres://[x]/db", None),
        ("postgres://h[::1]/db", None),
        ("postgres://host/#%z", None),
    ],
)
def test_uri(uri: str, url: str | None) -> None:
    assert database_url(of(uri)) == url


@pytest.mark.parametrize(
    "services",
    [
        "",
        "{",
        "null",
        "[]",
        "1",
        "{}",
        '{"eg":[]}',
        '{"eg":null}',
        '{"eg":[{}]}',
        '{"eg":[null]}',
        '{"eg":[{"credentials":null}]}',
        '{"eg":[{"credentials":{"uri":null}}]}',
        '{"eg":[{"credentials":{"uri":""}}]}',
        '{"eg":[{"other":{"uri":"mysql://h"}}]}',
        '{"eg":[{"credentials":{"uri":"mysql://h"}}], "x": NaN}',
        "[" * 100_000,
    ],
)
def test_nothing_there(services: str) -> None:
    assert database_url(services) is None


@pytest.mark.parametrize("odd", ['{"uri":5}', "[]", '"text"'])
def test_another_shape_is_none_of_ours_as_in_the_reference(odd: str) -> None:
    assert database_url(f'{{"a":[{{"credentials":{{"uri":"mysql://h"}}}}],"b":[{{"credentials":{odd}}}]}}') is None


def test_the_first_database_in_the_document_wins() -> None:
    assert database_url(of("redis://r", "postgres://h/%a", "postgres://host/db1", "mysql://host/db2")) == (
        "postgres://host/db1"
    )
    labels = '{"z":[{"credentials":{"uri":"mysql://z"}}],"a":[{"credentials":{"uri":"mysql://a"}}]}'
    assert database_url(labels) == "mysql2://z"


def test_names_of_members_in_any_case_as_in_go() -> None:
    assert database_url('{"a":[{"Credentials":{"URI":"mysql://h"}}]}') == "mysql2://h"


def test_services_that_are_read_already() -> None:
    assert database_url({"a": [{"credentials": {"uri": "mysql://h"}}]}) == "mysql2://h"
    assert database_url({"a": 5}) is None


SCHEMES = st.sampled_from(["mysql://", "postgres://u:p@h/", "postgresql:", "mysql://u:p@", "mysql2://[", "postgres:/"])


@given(SCHEMES, st.text(max_size=20))
def test_what_comes_out_is_a_url_of_printable_ascii_and_stays_one(scheme: str, rest: str) -> None:
    url = database_url({"a": [{"credentials": {"uri": scheme + rest}}]})
    if url is not None and "?" not in url and url.isascii():  # a query and an opaque part are passed on as they are
        assert url.startswith(("mysql2:", "postgres:"))
        assert database_url({"a": [{"credentials": {"uri": url}}]}) == url


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("mysql://h"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["credentials", "uri", "a"]), inner),
)


@given(JSON)
def test_any_json_is_read(value: Any) -> None:
    assert database_url(json.dumps(value)) in (None, "mysql2://h")
