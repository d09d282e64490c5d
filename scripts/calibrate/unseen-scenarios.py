# Rulesets made by chance, and look-ups and logs of other shapes, that no fit sees: what comes out is held against what was measured.
# Always the same ones. Measured as more-scenarios.py is; results: scripts/calibrate/unseen-<arch>.json.
import random
exec(open(os.path.join(os.path.dirname(a.scenarios), 'shape-scenarios.py')).read().split('# maps and verdict maps')[0])
adr = lambda n: str(ipaddress.ip_address(n))
def net4(r): p = r.randrange(8, 31); return f'{adr(r.randrange(1 << 24, 190 << 24) >> (32 - p) << (32 - p))}/{p}'
def net6(r): p = r.choice((32, 48, 56, 64)); return f'{adr((r.randrange(0x2001, 0x2a10) << 112 | r.getrandbits(16) << 96 | r.getrandbits(32) << 64) >> (128 - p) << (128 - p))}/{p}'
def ports(r):
    x = r.randrange(1, 60000); return str(x) if r.random() < .6 else f'{x}-{x + r.randrange(1, 300)}'
def some(r, make, most):
    seen = []
    for i in range(r.randrange(1, most)):
        x = make(r)
        if not any(overlap(x, y) for y in seen): seen.append(x)
    return ', '.join(seen)
def overlap(x, y):
    def ends(t):
        if '/' in t: n = ipaddress.ip_network(t, strict=False); return int(n[0]), int(n[-1])
        if '-' in t: return tuple(int(v) if v.isdigit() else int(ipaddress.ip_address(v)) for v in t.split('-'))
        return (int(t), int(t)) if t.isdigit() else (int(ipaddress.ip_address(t)),) * 2
    (p, q), (s, t) = ends(x), ends(y); return p <= t and s <= q
# what matches the measured packet is left to chance only where it goes on
HERE = {int(ipaddress.ip_address(x)) for x in (C4, S4, W4)}
def away(r): 
    while True:
        x = net4(r); n = ipaddress.ip_network(x)
        if not any(int(n[0]) <= h <= int(n[-1]) for h in HERE): return x
def rule(r, v6):
    side = r.choice(('saddr', 'daddr')); ip_ = 'ip6' if v6 else 'ip'; net = (lambda r: net6(r)) if v6 else away
    miss = [lambda: f'{ip_} {side} {net(r)} drop', lambda: f'tcp {r.choice(("sport", "dport"))} {r.randrange(1, 400)} drop', lambda: f'iifname "{r.choice(("eth7", "wg0", "tun0"))}" drop', lambda: f'oifname "eth{r.randrange(9)}" counter drop', lambda: f'meta l4proto {r.choice(("icmp", "esp", "gre"))} drop',
        lambda: f'{ip_} {side} {{ {some(r, net, 40)} }} drop', lambda: f'th dport {{ {some(r, lambda r: str(r.randrange(1, 400)), 20)} }} drop', lambda: f'th sport {{ {some(r, lambda r: f"{(x := r.randrange(1, 300))}-{x + r.randrange(1, 90)}", 12)} }} drop',
        lambda: f'{ip_} saddr . th dport {{ {", ".join(f"{net(r)} . {ports(r)}" for i in range(r.randrange(1, 30)))} }} drop' if False else f'{ip_} daddr {net(r)} th dport {ports(r)} drop', lambda: f'meta mark {r.randrange(1, 99)} drop', lambda: f'ct mark {r.randrange(1, 99)} drop', lambda: f'ct status snat drop', lambda: f'meta length > 9000 drop',
        lambda: f'tcp flags & (fin|syn) == (fin|syn) drop', lambda: f'ip{"6 hoplimit" if v6 else " ttl"} < 5 drop', lambda: f'th dport {r.randrange(2000, 3000)}-{r.randrange(3001, 9000)} drop', lambda: f'ct state invalid drop']
    go = [lambda: 'counter', lambda: f'{ip_} {side} {{ {some(r, net, 60)} }} counter', lambda: f'meta mark set {r.randrange(1, 1 << 30)}', lambda: f'ct mark set {r.randrange(1, 999)}', lambda: f'limit rate {r.randrange(1, 9)}00000000/second', lambda: f'iifname {{ "lan0", "wan0", "eth{r.randrange(9)}" }} counter', lambda: f'jump extra{r.randrange(3)}', lambda: f'quota over {r.randrange(1, 9)}00000 mbytes drop',
        lambda: f'meta l4proto {{ tcp, udp }} counter', lambda: f'th dport 400-500 counter', lambda: f'meta mark set th dport map {{ 80 : 1, 443 : 2, 8080 : 3 }}', lambda: f'ct state new,established,untracked counter']
    return '  ' + r.choice(miss if r.random() < .7 else go)()
