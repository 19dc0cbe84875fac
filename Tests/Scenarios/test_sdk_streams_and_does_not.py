"""The anthropic SDK, unmodified, works through all five plugins by changing base URL and key."""

import anthropic
import pytest

from harness import replies
from harness.configuration import CLIENT_KEY, MAIN_ACCOUNT
from harness.waiting import wait_until

QUESTION = {"model": "claude-test-1", "max_tokens": 64, "messages": [{"role": "user", "content": "Grüß dich 🙂"}]}


@pytest.fixture
def sdk(gateway):
    with anthropic.Anthropic(base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0, timeout=20) as client:
        yield client


def test_a_message(sdk, upstream):
    upstream.answer(replies.plain(200, replies.message("Grüße 🙂"), [("request-id", "req_upstream")]))
    answer = sdk.messages.create(**QUESTION)
    assert answer.content[0].text == "Grüße 🙂"
    assert answer.usage.output_tokens == 7
    assert answer._request_id == "req_upstream"
    assert upstream.last.account == MAIN_ACCOUNT


def test_a_stream_arrives_while_it_is_made(sdk, upstream):
    gate = replies.Gate()
    events = replies.message_events(["Eins ", "zwei ", "drei"])
    upstream.answer(replies.stream([*events[:4], gate, *events[4:]]))
    with sdk.messages.stream(**QUESTION) as stream:
        texts = stream.text_stream
        assert next(texts) == "Eins "
        gate.open()
        assert "".join(texts) == "zwei drei"
        assert stream.get_final_message().stop_reason == "end_turn"


def test_api_prefixed_base_url(gateway, upstream):
    with anthropic.Anthropic(base_url=gateway.url + "/api", api_key=CLIENT_KEY, max_retries=0) as sdk:
        sdk.messages.create(**QUESTION)
    assert upstream.last.target == "/v1/messages"


def test_models_and_token_counting_pass_too(sdk, upstream):
    upstream.enqueue(replies.plain(200, b'{"input_tokens": 4}'))
    assert sdk.messages.count_tokens(model="claude-test-1", messages=QUESTION["messages"]).input_tokens == 4
    upstream.enqueue(replies.plain(200, b'{"data": [{"type": "model", "id": "claude-test-1", "display_name": "T", '
                                        b'"created_at": "2026-01-01T00:00:00Z"}], "has_more": false, '
                                        b'"first_id": "claude-test-1", "last_id": "claude-test-1"}'))
    assert [model.id for model in sdk.models.list()] == ["claude-test-1"]


def test_an_upstream_error_is_the_typed_error_it_was(sdk, upstream):
    upstream.answer(replies.error(400, "invalid_request_error", "max_tokens: too small"))
    with pytest.raises(anthropic.BadRequestError, match="max_tokens: too small"):
        sdk.messages.create(**QUESTION)


def test_a_wrong_key_is_an_authentication_error_at_once(gateway, upstream):
    with anthropic.Anthropic(base_url=gateway.url, api_key="cr_wrong", max_retries=3) as sdk:
        with pytest.raises(anthropic.AuthenticationError):
            sdk.messages.create(**QUESTION)
    assert upstream.requests == []


def test_a_cut_stream_is_an_error(sdk, upstream):
    upstream.answer([*replies.stream(replies.message_events()[:4], end=False), replies.Reset()])
    with pytest.raises((anthropic.APIError, anthropic.APIConnectionError)) as raised:
        with sdk.messages.stream(**QUESTION) as stream:
            stream.until_done()
    assert raised.value


def test_leaving_a_stream_early_frees_the_gateway(sdk, gateway, upstream):
    gate = replies.Gate()
    events = replies.message_events()
    upstream.answer(replies.stream([*events[:4], gate, *events[4:]]))
    with sdk.messages.stream(**QUESTION) as stream:
        next(stream.text_stream)
    gate.open()
    wait_until(lambda: upstream.last.was_answered or upstream.last.gateway_left.is_set(), "the exchange ends upstream")
    upstream.answer(replies.plain(200, replies.message()))
    assert sdk.messages.create(**QUESTION).content[0].text == "Hello there"
