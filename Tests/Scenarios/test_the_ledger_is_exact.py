"""What a client saw finish is in the ledger, with the upstream's numbers, once; whatever happens to the gateway."""

import json
import os
import random
import resource
import threading

import pytest

from harness import replies
from harness.books import Books, Clients, body, message_number, rows
from harness.client import RawClient
from harness.configuration import AUTHORIZED, CLIENT_KEY, OTHER_KEY, SPARE, MAIN
from harness.waiting import wait_until

ROUNDS = int(os.environ.get("GATEWAY_KILL_ROUNDS", "6"))
MEMBERS = [
    "id", "started", "key", "account", "model", "status", "end", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_5m_tokens", "cache_write_1h_tokens", "cost_nano_usd", "upstream_request_id", "attempts", "why",
]


def rows_when(gateway, count):
    """The rows, when there are as many as `count`."""
    def enough():
        found = rows(gateway)
        return found if len(found) >= count else None

    return wait_until(enough, f"{count} rows")


def number_of(response):
    """Which answer of the books a client got whole; None if it did not."""
    text = bytes(response.body)
    if not response.is_complete or response.status != 200:
        return None
    if text.startswith(b"{"):
        return int(json.loads(text)["id"].removeprefix("msg_"))
    assert b"event: message_stop" in text
    return int(text.split(b'"id": "msg_')[1].split(b'"')[0])


@pytest.mark.parametrize("durability", ["sealed", "relaxed"])
def test_each_answer_has_its_row(start_gateway, upstream, durability):
    books = Books()
    upstream.answer(books)
    gateway = start_gateway(ledger={"durability": durability})
    seen = {}
    with RawClient(gateway.address) as client:
        for count in range(20):
            response = client.request(headers=AUTHORIZED, body=body(stream=count % 2 == 0))
            seen[response.header("x-gateway-request-id")] = number_of(response)
            if durability == "sealed":
                # Not a moment later: the row was there before the answer ended.
                assert response.header("x-gateway-request-id") in {row["id"] for row in rows(gateway)}
    found = {row["id"]: row for row in rows_when(gateway, 20)}
    assert found.keys() == seen.keys()
    for identity, number in seen.items():
        row = found[identity]
        assert list(row) == MEMBERS
        assert {name: row[name] for name in books.row(number)} == books.row(number)
        assert (row["key"], row["account"], row["status"], row["end"], row["attempts"]) == ("laptop", "main", 200, "completed", 1)
    # Once more, with the roll-ups.
    gateway.stop()
    done = gateway.run("usage", "--by", "day,key,model", "--json", "--data", gateway.data)
    [line] = json.loads(done.stdout)
    assert line["requests"] == 20 and line["completed"] == 20 and line["key"] == "laptop"
    assert line["cost_nano_usd"] == sum(books.row(number)["cost_nano_usd"] for number in range(20))
    verified = gateway.run("ledger", "verify", "--data", gateway.data)
    assert verified.returncode == 0, verified.stderr
    assert "20 rows" in verified.stdout


