// Random rulesets: one table of filter chains with sets, maps and objects, and by lot NAT, raw, netdev, bridge and arp
// chains, connection tracking objects and a flowtable.
import type { Draw } from './draw.ts';
import { natChains } from './nat.ts';
import { chain, type Place, rules } from './rules.ts';
import type { Topology } from './topologies.ts';

export interface RandomRuleset {
  text: string;
  /** Of the scene's name. */
  parts: string[];
}

const SETS = [
  'set ports { type inet_service; flags interval; elements = { 1-60, 443, 5000-5060 }',
  'set hosts { type ipv4_addr; elements = { 192.168.1.10, 198.51.100.8 }',
  'set hosts6 { type ipv6_addr; elements = { fd00:1::10, 2001:db8:99::8 }',
  'set nets { type ipv4_addr; flags interval; auto-merge; elements = { 192.168.1.0/29, 192.168.1.11, 198.51.100.8/31 }',
  'set seen { type ipv4_addr; flags dynamic; size 100',
  'set seen6 { type ipv6_addr; flags dynamic,timeout; size 100',
  'set fresh { type ipv4_addr; flags dynamic,timeout; timeout 10s; size 100',
  'set learned { type inet_service; flags dynamic,timeout; timeout 4s; size 100',
  'set pairs { type ipv4_addr . inet_proto; flags dynamic; size 100',
  'set rates { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 100',
  'set counts { type ipv4_addr; flags dynamic; size 100',
  'set conns { type ipv4_addr; flags dynamic; size 100',
  'map marks { type ipv4_addr : mark; flags interval; elements = { 192.168.1.10 : 1, 192.168.1.11-192.168.1.20 : 3, 198.51.100.0/29 : 0x10 }',
  'map verdicts { type inet_service : verdict; flags interval; elements = { 80 : accept, 100-500 : jump side, 8080 : drop }',
  'map pairsv { type ipv4_addr . inet_proto : verdict; elements = { 192.168.1.10 . tcp : accept, 192.168.1.11 . udp : jump side, 198.51.100.7 . udp : continue }',
];
const OBJECTS = [
  'counter every {',
  'counter web {',
  'quota some { over 1200 bytes',
  'limit slow { rate 11/minute burst 4 packets',
];
const CONNTRACK_OBJECTS = [
  'ct helper ftph { type "ftp" protocol tcp; l3proto ip',
  'ct timeout short { protocol udp; l3proto ip; policy = { unreplied : 3, replied : 7 }',
  'ct timeout quick { protocol tcp; l3proto ip; policy = { established : 15, syn_sent : 5, close : 2, fin_wait : 9 }',
];
const JUMPS = ['side', 'other'];

