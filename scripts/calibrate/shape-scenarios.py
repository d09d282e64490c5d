# Rulesets of other shapes than those the weights were first fitted to: maps, concatenations, verdict maps, NAT, long chains
# of jumps, limits, quotas, dynamic sets, big sets, IPv6, fragments, ICMP errors, rejects, logs, VLAN, bridge, flowtables with
# counters. Measured as more-scenarios.py is; results: scripts/calibrate/shape-<arch>.json. Judged by k-fold: see calibrate.ts.
import copy

plain_topo = topo
def topo(_vary='', **sysctl):
    t = copy.deepcopy(plain_topo(**sysctl)); lan, wan = t['interfaces'][0], t['interfaces'][1]
    def behind(kind, over, extra):
        of = lan if over == 'lan0' else wan
        t['interfaces'].append({'type': kind, 'mac': of['mac'], 'addresses': of.pop('addresses'), **extra})
        name = extra['name']
        t['neighbours'] = [dict(n, dev=name) if n['dev'] == over else n for n in t['neighbours']]
        t['routes'] = [dict(r, dev=name) if r['dev'] == over else r for r in t['routes']]
    for part in _vary.split('+'):
        if part == 'vlan-in': behind('vlan', 'lan0', {'name': 'lan0.10', 'link': 'lan0', 'id': 10})
        if part == 'vlan-out': behind('vlan', 'wan0', {'name': 'wan0.20', 'link': 'wan0', 'id': 20})
        if part == 'bridge-in': behind('bridge', 'lan0', {'name': 'br0', 'ports': ['lan0']})
        if part == 'small-mtu': wan['mtu'] = 1300
    return t
def patch(fr, at, new, checksum=True):
    b = bytearray(fr); b[at:at + len(new)] = new
    if checksum: b[24:26] = b'\0\0'; b[24:26] = struct.pack('>H', cs(bytes(b[14:34])))
    return bytes(b)
def icmp(src, dst):
    l4 = struct.pack('>BBHHH', 8, 0, 0, 7, 1) + b'p' * 24; l4 = l4[:2] + struct.pack('>H', cs(l4)) + l4[4:]
    h = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(l4), 1, 0x4000, 64, 1, 0) + ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    return struct.pack('>H', 0x800) + h[:10] + struct.pack('>H', cs(h)) + h[12:] + l4
def icmp6(src, dst, kind=128):
    s, d = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    l4 = struct.pack('>BBHHH', kind, 0, 0, 7, 1) + b'p' * 24; c = cs(s.packed + d.packed + struct.pack('>II', len(l4), 58) + l4)
    l4 = l4[:2] + struct.pack('>H', c) + l4[4:]
    return struct.pack('>H', 0x86dd) + struct.pack('>IHBB', 0x60000000, len(l4), 58, 64) + s.packed + d.packed + l4
TAG = lambda fr, vid: fr[:12] + struct.pack('>HH', 0x8100, vid) + fr[12:]
TEN = lambda rule, n=10: FWD4 % ('', '\n'.join(['  ' + rule] * n) + '\n  accept')
ONE = lambda rule, sets='': FWD4 % (sets, '  ' + rule + '\n  accept')
six = lambda i: f'2001:db8:1::{i:x}'
EST = '  ct state established,related accept\n'

