# Scenarios beyond the 103 of ../../../shared/kernel-oracle/insn, for the events that those do not reach.
# Measured by `insn --scenarios scripts/calibrate/more-scenarios.py --out FILE`, which runs this text in its own namespace
# (add, topo, meas, flow, frame, IN, OUT, FWD, FWD4, CT, NAT, ft are its names). Results: scripts/calibrate/more-<arch>.json.
import copy

plain_topo = topo
def topo(_vary='', **sysctl):
    t = copy.deepcopy(plain_topo(**sysctl)); lan, wan = t['interfaces'][0], t['interfaces'][1]
    if _vary == 'vlan-in':
        t['interfaces'].append({'name': 'lan0.10', 'type': 'vlan', 'link': 'lan0', 'id': 10, 'mac': LM, 'addresses': lan.pop('addresses')})
        t['neighbours'] = [dict(n, dev='lan0.10') if n['dev'] == 'lan0' else n for n in t['neighbours']]
    if _vary == 'vlan-out':
        t['interfaces'].append({'name': 'wan0.20', 'type': 'vlan', 'link': 'wan0', 'id': 20, 'mac': WM, 'addresses': wan.pop('addresses')})
        t['neighbours'] = [dict(n, dev='wan0.20') if n['dev'] == 'wan0' else n for n in t['neighbours']]
        t['routes'] = [dict(r, dev='wan0.20') for r in t['routes']]
    if _vary == 'bridge-in':
        t['interfaces'].append({'name': 'br0', 'type': 'bridge', 'ports': ['lan0'], 'mac': LM, 'addresses': lan.pop('addresses')})
        t['neighbours'] = [dict(n, dev='br0') if n['dev'] == 'lan0' else n for n in t['neighbours']]
    if _vary == 'small-mtu': wan['mtu'] = 1300
    return t

def patch(fr, at, new, checksum=True):
    b = bytearray(fr); b[at:at + len(new)] = new
    if checksum: b[24:26] = b'\0\0'; b[24:26] = struct.pack('>H', cs(bytes(b[14:34])))
    return bytes(b)
def icmp(src, dst, ident=7):
    l4 = struct.pack('>BBHHH', 8, 0, 0, ident, 1) + b'p' * 24; l4 = l4[:2] + struct.pack('>H', cs(l4)) + l4[4:]
    h = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(l4), 1, 0x4000, 64, 1, 0) + ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    return struct.pack('>H', 0x800) + h[:10] + struct.pack('>H', cs(h)) + h[12:] + l4
SYN = IN(frame(C4, S4, 6, 40000, 443, b'', flags=2, seq=1000, opts=WS))
TEN = lambda rule: FWD4 % ('', '\n'.join(['  ' + rule] * 10) + '\n  accept')
ONE = lambda rule, sets='': FWD4 % (sets, '  ' + rule + '\n  accept')

