# Settles which slot of one service users are led to. `base` is the app's directory, which
# all its services share, and `here` the service's own.
#
# Every change of the switch goes through here, under one lock, whoever asks for it: the
# deploying client, the dead man's switch, a reboot. What is true is in two files:
# confirmed is what users are meant to meet; armed, while it exists, is a switch
# that nobody has confirmed yet, and that is reverted by a timer or by a reboot.
set -eu
umask 022
# nft lives in sbin, which an account's own path may lack.
PATH=$PATH:/usr/sbin:/sbin

armed=$here/switch/armed
confirmed=$here/switch/confirmed
log=$base/deploys.jsonl
# Gone after a reboot, and so the sign that an armed switch belongs to this boot.
marker=$run/armed
timer=$run/timer
# What a deploy that has not switched yet would be recorded as. Gone after a reboot, like
# the slot that it has started.
begun=$run/begun
lease=$base/lease

fail() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

lock() {
  exec 9>>"$base/.lock"
  flock -w 30 9 || fail 4 "another process has held $base/.lock for 30 s; look who with fuser"
}

unlock() {
  flock -u 9
}

field() {
  sed -n "s/^# $1 //p" "$2" | head -n 1
}

# Replaces a file by standard input, so that a power cut leaves the old or the new one.
place() {
  cat >"$1.new"
  sync "$1.new"
  mv -T "$1.new" "$1"
  sync "$here/switch"
}

# record MEMBERS OUTCOME REASON
record() {
  line=$(printf '{"at":"%s",%s,"outcome":"%s","reason":%s}' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" "$3")
  # A line that a power cut has torn must not swallow this one.
  if [ -s "$log" ] && [ -n "$(tail -c 1 "$log")" ]; then printf '\n' >>"$log"; fi
  printf '%s\n' "$line" >>"$log"
  sync "$log"
}

port_of() {
  case $1 in
    blue) printf '%s\n' "$blue" ;;
    green) printf '%s\n' "$green" ;;
    *) fail 2 "there is no slot $1" ;;
  esac
}

other() {
  case $1 in
    blue) printf 'green\n' ;;
    *) printf 'blue\n' ;;
  esac
}

# Where a slot's program listens.
listens_on() {
  if [ -e "$here/slots/$1.public" ]; then printf '%s\n' "$public"; else port_of "$1"; fi
}

connections() {
  ss -H -t -n state established "( sport = :$1 )" | wc -l
}

stop_timer() {
  if [ -s "$timer" ]; then
    old=$(cat "$timer")
    if systemctl is-active --quiet "$old.timer"; then systemctl stop "$old.timer"; fi
    rm -f "$timer"
  fi
}

# The new timer runs before the old one is stopped: the switch is never without one.
start_timer() {
  name=$service-revert-$(date +%s%N)
  systemd-run --quiet --collect --unit="$name" --on-active="${1}s" \
    --timer-property=AccuracySec=100ms -- "$here/switch/switchctl" revert "$2" timer
  stop_timer
  printf '%s\n' "$name" >"$timer"
}

# Also a unit that has crashed and waits for its restart: is-active would deny that one.
runs() {
  case $(systemctl show -p ActiveState "$1") in
    ActiveState=inactive | ActiveState=failed) return 1 ;;
  esac
}

# Emptying a slot is the host's own work, so that it ends without a client.
drain_later() {
  if runs "$unit@$1.service"; then
    if systemctl is-active --quiet "$service-drain-$1.service"; then
      systemctl stop "$service-drain-$1.service"
    fi
    systemd-run --quiet --collect --unit="$service-drain-$1" -- "$here/switch/switchctl" drain "$1"
  else
    withhold_listener "$1"
  fi
}

is_current() {
  for file in "$armed" "$confirmed"; do
    if [ -e "$file" ] && [ "$(field slot "$file")" = "$1" ]; then return 0; fi
  done
  return 1
}

