from flask import Flask


def create_app() -> Flask:
    app = Flask(__name__)
    app.add_url_rule("/", "root", lambda: "hello from a factory")
    return app
