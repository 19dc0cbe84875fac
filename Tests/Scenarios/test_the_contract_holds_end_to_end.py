"""What gateway_plugin.h promises holds in a real exchange: verdicts, suspension, failure policy, on_complete."""

import json
import pathlib
import re
import subprocess

import pytest

from harness import replies
from harness.configuration import MAIN, SPARE
from harness.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'
HEADERS = [("content-type", "application/json"), ("anthropic-version", "2023-06-01")]
HOOKS = ["request", "body", "select", "attempt", "response", "chunk"]


@pytest.fixture(scope="session")
def plugin(tmp_path_factory):
    target = tmp_path_factory.mktemp("plugin") / "promises.so"
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", "-o", target,
         "-I", ROOT / "Sources/PluginABI/include", ROOT / "Tests/Scenarios/plugins/promises.c"], check=True)
    return str(target)


@pytest.fixture
def serve(start_gateway, upstream, plugin):
    """Starts a gateway whose chain is one entry per mode, named outer, inner, innermost."""

    def start(*modes, picker=False, **entry):
        names = ["outer", "inner", "innermost"]
        chain = [{"plugin": plugin, "name": names[place], "config": {"mode": mode}, **entry} for place, mode in enumerate(modes)]
        if picker:
            chain.append({"plugin": "AccountPicker", "config": {"accounts": [MAIN, SPARE]}})
        return start_gateway(tree={
            "listen": "127.0.0.1:0", "threads": 1, "upstream": upstream.url, "data": "./data", "chain": chain})

    return start


def completions(gateway, name="outer"):
    """The line each on_complete logged, as dictionaries."""
    found = []
    for line in gateway.log().splitlines():
        match = re.search(rf"\b{name} complete (status=[^\"]*longest=\d+ paused=\d)", line)
        if match:
            found.append({key: int(value) for key, value in (word.split("=") for word in match.group(1).split())})
    return found


def wait_for_completion(gateway, count=1, name="outer"):
    wait_until(lambda: len(completions(gateway, name)) >= count, "on_complete logs its line")
    assert len(completions(gateway, name)) == count
    return completions(gateway, name)[-1]


def ask(connect, gateway):
    return connect(gateway).request(headers=HEADERS, body=BODY)


def policy_error(response):
    assert response.status == 503, response.body
    error = json.loads(response.body)
    assert error["type"] == "error" and "outer" in error["error"]["message"]


BROKEN = ["fail", "invent", "suspend on nothing"]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("fault", BROKEN)
def test_a_failed_hook_fails_closed(serve, upstream, connect, hook, fault):
    upstream.answer(replies.plain(body=b'{"ok":true}'))
    gateway = serve(f"{fault} at {hook}")
    policy_error(ask(connect, gateway))
    done = wait_for_completion(gateway)
    assert done["status"] == 503 and done["completes"] == 1


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("fault", BROKEN)
def test_a_failed_hook_fails_open_if_the_operator_says_so(serve, upstream, connect, hook, fault):
    upstream.answer(replies.plain(body=b'{"ok":true}'))
    gateway = serve(f"{fault} at {hook}", "nothing", on_error="fail_open")
    response = ask(connect, gateway)
    assert response.status == 200 and response.body == b'{"ok":true}'
    assert wait_for_completion(gateway)["completes"] == 1
    assert wait_for_completion(gateway, name="inner")["status"] == 200


@pytest.mark.parametrize("hook", ["request", "body", "select", "attempt", "response"])
def test_finish_is_for_chunks_only(serve, upstream, connect, hook):
    gateway = serve(f"finish at {hook}")
    policy_error(ask(connect, gateway))


@pytest.mark.parametrize("hook", ["request", "body", "select", "attempt", "response"])
def test_a_staged_response_passes_the_plugins_before_it(serve, upstream, connect, hook):
    gateway = serve("nothing", f"respond at {hook}", "nothing")
    response = ask(connect, gateway)
    assert response.status == 418 and response.body == b"short and stout"
    assert response.header("x-from") == "inner" and response.header("content-type") == "text/plain"
    passed = [value for name, value in response.headers if name.lower() == "x-passed"]
    assert passed == ["outer"], "not its own response hook, nor those behind it"
    for name in ("outer", "inner"):
        assert wait_for_completion(gateway, name=name)["status"] == 418


@pytest.mark.parametrize("hook", ["request", "select", "response"])
def test_respond_without_a_response_is_a_failure(serve, connect, hook):
    gateway = serve(f"respond with nothing at {hook}")
    policy_error(ask(connect, gateway))


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("way", ["wait", "thread"])
def test_a_suspended_hook_goes_on_when_its_operation_ends(serve, upstream, connect, hook, way):
    upstream.answer(replies.plain(body=b'{"ok":true}'))
    gateway = serve(f"{way} at {hook}", "nothing")
    response = ask(connect, gateway)
    assert response.status == 200 and response.body == b'{"ok":true}'
    done = wait_for_completion(gateway)
    assert done["callbacks"] >= 1 and done["cancelled"] == 0 and done["paused"] == 1
    assert wait_for_completion(gateway, name="inner")["paused"] == 0


