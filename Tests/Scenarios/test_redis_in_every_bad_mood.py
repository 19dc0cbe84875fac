"""Whatever Redis does, records, values and limits behave as OPERATIONS.md says, and no event loop waits for it."""

import contextlib
import json
import pathlib
import re
import subprocess

import pytest

from harness import replies
from harness.admin import administer
from harness.client import RawClient
from harness.configuration import AUTHORIZED, chain
from harness.redis import Redis, Replica, SlowRelay, tcp_port
from harness.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}
BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'
KEPT = ["--appendonly", "yes", "--appendfsync", "always"]


@pytest.fixture(scope="session")
def keeper(tmp_path_factory):
    target = tmp_path_factory.mktemp("plugin") / "keeper.so"
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", target,
         "-I", ROOT / "Sources/PluginABI/include", ROOT / "Tests/Scenarios/plugins/keeper.c"], check=True)
    return str(target)


class Pair:
    """Two gateways at one Redis: `strict` refuses what limits it cannot count, `lenient` lets it pass."""

    def __init__(self, start_gateway, upstream, keeper, redis, relay):
        self.redis, self.relay, self.upstream = redis, relay, upstream
        upstream.answer(replies.plain(200, replies.message()))
        self.strict, self.lenient = [
            start_gateway(store=relay.url, environment=MASTER_KEY, chain=self._chain(keeper, word), redis={"command_timeout": "1s"})
            for word in ("refuse", "allow")]
        self.admin = administer(self.strict)
        self.acknowledged, self.unknown, self.count = {}, set(), 0
        self.key = self.admin.post("/admin/v1/keys", {"name": "phone"}).body["revealed"]["key"]
        wait_until(self.serves, "both serve")

    @staticmethod
    def _chain(keeper, word):
        five = chain()
        five[1]["config"]["without_redis"] = word
        return [{"plugin": keeper, "name": "keeper"}, *five]

    def asked(self, gateway):
        """A request with a key that is a record: whether it is let in, and what its limits say."""
        headers = [("x-api-key", self.key), *AUTHORIZED[1:]]
        with RawClient(gateway.address) as client:
            return client.request(headers=headers, body=BODY).status

    def kept(self):
        """A value that a plugin counts."""
        with RawClient(self.strict.address) as client:
            return client.request(headers=[("x-keep", "1")], body=b"").status

    def changed(self):
        """A record that is made; what was acknowledged is remembered, and what may have been made."""
        self.count += 1
        name = f"group {self.count}"
        answer = self.admin.post("/admin/v1/groups", {"name": name})
        if answer.status == 201:
            self.acknowledged[answer.body["id"]] = name
        else:
            self.unknown.add(name)
            self.refusal = answer.body
        return answer.status

    def all(self):
        return self.asked(self.strict), self.asked(self.lenient), self.kept(), self.changed()

    def serves(self):
        return self.asked(self.strict) == self.asked(self.lenient) == self.kept() == 200

    def ready(self):
        """What balancers hear: the strict gateway, whose limits refuse without Redis, and the one that lets pass."""
        with RawClient(self.lenient.address) as client:
            assert client.request("GET", "/readyz").status == 200, "records are in memory, so it serves"
        with RawClient(self.strict.address) as client:
            answer = client.request("GET", "/readyz")
            assert client.request("GET", "/livez").status == 200
        document = json.loads(answer.body)
        assert (answer.status, document["status"]) in ((200, "ok"), (503, "redis_away")), document
        return document.get("reason")

    def recovers(self):
        # Nobody asks it for anything meanwhile, as a balancer would not.
        wait_until(lambda: self.ready() is None, "the gateway is ready again")
        wait_until(self.serves, "limits and values are there again")
        wait_until(lambda: self.changed() == 201, "changes are made again")

    def nothing_is_lost(self):
        found, cursor = {}, ""
        while cursor is not None:
            page = self.admin.get(f"/admin/v1/groups?limit=200{cursor}").body
            found.update({group["id"]: group["name"] for group in page["data"]})
            cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
        assert {identifier: found.get(identifier) for identifier in self.acknowledged} == self.acknowledged
        assert len(set(found.values())) == len(found), "nothing is made twice"
        assert set(found.values()) <= set(self.acknowledged.values()) | self.unknown

    def no_loop_waited(self):
        """No turn of a loop took a second: about waiting, not about speed, so it is generous."""
        for gateway in (self.strict, self.lenient):
            turns = value(gateway, "gateway_loop_turns_total")
            wait_until(lambda: value(gateway, "gateway_loop_turns_total") > turns, "figures are published again")
            text = metrics(gateway)
            buckets = dict(re.findall(r'^gateway_loop_turn_duration_seconds_bucket\{loop="0",le="([^"]+)"\} (\S+)$', text, re.M))
            assert float(buckets["+Inf"]) > 0
            assert buckets["1"] == buckets["+Inf"], buckets


