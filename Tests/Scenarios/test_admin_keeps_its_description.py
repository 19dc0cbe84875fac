"""Schemathesis makes requests from the interface's own OpenAPI document: none is answered with a 5xx, with a status that the
document does not have, with content that its schema refuses, or without a credential."""

import os
import pathlib
import re
import subprocess
import sys

from harness.admin import administer

CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "ignored_auth", "unsupported_method",
]
# For fuzzing and sequences; what must be tried at all comes before.
SECONDS = 45


def test_requests_made_from_the_description(start_gateway, tmp_path):
    gateway = start_gateway(admin={"openapi": True})
    admin = administer(gateway)
    settings = tmp_path / "schemathesis.toml"
    settings.write_text("")
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", settings, "run",
         f"{gateway.url}/admin/openapi.json", "--header", f"Authorization: {admin.headers['authorization']}",
         "--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing,stateful", "--seed", "1", "--max-time", f"{SECONDS}",
         # An account or proxy that is made up may be anywhere: nothing here leaves loopback.
         "--exclude-path-regex", ":test$"],
        cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 6, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
    tested = int(re.search(r"Tested: (\d+)", done.stdout)[1])
    # The description itself is where schemathesis starts, so it is not tried again.
    assert tested == len([path for _, path, _ in admin.routes() if not path.endswith((":test", "/openapi.json"))])
    # How many it makes in its time depends on what else the machine does.
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > tested * 3
    assert gateway.is_running
