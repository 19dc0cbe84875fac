"""What was answered with success is there afterwards, whatever happens to the process, the disk or the key."""

import contextlib
import errno
import http.client
import sqlite3
import subprocess
import threading

import pytest

from harness.admin import administer
from harness.configuration import AUTHORIZED, configuration
from harness.gateway import Gateway
from harness.waiting import PATIENCE_SECONDS

CHANGES, THREADS, ENOUGH = 1000, 40, 300


def all_groups(admin):
    groups, cursor = {}, ""
    while cursor is not None:
        page = admin.get(f"/admin/v1/groups?limit=200{cursor}").body
        groups.update({group["id"]: group for group in page["data"]})
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    return groups


def refused_start(gateway):
    """What a gateway says that does not start."""
    done = gateway.run("serve", "--config", gateway.configuration_file)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_what_was_answered_survives_kill(gateway):
    admin = administer(gateway)
    acknowledged, refused, enough = {}, [], threading.Event()

    def change(first):
        for number in range(first, CHANGES, THREADS):
            try:
                answer = admin.post("/admin/v1/groups", {"name": f"group {number}", "notes": "x" * (number * 7 % 500)})
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 201:
                acknowledged[answer.body["id"]] = number
            else:
                refused.append(answer.raw)
            if len(acknowledged) >= ENOUGH or refused:
                enough.set()

    threads = [threading.Thread(target=change, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    assert enough.wait(PATIENCE_SECONDS) and not refused, refused
    gateway.kill()
    for thread in threads:
        thread.join()
    assert ENOUGH <= len(acknowledged) < CHANGES, "killed in the middle"

    admin.address = gateway.start().address
    stored = all_groups(admin)
    assert set(acknowledged) <= set(stored)
    for identifier, number in acknowledged.items():
        assert stored[identifier]["name"] == f"group {number}"
        assert stored[identifier]["notes"] == "x" * (number * 7 % 500)
    # Each whole, also those of which nobody heard, and each with its line in the trail.
    assert all(group["name"].startswith("group ") and "notes" in group for group in stored.values())
    with contextlib.closing(sqlite3.connect(gateway.data / "gateway.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        created = database.execute("SELECT record FROM audit WHERE resource = 'groups' AND action = 'create'").fetchall()
    assert sorted(row[0] for row in created) == sorted(stored)


@pytest.fixture
def small_disk(tmp_path):
    """A gateway's folder whose data lie on a disk of 128 MB of its own."""
    folder = tmp_path / "small"
    data = folder / "data"
    data.mkdir(parents=True, mode=0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m,mode=700", "tmpfs", data], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"this user cannot mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", data], check=True)


def fill(path):
    """Takes all the room there is."""
    with open(path, "wb", buffering=0) as filler:
        piece = b"\0" * (1 << 20)
        while piece:
            try:
                filler.write(piece)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                piece = piece[:len(piece) // 2]


def test_a_full_disk_refuses_changes_and_nothing_else(small_disk, upstream, connect):
    gateway = Gateway(small_disk, configuration(upstream.url)).start()
    try:
        admin = administer(gateway)
        filler = gateway.data / "filler"
        fill(filler)
        made, answer = [], None
        for number in range(2000):
            answer = admin.post("/admin/v1/groups", {"name": f"group {number}", "notes": "x" * 400})
            if answer.status != 201:
                break
            made.append(answer.body["id"])
        assert answer.status == 503 and "full" in answer.body["detail"], answer.raw
        # Everything that was said is there, and requests are served as before.
        assert sorted(all_groups(admin)) == sorted(made)
        body = b'{"model":"claude-sonnet-4-5","max_tokens":1,"messages":[]}'
        assert connect(gateway).request(headers=AUTHORIZED, body=body).status == 200
        filler.unlink()
        again = admin.post("/admin/v1/groups", {"name": "again"})
        assert again.status == 201
        gateway.stop()
        admin.address = gateway.start().address
        assert sorted(all_groups(admin)) == sorted([*made, again.body["id"]])
        gateway.stop()
    finally:
        gateway.kill()


def test_the_wrong_key_a_key_for_all_and_a_newer_store_are_refused(gateway):
    admin = administer(gateway)
    made = admin.post("/admin/v1/accounts", {"name": "second", "type": "api-key", "api_key": "sk-ant-canary-of-a-store"})
    assert made.status == 201
    gateway.stop()
    key, database = gateway.data / "master.key", gateway.data / "gateway.db"
    right, before = key.read_text(), database.read_bytes()

    key.write_text("0123456789abcdef" * 4 + "\n")
    said = refused_start(gateway)
    assert "is sealed with master key" in said and "Nothing was changed" in said and str(key) in said
    key.unlink()
    assert "master key is not here" in refused_start(gateway)
    key.write_text(right)
    key.chmod(0o644)
    said = refused_start(gateway)
    assert f"chmod 600 {key}" in said and right.strip() not in said
    key.chmod(0o600)
    assert database.read_bytes() == before

    with contextlib.closing(sqlite3.connect(database)) as newer:
        version = newer.execute("PRAGMA user_version").fetchone()[0]
        newer.execute("PRAGMA user_version = 99")
    assert "newer gateway" in refused_start(gateway)
    with contextlib.closing(sqlite3.connect(database)) as same:
        same.execute(f"PRAGMA user_version = {version}")
    admin.address = gateway.start().address
    assert admin.get(f"/admin/v1/accounts/{made.body['id']}").body["name"] == "second"
