"""Which way the request to CredHub goes: HTTPS_PROXY and NO_PROXY as Go reads them."""

from __future__ import annotations

import pytest

from stagewright.lifecycle.proxies import Proxy, UnknownProxy, proxy_for

PROXY = {"HTTPS_PROXY": "http://proxy.example:3128"}


def test_no_proxy_is_named() -> None:
    assert proxy_for({"HTTP_PROXY": "http://p"}, "credhub.example", 8844) is None


@pytest.mark.parametrize(
    ("named", "host", "port", "headers"),
    [
        ("http://proxy.example:3128", "proxy.example", 3128, {}),
        ("proxy.example:3128", "proxy.example", 3128, {}),
        ("http://proxy.example", "proxy.example", 80, {}),
        ("http://u:p%40@proxy.example:1", "proxy.example", 1, {"Proxy-Authorization": "Basic dTpwQA=="}),
    ],
)
def test_a_proxy(named: str, host: str, port: int, headers: dict[str, str]) -> None:
    assert proxy_for({"https_proxy": named}, "credhub.example", 8844) == Proxy(host, port, headers)


@pytest.mark.parametrize("named", ["socks5://u:hush@p:1", "https://p", "http://", "http://p:x"])
def test_a_proxy_that_is_none_of_ours(named: str) -> None:
    with pytest.raises(UnknownProxy, match=r"HTTPS_PROXY is not an? .*URL") as raised:
        proxy_for({"HTTPS_PROXY": named}, "credhub.example", 8844)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("exempt", "host"),
    [
        ("", "localhost"),
        ("", "127.0.0.5"),
        ("", "::1"),
        ("*", "credhub.example"),
        ("a, credhub.EXAMPLE", "credhub.example"),
        ("example", "credhub.example"),
        (".example", "credhub.example"),
        ("*.example", "credhub.example"),
        ("credhub.example:8844", "credhub.example"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
        ("fd00::/8", "fd00::1"),
        ("[fd00::1]:8844", "fd00::1"),
    ],
)
def test_exempt(exempt: str, host: str) -> None:
    assert proxy_for({**PROXY, "NO_PROXY": exempt}, host, 8844) is None


@pytest.mark.parametrize(
    ("exempt", "host"),
    [
        ("", "credhub.example"),
        (",", "credhub.example"),
        ("hub.example", "credhub.example"),
        (".credhub.example", "credhub.example"),
        ("credhub.example:443", "credhub.example"),
        ("10.0.0.0/8", "11.1.2.3"),
        ("10.0.0.0/8", "credhub.example"),
        ("10.0.0.0/99", "10.1.2.3"),
    ],
)
def test_not_exempt(exempt: str, host: str) -> None:
    assert proxy_for({**PROXY, "NO_PROXY": exempt}, host, 8844) is not None
