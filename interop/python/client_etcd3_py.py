"""The Python client `etcd3-py`: everything goes through the JSON gateway.

Its bytes travel in base64, its numbers as text, its watches as a stream of JSON objects, and its
errors come from the fields `error` and `code`.
"""

import threading

from etcd3 import Client, EventType, errors
from etcd3.models import AlarmRequestAlarmAction, RangeRequestSortOrder, RangeRequestSortTarget
from etcd3.models import authpbPermissionType, etcdserverpbAlarmType

from tally import arguments, case, name, refused, run, same, until


class Stage:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.client = self.connect()

    def connect(self, **options):
        host, port = self.endpoint.rsplit(":", 1)
        return Client(host, int(port), **options)


def values(response):
    return [kv.value.decode() for kv in response.kvs or []]


class Seen:
    """What a watch has seen so far: +value for a put, - for a removal."""

    def __init__(self, client, **options):
        self.events = []
        self.watcher = client.Watcher(max_retries=0, **options)
        self.watcher.onEvent(self.note)
        self.watcher.runDaemon()
        until(lambda: self.watcher.watching)

    def note(self, event):
        put = event.type == EventType.PUT
        self.events.append("+" + event.value.decode() if put else "-")

    def expect(self, *events):
        until(lambda: len(self.events) >= len(events))
        self.watcher.stop()
        same(self.events, list(events))


@case
def versions_and_health_are_served(stage):
    found = stage.client.version()
    assert found.etcdserver.startswith("3.") and found.etcdcluster.startswith("3."), found
    same(str(stage.client.health()).lower(), "true")


@case
def keys_are_put_read_and_removed(stage):
    etcd, key = stage.client, name()
    etcd.put(key, "1")
    previous = etcd.put(key, b"\x00\xff", prev_kv=True)
    same(previous.prev_kv.value, b"1")
    found = etcd.range(key)
    kv = found.kvs[0]
    same((kv.key.decode(), kv.value, kv.version), (key, b"\x00\xff", 2))
    same((kv.mod_revision, found.count), (previous.header.revision, 1))
    same(etcd.delete_range(key, prev_kv=True).prev_kvs[0].value, b"\x00\xff")
    found = etcd.range(key)
    same((found.kvs, found.count, found.more), (None, 0, False))


@case
def ranges_take_every_option(stage):
    etcd, key = stage.client, name()
    first = [etcd.put(f"{key}/{at}", str(9 - at)) for at in range(5)][0].header.revision
    same(values(etcd.range(key, prefix=True)), ["9", "8", "7", "6", "5"])
    down = dict(sort_order=RangeRequestSortOrder.DESCEND, sort_target=RangeRequestSortTarget.KEY)
    limited = etcd.range(key, prefix=True, limit=2, **down)
    same((values(limited), limited.more, limited.count), (["5", "6"], True, 5))
    same(values(etcd.range(f"{key}/1", range_end=f"{key}/3")), ["8", "7"])
    same(values(etcd.range(key, prefix=True, revision=first + 1)), ["9", "8"])
    same(values(etcd.range(key, prefix=True, min_mod_revision=first + 3)), ["6", "5"])
    same(values(etcd.range(key, prefix=True, max_create_revision=first)), ["9"])
    same(etcd.range(key, prefix=True, count_only=True).count, 5)
    same(etcd.range(key, prefix=True, keys_only=True).kvs[0].value, None)
    same(etcd.range(key, prefix=True, serializable=True).header.revision > 0, True)
    same(etcd.delete_range(key, prefix=True).deleted, 5)


@case
def errors_have_texts_and_codes(stage):
    etcd, key = stage.client, name()
    refused(errors.ErrEmptyKey, "key is not provided", lambda: etcd.put("", "1"))
    refused(errors.ErrFutureRev, "future revision", lambda: etcd.range(key, revision=1 << 50))
    refused(errors.ErrLeaseNotFound, "lease not found", lambda: etcd.lease_revoke(12345))
    revision = etcd.put(key, "1").header.revision
    etcd.compact(revision, physical=True)
    refused(errors.ErrCompacted, "compacted", lambda: etcd.compact(revision))
    try:
        etcd.put("", "1")
    except errors.ErrEmptyKey as error:
        same(int(error.code), 3)


@case
def transactions_compare_and_answer(stage):
    etcd, key = stage.client, name()
    etcd.put(key, "1")
    t = etcd.Txn()
    t.If(t.key(key).value == "1").If(t.key(key).version > 0).If(t.key(key).lease == 0)
    t.Then(t.put(key, "2", prev_kv=True)).Then(t.range(key)).Else(t.delete(key))
    found = t.commit()
    same(found.succeeded, True)
    same(found.responses[0].response_put.prev_kv.value, b"1")
    same(found.responses[1].response_range.kvs[0].value, b"2")
    t = etcd.Txn()
    t.If(t.key(key).create == 1).Else(t.delete(key, prev_kv=True))
    found = t.commit()
    same((found.succeeded, found.responses[0].response_delete_range.deleted), (False, 1))
    t = etcd.Txn()
    t.Then(t.put(key, "1")).Then(t.put(key, "2"))
    refused(errors.ErrDuplicateKey, "duplicate key", t.commit)