def metrics(gateway):
    with RawClient(gateway.address) as client:
        return client.request("GET", "/metrics").body.decode()


def value(gateway, name):
    return sum(float(number) for number in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", metrics(gateway), re.M))


@pytest.fixture
def make_pair(start_gateway, upstream, keeper):
    with contextlib.ExitStack() as stack:
        def make(*options):
            redis = Redis(*options)
            stack.callback(redis.stop)
            relay = SlowRelay(redis)
            stack.callback(relay.stop)
            return Pair(start_gateway, upstream, keeper, redis, relay)

        yield make


def test_late_by_a_tenth_of_a_second(make_pair):
    pair = make_pair()
    pair.relay.seconds = 0.1
    assert pair.all() == (200, 200, 200, 201)
    assert pair.ready() is None
    pair.relay.seconds = 0
    pair.nothing_is_lost()
    pair.no_loop_waited()


def test_late_by_two_seconds(make_pair):
    pair = make_pair()
    pair.relay.seconds = 2
    # Records are in memory; a change waits five seconds for each answer; limits and values one.
    assert pair.all() == (503, 200, 503, 201)
    assert "later than redis.command_timeout" in pair.ready()
    pair.relay.seconds = 0
    pair.recovers()
    pair.nothing_is_lost()
    pair.no_loop_waited()


@pytest.mark.parametrize("way", ["stopped", "paused"])
def test_hanging(make_pair, way):
    pair = make_pair()
    if way == "stopped":
        pair.redis.hang()
    else:
        assert pair.redis.ask("CLIENT", "PAUSE", "9000") == b"+OK"
    assert (pair.asked(pair.strict), pair.asked(pair.lenient), pair.kept()) == (503, 200, 503)
    assert "later than redis.command_timeout" in pair.ready()
    # Longer than a change waits.
    assert pair.changed() == 503
    wait_until(lambda: "no answer in time" in pair.strict.log(), "the log says why")
    if way == "stopped":
        assert (pair.asked(pair.strict), pair.asked(pair.lenient), pair.kept()) == (503, 200, 503)
        pair.redis.go_on()
    pair.recovers()
    pair.nothing_is_lost()
    pair.no_loop_waited()


def test_down_and_back(make_pair):
    pair = make_pair(*KEPT)
    assert pair.changed() == 201
    pair.redis.kill()
    wait_until(lambda: value(pair.strict, "gateway_redis_up") == value(pair.lenient, "gateway_redis_up") == 0, "they know")
    assert pair.ready()
    assert pair.all() == (503, 200, 503, 503)
    pair.redis.start()
    pair.recovers()
    pair.nothing_is_lost()
    pair.no_loop_waited()


def test_back_and_empty(make_pair):
    pair = make_pair()
    pair.redis.kill()
    pair.redis.start()
    # Limits and values begin anew; keys that were read go on; nothing is written to what is not our store.
    wait_until(pair.serves, "limits and values are there again")
    assert pair.changed() == 503
    assert pair.ready() is None
    wait_until(lambda: "no longer holds the store" in pair.strict.log(), "the log says why")
    assert pair.redis.ask("EXISTS", "gw:{store}:head") == b":0"
    pair.no_loop_waited()


def test_failing_over(make_pair):
    options, port = tcp_port()
    pair = make_pair(*options)
    replica = Replica(port)
    try:
        assert pair.changed() == 201
        written = int(pair.redis.field("replication", "master_repl_offset"))
        wait_until(lambda: int(replica.field("replication", "slave_repl_offset")) >= written, "the replica has it")
        primary, pair.relay.redis = pair.redis, replica
        primary.kill()
        # Until it is promoted it takes nothing.
        wait_until(lambda: value(pair.strict, "gateway_redis_up") == value(pair.lenient, "gateway_redis_up") == 0, "they know")
        assert pair.all() == (503, 200, 503, 503)
        replica.promote()
        pair.recovers()
        pair.nothing_is_lost()
        pair.no_loop_waited()
    finally:
        replica.stop()


def test_failing_over_to_a_replica_that_lagged(make_pair):
    """What the new primary does not know is not known here any more either: a key of which no record is left is refused."""
    options, port = tcp_port()
    pair = make_pair(*options)
    replica = Replica(port)
    try:
        written = int(pair.redis.field("replication", "master_repl_offset"))
        wait_until(lambda: int(replica.field("replication", "slave_repl_offset")) >= written, "the replica has it")
        replica.promote()
        late = pair.admin.post("/admin/v1/keys", {"name": "late"}).body["revealed"]["key"]
        known, pair.key = pair.key, late
        wait_until(pair.serves, "the late key is known to both")
        pair.redis.kill()
        pair.relay.redis = replica
        wait_until(lambda: pair.asked(pair.strict) == pair.asked(pair.lenient) == 401, "the late key is forgotten by both")
        pair.key = known
        pair.recovers()
        pair.no_loop_waited()
    finally:
        replica.stop()


def no_memory(redis, _folder):
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    return lambda: redis.ask("CONFIG", "SET", "maxmemory", "0")


def no_replicas(redis, _folder):
    redis.ask("CONFIG", "SET", "min-replicas-to-write", "1")
    return lambda: redis.ask("CONFIG", "SET", "min-replicas-to-write", "0")


def no_disk(redis, folder):
    """A snapshot that failed: Redis takes no writes until one succeeds (MISCONF)."""
    assert redis.ask("CONFIG", "SET", "save", "3600 1") == b"+OK"
    folder.rmdir()
    redis.ask("BGSAVE")
    wait_until(lambda: redis.field("persistence", "rdb_last_bgsave_status") == "err", "the snapshot failed")
    return lambda: redis.ask("CONFIG", "SET", "save", "")


def replica_of_nobody(redis, _folder):
    redis.ask("REPLICAOF", "127.0.0.1", "9")
    return lambda: redis.ask("REPLICAOF", "NO", "ONE")


def assert_all_is_well(pair):
    assert pair.all() == (200, 200, 200, 201)


@pytest.mark.parametrize(
    "refuse, words",
    [(no_memory, "has no memory left"), (no_replicas, "NOREPLICAS"), (no_disk, "cannot save to its disk"),
     (replica_of_nobody, "is a replica")])
def test_taking_no_writes(make_pair, tmp_path, refuse, words):
    folder = tmp_path / "redis"
    folder.mkdir()
    pair = make_pair("--dir", str(folder))
    mend = refuse(pair.redis, folder)
    if refuse is no_replicas and pair.redis.field("server", "redis_version").startswith("6.0."):
        # It does not ask scripts for replicas, and writes.
        return assert_all_is_well(pair)
    assert pair.all() == (503, 200, 503, 503)
    wait_until(lambda: words in pair.strict.log(), "the log says why changes are refused")
    assert pair.ready()
    assert mend() == b"+OK"
    pair.recovers()
    pair.nothing_is_lost()
    pair.no_loop_waited()
