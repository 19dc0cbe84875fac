"""Where a limit says so a stream ends when its budget is used up while it runs: well formed, told why, and let go upstream."""

import json

import anthropic
import pytest

from harness import replies
from harness.spending import INPUT_PRICE, MODEL, OUTPUT_PRICE
from harness.client import RawClient
from harness.configuration import AUTHORIZED, CLIENT_KEY
from harness.metrics import metric
from harness.redis import Redis
from harness.waiting import wait_until

MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}
WORDS = "x" * 400  # a hundred tokens, as streams are estimated
# No test reads so far unless the stream is not stopped.
ENDLESS = 200


def request(max_tokens=64, stream=True):
    return json.dumps({"model": MODEL, "max_tokens": max_tokens, "stream": stream, "messages": []}).encode()


def events(count, input_tokens=10, output_tokens=None):
    return replies.message_events([WORDS] * count, model=MODEL, input_tokens=input_tokens, output_tokens=output_tokens or 100 * count)


def asked(gateway, **arguments):
    with RawClient(gateway.address, seconds=60) as client:
        return client.request(headers=[*AUTHORIZED, ("accept-encoding", "gzip")], body=request(**arguments))


def parsed(body):
    """Name and data of each event."""
    found = []
    for text in bytes(body).decode().split("\n\n"):
        if text:
            name, data = text.split("\n", 1)
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def rows(gateway):
    done = gateway.run("usage", "rows", "--json", "--data", gateway.data)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("budget, kind, said", [
    ("0.03 usd per day stop_streams", "billing_error", "used up the budget of 0.03 USD per day while this answer was written"),
    ("2000 tokens per day stop_streams", "rate_limit_error", "used up the limit of 2000 tokens per day"),
    ("2000 output_tokens per minute stop_streams", "rate_limit_error", "used up the limit of 2000 output tokens per minute"),
    ("2000 tokens in all stop_streams", "billing_error", "used up the limit of 2000 tokens in all"),
    ({"limit": "2000 tokens per hour", "stop_streams": True}, "rate_limit_error", "used up the limit of 2000 tokens per hour"),
], ids=str)
def test_it_ends_with_an_error_event(start_gateway, upstream, budget, kind, said):
    gateway = start_gateway(per_key={"budgets": [budget]})
    gate = replies.Gate()
    upstream.answer(replies.stream([*events(ENDLESS)[:100], gate, *events(ENDLESS)[100:]]))
    answer = asked(gateway)
    # The HTTP message is whole, and the last event says what happened.
    assert answer.status == 200 and answer.is_complete
    told = parsed(answer.body)
    assert told[0][0] == "message_start"
    assert [name for name, _ in told[3:-1]] == ["content_block_delta"] * (len(told) - 4)
    name, data = told[-1]
    assert name == "error" and data["type"] == "error" and data["request_id"]
    assert data["error"]["type"] == kind
    assert f"the API key 'laptop' {said}" in data["error"]["message"] and "is not complete" in data["error"]["message"]
    assert ("It renews at" in data["error"]["message"]) == ("in all" not in str(budget))
    # Two thousand tokens, and the event that was one too many is not among them.
    deltas = sum(name == "content_block_delta" for name, _ in told)
    assert 18 <= deltas <= 20
    # Events that come packed could not be told apart.
    assert upstream.last.header("accept-encoding") == "identity"
    assert upstream.last.gateway_left.wait(20), "the upstream is let go"
    [row] = wait_until(lambda: [row for row in rows(gateway) if row["end"]], "the row is there")
    assert row["end"] == "interrupted" and row["input_tokens"] == 10
    assert row["output_tokens"] == 1, "only what was reported is billed"
    assert row["cost_nano_usd"] == 10 * INPUT_PRICE + OUTPUT_PRICE
    assert "used up" in row["why"]
    assert metric(gateway, "gateway_limit_streams_stopped_total") == 1
    # What was written counts against the budget all the same.
    assert asked(gateway).status in (402, 429)


def test_the_sdk_raises_an_error(start_gateway, upstream):
    gateway = start_gateway(per_key={"budgets": ["2000 tokens per day stop_streams"]})
    upstream.answer(replies.stream(events(ENDLESS)))
    texts = []
    with anthropic.Anthropic(base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0, timeout=20) as sdk:
        with pytest.raises(anthropic.APIStatusError) as raised:
            with sdk.messages.stream(model=MODEL, max_tokens=64, messages=[{"role": "user", "content": "x"}]) as stream:
                texts += stream.text_stream
    assert raised.value.body["error"]["type"] == "rate_limit_error"
    assert "used up the limit of 2000 tokens per day while this answer was written" in str(raised.value)
    assert "".join(texts) == WORDS * len(texts) and len(texts) >= 18


