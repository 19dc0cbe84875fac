"""While any account is well no client sees an error, however the others fail, and however many clients there are."""

import datetime
import json
import threading
import time

import pytest

from harness import replies
from harness.client import RawClient
from harness.configuration import AUTHORIZED, account
from harness.egress import SilentEgress, free_port, make_egress
from harness.waiting import wait_until

CLIENTS = 200
BAD, GOOD = "sk-ant-canary-bad", ["sk-ant-canary-good-1", "sk-ant-canary-good-2"]
WELL = replies.plain(200, b'{"from":"a good one"}')


def body(client, model="claude-opus-5-5", stream=False):
    message = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": f"client {client}"}]}
    return json.dumps({**message, "stream": True} if stream else message).encode()


def unix(seconds):
    return str(int(time.time()) + seconds)


def rfc3339(seconds):
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


FAILURES = {
    "429-retry-after": lambda: replies.error(429, "rate_limit_error", headers=[("retry-after", "60")]),
    "429-unified-reset": lambda: replies.error(429, "rate_limit_error", headers=[
        ("anthropic-ratelimit-unified-status", "rejected"), ("anthropic-ratelimit-unified-reset", unix(60))]),
    "429-claim": lambda: replies.error(429, "rate_limit_error", headers=[
        ("anthropic-ratelimit-unified-status", "rejected"),
        ("anthropic-ratelimit-unified-representative-claim", "seven_day_opus"),
        ("anthropic-ratelimit-unified-7d_opus-reset", unix(90))]),
    "429-rfc3339": lambda: replies.error(429, "rate_limit_error", headers=[
        ("anthropic-ratelimit-requests-limit", "50"), ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", rfc3339(60))]),
    "429-of-the-request": lambda: replies.error(
        429, "rate_limit_error", "Extra usage is required for long context requests."),
    "529": lambda: replies.error(529, "overloaded_error"),
    "401": lambda: replies.error(401, "authentication_error"),
    "403": lambda: replies.error(403, "permission_error"),
    "500": lambda: replies.error(500, "api_error"),
    "reset-before-head": lambda: [replies.Reset()],
    "close-before-head": lambda: [replies.Close()],
    "error-as-first-event": lambda: replies.stream([replies.event("error", {
        "type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})]),
    "stall-before-the-first-byte": lambda: [replies.Stall()],
}


def crowd(gateway, requests=1, **kind):
    """So many clients at once, each on a connection of its own; returns (status, body) of every answer."""
    ready = threading.Barrier(CLIENTS)
    answers, failures = [], []

    def run(number):
        try:
            with RawClient(gateway.address, seconds=60) as client:
                ready.wait(timeout=60)
                for _ in range(requests):
                    response = client.request(headers=AUTHORIZED, body=body(number, **kind))
                    answers.append((response.status, bytes(response.body)))
        except Exception as failure:
            failures.append(f"client {number}: {failure!r}")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    return answers


def three_accounts(start_gateway, **more):
    # A stall is a failure after a second here; in life it is minutes.
    return start_gateway(
        accounts=[account("bad", BAD)] + [account(f"good{number}", key) for number, key in enumerate(GOOD)],
        secrets=[BAD, *GOOD], timeouts={"first_byte": "1s"}, **more)


@pytest.mark.parametrize("failure", FAILURES)
def test_one_account_fails_and_nobody_notices(start_gateway, upstream, failure):
    upstream.answer(WELL)
    upstream.answer(FAILURES[failure](), account=BAD)
    gateway = three_accounts(start_gateway)
    answers = crowd(gateway, requests=2)
    assert len(answers) == 2 * CLIENTS
    assert {status for status, _ in answers} == {200}, [answer for answer in answers if answer[0] != 200][:2]
    assert BAD in {received.account for received in upstream.requests}, "the failing account was never tried"


UNANSWERED = ["reset-before-head", "close-before-head", "stall-before-the-first-byte"]


@pytest.mark.parametrize("failure", [*UNANSWERED, "529", "error-as-first-event"])
def test_no_request_is_carried_out_twice_without_its_record_saying_so(start_gateway, upstream, failure):
    """Under two hundred clients: whatever arrived upstream a second time, when the first was not answered, is in the log as that."""
    upstream.answer(WELL)
    upstream.answer(FAILURES[failure](), account=BAD)
    gateway = three_accounts(start_gateway)
    ready = threading.Barrier(CLIENTS)
    ids = {}

    def run(number):
        with RawClient(gateway.address, seconds=60) as client:
            ready.wait(timeout=60)
            for turn in range(2):
                text = f"{number}/{turn}"
                response = client.request(headers=AUTHORIZED, body=body(text))
                assert response.status == 200
                ids[response.header("x-gateway-request-id")] = text

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 2 * CLIENTS
    carried_out = {}
    for received in upstream.requests:
        # An answer that refuses says that nothing was done.
        if received.account != BAD or failure in UNANSWERED:
            text = json.loads(received.body)["messages"][0]["content"].removeprefix("client ")
            carried_out[text] = carried_out.get(text, 0) + 1
    twice = {text for text, count in carried_out.items() if count > 1}
    assert (len(twice) > 0) == (failure in UNANSWERED) and set(carried_out) == set(ids.values())

    def said():
        lines = [json.loads(line) for line in gateway.log().splitlines() if '"may_have_run_twice":true' in line]
        return {ids[line["request"]] for line in lines}

    wait_until(lambda: said() >= twice, "the log says so of each")
    assert said() == twice, "and of no other"
    if twice:
        number = next(number for number, text in ids.items() if text in twice)
        told = gateway.run("accounts", "why", "--request", number, "--json", "--config", gateway.configuration_file)
        assert any(one.get("may_have_run") for one in json.loads(told.stdout)["decisions"]), told.stdout + told.stderr


@pytest.fixture(params=["stopped", "silent", "refuses"])
def failing_proxy(request, tmp_path, authority):
    """The settings of a proxy of a kind that fails in this way."""
    running = []

    def settings(kind):
        if request.param == "silent":
            running.append(SilentEgress(kind))
            return running[0].settings()
        proxy = make_egress(kind, tmp_path, authority)
        if request.param == "stopped":
            return proxy.settings()
        running.append(proxy.start())
        return proxy.settings(password="wrong-password")

    yield settings
    for proxy in running:
        proxy.stop()


@pytest.mark.parametrize("kind", ["socks5", "http", "https"])
def test_the_proxy_of_one_account_fails_and_nobody_notices(start_gateway, upstream, failing_proxy, kind, authority):
    upstream.answer(WELL)
    gateway = start_gateway(
        upstream_url={"url": upstream.url, "ca_file": str(authority.file)},
        accounts=[account("bad", BAD, proxy=failing_proxy(kind), priority=1)] + [account(f"good{number}", key) for number, key in enumerate(GOOD)],
        secrets=[BAD, *GOOD], timeouts={"connect": "3s"})
    answers = crowd(gateway, requests=2)
    assert len(answers) == 2 * CLIENTS
    assert {status for status, _ in answers} == {200}, [answer for answer in answers if answer[0] != 200][:2]
    assert any('outcome="failed"' in line for line in proxy_metrics(gateway)), "the failing proxy was never tried"
    assert BAD not in {received.account for received in upstream.requests}


@pytest.mark.parametrize("count", [2, 6])
def test_all_proxies_of_several_accounts_fail_and_nobody_notices(start_gateway, upstream, count):
    """More than there are attempts (three): none of them reaches an upstream, so none of them counts."""
    upstream.answer(WELL)
    bad = [account(f"bad{number}", f"{BAD}-{number}", priority=number,
                   proxy=[{"type": "socks5", "host": "127.0.0.1", "port": free_port()} for _ in range(3)]) for number in range(count)]
    gateway = start_gateway(accounts=[*bad, account("good", GOOD[0], priority=90)], secrets=[BAD, *GOOD])
    answers = crowd(gateway, requests=2)
    assert {status for status, _ in answers} == {200}, [answer for answer in answers if answer[0] != 200][:2]
    assert {received.account for received in upstream.requests} == {GOOD[0]}


def proxy_metrics(gateway):
    with RawClient(gateway.address) as client:
        text = client.request("GET", "/metrics").body.decode()
    return [line for line in text.splitlines() if line.startswith("gateway_proxy_attempts_total{")]


def test_all_but_one_fail_in_different_ways(start_gateway, upstream):
    ways = ["429-retry-after", "529", "401", "reset-before-head"]
    keys = {way: f"sk-ant-canary-{way}" for way in ways}
    upstream.answer(WELL, account=GOOD[0])
    for way, key in keys.items():
        upstream.answer(FAILURES[way](), account=key)
    # The good one comes last, and each request may need to try all of the others first.
    accounts = [account(way, key, priority=10) for way, key in keys.items()] + [account("good", GOOD[0], priority=90)]
    gateway = start_gateway(accounts=accounts, secrets=[GOOD[0], *keys.values()], limits={"attempts": 5})
    assert {status for status, _ in crowd(gateway)} == {200}


def test_a_family_that_is_used_up_leaves_the_others(start_gateway, upstream, connect):
    upstream.answer(WELL)
    upstream.answer(FAILURES["429-claim"](), account=BAD)
    gateway = three_accounts(start_gateway, picker={"strategy": "round-robin", "sticky": {"enabled": False}})
    client = connect(gateway)
    for _ in range(6):
        assert client.request(headers=AUTHORIZED, body=body(1)).status == 200
    assert [received.account for received in upstream.requests].count(BAD) == 1
    upstream.answer(WELL, account=BAD)
    before = len(upstream.requests)
    for _ in range(6):
        assert client.request(headers=AUTHORIZED, body=body(1, "claude-haiku-4-5")).status == 200
    assert BAD in {received.account for received in upstream.requests[before:]}


def test_more_clients_than_places_wait_their_turn(start_gateway, upstream):
    """Two accounts of three places: nobody is refused, and no account ever carries a fourth request."""
    most = {key: 0 for key in GOOD}
    now = dict(most)
    lock = threading.Lock()

    def answer(received):
        with lock:
            now[received.account] += 1
            most[received.account] = max(most[received.account], now[received.account])

        def over():
            with lock:
                now[received.account] -= 1
        return [Leaving(over), *WELL]

    upstream.answer(answer)
    gateway = start_gateway(
        accounts=[account(f"good{number}", key, concurrency=3) for number, key in enumerate(GOOD)], secrets=GOOD,
        threads=2)
    assert {status for status, _ in crowd(gateway)} == {200}
    assert all(0 < count <= 3 for count in most.values()), most


class Leaving(replies.Gate):
    """A step that waits for nothing and says that the request is no longer carried."""

    def __init__(self, over):
        super().__init__()
        self._over = over

    async def passed(self):
        self._over()


def test_a_request_that_may_have_run_twice_says_so(start_gateway, upstream, connect):
    upstream.answer(WELL)
    upstream.answer([replies.Reset()], account=BAD)
    gateway = start_gateway(accounts=[account("bad", BAD, priority=1), account("good", GOOD[0])], secrets=[BAD, GOOD[0]])
    response = connect(gateway).request(headers=AUTHORIZED, body=body(1))
    assert response.status == 200
    twice = response.header("x-gateway-request-id")
    ordinary = connect(gateway).request(headers=AUTHORIZED, body=body(1)).header("x-gateway-request-id")
    wait_until(lambda: f'"request":"{twice}"' in gateway.log(), "the exchange in the log")
    lines = [json.loads(line) for line in gateway.log().splitlines() if twice in line or ordinary in line]
    assert [line["request"] for line in lines if line.get("may_have_run_twice")] == [twice]


def test_an_operator_may_forbid_that(start_gateway, upstream, connect):
    upstream.answer(WELL)
    upstream.answer([replies.Reset()], account=BAD)
    gateway = start_gateway(
        accounts=[account("bad", BAD, priority=1), account("good", GOOD[0])], secrets=[BAD, GOOD[0]],
        limits={"repeat_sent": False})
    assert connect(gateway).request(headers=AUTHORIZED, body=body(1)).status == 502
    assert len(upstream.requests) == 1
    # The account rests, and the next request is served; what was answered is not in doubt and moves on.
    upstream.answer(FAILURES["529"](), account=BAD)
    assert connect(gateway).request(headers=AUTHORIZED, body=body(2)).status == 200


def test_what_never_reached_the_upstream_moves_on_in_any_case(start_gateway, make_upstream, upstream, connect):
    gone = make_upstream()
    gone.stop_listening()
    upstream.answer(WELL)
    gateway = start_gateway(
        accounts=[account("bad", BAD, priority=1, base_url=gone.url), account("good", GOOD[0])], secrets=[BAD, GOOD[0]],
        limits={"repeat_sent": False})
    assert connect(gateway).request(headers=AUTHORIZED, body=body(1)).status == 200


def test_how_accounts_stand_survives_a_restart(start_gateway, upstream, connect):
    """And with it which conversation is whose: a restarted gateway does not begin by asking those who said no."""
    gateway = start_gateway(accounts=[account("bad", BAD, priority=1), account("good", GOOD[0])])
    upstream.answer(lambda received: replies.error(429, "rate_limit_error", headers=[("retry-after", "600")]) if received.account == BAD else WELL)
    assert connect(gateway).request(headers=AUTHORIZED, body=body(1)).status == 200
    before = standing(gateway)
    assert before["bad"]["state"] == "cooling" or before["bad"]["rests"]
    gateway.stop()
    gateway.start()
    assert standing(gateway)["bad"]["rests"][0]["reason"] == before["bad"]["rests"][0]["reason"]
    asked = len(upstream.requests)
    assert connect(gateway).request(headers=AUTHORIZED, body=body(2)).status == 200
    assert [received.account for received in upstream.requests[asked:]] == [GOOD[0]]
    # A file of another run of the machine says nothing.
    gateway.stop()
    [file] = (gateway.data / "state").glob("*.state")
    assert file.stat().st_mode & 0o077 == 0
    head, _, state = file.read_bytes().partition(b"\n")
    file.write_bytes(b" ".join([*head.split(b" ")[:2], b"another-boot", *head.split(b" ")[3:]]) + b"\n" + state)
    gateway.start()
    assert standing(gateway)["bad"]["rests"] == []
    # And one that is damaged harms nobody.
    gateway.stop()
    file.write_bytes(head + b"\n" + state[: len(state) // 2])
    gateway.start()
    assert standing(gateway)["bad"]["rests"] == []


def standing(gateway):
    told = gateway.run("accounts", "status", "--json", "--config", gateway.configuration_file)
    assert told.returncode == 0, told.stderr
    return {account["name"]: account for account in json.loads(told.stdout)["accounts"]}
