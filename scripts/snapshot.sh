#!/bin/sh
# Collects what nftreplay needs to know of this router, for: nftreplay run DIR/ruleset.nft CAPTURE --router DIR
# Usage: snapshot.sh DIR   (as root, on the router; needs iproute2 with JSON (OpenWrt: ip-full) and nft). Reads only.
set -eu
dir=${1:?usage: snapshot.sh DIR}
mkdir -p "$dir"
ip -j -d link >"$dir/link.json"
ip -j addr >"$dir/addr.json"
ip -j route show table all >"$dir/route.json"
ip -j rule >"$dir/rule.json"
ip -j -6 rule >"$dir/rule6.json" 2>/dev/null || echo '[]' >"$dir/rule6.json"
ip -j neigh >"$dir/neigh.json"
cat /proc/net/pppoe >"$dir/pppoe.txt" 2>/dev/null || : >"$dir/pppoe.txt"
bridge -j vlan >"$dir/vlan.json" 2>/dev/null || : >"$dir/vlan.json"
sysctl -a 2>/dev/null | grep '^net\.' >"$dir/sysctl.txt" || :
nft list ruleset >"$dir/ruleset.nft"
echo "$dir: $(ls "$dir" | wc -l) files. Look through them before you give them away: they name addresses and rules."
