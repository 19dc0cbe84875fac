"""Waiting for something to become true, with an end and a sentence for when it does not."""

import os
import threading
import time

# A debug build under a sanitizer reads about a megabyte of JSON a second.
PATIENCE_SECONDS = 60 if os.environ.get("GATEWAY_SANITIZER") else 20
_never = threading.Event()


def wait_until(condition, what, seconds=PATIENCE_SECONDS):
    """Returns the first true value of `condition()`; fails naming `what` when the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        _never.wait(0.005)


def stays(condition, what, seconds):
    """Fails as soon as `condition()` is false within `seconds`: for what must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"no longer: {what}")
        _never.wait(0.005)
