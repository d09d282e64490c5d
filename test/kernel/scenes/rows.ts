// Words for scenes: a LAN and a WAN behind the router, datagrams of both families at milliseconds, chains in one line.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16 } from '../../../src/base/columns.ts';
import {
  ether,
  type IpFields,
  icmp,
  icmpv6,
  ip,
  type Layer4,
  type TcpFields,
  tcp,
  udp,
} from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';

export const LAN = '192.168.1.10';
export const LAN_ROUTER = '192.168.1.1';
export const SERVER = '198.51.100.7';
export const ROUTER = '203.0.113.1';
export const LAN6 = 'fd00:1::10';
export const LAN_ROUTER6 = 'fd00:1::1';
export const SERVER6 = '2001:db8:99::7';
export const ROUTER6 = '2001:db8:2::1';

/** EtherType of a datagram that begins like no IP. */
const ARP = 0x0806;

export const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 255);

/** A datagram that comes in at a device, at milliseconds since the first (absent: 20 after the one before). */
export type Row = [device: string, datagram: Uint8Array, ms?: number];

export const from = (device: string, fields: IpFields, inner: Layer4, ms?: number): Row =>
  ms === undefined ? [device, ip(fields, inner)] : [device, ip(fields, inner), ms];

/** UDP from the LAN to the server, unless said otherwise. */
export const ask = (fields: Partial<IpFields> = {}, ports: Partial<Ports> = {}, length = 10, ms?: number): Row =>
  from(
    'lan0',
    { src: LAN, dst: SERVER, id: 3, ...fields },
    udp({ sport: 5000, dport: 53, ...ports }, bytes(length)),
    ms,
  );
export const ask6 = (fields: Partial<IpFields> = {}, ports: Partial<Ports> = {}, length = 10, ms?: number): Row =>
  ask({ src: LAN6, dst: SERVER6, ...fields }, ports, length, ms);
/** UDP from the server to the router's WAN address. */
export const answer = (fields: Partial<IpFields> = {}, ports: Partial<Ports> = {}, length = 10, ms?: number): Row =>
  from(
    'wan0',
    { src: SERVER, dst: ROUTER, id: 4, ...fields },
    udp({ sport: 53, dport: 5000, ...ports }, bytes(length)),
    ms,
  );
export const answer6 = (fields: Partial<IpFields> = {}, ports: Partial<Ports> = {}, length = 10, ms?: number): Row =>
  answer({ src: SERVER6, dst: ROUTER6, ...fields }, ports, length, ms);
/** TCP from the LAN. */
export const segment = (
  flags: string,
  fields: Partial<IpFields> = {},
  more: Partial<TcpFields> = {},
  length = 0,
): Row =>
  from(
    'lan0',
    { src: LAN, dst: SERVER, id: 5, ...fields },
    tcp({ sport: 40000, dport: 80, seq: 1000, flags, ...more }, bytes(length)),
  );
export const segment6 = (
  flags: string,
  fields: Partial<IpFields> = {},
  more: Partial<TcpFields> = {},
  length = 0,
): Row => segment(flags, { src: LAN6, dst: SERVER6, ...fields }, more, length);
export const echo = (fields: Partial<IpFields> = {}, id = 7, sequence = 1, length = 8): Row =>
  from('lan0', { src: LAN, dst: SERVER, id: 6, ...fields }, icmp(8, 0, ((id << 16) | sequence) >>> 0, bytes(length)));
export const echo6 = (fields: Partial<IpFields> = {}, id = 7, sequence = 1, length = 8): Row =>
  from('lan0', { src: LAN6, dst: SERVER6, ...fields }, icmpv6(128, 0, ((id << 16) | sequence) >>> 0, bytes(length)));

/** The same row at another device. */
export const at = (device: string, row: Row): Row => [device, row[1], ...(row[2] === undefined ? [] : [row[2]])] as Row;

export interface Ports {
  sport: number;
  dport: number;
}

/** A datagram with a 16-bit field overwritten after its checksums were made. */
export function patched(row: Row, offset: number, value: number): Row {
  const datagram = row[1].slice();
  putBe16(datagram, offset, value);
  return [row[0], datagram, ...(row[2] === undefined ? [] : [row[2]])] as Row;
}

/** A base chain in a table of its own. */
export function chain(family: string, hook: string, rules: string[], table = 't', policy = 'accept'): string {
  const body = [`type ${hook}; policy ${policy};`, ...rules].map((line) => `\t\t${line}`).join('\n');
  return `table ${family} ${table} {\n\tchain c {\n${body}\n\t}\n}\n`;
}

/** `type nat hook postrouting`. */
export const snat = (family: string, ...rules: string[]): string =>
  chain(family, 'nat hook postrouting priority 100', rules, 'source');
/** `type nat hook prerouting`. */
export const dnat = (family: string, ...rules: string[]): string =>
  chain(family, 'nat hook prerouting priority -100', rules, 'destination');
export const filter = (hook: string, ...rules: string[]): string =>
  chain('inet', `filter hook ${hook} priority 0`, rules, `f_${hook}`);

export interface SceneOptions {
  /** Merged into the common router. */
  router?: object;
  sysctl?: Record<string, number>;
  tailMs?: number;
}

/** A scene whose rows follow each other by 20 ms where they say nothing else. */
export function scene(name: string, ruleset: string, rows: Row[], options: SceneOptions = {}): KernelScene {
  let ms = -20;
  const frames = rows.map(([device, datagram, when]) => {
    ms = when ?? ms + 20;
    return { device, octets: ether({}, datagram, datagram[0] === 0 ? ARP : undefined), timeNs: ms * 1e6 };
  });
  const router = { ...TOPOLOGY, ...options.router, sysctl: { ...options.sysctl } };
  return {
    name,
    ruleset,
    router: JSON.stringify(router),
    frames,
    ...(options.tailMs === undefined ? {} : { tailNs: options.tailMs * 1e6 }),
  };
}
