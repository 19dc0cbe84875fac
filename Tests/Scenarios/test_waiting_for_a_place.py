"""Where the operator says so a request waits for its place: first come first served, not for ever, and never in vain."""

import json
import signal
import threading

import pytest

from harness import replies
from harness.spending import in_parallel
from harness.configuration import AUTHORIZED, CLIENT_KEY, OTHER_KEY, configuration
from harness.metrics import metric
from harness.redis import Redis
from harness.waiting import stays, wait_until

MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}
KEYS = [{"name": "laptop", "key": CLIENT_KEY}, {"name": "desk", "key": OTHER_KEY}]


def places(limit, seconds=20, requests=64):
    return {"concurrency": {"limit": limit, "wait": {"seconds": seconds, "requests": requests}}}


def body(mark=""):
    return json.dumps({"model": "claude-test-1", "max_tokens": 1, "messages": [], "mark": mark}).encode()


def marks(upstream):
    return [json.loads(received.body)["mark"] for received in upstream.requests if received.is_complete]


class Gates:
    """Answers each request when the test opens its gate."""

    def __init__(self, upstream):
        self.gates = {}
        upstream.answer(self)

    def __call__(self, received):
        # The body has not arrived yet: requests are told apart by a header.
        gate = self.gates.setdefault(received.header("x-mark"), replies.Gate())
        return [gate, *replies.plain(200, replies.message())]

    def open(self, mark):
        self.gates.setdefault(mark, replies.Gate()).open()


def waiting(gateway):
    return metric(gateway, "gateway_limit_waiting")


def ended(gateway, outcome):
    return metric(gateway, f'gateway_limit_waits_total{{outcome="{outcome}"}}')


def asks(connect, gateway, mark, key=CLIENT_KEY):
    client = connect(gateway)
    headers = [("x-api-key", key), ("x-mark", mark), ("content-type", "application/json")]
    client.request(headers=headers, body=body(mark), read=False)
    return client


def hold(connect, gateway, upstream, mark, key=CLIENT_KEY):
    client = asks(connect, gateway, mark, key)
    wait_until(lambda: mark in marks(upstream), f"{mark} is at the upstream")
    return client


def queue(connect, gateway, mark, count, key=CLIENT_KEY):
    client = asks(connect, gateway, mark, key)
    wait_until(lambda: waiting(gateway) == count, f"{mark} waits")
    return client


@pytest.mark.parametrize("more", [{}, {"budgets": ["1000000 tokens per day"]}], ids=["places", "places-and-budgets"])
def test_first_come_first_served(start_gateway, upstream, connect, more):
    gateway = start_gateway(threads=2, per_key={**places(1), **more})
    gates = Gates(upstream)
    clients = [hold(connect, gateway, upstream, "0")]
    clients += [queue(connect, gateway, str(place), place) for place in range(1, 6)]
    for place, client in enumerate(clients):
        assert marks(upstream) == [str(number) for number in range(place + 1)]
        gates.open(str(place))
        assert client.response().status == 200
        if place < 5:
            wait_until(lambda: len(marks(upstream)) == place + 2, "the next has its place")
    assert ended(gateway, "granted") == 5 and waiting(gateway) == 0


def test_nobody_gets_past_who_waits(start_gateway, upstream, connect):
    """Newcomers all the time: who waits is served all the same, and first."""
    gateway = start_gateway(threads=2, per_key=places(2, requests=1000))
    upstream.answer(replies.plain(200, replies.message()))
    statuses = []

    def client(place):
        client = connect(gateway)
        for _ in range(10):
            statuses.append(client.request(headers=AUTHORIZED, body=body()).status)

    in_parallel(30, client)
    assert statuses == [200] * 300
    assert ended(gateway, "granted") > 0 and waiting(gateway) == 0


def test_the_line_is_bounded(start_gateway, upstream, connect):
    gateway = start_gateway(keys=KEYS, per_key=places(1, requests=2))
    gates = Gates(upstream)
    held = hold(connect, gateway, upstream, "0")
    lines = [queue(connect, gateway, "1", 1), queue(connect, gateway, "2", 2)]
    refused = asks(connect, gateway, "3").response()
    error = json.loads(bytes(refused.body))["error"]
    assert refused.status == 429 and error["type"] == "rate_limit_error" and refused.header("retry-after") == "1"
    assert error["message"] == (
        "the API key 'laptop' reached the limit of 1 requests at the same time, and 2 more wait for a place already; "
        "try again when one of them has ended")
    assert ended(gateway, "full") == 1
    # Another key has places and a line of its own.
    other = hold(connect, gateway, upstream, "other", OTHER_KEY)
    gates.open("other")
    assert other.response().status == 200
    for mark, client in zip("012", [held, *lines]):
        gates.open(mark)
        assert client.response().status == 200


def test_nobody_waits_for_ever(start_gateway, upstream, connect):
    gateway = start_gateway(per_key=places(1, seconds=1))
    gates = Gates(upstream)
    held = hold(connect, gateway, upstream, "0")
    refused = asks(connect, gateway, "1").response()
    error = json.loads(bytes(refused.body))["error"]
    assert refused.status == 429 and error["type"] == "rate_limit_error" and refused.header("retry-after") == "1"
    assert error["message"] == (
        "the API key 'laptop' reached the limit of 1 requests at the same time, and no place came free in the 1 s that this one "
        "waited; try again when one of them has ended")
    assert ended(gateway, "refused") == 1 and waiting(gateway) == 0
    gates.open("0")
    assert held.response().status == 200
    assert marks(upstream) == ["0"]


