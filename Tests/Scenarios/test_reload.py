"""A changed file is applied whole while streams run, or refused whole with the reason."""

import signal

import pytest

from harness import replies
from harness.configuration import AUTHORIZED, CLIENT_KEY, MAIN, OTHER_KEY, SPARE, SPARE_ACCOUNT, configuration
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'
OTHER = [("x-api-key", OTHER_KEY), *AUTHORIZED[1:]]


def test_keys_come_and_go(gateway, upstream, connect):
    assert connect(gateway).request(headers=OTHER, body=BODY).status == 401
    status, said = gateway.reload(configuration(upstream.url, keys=[{"name": "other", "key": OTHER_KEY}]))
    assert status == 0, said
    assert connect(gateway).request(headers=OTHER, body=BODY).status == 200
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 401


def test_sighup_applies_too(gateway, upstream, connect):
    gateway.write(configuration(upstream.url, keys=[{"name": "other", "key": OTHER_KEY}]))
    gateway.signal(signal.SIGHUP)
    wait_until(lambda: connect(gateway).request(headers=OTHER, body=BODY).status == 200, "the new key works")


def test_plugins_are_added_removed_and_reordered(gateway, upstream, connect):
    client = connect(gateway)
    tree = configuration(upstream.url)
    whole = tree["chain"]
    for chosen in ([0, 2], [0, 2, 1], [4, 0, 1, 2], [0, 1, 2, 3, 4]):
        tree["chain"] = [whole[number] for number in chosen]
        status, said = gateway.reload(tree)
        assert status == 0, said
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    status, said = gateway.reload(configuration(upstream.url, accounts=[SPARE]))
    assert status == 0, said
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    assert upstream.last.account == SPARE_ACCOUNT


BAD = {
    "unknown-key": ("listn: 127.0.0.1:0\n", "listen"),
    "not-yaml": ("chain: [\n", "line"),
    "unknown-plugin": ({"chain": [{"plugin": "NoSuchPlugin"}]}, "NoSuchPlugin"),
    "unknown-plugin-option": ({"chain": [{"plugin": "Auth", "config": {"kees": []}}]}, "kees"),
    "missing-variable": ({"data": "${GATEWAY_NO_SUCH_VARIABLE}"}, "GATEWAY_NO_SUCH_VARIABLE"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_changes_nothing_and_says_why(gateway, upstream, connect, fault):
    change, mentions = BAD[fault]
    good = gateway.configuration_file.read_text()
    bad = change if isinstance(change, str) else {**configuration(upstream.url), **change}
    if isinstance(bad, str):
        bad = good + bad
    status, said = gateway.reload(bad)
    assert status != 0
    assert mentions in said, said
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
    gateway.signal(signal.SIGHUP)
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
    assert gateway.reload(good)[0] == 0


def test_ten_reloads_under_two_hundred_streams(start_gateway, upstream, connect):
    gateway = start_gateway(threads=2)
    count, reloads = 200, 10
    gates = [replies.Gate() for _ in range(reloads + 1)]
    texts = [f"part {number} " for number in range(reloads + 1)]
    events = replies.message_events(texts)
    start, deltas, end = events[:3], events[3:-3], events[-3:]
    script = [*start]
    for gate, delta in zip(gates, deltas):
        script += [gate, delta]
    upstream.answer(replies.stream([*script, *end]))
    whole = b"".join(events)

    clients = [connect(gateway, seconds=60) for _ in range(count)]
    responses = []
    for client in clients:
        client.request(headers=AUTHORIZED, body=BODY, read=False)
    for client in clients:
        response = client.response_head()
        client.read_body_until(response, start[-1])
        responses.append(response)
    for number in range(reloads):
        keys = [{"name": "laptop", "key": CLIENT_KEY}] + ([{"name": "other", "key": OTHER_KEY}] if number % 2 else [])
        status, said = gateway.reload(configuration(
            upstream.url, accounts=[MAIN, SPARE][:1 + number % 2], keys=keys, threads=2))
        assert status == 0, said
        gates[number].open()
        for client, response in zip(clients, responses):
            client.read_body_until(response, deltas[number])
    gates[-1].open()
    for client, response in zip(clients, responses):
        client.read_rest(response)
        assert response.is_complete
        assert response.body == whole
    for client in clients:
        client.close()

    def resident():
        return gateway.resident_bytes()

    settled = resident()
    for number in range(20):
        status, said = gateway.reload(configuration(upstream.url, accounts=[MAIN, SPARE][:1 + number % 2], threads=2))
        assert status == 0, said
    assert resident() - settled < 4 << 20, "old generations stay in memory"


def test_reload_from_outside_the_listening_address_keeps_connections(gateway, upstream, connect):
    """A connection that was open before the reload goes on after it."""
    client = connect(gateway)
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    for _ in range(3):
        assert gateway.reload()[0] == 0
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
