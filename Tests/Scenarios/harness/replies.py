"""What the scripted upstream says, as lists of steps: bytes to send, gates to wait for, ways to break off.

A reply is a list. Each step is sent with a write of its own, so a test decides where the segments
end. Nothing here opens a socket.
"""

import asyncio
import dataclasses
import gzip
import json
import threading


@dataclasses.dataclass
class Send:
    """Bytes in one write."""

    data: bytes


@dataclasses.dataclass
class Drip:
    """Bytes in writes of `size` bytes."""

    data: bytes
    size: int = 1


class Reset:
    """Ends the connection with a TCP reset."""


class Close:
    """Ends the connection with an orderly close."""


class Stall:
    """Says nothing more until the gateway closes the connection."""


class Gate:
    """A place where a reply waits until the test opens it."""

    def __init__(self):
        self._opened = threading.Event()
        self._reached = threading.Event()
        self._waiting = []
        self._lock = threading.Lock()

    def open(self):
        with self._lock:
            self._opened.set()
            waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            loop.call_soon_threadsafe(lambda future=future: future.done() or future.set_result(None))

    @property
    def is_reached(self):
        return self._reached.is_set()

    async def passed(self):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        with self._lock:
            self._reached.set()
            if self._opened.is_set():
                return
            self._waiting.append((loop, future))
        await future


def head(status, headers, reason=None):
    lines = [f"HTTP/1.1 {status} {reason or 'Answer'}"] + [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"


def plain(status=200, body=b"{}", headers=(), content_type="application/json"):
    """An answer with a content-length, in one write."""
    return [Send(head(status, [("content-type", content_type), ("content-length", len(body)), *headers]) + body)]


def chunked(pieces, status=200, headers=(), trailers=(), content_type="application/json", end=True):
    """An answer in chunks, each its own write."""
    steps = [Send(head(status, [("content-type", content_type), ("transfer-encoding", "chunked"), *headers]))]
    steps += [piece if not isinstance(piece, bytes) else Send(chunk(piece)) for piece in pieces]
    if end:
        steps.append(Send(b"0\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in trailers) + b"\r\n"))
    return steps


def close_delimited(body, status=200, headers=(), content_type="application/json"):
    """An answer that ends where the connection ends."""
    return [Send(head(status, [("content-type", content_type), ("connection", "close"), *headers]) + body), Close()]


def stream(events, headers=(), end=True):
    """Events as the API sends them: a chunk and a write for each. Steps other than bytes pass as they are."""
    return chunked(events, headers=headers, content_type="text/event-stream; charset=utf-8", end=end)


def event(name, data, newline=b"\n"):
    text = json.dumps(data, ensure_ascii=False).encode()
    return b"event: " + name.encode() + newline + b"data: " + text + newline + newline


def message_events(texts=("Hello", " there"), model="claude-test-1", input_tokens=11, output_tokens=7, newline=b"\n"):
    """The events of one streamed message, as WIRE.md lists them."""
    events = [
        event("message_start", {"type": "message_start", "message": {
            "id": "msg_test", "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": input_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                      "output_tokens": 1}}}, newline),
        event("content_block_start", {"type": "content_block_start", "index": 0,
                                      "content_block": {"type": "text", "text": ""}}, newline),
        event("ping", {"type": "ping"}, newline),
    ]
    events += [
        event("content_block_delta", {"type": "content_block_delta", "index": 0,
                                      "delta": {"type": "text_delta", "text": text}}, newline) for text in texts]
    events += [
        event("content_block_stop", {"type": "content_block_stop", "index": 0}, newline),
        event("message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                                "usage": {"output_tokens": output_tokens}}, newline),
        event("message_stop", {"type": "message_stop"}, newline),
    ]
    return events


def message(text="Hello there", model="claude-test-1", input_tokens=11, output_tokens=7):
    """The body of one message that is not streamed."""
    return json.dumps({
        "id": "msg_test", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens}}, ensure_ascii=False).encode()


def error(status, kind, text="scripted", headers=()):
    """An error as the API sends it."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_scripted"}).encode()
    return plain(status, body, [("request-id", "req_scripted"), *headers])


def gzipped(data):
    return gzip.compress(data, mtime=0)