/** A ruleset for a router. */
export function randomRuleset(draw: Draw, topology: Topology): RandomRuleset {
  const hasNat = draw.oneIn(2);
  const hasFlowtable = draw.oneIn(3);
  const hasConntrackObjects = draw.oneIn(5);
  const policy = draw.oneIn(5) ? 'drop' : 'accept';
  const place = (hook: Place['hook'], more: Partial<Place> = {}): Place => ({
    family: 'inet',
    jumps: JUMPS,
    rejects: hook !== 'output' && hook !== 'postrouting',
    ...(hook === undefined ? {} : { hook }),
    ...more,
  });
  const base = (hook: string, priority: number, what = 'accept', type = 'filter'): string =>
    `type ${type} hook ${hook} priority ${priority}; policy ${what};`;
  const forward = [
    ...(hasFlowtable ? [flowRule(draw)] : []),
    ...rules(draw, place('forward'), 6),
    ...(policy === 'drop'
      ? ['ct state established,related counter accept', `iifname "${topology.lan}" counter accept`]
      : []),
  ];
  const chains = [
    chain('other', undefined, rules(draw, place(undefined, { jumps: [], rejects: false }), 2)),
    chain('side', undefined, rules(draw, place(undefined, { jumps: ['other'], rejects: false }), 3)),
    chain('pre', base('prerouting', draw.pick([-150, -150, -190, 10, -450])), rules(draw, place('prerouting'), 3)),
    chain('forward', base('forward', 0, policy), forward),
    chain('input', base('input', 0, draw.oneIn(8) ? 'drop' : 'accept'), rules(draw, place('input'), 3)),
    chain('output', base('output', 0), rules(draw, place('output'), 2)),
    chain('post', base('postrouting', draw.pick([0, 150, -150])), rules(draw, place('postrouting'), 2)),
    ...(draw.oneIn(4)
      ? [chain('later', base('forward', draw.pick([5, 50, -160])), rules(draw, place('forward'), 3))]
      : []),
    ...(draw.oneIn(6)
      ? [chain('route', base('output', -150, 'accept', 'route'), ['counter', ...rules(draw, place('output'), 2)])]
      : []),
    ...(draw.oneIn(4) ? [rawChain(draw)] : []),
    ...(hasConntrackObjects ? [conntrackChain(draw)] : []),
    ...(draw.oneIn(6)
      ? [
          chain(
            'early',
            `type filter hook ingress device ${ingress(draw, topology)} priority 0; policy accept;`,
            rules(draw, place('ingress', { family: 'netdev', jumps: [] }), 3),
          ),
        ]
      : []),
    ...(hasNat ? natChains(draw, topology) : []),
  ];
  const objects = hasConntrackObjects ? [...OBJECTS, ...CONNTRACK_OBJECTS] : OBJECTS;
  const flowtable = hasFlowtable ? [flowtableOf(draw, topology)] : [];
  const bodies = [...objects, ...SETS, ...flowtable].map((text) => `\t${text}\n\t}`);
  // Sets of verdicts name chains: those stand first.
  const declared = JUMPS.map((name) => `\tchain ${name} {\n\t}`);
  const tables = [`table inet f {\n${[...declared, ...bodies, ...chains].join('\n')}\n}`];
  const parts = [topology.name, ...(hasNat ? ['NAT'] : []), ...(hasFlowtable ? ['flowtable'] : [])];
  if (policy === 'drop') parts.push('policy drop');
  for (const [name, often, make] of MORE) {
    if (!draw.oneIn(often)) continue;
    const text = make(draw, topology);
    if (text === undefined) continue;
    tables.push(text);
    parts.push(name);
  }
  return { text: `${tables.join('\n')}\n`, parts };
}

const MORE: [name: string, often: number, make: (draw: Draw, topology: Topology) => string | undefined][] = [
  ['netdev', 6, netdevTable],
  ['bridge rules', 2, bridgeTable],
  ['arp', 8, arpTable],
  ['ip and ip6 tables', 5, familyTables],
];

function flowRule(draw: Draw): string {
  return draw.pick([
    'meta l4proto { tcp, udp } flow add @ft',
    'meta l4proto { tcp, udp } flow add @ft',
    'ct state established flow add @ft counter',
    'ip protocol tcp flow add @ft',
    'ip6 nexthdr udp flow add @ft counter',
    'ct packets > 4 flow add @ft',
    'flow add @ft accept',
  ]);
}

function flowtableOf(draw: Draw, topology: Topology): string {
  const devices = draw.pick(topology.flowDevices).join(', ');
  return `flowtable ft { hook ingress priority ${draw.pick([0, 0, -100, 10])}; devices = { ${devices} }; ${draw.oneIn(2) ? 'counter' : ''}`;
}

function ingress(draw: Draw, topology: Topology): string {
  return draw.oneIn(2) ? topology.wan : (topology.hosts[0]?.device ?? topology.lan);
}

/** Before connections are looked up. */
function rawChain(draw: Draw): string {
  const body = draw.some(
    [
      'udp dport 53 notrack',
      'tcp dport 22 notrack',
      'ip saddr 192.168.1.12 ct zone set 7',
      'ip daddr 192.168.1.12 ct zone set 7',
      'iifname "lan0" ip daddr 198.51.100.9 ct original zone set 3',
      'ip protocol 47 notrack counter',
      'ip6 saddr fd00:1::12 notrack',
      'ip frag-off & 0x3fff != 0 counter',
      'udp dport 5060 counter drop',
      'tcp dport 8080 reject with tcp reset',
    ],
    4,
  );
  return chain('raw', 'type filter hook prerouting priority -300; policy accept;', body);
}