def test_who_leaves_is_out_of_the_line_at_once(start_gateway, upstream, connect):
    gateway = start_gateway(threads=2, per_key=places(1))
    gates = Gates(upstream)
    held = hold(connect, gateway, upstream, "0")
    first, second = queue(connect, gateway, "1", 1), queue(connect, gateway, "2", 2)
    first.reset()
    wait_until(lambda: waiting(gateway) == 1, "the line is shorter while the place is still taken")
    assert ended(gateway, "left") == 1
    gates.open("0")
    assert held.response().status == 200
    gates.open("2")
    assert second.response().status == 200
    assert marks(upstream) == ["0", "2"]


def test_a_reload_keeps_the_line(start_gateway, upstream, connect):
    gateway = start_gateway(threads=2, per_key=places(1))
    gates = Gates(upstream)
    held = hold(connect, gateway, upstream, "0")
    before = queue(connect, gateway, "1", 1)
    status, said = gateway.reload(configuration(upstream.url, threads=2, per_key=places(1, requests=65)))
    assert status == 0, said
    after = queue(connect, gateway, "2", 2)
    for mark, client in zip("012", [held, before, after]):
        assert marks(upstream)[-1] == mark
        gates.open(mark)
        assert client.response().status == 200
        wait_until(lambda: mark == "2" or len(marks(upstream)) > int(mark) + 1, "the next has its place")


def test_a_stop_serves_who_waits(start_gateway, upstream, connect):
    gateway = start_gateway(per_key=places(1))
    gates = Gates(upstream)
    held, waits = hold(connect, gateway, upstream, "0"), queue(connect, gateway, "1", 1)
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: "drain" in gateway.log(), "the log says that it drains")
    gates.open("0")
    gates.open("1")
    assert held.response().status == 200 and waits.response().status == 200
    assert gateway.wait_for_end() == 0


def test_a_second_limit_may_still_refuse(start_gateway, upstream, connect):
    gateway = start_gateway(per_key={**places(1), "budgets": ["2 requests per day"]})
    gates = Gates(upstream)
    clients = [hold(connect, gateway, upstream, "0"), queue(connect, gateway, "1", 1), queue(connect, gateway, "2", 2)]
    for mark in "012":
        gates.open(mark)
    answers = [client.response() for client in clients]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert b"reached the limit of 2 requests per day" in answers[2].body


def test_by_default_nobody_waits(start_gateway, upstream, connect):
    gateway = start_gateway(per_key={"concurrency": 1})
    gates = Gates(upstream)
    held = hold(connect, gateway, upstream, "0")
    refused = asks(connect, gateway, "1").response()
    assert refused.status == 429 and b"reached the limit of 1 requests at the same time; try again" in refused.body
    gates.open("0")
    assert held.response().status == 200


class AtOnce:
    """Counts how many requests the upstream has at a time."""

    def __init__(self, upstream):
        self.lock = threading.Lock()
        self.now = self.most = 0
        upstream.answer(self)

    def __call__(self, received):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        return self.steps()

    def steps(self):
        # A generator: what stands behind a step runs when the step was sent.
        gate = replies.Gate()
        threading.Timer(0.01, gate.open).start()
        yield gate
        with self.lock:
            self.now -= 1
        yield from replies.plain(200, replies.message())


def test_several_gateways_let_wait_for_the_same_places(start_gateway, upstream, connect):
    redis = Redis()
    try:
        gateways = [
            start_gateway(store=redis.url, environment=MASTER_KEY, threads=2, per_key=places(3, requests=1000)) for _ in range(2)]
        for gateway in gateways:
            wait_until(lambda gateway=gateway: metric(gateway, "gateway_redis_up") == 2, "it has its Redis")
        upstream_has = AtOnce(upstream)
        statuses = []

        def client(place):
            client = connect(gateways[place % 2])
            for _ in range(5):
                statuses.append(client.request(headers=AUTHORIZED, body=body()).status)

        in_parallel(20, client)
        assert statuses == [200] * 100
        assert 1 < upstream_has.most <= 3
        for gateway in gateways:
            assert waiting(gateway) == 0 and ended(gateway, "granted") > 0
        # A place that the other gateway gives back is found without being told.
        gates = Gates(upstream)
        held = [hold(connect, gateways[0], upstream, mark) for mark in "abc"]
        waits = queue(connect, gateways[1], "d", 1)
        gates.open("d")
        stays(lambda: "d" not in marks(upstream), "it waits", 0.2)
        gates.open("b")
        assert held[1].response().status == 200 and waits.response().status == 200
        # Who leaves the line takes no place along.
        again = hold(connect, gateways[0], upstream, "e")
        gone = queue(connect, gateways[1], "f", 1)
        gone.reset()
        wait_until(lambda: waiting(gateways[1]) == 0, "it is out of the line")
        for mark in "ace":
            gates.open(mark)
        assert {held[0].response().status, held[2].response().status, again.response().status} == {200}
        last = [hold(connect, gateways[1], upstream, mark) for mark in "ghi"]
        for mark in "ghi":
            gates.open(mark)
        assert [client.response().status for client in last] == [200] * 3 and "f" not in marks(upstream)
        # Nor does anybody wait for a Redis that is gone.
        first = [hold(connect, gateways[0], upstream, mark) for mark in "jkl"]
        waits = queue(connect, gateways[0], "m", 1)
        redis.kill()
        assert waits.response().status == 503
        for mark in "jkl":
            gates.open(mark)
        assert [client.response().status for client in first] == [200] * 3
        assert waiting(gateways[0]) == 0
    finally:
        redis.stop()