@pytest.mark.parametrize("hook", HOOKS)
def test_a_suspension_has_a_limit(serve, upstream, connect, hook):
    upstream.answer(replies.plain(body=b'{"ok":true}'))
    gateway = serve(f"wait for ever at {hook}", suspension_limit="50ms")
    policy_error(ask(connect, gateway))
    done = wait_for_completion(gateway)
    assert done["callbacks"] == 1 and done["cancelled"] == 1 and done["completes"] == 1


def test_an_open_plugin_that_stays_suspended_is_left_out(serve, upstream, connect):
    upstream.answer(replies.plain(body=b'{"ok":true}'))
    gateway = serve("wait for ever at request", suspension_limit="50ms", on_error="fail_open")
    assert ask(connect, gateway).body == b'{"ok":true}'
    done = wait_for_completion(gateway)
    assert done["status"] == 200 and done["cancelled"] == 1 and done["chunks"] == 0


@pytest.mark.parametrize("hook", ["request", "select", "chunk"])
def test_a_client_that_leaves_ends_pending_operations_before_on_complete(serve, upstream, connect, hook):
    upstream.answer(replies.plain(body=b'{"ok":true}'))
    gateway = serve(f"wait for ever at {hook}", suspension_limit="1s")
    client = connect(gateway)
    client.request(headers=HEADERS, body=BODY, read=False)
    wait_until(lambda: "waits for ever" in gateway.log(), "the hook is suspended")
    client.reset()
    done = wait_for_completion(gateway)
    assert done["callbacks"] == 1 and done["cancelled"] == 1 and done["completes"] == 1


def test_emit_replaces_chunks(serve, upstream, connect):
    events = replies.message_events()
    upstream.answer(replies.stream(events))
    gateway = serve("double")
    response = ask(connect, gateway)
    assert response.is_complete
    assert response.body == b"".join(event + event for event in events)


def test_an_empty_emit_drops_the_chunk(serve, upstream, connect):
    events = replies.message_events()
    ping = replies.event("ping", {"type": "ping"})
    upstream.answer(replies.stream([events[0], ping, *events[1:], ping]))
    gateway = serve("nothing", "drop pings")
    response = ask(connect, gateway)
    assert response.is_complete and response.body == b"".join(event for event in events if b"ping" not in event)


def test_finish_ends_the_response_after_what_was_emitted(serve, upstream, connect):
    events = replies.message_events()
    upstream.answer(replies.stream(events))
    gateway = serve("finish at chunk")
    response = ask(connect, gateway)
    assert response.is_complete
    assert response.body == events[0] + b"event: bye\ndata: {}\n\n"


def test_a_buffered_response_is_one_chunk(serve, upstream, connect):
    events = replies.message_events()
    upstream.answer(replies.stream(events))
    gateway = serve("buffer")
    response = ask(connect, gateway)
    assert response.body == b"".join(events)
    done = wait_for_completion(gateway)
    assert done["chunks"] == 1 and done["longest"] == len(response.body)


def test_a_response_larger_than_the_buffer_is_an_error(serve, upstream, connect):
    upstream.answer(replies.plain(body=b'{"ok":"more than ten bytes"}'))
    response = ask(connect, serve("buffer little"))
    assert response.status == 502 and b"10 bytes" in response.body


def test_the_first_event_can_still_be_retried(serve, upstream, connect):
    failed = replies.event("error", {"type": "error", "error": {"type": "overloaded_error", "message": "x"}})
    events = replies.message_events()
    upstream.enqueue(replies.stream([failed]), replies.stream(events))
    gateway = serve("retry on error", picker=True)
    response = ask(connect, gateway)
    assert response.status == 200 and response.body == b"".join(events)
    assert wait_for_completion(gateway)["completes"] == 1


def test_a_replaced_body_is_what_goes_upstream(serve, upstream, connect):
    gateway = serve("replace the body")
    assert ask(connect, gateway).status == 200
    assert upstream.last.body == b'{"model":"replaced","messages":[]}'


def test_a_hook_that_overruns_is_named_and_put_in_quarantine(serve, upstream, connect):
    gateway = serve("spin at request", hook_budget="15ms", hook_limit="40ms")
    for _ in range(3):
        policy_error(ask(connect, gateway))
    wait_until(lambda: "plugin in quarantine" in gateway.log(), "three overruns lead to quarantine")
    assert "plugin hook exceeds its budget" in gateway.log() and '"hook":"on_request"' in gateway.log()
    policy_error(ask(connect, gateway))
    gateway.stop()
    assert len(completions(gateway)) == 3, "a plugin in quarantine is not called"


def test_a_crash_names_the_plugin_and_the_hook(serve, connect):
    gateway = serve("crash at request")
    client = connect(gateway)
    client.request(headers=HEADERS, body=BODY, read=False)
    wait_until(lambda: not gateway.is_running, "the process ends")
    gateway.kill()
    assert "fatal signal 6 in plugin 'outer', on_request, request " in gateway.log()