# IPv6 without conntrack
add('fwd.v6.empty-chain', FWD % '', meas(6), mode='same'); add('fwd.v6.accept', FWD % '  accept', meas(6), mode='same')
add('fwd.v6.linear-saddr.10', FWD % ('\n'.join(f'  ip6 saddr 2001:db8:1::{i + 1:x} drop' for i in range(10)) + '\n  accept'), meas(6), mode='same')
add('hooks.v6.prerouting+forward+postrouting', 'table ip6 f {\n chain a { type filter hook prerouting priority 0; policy accept;\n }\n chain b { type filter hook forward priority 0; policy accept;\n }\n chain c { type filter hook postrouting priority 0; policy accept;\n }\n}\n', meas(6), mode='same')
add('drop.v6.forward', FWD % '  drop', meas(6), mode='same', expect=0)
# expressions
add('expr.prefix.10', TEN('ip saddr 10.1.16.0/20 drop'), meas(), mode='same')
add('expr.port-range.10', TEN('tcp dport 1000-2000 drop'), meas(), mode='same')
add('expr.port-not-range.10', TEN('tcp dport != 1-60000 drop'), meas(), mode='same')
add('expr.dscp-set', ONE('ip dscp set cs1'), meas(), mode='same'); add('expr.ttl-set', ONE('ip ttl set 63'), meas(), mode='same')
add('expr.flags-mask.10', TEN('tcp flags & (fin|syn) == fin|syn drop'), meas(), mode='same')
add('expr.maxseg-set', ONE('tcp flags syn tcp option maxseg size set 1400'), SYN, mode='same')
add('expr.maxseg-set-rt', ONE('tcp flags syn tcp option maxseg size set rt mtu'), SYN, mode='same')
add('expr.mark.10', TEN('meta mark 77 drop'), meas(), mode='same'); add('expr.mark-bits.10', TEN('meta mark & 0xff == 77 drop'), meas(), mode='same')
add('expr.oifname.10', TEN('oifname "eth7" drop'), meas(), mode='same'); add('expr.iifname-wildcard.10', TEN('iifname "eth*" drop'), meas(), mode='same')
add('expr.length.10', TEN('meta length > 9000 drop'), meas(), mode='same')
add('expr.fib', ONE('fib saddr . iif oif missing drop'), meas(), mode='same'); add('expr.fib-type', ONE('fib daddr type local drop'), meas(), mode='same')
add('expr.numgen.10', TEN('numgen random mod 16777216 == 16777000 drop'), meas(), mode='same')
add('expr.jhash.10', TEN('jhash ip saddr . ip daddr mod 16777216 seed 7 == 1 drop'), meas(), mode='same')
add('expr.named-counter.10', FWD4 % (' counter c { }', '\n'.join(['  counter name c'] * 10) + '\n  accept'), meas(), mode='same')
add('expr.limit.10', TEN('limit rate 1000000000/second'), meas(), mode='same'); add('expr.quota.10', TEN('quota over 100000 mbytes drop'), meas(), mode='same')
add('expr.mark-set.10', TEN('meta mark set 7'), meas(), mode='same')
add('expr.update-set', ONE('update @s { ip saddr }', ' set s { type ipv4_addr; flags dynamic; size 65535;\n }'), meas(), mode='same')
add('expr.update-set-timeout', ONE('update @s { ip saddr timeout 60s }', ' set s { type ipv4_addr; flags dynamic,timeout; size 65535;\n }'), meas(), mode='same')
add('expr.update-set-limit', ONE('update @s { ip saddr limit rate 1000000/second }', ' set s { type ipv4_addr; flags dynamic; size 65535;\n }'), meas(), mode='same')
# sets
add('set.v6-hash-miss.1000', FWD % ('  ip6 saddr { %s } drop\n  accept' % ', '.join(f'2001:db8:1::{i + 1:x}' for i in range(1000))), meas(6), mode='same')
for n in (10, 100, 10000): add(f'set.pipapo-2.{n}', FWD4 % (' set s { type ipv4_addr . inet_service; flags interval; elements = { %s }\n }' % ', '.join(f'{ip(i * 4)}/30 . {i % 60000 + 1}-{i % 60000 + 5}' for i in range(n)), '  ip saddr . tcp dport @s drop\n  accept'), meas(), mode='same')
add('set.pipapo-3.1000', FWD4 % (' set s { type ipv4_addr . ipv4_addr . inet_service; flags interval; elements = { %s }\n }' % ', '.join(f'{ip(i * 4)}/30 . {ip(i * 8)}/29 . {i + 1}-{i + 5}' for i in range(1000)), '  ip saddr . ip daddr . tcp dport @s drop\n  accept'), meas(), mode='same')
add('set.interval-miss.100', FWD4 % (' set s { type ipv4_addr; flags interval; elements = { %s }\n }' % ', '.join(f'{ip(i * 8 + 1)}-{ip(i * 8 + 4)}' for i in range(100)), '  ip saddr @s drop\n  accept'), meas(), mode='same')
add('set.bitmap-like.10000', FWD4 % (' set s { type inet_service; elements = { %s }\n }' % ', '.join(str(1000 + i) for i in range(10000)), '  tcp dport @s drop\n  accept'), meas(), mode='same')
# conntrack expressions and states
add('ct.mark.10', FWD % ('\n'.join(['  ct mark 77 drop'] * 10) + '\n  accept'), meas(), flow()); add('ct.mark-set.10', FWD % ('\n'.join(['  ct mark set 7'] * 10) + '\n  accept'), meas(), flow())
add('ct.state.10', FWD % ('\n'.join(['  ct state invalid drop'] * 10) + '\n  accept'), meas(), flow()); add('ct.status.10', FWD % ('\n'.join(['  ct status dnat drop'] * 10) + '\n  accept'), meas(), flow())
add('ct.connlimit', FWD % '  ct state established accept\n  ct count over 100000 drop\n  accept', meas(), mode='new')
add('ct.icmp', CT, IN(icmp(C4, S4)), (), mode='same')
bad = bytearray(meas()); bad[50] ^= 0x55; add('ct.invalid-checksum', FWD % '  ct state invalid drop\n  accept', bytes(bad), (), mode='same', expect=0, **{'net.netfilter.nf_conntrack_checksum': 1})
add('ct.v4.udp.new-drop', FWD % '  ct state new drop', meas(4, 17), mode='new', expect=0)
DNAT = 'table ip nat {\n chain pre { type nat hook prerouting priority dstnat;\n  tcp dport 443 dnat to 198.51.100.8\n }\n}\n'
add('ct-dnat.v4.tcp.new', DNAT + CT, meas(), (), mode='new'); add('ct-snat.v4.tcp.new', NAT.replace('masquerade', 'snat to 203.0.113.1') + CT, meas(), (), mode='new')
add('ct-nat.idle.v4.tcp.orig', NAT.replace('wan0', 'nope') + CT, meas(), flow()); add('ct-nat.idle.v4.tcp.new', NAT.replace('wan0', 'nope') + CT, meas(), (), mode='new')
# flowtable
add('flow.miss.v4', ft().replace('  meta l4proto { tcp, udp } flow add @ft\n', '  tcp dport 1 flow add @ft\n'), meas(), flow()); add('flow.miss.v6', ft().replace('  meta l4proto { tcp, udp } flow add @ft\n', '  tcp dport 1 flow add @ft\n'), meas(6), flow(6))
add('flow.break.v4', ft(), meas(), (), mode='new')
# a flow is made by the second packet of each of many UDP connections, and undone by the FIN of each of many TCP connections
ports = lambda fr, i, at=34: (lambda b: (b.__setitem__(slice(at, at + 2), struct.pack('>H', 40000 + i)), b.__setitem__(slice(40, 42), b'\0\0'), bytes(b))[2])(bytearray(fr))
add('flow.add.v4.udp', ft(), meas(4, 17), [('lan0', ports(meas(4, 17), i)) for i in range(230)], mode='new')
add('flow.add.none.v4.udp', CT, meas(4, 17), [('lan0', ports(meas(4, 17), i)) for i in range(230)], mode='new')
# link layer
TAG = lambda fr, vid: fr[:12] + struct.pack('>HH', 0x8100, vid) + fr[12:]
add('link.vlan-in', '', TAG(meas(), 10), mode='same', _vary='vlan-in'); add('link.vlan-out', '', meas(), mode='same', _vary='vlan-out'); add('link.bridge-in', '', meas(), mode='same', _vary='bridge-in')
# hooks of devices
add('hook.ingress-accept', 'table netdev c {\n chain i { type filter hook ingress device lan0 priority 0; policy accept;\n }\n}\n', meas(), mode='same'); add('hook.egress-accept', 'table netdev c {\n chain e { type filter hook egress device wan0 priority 0; policy accept;\n }\n}\n', meas(), mode='same')
# local, errors
add('local.input-drop', 'table ip f {\n chain i { type filter hook input priority 0; policy drop;\n }\n}\n', IN(frame(C4, '192.168.1.1', 17, 40000, 9, b'x' * 12)), mode='same', expect=0)
add('local.echo', '', IN(icmp(C4, '192.168.1.1')), mode='same', expect=0); add('local.port-unreachable', '', IN(frame(C4, '192.168.1.1', 17, 40000, 9, b'x' * 12)), mode='same', expect=0)
add('error.ttl', '', patch(meas(), 22, b'\1'), mode='same', expect=0)
add('reject.icmp', FWD4 % ('', '  reject'), meas(), mode='same', expect=0); add('reject.tcp-reset', FWD4 % ('', '  reject with tcp reset'), meas(), mode='same', expect=0)
add('error.fragment-out', '', patch(meas(size=1500), 20, b'\0\0'), mode='same', _vary='small-mtu')