same_switch() {
  [ -e "$confirmed" ] &&
    [ "$(field owner "$armed")/$(field at "$armed")" = "$(field owner "$confirmed")/$(field at "$confirmed")" ]
}

restore() {
  if [ -e "$confirmed" ]; then
    route "$confirmed"
  else
    route_nowhere
  fi
}

finish_confirmed() {
  slot=$(field slot "$armed")
  record "$(field record "$armed")" confirmed null
  rm -f "$armed" "$marker" "$here/switch/theirs"
  stop_timer
  drain_later "$(other "$slot")"
}

finish_reverted() {
  slot=$(field slot "$armed")
  record "$(field record "$armed")" reverted "$1"
  rm -f "$armed" "$marker"
  stop_timer
  drain_later "$slot"
}

# switch OWNER SECONDS, the switch on standard input.
do_switch() {
  if [ -e "$armed" ] && [ "$(field owner "$armed")" != "$1" ]; then
    fail 5 "an unconfirmed switch of $(field owner "$armed") is armed"
  fi
  place "$armed"
  mkdir -p "$run"
  rm -f "$begun"
  : >"$marker"
  start_timer "$2" "$1"
  if ! route "$armed"; then
    # What a refused switch has changed is changed back.
    case $(field method "$armed") in
      socket)
        restore
        slot=$(field slot "$armed")
        if ! keeps_running "$slot"; then withhold_listener "$slot"; fi
        ;;
      restart) restore ;;
    esac
    rm -f "$armed" "$marker"
    stop_timer
    fail 1 "the switch by $method was refused; nothing was switched"
  fi
}

# rearm OWNER SECONDS
do_rearm() {
  [ -e "$armed" ] && [ -e "$marker" ] && [ "$(field owner "$armed")" = "$1" ] || fail 3 'no switch of this run is armed'
  start_timer "$2" "$1"
}

# retire OWNER: the slot that was switched to answers, and takes users over alone.
do_retire() {
  [ -e "$armed" ] && [ -e "$marker" ] && [ "$(field owner "$armed")" = "$1" ] || fail 3 'no switch of this run is armed'
  end_old_slot
}

# confirm OWNER
do_confirm() {
  if [ ! -e "$armed" ]; then
    if [ -e "$confirmed" ] && [ "$(field owner "$confirmed")" = "$1" ]; then exit 0; fi
    fail 3 'no switch of this run is armed'
  fi
  [ -e "$marker" ] && [ "$(field owner "$armed")" = "$1" ] || fail 3 'no switch of this run is armed'
  place "$confirmed" <"$armed"
  finish_confirmed
}

# revert OWNER timer|JSON
do_revert() {
  if [ ! -e "$armed" ] || [ "$(field owner "$armed")" != "$1" ]; then exit 0; fi
  if same_switch; then
    finish_confirmed
    exit 0
  fi
  if ! restore; then
    # Half a way back is not left alone: the host goes on trying.
    start_timer 30 "$1"
    fail 1 "users could not be led back by $method; it is tried again in 30 s"
  fi
  case $2 in
    timer) finish_reverted "\"reverted by dead man's switch: the deploy was not confirmed in time\"" ;;
    *) finish_reverted "$2" ;;
  esac
}

# boot: also after the firewall was reloaded, and before the first switch.
do_boot() {
  mkdir -p "$run"
  if [ -e "$armed" ]; then
    if [ -e "$marker" ]; then
      route_at_boot "$armed"
      exit 0
    elif same_switch; then
      finish_confirmed
    else
      finish_reverted '"reverted by reboot: the host went down before the deploy was confirmed"'
    fi
  fi
  if [ -e "$confirmed" ]; then
    route_at_boot "$confirmed"
    systemctl --no-block start "$unit@$(field slot "$confirmed").service"
  else
    route_nowhere
  fi
}

# The file of the switch that users are to follow now, if there is one.
followed() {
  if [ -e "$armed" ] && [ -e "$marker" ]; then
    printf '%s\n' "$armed"
  elif [ -e "$confirmed" ]; then
    printf '%s\n' "$confirmed"
  fi
}

