#!/bin/bash
# Records what `nft monitor trace` prints on this machine's kernel for frames sent through a router of two veth pairs in
# network namespaces of their own (root only): how test/report/trace/*.monitor.txt were made.
#
#   scripts/trace/record.sh RULESET.nft FRAMES OUT [SETUP.sh]
#
# FRAMES: lines "lan0 HEX" or "wan0 HEX", one frame each, sent 10 ms apart. SETUP.sh runs in the router's namespace.
# The ruleset marks packets itself (meta nftrace set 1). The router: lan0 192.168.1.1/24 and fd00:1::1/64, wan0
# 203.0.113.1/24 and 2001:db8::1/64, default routes to 203.0.113.254 and 2001:db8::fe, as test/report/trace/router.yaml.
set -e
ruleset=$(realpath "$1") frames=$(realpath "$2") out=$(realpath -m "$3") setup=${4:+$(realpath "$4")}
here=$(dirname "$(realpath "$0")") router=trace-r$$ peers=trace-p$$
ip netns add $router
ip netns add $peers
trap 'ip netns del $router; ip netns del $peers' EXIT
R="ip netns exec $router" P="ip netns exec $peers"
for dev in lan0 wan0; do ip link add $dev netns $router type veth peer name p_$dev netns $peers; done
$P sysctl -qw net.ipv6.conf.all.disable_ipv6=1
$R sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 \
  net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.addr_gen_mode=1 net.ipv4.conf.all.send_redirects=0
$R ip link set lan0 address 02:00:00:00:00:01
$R ip link set wan0 address 02:00:00:00:00:02
for dev in lan0 wan0; do $P ip link set p_$dev up; $R ip link set $dev up; done
$R ip link set lo up
$R ip addr add 192.168.1.1/24 dev lan0
$R ip addr add 203.0.113.1/24 dev wan0
$R ip -6 addr add fd00:1::1/64 dev lan0 nodad
$R ip -6 addr add 2001:db8::1/64 dev wan0 nodad
$R ip route add default via 203.0.113.254
$R ip -6 route add default via 2001:db8::fe dev wan0
for pair in "wan0 203.0.113.254 fe" "wan0 2001:db8::fe fe" "lan0 192.168.1.10 10" "lan0 fd00:1::10 10"; do
  set -- $pair
  $R ip neigh add "$2" lladdr 02:ee:00:00:00:"$3" dev "$1"
done
if [ -n "$setup" ]; then $R bash "$setup"; fi
sleep 1.5
$R nft -f "$ruleset"
$R nft monitor trace > "$out" &
monitor=$!
sleep 0.8
$P python3 "$here/send.py" "$frames"
sleep 0.7
kill $monitor
wait $monitor 2> /dev/null || true
# The monitor.txt files have no trace ids, and not the host's own MLD reports:
#   grep -v 'ff02::16' OUT | sed 's/^trace id [0-9a-f]* //'
wc -l "$out"
