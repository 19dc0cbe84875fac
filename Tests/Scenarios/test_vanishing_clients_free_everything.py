"""Clients that vanish at every stage leave nothing taken, and only what the upstream reported is billed.

GATEWAY_VANISHING_CLIENTS says how many there are in all (1,000 unless said otherwise; 10,000 are the slow proof).
"""

import concurrent.futures
import json
import os
import random
import re
import threading

import pytest

from harness import replies
from harness.admin import administer
from harness.client import RawClient
from harness.configuration import AUTHORIZED, account
from harness.waiting import wait_until

CLIENTS = int(os.environ.get("GATEWAY_VANISHING_CLIENTS", "1000"))
AT_ONCE = 32
# Whoever vanished holds its place until its upstream has ended, while the next comes.
PLACES = 4 * AT_ONCE
POLICIES = ["drain", "abort", "abort_before_first_byte"]
STAGES = ["before_head", "mid_body", "before_first_byte", "mid_answer", "after_last_byte"]
ASKED = STAGES[2:]
MEGABYTE = 1 << 20


class Books:
    """What each request is told by the upstream, in which pieces, and what of it was reported by when."""

    def __init__(self, upstream):
        self.lock = threading.Lock()
        self.received = {}
        self.gates = {}
        upstream.answer(self)

    def expect(self, number):
        gate = replies.Gate()
        with self.lock:
            self.gates[number] = gate
        return gate

    def usage(self, number):
        return {"input_tokens": 1000 + number, "output_tokens": 7 * number + 3}

    def is_stream(self, number):
        return number % 4 != 3

    def __call__(self, received):
        number = int(received.header("x-test-number"))
        stage = received.header("x-test-stage")
        with self.lock:
            self.received[number] = received
            gate = self.gates[number]
        usage, identity = self.usage(number), [("request-id", f"req_{number}")]
        if self.is_stream(number):
            events = replies.message_events(["x" * 50] * 4, "claude-sonnet-4-6", **usage)
            if stage == "mid_answer":
                events[4:4] = [gate]
            answer = replies.stream(events, identity)
        else:
            body = replies.message("x" * 50, "claude-sonnet-4-6", **usage)
            answer = replies.plain(200, body, identity)
            if stage == "mid_answer":
                answer = [replies.Send(answer[0].data[:-20]), gate, replies.Send(answer[0].data[-20:])]
        return [gate, *answer] if stage == "before_first_byte" else answer

    def reported(self, number, stage, is_whole):
        """(input, output) as the provider had said when its answer was let go of, or at its end."""
        usage = self.usage(number)
        if is_whole:
            return usage["input_tokens"], usage["output_tokens"]
        if stage == "before_first_byte" or not self.is_stream(number):
            return 0, 0
        return usage["input_tokens"], 1  # of message_start


def body(number, stage):
    return json.dumps({"model": "claude-sonnet-4-6", "max_tokens": 10, "stream": number % 4 != 3, "messages": []}).encode()


def is_read_to_its_end(policy, stage):
    if stage == "after_last_byte" or policy == "drain":
        return True
    return policy == "abort_before_first_byte" and stage == "mid_answer"


def vanish(address, books, key, policy, stage, number, how):
    """One client, from its connection to its end."""
    client = RawClient(address, seconds=60)
    headers = [*AUTHORIZED[1:], ("x-api-key", key), ("x-test-number", number), ("x-test-stage", stage)]
    gate = books.expect(number)
    if stage == "before_head":
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: ga")
        return end(client, how)
    if stage == "mid_body":
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        client.send(f"POST /v1/messages HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: 100\r\n\r\n{{\"model\"".encode())
        return end(client, how)
    client.request(headers=headers, body=body(number, stage), read=False)
    if stage == "before_first_byte":
        wait_until(lambda: gate.is_reached, "the request is upstream", seconds=60)
    elif stage == "mid_answer":
        response = client.response_head()
        client.read_body_until(response, b"message_start" if books.is_stream(number) else b'"id"')
        wait_until(lambda: gate.is_reached, "the answer stands still", seconds=60)
    else:
        assert client.response().is_complete
    end(client, how)
    received = wait_until(lambda: books.received.get(number), "the request was seen")
    if not is_read_to_its_end(policy, stage):
        assert received.gateway_left.wait(timeout=60), f"{stage} {number}: the upstream was not let go of"
    gate.open()
    wait_until(lambda: received.was_answered or received.gateway_left.is_set(), "its upstream has ended", seconds=60)
    return None


