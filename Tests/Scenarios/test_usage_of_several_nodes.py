"""Usage asked at any of several gateways is that of all, to the token and the nano-dollar, whatever happens to their Redis."""

import json

import pytest

from harness.admin import administer
from harness.books import Books, body, rows
from harness.client import RawClient
from harness.configuration import AUTHORIZED, chain
from harness.shared_store import SharedStore
from harness.waiting import wait_until

MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}
FIELDS = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cost_nano_usd"]


@pytest.fixture
def store():
    made = SharedStore()
    yield made
    made.stop()


@pytest.fixture
def books(upstream):
    made = Books()
    upstream.answer(made)
    return made


@pytest.fixture
def start_node(store, start_gateway):
    """Starts a gateway with this name among the others."""
    five = chain()
    next(entry for entry in five if entry["plugin"] == "RateLimit")["config"]["without_redis"] = "allow"

    def start(name, **ledger):
        return start_gateway(
            store=store.url, environment=MASTER_KEY, chain=five, ledger={"durability": "relaxed", "node": name, **ledger})

    return start


@pytest.fixture
def pair(start_node):
    return [start_node("left"), start_node("right")]


def ask(gateway, count):
    with RawClient(gateway.address) as client:
        for number in range(count):
            response = client.request(headers=AUTHORIZED, body=body(stream=number % 2 == 0))
            assert response.status == 200 and response.is_complete


