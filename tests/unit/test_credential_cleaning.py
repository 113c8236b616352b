"""No credential survives cleaning, wherever in a URL it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.settings.cleaning import clean_proxy, clean_url

CANARY = "7031337"
"""All digits, so that it could pass for a port, too."""


@pytest.mark.parametrize(
    ("url", "cleaned"),
    [
        ("https://pypi.example/simple", "https://pypi.example/simple"),
        ("https://user:pass@pypi.example:8443/simple/", "https://pypi.example:8443/simple/"),
        ("https://token@pypi.example/simple", "https://pypi.example/simple"),
        ("https://a:b@c:d@pypi.example/simple", "https://pypi.example/simple"),
        ("https://pypi.example/simple?token=x#y", "https://pypi.example/simple"),
        ("http://[2001:db8::1]:80/x", "http://[2001:db8::1]:80/x"),
    ],
)
def test_urls_lose_credentials_only(url: str, cleaned: str) -> None:
    found = clean_url(url)
    assert found.text == cleaned
    assert bool(found.removed) == (url != cleaned)


@pytest.mark.parametrize(
    "url",
    [
        "/srv/wheels",
        "file:///srv/wheels",
        "https://user:pa/ss@host/simple",
        "https://user:1234/@host/simple",
        "https://token?x@host/simple",
        "https://host name/simple",
        'https://host/"quoted',
        "https://host:port/simple",
        "https://",
        "",
    ],
)
def test_what_is_not_understood_is_left_out_whole(url: str) -> None:
    found = clean_url(url)
    assert found.text is None
    assert found.removed, "and that is said"


@pytest.mark.parametrize(
    ("proxy", "cleaned"),
    [
        ("proxy:3128", "proxy:3128"),
        ("user:pass@proxy:3128", "proxy:3128"),
        ("socks5h://u:p@proxy:1", "socks5h://proxy:1"),
    ],
)
def test_proxies_may_lack_a_scheme(proxy: str, cleaned: str) -> None:
    assert clean_proxy(proxy).text == cleaned


@given(before=st.text(max_size=8), after=st.text(max_size=8), user=st.sampled_from(["", "user", "user:", ":"]))
def test_no_credential_survives(before: str, after: str, user: str) -> None:
    url = f"https://{user}{before}{CANARY}{after}@host.example/simple"
    for clean in (clean_url, clean_proxy):
        found = clean(url)
        assert CANARY not in (found.text or "") + found.removed