def end(client, how):
    if how == "reset":
        client.reset()
    else:
        client.close()


def rows(gateway):
    done = gateway.run("usage", "rows", "--json", "--details", "--data", gateway.data, seconds=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def value(gateway, name, labels=""):
    with RawClient(gateway.address) as client:
        text = client.request("GET", "/metrics").body.decode()
    found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", text, re.M)
    return sum(float(number) for series, number in found if labels in series)


@pytest.mark.parametrize("said_by", ["gateway", "key"])
@pytest.mark.parametrize("policy", POLICIES)
def test_whoever_vanishes_frees_what_it_held(start_gateway, upstream, connect, policy, said_by):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    other = POLICIES[POLICIES.index(policy) - 1]
    gateway = start_gateway(
        client_gone={"policy": policy if said_by == "gateway" else other}, threads=2, pool={"idle_time": "1s"},
        accounts=[account(concurrency=PLACES)], per_key={"requests_per_minute": 10_000_000, "concurrency": PLACES})
    fields = {"client_gone": policy} if said_by == "key" else {}
    key = administer(gateway).post("/admin/v1/keys", {"name": "phone", **fields}).body["revealed"]["key"]
    wait_until(lambda: RawClient(gateway.address).request(headers=[("x-api-key", key)], body=body(0, "")).status == 200,
               "the key is known")
    wait_until(lambda: upstream.open_connections == 0, "idle connections close")
    descriptors = gateway.descriptor_count()
    books = Books(upstream)
    count = max(CLIENTS // (2 * len(POLICIES)), 2 * len(STAGES))

    def run(numbers):
        plan = [(STAGES[number % len(STAGES)], number, chance.choice(["close", "reset"])) for number in numbers]
        chance.shuffle(plan)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda one: vanish(gateway.address, books, key, policy, *one), plan))
        return plan

    def is_quiet():
        return value(gateway, "gateway_exchanges_in_flight") <= 1 and value(gateway, "gateway_exchanges_draining") == 0

    # The first of each kind also read the code of their road from the disk.
    plan = run(range(2 * AT_ONCE))
    wait_until(is_quiet, "nothing is under way")
    resident = gateway.resident_bytes()
    plan += run(range(2 * AT_ONCE, 2 * AT_ONCE + count))
    wait_until(is_quiet, "nothing is under way")
    wait_until(lambda: gateway.descriptor_count() <= descriptors, "descriptors came back")
    assert gateway.resident_bytes() <= resident + 24 * MEGABYTE

    # All places of the key and of its account are free: so many get in at once, and no more.
    gate, before = replies.Gate(), len(upstream.requests)
    upstream.answer([gate, *replies.plain(200, replies.message())])
    clients = [connect(gateway) for _ in range(PLACES)]
    for client in clients:
        client.request(headers=[("x-api-key", key)], body=body(0, ""), read=False)
    wait_until(lambda: len(upstream.requests) == before + PLACES, "all places are free")
    assert connect(gateway).request(headers=[("x-api-key", key)], body=body(0, "")).status == 429
    gate.open()
    assert [client.response().status for client in clients] == [200] * PLACES

    check_bills(gateway, books, plan, policy)
    gone = {outcome: int(value(gateway, "gateway_clients_gone_total", f'outcome="{outcome}"'))
            for outcome in ("drained", "aborted", "unasked", "expired", "crowded")}
    print(f"{len(plan)} clients; of those that were noticed: {gone}; "
          f"{gateway.resident_bytes() / MEGABYTE:.1f} MB, {resident / MEGABYTE:.1f} after the first {2 * AT_ONCE}")