def usage(gateway, *words):
    done = gateway.run("usage", "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sums_of(found):
    return {"requests": len(found), **{field: sum(row[field] for row in found) for field in FIELDS}}


def shown(lines):
    return {field: sum(line[field] for line in lines) for field in ["requests", *FIELDS]}


def all_rows(*gateways):
    return [row for gateway in gateways for row in rows(gateway)]


def agrees_everywhere(*gateways):
    """True when each of the gateways shows what the rows of all add up to."""
    expected = sums_of(all_rows(*gateways))
    return all(shown(usage(gateway)) == expected for gateway in gateways)


def test_each_shows_what_all_used(pair, books):
    left, right = pair
    ask(left, 7)
    ask(right, 12)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    assert sums_of(all_rows(left, right))["requests"] == 19
    assert sums_of(all_rows(left, right))["cost_nano_usd"] == sum(books.row(number)["cost_nano_usd"] for number in range(19))
    # One of them, by its name, by its id, from either side.
    for asked in pair:
        assert shown(usage(asked, "--node", "left"))["requests"] == 7
        assert shown(usage(asked, "--node", "right"))["requests"] == 12
    identity = (right.data / "ledger" / "node").read_text().strip()
    assert shown(usage(left, "--node", identity))["requests"] == 12
    assert shown(usage(left, "--node", "this"))["requests"] == 7
    unknown = left.run("usage", "--node", "middle")
    assert unknown.returncode == 1 and "left" in unknown.stderr and "right" in unknown.stderr
    # In every form.
    by_node = {line["node"]: line["requests"] for line in usage(left, "--by", "node")}
    assert by_node == {"left": 7, "right": 12}
    for words in ["day,key,model,account", "hour,key", "group", "model"]:
        assert usage(left, "--by", words) == usage(right, "--by", words)
        assert shown(usage(left, "--by", words)) == sums_of(all_rows(left, right))
    csv = [gateway.run("usage", "--by", "key", "--csv").stdout for gateway in pair]
    assert csv[0] == csv[1] and csv[0].splitlines()[1].startswith("laptop,19,")
    table = left.run("usage", "--by", "account").stdout
    assert "of 2 nodes: left, right" in table and "19" in table
    for gateway in pair:
        verified = gateway.run("ledger", "verify")
        assert verified.returncode == 0, verified.stderr
        wait_until(lambda gateway=gateway: "Redis has the same" in gateway.run("ledger", "verify").stdout, "it says so")


def test_an_emptied_redis_is_told_everything_again(store, pair, books):
    left, right = pair
    ask(left, 5)
    ask(right, 6)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    assert store.ask("FLUSHALL") == b"+OK"
    wait_until(lambda: shown(usage(left)) == sums_of(all_rows(left, right)), "it is told again")
    wait_until(lambda: agrees_everywhere(left, right), "nothing is counted twice")
    assert "told again from the beginning" in left.log() and "told again from the beginning" in right.log()


def test_while_redis_is_away_nothing_is_lost(store, pair, books):
    left, right = pair
    ask(left, 3)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    store.kill()
    ask(left, 4)
    alone = left.run("usage", "--json")
    assert alone.returncode == 1 and "--node this" in alone.stderr
    assert shown(usage(left, "--node", "this"))["requests"] == 7
    wait_until(lambda: "nothing is lost, it is told later" in left.log(), "it says that others do not hear of it")
    left.kill()
    store.start()
    left.start()
    ask(right, 2)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    assert sums_of(all_rows(left, right))["requests"] == 9


def test_a_redis_that_takes_no_writes_is_told_later(store, pair, books):
    left, right = pair
    ask(left, 2)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    assert store.ask("CONFIG", "SET", "maxmemory", "1") == b"+OK"
    ask(left, 3)
    wait_until(lambda: "OOM" in left.log() and "nothing is lost, it is told later" in left.log(), "its log has Redis's words")
    assert shown(usage(right))["requests"] == 2
    assert store.ask("CONFIG", "SET", "maxmemory", "0") == b"+OK"
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    assert shown(usage(right))["requests"] == 5
    wait_until(lambda: "hear of this node's ledger again" in left.log(), "it says that it is well again")


def test_what_redis_has_is_verified_and_mended(store, pair, books):
    left, right = pair
    ask(left, 4)
    done = left.run("ledger", "ship")
    assert done.returncode == 0 and "4 rows" in done.stdout, done.stderr
    verified = left.run("ledger", "verify")
    assert verified.returncode == 0 and "Redis has the same" in verified.stdout, verified.stderr
    # Somebody changes a sum there, and removes another.
    changed = 0
    for key in store.all("KEYS", "gw:{ledger}:days:*") + store.all("KEYS", "gw:{ledger}:hours:*"):
        for who in store.all("HKEYS", key):
            store.ask("HSET", key, who, "1,1")
            changed += 1
    assert changed == 2
    found = left.run("ledger", "verify")
    assert found.returncode == 1 and "ship --again" in found.stderr and "cost_nano_usd" in found.stderr
    again = left.run("ledger", "ship", "--again")
    assert again.returncode == 0, again.stderr
    verified = left.run("ledger", "verify")
    assert verified.returncode == 0, verified.stderr
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    # What was there before is gone: a hash of days and one of hours.
    wait_until(lambda: len(store.all("KEYS", "gw:{ledger}:*s:*:*:*")) == 2, "the epoch before is removed")


def test_a_node_that_is_taken_away_leaves_its_usage(store, pair, books):
    left, right = pair
    ask(left, 5)
    left.stop()
    # The stop told everything; with nobody serving the command does it itself.
    shipped = left.run("ledger", "ship", "--json")
    assert shipped.returncode == 0 and json.loads(shipped.stdout)["rows"] == 5, shipped.stderr
    assert shown(usage(right))["requests"] == 5
    assert usage(right, "--by", "node")[0]["node"] == "left"


def test_a_copy_of_a_node_does_not_overwrite_it(store, pair, books, tmp_path):
    left, right = pair
    ask(left, 5)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    # The folder of a gateway that serves, copied: its copy has the same id.
    copied = right
    copied.stop()
    (copied.data / "ledger" / "node").write_text((left.data / "ledger" / "node").read_text())
    refused = copied.run("ledger", "ship")
    assert refused.returncode == 1 and "another gateway is node_" in refused.stderr
    assert shown(usage(left))["requests"] == 5


def test_metrics_say_how_far_it_is(store, pair, books):
    left, _ = pair
    ask(left, 3)

    def value(name):
        with RawClient(left.address) as client:
            text = bytes(client.request(method="GET", target="/metrics").body).decode()
        return next((float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " ")), None)

    wait_until(lambda: [group["requests"] for group in usage(left, "--node", "this")] == [3], "the rows are there")
    assert left.run("ledger", "ship").returncode == 0
    wait_until(lambda: value("gateway_ledger_unshipped_rows") == 0, "nothing waits")
    last = value("gateway_ledger_shipped_timestamp_seconds")
    assert last > 1.7e9
    store.kill()
    ask(left, 2)
    wait_until(lambda: value("gateway_ledger_ship_failures_total") >= 1, "a failure is counted")
    wait_until(lambda: value("gateway_ledger_unshipped_rows") == 2, "two rows wait")
    store.start()
    wait_until(lambda: value("gateway_ledger_unshipped_rows") == 0, "nothing waits")
    assert value("gateway_ledger_shipped_timestamp_seconds") >= last


