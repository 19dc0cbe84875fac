"""An HTTP/1.1 upstream that plays scripts and remembers every byte it was sent.

It runs on an event loop in a thread of its own, so that a test stays plain sequential code. What an
exchange gets is decided in this order: the queue of its account, the account's standing answer, the
queue of everybody, the standing answer of everybody. An account is the credential the gateway sent.
"""

import asyncio
import dataclasses
import errno
import hashlib
import socket
import struct
import threading

from . import replies
from .waiting import wait_until


@dataclasses.dataclass
class Received:
    """One request as it arrived."""

    connection: int
    head: bytes
    method: str
    target: str
    headers: list
    body: bytes = b""
    is_complete: bool = False
    was_answered: bool = False
    gateway_left: threading.Event = dataclasses.field(default_factory=threading.Event)

    def header(self, name):
        """The value of a header, or None. Fails when it came more than once."""
        values = self.header_values(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def header_values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def account(self):
        """The credential the gateway chose."""
        key = self.header("x-api-key")
        if key is None:
            key = (self.header("authorization") or "").removeprefix("Bearer ")
        return key

    @property
    def body_hash(self):
        return hashlib.sha256(self.body).hexdigest()


class _Answers:
    def __init__(self):
        self.queue = []
        self.standing = None

    def take(self):
        return self.queue.pop(0) if self.queue else self.standing


class UpstreamLoop:
    """The one event loop of all scripted upstreams of a test run."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="upstream", daemon=True)
        self._thread.start()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=20)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=20)


class ScriptedUpstream:
    """One listening port. `tls` is an ssl.SSLContext, or None for plain text."""

    def __init__(self, upstream_loop, tls=None, host="localhost"):
        self._upstream_loop = upstream_loop
        self._tls = tls
        self._host = host
        self._everybody = _Answers()
        self._accounts = {}
        self._lock = threading.Lock()
        self._writers = set()
        self._servers = []
        self.requests = []
        self.connections = 0
        self.open_connections = 0
        self.answer(replies.plain(200, replies.message()))
        self.port = upstream_loop.call(self._listen(0))

    @property
    def url(self):
        if self._tls:
            return f"https://{self._host}:{self.port}"
        return f"http://127.0.0.1:{self.port}"

    # What it says.

    def answer(self, reply, account=None):
        """The standing answer: a list of steps, or a function from Received to one."""
        self._answers(account).standing = reply

    def enqueue(self, *answers, account=None):
        """Answers for the next requests, one each, before the standing answer."""
        self._answers(account).queue.extend(answers)

    def _answers(self, account):
        with self._lock:
            return self._everybody if account is None else self._accounts.setdefault(account, _Answers())

    # What it saw.

    def wait_for_requests(self, count):
        """Waits until `count` requests have arrived whole, and returns them all."""
        wait_until(lambda: len([r for r in self.requests if r.is_complete]) >= count,
                   f"{count} whole requests at the upstream")
        return list(self.requests)

    @property
    def last(self):
        return self.requests[-1]

    # Its life.

    def stop_listening(self):
        """Closes the port and every connection: from here on dialing it is refused."""
        self._upstream_loop.call(self._close())

    def listen_again(self):
        self._upstream_loop.call(self._listen(self.port))

    def stop(self):
        self.stop_listening()

    async def _listen(self, port):
        """At both loopback addresses where there are two: on some machines localhost means ::1 first."""
        while True:
            first = await self._listen_at("127.0.0.1", port)
            chosen = first.sockets[0].getsockname()[1]
            try:
                self._servers = [first, await self._listen_at("::1", chosen)]
            except OSError as fault:
                if fault.errno == errno.EADDRINUSE and port == 0:
                    first.close()
                    continue
                if fault.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                self._servers = [first]
            return chosen

    async def _listen_at(self, address, port):
        return await asyncio.start_server(self._connected, address, port, ssl=self._tls, limit=1 << 20, backlog=1024)

    async def _close(self):
        for server in self._servers:
            server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connected(self, reader, writer):
        with self._lock:
            self.connections += 1
            number = self.connections
            self.open_connections += 1
        self._writers.add(writer)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while await self._exchange(number, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            pass
        finally:
            with self._lock:
                self.open_connections -= 1
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, number, reader, writer):
        """Reads one request, plays its reply; false when the connection is over."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        received = parse_head(number, head)
        with self._lock:
            self.requests.append(received)
        steps = self._steps_for(received)
        if getattr(steps, "is_early", False):
            return await self._play(steps, received, reader, writer)
        if (received.header("expect") or "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            await self._read_body(received, reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            received.gateway_left.set()
            return False
        received.is_complete = True
        if received.method == "HEAD":
            steps = steps[:1]
        return await self._play(steps, received, reader, writer)

    def _steps_for(self, received):
        with self._lock:
            answers = self._accounts.get(received.account)
            chosen = answers.take() if answers else None
            if chosen is None:
                chosen = self._everybody.take()
        return chosen(received) if callable(chosen) else chosen

    async def _read_body(self, received, reader):
        length = received.header("content-length")
        if received.header("transfer-encoding"):
            parts = []
            while True:
                size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
                if size == 0:
                    while await reader.readuntil(b"\r\n") != b"\r\n":
                        pass
                    break
                parts.append(await reader.readexactly(size))
                assert await reader.readexactly(2) == b"\r\n"
            received.body = b"".join(parts)
        elif length:
            received.body = await reader.readexactly(int(length))

    async def _play(self, steps, received, reader, writer):
        if getattr(steps, "is_early", False):
            # What is unread stays unread: the body must back up, not be taken in by the watch.
            watch = asyncio.get_running_loop().create_future()
        else:
            watch = asyncio.create_task(self._watch(received, reader))
        try:
            for step in steps:
                if isinstance(step, bytes):
                    step = replies.Send(step)
                if isinstance(step, replies.Send):
                    writer.write(step.data)
                    await writer.drain()
                elif isinstance(step, replies.Drip):
                    for start in range(0, len(step.data), step.size):
                        writer.write(step.data[start:start + step.size])
                        await writer.drain()
                elif isinstance(step, replies.Gate):
                    gate = asyncio.create_task(step.passed())
                    await asyncio.wait([gate, watch], return_when=asyncio.FIRST_COMPLETED)
                    gate.cancel()
                    if watch.done():
                        return False
                elif isinstance(step, replies.Reset):
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                    return False
                elif isinstance(step, replies.Close):
                    return False
                elif isinstance(step, replies.Stall):
                    await (reader.read() if getattr(steps, "is_early", False) else watch)
                    return False
            received.was_answered = True
            return not watch.done()
        except ConnectionError:
            received.gateway_left.set()
            return False
        finally:
            # Until it has really ended the reader is its own, and the next request could not be read.
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self, received, reader):
        """Ends when the gateway closes or resets the connection while it is being answered."""
        try:
            data = await reader.read(1)
        except ConnectionError:
            data = b""
        if data == b"":
            received.gateway_left.set()


class Early(list):
    """A reply that is given as soon as the head has arrived, without reading the body."""

    is_early = True


def parse_head(number, head):
    lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ")
    assert version == "HTTP/1.1", lines[0]
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name, value.strip(" \t")))
    return Received(number, head, method, target, headers)