def made(seed):
    r = random.Random(seed); v6 = r.random() < .35; pr = r.choice((6, 6, 17)); kind = r.choice(('orig', 'orig', 'new', 'reply', 'same'))
    extra = ''.join(f' chain extra{i} {{\n' + '\n'.join(x for x in (rule(r, v6) for k in range(r.randrange(0, 5))) if 'jump' not in x) + '\n }\n' for i in range(3))
    body = '\n'.join(rule(r, v6) for i in range(r.randrange(1, 30)))
    if kind != 'same': body = f'  ct state {r.choice(("established,related", "related"))} counter\n' + body
    end = r.choice(('  accept', '  counter accept', '  ct state vmap { established : accept, related : accept, new : accept, untracked : accept }'))
    nat = (NAT6 if v6 else NAT) if kind in ('orig', 'reply', 'new') and r.random() < .4 and not v6 else ''
    pre = 'table inet p {\n chain pre { type filter hook prerouting priority mangle; policy accept;\n' + '\n'.join(rule(r, v6) for i in range(r.randrange(0, 6)) ) .replace('oifname', 'iifname') + '\n }\n chain extra0 {\n  counter\n }\n chain extra1 {\n }\n chain extra2 {\n  return\n }\n}\n' if r.random() < .4 else ''
    rules = nat + pre + 'table inet f {\n' + extra + ' chain forward { type filter hook forward priority 0; policy drop;\n' + body + '\n' + end + '\n }\n}\n'
    v = 6 if v6 else 4; warm = flow(v, pr, nat=bool(nat)) if kind in ('orig', 'reply') else []
    if kind == 'reply': add(f'u.random.{seed}', rules, meas(v, pr, nat=bool(nat), rev=True), warm, 'wan0')
    else: add(f'u.random.{seed}', rules, meas(v, pr), warm, mode='new' if kind == 'new' else 'seq' if kind == 'orig' else 'same')
for seed in range(1, 61): made(seed)
# look-ups, logs, answers
for k in range(1, 13):
    r = random.Random(1000 + k); n = r.choice((7, 35, 120, 600, 2500)); spread = r.choice((14, 200, 5000, 1 << 20)); low = int(ipaddress.ip_address('192.168.1.10')) - r.randrange(n) * spread
    got = []; at = max(low, 1 << 24)
    for i in range(n):
        at += r.randrange(1, spread); end = at + r.randrange(0, spread // 2); got.append(f'{adr(at)}-{adr(end)}' if end > at else adr(at)); at = end + 1
        if at > 220 << 24: break
    add(f'u.tree.{k}', FWD4 % (' set s { type ipv4_addr; flags interval; elements = { %s }\n }' % ', '.join(got), f'  ip {r.choice(("saddr", "daddr"))} @s counter\n  accept'), meas(), mode='same')
for k in range(1, 13):
    r = random.Random(2000 + k); n = r.choice((4, 25, 90, 400, 1800)); three = r.random() < .4; mine = r.random()
    first = lambda: '192.168.1.0/24' if r.random() < mine * .5 else net4(r); el = set()
    while len(el) < n: el.add(f'{first()} . {away(r)} . {ports(r)}' if three else f'{first()} . {r.randrange(1000, 65000)}')
    add(f'u.pipapo.{k}', FWD4 % (' set s { type ipv4_addr . %s; flags interval; elements = { %s }\n }' % ('ipv4_addr . inet_service' if three else 'inet_service', ', '.join(sorted(el))), '  ip saddr . %s @s drop\n  accept' % ('ip daddr . th dport' if three else 'th dport')), meas(4, 17), mode='same')
for k, (what, fr) in enumerate((('log prefix "[fw] forward: " level info', meas()), ('log prefix "[UFW BLOCK] "', meas(4, 17)), ('log prefix "s" flags tcp sequence', meas()), ('log level debug flags ip options', meas(6)), ('limit rate 1000000/second log prefix "nft-drop " flags all', meas(6, 17)), ('tcp dport 443 log prefix "web "\n  counter log', meas()))): add(f'u.log.{k}', FWD % f'  {what}\n  accept', fr, mode='same')
FREE = {'net.ipv4.icmp_msgs_per_sec': 100000000, 'net.ipv4.icmp_msgs_burst': 100000000}
add('u.reject.v6.ports', FWD % '  tcp dport { 80, 443 } counter reject', meas(6), mode='same', expect=0, **FREE); add('u.reject.v4.log', FWD % '  ip daddr 198.51.100.0/24 reject with icmp type admin-prohibited', meas(4, 17), mode='same', expect=0); add('u.ttl.v6', FWD % '  counter', (lambda f: f[:21] + b'\1' + f[22:])(meas(6)), mode='same', expect=0, **FREE)
for k, rules in enumerate(('ip saddr { 10.0.0.0/8, 192.168.0.0/16 } drop', 'tcp dport { 22, 80, 443 } counter drop', 'ip daddr 198.51.100.7 drop', 'meta mark 4 accept\n  counter\n  drop')): add(f'u.ingress.{k}', 'table netdev c {\n chain i { type filter hook ingress device lan0 priority 0; policy accept;\n  %s\n }\n}\n' % rules, meas(), mode='same', expect=0)
add('u.dynset.1', FWD % '  ct state new add @s { ip saddr . th dport timeout 1m } counter\n  accept', meas(), (), mode='new'); S[-1]['rules'] = S[-1]['rules'].replace(' chain', ' set s { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1h; size 65535;\n }\n chain', 1)
