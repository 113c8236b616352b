from __future__ import annotations

from buildpack import Staging, detail, read_procfile, write_launch, write_launch_environment


def finalize(staging: Staging) -> None:
    """The packages reach the app, and so does what earlier buildpacks supplied; the start command is the Procfile's."""
    if read_procfile(staging.build) is None:
        detail("There is no Procfile: the app will start only with a command.")
    write_launch(staging, {})
    write_launch_environment(staging)
