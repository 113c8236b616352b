import os

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from greeter import GREETING

app = Starlette(routes=[Route("/", lambda _: PlainTextResponse(GREETING))])


def serve() -> None:
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ["PORT"]))  # noqa: S104  the platform's router is outside
