"""The Python client `etcd3` (gRPC): keys, transactions, leases, locks, watches, maintenance."""

import io
import threading

import etcd3
import grpc

from tally import arguments, case, name, refused, run, same, until


class Stage:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.client = self.connect()

    def connect(self):
        host, port = self.endpoint.rsplit(":", 1)
        return etcd3.client(host=host, port=int(port), timeout=10)


class Seen:
    """What a watch has seen so far, as text: +value for a put, - for a removal."""

    def __init__(self, client, key, prefix=False, **options):
        self.events, self.client = [], client
        watch = client.add_watch_prefix_callback if prefix else client.add_watch_callback
        self.id = watch(key, self.note, **options)

    def note(self, response):
        for event in response.events:
            put = isinstance(event, etcd3.events.PutEvent)
            self.events.append("+" + event.value.decode() if put else "-")

    def expect(self, *events):
        until(lambda: len(self.events) >= len(events))
        same(self.events, list(events))
        self.client.cancel_watch(self.id)


@case
def keys_are_put_read_and_removed(stage):
    etcd, key = stage.client, name()
    same(etcd.get(key), (None, None))
    etcd.put(key, "1")
    previous = etcd.put(key, "2", prev_kv=True)
    same(previous.prev_kv.value, b"1")
    value, meta = etcd.get(key)
    same((value, meta.version, meta.key.decode()), (b"2", 2, key))
    same(meta.mod_revision, previous.header.revision)
    same(etcd.delete(key), True)
    same(etcd.delete(key), False)


@case
def prefixes_and_ranges_are_sorted(stage):
    etcd, key = stage.client, name()
    for at in range(5):
        etcd.put(f"{key}/{at}", str(9 - at))
    values = [value.decode() for value, _ in etcd.get_prefix(key, sort_order="descend")]
    same(values, ["5", "6", "7", "8", "9"])
    values = [v for v, _ in etcd.get_range(f"{key}/1", f"{key}/3", sort_target="value", sort_order="ascend")]
    same(values, [b"7", b"8"])
    same(sum(1 for _ in etcd.get_prefix(key, keys_only=True)), 5)
    assert any(meta.key.decode() == f"{key}/0" for _, meta in etcd.get_all())
    same(etcd.delete_prefix(key).deleted, 5)


@case
def a_put_can_depend_on_what_is_there(stage):
    etcd, key = stage.client, name()
    same(etcd.put_if_not_exists(key, "1"), True)
    same(etcd.put_if_not_exists(key, "2"), False)
    same(etcd.replace(key, "1", "3"), True)
    same(etcd.replace(key, "1", "4"), False)
    same(etcd.get(key)[0], b"3")


@case
def transactions_compare_and_answer(stage):
    etcd, key = stage.client, name()
    etcd.put(key, "1")
    t = etcd.transactions
    ok, answers = etcd.transaction(
        compare=[t.value(key) == "1", t.version(key) > 0, t.create(key) != 0, t.mod(key) > 1],
        success=[t.put(key, "2"), t.get(key), t.delete(name())],
        failure=[t.get(key)],
    )
    same((ok, answers[1][0][0]), (True, b"2"))
    ok, answers = etcd.transaction(
        compare=[t.value(key) == "1"], success=[], failure=[t.get(key), t.txn([], [t.put(key, "3")], [])]
    )
    same((ok, answers[0][0][0], etcd.get(key)[0]), (False, b"2", b"3"))


@case
def leases_hold_keys(stage):
    etcd, key = stage.client, name()
    lease = etcd.lease(60)
    etcd.put(key, "1", lease=lease)
    same([found.decode() for found in lease.keys], [key])
    same((lease.granted_ttl, lease.remaining_ttl > 50), (60, True))
    same(lease.refresh()[0].TTL, 60)
    lease.revoke()
    same(etcd.get(key), (None, None))
    refused(grpc.RpcError, "requested lease not found", lambda: etcd.put(key, "1", lease=lease.id))


@case
def a_lease_ends_by_itself(stage):
    etcd, key = stage.client, name()
    seen = Seen(etcd, key)
    etcd.put(key, "1", lease=etcd.lease(2))
    until(lambda: etcd.get(key)[0] is None)
    seen.expect("+1", "-")


@case
def locks_exclude(stage):
    etcd, lock_name = stage.client, name()
    first, second = etcd.lock(lock_name, ttl=20), stage.connect().lock(lock_name, ttl=20)
    same((first.acquire(), first.is_acquired()), (True, True))
    same((second.acquire(timeout=1), second.is_acquired()), (False, False))
    same(len(first.refresh()), 1)
    threading.Timer(0.5, first.release).start()
    same(second.acquire(timeout=10), True)
    same(first.is_acquired(), False)
    same(second.release(), True)


@case
def a_lock_ends_with_its_lease(stage):
    etcd, lock_name = stage.client, name()
    same(etcd.lock(lock_name, ttl=2).acquire(), True)
    same(etcd.lock(lock_name, ttl=20).acquire(timeout=10), True)


@case
def watches_see_keys_and_prefixes(stage):
    etcd, key = stage.client, name()
    one, all_of_them = Seen(etcd, key), Seen(etcd, key, prefix=True)
    etcd.put(key, "1")
    etcd.put(key + "/x", "2")
    etcd.delete(key)
    all_of_them.expect("+1", "+2", "-")
    one.expect("+1", "-")


@case
def watches_start_in_the_past(stage):
    etcd, key = stage.client, name()
    first = etcd.put(key, "1").header.revision
    etcd.put(key, "2")
    Seen(etcd, key, start_revision=first).expect("+1", "+2")


@case
def a_watch_can_be_iterated_and_cancelled(stage):
    etcd, key = stage.client, name()
    events, cancel = etcd.watch(key)
    etcd.put(key, "1")
    same(next(events).value, b"1")
    cancel()
    same(list(events), [])
    threading.Timer(0.5, lambda: etcd.put(key, "2")).start()
    same(etcd.watch_once(key, timeout=10).value, b"2")


@case
def a_compacted_watch_says_from_where_it_could(stage):
    etcd, key = stage.client, name()
    first = etcd.put(key, "1").header.revision
    second = etcd.put(key, "2").header.revision
    etcd.compact(second, physical=True)
    errors = []
    etcd.add_watch_callback(key, errors.append, start_revision=first)
    until(lambda: errors)
    same(type(errors[0]), etcd3.exceptions.RevisionCompactedError)
    same(errors[0].compacted_revision, second)
    refused(Exception, "", lambda: etcd.compact(second))


@case
def maintenance_answers(stage):
    etcd = stage.client
    status = etcd.status()
    assert status.version.startswith("3.") and status.db_size > 0 and status.raft_term > 0, status
    assert status.leader.id in [member.id for member in etcd.members]
    assert etcd.hash() >= 0
    same(list(etcd.list_alarms()), [])
    etcd.defragment()


@case
def a_snapshot_downloads(stage):
    file = io.BytesIO()
    stage.client.snapshot(file)
    assert file.tell() > 1000, file.tell()


if __name__ == "__main__":
    options = arguments()
    run("etcd3 (Python)", Stage(options.endpoint[0]), options)
