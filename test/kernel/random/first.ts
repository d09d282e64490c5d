// Random rulesets with random traffic: seeded, so that scene n is always the same.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { Random } from '../../../src/base/random.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import { Traffic } from '../../datapath/traffic.ts';

const PACKETS = 40;
/** Times whose sums are no multiples of 200 ms, the cost of a packet below: a tie would be for the guest's lateness to decide. */
const STEP_NS = 23e6;

/** Matches of the traffic that Traffic makes, and of what it never makes. */
const MATCHES = [
  '',
  'iifname "lan0"',
  'iifname "wan0"',
  'oifname "wan0"',
  'ip saddr 192.168.1.10',
  'ip saddr 192.168.1.0/28',
  'ip daddr { 198.51.100.7, 198.51.100.9 }',
  'ip6 saddr fd00:1::10',
  'meta nfproto ipv4',
  'meta nfproto ipv6',
  'meta l4proto tcp',
  'meta l4proto { udp, icmp, ipv6-icmp }',
  'tcp dport 80-500',
  'tcp dport != 443',
  'tcp flags & (syn | ack) == syn',
  'tcp flags syn,fin',
  'udp dport @ports',
  'udp sport . udp dport { 1-65535 . 53 }',
  'th dport 53',
  'ct state new',
  'ct state established',
  'ct state { established, related }',
  'ct state invalid',
  'ct direction reply',
  'ct status assured',
  'ct mark 5',
  'meta mark 3',
  'ip ttl < 5',
  'ip protocol icmp',
  'icmp type echo-request',
  'icmpv6 type { echo-request, destination-unreachable }',
  'meta length > 100',
  'ip dscp != cs0',
  'ip frag-off & 0x1fff != 0',
  'ether saddr != 00:11:22:33:44:55',
  '@nh,64,8 > 60',
];
/** Those that only prerouting allows. */
const EARLY_MATCHES = ['fib daddr type local', 'fib saddr . iif oif != 0'];
const STATEMENTS = [
  'counter',
  'counter',
  'counter accept',
  'counter drop',
  'counter continue',
  'counter return',
  'counter jump side',
  'counter goto side',
  'meta mark set 3 counter',
  'meta mark set meta mark or 1 counter',
  'ct mark set 5 counter',
  'limit rate 5/second burst 3 packets counter',
  'limit rate over 400 bytes/second counter drop',
  'quota over 900 bytes counter drop',
  'update @seen { ip saddr }',
  'add @pairs { ip daddr . meta l4proto } counter',
  'ip ttl set 33 counter',
  'ip dscp set cs3 counter',
  'tcp option maxseg size set 1200',
  'numgen inc mod 3 0 counter',
];
const REJECTS = [
  'counter reject',
  'counter reject with icmpx admin-prohibited',
  'meta l4proto tcp counter reject with tcp reset',
];
const NATS = [
  'oifname "wan0" meta nfproto ipv4 counter masquerade',
  'oifname "wan0" ip saddr 192.168.1.0/24 counter snat ip to 203.0.113.9',
  'oifname "wan0" ip saddr 192.168.1.11 counter snat ip to 203.0.113.20-203.0.113.29',
];

/** Scenes first … first + count - 1. */
export function randomScenes(first: number, count: number): KernelScene[] {
  return Array.from({ length: count }, (_, i) => randomScene(first + i));
}

function randomScene(seed: number): KernelScene {
  const random = new Random(seed * 7919);
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)] as T;
  const hasNat = random.below(3) === 0;
  const hasFlowtable = random.below(4) === 0;
  const rule = (statements: readonly string[], known = MATCHES): string => {
    const matches = [pick(known), random.below(3) === 0 ? pick(MATCHES) : ''].filter(Boolean);
    return `\t\t${[...matches, pick(statements)].join(' ')}`;
  };
  const rules = (most: number, statements: readonly string[], known = MATCHES): string[] =>
    Array.from({ length: random.below(most + 1) }, () => rule(statements, known)).filter(isSound);
  const chain = (name: string, base: string, body: string[]): string =>
    [`\tchain ${name} {`, `\t\t${base}`, ...body, '\t}'].join('\n');
  const policy = random.below(4) === 0 ? 'drop' : 'accept';
  const forward = [
    ...(hasFlowtable ? ['\t\tmeta l4proto { tcp, udp } flow add @ft'] : []),
    ...rules(5, [...STATEMENTS, ...REJECTS]),
    ...(policy === 'drop'
      ? ['\t\tct state established,related counter accept', '\t\tiifname "lan0" counter accept']
      : []),
  ];
  const side = rules(
    3,
    STATEMENTS.filter((text) => !/jump|goto/.test(text)),
  );
  const tables = [
    'table inet f {',
    '\tset ports { type inet_service; flags interval; elements = { 1-60, 443 }',
    '\t}',
    '\tset seen { type ipv4_addr; flags dynamic; size 100',
    '\t}',
    '\tset pairs { type ipv4_addr . inet_proto; flags dynamic; size 100',
    '\t}',
    ...(hasFlowtable ? ['\tflowtable ft { hook ingress priority 0; devices = { lan0, wan0 }; counter', '\t}'] : []),
    `\tchain side {\n${side.join('\n')}\n\t}`,
    chain(
      'pre',
      'type filter hook prerouting priority -150; policy accept;',
      rules(3, STATEMENTS, [...MATCHES, ...EARLY_MATCHES]),
    ),
    chain('forward', `type filter hook forward priority 0; policy ${policy};`, forward),
    chain('input', 'type filter hook input priority 0; policy accept;', rules(2, [...STATEMENTS, ...REJECTS])),
    chain('output', 'type filter hook output priority 0; policy accept;', rules(2, STATEMENTS)),
    chain('post', 'type filter hook postrouting priority 0; policy accept;', rules(2, STATEMENTS)),
    ...(hasNat ? [chain('nat', 'type nat hook postrouting priority 100; policy accept;', [`\t\t${pick(NATS)}`])] : []),
    '}',
    '',
  ];
  const { frames } = new Traffic(seed, PACKETS, hasNat);
  const small = random.below(3) === 0 ? 1400 : 1500;
  return {
    name: `random ${seed}${hasNat ? ', NAT' : ''}${hasFlowtable ? ', flowtable' : ''}${policy === 'drop' ? ', policy drop' : ''}`,
    ruleset: tables.join('\n'),
    router: JSON.stringify({
      ...TOPOLOGY,
      interfaces: [TOPOLOGY.interfaces[0], { ...TOPOLOGY.interfaces[1], mtu: small }],
      sysctl: { 'net.netfilter.nf_conntrack_acct': random.below(2) },
    }),
    frames: frames.map(([device, octets], i) => ({ device, octets, timeNs: i * STEP_NS })),
  };
}

/** nft refuses what contradicts itself, and what is about two protocols at once. */
function isSound(text: string): boolean {
  const count = (pattern: RegExp): number => (text.match(pattern) ?? []).length;
  const isV4 = /\bip (saddr|daddr|ttl|protocol|dscp|frag-off)|icmp type|@seen|@pairs|ipv4|masquerade/.test(text);
  const isV6 = /\bip6 |icmpv6|ipv6\b(?!-icmp)/.test(text);
  if (isV4 && isV6) return false;
  const protocols = [/\btcp /, /\budp /, /icmp type/, /icmpv6 type/, /protocol icmp/, /l4proto \{/].filter((p) =>
    p.test(text),
  );
  if (protocols.length > 1 || count(/l4proto tcp/g) + protocols.length > 1) return false;
  return true;
}
