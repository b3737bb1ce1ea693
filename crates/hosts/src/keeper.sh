# Keeps one host up until it is told otherwise: boots it again when it goes down, as a
# machine does. Runs in control groups of its own, since two systems in the same one would
# take each other's processes for theirs.
set -eu
cd "$directory"

for place in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup/memory /sys/fs/cgroup/pids; do
  [ -w "$place/cgroup.procs" ] || continue
  mkdir -p "$place/$name"
  # Entering may be forbidden where a controller is not delegated; then it is shared.
  echo $$ >"$place/$name/cgroup.procs" || true
done

end=$(($(date +%s) + lifetime))
while [ ! -e down ] && [ "$(date +%s)" -lt "$end" ]; do
  timeout --kill-after=30 "$((end - $(date +%s)))" systemd-nspawn --quiet --register=no --keep-unit \
    --boot --directory="$directory/root" --machine="$name" --hostname="$name" \
    --network-bridge="$bridge" --link-journal=no --resolv-conf=off --timezone=off \
    --console=pipe </dev/null >>console.log 2>&1 &
  echo $! >nspawn.pid
  wait $! || true
  sleep 0.2
done
