# The listener on the public port that systemd holds, and which slots inherit it.
#
# It is a socket unit, so the kernel takes connections, and keeps them, while no slot
# accepts any. A slot inherits it when it is started, where a drop-in of its unit says so;
# without one it listens on its own port, where it proves itself before users meet it.

# What tells a slot's unit of the listener.
drop_in() {
  printf '%s\n' "$units/$unit@$1.service.d/listener.conf"
}

has_listener() {
  [ -e "$(drop_in "$1")" ]
}

# Runs, or is about to, and has not been told to end.
keeps_running() {
  case $(systemctl show -p ActiveState "$unit@$1.service") in
    ActiveState=active | ActiveState=activating | ActiveState=reloading) ;;
    *) return 1 ;;
  esac
}

# Whether what runs in a slot was started with the listener.
inherited() {
  pid=$(systemctl show -p MainPID "$unit@$1.service")
  pid=${pid#MainPID=}
  [ "${pid:-0}" != 0 ] && tr '\0' '\n' <"/proc/$pid/environ" | grep -q '^LISTEN_FDS='
}

# From its next start on, a slot inherits the listener.
give_listener() {
  file=$(drop_in "$1")
  mkdir -p "$(dirname "$file")" || return 1
  write_beside "$file" <"$here/switch/listener.conf" || return 1
  systemctl daemon-reload
}

# From its next start on, a slot listens on its own port. The listener is closed when no
# slot is left that would inherit it.
withhold_listener() {
  file=$(drop_in "$1")
  [ -e "$file" ] || return 0
  rm -f "$file"
  systemctl daemon-reload
  # An empty directory would say that systemd has not heard of it yet; what else is in
  # there is somebody else's.
  rmdir "$(dirname "$file")" 2>/dev/null || true
  if ! has_listener blue && ! has_listener green; then
    systemctl stop "$service-listener.socket" "$service-listener.service"
  fi
}

# No slot that has stopped would inherit it.
withhold_from_stopped() {
  for each in blue green; do
    if has_listener "$each" && ! runs "$unit@$each.service"; then withhold_listener "$each"; fi
  done
}

# A holder that was left alone would keep the socket from starting.
open_listener() {
  systemctl start "$service-listener.socket" ||
    { systemctl stop "$service-listener.service" && systemctl start "$service-listener.socket"; }
}

# The port is freed for a program that listens on it by itself.
close_listener() {
  for each in blue green; do
    if has_listener "$each"; then
      systemctl stop "$unit@$each.service" || return 1
      withhold_listener "$each" || return 1
    fi
  done
}

# The slot is started with the listener. The one of before goes on accepting from it
# beside that, until it is told to end: by retire, or when the switch is confirmed.
route_by_socket() {
  slot=$(field slot "$1")
  old=$(other "$slot")
  # By a restart of before, a program listens on the public port itself.
  for each in "$slot" "$old"; do
    if [ -e "$here/slots/$each.public" ]; then
      systemctl stop "$unit@$each.service" || return 1
      rm -f "$here/slots/$each.public"
    fi
  done
  if keeps_running "$slot" && inherited "$slot"; then return 0; fi
  open_listener || return 1
  give_listener "$slot" || return 1
  # On a way back the slot may still answer what it had accepted. Where nobody accepts
  # meanwhile, those who wait are not left to wait for that.
  if runs "$unit@$slot.service" && ! keeps_running "$slot" && ! keeps_running "$old"; then
    systemctl kill --signal=KILL "$unit@$slot.service" || true
  fi
  systemctl reset-failed "$unit@$slot.service" 2>/dev/null || true
  systemctl restart "$unit@$slot.service"
}

# The slot of before is told to end: it accepts nothing more, and answers what it has
# accepted. By other methods users are led away from it, and it stays warm.
end_old_slot() {
  [ "$(field method "$armed")" = socket ] || return 0
  old=$(other "$(field slot "$armed")")
  if has_listener "$old" && keeps_running "$old"; then
    systemctl --no-block stop "$unit@$old.service"
  fi
}

# Told to end, a slot with the listener empties itself. The lock is not held while it
# does, for that may take as long as the drain limit.
drain_listener() {
  # Where nobody accepts after it, what already waits is its own to take.
  if ! has_listener "$(other "$1")"; then sleep 1; fi
  lock
  if is_current "$1"; then exit 0; fi
  systemctl --no-block stop "$unit@$1.service"
  unlock
  while runs "$unit@$1.service"; do sleep 0.2; done
  lock
  if is_current "$1" || runs "$unit@$1.service"; then exit 0; fi
  withhold_listener "$1"
}
