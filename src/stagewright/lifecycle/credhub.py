"""References to CredHub in VCAP_SERVICES become credentials before any script or app sees them.

The source is contracts/cloudfoundry-staging.md §1.2. This file holds the rules: when it is done, with what, how often it is
tried; `interpolation` makes the request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from stagewright.errors import PlatformProblem
from stagewright.lifecycle.flags import Flag, Given, Kind

_REFERENCE = '"credhub-ref"'
_ATTEMPTS = "credhubConnectAttempts"
_DELAY = "credhubRetryDelay"

FLAGS = (
    Flag(_ATTEMPTS, Kind.INT, "3", "number of times that the credhub client will attempt to connect to credhub"),
    Flag(
        _DELAY,
        Kind.DURATION,
        "1s",
        "delay duration that the credhub client will wait before retrying the connection to credhub",
    ),
)
"""What builder, launcher and shell all take."""


@dataclass(eq=False)
class CredhubFailed(PlatformProblem):
    """References could not be exchanged. The builder ends with 4, the launcher with 3.

    ``reason`` never holds what CredHub stores, nor VCAP_SERVICES.
    """

    reason: str

    def brief(self) -> str:
        return f"Unable to interpolate credhub refs: {self.reason}"

    def hint(self) -> str:
        return "CREDHUB_SKIP_INTERPOLATION, set to anything, leaves the references in VCAP_SERVICES as they are."


class RequestFailed(Exception):
    """One request came to nothing; the message says why, and it may be worth another try."""


class CannotSetUp(Exception):
    """No request can be made with what is there."""


@dataclass(frozen=True)
class Patience:
    """How often a request is tried, at least once, and how many seconds lie between two of them."""

    attempts: int = 3
    delay: float = 1.0

    @classmethod
    def of(cls, given: Given) -> Self:
        """What the flags say."""
        return cls(given.integer(_ATTEMPTS), given.seconds(_DELAY))


def interpolate(environ: Mapping[str, str], uri: str, patience: Patience, say: Callable[[str], None]) -> str:
    """VCAP_SERVICES of ``environ`` with every reference exchanged by the CredHub at ``uri``.

    It comes back as it is where it holds no reference and where CREDHUB_SKIP_INTERPOLATION is set. As in the reference every
    failed request is tried again, whatever failed, and told to ``say``; unlike there a number of attempts below one means one.
    Raises CredhubFailed.
    """
    services = environ.get("VCAP_SERVICES", "")
    if environ.get("CREDHUB_SKIP_INTERPOLATION") or _REFERENCE not in services:
        return services
    from stagewright.lifecycle.interpolation import client_for

    try:
        client = client_for(environ, uri)
    except CannotSetUp as error:
        raise CredhubFailed(f"Unable to set up credhub client: {error}") from None
    attempts = max(1, patience.attempts)
    for attempt in range(1, attempts + 1):
        try:
            answer = client.interpolate(services)
            break
        except RequestFailed as error:
            said = f"Unable to interpolate credhub references: {error}"
            say(f"Failed on attempt {attempt} out of {attempts}: {said}")
            if attempt == attempts:
                raise CredhubFailed(said) from None
        time.sleep(max(0.0, patience.delay))
    if "\0" in answer:
        raise CredhubFailed("Unable to update VCAP_SERVICES with interpolated credhub references: it holds a null byte")
    return answer
