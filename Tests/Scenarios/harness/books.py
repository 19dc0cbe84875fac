"""An upstream that keeps its own account, and clients that note what they saw finish: both sides of a ledger."""

import json
import threading

from . import replies
from .client import BrokenEnd, RawClient
from .configuration import AUTHORIZED


class Books:
    """The upstream's own account: numbered answers, each with a usage that no other has."""

    def __init__(self, pieces=1):
        self.lock = threading.Lock()
        self.answers = {}
        self.pieces = pieces

    def usage(self, number):
        return {
            "input_tokens": 1000 + number, "output_tokens": 7 * number + 1, "cache_read_input_tokens": number % 5,
            "cache_creation_input_tokens": 2 * (number % 3) + number % 2,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 2 * (number % 3), "ephemeral_1h_input_tokens": number % 2},
        }

    def __call__(self, received):
        with self.lock:
            number = len(self.answers)
            self.answers[number] = self.usage(number)
        identity = [("request-id", f"req_{number}")]
        usage = self.answers[number]
        if number % 2:
            return replies.plain(200, json.dumps(
                {"id": f"msg_{number}", "type": "message", "model": "claude-sonnet-4-6", "content": [], "usage": usage}).encode(),
                identity)
        events = [
            ("message_start", {"type": "message_start", "message": {
                "id": f"msg_{number}", "model": "claude-sonnet-4-6", "usage": {**usage, "output_tokens": 1}}}),
            *[("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 40}})] * 3,
            ("message_delta", {"type": "message_delta", "delta": {}, "usage": {"output_tokens": usage["output_tokens"]}}),
            ("message_stop", {"type": "message_stop"}),
        ]
        pieces = [f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in events]
        return replies.chunked(pieces, headers=identity, content_type="text/event-stream")

    def row(self, number):
        usage = self.answers[number]
        creation = usage["cache_creation"]
        cost = (usage["input_tokens"] * 3000 + usage["output_tokens"] * 15000 + usage["cache_read_input_tokens"] * 300
                + creation["ephemeral_5m_input_tokens"] * 3750 + creation["ephemeral_1h_input_tokens"] * 6000)
        return {
            "input_tokens": usage["input_tokens"], "output_tokens": usage["output_tokens"],
            "cache_read_tokens": usage["cache_read_input_tokens"],
            "cache_write_5m_tokens": creation["ephemeral_5m_input_tokens"],
            "cache_write_1h_tokens": creation["ephemeral_1h_input_tokens"], "cost_nano_usd": cost,
            "upstream_request_id": f"req_{number}", "model": "claude-sonnet-4-6",
        }


def body(stream=False):
    return json.dumps({"model": "claude-sonnet-4-6", "max_tokens": 10, "stream": stream, "messages": []}).encode()


def rows(gateway, *arguments):
    done = gateway.run("usage", "rows", "--json", "--data", gateway.data, *arguments, seconds=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def saw_the_end(response):
    """A client that reads events takes the answer for whole at message_stop, whatever the framing says then."""
    return response.is_complete or b"event: message_stop" in response.body


class Clients:
    """Threads that ask again and again until told to stop, and note what they saw finish."""

    def __init__(self, count):
        self.finished = {}
        self.addresses = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(place,), daemon=True) for place in range(count)]

    def start(self, *addresses):
        self.addresses = list(addresses)
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _run(self, place):
        while not self._stopping.is_set():
            address = self.addresses[place // 2 % len(self.addresses)]
            try:
                with RawClient(address) as client:
                    while not self._stopping.is_set():
                        if address not in self.addresses:
                            break
                        response = client.request(headers=AUTHORIZED, body=body(stream=place % 2 == 0))
                        if saw_the_end(response) and response.status == 200:
                            with self._lock:
                                self.finished[response.header("x-gateway-request-id")] = bytes(response.body)
                        if not response.is_complete:
                            break
            except (OSError, BrokenEnd, AssertionError, IndexError, ValueError):
                self._stopping.wait(0.01)


def message_number(text):
    if text.startswith(b"{"):
        return int(json.loads(text)["id"].removeprefix("msg_"))
    return int(text.split(b'"id": "msg_')[1].split(b'"')[0])
