// Cases that the real kernel and ours both run: a router, a ruleset (as text for nft and as bytecode), frames in time.
// make-kernel-golden.ts has the kernel's answers written to kernel-golden.json.
import type { Expression } from '../../../src/bytecode/expression.ts';
import type { Chain, Ruleset, Table } from '../../../src/bytecode/ruleset.ts';
import type { InterfaceSpec, RouterSpec } from '../../../src/net/spec.ts';
import { ether, fragmentIpv4, fragmentIpv6, icmp, ip, tcp, udp } from '../../../src/packet/build.ts';
import { writeIpv4Checksum } from '../../../src/packet/checksum.ts';

export interface KernelCase {
  id: string;
  /** Flowtable devices; absent: no flowtable. */
  devices?: string[];
  nat?: boolean;
  interfaces?: InterfaceSpec[];
  sysctl?: Record<string, number>;
  /** [milliseconds, interface, frame]. */
  frames: [number, string, Uint8Array][];
  /** Frames that the kernel frees without a reason (seen as consumed) where ours says that they are dropped. */
  quietDrops?: number[];
  /** When to look at the connections, in milliseconds. */
  probesMs?: number[];
}

const HOST = '192.168.1.10';
const SERVER = '198.51.100.7';
const HOST6 = 'fd00:1::10';
const SERVER6 = '2001:db8:9::7';
const HOST_MAC = '02:ee:00:00:00:01';
const WAN_MAC = '02:ee:00:00:00:fe';

function device(name: string, number: number, addresses: string[], more: Partial<InterfaceSpec> = {}): InterfaceSpec {
  const mac = `02:00:00:00:00:0${number}`;
  return { name, mac, addresses, mtu: 1500, type: 'physical', linkLocal: false, ...more };
}
const LAN = device('lan0', 1, ['192.168.1.1/24', 'fd00:1::1/64']);
const WAN = device('wan0', 2, ['203.0.113.1/24', '2001:db8:2::1/64']);
const VLAN = device('lan0.10', 1, ['10.10.0.1/24'], { type: 'vlan', link: 'lan0', id: 10 });

