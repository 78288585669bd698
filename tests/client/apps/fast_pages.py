"""FastAPI, with pages."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import FileResponse, HTMLResponse, StreamingResponse
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware

from eventsink.client.asgi_snippet import AsgiSnippet
from tests.client.apps.pages import FILE, HTML, PIECE, SNIPPET

app = FastAPI()
go_on = asyncio.Event()
app.add_middleware(GZipMiddleware)


@app.middleware("http")
async def name(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """As many applications have one: it makes pieces of what was whole."""
    answer = await call_next(request)
    answer.headers["X-Named"] = "yes"
    return answer


app.add_middleware(AsgiSnippet, snippet=SNIPPET)


@app.get("/page")
@app.head("/page")
async def page() -> HTMLResponse:
    return HTMLResponse(HTML, headers={"ETag": '"v1"', "Digest": "x"})


@app.get("/json")
async def data() -> dict[str, str]:
    return {"html": HTML}


@app.get("/stream/{pieces}")
async def stream(pieces: int) -> StreamingResponse:
    async def made() -> AsyncIterator[bytes]:
        for piece in (b"<html><head>", b"<title></title></he", b"ad><body>"):
            yield piece
        for _ in range(pieces):
            yield PIECE

    return StreamingResponse(made(), media_type="text/html")


@app.get("/held")
async def held() -> StreamingResponse:
    async def made() -> AsyncIterator[bytes]:
        yield b"<html><head>"
        await go_on.wait()
        yield b"<title></title></head><body>"

    return StreamingResponse(made(), media_type="text/html")


@app.get("/go-on")
async def let_go() -> None:
    go_on.set()


@app.get("/broken")
async def broken() -> StreamingResponse:
    async def made() -> AsyncIterator[bytes]:
        yield HTML.encode()
        raise RuntimeError("a bug in the middle")

    return StreamingResponse(made(), media_type="text/html")


@app.get("/error")
async def error() -> Response:
    raise RuntimeError("a bug")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(FILE)


@app.get("/download")
async def download() -> FileResponse:
    return FileResponse(FILE, filename="page.html")


@app.get("/nonce")
async def nonce() -> HTMLResponse:
    return HTMLResponse(HTML, headers={"Content-Security-Policy": "script-src 'nonce-r4nd0m'; object-src 'none'"})


@app.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("</head>")
    await websocket.close()