# maps and verdict maps
ports = lambda n: ', '.join(f'{344 + i} : 198.51.100.{i % 250 + 1}' for i in range(n))
DMAP = 'table ip nat {\n map m { type inet_service : ipv4_addr; elements = { %s }\n }\n chain pre { type nat hook prerouting priority dstnat;\n  dnat to tcp dport map @m\n }\n}\n'
add('map.dnat.new', DMAP % ports(100) + CT, meas(), (), mode='new')
add('map.mark.100', ONE('meta mark set tcp dport map { %s }' % ', '.join(f'{344 + i} : {i}' for i in range(100))), meas(), mode='same')
add('map.interval.100', ONE('meta mark set ip saddr map { %s }' % ', '.join(f'10.{i}.0.0/16 : {i}' for i in range(100)) .replace('10.99.0.0/16', '192.168.0.0/16')), meas(), mode='same')
add('map.numgen', ONE('meta mark set numgen inc mod 4 map { 0 : 1, 1 : 2, 2 : 3, 3 : 4 }'), meas(), mode='same')
add('vmap.ifaces', FWD % '  iifname . oifname vmap { "lan0" . "wan0" : accept, "wan0" . "lan0" : drop, "eth1" . "eth2" : drop }\n  drop', meas(), mode='same')
add('vmap.interval.1000', ONE('ip daddr vmap { %s }' % ', '.join(f'10.{i // 250}.{i % 250}.0/24 : drop' for i in range(1000))), meas(), mode='same')
add('vmap.concat', FWD % '  ip saddr . tcp dport vmap { %s : accept }\n  drop' % f'{C4} . 443', meas(), mode='same')
add('vmap.jump', FWD4 % (' chain a {\n  counter\n }\n chain b {\n  counter\n }', '  tcp dport vmap { 443 : jump a, 80 : jump b }\n  accept'), meas(), mode='same')
add('vmap.proto', FWD % '  meta l4proto vmap { tcp : accept, udp : drop, icmp : drop }\n  drop', meas(), mode='same')
# sets
add('set.inline.3', TEN('tcp dport { 22, 80, 8080 } drop'), meas(), mode='same')
add('set.inline-not.3', TEN('tcp dport != { 22, 443, 8080 } drop'), meas(), mode='same')
add('set.proto.2', TEN('meta l4proto { udp, icmp } drop'), meas(), mode='same')
add('set.hash.100000', FWD4 % (' set s { type ipv4_addr; elements = { %s }\n }' % ', '.join(ip(i * 3 + 1) for i in range(100000)), '  ip saddr @s drop\n  accept'), meas(), mode='same')
add('set.interval.50000', FWD4 % (' set s { type ipv4_addr; flags interval; elements = { %s }\n }' % ', '.join(f'{ip(i * 8 + 1)}-{ip(i * 8 + 4)}' for i in range(50000)), '  ip saddr @s drop\n  accept'), meas(), mode='same')
add('set.interval-hit.1000', FWD4 % (' set s { type ipv4_addr; flags interval; elements = { %s }\n }' % ', '.join([f'{ip(i * 8 + 1)}-{ip(i * 8 + 4)}' for i in range(999)] + ['192.168.1.0/24']), '  ip saddr @s accept\n  drop'), meas(), mode='same')
for n in (10, 1000): add(f'set.v6-interval.{n}', FWD % ('  ip6 saddr { %s } drop\n  accept' % ', '.join(f'2001:db8:{i:x}::/48' for i in range(n))), meas(6), mode='same')
add('set.v6-hash-hit.100', FWD % ('  ip6 saddr { %s, %s } accept\n  drop' % (C6, ', '.join(six(i + 1) for i in range(99)))), meas(6), mode='same')
add('set.concat-3.100', ONE('ip saddr . ip daddr . tcp dport { %s } drop' % ', '.join(f'{ip(i + 1)} . {ip(i + 7)} . {i + 1}' for i in range(100))), meas(), mode='same')
add('set.concat-v6.1000', FWD % ('  ip6 saddr . tcp dport { %s } drop\n  accept' % ', '.join(f'{six(i + 1)} . {i + 1}' for i in range(1000))), meas(6), mode='same')
add('set.pipapo-v6.100', FWD % ('  ip6 saddr . tcp dport { %s } drop\n  accept' % ', '.join(f'2001:db8:{i:x}::/48 . {i + 1}-{i + 9}' for i in range(100))), meas(6), mode='same')
add('set.pipapo-v6.1000', FWD % ('  ip6 saddr . tcp dport { %s } drop\n  accept' % ', '.join(f'2001:db8:{i:x}::/48 . {i + 1}-{i + 9}' for i in range(1000))), meas(6), mode='same')
add('set.pipapo-hit.100', ONE('ip saddr . tcp dport { 192.168.1.0/24 . 400-500, %s } accept\n  drop' % ', '.join(f'{ip(i * 4)}/30 . {i + 1}-{i + 5}' for i in range(99))), meas(), mode='same')
add('set.ports-interval.20', TEN('tcp dport { %s } drop' % ', '.join(f'{1000 + i * 10}-{1004 + i * 10}' for i in range(20)), 5), meas(), mode='same')
# chains of jumps
add('jump.returning.50', FWD4 % (' chain j {\n  tcp dport 1 drop\n }', '\n'.join(['  jump j'] * 50) + '\n  accept'), meas(), mode='same')
add('jump.conditional.20', FWD4 % (' chain j {\n  tcp dport 1 drop\n  tcp dport 2 drop\n }', '\n'.join(['  ip saddr 192.168.1.0/24 jump j'] * 20) + '\n  accept'), meas(), mode='same')
add('jump.empty.20', FWD4 % (' chain j {\n }', '\n'.join(['  jump j'] * 20) + '\n  accept'), meas(), mode='same')
add('jump.ufw', FWD4 % (''.join(f' chain c{i} {{\n  {"tcp dport 1 drop" if i % 2 else "udp dport 1 drop"}\n  counter\n }}\n' for i in range(12)), '\n'.join(f'  counter jump c{i}' for i in range(12)) + '\n  accept'), meas(), mode='same')
# limits, quotas, dynamic sets
add('limit.named', FWD4 % (' limit l { rate 1000000000/second\n }', '\n'.join(['  limit name l'] * 10) + '\n  accept'), meas(), mode='same')
add('limit.bytes.10', TEN('limit rate 1000 mbytes/second burst 1000 mbytes'), meas(), mode='same')
add('limit.over.10', TEN('limit rate over 1000000000/second drop'), meas(), mode='same')
add('quota.named', FWD4 % (' quota q { over 100000 mbytes }', '\n'.join(['  quota name q drop'] * 10) + '\n  accept'), meas(), mode='same')
add('dynset.add-new', ONE('add @s { tcp sport }', ' set s { type inet_service; flags dynamic; size 65535;\n }'), meas(), mode='new')
add('dynset.add-new-timeout', ONE('add @s { ip saddr . tcp sport timeout 60s }', ' set s { type ipv4_addr . inet_service; flags dynamic,timeout; size 65535;\n }'), meas(), mode='new')
add('dynset.counter', ONE('update @s { ip saddr counter }', ' set s { type ipv4_addr; flags dynamic; size 65535;\n }'), meas(), mode='same')
add('dynset.map', ONE('add @m { ip saddr : tcp dport }', ' map m { type ipv4_addr : inet_service; flags dynamic; size 65535;\n }'), meas(), mode='same')
add('dynset.meter', FWD % '  ct state new meter m { ip saddr limit rate over 1000000/second } drop\n  accept', meas(), mode='new')
# expressions in plain rules
add('expr.not-saddr.10', TEN('ip saddr != 192.168.1.10 drop'), meas(), mode='same')
add('expr.protocol.10', TEN('ip protocol udp drop'), meas(), mode='same'); add('expr.daddr-net.10', TEN('ip daddr 10.0.0.0/8 drop'), meas(), mode='same')
add('expr.saddr-range.10', TEN('ip saddr 10.0.0.5-10.0.7.9 drop'), meas(), mode='same')
add('expr.dscp.10', TEN('ip dscp cs1 drop'), meas(), mode='same'); add('expr.ttl-lt.10', TEN('ip ttl < 5 drop'), meas(), mode='same')
add('expr.ether.5', FWD % ('\n'.join(['  ether saddr 00:11:22:33:44:55 drop'] * 5) + '\n  accept'), meas(), mode='same')
add('expr.pkttype.10', TEN('meta pkttype broadcast drop'), meas(), mode='same'); add('expr.nfproto.10', FWD % ('\n'.join(['  meta nfproto ipv6 drop'] * 10) + '\n  accept'), meas(), mode='same')
add('expr.l4proto.10', FWD % ('\n'.join(['  meta l4proto udp drop'] * 10) + '\n  accept'), meas(), mode='same')
add('expr.tcp-option.10', TEN('tcp option maxseg exists drop'), meas(), mode='same')
add('expr.two-ports.10', TEN('tcp sport 1 tcp dport 2 drop'), meas(), mode='same'); add('expr.iif-oif-dport.10', TEN('iifname "lan0" oifname "wan0" tcp dport 22 drop'), meas(), mode='same')
add('expr.counter-log-ish.5', TEN('ip saddr 192.168.1.10 tcp dport 443 counter', 5), meas(), mode='same')
add('expr.v6.10', FWD % ('\n'.join(['  ip6 daddr 2001:db8:77::/48 tcp dport 22 drop'] * 10) + '\n  accept'), meas(6), mode='same')
add('expr.v6-other-family.10', FWD % ('\n'.join(['  ip saddr 10.0.0.1 drop'] * 10) + '\n  accept'), meas(6), mode='same')
add('expr.v6-nexthdr.10', FWD % ('\n'.join(['  ip6 nexthdr udp drop'] * 10) + '\n  accept'), meas(6), mode='same')
add('expr.v6-frag.10', FWD % ('\n'.join(['  exthdr frag exists drop'] * 10) + '\n  accept'), meas(6), mode='same')
add('expr.numgen-inc.5', TEN('numgen inc mod 1000000 == 999999 drop', 5), meas(), mode='same')
add('expr.log.1', TEN('log prefix "x " level debug', 1), meas(), mode='same')
add('expr.rt-nexthop.5', TEN('rt nexthop 10.0.0.1 drop', 5), meas(), mode='same')
add('expr.priority-set.5', TEN('meta priority set 1:2', 5), meas(), mode='same'); add('expr.ct-zone-dir.5', FWD % ('\n'.join(['  ct direction reply drop'] * 5) + '\n  accept'), meas(), flow())
add('ct.bytes.5', FWD % ('\n'.join(['  ct bytes > 100000000 drop'] * 5) + '\n  accept'), meas(), flow(), **{'net.netfilter.nf_conntrack_acct': 1})
add('ct.saddr.5', FWD % ('\n'.join(['  ct original ip saddr 10.0.0.1 drop'] * 5) + '\n  accept'), meas(), flow())
add('ct.label-helper.5', FWD % ('\n'.join(['  ct helper "ftp" drop'] * 5) + '\n  accept'), meas(), flow())
add('ct.state-vmap-late', FWD % ('\n'.join(['  tcp dport 22 drop'] * 30) + '\n  ct state vmap { established : accept, related : accept, invalid : drop }\n  iifname "lan0" accept\n  drop'), meas(), flow())
add('ct.mark-save', FWD % '  ct mark set meta mark\n  meta mark set ct mark\n  accept', meas(), flow())
add('ct.all-hooks', ''.join(f'table inet h{i} {{\n chain p {{ type filter hook {h} priority {p}; policy accept;\n  ct state invalid drop\n }}\n}}\n' for i, (h, p) in enumerate((('prerouting', 0), ('forward', 0), ('postrouting', 0), ('forward', 10)))), meas(), flow())
# NAT
add('nat.v6.new', NAT6 + CT, meas(6), (), mode='new'); add('nat.v4.dnat-snat.new', 'table ip nat {\n chain pre { type nat hook prerouting priority dstnat;\n  tcp dport 443 dnat to 198.51.100.8:8443\n }\n chain post { type nat hook postrouting priority srcnat;\n  masquerade\n }\n}\n' + CT, meas(), (), mode='new')
add('nat.redirect.new', 'table ip nat {\n chain pre { type nat hook prerouting priority dstnat;\n  tcp dport 443 redirect to :9\n }\n}\n' + 'table inet f {\n chain i { type filter hook input priority 0; policy drop;\n }\n}\n', meas(), (), mode='new', expect=0)
add('nat.snat-port-range.new', NAT.replace('masquerade', 'meta l4proto udp snat to 203.0.113.1:1024-65535 random') + CT, meas(4, 17), (), mode='new')
add('nat.many-rules.new', 'table ip nat {\n chain post { type nat hook postrouting priority srcnat;\n' + '\n'.join(f'  ip saddr 10.0.{i}.0/24 oifname "wan0" masquerade' for i in range(20)) + '\n  oifname "wan0" masquerade\n }\n}\n' + CT, meas(), (), mode='new')
# IPv6: errors, rejects, fragments, local
add('error.v6.ttl', '', (lambda f: f[:21] + b'\1' + f[22:])(meas(6)), mode='same', expect=0); add('local.v6.echo', '', IN(icmp6(C6, 'fd00:1::1')), mode='same', expect=0)
add('local.v6.port-unreachable', '', IN(frame(C6, 'fd00:1::1', 17, 40000, 9, b'x' * 12)), mode='same', expect=0)
add('reject.v6', FWD % '  reject', meas(6), mode='same', expect=0); add('reject.v6.reset', FWD % '  meta l4proto tcp reject with tcp reset', meas(6), mode='same', expect=0)
add('reject.inet.icmpx', FWD % '  reject with icmpx type admin-prohibited', meas(), mode='same', expect=0); add('reject.ct', CT.replace('  drop', '  reject'), meas(rev=True), (), 'wan0', mode='new', expect=0)
add('error.v6.too-big', '', meas(6, size=1500), mode='same', expect=0, _vary='small-mtu'); add('error.frag-needed', '', meas(size=1500), mode='same', expect=0, _vary='small-mtu')
frag6 = lambda off, more, p: (lambda s, d: struct.pack('>H', 0x86dd) + struct.pack('>IHBB', 0x60000000, 8 + len(p), 44, 64) + s + d + struct.pack('>BBHI', 17, 0, off | more, 77) + p)(ipaddress.ip_address(C6).packed, ipaddress.ip_address(S6).packed)
add('frag.v6.queued', CT, IN(frag6(0, 1, b'z' * 64)), (), mode='new', expect=0)
add('frag.v6.plain', '', IN(frag6(0, 1, b'z' * 64)), (), mode='same'); add('frag.v4.plain', '', patch(meas(4, 17), 20, b'\x20\0'), mode='same')
add('ct.v6.icmp', CT, IN(icmp6(C6, S6)), (), mode='same'); add('nat.icmp', NAT + CT, IN(icmp(C4, S4)), (), mode='same')
# links
add('link.vlan-both', '', TAG(meas(), 10), mode='same', _vary='vlan-in+vlan-out'); add('link.bridge-in.ct', CT.replace('"lan0"', '"br0"'), meas(), flow(), _vary='bridge-in')
add('link.vlan-in.ct-nat', NAT + CT.replace('"lan0"', '"lan0.10"'), TAG(meas(), 10), [(i, TAG(f, 10) if i == 'lan0' else f) for i, f in flow(nat=True)], _vary='vlan-in')
add('link.vlan-out.flow', ft().replace('  iifname "lan0" accept', '  accept'), meas(), [(i, TAG(f, 20) if i == 'wan0' else f) for i, f in flow()], _vary='vlan-out')
# flowtables
add('flow.v6.udp.nat', NAT6 + ft(), meas(6, 17), (lambda w: [w[0], w[2]] * 3)(flow(6, 17)), expect=1)
add('flow.v4.udp.1500', ft(' counter;'), meas(4, 17, size=1500), flow(4, 17))
add('flow.miss.third-device', ft().replace('lan0, wan0', 'wan0'), meas(), flow()); add('flow.counter.acct.nat', NAT + ft(' counter;'), meas(rev=True, nat=True), flow(nat=True), 'wan0', **{'net.netfilter.nf_conntrack_acct': 1})
# whole rulesets
DOCKER = '''table ip nat {
 chain DOCKER {
  iifname "docker0" counter return
  iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80
 }
 chain PREROUTING { type nat hook prerouting priority dstnat; policy accept;
  fib daddr type local counter jump DOCKER
 }
 chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept;
  oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade
  oifname "wan0" ip saddr 192.168.0.0/16 counter masquerade
 }
}
table ip filter {
 chain DOCKER-USER {
  counter return
 }
 chain ISOLATION-1 {
  iifname "docker0" oifname != "docker0" counter jump ISOLATION-2
  counter return
 }
 chain ISOLATION-2 {
  oifname "docker0" counter drop
  counter return
 }
 chain FORWARD { type filter hook forward priority filter; policy accept;
  counter jump DOCKER-USER
  counter jump ISOLATION-1
  oifname "docker0" ct state related,established counter accept
  iifname "docker0" oifname != "docker0" counter accept
  iifname "lan0" counter accept
 }
}
'''
add('docker.new', DOCKER, meas(), (), mode='new'); add('docker.orig', DOCKER, meas(), flow(nat=True)); add('docker.reply', DOCKER, meas(rev=True, nat=True), flow(nat=True), 'wan0')
HOME = '''table inet filter {
 set blocked { type ipv4_addr; flags interval; auto-merge; elements = { %s }
 }
 set guests { type ipv4_addr; flags dynamic,timeout; timeout 1h; size 4096;
 }
 counter passed { }
 flowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; counter; }
 chain pre { type filter hook prerouting priority mangle; policy accept;
  ct mark != 0 meta mark set ct mark
  ip dscp set cs0
 }
 chain forward { type filter hook forward priority filter; policy drop;
  ip saddr @blocked counter drop
  ip daddr @blocked counter drop
  %s
  counter name passed
  ct state vmap { invalid : drop, established : accept, related : accept }
  iifname . oifname vmap { "lan0" . "wan0" : goto out, "wan0" . "lan0" : drop }
 }
 chain out {
  update @guests { ip saddr }
  tcp dport { 25, 135-139, 445 } reject with tcp reset
  limit rate 100000000/second accept
 }
}
''' % (', '.join('10.%d.%d.0/24' % (i // 250, i % 250) for i in range(0, 500, 2)), '%s')
OFF, ON = HOME % 'tcp flags syn tcp option maxseg size set rt mtu', HOME % 'ct state established meta l4proto { tcp, udp } flow add @ft'
add('home.new', NAT + OFF, meas(), (), mode='new'); add('home.orig', NAT + OFF, meas(), flow(nat=True)); add('home.udp.reply', NAT + OFF, meas(4, 17, nat=True, rev=True), flow(4, 17, nat=True), 'wan0'); add('home.flow.orig', NAT + ON, meas(), flow(nat=True), **{'net.netfilter.nf_conntrack_acct': 1}); add('home.v6.new', OFF, meas(6), (), mode='new'); add('home.v6.orig', OFF, meas(6), flow(6))
