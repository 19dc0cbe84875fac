"""A Redis that keeps what it acknowledged, also when it is killed."""

from .redis import Redis


class SharedStore(Redis):
    def __init__(self):
        super().__init__("--appendonly", "yes", "--appendfsync", "always")
