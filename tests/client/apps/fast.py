"""FastAPI, like Clowder 2."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, StreamingResponse

from eventsink import SinkService
from eventsink.client.asgi import AsgiTracker
from eventsink.client.clowder2 import CLOWDER2

sink = SinkService(source="fast")
app = FastAPI()
app.add_middleware(AsgiTracker, sink=sink, meanings=CLOWDER2, prefix="/api/v2")

PIECE = b"x" * 65_536


@app.get("/api/v2/datasets/{dataset_id}")
async def dataset(dataset_id: str) -> dict[str, str]:
    if dataset_id == "forbidden":
        raise HTTPException(403)
    if dataset_id == "broken":
        raise RuntimeError("a bug")
    return {"id": dataset_id}


@app.get("/api/v2/files/{file_id}")
async def download(file_id: str) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(int(file_id)):
            yield PIECE
            await asyncio.sleep(0.005)

    return StreamingResponse(pieces())


@app.get("/range")
async def part() -> FileResponse:
    return FileResponse(__file__)


@app.post("/api/v2/datasets/{dataset_id}/files")
async def upload(dataset_id: str, request: Request) -> dict[str, int]:
    return {"bytes": sum([len(piece) async for piece in request.stream()])}


@app.websocket("/socket/{name}")
async def socket(websocket: WebSocket, name: str) -> None:
    await websocket.accept()
    await websocket.send_text("five!")
    await websocket.close()


@app.get("/healthz")
async def healthz() -> str:
    return "ok"