def check_bills(gateway, books, plan, policy):
    found = rows(gateway)
    by_answer = {row["upstream_request_id"]: row for row in found if row["upstream_request_id"].startswith("req_")}
    assert len({row["id"] for row in found}) == len(found), "a row came twice"
    unanswered, noticed, resets = 0, 0, 0
    for stage, number, how in plan:
        if stage not in ASKED:
            assert number not in books.received, f"{stage} {number} was asked upstream"
            continue
        is_whole = is_read_to_its_end(policy, stage)
        row = by_answer.pop(f"req_{number}", None)
        if row is None:
            assert stage == "before_first_byte" and not is_whole, (stage, number, how)
            unanswered += 1
            continue
        tokens = row["input_tokens"], row["output_tokens"]
        assert tokens == books.reported(number, stage, is_whole), (stage, number, how, row)
        assert row["cost_nano_usd"] == tokens[0] * 3000 + tokens[1] * 15000
        if stage == "after_last_byte":
            assert row["end"] == "completed" and not row["client_left"], row
        else:
            # A client that goes in the moment in which the last bytes go out is not noticed.
            assert row["client_left"] or is_whole, (stage, number, how, row)
            assert row["end"] == ("interrupted" if row["client_left"] else "completed"), (stage, number, how, row)
            resets += how == "reset"
            noticed += how == "reset" and row["client_left"]
        assert row["cut"] == (not is_whole), (stage, number, how, row)
    assert not by_answer, "rows that nobody asked for"
    assert noticed >= 0.5 * resets
    silent = [row for row in found if row["cut"] and not row["upstream_request_id"]]
    assert len(silent) == unanswered
    # Whoever left before the upstream was asked, or before it said anything, is charged nothing.
    for row in found:
        if not row["upstream_request_id"] and row["attempts"] != 1 or row in silent:
            assert (row["input_tokens"], row["output_tokens"], row["cost_nano_usd"]) == (0, 0, 0), row


def test_so_many_are_drained_and_no_more(start_gateway, upstream, connect):
    gateway = start_gateway(client_gone={"drains": 3}, threads=2)
    books = Books(upstream)
    clients, gates = [], []
    for number in range(0, 32, 4):
        gates.append(books.expect(number))
        clients.append(connect(gateway))
        clients[-1].request(headers=[*AUTHORIZED, ("x-test-number", number), ("x-test-stage", "mid_answer")],
                            body=body(number, ""), read=False)
        clients[-1].read_body_until(clients[-1].response_head(), b"message_start")
    for client in clients:
        client.reset()
    received = [books.received[number] for number in range(0, 32, 4)]
    wait_until(lambda: sum(one.gateway_left.is_set() for one in received) == 5, "five of eight were let go of")
    assert value(gateway, "gateway_exchanges_draining") == 3
    assert value(gateway, "gateway_clients_gone_total", 'outcome="crowded"') == 5
    for gate in gates:
        gate.open()
    wait_until(lambda: value(gateway, "gateway_exchanges_draining") == 0, "the others were read to their end")
    assert value(gateway, "gateway_clients_gone_total", 'outcome="drained"') == 3
    found = wait_until(lambda: (now := rows(gateway)) and len(now) == 8 and now, "eight rows")
    for row in found:
        number = int(row["upstream_request_id"].removeprefix("req_"))
        is_whole = not books.received[number].gateway_left.is_set()
        assert (row["input_tokens"], row["output_tokens"]) == books.reported(number, "mid_answer", is_whole)
        assert row["end"] == "interrupted" and row["cut"] != is_whole
    # Places for drains are free again.
    gate = books.expect(100)
    client = connect(gateway)
    client.request(headers=[*AUTHORIZED, ("x-test-number", 100), ("x-test-stage", "mid_answer")], body=body(100, ""), read=False)
    client.read_body_until(client.response_head(), b"message_start")
    client.reset()
    wait_until(lambda: value(gateway, "gateway_exchanges_draining") == 1, "it is drained")
    gate.open()
    wait_until(lambda: value(gateway, "gateway_clients_gone_total", 'outcome="drained"') == 4, "to its end")


def test_a_drain_whose_time_is_over_is_billed_what_was_reported(start_gateway, upstream, connect):
    gateway = start_gateway(client_gone={"drain_limit": "200ms"})
    books = Books(upstream)
    books.expect(0)
    client = connect(gateway)
    client.request(headers=[*AUTHORIZED, ("x-test-number", 0), ("x-test-stage", "mid_answer")], body=body(0, ""), read=False)
    client.read_body_until(client.response_head(), b"message_start")
    client.reset()
    assert books.received[0].gateway_left.wait(timeout=20), "the upstream connection was kept"
    [row] = wait_until(lambda: rows(gateway), "its row")
    assert (row["input_tokens"], row["output_tokens"], row["end"], row["cut"]) == (1000, 1, "interrupted", True)
    assert value(gateway, "gateway_clients_gone_total", 'outcome="expired"') == 1
    assert value(gateway, "gateway_exchanges_draining") == 0
