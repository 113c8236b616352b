"""The contracts that buildpacks were written to. A dialect is a file here; the first that fits a buildpack is its own."""

from __future__ import annotations

from pathlib import Path

from stagewright.model.buildpack import Dialect, Script


def scripts_of(root: Path) -> frozenset[Script]:
    """The scripts that a buildpack's ``bin`` holds, executable or not."""
    return frozenset(script for script in Script if (root / "bin" / script).is_file())


def dialect_of(root: Path, scripts: frozenset[Script]) -> Dialect:
    """First match (shared design, "Dialect"): supply, finalize or manifest.yml → Cloud Foundry; buildpack.toml with ``api`` →
    Cloud Native; else Heroku."""
    if scripts & {Script.SUPPLY, Script.FINALIZE} or (root / "manifest.yml").is_file():
        return Dialect.CLOUD_FOUNDRY
    toml = root / "buildpack.toml"
    if toml.is_file() and any(
        line.lstrip().startswith("api") for line in toml.read_text("utf-8", "replace").splitlines()
    ):
        return Dialect.CLOUD_NATIVE
    return Dialect.HEROKU
