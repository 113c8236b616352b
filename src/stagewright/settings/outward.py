"""What git needs of the caller's environment to reach out as the caller does: programs, configuration, keys, proxies."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
        "SSH_AUTH_SOCK", "GNUPGHOME", "KRB5CCNAME", "DBUS_SESSION_BUS_ADDRESS",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_NO_VERIFY", "GIT_PROXY_SSL_CAINFO",
        "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_HTTP_USER_AGENT",
        "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    }
)  # fmt: skip
_BEGINNINGS = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")


def outward_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of ``environ`` that git gets when it fetches a buildpack. Variables that name a repository, traces or an editor
    are not among them. Some hold credentials: they go to git alone, and to nothing that is kept."""
    return {name: value for name, value in environ.items() if _is_wanted(name)}


def _is_wanted(name: str) -> bool:
    """Proxies are named in either case, everything else in capitals."""
    proxy = name.endswith("_proxy") and name.upper() in _NAMES
    return name in _NAMES or proxy or name.startswith(_BEGINNINGS)