/** The router of a case. */
export function routerOf(one: KernelCase): RouterSpec {
  return {
    interfaces: one.interfaces ?? [LAN, WAN],
    routes: [
      { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0', type: 'unicast' },
      { dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0', type: 'unicast' },
    ],
    neighbours: [
      { dev: 'wan0', ip: '203.0.113.254', mac: WAN_MAC },
      { dev: 'wan0', ip: '2001:db8:2::fe', mac: WAN_MAC },
    ],
    sysctl: { 'net.netfilter.nf_conntrack_acct': 1, ...one.sysctl },
    defaultNeighbourMac: HOST_MAC,
  };
}

/** The ruleset as nft reads it. */
export function textOf(one: KernelCase): string {
  const flowtable = one.devices
    ? `flowtable ft { hook ingress priority 0; devices = { ${one.devices.join(', ')} }; counter; }`
    : '';
  const rules = one.devices ? 'flow add @ft\n counter' : 'ct state != 0 counter';
  const nat = one.nat
    ? 'table ip n {\n chain post { type nat hook postrouting priority 100; oifname "wan0" masquerade\n }\n}\n'
    : '';
  return `table inet f {\n ${flowtable}\n chain forward { type filter hook forward priority 0; policy accept;\n ${rules}\n }\n}\n${nat}`;
}

/** The same as bytecode. */
export function rulesetOf(one: KernelCase): Ruleset {
  const counter: Expression = { kind: 'counter', packets: 0, bytes: 0 };
  const rules: Expression[][] = one.devices
    ? [[{ kind: 'flow-offload', flowtable: 'ft' }], [counter]]
    : [[{ kind: 'ct', key: 'state', dreg: 1 }, { kind: 'cmp', op: 'neq', sreg: 1, data: new Uint8Array(4) }, counter]];
  const table = (family: Table['family'], name: string, chain: Chain): Table => ({
    family,
    name,
    handle: 1,
    flags: [],
    chains: [chain],
    sets: [],
    objects: [],
    flowtables: [],
  });
  const chain = (name: string, base: NonNullable<Chain['base']>, list: Expression[][]): Chain => ({
    name,
    handle: 1,
    base,
    rules: list.map((expressions) => ({ handle: 0, expressions })),
  });
  const filter = { type: 'filter', hook: 'forward', priority: 0, policy: 'accept', devices: [] } as const;
  const tables = [table('inet', 'f', chain('forward', { ...filter, devices: [] }, rules))];
  if (one.devices) {
    const flags = { offload: false, counter: true };
    tables[0]?.flowtables.push({ name: 'ft', handle: 2, priority: 0, devices: one.devices, ...flags });
  }
  if (one.nat) {
    const name = new Uint8Array(16);
    name.set(new TextEncoder().encode('wan0'));
    const post = { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept', devices: [] } as const;
    const list: Expression[] = [
      { kind: 'meta', key: 'oifname', dreg: 1 },
      { kind: 'cmp', op: 'eq', sreg: 1, data: name },
      { kind: 'masquerade', flags: 0 },
    ];
    tables.push(table('ip', 'n', chain('post', { ...post, devices: [] }, [list])));
  }
  return { tables, interfaceNames: [] };
}

const lan = { src: HOST_MAC };
const wan = { src: WAN_MAC };

function out(layer4: Parameters<typeof ip>[1], fields: object = {}): Uint8Array {
  return ether(lan, ip({ src: HOST, dst: SERVER, ...fields }, layer4));
}
function back(layer4: Parameters<typeof ip>[1], fields: object = {}): Uint8Array {
  return ether(wan, ip({ src: SERVER, dst: HOST, ...fields }, layer4));
}
const request = (length = 20) => udp({ sport: 5000, dport: 53 }, new Uint8Array(length).fill(65));
const answer = (length = 30, dport = 5000) => udp({ sport: 53, dport }, new Uint8Array(length).fill(66));
const segment = (flags: string, seq: number, ack: number, length = 0) =>
  tcp({ sport: 40000, dport: 443, flags, seq, ack, window: 64000 }, new Uint8Array(length).fill(67));
const reply = (flags: string, seq: number, ack: number, length = 0, dport = 40000) =>
  tcp({ sport: 443, dport, flags, seq, ack, window: 64000 }, new Uint8Array(length).fill(68));

/** A handshake that ends at 20 ms, then 200 octets each way. */
function opening(dst = HOST): [number, string, Uint8Array][] {
  return [
    [0, 'lan0', out(segment('S', 1000, 0))],
    [10, 'wan0', back(reply('SA', 5000, 1001), { dst })],
    [20, 'lan0', out(segment('A', 1001, 5001))],
    [30, 'lan0', out(segment('PA', 1001, 5001, 200))],
    [40, 'wan0', back(reply('PA', 5001, 1201, 200), { dst })],
  ];
}

function mended(datagram: Uint8Array, at: number, value: number): Uint8Array {
  const copy = datagram.slice();
  copy[at] = value;
  if ((copy[0] ?? 0) >>> 4 === 4) writeIpv4Checksum(copy, 0);
  return copy;
}
const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8)) & 255);
const big4 = (id: number, fields: object = {}) =>
  ip({ src: HOST, dst: SERVER, id, ...fields }, udp({ sport: 7, dport: 8 }, pattern(3000)));
const big6 = (fields: object = {}) =>
  ip({ src: HOST6, dst: SERVER6, ...fields }, udp({ sport: 7, dport: 8 }, pattern(3000)));
const parts4 = (id: number, fields: object = {}) => fragmentIpv4(big4(id, fields), 1420) as Parts;
const parts6 = (id: number, fields: object = {}) => fragmentIpv6(big6(fields), 1400, id) as Parts;
type Parts = [Uint8Array, Uint8Array, Uint8Array];
/** Datagrams that come from the LAN, 1 ms apart. */
function fromLan(...datagrams: Uint8Array[]): [number, string, Uint8Array][] {
  return datagrams.map((datagram, i) => [i, 'lan0', ether(lan, datagram)]);
}

