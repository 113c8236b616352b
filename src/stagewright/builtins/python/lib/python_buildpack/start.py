"""The start command where the app names none: what was guessed, and why."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from python_buildpack.asgi_wsgi import Application, Interface, find_application
from python_buildpack.django import DjangoProject, find_django
from python_buildpack.requirements import normalised

PROGRAMS = ("main.py", "app.py", "server.py", "run.py", "bot.py")
"""Files that may be a program of their own; only named in a hint."""


@dataclass(frozen=True)
class Guess:
    """A start command for the web process."""

    command: str
    because: str
    warning: str = ""


def guess_start(root: Path, installed: Set[str]) -> Guess | None:
    """The command for a Django project, a WSGI or an ASGI application, with a server that is installed; None finds nothing."""
    django = find_django(root) if "django" in installed else None
    if django:
        return _django(root, django, installed)
    application = find_application(root)
    return _serve(application, installed) if application else None


def hint_for_nothing(root: Path) -> str:
    """What to do where no start command could be guessed."""
    program = next((name for name in PROGRAMS if (root / name).is_file()), "")
    example = f"python {program}" if program else "gunicorn --bind 0.0.0.0:$PORT module:app"
    return f"Write a Procfile with a line such as `web: {example}`; the app must listen on 0.0.0.0:$PORT."


def installed_packages(library: Path) -> frozenset[str]:
    """The names of the packages in ``lib/python3.x/site-packages``."""
    found = (library / "site-packages").glob("*.dist-info")
    return frozenset(normalised(re.split(r"-\d", entry.name[: -len(".dist-info")])[0]) for entry in found)


def _django(root: Path, project: DjangoProject, installed: Set[str]) -> Guess:
    below = project.directory.relative_to(root).as_posix()
    place = "" if below == "." else below
    manage = f"{place}/manage.py" if place else "manage.py"
    wsgi, asgi = project.application("wsgi"), project.application("asgi")
    if wsgi and "gunicorn" in installed:
        chdir = f" --chdir {place}" if place else ""
        return Guess(f"gunicorn --bind 0.0.0.0:$PORT{chdir} {wsgi}", f"{manage} is Django's, and gunicorn is installed")
    if asgi and "uvicorn" in installed:
        directory = f" --app-dir {place}" if place else ""
        return Guess(
            f"uvicorn {asgi} --host 0.0.0.0 --port $PORT{directory}", f"{manage} is Django's, and uvicorn is installed"
        )
    return Guess(
        f"python {manage} runserver --noreload 0.0.0.0:$PORT",
        f"{manage} is Django's, and no server for it is installed",
        "This is Django's development server, not meant for production. Add gunicorn to the app's packages.",
    )


def _serve(application: Application, installed: Set[str]) -> Guess | None:
    what = "a factory of a" if application.is_factory else "a"
    because = f"{application.file} has {what} {application.framework} application named `{application.name}`"
    commands = _wsgi_commands(application) if application.interface is Interface.WSGI else _asgi_commands(application)
    for server, command in commands.items():
        if server in installed:
            return Guess(command, f"{because}, and {server} is installed")
    if "flask" in installed and application.interface is Interface.WSGI and not application.directory:
        return Guess(
            f"flask --app {_called(application)} run --host 0.0.0.0 --port $PORT",
            f"{because}, and no server for it is installed",
            "This is Flask's development server, not meant for production. Add gunicorn to the app's packages.",
        )
    return None


def missing_server(root: Path) -> str:
    """What to add where there is an application but no server for it, "" where there is none."""
    application = find_application(root)
    if application is None:
        return ""
    server = "gunicorn" if application.interface is Interface.WSGI else "uvicorn"
    return (
        f"{application.file} has a {application.framework} application named `{application.name}`, but no server for "
        f"{application.interface.value} is installed. Add {server} to the app's packages."
    )


def _called(application: Application) -> str:
    """A factory as gunicorn, hypercorn and flask write it."""
    return f"'{application.target}()'" if application.is_factory else application.target


def _wsgi_commands(application: Application) -> dict[str, str]:
    path = f" --pythonpath {application.directory}" if application.directory else ""
    prefix = f"PYTHONPATH={application.directory} " if application.directory else ""
    call = " --call" if application.is_factory else ""
    return {
        "gunicorn": f"gunicorn --bind 0.0.0.0:$PORT{path} {_called(application)}",
        "waitress": f"{prefix}waitress-serve --listen=0.0.0.0:$PORT{call} {application.target}",
    }


def _asgi_commands(application: Application) -> dict[str, str]:
    path = f" --app-dir {application.directory}" if application.directory else ""
    prefix = f"PYTHONPATH={application.directory} " if application.directory else ""
    factory = " --factory" if application.is_factory else ""
    return {
        "uvicorn": f"uvicorn {application.target}{factory} --host 0.0.0.0 --port $PORT{path}",
        "hypercorn": f"{prefix}hypercorn --bind 0.0.0.0:$PORT {_called(application)}",
        "daphne": f"{prefix}daphne --bind 0.0.0.0 --port $PORT {application.target}",
    }
