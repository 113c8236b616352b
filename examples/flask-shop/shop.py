"""A small tea shop: a catalogue, a page for each tea, and a basket that lives in the visitor's signed cookie."""

import hashlib
import json
import os
import platform
import secrets
from pathlib import Path

from flask import Flask, abort, jsonify, redirect, render_template, session, url_for
from markdown import markdown

HERE = Path(__file__).parent
TEAS = {tea["name"]: tea for tea in json.loads((HERE / "teas.json").read_text(encoding="utf-8"))}

app = Flask(__name__)
# Without a key of its own every start makes one, and visitors find their baskets empty afterwards.
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex()
app.add_template_filter(markdown)


@app.template_filter("price")
def as_price(cents: int) -> str:
    return f"{cents / 100:.2f} €"


@app.template_global()
def static_file(name: str) -> str:
    """The URL of a static file, which changes with its content: staged files have one fixed time, so time says nothing."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()
    return url_for("static", filename=name, v=digest[:12])


@app.context_processor
def basket() -> dict[str, object]:
    counts = {name: count for name, count in session.get("basket", {}).items() if name in TEAS}
    return {"basket": counts, "total": sum(TEAS[name]["cents"] * count for name, count in counts.items())}


@app.get("/")
def catalogue() -> str:
    return render_template("catalogue.html", teas=TEAS.values())


@app.get("/tea/<name>")
def tea(name: str) -> str:
    if name not in TEAS:
        abort(404)
    return render_template("tea.html", tea=TEAS[name])


@app.post("/basket/<name>")
def add(name: str):
    if name not in TEAS:
        abort(404)
    held = session.get("basket", {})
    session["basket"] = {**held, name: held.get(name, 0) + 1}
    return redirect(url_for("catalogue"), 303)


@app.post("/basket")
def empty():
    session.pop("basket", None)
    return redirect(url_for("catalogue"), 303)


@app.get("/health")
def health():
    return jsonify(status="ok", python=platform.python_version(), teas=len(TEAS))
