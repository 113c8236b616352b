"""The start command that is guessed where no Procfile names one: read from the source, never imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_buildpack.asgi_wsgi import find_application
from python_buildpack.django import find_django
from python_buildpack.start import guess_start, hint_for_nothing, installed_packages, missing_server

GUNICORN = frozenset({"flask", "gunicorn", "uvicorn"})


def app_of(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def command(root: Path, installed: frozenset[str] = GUNICORN) -> str | None:
    guess = guess_start(root, installed)
    return guess.command if guess else None


FLASK = "from flask import Flask\napp = Flask(__name__)\n"
GUNICORN_AT = "gunicorn --bind 0.0.0.0:$PORT "

APPS = [
    ({"app.py": FLASK}, GUNICORN_AT + "app:app"),
    ({"app.py": "import flask as f\napplication: object = f.Flask(__name__)\n"}, GUNICORN_AT + "app:application"),
    ({"main.py": "import flask\nshop = flask.Flask(__name__)\n"}, GUNICORN_AT + "main:shop"),
    ({"app.py": "from flask import Flask\nclass Shop(Flask): ...\napp = Shop(__name__)\n"}, GUNICORN_AT + "app:app"),
    (
        {"app.py": "try:\n    from flask import Flask\nexcept ImportError:\n    raise\n" + FLASK},
        GUNICORN_AT + "app:app",
    ),
    ({"app.py": FLASK + "app = ProxyFix(app)\n"}, GUNICORN_AT + "app:app"),
    ({"app.py": "from dash import Dash\napp = Dash()\nserver = app.server\n"}, GUNICORN_AT + "app:server"),
    (
        {
            "wsgi.py": "from pyramid.config import Configurator\nwith Configurator() as c:\n    app = c.make_wsgi_app()\n"
        },
        GUNICORN_AT + "wsgi:app",
    ),
    ({"app.py": "def app(environ, start_response): ...\n"}, GUNICORN_AT + "app:app"),
    (
        {"app.py": "from flask import Flask\ndef create_app():\n    return Flask('x')\n"},
        GUNICORN_AT + "'app:create_app()'",
    ),
    (
        {
            "shop/__init__.py": "from flask import Flask\ndef create_app(config=None):\n    return Flask('x')\n",
            "wsgi.py": "from shop import create_app\napp = create_app()\n",
        },
        GUNICORN_AT + "wsgi:app",
    ),
    (
        {
            "shop/__init__.py": "from .web import make\napp = make()\n",
            "shop/web.py": "def make():\n    from flask import Flask\n    return Flask('x')\n",
        },
        GUNICORN_AT + "shop:app",
    ),
    ({"run.py": "from shop import app\n", "shop/__init__.py": FLASK}, GUNICORN_AT + "run:app"),
    ({"src/app.py": FLASK}, "gunicorn --bind 0.0.0.0:$PORT --pythonpath src app:app"),
    ({"src/shop/web.py": "", "src/shop/__init__.py": FLASK}, GUNICORN_AT + "--pythonpath src shop:app"),
    ({"main.py": "from fastapi import FastAPI\napi = FastAPI()\n"}, "uvicorn main:api --host 0.0.0.0 --port $PORT"),
    (
        {"app/main.py": "import fastapi\napp = fastapi.FastAPI()\n"},
        "uvicorn app.main:app --host 0.0.0.0 --port $PORT",
    ),
    (
        {"app.py": "from starlette.applications import Starlette\ndef create_app():\n    return Starlette()\n"},
        "uvicorn app:create_app --factory --host 0.0.0.0 --port $PORT",
    ),
    (
        {"asgi.py": "async def app(scope, receive, send): ...\n"},
        "uvicorn asgi:app --host 0.0.0.0 --port $PORT",
    ),
]


@pytest.mark.parametrize(("files", "expected"), APPS, ids=range(len(APPS)))
def test_what_is_started(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    assert command(app_of(tmp_path, files)) == expected


NO_APPS = [
    {},
    {"main.py": "print('hello')\n"},
    {"app.py": "print 'Python 2'\n"},
    {"app.py": "app = object()\n"},
    {"app.py": "from flask import Flask\nif __name__ == '__main__':\n    app = Flask(__name__)\n"},
    {"app.py": "from flask import Flask\ndef create_app(config):\n    return Flask('x')\n"},
    {"tests/app.py": FLASK},
    {"a.py": "from b import app\n", "app.py": "from b import app\n", "b.py": "from app import app\n"},
    {"app.py": "app = create_app()\ndef create_app():\n    return create_app()\n"},
    {"app.py": "app = " + "-" * 100_000 + "1"},
]


@pytest.mark.parametrize("files", NO_APPS, ids=range(len(NO_APPS)))
def test_what_is_not_taken_for_an_application(tmp_path: Path, files: dict[str, str]) -> None:
    assert command(app_of(tmp_path, files)) is None


@given(st.binary(max_size=60), st.sampled_from(["app.py", "manage.py", "shop/__init__.py"]))
def test_no_source_however_odd_ends_the_guessing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    root = tmp_path_factory.mktemp("odd")
    (root / "shop").mkdir()
    (root / name).write_bytes(content)
    guess_start(root, frozenset({"django"}))


def test_a_finished_object_is_preferred_to_a_factory_in_an_earlier_file(tmp_path: Path) -> None:
    factory = "from flask import Flask\ndef create_app():\n    return Flask('x')\n"
    app_of(tmp_path, {"app.py": factory, "main.py": FLASK})
    assert command(tmp_path) == GUNICORN_AT + "main:app"


def test_nothing_of_the_app_is_run(tmp_path: Path) -> None:
    app_of(tmp_path, {"app.py": "import pathlib\npathlib.Path(__file__ + '.ran').touch()\n" + FLASK})
    find_application(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["app.py"]


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"flask", "gunicorn"}, GUNICORN_AT + "app:app"),
        ({"flask", "waitress"}, "waitress-serve --listen=0.0.0.0:$PORT app:app"),
        ({"flask"}, "flask --app app:app run --host 0.0.0.0 --port $PORT"),
        ({"uvicorn"}, None),
    ],
)
def test_the_server_is_one_that_is_installed(tmp_path: Path, installed: set[str], expected: str | None) -> None:
    guess = guess_start(app_of(tmp_path, {"app.py": FLASK}), installed)
    assert (guess.command if guess else None) == expected
    if guess:
        assert "app.py has a Flask application named `app`" in guess.because
        assert bool(guess.warning) == (installed == {"flask"})


def test_an_asgi_application_may_be_served_by_hypercorn(tmp_path: Path) -> None:
    app_of(tmp_path, {"src/main.py": "from quart import Quart\napp = Quart('x')\n"})
    assert command(tmp_path, frozenset({"hypercorn"})) == "PYTHONPATH=src hypercorn --bind 0.0.0.0:$PORT main:app"


def test_hints_where_nothing_can_be_started(tmp_path: Path) -> None:
    assert "web: gunicorn" in hint_for_nothing(tmp_path)
    app_of(tmp_path, {"main.py": "print()\n"})
    assert "web: python main.py" in hint_for_nothing(tmp_path)
    assert missing_server(tmp_path) == ""
    app_of(tmp_path, {"app.py": "import fastapi\napp = fastapi.FastAPI()\n"})
    assert "Add uvicorn to the app's packages" in missing_server(tmp_path)


# ------------------------------------------------------------------------------------------------------------------- Django
MANAGE = 'import django, os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\n'


def django_app(root: Path, below: str = "") -> Path:
    return app_of(
        root,
        {
            f"{below}manage.py": MANAGE,
            f"{below}site1/settings.py": 'WSGI_APPLICATION = "site1.wsgi.application"\n',
            f"{below}site1/wsgi.py": "",
            f"{below}site1/asgi.py": "",
        },
    )


@pytest.mark.parametrize(
    ("below", "installed", "expected"),
    [
        ("", {"gunicorn"}, "gunicorn --bind 0.0.0.0:$PORT site1.wsgi:application"),
        ("web/", {"gunicorn"}, "gunicorn --bind 0.0.0.0:$PORT --chdir web site1.wsgi:application"),
        ("", {"uvicorn"}, "uvicorn site1.asgi:application --host 0.0.0.0 --port $PORT"),
        ("", {"gunicorn", "uvicorn"}, "gunicorn --bind 0.0.0.0:$PORT site1.wsgi:application"),
        ("", set(), "python manage.py runserver --noreload 0.0.0.0:$PORT"),
    ],
)
def test_a_django_project(tmp_path: Path, below: str, installed: set[str], expected: str) -> None:
    guess = guess_start(django_app(tmp_path, below), {"django", *installed})
    assert guess is not None
    assert guess.command == expected
    assert bool(guess.warning) == (not installed)


def test_the_application_of_a_project_whose_settings_are_a_package(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        {
            "manage.py": MANAGE.replace("site1.settings", "site1.settings.live"),
            "site1/settings/live.py": "DEBUG = False\n",
            "site1/wsgi.py": "",
        },
    )
    project = find_django(tmp_path)
    assert project is not None
    assert project.application("wsgi") == "site1.wsgi:application"
    assert project.application("asgi") == ""


def test_a_manage_py_of_something_else_and_of_a_hidden_directory_is_no_project(tmp_path: Path) -> None:
    app_of(tmp_path, {"manage.py": "print('mine')\n", ".venv/manage.py": MANAGE})
    assert find_django(tmp_path) is None


def test_the_names_of_installed_packages(tmp_path: Path) -> None:
    for name in ("Flask-3.1.0", "ruamel.yaml-0.18", "typing_extensions-4.12.2"):
        (tmp_path / f"site-packages/{name}.dist-info").mkdir(parents=True)
    assert installed_packages(tmp_path) == {"flask", "ruamel-yaml", "typing-extensions"}
