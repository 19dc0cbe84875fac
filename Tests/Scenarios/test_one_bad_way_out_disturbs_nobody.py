"""A place that does not answer costs those who need it, nobody else; and what fails behind a proxy never goes around it."""

import json
import re
import socket
import subprocess
import threading

import pytest

from harness.client import RawClient
from harness.configuration import AUTHORIZED, MAIN_ACCOUNT, SPARE, SPARE_ACCOUNT, account
from harness.egress import HTTPEgress, SOCKSEgress, make_egress, tool
from harness.waiting import wait_until

CLIENTS = 60
BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'


@pytest.fixture
def silent_host():
    """A port whose queue is full: the kernel answers no SYN to it any more."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            waiting.append(one)
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


def crowd(gateway, rounds=3):
    """Clients at once, each asking some times; the statuses, and what was said."""
    answers, failures = [], []

    def run():
        try:
            with RawClient(gateway.address, seconds=60) as client:
                for _ in range(rounds):
                    response = client.request(headers=AUTHORIZED, body=BODY)
                    answers.append((response.status, bytes(response.body)))
        except Exception as failure:
            failures.append(repr(failure))

    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    return answers


def test_a_host_that_is_silent_disturbs_nobody(start_gateway, upstream, silent_host):
    bad = account("bad", base_url=f"http://127.0.0.1:{silent_host}", priority=1)
    gateway = start_gateway(accounts=[bad, SPARE], timeouts={"connect": "1s"})
    answers = crowd(gateway)
    assert {status for status, _ in answers} == {200}, answers[0]
    assert {received.account for received in upstream.requests} == {SPARE_ACCOUNT}


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_a_proxy_that_is_silent_disturbs_nobody(start_gateway, upstream, silent_egress, kind):
    bad = account("bad", proxy=silent_egress.settings(type=kind), priority=1)
    gateway = start_gateway(accounts=[bad, SPARE], timeouts={"connect": "1s"})
    assert {status for status, _ in crowd(gateway)} == {200}
    assert {received.account for received in upstream.requests} == {SPARE_ACCOUNT}


def test_those_who_ask_for_a_silent_host_again_are_told_at_once(start_gateway, silent_host):
    gateway = start_gateway(upstream_url=f"http://127.0.0.1:{silent_host}", timeouts={"connect": "2s"}, limits={"attempts": 1})
    with RawClient(gateway.address) as client:
        first = client.request(headers=AUTHORIZED, body=BODY)
    assert first.status in (504, 529) and json.loads(first.body)["type"] == "error"
    answers = crowd(gateway, rounds=2)
    assert all(status in (502, 504, 529) for status, _ in answers)
    # The account is spared, being the last: it is asked for again and again, and only one at a time dials.
    told = [body for _, body in answers if b"a moment ago" in body or b"is being tried" in body]
    assert told, answers[:3]
    # They are counted as what they are, and not as connections that failed.
    wait_until(lambda: counted(gateway, "gateway_upstream_dials_refused_total{") == len(told), "refusals are counted")


def counted(gateway, name):
    with RawClient(gateway.address) as client:
        text = client.request("GET", "/metrics").body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


SILENT_RESOLVER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
/* A name server that never answers for some names: the resolver's call does not come back within any test's time. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    while (node && strstr(node, "silent.example")) pause();
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, found);
}
"""


