from fastapi import FastAPI

api = FastAPI()


@api.get("/")
def root() -> dict[str, str]:
    return {"hello": "from FastAPI"}
