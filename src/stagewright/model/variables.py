"""What scripts find in their environment, told apart by whose it is: a dialect decides which of it goes where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

Value = str | PurePosixPath
"""A path is a place of the build's layout; it is written as the scripts see it."""


@dataclass(frozen=True)
class Variables:
    """The variables of one build. Of one name, what stands later here wins."""

    platform: Mapping[str, Value]
    """What every script needs, whatever its dialect: PATH, locale, time zone, the operator's proxies and registries."""
    config: Mapping[str, str] = field(default_factory=dict)
    """What the app set: its config vars, in Heroku's words."""
    services: Mapping[str, str] = field(default_factory=dict)
    """What bound services give, with their credentials: VCAP_SERVICES, DATABASE_URL."""
    cloudfoundry: Mapping[str, Value] = field(default_factory=dict)
    """What Cloud Foundry tells its buildpacks (contracts/cloudfoundry-staging.md §1.8)."""
    heroku: Mapping[str, Value] = field(default_factory=dict)
    """What Heroku tells its buildpacks (contracts/heroku.md §4.1)."""

    @property
    def secrets_of_the_app(self) -> Mapping[str, str]:
        """What only the app and its services may know."""
        return {**self.config, **self.services}