@pytest.mark.parametrize("period", ["per hour", "per month", "in all"])
def test_a_budget_that_redis_forgot_begins_with_what_all_used(store, start_gateway, upstream, books, period):
    pair = [
        start_gateway(
            store=store.url, environment=MASTER_KEY, per_key={"budgets": [f"12 requests {period}"]},
            ledger={"durability": "relaxed", "node": name})
        for name in ["left", "right"]]
    left, right = pair
    ask(left, 4)
    ask(right, 5)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    for gateway, other in [(left, "right"), (right, "left")]:
        peers = gateway.data / "ledger" / "peers"
        wait_until(lambda peers=peers, other=other: peers.exists() and other in peers.read_text(), "they know each other")
    assert store.ask("FLUSHALL") == b"+OK"
    # Nobody has told anything again yet: the first request waits for the other node.
    ask(left, 3)
    with RawClient(left.address) as client:
        assert client.request(headers=AUTHORIZED, body=body()).status in (402, 429)
    with RawClient(right.address) as client:
        assert client.request(headers=AUTHORIZED, body=body()).status in (402, 429)


def test_what_an_emptied_redis_lacks_is_said(store, pair, books):
    left, right = pair
    ask(left, 2)
    ask(right, 3)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    peers = left.data / "ledger" / "peers"
    wait_until(lambda: peers.exists() and "right" in peers.read_text(), "one knows the other")
    right.stop()
    assert store.ask("FLUSHALL") == b"+OK"
    shown_by_left = left.run("usage", "--json")
    assert "what right (node_" in shown_by_left.stderr and "is missing" in shown_by_left.stderr
    # The command does what the gateway would.
    assert right.run("ledger", "ship").returncode == 0
    shown_by_left = left.run("usage", "--json")
    assert shown_by_left.stderr == "" and shown(json.loads(shown_by_left.stdout))["requests"] == 5


def test_status_and_doctor_name_the_node(pair, books):
    left, right = pair
    identity = (left.data / "ledger" / "node").read_text().strip()
    assert f"node: left ({identity})" in left.run("status").stdout
    assert json.loads(left.run("status", "--json").stdout)["node"] == {"id": identity, "name": "left"}
    found = wait_until(
        lambda: [line for line in left.run("doctor").stdout.splitlines() if identity in line and "1 other node" in line],
        "doctor finds both")
    assert len(found) == 1


def test_rest_shows_the_same(pair, books):
    left, right = pair
    ask(left, 5)
    ask(right, 6)
    wait_until(lambda: agrees_everywhere(left, right), "both show the usage of both")
    admin = administer(left)
    for words in ["", "day,key,model,account", "hour", "node"]:
        answer = admin.get(f"/admin/v1/usage?by={words}")
        assert answer.status == 200, answer.body
        assert answer.body["data"] == usage(left, *(["--by", words] if words else []))
        assert sorted(answer.body["nodes"]) == ["left", "right"] and answer.body["notes"] == []
    assert admin.get("/admin/v1/usage?node=right").body["data"][0]["requests"] == 6
    assert admin.get("/admin/v1/usage?node=this").body["data"][0]["requests"] == 5
    for query in ["node=middle", "by=colour", "since=yesterday", "since=2026-01-02&until=2026-01-01", "page=2"]:
        assert admin.get(f"/admin/v1/usage?{query}").status == 400, query
    # Rows are those of the gateway that is asked; page by page.
    found, cursor = [], ""
    while cursor is not None:
        page = admin.get(f"/admin/v1/usage/rows?limit=2{cursor}")
        assert page.status == 200 and len(page.body["data"]) <= 2
        found += page.body["data"]
        cursor = f"&cursor={page.body['next_cursor']}" if page.body["next_cursor"] else None
    assert found == rows(left)
    one = admin.get(f"/admin/v1/usage/rows?id={found[3]['id']}").body
    assert one == {"data": [found[3]], "next_cursor": None}
    assert admin.get("/admin/v1/usage/rows?since=2020-01-01&until=2020-12-31").body["data"] == []
    for query in ["id=7", "cursor=x", "limit=0", "since=x"]:
        assert admin.get(f"/admin/v1/usage/rows?{query}").status == 400, query