const [A, B, C] = parts4(1);
const [A6, B6, C6] = parts6(1);
const df = (part: Uint8Array) => mended(part, 6, (part[6] ?? 0) | 0x40);
const tos = (part: Uint8Array, value: number) => mended(part, 1, value);
const eightLess = (part: Uint8Array) => mended(part, 7, (part[7] ?? 0) - 1);

const TAGGED = { ...lan, vlans: [{ id: 10 }] };
const vlanOut = (tag: object) => ether({ ...lan, ...tag }, ip({ src: '10.10.0.5', dst: SERVER }, request()));
const vlanBack = ether(wan, ip({ src: SERVER, dst: '10.10.0.5' }, answer()));
function vlanFrames(): [number, string, Uint8Array][] {
  return [
    [0, 'lan0', vlanOut(TAGGED)],
    [10, 'wan0', vlanBack],
    [20, 'lan0', vlanOut(TAGGED)],
    [30, 'wan0', vlanBack],
    [40, 'lan0', vlanOut({ vlans: [{ id: 10, priority: 5 }] })],
    [50, 'lan0', vlanOut(TAGGED)],
  ];
}
const bridgeOut = ether(lan, ip({ src: '10.20.0.5', dst: SERVER }, request()));
const bridgeBack = ether(wan, ip({ src: SERVER, dst: '10.20.0.5' }, answer()));
const BRIDGE = [device('lan0', 1, []), WAN, device('br0', 9, ['10.20.0.1/24'], { type: 'bridge', ports: ['lan0'] })];
function bridgeFrames(): [number, string, Uint8Array][] {
  return [0, 20, 40].flatMap((at): [number, string, Uint8Array][] => [
    [at, 'lan0', bridgeOut],
    [at + 10, 'wan0', bridgeBack],
  ]);
}

