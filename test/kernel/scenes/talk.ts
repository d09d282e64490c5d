// Words for scenes of two hosts that talk through the router: rows of time, device and datagram.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16 } from '../../../src/base/columns.ts';
import { ether, type IpFields, ip, type Layer4, type TcpFields, tcp, udp } from '../../../src/packet/build.ts';
import { writeIpv4Checksum } from '../../../src/packet/checksum.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';

/** Milliseconds, where it arrives, what. */
export type Row = [ms: number, device: string, datagram: Uint8Array];
export type Fields = Partial<TcpFields> & { n?: number };

export const LAN = '192.168.1.10';
export const SERVER = '198.51.100.7';
export const ROUTER = '203.0.113.1';
export const LAN6 = 'fd00:1::10';
export const SERVER6 = '2001:db8:99::7';

export const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7 + 1) & 255);

/** A host behind lan0 and one behind wan0. */
export interface Talk {
  /** A TCP segment of the client, of the server. */
  out: (ms: number, flags: string, fields?: Fields) => Row;
  back: (ms: number, flags: string, fields?: Fields) => Row;
  /** UDP from port 5000 to 53, and its answer. */
  ask: (ms: number, n?: number, sport?: number, dport?: number) => Row;
  answer: (ms: number, n?: number, sport?: number, dport?: number) => Row;
  /** Any payload of IP. */
  send: (ms: number, inner: Layer4, fields?: Partial<IpFields>) => Row;
  reply: (ms: number, inner: Layer4, fields?: Partial<IpFields>) => Row;
}

export function talk(client: string, server: string): Talk {
  const send: Talk['send'] = (ms, inner, fields = {}) => [
    ms,
    'lan0',
    ip({ src: client, dst: server, id: 7, ...fields }, inner),
  ];
  const reply: Talk['reply'] = (ms, inner, fields = {}) => [
    ms,
    'wan0',
    ip({ src: server, dst: client, id: 8, ...fields }, inner),
  ];
  const segment = (sport: number, dport: number, flags: string, { n = 0, ...fields }: Fields): Layer4 =>
    tcp({ sport, dport, flags, window: 8000, ...fields }, bytes(n));
  return {
    send,
    reply,
    out: (ms, flags, fields = {}) => send(ms, segment(40000, 80, flags, fields)),
    back: (ms, flags, fields = {}) => reply(ms, segment(80, 40000, flags, fields)),
    ask: (ms, n = 10, sport = 5000, dport = 53) => send(ms, udp({ sport, dport }, bytes(n))),
    answer: (ms, n = 10, sport = 53, dport = 5000) => reply(ms, udp({ sport, dport }, bytes(n))),
  };
}

export const V4 = talk(LAN, SERVER);
export const V6 = talk(LAN6, SERVER6);

/** The TCP handshake: the client is at 1001, the server at 5001. */
export function open({ out, back }: Talk, syn: Fields = {}, answer: Fields = {}): Row[] {
  return [
    out(0, 'S', { seq: 1000, ...syn }),
    back(10, 'SA', { seq: 5000, ack: 1001, ...answer }),
    out(20, 'A', { seq: 1001, ack: 5001 }),
  ];
}

/** What conntrack thinks of each packet: invalid ones do not come out. */
export const STATES = `table inet t {
	chain f {
		type filter hook forward priority 0; policy accept;
		ct state new counter
		ct state established counter
		ct state related counter
		ct state untracked counter
		ct status assured counter
		ct state invalid counter drop
	}
}`;

export function forward(...rules: string[]): string {
  return chain('inet t', 'forward', '0', rules);
}

export function chain(table: string, hook: string, priority: string, rules: string[], type = 'filter'): string {
  const text = rules.map((rule) => `\t\t${rule}\n`).join('');
  return `table ${table} {\n\tchain ${hook} {\n\t\ttype ${type} hook ${hook} priority ${priority}; policy accept;\n${text}\t}\n}\n`;
}

export function scene(
  name: string,
  ruleset: string,
  rows: Row[],
  sysctl: Record<string, number> = {},
  more: Partial<KernelScene> & { topology?: object } = {},
): KernelScene {
  const { topology = TOPOLOGY, ...rest } = more;
  return {
    name,
    ruleset,
    router: JSON.stringify({ ...topology, sysctl: { 'net.netfilter.nf_conntrack_acct': 1, ...sysctl } }),
    frames: rows.map(([ms, device, datagram]) => ({ device, octets: ether({}, datagram), timeNs: ms * 1e6 })),
    ...rest,
  };
}

/** A row whose datagram has octets changed after its checksums were made; IPv4's header checksum is mended. */
export function spoiled([ms, device, datagram]: Row, change: (data: Uint8Array) => void): Row {
  const copy = datagram.slice();
  change(copy);
  if (((copy[0] ?? 0) & 0xf0) === 0x40) writeIpv4Checksum(copy, 0);
  return [ms, device, copy];
}

/** A row cut to so many octets of IPv4 or IPv6, length mended. */
export function cut([ms, device, datagram]: Row, length: number): Row {
  return spoiled([ms, device, datagram.slice(0, length)], (data) => {
    if (((data[0] ?? 0) & 0xf0) === 0x40) putBe16(data, 2, length);
    else putBe16(data, 4, length - 40);
  });
}
