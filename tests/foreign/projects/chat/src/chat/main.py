"""A chat with oneself: what a browser sends comes back, and the database keeps it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

PAGE = """<!doctype html>
<html lang="en">
<title>Chat</title>
<link rel="stylesheet" href="/assets/chat.css">
<h1>Chat</h1>
<form><label>Message <input autocomplete="off"></label><button>Send</button></form>
<ul></ul>
<script src="/assets/chat.js"></script>
</html>
"""
DATABASE_URL = os.environ["DATABASE_URL"]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(DATABASE_URL) as connection:
        # Several workers start at the same time.
        await connection.execute("SELECT pg_advisory_xact_lock(1)")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS messages (id serial PRIMARY KEY, text text NOT NULL)"
        )
    yield


app = FastAPI(title="Chat", lifespan=lifespan)
app.mount("/assets", StaticFiles(directory="assets"))


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    return PAGE


@app.get("/healthz")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.websocket("/messages")
async def messages(socket: WebSocket) -> None:
    await socket.accept()
    async with await psycopg.AsyncConnection.connect(DATABASE_URL, autocommit=True) as connection:
        for (text,) in await (
            await connection.execute("SELECT text FROM messages ORDER BY id")
        ).fetchall():
            await socket.send_text(text)
        try:
            while True:
                text = await socket.receive_text()
                await connection.execute("INSERT INTO messages (text) VALUES (%s)", [text])
                await socket.send_text(text)
        except WebSocketDisconnect:
            pass
