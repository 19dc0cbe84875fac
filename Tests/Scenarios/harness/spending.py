"""An upstream whose answers cost at random and that keeps its own books, and clients that ask all at once."""

import json
import random
import threading

from . import replies

NANO = 1_000_000_000
MODEL = "claude-sonnet-4-6"
# Nano-dollars a token.
INPUT_PRICE, OUTPUT_PRICE = 3000, 15000


def message_request(max_tokens=10, stream=False, filler=0):
    return json.dumps(
        {"model": MODEL, "max_tokens": max_tokens, "stream": stream, "messages": [], "x": "x" * filler}).encode()


class RandomCosts:
    """Give it to `upstream.answer`. `most`: of output tokens."""

    def __init__(self, seed, most):
        self.random = random.Random(seed)
        self.most = most
        self.lock = threading.Lock()
        self.costs = []

    def __call__(self, received):
        with self.lock:
            usage = {"input_tokens": self.random.randint(1, 100), "output_tokens": self.random.randint(1, self.most)}
            self.costs.append(usage["input_tokens"] * INPUT_PRICE + usage["output_tokens"] * OUTPUT_PRICE)
        return replies.plain(200, json.dumps({"id": "msg", "type": "message", "model": MODEL, "content": [], "usage": usage}).encode())

    @property
    def dearest(self):
        """What a request costs at most."""
        return 100 * INPUT_PRICE + self.most * OUTPUT_PRICE


def in_parallel(count, work):
    """Runs `work(0)` to `work(count - 1)` at once, and fails as the first of them failed."""
    failures = []

    def guarded(place):
        try:
            work(place)
        except BaseException as failure:  # shown by the thread that waits
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(place,), daemon=True) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    if failures:
        raise failures[0]
