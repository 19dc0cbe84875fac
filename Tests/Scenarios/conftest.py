"""Fixtures of the scenarios. Everything a test starts is ended with it, by its own process id."""

import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.certificates import Authority  # noqa: E402
from harness.client import RawClient  # noqa: E402
from harness.configuration import configuration  # noqa: E402
from harness.egress import HTTPEgress, SilentEgress, SOCKSEgress, make_egress  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.upstream import ScriptedUpstream, UpstreamLoop  # noqa: E402

LOG_TAIL_CHARACTERS = 6000


@pytest.fixture(scope="session")
def upstream_loop():
    loop = UpstreamLoop()
    yield loop
    loop.stop()


@pytest.fixture
def make_upstream(upstream_loop):
    """Starts a scripted upstream; `tls` is a server context."""
    made = []

    def make(**arguments):
        made.append(ScriptedUpstream(upstream_loop, **arguments))
        return made[-1]

    yield make
    for upstream in made:
        upstream.stop()


@pytest.fixture
def upstream(make_upstream):
    return make_upstream()


@pytest.fixture
def start_gateway(tmp_path, upstream, request):
    """Starts a gateway before the upstream fixture; arguments are those of `configuration`, or a `tree`."""
    numbers = itertools.count(1)
    started = []

    def start(tree=None, upstream_url=None, environment=None, secrets=(), sharing=None, **arguments):
        """`sharing`: another gateway whose store this one uses, too."""
        directory = tmp_path / f"gateway-{next(numbers)}"
        directory.mkdir()
        if sharing:
            (directory / "data").mkdir(mode=0o700)
            for name in ("gateway.db", "master.key"):
                (directory / "data" / name).symlink_to(sharing.data / name)
        gateway = Gateway(
            directory, tree or configuration(upstream_url or upstream.url, **arguments), environment, secrets)
        started.append(gateway)
        request.node.stash.setdefault(logs, []).append(gateway)
        try:
            return gateway.start()
        except AssertionError:
            gateway.kill()
            raise

    yield start
    failures = []
    for gateway in started:
        try:
            gateway.stop()
        except AssertionError as failure:
            failures.append(f"{failure}\n{gateway.log()[-LOG_TAIL_CHARACTERS:]}")
        finally:
            gateway.kill()
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


@pytest.fixture
def gateway(start_gateway):
    """One gateway with the whole chain of five and one account."""
    return start_gateway()


@pytest.fixture
def connect():
    """Opens client connections and closes them at the end."""
    opened = []

    def open_one(gateway, **arguments):
        opened.append(RawClient(gateway.address, **arguments))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=[SOCKSEgress, HTTPEgress], ids=["socks5", "http"])
def egress(request, tmp_path):
    """A running proxy with a user and a password, once of each kind."""
    proxy = request.param(tmp_path).start()
    yield proxy
    proxy.stop()


@pytest.fixture(params=["socks5", "http", "https", "socks5-open", "http-open", "https-open"])
def any_egress(request, tmp_path, authority):
    """A running proxy, once of each kind, with credentials and without; the upstream needs `authority` as its ca_file."""
    kind, _, is_open = request.param.partition("-")
    proxy = make_egress(kind, tmp_path, authority, is_open=bool(is_open))
    yield proxy.start()
    proxy.stop()


@pytest.fixture
def silent_egress():
    """A proxy that takes every connection and never says a word."""
    proxy = SilentEgress()
    yield proxy
    proxy.stop()


logs = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows with a failed test what its gateways logged."""
    report = yield
    if report.failed:
        for gateway in item.stash.get(logs, []):
            report.sections.append((f"log of {gateway.directory.name}", gateway.log()[-LOG_TAIL_CHARACTERS:]))
    return report
