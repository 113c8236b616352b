import bottle

application = bottle.Bottle()


@application.get("/")
def root() -> str:
    return "hello from Bottle"
