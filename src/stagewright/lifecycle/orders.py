"""The builder's flags and environment as the order that a cell's staging takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from stagewright.buildpacks.fetching import FetchPolicy
from stagewright.lifecycle.flags import Given
from stagewright.packages.binding_secrets import SHORTEST, credential_values
from stagewright.packages.buildpack_list import POST_VARIABLES, split_references
from stagewright.services.cell import CellOrder
from stagewright.settings.outward import outward_variables
from stagewright.staging.output import secret_values

_NOT_THE_APPS = frozenset({"PWD", "OLDPWD", "PATH", "VCAP_SERVICES", "VCAP_APPLICATION", "VCAP_PLATFORM_OPTIONS"})
_ADDRESS = re.compile(r"(mysql2?|postgres(ql)?)://[^@?]*")
"""Of a database, without a password."""
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*+)"(\s*:)?', re.DOTALL)
"""A JSON string, and the colon behind it where it is the name of a member."""


def order_of(given: Given, environ: Mapping[str, str], cwd: Path) -> tuple[CellOrder, FetchPolicy]:
    """What is to be staged, and how far fetching may go. Raises BadReferences for a list of post-buildpacks that is none."""

    def path(flag: str) -> Path:
        return cwd / given.text(flag)

    order = CellOrder(
        build_dir=path("buildDir").resolve(),  # a link to the app is the app
        cache=path("buildArtifactsCacheDir"),
        keys=tuple(given.text("buildpackOrder").split(",")),
        posts=tuple(ref for name in POST_VARIABLES for ref in split_references(environ.get(name, ""))),
        skip_detect=given.boolean("skipDetect"),
        droplet=path("outputDroplet"),
        result=path("outputMetadata"),
        cache_archive=path("outputBuildArtifactsCache"),
        environment=environ,
        secrets=secrets_of(environ),
        cwd=cwd,
    )
    verify = not given.boolean("skipCertVerify")
    return order, FetchPolicy(tries=1, verify_certificates=verify, environment=outward_variables(environ))


def secrets_of(environ: Mapping[str, str]) -> frozenset[str]:
    """What no log may show: credentials of services, and variables that are secret by their name.

    The platform's own paths are not, nor is a reference to CredHub, nor an address without a password.
    """
    own = {name: value for name, value in environ.items() if name not in _NOT_THE_APPS and not name.startswith("CF_")}
    try:
        services = json.loads(environ.get("VCAP_SERVICES", "") or "{}")
        credentials = (
            credential_values(services) - frozenset(_public(services)) if isinstance(services, dict) else frozenset()
        )
    except (ValueError, RecursionError):
        # Nobody can say which text of a broken document is a password: every one that is no name of a member is taken for one.
        credentials = frozenset(_texts_of(environ["VCAP_SERVICES"]))
    return credentials | secret_values(own, guess=False)


def _texts_of(broken: str) -> Iterator[str]:
    for written, colon in _TEXT.findall(broken):
        if not colon and len(written) >= SHORTEST:
            yield written
            try:
                decoded = str(json.loads(f'"{written}"', strict=False))
            except ValueError:
                continue
            yield from secret_values({"": decoded}, guess=False)
            yield from (decoded, *(line for line in decoded.splitlines() if len(line) >= SHORTEST))


def _public(value: object) -> Iterator[str]:
    """The texts in ``value`` that are references to CredHub, or addresses of databases without a password."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str) and (name == "credhub-ref" or _ADDRESS.fullmatch(inner)):
                yield inner
            else:
                yield from _public(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _public(inner)