@pytest.fixture
def silent_resolver(tmp_path):
    """The environment of a gateway whose resolver waits for ever for names below silent.example."""
    source, library = tmp_path / "resolver.c", tmp_path / "resolver.so"
    source.write_text(SILENT_RESOLVER)
    subprocess.run([tool("cc", "gcc"), "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}


def test_a_name_server_that_is_silent_disturbs_nobody(start_gateway, upstream, silent_resolver):
    """Of a name that is not answered few are looked up at a time, and names that are answered do not wait behind them."""
    bad = [account(f"bad{number}", f"sk-ant-canary-bad-{number}", base_url=f"http://silent.example:{80 + number}", priority=1 + number)
           for number in range(2)]
    named = account("spare", SPARE_ACCOUNT, base_url=f"http://localhost:{upstream.port}")
    gateway = start_gateway(accounts=[*bad, named], timeouts={"connect": "1s"}, environment=silent_resolver, threads=2)
    threads = gateway.thread_count()
    most = [0]
    ended = threading.Event()

    def watch():
        while not ended.wait(0.01):
            most[0] = max(most[0], gateway.thread_count() - threads)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        answers = crowd(gateway)
    finally:
        ended.set()
        watcher.join()
    assert {status for status, _ in answers} == {200}, answers[0]
    assert {received.account for received in upstream.requests} == {SPARE_ACCOUNT}
    # Four of a name on each loop, and with them the few that look for a name that answers.
    assert 0 < most[0] <= 2 * (4 + 4), f"{most[0]} threads look names up"


# ---------------------------------------------------------------- as the kernel sees it


class Watch:
    """Every connect(2) of a process, from strace."""

    def __init__(self, process, file):
        self.file = file
        self.process = subprocess.Popen(
            [tool("strace", "strace"), "-f", "-e", "trace=connect,sendto,sendmsg,openat", "-e", "signal=none", "-o", file, "-p", str(process)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        assert "attached" in line, f"strace may not look at the gateway: {line}"

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stderr.close()

    def ports(self):
        """Of TCP and UDP, on any address."""
        return {int(port) for port in re.findall(r"sin6?_port=htons\((\d+)\)", self.file.read_text())}


@pytest.mark.parametrize("fault", ["stopped", "wrong password", "silent"])
@pytest.mark.parametrize("kind", ["socks5", "http", "https"])
def test_no_packet_goes_around_a_proxy_that_fails(start_gateway, make_upstream, tmp_path, silent_egress, authority, kind, fault):
    behind, direct = make_upstream(), make_upstream()
    proxy = make_egress(kind, tmp_path, authority).start()
    settings = proxy.settings()
    if fault == "stopped":
        proxy.stop()
    elif fault == "wrong password":
        settings["password"] = "wrong-password"
    else:
        settings["port"] = silent_egress.port
    spare = account("spare", SPARE_ACCOUNT, base_url=direct.url)
    gateway = start_gateway(
        upstream_url={"url": behind.url, "ca_file": str(authority.file)}, accounts=[account(proxy=settings, priority=1), spare],
        timeouts={"connect": "1s"})
    watch = Watch(gateway.process.pid, tmp_path / "connects")
    try:
        with RawClient(gateway.address) as client:
            for _ in range(4):
                assert client.request(headers=AUTHORIZED, body=BODY).status == 200, "the other account serves"
        wait_until(lambda: settings["port"] in watch.ports(), "the proxy was tried")
        status = RawClient(gateway.address).request("GET", "/metrics").body.decode()
    finally:
        watch.stop()
        proxy.stop()
    ports = watch.ports()
    assert direct.port in ports, "the watch sees what goes out directly"
    assert behind.port not in ports and behind.connections == 0
    assert 'gateway_account_state{account="main"} 1' in status, "the account is reported"
    assert f'gateway_proxy_state{{proxy="{"socks5h" if kind == "socks5" else kind}://127.0.0.1:{settings["port"]}"}}' in status
    assert {received.account for received in direct.requests} == {SPARE_ACCOUNT}


def names_looked_up(watch):
    """The process asked somebody for the address of a name: the table of hosts, or a name server."""
    return "/etc/hosts" in watch.file.read_text() or 53 in watch.ports()


@pytest.mark.parametrize("kind", [SOCKSEgress, HTTPEgress])
def test_names_are_looked_up_by_the_proxy_and_by_nobody_else(start_gateway, upstream, tmp_path, kind):
    proxy = kind(tmp_path).start()
    ways = {"known": ("localhost", [proxy.settings()]), "unknown": ("nowhere.invalid", [proxy.settings()]), "direct": ("nowhere.invalid", None)}
    try:
        for way, (host, proxies) in ways.items():
            gateway = start_gateway(
                upstream_url=f"http://{host}:{upstream.port}", accounts=[account(**({"proxy": proxies} if proxies else {}))],
                timeouts={"connect": "5s"})
            watch = Watch(gateway.process.pid, tmp_path / way)
            try:
                with RawClient(gateway.address) as client:
                    status = client.request(headers=AUTHORIZED, body=BODY).status
            finally:
                watch.stop()
            assert (status == 200) == (way == "known")
            assert upstream.port not in watch.ports()
            assert names_looked_up(watch) == (way == "direct"), "the watch sees it where it happens"
    finally:
        proxy.stop()


def test_the_watch_would_see_it(start_gateway, upstream, tmp_path):
    gateway = start_gateway()
    watch = Watch(gateway.process.pid, tmp_path / "connects")
    try:
        with RawClient(gateway.address) as client:
            assert client.request(headers=AUTHORIZED, body=BODY).status == 200
        wait_until(lambda: upstream.port in watch.ports(), "a direct connection is seen")
    finally:
        watch.stop()
    assert upstream.last.account == MAIN_ACCOUNT
