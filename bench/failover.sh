#!/bin/sh
# Failures of real processes under load: the leader killed, the leader stopped for ten seconds,
# all nodes killed at once, and (for root, who may mount) the leader's disk full for ten seconds.
# Judges the clients' history each time; writes bench/FAILOVER.md.
#
#   bench/failover.sh [TIMES]        QUORATE names a binary that is built already
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
times=${1:-20}
dir=$(mktemp -d /var/tmp/quorate-failover.XXXXXX)
quorate=${QUORATE:-${CARGO_TARGET_DIR:-$root/target}/release/quorate}
[ -n "${QUORATE:-}" ] || cargo build --release --manifest-path "$root/Cargo.toml" -p quorate

kinds="kill stop all"
unmount() { for i in 1 2 3; do umount "$dir/full/n$i" 2>/dev/null || true; done; }
if [ "$(id -u)" = 0 ]; then
    kinds="$kinds full"
    trap unmount EXIT
    for i in 1 2 3; do
        mkdir -p "$dir/full/n$i"
        mount -t tmpfs -o size=512m tmpfs "$dir/full/n$i"
    done
fi

for kind in $kinds; do
    "$quorate" bench failover --kind "$kind" --times "$times" --data "$dir/$kind" \
        --report "$dir/$kind.json"
done

{
    echo "# Failures of real processes under load"
    echo
    echo "Three nodes on one machine, eight clients; \`gap\` is the longest time without an"
    echo "acknowledged write around a fault; \`lost\` are acknowledged writes that were missing at"
    echo "the end; the verdict is that of \`quorate check\` on the whole history."
    echo
    echo "| fault | times | gap median ms | gap max ms | acknowledged | unknown | lost | verdict |"
    echo "|---|---:|---:|---:|---:|---:|---:|---|"
    for kind in $kinds; do
        python3 - "$dir/$kind.json" <<'PY'
import json, sys
f = json.load(open(sys.argv[1]))
print(f"| {f['kind']} | {f['times']} | {f['gap_median_ms']} | {f['gap_max_ms']} | "
      f"{f['acknowledged']} | {f['unknown']} | {len(f['lost'])} | {f['verdict']} |")
PY
    done
} >"$here/FAILOVER.md"
cat "$here/FAILOVER.md"
