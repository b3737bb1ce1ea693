# Runs a command inside the host as root, without SSH and without its network.
[ "$#" -gt 0 ] || { echo "usage: enter COMMAND ..." >&2; exit 2; }
keeper=$(cat "$directory/nspawn.pid") || exit 1
nspawn=$(cat "/proc/$keeper/task/$keeper/children") || exit 1
init=
for pid in $nspawn; do init=$(cat "/proc/$pid/task/$pid/children"); done
init=${init%% *}
[ -n "$init" ] || { echo "$name is not up" >&2; exit 1; }
case $1 in
  # Asked by whoever is outside: the process that is the host, and its network alone.
  --pid) echo "$init" ;;
  --net) shift; exec nsenter --target "$init" --net -- "$@" ;;
  *) exec nsenter --target "$init" --all -- "$@" ;;
esac
