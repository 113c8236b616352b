from __future__ import annotations

from buildpack import Staging, detail, fail, read_procfile, step, write_launch, write_launch_environment


def finalize(staging: Staging) -> None:
    """What earlier buildpacks supplied reaches the app; the platform reads the start commands from the Procfile itself."""
    commands = read_procfile(staging.build)
    if commands is None:
        fail("There is no Procfile.", "Add one with a line such as 'web: ./server', or choose another buildpack.")
    step(f"Processes of the Procfile: {', '.join(commands) or 'none'}")
    if "web" not in commands:
        detail("There is no web process: the app will start only where a command is given.")
    write_launch(staging, {})
    write_launch_environment(staging)
