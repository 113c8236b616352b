"""The environment and the configuration of git: ours alone where a tree is touched, the person's where a remote is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stagewright.buildpacks.fetching.policy import FetchPolicy
from stagewright.model.buildpack import Remote

SEARCH = "/usr/local/bin:/usr/bin:/bin"
"""PATH where the caller gave none."""

_OURS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.askPass", ""),
    ("core.pager", "cat"),
    ("core.symlinks", "true"),
    ("core.fileMode", "true"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("core.autocrlf", "false"),
    ("credential.interactive", "never"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("init.templateDir", ""),
    ("init.defaultBranch", "main"),
    ("advice.detachedHead", "false"),
    ("log.showSignature", "false"),
    ("transfer.fsckObjects", "true"),
    ("transfer.bundleURI", "false"),
    ("protocol.allow", "never"),
    ("safe.directory", "*"),
)
_HARMLESS = (
    "badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "missingEmail", "missingNameBeforeEmail",
    "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "missingTaggerEntry", "badTagName", "multipleAuthors",
    "zeroPaddedDate", "zeroPaddedFilemode", "emptyName", "nulInCommit",
)  # fmt: skip
"""What fsck dislikes in many an old repository and what cannot hurt: odd dates, names and modes (git-fsck(1))."""

_TRANSPORTS = {"http": "http:https", "https": "http:https", "ssh": "ssh", "git": "git", "file": "file"}
_REWRITTEN = "http:https:ssh:git"
"""A person's ``insteadOf`` may lead from one to another; nobody's leads to ``ext`` or, but for ``file://`` itself, to files."""
_ALWAYS_NEVER = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
_WITHOUT_KEYS = (
    "ssh -F /dev/null -o BatchMode=yes -o IdentityAgent=none -o IdentitiesOnly=yes -o IdentityFile=/dev/null"
)
_OUR_HELPER = """!printf 'username=%s\\npassword=%s\\n' "$STAGEWRIGHT_GIT_USER" "$STAGEWRIGHT_GIT_PASSWORD"; :"""
"""Hands git the credentials of the URL: they are in no argument, where every user of the machine could read them."""

PERSONAL = r"^(http\.(proxy|sslcainfo|sslcapath|proxysslcainfo|sslbackend)|core\.sshcommand)$"
"""Of a person's configuration, what leads out and holds no key to another place."""

Pairs = tuple[tuple[str, str], ...]


def offline(policy: FetchPolicy, **more: str) -> dict[str, str]:
    """For commands on trees of strangers: no configuration but ours, and no transport."""
    alone = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "none",
    }
    environment = {
        "PATH": policy.environment.get("PATH", SEARCH),
        "HOME": "/nonexistent",
        **_ALWAYS_NEVER,
        **alone,
        **more,
    }
    return _configured(environment, _OURS)


def personal(policy: FetchPolicy) -> dict[str, str]:
    """For reading the person's own configuration: no more than that."""
    return {"PATH": SEARCH, **policy.environment, **_ALWAYS_NEVER}


def online(remote: Remote, trusted: bool, policy: FetchPolicy, own: Mapping[str, str]) -> dict[str, str]:
    """For commands that talk to ``remote``, and touch no working tree. ``own`` is what the person configured of `PERSONAL`.

    The keys and helpers of a person serve that person's references alone: a stranger's manifest could name a private repository,
    and have it copied into a droplet.
    """
    environment = {
        "PATH": SEARCH,
        **policy.environment,
        **_ALWAYS_NEVER,
        "GIT_ALLOW_PROTOCOL": _TRANSPORTS[remote.scheme],
    }
    pairs = [*_OURS, *((f"fetch.fsck.{name}", "ignore") for name in _HARMLESS)]
    if trusted:
        if remote.scheme != "file":
            environment["GIT_ALLOW_PROTOCOL"] = _REWRITTEN
        command = environment.get("GIT_SSH_COMMAND") or own.get("core.sshcommand")
        if command is None and "GIT_SSH" not in environment:
            environment["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
    else:
        for name in (
            "SSH_AUTH_SOCK",
            "GIT_SSH",
            "GIT_CONFIG_COUNT",
            "GIT_CONFIG_PARAMETERS",
            "GIT_CONFIG_SYSTEM",
            "KRB5CCNAME",
        ):
            environment.pop(name, None)
        alone = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        environment |= {
            "HOME": "/nonexistent",
            "XDG_CONFIG_HOME": "/nonexistent",
            **alone,
            "GIT_SSH_COMMAND": _WITHOUT_KEYS,
        }
        pairs += [(name, value) for name, value in own.items() if name.startswith("http.")]
        pairs.append(("credential.helper", ""))
    if "GIT_SSL_CAINFO" not in environment and environment.get("SSL_CERT_FILE"):
        environment["GIT_SSL_CAINFO"] = environment["SSL_CERT_FILE"]
    if not policy.verify_certificates:
        environment["GIT_SSL_NO_VERIFY"] = "1"
    if remote.credentials:
        environment["STAGEWRIGHT_GIT_USER"] = remote.credentials.user
        environment["STAGEWRIGHT_GIT_PASSWORD"] = remote.credentials.password
        pairs += _credentials(remote)
    return _configured(environment, tuple(pairs))


def _credentials(remote: Remote) -> Pairs:
    """For that host alone, so that a redirection gets none. Where the URL has a password, no helper of the person's is asked, nor
    told to keep it; where it has a user name alone, they are asked first."""
    address, mark, rest = remote.address.partition("://")
    place = f"{address}{mark}{rest.partition('/')[0]}"
    named = ((f"credential.{place}.username", remote.credentials.user),) if remote.credentials.user else ()
    alone = ((f"credential.{place}.helper", ""),) if remote.credentials.password else ()
    return (*named, *alone, (f"credential.{place}.helper", _OUR_HELPER))


def _configured(environment: Mapping[str, str], pairs: Pairs) -> dict[str, str]:
    """Configuration by environment, after what the caller gave in the same way; the last one wins."""
    given = environment.get("GIT_CONFIG_COUNT", "")
    start = int(given) if given.isascii() and given.isdigit() else 0
    configured = {**environment, "GIT_CONFIG_COUNT": str(start + len(pairs))}
    for number, (name, value) in enumerate(pairs, start):
        configured[f"GIT_CONFIG_KEY_{number}"] = name
        configured[f"GIT_CONFIG_VALUE_{number}"] = value
    return configured


def repository(path: Path) -> str:
    """The option that names a repository, so that none is looked for."""
    return f"--git-dir={path}"
