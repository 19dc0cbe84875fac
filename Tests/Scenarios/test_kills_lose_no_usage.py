"""Two gateways over one Redis are killed at random moments under load, and so is Redis, or it is emptied: what a client saw
finish is in the ledger with the upstream's numbers, once, and every node shows what all rows add up to."""

import json
import os
import random

import pytest

from harness.books import Books, Clients, message_number, rows
from harness.configuration import chain
from harness.shared_store import SharedStore
from harness.waiting import wait_until

# 300 are the slow proof: some minutes for each of the three.
ROUNDS = int(os.environ.get("GATEWAY_KILL_ROUNDS", "4"))
MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}
# The columns of the sums in Redis that rows have, by their place there.
COLUMNS = {
    0: "requests", 7: "input_tokens", 8: "output_tokens", 9: "cache_read_tokens", 10: "cache_write_5m_tokens",
    11: "cache_write_1h_tokens", 15: "cost_nano_usd",
}


def answers_behind(clients, count):
    before = len(clients.finished)
    wait_until(lambda: len(clients.finished) >= before + count, "answers before the next blow")


def strike(store, blow, clients, chance):
    """What happens to Redis in a round; gateways start only when it is there."""
    if blow == "emptied":
        assert store.ask("FLUSHALL") == b"+OK"
    if blow == "killed":
        store.kill()
        answers_behind(clients, chance.randint(1, 20))
        store.start()


def sums_in_redis(store):
    """What all nodes told, added up here."""
    sums = dict.fromkeys(COLUMNS.values(), 0)
    for key in store.all("KEYS", "gw:{ledger}:days:*"):
        for text in store.all("HVALS", key):
            values = [int(value) for value in text.split(",")]
            for place, name in COLUMNS.items():
                sums[name] += values[place] if place < len(values) else 0
    return sums


def sums_of(found):
    return {name: len(found) if name == "requests" else sum(row[name] for row in found) for name in COLUMNS.values()}


@pytest.mark.parametrize("blow", ["spared", "killed", "emptied"])
def test_kills_lose_nothing_and_count_nothing_twice(start_gateway, upstream, blow):
    seed = int(os.environ.get("GATEWAY_KILL_SEED", random.randrange(1 << 32)))
    print(f"GATEWAY_KILL_SEED={seed} GATEWAY_KILL_ROUNDS={ROUNDS}")
    chance = random.Random(seed)
    books = Books()
    upstream.answer(books)
    store = SharedStore()
    try:
        five = chain()
        next(entry for entry in five if entry["plugin"] == "RateLimit")["config"]["without_redis"] = "allow"
        gateways = [
            start_gateway(
                store=store.url, environment=MASTER_KEY, chain=five, threads=2, ledger={"durability": "sealed", "node": name})
            for name in ["left", "right"]]
        clients = Clients(8)
        clients.start(*[gateway.address for gateway in gateways])
        for number in range(ROUNDS):
            answers_behind(clients, chance.randint(1, 120))
            if number % 3 == 1:
                strike(store, blow, clients, chance)
                answers_behind(clients, chance.randint(1, 40))
            victim = chance.choice(gateways)
            victim.kill()
            if blow == "emptied":
                # An operator says that the node shall go on without the records of before.
                accepted = victim.run("store", "accept")
                assert accepted.returncode == 0, accepted.stderr
            victim.start()
            clients.addresses = [gateway.address for gateway in gateways]
        answers_behind(clients, 10)
        clients.stop()
        for gateway in gateways:
            gateway.stop()
            shipped = gateway.run("ledger", "ship")
            assert shipped.returncode == 0, shipped.stderr
        found = [row for gateway in gateways for row in rows(gateway)]
        by_id = {row["id"]: row for row in found}
        assert len(by_id) == len(found), "no row stands twice"
        missing = [identity for identity in clients.finished if identity not in by_id]
        assert not missing, f"{len(missing)} of {len(clients.finished)} answers have no row"
        for identity, text in clients.finished.items():
            expected = books.row(message_number(text))
            row = by_id[identity]
            assert {name: row[name] for name in expected} == expected and row["end"] == "completed"
        upstream_ids = [row["upstream_request_id"] for row in found if row["upstream_request_id"]]
        assert len(set(upstream_ids)) == len(upstream_ids), "no answer is counted twice"
        assert {row["end"] for row in found} <= {"completed", "interrupted"}
        assert sums_in_redis(store) == sums_of(found)
        for gateway in gateways:
            verified = gateway.run("ledger", "verify")
            assert verified.returncode == 0 and "Redis has the same" in verified.stdout, verified.stderr
            [line] = json.loads(gateway.run("usage", "--json").stdout)
            assert {name: line[name] for name in COLUMNS.values()} == sums_of(found)
        print(f"{len(clients.finished)} answers, {len(found)} rows")
    finally:
        store.stop()