export const KERNEL_CASES: KernelCase[] = [
  {
    id: 'fallbacks',
    devices: ['lan0', 'wan0'],
    frames: [
      [0, 'lan0', out(request())],
      [10, 'wan0', back(answer())],
      [20, 'lan0', out(request())],
      [30, 'lan0', out(request(), { ttl: 2 })],
      [40, 'lan0', out(request(), { ttl: 1 })],
      [50, 'lan0', out(request(), { options: Uint8Array.of(1, 1, 1, 1) })],
      [
        60,
        'lan0',
        ether(lan, fragmentIpv4(ip({ src: HOST, dst: SERVER, id: 9 }, request(2000)), 1420)[0] as Uint8Array),
      ],
      [
        70,
        'lan0',
        ether(lan, fragmentIpv4(ip({ src: HOST, dst: SERVER, id: 9 }, request(2000)), 1420)[1] as Uint8Array),
      ],
      [80, 'lan0', ether({ ...lan, vlans: [{ id: 0 }] }, ip({ src: HOST, dst: SERVER }, request()))],
      [90, 'wan0', ether(wan, ip({ src: HOST, dst: SERVER }, request()))],
      [100, 'lan0', out(request())],
      [110, 'lan0', out(icmp(8, 0, 0x10001, pattern(20)))],
    ],
  },
  {
    id: 'masquerade',
    devices: ['lan0', 'wan0'],
    nat: true,
    frames: [
      ...opening('203.0.113.1'),
      [50, 'lan0', out(segment('A', 1201, 5201))],
      [60, 'wan0', back(reply('FA', 5201, 1201), { dst: '203.0.113.1' })],
      [70, 'lan0', out(segment('FA', 1201, 5202))],
      [80, 'wan0', back(reply('A', 5202, 1202), { dst: '203.0.113.1' })],
    ],
  },
  {
    id: 'fin-then-data',
    devices: ['lan0', 'wan0'],
    frames: [
      ...opening(),
      [50, 'wan0', back(reply('FA', 5201, 1201))],
      [60, 'lan0', out(segment('A', 1201, 5202))],
      [70, 'lan0', out(segment('PA', 1201, 5202, 50))],
      [80, 'wan0', back(reply('A', 5202, 1251))],
    ],
    probesMs: [1500, 31000, 50000],
  },
  {
    id: 'udp-ages',
    devices: ['lan0', 'wan0'],
    frames: [
      [0, 'lan0', out(request())],
      [10, 'wan0', back(answer())],
      [20, 'lan0', out(request())],
      [2500, 'lan0', out(request())],
      [200000, 'lan0', out(request())],
    ],
    probesMs: [30000, 32000, 34000, 100000],
  },
  {
    id: 'udp-one-way-ages',
    devices: ['lan0', 'wan0'],
    frames: [0, 10, 20, 20000, 45000].map((at) => [at, 'lan0', out(request())]),
    probesMs: [35000, 70000, 77000],
  },
  {
    id: 'icmp-error-about-a-flow',
    devices: ['lan0', 'wan0'],
    frames: [
      ...opening(),
      [
        50,
        'wan0',
        ether(
          wan,
          ip(
            { src: '198.51.100.1', dst: HOST },
            icmp(3, 4, 1400, ip({ src: HOST, dst: SERVER, id: 5 }, segment('A', 1, 1)).slice(0, 28)),
          ),
        ),
      ],
      [60, 'wan0', back(reply('A', 5201, 1201))],
    ],
  },
  { id: 'one-device', devices: ['wan0'], frames: [...opening(), [50, 'lan0', out(segment('A', 1201, 5201))]] },
  { id: 'vlan', devices: ['lan0', 'wan0'], interfaces: [LAN, WAN, VLAN], frames: vlanFrames() },
  { id: 'vlan-device-only', devices: ['lan0.10', 'wan0'], interfaces: [LAN, WAN, VLAN], frames: vlanFrames() },
  { id: 'bridge-port', devices: ['lan0', 'wan0'], interfaces: BRIDGE, frames: bridgeFrames() },
  { id: 'bridge-itself', devices: ['br0', 'wan0'], interfaces: BRIDGE, frames: bridgeFrames() },
  { id: 'frag-order', frames: fromLan(C, A, B, A, B, C) },
  { id: 'frag-duplicates', frames: fromLan(A, A, B, C, C) },
  { id: 'frag-overlap', frames: fromLan(A, eightLess(B), B, C) },
  { id: 'frag-two-ends', frames: fromLan(B, mended(A, 6, 0x20), mended(B, 6, 0), C, A) },
  { id: 'frag-df', frames: fromLan(df(A), df(B), df(C), A, B, df(C), df(A), B, C) },
  {
    id: 'frag-ecn',
    quietDrops: [5, 8],
    frames: fromLan(tos(A, 1), tos(B, 3), tos(C, 1), tos(A, 2), tos(B, 0), tos(C, 2), tos(A, 3), B, C),
  },
  {
    id: 'frag-timeout',
    frames: [
      [0, 'lan0', ether(lan, A)],
      [10, 'lan0', ether(lan, parts4(2, { dst: '192.168.1.1' })[0])],
      [31000, 'lan0', ether(lan, B)],
      [31010, 'lan0', ether(lan, C)],
    ],
  },
  { id: 'frag6', frames: fromLan(A6, B6, C6, C6, B6, A6) },
  { id: 'frag6-duplicate', frames: fromLan(A6, A6, B6, C6) },
  { id: 'frag6-overlap', frames: fromLan(A6, mended(B6, 43, (B6[43] ?? 0) - 8), B6, C6, A6) },
  { id: 'frag6-odd', frames: fromLan(C6, mended(A6.slice(0, -3), 5, (A6[5] ?? 0) - 3), A6, B6) },
  {
    id: 'frag6-timeout',
    frames: [
      [0, 'lan0', ether(lan, A6)],
      [61000, 'lan0', ether(lan, B6)],
    ],
  },
];
