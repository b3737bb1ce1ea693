# How users are led to a slot: one group of functions for each method. Which one a switch
# used is in its own head, so that the way back goes by the method of before.

# What follows the head of a switch.
body() {
  sed '1,/^# end$/d' "$1"
}

# Leads users where a switch says; whatever led them before stops doing so.
route() {
  case $(field method "$1") in
    nft) nft -f "$1" ;;
    template) route_by_proxy "$1" && forget_rules ;;
    socket) route_by_socket "$1" && forget_rules ;;
    restart) route_by_restart "$1" && forget_rules ;;
    *) fail 2 "switchctl does not know the method of $1" ;;
  esac
}

# The same while the host comes up: the proxy may not be there yet, and the slot's unit is
# started by whoever calls this.
route_at_boot() {
  case $(field method "$1") in
    template)
      if [ -n "$proxy_file" ] && ! body "$1" | cmp -s - "$proxy_file"; then
        body "$1" | write_beside "$proxy_file"
        reload_if_up
      fi
      ;;
    socket)
      rm -f "$here/slots/blue.public" "$here/slots/green.public"
      slot=$(field slot "$1")
      if ! cmp -s "$here/switch/listener.conf" "$(drop_in "$slot")"; then give_listener "$slot"; fi
      if ! runs "$unit@$(other "$slot").service"; then withhold_listener "$(other "$slot")"; fi
      ;;
    restart)
      withhold_from_stopped
      slot=$(field slot "$1")
      rm -f "$here/slots/$(other "$slot").public"
      take_public "$slot"
      ;;
    *) route "$1" ;;
  esac
}

# Leads users nowhere, as before the first switch.
route_nowhere() {
  case $method in
    nft) drop_rules ;;
    template)
      # Without a switch the file is the owner's, and stays as it is.
      [ -e "$here/switch/theirs" ] || return 0
      if [ -s "$here/switch/theirs" ]; then
        write_beside "$proxy_file" <"$here/switch/theirs"
      else
        rm -f "$proxy_file"
      fi
      rm -f "$here/switch/theirs"
      reload_if_up
      ;;
    # A slot that still runs with the listener is drained, and the listener closed after it.
    socket) withhold_from_stopped ;;
    restart)
      for slot in blue green; do
        if [ -e "$here/slots/$slot.public" ]; then
          rm -f "$here/slots/$slot.public"
          systemctl --no-block stop "$unit@$slot.service"
        fi
      done
      ;;
  esac
}

drop_rules() {
  printf 'add table inet %s\ndelete table inet %s\n' "$table" "$table" | nft -f -
}

# Rules would go on catching the public port, so they end when another method takes over.
# Their chains stay until the host restarts, with a rule that does nothing but need to know
# of connections: otherwise the kernel would translate no more for those that it has led to
# a slot, and not see them end.
forget_rules() {
  for file in "$armed" "$confirmed"; do
    if [ -e "$file" ] && [ "$(field method "$file")" = nft ]; then
      nft list table inet "$table" >/dev/null 2>&1 || return 0
      printf 'flush table inet %s\nadd rule inet %s output ct state established accept\n' \
        "$table" "$table" | nft -f -
      return
    fi
  done
}

# Replaces a file outside of the app's directory by standard input, or not at all. The name
# that it has meanwhile is one that no pattern of a proxy's configuration matches.
write_beside() {
  new=$(dirname "$1")/.$(basename "$1").new
  cat >"$new" && sync "$new" && mv -T "$new" "$1" && sync "$(dirname "$1")"
}

reload_if_up() {
  if [ -z "$proxy_unit" ] || systemctl is-active --quiet "$proxy_unit"; then
    timeout 20 sh -c "$proxy_reload" 9>&- || true
  fi
}

# The file is what the proxy has taken, or what it was: nothing in between stays.
route_by_proxy() {
  # A switch of before, by a method that the app has given up: the file still says it.
  [ -n "$proxy_file" ] || return 0
  before=$here/switch/before
  if [ -e "$proxy_file" ]; then cp "$proxy_file" "$before"; else : >"$before"; fi
  # The first switch keeps what the owner had there; empty stands for nothing.
  if [ ! -e "$confirmed" ] && [ ! -e "$here/switch/theirs" ]; then
    cp "$before" "$here/switch/theirs" || return 1
  fi
  body "$1" | write_beside "$proxy_file" || return 1
  if sh -c "$proxy_check" 9>&- && sh -c "$proxy_reload" 9>&-; then
    rm -f "$before"
    return 0
  fi
  if [ -s "$before" ]; then write_beside "$proxy_file" <"$before"; else rm -f "$proxy_file"; fi
  rm -f "$before"
  return 1
}

# The slot's program is told the public port from now on.
take_public() {
  printf 'PORT=%s\n' "$public" | write_beside "$here/slots/$1.public"
}

# What answers on the public port is stopped, then the slot is started on it.
route_by_restart() {
  close_listener || return 1
  slot=$(field slot "$1")
  old=$(other "$slot")
  if [ -e "$here/slots/$old.public" ]; then
    systemctl stop "$unit@$old.service" || return 1
    rm -f "$here/slots/$old.public"
  fi
  if [ ! -e "$here/slots/$slot.public" ] || ! runs "$unit@$slot.service"; then
    take_public "$slot" || return 1
    systemctl restart "$unit@$slot.service" || return 1
  fi
}
