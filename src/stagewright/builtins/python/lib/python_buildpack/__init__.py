"""The logic of the ``python`` buildpack; ``bin/*`` only calls it.

project        which files the app has, and which of them says what to install
versions       which Python the app asks for, and whether a version satisfies that
uv             the installer itself, pinned, and the settings it runs with
interpreter    the stack's Python, or another one that uv installs into deps
requirements   requirements.txt as pip understands it, made ready for uv, and the line to blame when it fails
pipfile        Pipfile and Pipfile.lock as requirements
installation   one way to install per kind of project
relocation     nothing in the result knows where it was built; byte code that needs no clock
start, asgi_wsgi, django   the start command where no Procfile names one, read from the source, never imported
"""