def test_a_stream_that_fits_is_not_touched(start_gateway, upstream):
    gateway = start_gateway(per_key={"budgets": ["1 usd per day stop_streams", "2000 tokens per day stop_streams"]})
    sent = events(15)
    upstream.answer(replies.stream(sent))
    answer = asked(gateway)
    assert answer.status == 200 and bytes(answer.body) == b"".join(sent)
    [row] = wait_until(lambda: rows(gateway), "the row is there")
    assert row["end"] == "completed" and row["output_tokens"] == 1500 and row["cost_nano_usd"] == 10 * INPUT_PRICE + 1500 * OUTPUT_PRICE
    # It had reserved sixty-four of output, and is settled with what it used.
    upstream.answer(replies.stream(events(ENDLESS)))
    told = parsed(asked(gateway).body)
    assert told[-1][0] == "error" and sum(name == "content_block_delta" for name, _ in told) <= 5


def test_input_that_is_too_much_ends_it_before_a_word(start_gateway, upstream):
    gateway = start_gateway(per_key={"budgets": ["2000 input_tokens per day stop_streams"]})
    upstream.answer(replies.stream(events(3, input_tokens=2500)))
    told = parsed(asked(gateway).body)
    assert [name for name, _ in told] == ["error"]
    [row] = wait_until(lambda: [row for row in rows(gateway) if row["end"]], "the row is there")
    assert row["end"] == "interrupted" and row["input_tokens"] == 2500


def test_others_reserve_of_the_same_budget(start_gateway, upstream, connect):
    """Two streams at once share what there is; together they are not given more."""
    gateway = start_gateway(threads=2, per_key={"budgets": ["4000 output_tokens per day stop_streams"]})
    gates = [replies.Gate(), replies.Gate()]
    for gate in gates:
        upstream.enqueue(replies.stream([*events(ENDLESS)[:10], gate, *events(ENDLESS)[10:]]))
    clients = [connect(gateway), connect(gateway)]
    for client in clients:
        client.request(headers=AUTHORIZED, body=request(), read=False)
    upstream.wait_for_requests(2)
    for gate in gates:
        gate.open()
    told = [parsed(client.response().body) for client in clients]
    assert [list(dict(events))[-1] for events in told] == ["error", "error"]
    deltas = sum(name == "content_block_delta" for events in told for name, _ in events)
    assert 36 <= deltas <= 40


def test_a_key_says_it_of_its_own_budget(start_gateway, upstream):
    gateway = start_gateway()
    refused = gateway.run("keys", "create", "--name", "ci", "--budget", "9 requests per day stop_streams")
    assert refused.returncode != 0 and "not for requests" in refused.stdout + refused.stderr
    made = gateway.run("keys", "create", "--name", "ci", "--budget", "2000 tokens per day stop_streams without_redis allow", "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["revealed"]["key"]
    upstream.answer(replies.stream(events(ENDLESS)))

    def with_key():
        with RawClient(gateway.address, seconds=60) as client:
            return client.request(headers=[("x-api-key", key), ("content-type", "application/json")], body=request())

    answer = wait_until(lambda: (answer := with_key()).status == 200 and answer, "the key is known")
    name, data = parsed(answer.body)[-1]
    assert name == "error" and "the API key 'ci' used up the limit of 2000 tokens per day" in data["error"]["message"]
    # The other key has no such limit.
    assert parsed(asked(gateway).body)[-1][0] == "message_stop"


def test_by_default_no_stream_is_stopped(start_gateway, upstream):
    gateway = start_gateway(per_key={"budgets": ["0.03 usd per day"]})
    sent = events(ENDLESS)
    upstream.answer(replies.stream(sent))
    answer = asked(gateway)
    assert bytes(answer.body) == b"".join(sent)
    assert upstream.last.header("accept-encoding") == "gzip"
    wait_until(lambda: asked(gateway).status == 402, "all of it is spent")


def test_an_answer_that_is_no_stream_is_whole(start_gateway, upstream):
    gateway = start_gateway(per_key={"budgets": ["2000 tokens per day stop_streams"]})
    upstream.answer(replies.plain(200, replies.message("x" * 40_000, model=MODEL, output_tokens=10_000)))
    answer = asked(gateway, stream=False)
    assert answer.status == 200 and json.loads(answer.body)["usage"]["output_tokens"] == 10_000
    assert asked(gateway, stream=False).status == 429


def test_over_redis(start_gateway, upstream):
    redis = Redis()
    try:
        gateways = [
            start_gateway(
                store=redis.url, environment=MASTER_KEY, per_key={"budgets": ["0.03 usd per day stop_streams"]}) for _ in range(2)]
        for gateway in gateways:
            wait_until(lambda gateway=gateway: metric(gateway, "gateway_redis_up") == 1, "it has its Redis")
        upstream.answer(replies.stream(events(10)))
        assert parsed(asked(gateways[0]).body)[-1][0] == "message_stop"
        upstream.answer(replies.stream(events(ENDLESS)))
        told = parsed(asked(gateways[1]).body)
        # Half of it was used at the other gateway.
        assert told[-1][0] == "error" and told[-1][1]["error"]["type"] == "billing_error"
        assert 8 <= sum(name == "content_block_delta" for name, _ in told) <= 10
        # Settled when the exchange has ended, which is a moment after its last byte.
        for gateway in gateways:
            wait_until(lambda gateway=gateway: asked(gateway).status == 402, "all of it is spent")
    finally:
        redis.stop()