rules_are_missing() {
  file=$(followed)
  [ -n "$file" ] && [ "$(field method "$file")" = nft ] || return 1
  ! nft list table inet "$table" 2>/dev/null | grep -q redirect
}

bring_rules_back() {
  rules_are_missing || return 0
  lock
  if rules_are_missing; then nft -f "$(followed)" || true; fi
  unlock
}

# keep: as long as the host is up. Whoever flushes the rules tells nobody of it, but the kernel
# does. A switch of ours is told of as well, and finds its rules there.
do_keep() {
  nft monitor destroy tables | {
    # What went before anybody listened is seen at the first look.
    sleep 1
    bring_rules_back
    while read -r event; do bring_rules_back; done
  }
}

# drain SLOT: waits without the lock, and looks again before it stops anything. Empty is
# what was seen empty several times in a row: a connection may just be opening, and the
# kernel's table can pass one over while it is read.
do_drain() {
  if has_listener "$1"; then
    drain_listener "$1"
    return
  fi
  port=$(listens_on "$1")
  # A proxy's old workers open connections until they have heard of the reload.
  if [ "$method" = template ]; then sleep 2; fi
  end=$(($(date +%s) + drain))
  empty=0
  while [ "$empty" -lt 3 ] && [ "$(date +%s)" -lt "$end" ]; do
    if [ "$(connections "$port")" -eq 0 ]; then empty=$((empty + 1)); else empty=0; fi
    sleep 0.2
  done
  lock
  if is_current "$1"; then exit 0; fi
  systemctl --no-block stop "$unit@$1.service"
  rm -f "$here/slots/$1.public"
  # However long the program takes to end, nobody waits for the lock because of it.
  unlock
  systemctl stop "$unit@$1.service"
}

# begin: a slot is about to be started, by the deploy whose record is on standard input.
do_begin() {
  mkdir -p "$run"
  cat >"$begun"
  if ! systemctl is-active --quiet "$app-lease.service"; then
    systemd-run --quiet --collect --unit="$app-lease" -- "$here/switch/switchctl" watch
  fi
}

lease_has_ended() {
  until=$(sed -n 3p "$lease")
  [ "${until:-0}" -lt "$(date +%s)" ]
}

# watch: as long as somebody deploys. A client that renews its lease no more has been lost,
# and what it has started and never switched to is stopped. The lease is the app's, so
# whichever service began to watch does so for the one beside it as well.
do_watch() {
  while [ -s "$lease" ]; do
    if lease_has_ended; then
      lock
      if [ -s "$lease" ] && lease_has_ended; then give_up_lost_deploy; fi
      exit 0
    fi
    sleep 1
  done
}

give_up_lost_deploy() {
  do_abandon
  if [ -x "$other_switchctl" ]; then "$other_switchctl" abandon 9>&- || true; fi
  rm -f "$lease"
}

# abandon: for the watch of the service beside this one, which holds the lock.
do_abandon() {
  for slot in blue green; do
    if is_current "$slot" || systemctl is-active --quiet "$service-drain-$slot.service"; then continue; fi
    if runs "$unit@$slot.service"; then
      if [ -s "$begun" ]; then
        record "$(cat "$begun")" reverted '"given up by the host: the deploy was lost before its switch"'
      fi
      systemctl --no-block stop "$unit@$slot.service"
    fi
  done
  rm -f "$begun"
}

case ${1-} in
  begin) lock; do_begin ;;
  watch) do_watch ;;
  abandon) do_abandon ;;
  switch) lock; do_switch "$2" "$3" ;;
  rearm) lock; do_rearm "$2" "$3" ;;
  retire) lock; do_retire "$2" ;;
  confirm) lock; do_confirm "$2" ;;
  revert) lock; do_revert "$2" "$3" ;;
  boot) lock; do_boot ;;
  drain) do_drain "$2" ;;
  keep) do_keep ;;
  *) fail 2 "switchctl does not know ${1-nothing}" ;;
esac