function conntrackChain(draw: Draw): string {
  const body = draw.some(
    [
      'ip protocol tcp tcp dport 21 ct helper set "ftph"',
      'ip protocol udp udp dport { 53, 443 } ct timeout set "short"',
      'ip protocol tcp tcp dport { 80, 22 } ct timeout set "quick"',
    ],
    3,
  );
  return chain('objects', 'type filter hook prerouting priority 0; policy accept;', body);
}

function netdevTable(draw: Draw, topology: Topology): string {
  const body = (hook: 'ingress' | 'egress'): string[] => {
    const place: Place = { family: 'netdev', hook, jumps: [], rejects: false };
    const sent = [`udp dport 5060 dup to "${topology.wan}"`, `tcp dport 8080 counter fwd to "${topology.wan}"`];
    const more = hook === 'ingress' ? draw.some(sent, 1) : [];
    return [...more, ...rules(draw, place, 3).filter(isAlone)];
  };
  const chains = [
    chain(
      'in',
      `type filter hook ingress device ${ingress(draw, topology)} priority ${draw.pick([-500, 5, 0])}; policy accept;`,
      body('ingress'),
    ),
    chain(
      'out',
      `type filter hook egress device ${ingress(draw, topology)} priority 0; policy accept;`,
      body('egress'),
    ),
  ];
  return `table netdev n {\n${chains.filter(() => !draw.oneIn(3)).join('\n')}\n}`;
}

function bridgeTable(draw: Draw, topology: Topology): string | undefined {
  if (!topology.hasBridge) return undefined;
  const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
  const own = [
    'ether saddr 02:ee:00:00:01:10 counter',
    'ether daddr ff:ff:ff:ff:ff:ff counter',
    'ether type arp counter',
    'meta ibrname "lan0" counter',
    'iifname "port1" oifname "port2" counter',
    'ip saddr 192.168.1.11 tcp dport 80 drop',
    'icmp type echo-request limit rate 1/second burst 1 packets counter',
    'ct state established counter accept',
    'ct state new counter',
    'ct state invalid counter drop',
  ];
  const chains = hooks.map((hook) => {
    const place: Place = { family: 'bridge', hook, jumps: [], rejects: false };
    const more = rules(draw, place, 2).filter(isAlone);
    return chain(hook, `type filter hook ${hook} priority ${draw.pick([-200, 0, 300])}; policy accept;`, [
      ...draw.some(own, 3),
      ...more,
    ]);
  });
  return `table bridge b {\n${chains.filter(() => !draw.oneIn(3)).join('\n')}\n}`;
}

function arpTable(draw: Draw): string {
  const body = (): string[] =>
    draw.some(
      [
        'arp operation request counter',
        'arp operation reply counter',
        'arp saddr ip 192.168.1.10 counter',
        'arp daddr ip 192.168.1.1 counter accept',
        'arp operation request drop',
      ],
      3,
    );
  const chains = ['input', 'output'].map((hook) =>
    chain(hook, `type filter hook ${hook} priority 0; policy accept;`, body()),
  );
  return `table arp a {\n${chains.join('\n')}\n}`;
}

function familyTables(draw: Draw): string {
  return (['ip', 'ip6'] as const)
    .map((family) => {
      const hook = draw.pick(['prerouting', 'forward', 'postrouting', 'input'] as const);
      const place: Place = { family, hook, jumps: [], rejects: hook !== 'postrouting' };
      const body = rules(draw, place, 4).filter(isAlone);
      return `table ${family} t {\n${chain('c', `type filter hook ${hook} priority ${draw.pick([-5, 20, -350])}; policy accept;`, body)}\n}`;
    })
    .join('\n');
}

/** It names nothing of the first table. */
function isAlone(text: string): boolean {
  return !/@(?!nh|th)|\bname |meter/.test(text);
}
