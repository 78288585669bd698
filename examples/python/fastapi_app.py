"""A FastAPI application, as Clowder 2 is one: `uvicorn fastapi_app:app` runs it."""

from fastapi import FastAPI, Request

from eventsink import SinkService
from eventsink.client.asgi import AsgiTracker
from eventsink.client.clowder2 import CLOWDER2

sink = SinkService()  # EVENTSINK_URL and EVENTSINK_KEY say where to; without them it does nothing
app = FastAPI()
app.add_middleware(AsgiTracker, sink=sink, meanings=CLOWDER2, prefix="/api/v2")


@app.get("/api/v2/datasets/{dataset_id}")
async def get_dataset(dataset_id: str) -> dict[str, str]:
    """This is a `traffic.resource_viewed`, for CLOWDER2 says so."""
    return {"id": dataset_id}


@app.post("/api/v2/datasets/{dataset_id}/upload")
async def upload(dataset_id: str, request: Request) -> dict[str, int]:
    """Where something is stored, its exact size is known."""
    size = len(await request.body())
    sink.storage.file_uploaded(dataset_id=dataset_id, bytes=size)
    return {"bytes": size}
