"""What a gateway says of itself at /metrics."""

import re

from .client import RawClient


def metric(gateway, name):
    """The sum of the series of that name; a name with labels is one series."""
    with RawClient(gateway.address) as client:
        text = client.request("GET", "/metrics").body.decode()
    labels = r"(?:\{[^}]*\})?" if "{" not in name else ""
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)}{labels} (\S+)$", text, re.M))
