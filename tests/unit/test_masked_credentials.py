"""What is shown of text with credentials in it: nothing of them, and all else as it was."""

from __future__ import annotations

import base64
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.model.credentials import Credentials, without_credentials

SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cc", "Cs", "Cn"]), min_size=8, max_size=30
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@host/x.git", "https://***@host/x.git"),
        (
            "fatal: Authentication failed for 'https://me:pw@host/x.git/'",
            "fatal: Authentication failed for 'https://***@host/x.git/'",
        ),
        ("https://token@host/x", "https://***@host/x"),
        ("https://me:p/w@host/x", "https://***@host/x"),
        ("https://me:p@w@host/x", "https://***@host/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("ssh://git:pw@host/x", "ssh://***@host/x"),
        ("git@host:x.git", "git@host:x.git"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("https://host/x?q=https%3A%2F%2Fme%3Apw%40other%2Fy", "https://host/x?q=https%3A%2F%2F***%40other%2Fy"),
        ("https://host/x?access_token=abc&b=1", "https://host/x?access_token=***&b=1"),
        ("https://host/x?X-Amz-Signature=abc&sig=d", "https://host/x?X-Amz-Signature=***&sig=***"),
        ("https://host/x?design=a&keyboard=b", "https://host/x?design=a&keyboard=b"),
        ("Authorization: Basic bWU6cHc=", "Authorization: Basic ***"),
        ("http.extraheader=AUTHORIZATION: bearer abc.def", "http.extraheader=AUTHORIZATION: bearer ***"),
        ("Private-Token: abc", "Private-Token: ***"),
        ("Proxy-Authorization: abcdef", "Proxy-Authorization: ***"),
        ("see user@example.com, and https://host/", "see user@example.com, and https://host/"),
    ],
)
def test_what_is_masked_and_what_stays(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert without_credentials(shown) == shown


@given(
    user=st.text("abcdef", min_size=1, max_size=8),
    password=SECRETS,
    before=st.text(max_size=5),
    after=st.text(max_size=5),
)
def test_no_form_of_a_password_is_left(user: str, password: str, before: str, after: str) -> None:
    credentials = Credentials(user, password)
    raw = password.encode()
    for form in (
        password,
        quote(password, safe=""),
        quote(password),
        quote_plus(password),
        shlex.quote(password),
        json.dumps(password),
        json.dumps(password, ensure_ascii=False),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        base64.b64encode(f"{user}:{password}".encode()).decode(),
        f"https://{user}:{quote(password, safe='')}@host/",
    ):
        said = credentials.mask(f"{before} {form} {after}")
        core = form.strip("'\"")
        assert core not in said.replace(f"{before} ", "", 1) or core in before + after, (form, said)


@given(st.text(max_size=300))
def test_any_text_can_be_masked(text: str) -> None:
    without_credentials(text, ("secret99",))


def test_masking_takes_no_time_for_long_lines() -> None:
    import time

    began = time.monotonic()
    for text in (
        "https://" + "a" * 100_000,
        "https://a:" * 20_000,
        "@" * 100_000,
        "%3A%2F%2F" * 10_000,
        "x" * 100_000 + "://" + "a@" * 50_000,
    ):
        without_credentials(text)
    assert time.monotonic() - began < 5