def test_each_end_has_its_name(start_gateway, upstream):
    books = Books()
    gateway = start_gateway(
        accounts=[MAIN, SPARE], keys=[{"name": "laptop", "key": CLIENT_KEY}, {"name": "poor", "key": OTHER_KEY, "models": ["other"]}],
        ledger={"durability": "relaxed"})

    def one(answer, key=CLIENT_KEY, **more):
        upstream.answer(answer)
        with RawClient(gateway.address) as client:
            headers = [("x-api-key", key), *AUTHORIZED[1:]]
            return client.request(headers=headers, body=body(**more))

    assert one(books).status == 200
    upstream.enqueue(replies.plain(529, b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}'))
    assert one(books).status == 200
    assert one(replies.plain(400, b'{"type":"error","error":{"type":"invalid_request_error","message":"x"}}')).status == 400
    assert not one([replies.Send(replies.head(200, [("content-type", "application/json"), ("content-length", 100)]) + b"{"),
                    replies.Close()]).is_complete
    assert one(books, key="cr_nobody").status == 401
    found = rows_when(gateway, 4)
    assert [(row["status"], row["end"], row["attempts"]) for row in found] == [
        (200, "completed", 1), (200, "completed", 2), (400, "failed", 1), (200, "interrupted", 1)]
    assert {row["account"] for row in found} <= {"main", "spare"}


def test_a_client_that_leaves_is_billed_what_the_provider_reports(start_gateway, upstream):
    gateway = start_gateway(ledger={"durability": "sealed"})
    gate = replies.Gate()
    books = Books()
    steps = books(None)
    upstream.answer([*steps[:2], gate, *steps[2:]])
    client = RawClient(gateway.address)
    client.request(headers=AUTHORIZED, body=body(stream=True), read=False)
    head = client.response_head()
    wait_until(lambda: gate.is_reached, "the upstream waits")
    client.reset()
    # One loop: whoever is answered after the reset is answered after the loop has seen it. The other bytes must not
    # come before, for then nobody has left when the row is sealed.
    assert RawClient(gateway.address).request("GET", "/livez").status == 200
    gate.open()
    [row] = wait_until(lambda: rows(gateway), "its row")
    assert row["id"] == head.header("x-gateway-request-id")
    assert row["end"] == "interrupted"
    assert row["output_tokens"] == books.row(0)["output_tokens"] and row["cost_nano_usd"] == books.row(0)["cost_nano_usd"]


def test_a_killed_gateway_loses_nothing_that_was_seen(start_gateway, upstream):
    books = Books()
    upstream.answer(books)
    gateway = start_gateway(ledger={"durability": "sealed"}, threads=2)
    clients = Clients(8)
    clients.start(gateway.address)
    chance = random.Random(ROUNDS)
    for _ in range(ROUNDS):
        before = len(clients.finished)
        wanted = chance.randint(1, 120)
        wait_until(lambda: len(clients.finished) >= before + wanted, "answers before the next kill")
        gateway.kill()
        gateway.start()
        clients.addresses = [gateway.address]
    before = len(clients.finished)
    wait_until(lambda: len(clients.finished) > before + 10, "answers after the last kill")
    clients.stop()
    gateway.stop()
    found = rows(gateway)
    by_id = {row["id"]: row for row in found}
    assert len(by_id) == len(found), "no row stands twice"
    missing = [identity for identity in clients.finished if identity not in by_id]
    assert not missing, f"{len(missing)} of {len(clients.finished)} answers have no row"
    for identity, text in clients.finished.items():
        number = message_number(text)
        row = by_id[identity]
        assert {name: row[name] for name in books.row(number)} == books.row(number)
        assert row["end"] == "completed"
    upstream_ids = [row["upstream_request_id"] for row in found if row["upstream_request_id"]]
    assert len(set(upstream_ids)) == len(upstream_ids)
    assert {row["end"] for row in found} <= {"completed", "interrupted"}
    verified = gateway.run("ledger", "verify", "--data", gateway.data)
    assert verified.returncode == 0, verified.stderr
    assert f"{len(found)} rows" in verified.stdout
    sums = json.loads(gateway.run("usage", "--json", "--data", gateway.data).stdout)
    assert sums[0]["output_tokens"] == sum(row["output_tokens"] for row in found)


def test_a_full_disk_refuses_new_work_and_loses_nothing(start_gateway, upstream):
    books = Books()
    upstream.answer(books)
    gateway = start_gateway(ledger={"durability": "sealed"})

    def ask():
        with RawClient(gateway.address) as client:
            return client.request(headers=AUTHORIZED, body=body())

    assert ask().status == 200
    # Files may not grow beyond what they are: what a full disk says, for one process.
    segment = max((gateway.data / "ledger" / "rows").glob("*.rows"))
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (segment.stat().st_size, resource.RLIM_INFINITY))
    # The first to meet it was let in; its answer waits for its row.
    waiting = []
    first = threading.Thread(target=lambda: waiting.append(ask()), daemon=True)
    first.start()
    refused = wait_until(lambda: ask_for_refusal(gateway), "a refusal")
    assert refused.status == 529 and b"overloaded_error" in refused.body and b"ledger" in refused.body
    count = len(upstream.wait_for_requests(2))
    assert ask().status == 529
    assert len(upstream.requests) == count, "the upstream was not asked"
    with RawClient(gateway.address) as client:
        assert client.request(method="GET", target="/readyz").status == 503
    assert not waiting
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    first.join(timeout=20)
    assert waiting[0].status == 200 and waiting[0].is_complete
    wait_until(lambda: ask().status == 200, "it takes requests again")
    gateway.stop()
    found = [row for row in rows(gateway) if row["end"] == "completed"]
    assert sorted(row["upstream_request_id"] for row in found) == sorted(f"req_{number}" for number in books.answers)


def ask_for_refusal(gateway):
    """A request to a place that needs no upstream tells whether new work is taken."""
    with RawClient(gateway.address) as client:
        if client.request(method="GET", target="/readyz").status == 200:
            return None
    with RawClient(gateway.address) as client:
        return client.request(headers=AUTHORIZED, body=body())


def test_usage_and_a_reconciliation_agree_with_the_upstream(start_gateway, upstream, tmp_path):
    books = Books()
    upstream.answer(books)
    gateway = start_gateway(ledger={"durability": "relaxed"})
    with RawClient(gateway.address) as client:
        for _ in range(6):
            client.request(headers=AUTHORIZED, body=body())
    day = rows_when(gateway, 6)[0]["started"][:10]
    totals = [sum(books.row(number)[name] for number in range(6)) for name in [
        "input_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens", "output_tokens"]]
    export = tmp_path / "export.csv"
    head = ("usage_date_utc,model_version,api_key,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
            "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens\n")
    export.write_text(head + f"{day},claude-sonnet-4-6,key," + ",".join(map(str, totals)) + "\n")
    agrees = gateway.run("reconcile", export, "--data", gateway.data)
    assert agrees.returncode == 0, agrees.stdout + agrees.stderr
    totals[4] += 3
    export.write_text(head + f"{day},claude-sonnet-4-6,key," + ",".join(map(str, totals)) + "\n")
    differs = gateway.run("reconcile", export, "--data", gateway.data)
    assert differs.returncode == 1 and "+3" in differs.stdout
    report = {"data": [{"starting_at": f"{day}T00:00:00Z", "results": [{
        "model": "claude-sonnet-4-6", "uncached_input_tokens": totals[0], "output_tokens": totals[4] - 3,
        "cache_creation": {"ephemeral_5m_input_tokens": totals[1], "ephemeral_1h_input_tokens": totals[2]},
        "cache_read_input_tokens": totals[3]}]}]}
    export.write_text(json.dumps(report))
    assert gateway.run("reconcile", export, "--data", gateway.data).returncode == 0
    table = gateway.run("usage", "--by", "day,model", "--data", gateway.data).stdout
    assert "claude-sonnet-4-6" in table and str(totals[0]) in table
    csv = gateway.run("usage", "--by", "key", "--csv", "--data", gateway.data).stdout.splitlines()
    assert csv[0].startswith("key,requests,") and csv[1].startswith("laptop,6,")
