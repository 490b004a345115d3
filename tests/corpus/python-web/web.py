import tinyroute

TABLE = {"/": "welcome", "/health": "ok"}


def answer(path):
    return tinyroute.route(path, TABLE)