@case
def leases_hold_keys(stage):
    etcd, key = stage.client, name()
    with etcd.Lease(ttl=60) as lease:
        etcd.put(key, "1", lease=lease.ID)
        found = lease.time_to_live(keys=True)
        same([k.decode() for k in found.keys], [key])
        assert found.grantedTTL == 60 and 50 < found.TTL <= 60, found
        same(lease.keepalive_once().TTL, 60)
        same(etcd.range(key).kvs[0].lease, lease.ID)
        chosen = lease.ID
    same(etcd.range(key).kvs, None)
    same(etcd.lease_time_to_live(chosen).TTL, -1)
    same(etcd.lease_keep_alive_once(chosen).TTL, 0)
    etcd.lease_grant(60, ID=chosen)
    refused(errors.ErrLeaseExist, "already exists", lambda: etcd.lease_grant(60, ID=chosen))
    etcd.lease_revoke(chosen)


@case
def a_lease_that_is_kept_alive_stays(stage):
    etcd, key = stage.client, name()
    lease = etcd.Lease(ttl=3)
    lease.grant()
    etcd.put(key, "1", lease=lease.ID)
    lease.keepalive()
    threading.Event().wait(5)
    same(values(etcd.range(key)), ["1"])
    lease.cancel_keepalive()
    until(lambda: not etcd.range(key).kvs)


@case
def the_client_s_locks_exclude(stage):
    etcd, key = stage.client, name()
    with etcd.Lock(key, lock_ttl=5) as first:
        assert first.is_acquired
        second = stage.connect().Lock(key, lock_ttl=5)
        second.acquire(block=False)
        assert not second.is_acquired
    second.acquire(timeout=10)
    assert second.is_acquired
    second.release()


@case
def the_lock_service_excludes(stage):
    etcd, key = stage.client, name()
    mine, theirs = (etcd.lease_grant(60).ID for _ in range(2))
    held = etcd.lock(key, lease=mine)
    same(held.key.decode(), f"{key}/{mine:x}")
    answers = []
    other = stage.connect()
    waiting = threading.Thread(target=lambda: answers.append(other.lock(key, lease=theirs)))
    waiting.start()
    waiting.join(0.5)
    same(answers, [])
    etcd.unlock(held.key)
    waiting.join(10)
    same(answers[0].key.decode(), f"{key}/{theirs:x}")
    etcd.lease_revoke(mine)
    etcd.lease_revoke(theirs)


@case
def watches_stream_events(stage):
    etcd, key = stage.client, name()
    first = etcd.put(key, "0").header.revision
    all_of_them = Seen(etcd, key=key, prefix=True, start_revision=first, prev_kv=True)
    puts = Seen(etcd, key=key, start_revision=first, no_delete=True)
    deletes = Seen(etcd, key=key, start_revision=first, no_put=True)
    etcd.put(key, "1")
    etcd.put(key + "/x", "2")
    etcd.delete_range(key)
    all_of_them.expect("+0", "+1", "+2", "-")
    puts.expect("+0", "+1")
    deletes.expect("-")


@case
def a_watch_from_now_sees_what_comes(stage):
    etcd, key = stage.client, name()
    etcd.put(key, "before")
    threading.Timer(0.7, lambda: etcd.put(key, "after")).start()
    watcher = etcd.Watcher(key=key, max_retries=0)
    event = watcher.watch_once(timeout=10)
    same(event.value, b"after")


@case
def a_compacted_watch_is_cancelled(stage):
    etcd, key = stage.client, name()
    first = etcd.put(key, "1").header.revision
    second = etcd.put(key, "2").header.revision
    etcd.compact(second)
    found = []
    for answer in etcd.watch_create(key, start_revision=first):
        found.append(answer)
        if answer.canceled:
            break
    same((found[0].created, found[-1].canceled), (True, True))
    same(found[-1].compact_revision, second)


@case
def maintenance_and_members_answer(stage):
    etcd = stage.client
    status = etcd.status()
    assert status.version.startswith("3.") and status.dbSize > 0 and status.raftTerm > 0, status
    members = etcd.member_list().members
    assert status.leader in [member.ID for member in members], (status, members)
    assert all(member.clientURLs and member.name for member in members), members
    assert etcd.hash().hash >= 0
    found = etcd.alarm(0, AlarmRequestAlarmAction.GET, etcdserverpbAlarmType.NONE)
    same(found.alarms, None)
    etcd.defragment()


@case
def a_snapshot_downloads(stage):
    size = 0
    for part in stage.client.snapshot():
        size += len(part.blob)
    assert size > 1000, size


@case
def users_and_roles_are_kept(stage):
    etcd, user, role = stage.client, name(), name()
    etcd.role_add(role)
    etcd.role_grant_permission(role, "a/", authpbPermissionType.READWRITE, prefix=True)
    permission = etcd.role_get(role).perm[0]
    same((permission.key, permission.range_end), (b"a/", b"a0"))
    etcd.user_add(user, "secret")
    etcd.user_grant_role(user, role)
    same(etcd.user_get(user).roles, [role])
    assert user in etcd.user_list().users and role in etcd.role_list().roles
    etcd.user_change_password(user, "other")
    etcd.user_revoke_role(user, role)
    refused(errors.ErrRoleAlreadyExist, "already exists", lambda: etcd.role_add(role))
    etcd.user_delete(user)
    etcd.role_delete(role)
    refused(errors.ErrUserNotFound, "not found", lambda: etcd.user_get(user))


if __name__ == "__main__":
    options = arguments()
    run("etcd3-py", Stage(options.endpoint[0]), options)
