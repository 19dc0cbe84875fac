"""`gateway check` validates everything without starting: line, column, what is wrong and what was meant."""

import pytest

from harness.configuration import CLIENT_KEY, MAIN_ACCOUNT, as_yaml, configuration
from harness.gateway import Gateway

GOOD = configuration("http://127.0.0.1:9")


@pytest.fixture
def check(tmp_path):
    def run(text, *arguments):
        gateway = Gateway(tmp_path, text)
        done = gateway.run("check", "--config", gateway.configuration_file, *arguments)
        return done.returncode, done.stdout + done.stderr
    return run


def test_a_good_file(check):
    status, said = check(GOOD)
    assert status == 0, said


@pytest.mark.parametrize(("change", "mentions"), [
    (lambda text: text.replace("threads:", "thraeds:"), ["2:1", "thraeds", "threads"]),
    (lambda text: text.replace("threads: 1", "threads: many"), ["2:", "threads"]),
    (lambda text: text.replace("threads: 1", "threads: 1\nthreads: 2"), ["3:1", "threads"]),
    (lambda text: text.replace('"plugin": "Auth"', '"plugin": "Auht"'), ["Auht", "Auth"]),
    (lambda text: text.replace("requests_per_minute", "requests_per_minuet"), ["requests_per_minuet", "requests_per_minute"]),
    (lambda text: text.replace('"type": "api-key"', '"type": "api-keys"'), ["api-key"]),
    (lambda text: text + "limits: {body_memory: 12 parsecs}\n", ["12 parsecs"]),
    (lambda text: text.replace("./data", "${GATEWAY_NOT_SET_ANYWHERE}"), ["GATEWAY_NOT_SET_ANYWHERE"]),
    (lambda text: text.replace("./data", "file:/no/such/file"), ["/no/such/file"]),
    (lambda text: text + "\tx: 1\n", ["11:"]),
    (lambda text: "", [""]),
], ids=["misspelt-key", "wrong-type", "duplicate-key", "misspelt-plugin", "plugin-option", "enum", "unit", "variable", "file",
        "tab", "empty"])
def test_a_fault_is_named(check, change, mentions):
    text = change(as_yaml(GOOD))
    status, said = check(text)
    assert status != 0, said
    for mention in mentions:
        assert mention in said, said
    for secret in (CLIENT_KEY, MAIN_ACCOUNT):
        assert secret not in said


def test_defaults_of_references_count(check):
    status, said = check(as_yaml(GOOD).replace("./data", "${GATEWAY_NOT_SET_ANYWHERE:-./elsewhere}"))
    assert status == 0, said


def test_a_missing_file_is_a_sentence(tmp_path):
    gateway = Gateway(tmp_path, GOOD)
    done = gateway.run("check", "--config", "nowhere.yaml")
    assert done.returncode != 0 and "nowhere.yaml" in done.stdout + done.stderr
