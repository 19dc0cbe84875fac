"""The examples in deploy/ are real: the programs they are for accept them, and they name what exists."""

import pathlib
import re
import subprocess

from harness.egress import tool
from harness.redis import Redis

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"


def test_nginx_accepts_its_example(tmp_path, authority):
    authority.server_context()
    example = (DEPLOY / "nginx.conf").read_text()
    example = re.sub(r"(ssl_certificate +)\S+;", rf"\g<1>{authority.directory}/server.pem;", example)
    example = re.sub(r"(ssl_certificate_key +)\S+;", rf"\g<1>{authority.directory}/server.key;", example)
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ access_log off;\n{example}\n}}\n")
    checked = subprocess.run([tool("nginx", "nginx-light"), "-t", "-p", tmp_path, "-c", file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_promtool_accepts_the_rules():
    checked = subprocess.run([tool("promtool", "prometheus"), "check", "rules", DEPLOY / "prometheus-rules.yml"],
                             capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_rules_name_metrics_that_exist(start_gateway, connect, request):
    redis = Redis()
    request.addfinalizer(redis.stop)
    gateway = start_gateway(store=redis.url)
    named = set(re.findall(r"gateway_\w+", (DEPLOY / "prometheus-rules.yml").read_text()))
    client = connect(gateway)
    client.request(body=b"{}")  # some families appear with their first exchange
    text = client.request("GET", "/metrics").body.decode()
    families = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    missing = {name for name in named if name not in families and name.removesuffix("_bucket") not in families
               and name.removesuffix("_total") not in families}
    assert not missing, f"the rules name {sorted(missing)}; there is {sorted(families)}"


def test_the_unit_and_the_image_name_verbs_that_exist():
    for name in ("gateway.service", "Dockerfile"):
        text = (DEPLOY / name).read_text()
        assert set(re.findall(r"/gateway (\w+) --config", text)) <= {"serve", "check"}
