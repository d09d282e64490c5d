// Words that the scenes of expressions share: one client, one server, a ruleset of one chain, frames at milliseconds.
import type { KernelScene, SceneFrame } from '../../../scripts/kernel/scene.ts';
import { ether, icmp, icmpv6, ip, type Layer4, type TcpFields, tcp, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';

export const LAN = '192.168.1.10';
export const SERVER = '198.51.100.7';
export const LAN6 = 'fd00:1::10';
export const SERVER6 = '2001:db8:99::7';

/** What arrives when and where. */
export type Arrival = [ms: number, device: string, datagram: Uint8Array];

/** `n` octets that are not all alike. */
export const octets = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7 + 1) & 255);

interface Question {
  n?: number;
  sport?: number;
  dport?: number;
  src?: string;
  dst?: string;
  tos?: number;
  ttl?: number;
}

/** UDP from the client: 28 + n octets. */
export const ask = (ms: number, fields: Question = {}): Arrival => {
  const { n = 12, sport = 5000, dport = 53, src = LAN, dst = SERVER, ...rest } = fields;
  return [ms, 'lan0', ip({ src, dst, id: 3, ...rest }, udp({ sport, dport }, octets(n)))];
};
/** Its answer. */
export const answer = (ms: number, fields: Question = {}): Arrival => {
  const { n = 12, sport = 5000, dport = 53, src = LAN, dst = SERVER, ...rest } = fields;
  return [ms, 'wan0', ip({ src: dst, dst: src, id: 4, ...rest }, udp({ sport: dport, dport: sport }, octets(n)))];
};
export const ask6 = (ms: number, fields: Question = {}): Arrival => ask(ms, { src: LAN6, dst: SERVER6, ...fields });
/** A TCP segment of the client. */
export const out = (ms: number, flags: string, fields: Partial<TcpFields> = {}, n = 0): Arrival => [
  ms,
  'lan0',
  ip({ src: LAN, dst: SERVER, id: 1 }, tcp({ sport: 40000, dport: 80, window: 8000, flags, ...fields }, octets(n))),
];
export const out6 = (ms: number, flags: string, fields: Partial<TcpFields> = {}, n = 0): Arrival => [
  ms,
  'lan0',
  ip({ src: LAN6, dst: SERVER6 }, tcp({ sport: 40000, dport: 80, window: 8000, flags, ...fields }, octets(n))),
];
/** A segment of the server. */
export const back = (ms: number, flags: string, fields: Partial<TcpFields> = {}, n = 0): Arrival => [
  ms,
  'wan0',
  ip({ src: SERVER, dst: LAN, id: 2 }, tcp({ sport: 80, dport: 40000, window: 8000, flags, ...fields }, octets(n))),
];
export const ping = (ms: number, n = 8, id = 7): Arrival => [
  ms,
  'lan0',
  ip({ src: LAN, dst: SERVER }, icmp(8, 0, id << 16, octets(n))),
];
export const ping6 = (ms: number, n = 8): Arrival => [
  ms,
  'lan0',
  ip({ src: LAN6, dst: SERVER6 }, icmpv6(128, 0, 7 << 16, octets(n))),
];
/** Any other protocol. */
export const other = (ms: number, protocol: number, bytes: Uint8Array): Arrival => [
  ms,
  'lan0',
  ip({ src: LAN, dst: SERVER }, { protocol, bytes }),
];

/** An IPv6 datagram with extension headers before `inner`; each without its first octet, the next header's number. */
export function extended6(headers: [type: number, rest: number[]][], inner: Layer4): Uint8Array {
  const plain = ip({ src: LAN6, dst: SERVER6 }, inner);
  const extensions = headers.flatMap(([, rest], i) => [headers[i + 1]?.[0] ?? inner.protocol, ...rest]);
  const datagram = Uint8Array.from([...plain.subarray(0, 40), ...extensions, ...plain.subarray(40)]);
  datagram[6] = headers[0]?.[0] ?? inner.protocol;
  new DataView(datagram.buffer).setUint16(4, datagram.length - 40);
  return datagram;
}

/** Several frames `step` milliseconds apart. */
export const every = (step: number, arrivals: ((ms: number) => Arrival)[]): Arrival[] =>
  arrivals.map((arrival, i) => arrival(i * step));

/** A table of one forward chain; `before` stands above it. */
export const forward = (rules: string[], before = '', family = 'inet'): string =>
  `table ${family} t {\n${before}\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\t${rules.join('\n\t\t')}\n\t}\n}`;

/** One chain of any kind: `type filter hook …`. */
export const chain = (base: string, rules: string[], before = '', family = 'inet'): string =>
  `table ${family} t {\n${before}\tchain c {\n\t\t${base}; policy accept;\n\t\t${rules.join('\n\t\t')}\n\t}\n}`;

/** A scene with the usual router. */
export function scene(
  name: string,
  ruleset: string,
  arrivals: Arrival[],
  more: { sysctl?: Record<string, number>; epochSeconds?: number; router?: object } = {},
): KernelScene {
  const { sysctl = {}, epochSeconds, router = TOPOLOGY } = more;
  const frames = arrivals.map(
    ([ms, device, datagram]): SceneFrame => ({ device, octets: ether({}, datagram), timeNs: ms * 1e6 }),
  );
  return {
    name,
    ruleset,
    router: JSON.stringify({ ...router, sysctl: { 'net.netfilter.nf_conntrack_acct': 1, ...sysctl } }),
    frames,
    ...(epochSeconds === undefined ? {} : { epochSeconds }),
  };
}

/** A padding option of six octets, behind a next header. */
export const PAD6 = [0, 1, 4, 0, 0, 0, 0];

/** A short question. */
export const UDP = udp({ sport: 5000, dport: 53 }, octets(8));

/** IPv6 with extension headers. */
export const six = (ms: number, headers: [number, number[]][], inner: Layer4 = UDP): Arrival => [
  ms,
  'lan0',
  extended6(headers, inner),
];

/** An SCTP packet: ports, tag, zero checksum, chunks of type, flags and body. */
export const sctp = (ms: number, chunks: [type: number, flags: number, body: number[]][]): Arrival => {
  const bytes = [0x13, 0x88, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0];
  for (const [type, flags, body] of chunks) {
    const length = 4 + body.length;
    bytes.push(type, flags, length >> 8, length & 255, ...body, ...new Array((4 - (length & 3)) & 3).fill(0));
  }
  return other(ms, 132, Uint8Array.from(bytes));
};
