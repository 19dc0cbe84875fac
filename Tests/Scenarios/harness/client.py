"""A client of bare bytes: it sends exactly what a test says and reports exactly what came back."""

import dataclasses
import hashlib
import socket
import struct


class BrokenEnd(Exception):
    """The connection ended where the framing says it may not."""


@dataclasses.dataclass
class Response:
    """One response, whole or broken off."""

    status: int
    reason: str
    headers: list
    interim: list
    body: bytearray = dataclasses.field(default_factory=bytearray)
    trailers: list = dataclasses.field(default_factory=list)
    is_complete: bool = False

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def body_hash(self):
        return hashlib.sha256(self.body).hexdigest()


class RawClient:
    """One connection to the gateway. Blocking, with a limit on every wait."""

    def __init__(self, address, seconds=20, receive_buffer_bytes=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(seconds)
        self.socket.connect((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Saying.

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method="POST", target="/v1/messages", headers=(), body=b"", chunks=None, read=True):
        """Sends one request with the framing its arguments say, and reads the answer unless told not to."""
        self.send(request_bytes(method, target, headers, body, chunks))
        return self.response(is_head=method == "HEAD") if read else None

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # Hearing.

    def response(self, is_head=False):
        """Reads one whole response. A broken end is reported in `is_complete`, not raised."""
        response = self.response_head()
        try:
            for piece in self.body_pieces(response, is_head):
                response.body += piece
            response.is_complete = True
        except (BrokenEnd, ConnectionResetError):
            pass
        return response

    def response_head(self):
        """Reads up to the end of the final head; what came before it with 1xx is in `interim`."""
        interim = []
        while True:
            lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            version, status, *reason = lines[0].split(" ", 2)
            assert version == "HTTP/1.1", lines[0]
            headers = []
            for line in lines[1:]:
                name, colon, value = line.partition(":")
                assert colon and name == name.strip(), f"bad header line {line!r}"
                headers.append((name, value.strip(" \t")))
            if 100 <= int(status) < 200:
                interim.append(int(status))
                continue
            return Response(int(status), reason[0] if reason else "", headers, interim)

    def body_pieces(self, response, is_head=False):
        """Yields the body as it arrives. Ends cleanly or raises BrokenEnd."""
        length, encoding = response.header("content-length"), response.header("transfer-encoding")
        assert not (length and encoding), "both content-length and transfer-encoding"
        if is_head or response.status in (204, 304):
            return
        if encoding:
            assert encoding.lower() == "chunked", encoding
            while True:
                size = int(self.until(b"\r\n").split(b";")[0], 16)
                if size == 0:
                    while line := self.until(b"\r\n"):
                        name, _, value = line.decode("latin-1").partition(":")
                        response.trailers.append((name, value.strip()))
                    return
                yield from self._exactly(size)
                if b"".join(self._exactly(2)) != b"\r\n":
                    raise BrokenEnd("chunk without its end")
        elif length is not None:
            yield from self._exactly(int(length))
        else:
            while piece := self._take(1 << 16):
                yield piece

    def read_body_until(self, response, marker):
        """Reads the body until it contains `marker`; the pieces iterator stays open for more."""
        if not hasattr(response, "pieces"):
            response.pieces = self.body_pieces(response)
        while marker not in response.body:
            piece = next(response.pieces, None)
            if piece is None:
                raise AssertionError(f"the body ended without {marker!r}: {response.body[-300:]!r}")
            response.body += piece
        return response.body

    def read_rest(self, response):
        """Reads what is left of a body that read_body_until began."""
        try:
            for piece in response.pieces:
                response.body += piece
            response.is_complete = True
        except (BrokenEnd, ConnectionResetError):
            pass
        return response

    def is_closed_by_gateway(self):
        """Waits for the end of the connection; false when more bytes come instead."""
        try:
            return self._take(1) == b""
        except ConnectionResetError:
            return True

    def _receive(self):
        return self.socket.recv(1 << 16)

    def _take(self, most):
        if not self._pending:
            self._pending = self._receive()
        taken, self._pending = self._pending[:most], self._pending[most:]
        return taken

    def _exactly(self, count):
        while count:
            piece = self._take(count)
            if not piece:
                raise BrokenEnd(f"{count} bytes short")
            count -= len(piece)
            yield piece

    def until(self, marker):
        """Reads up to `marker` and returns what stood before it."""
        while marker not in self._pending:
            more = self._receive()
            if not more:
                raise BrokenEnd(f"the connection ended before {marker!r}; had {self._pending[:200]!r}")
            self._pending += more
        taken, _, self._pending = self._pending.partition(marker)
        return taken


def request_bytes(method="POST", target="/v1/messages", headers=(), body=b"", chunks=None):
    """A request, framed by content-length, or in chunks where `chunks` lists them."""
    lines = [f"{method} {target} HTTP/1.1"]
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        lines.append("Host: gateway.test")
    lines += [f"{name}: {value}" for name, value in headers]
    if chunks is not None:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n" % len(piece) + piece + b"\r\n" for piece in chunks) + b"0\r\n\r\n"
    elif body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
