"""Keys, prompts and replies never reach the log, an error message, the data folder or the process list."""

import json
import pathlib

from harness import replies
from harness.configuration import AUTHORIZED, MAIN, MAIN_ACCOUNT, SECRETS, SPARE, account

PROMPT = "canary prompt 5f1c"
REPLY = "canary reply 77aa"
BODY = json.dumps({"model": "claude-test-1", "max_tokens": 1, "messages": [{"role": "user", "content": PROMPT}]}).encode()


def everything(gateway):
    parts = [gateway.log()]
    for path in gateway.files_in_data():
        if path.name == "applied.yaml":
            assert path.stat().st_mode & 0o077 == 0, "the copy of the applied file is as secret as the file"
        else:
            parts.append(path.read_bytes().decode("latin-1"))
    parts.append(pathlib.Path(f"/proc/{gateway.process.pid}/cmdline").read_text())
    return "\n".join(parts)


def test_in_every_kind_of_trouble(start_gateway, upstream, connect, egress):
    gateway = start_gateway(accounts=[account(proxy=egress.settings(password="canary-wrong-password")), SPARE],
                            log={"level": "debug"}, secrets=["canary-wrong-password"])
    said = []
    for script in [replies.plain(200, replies.message(REPLY)), replies.error(401, "authentication_error"),
                   [replies.Reset()], replies.error(429, "rate_limit_error"), [b"HTTP/1.1 nonsense " + REPLY.encode(),
                                                                              replies.Close()]]:
        upstream.answer(script)
        response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
        said.append(repr(response.headers) + ("" if response.status == 200 else response.body.decode()))
    connect(gateway).request(headers=[("x-api-key", "sk-ant-canary-of-a-stranger")], body=BODY)
    text = everything(gateway) + "\n".join(said)
    for canary in [*SECRETS, "canary-wrong-password", PROMPT, REPLY, "sk-ant-canary-of-a-stranger"]:
        assert canary not in text, canary


def test_in_a_refused_configuration(start_gateway, upstream):
    gateway = start_gateway(accounts=[MAIN])
    status, said = gateway.reload(gateway.configuration_file.read_text() + "unknown_key: 1\n")
    assert status != 0
    broken = gateway.configuration_file.read_text().replace('"api-key"', '"no-such-type"')
    status, more = gateway.reload(broken)
    assert status != 0
    assert MAIN_ACCOUNT not in said + more + gateway.log()


def test_keys_from_the_environment_and_files(start_gateway, upstream, connect, tmp_path):
    secret_file = tmp_path / "key"
    secret_file.write_text("sk-ant-canary-from-file\n")
    secret_file.chmod(0o600)
    gateway = start_gateway(
        accounts=[account("environment", "${GATEWAY_TEST_ACCOUNT_KEY}"), account("file", f"file:{secret_file}")],
        picker={"strategy": "round-robin", "sticky": {"enabled": False}},
        environment={"GATEWAY_TEST_ACCOUNT_KEY": "sk-ant-canary-from-environment"},
        secrets=["sk-ant-canary-from-file", "sk-ant-canary-from-environment"])
    for _ in range(2):
        assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
    assert {received.account for received in upstream.requests} == {
        "sk-ant-canary-from-file", "sk-ant-canary-from-environment"}
