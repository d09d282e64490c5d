// Fragments for scenes: parts of datagrams of both families, and the rules that track them.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16, putBe32 } from '../../../src/base/columns.ts';
import { ip, udp } from '../../../src/packet/build.ts';
import { bytes, forward, LAN, LAN6, type Row, SERVER, SERVER6, scene } from './talk.ts';

/** Connections are tracked, so fragments are put together. */
export const TRACKED = forward('ct state new counter', 'ct state established counter', 'ct state invalid counter drop');

export const whole = (n: number, id = 9, fields: object = {}): Uint8Array =>
  ip({ src: LAN, dst: SERVER, id, ...fields }, udp({ sport: 5000, dport: 53 }, bytes(n)));
export const whole6 = (n: number): Uint8Array =>
  ip({ src: LAN6, dst: SERVER6 }, udp({ sport: 5000, dport: 53 }, bytes(n)));
export const rows = (datagrams: Uint8Array[], ms = 0, device = 'lan0', step = 10): Row[] =>
  datagrams.map((datagram, i) => [ms + i * step, device, datagram]);
/** Octets [from, to) of the payload of an IPv4 datagram, as a fragment. */
export function part(
  datagram: Uint8Array,
  from: number,
  to: number,
  isLast = false,
  id = 9,
  more: object = {},
): Uint8Array {
  const payload = datagram.slice(20 + from, 20 + to);
  return ip(
    { src: LAN, dst: SERVER, id, fragmentOffset: from, moreFragments: !isLast, ...more },
    { protocol: datagram[9] ?? 17, bytes: payload },
  );
}
export function part6(datagram: Uint8Array, from: number, to: number, isLast = false, id = 0x77): Uint8Array {
  const payload = datagram.subarray(40 + from, 40 + to);
  const out = new Uint8Array(48 + payload.length);
  out.set(datagram.subarray(0, 40));
  putBe16(out, 4, 8 + payload.length);
  out[6] = 44;
  out[40] = datagram[6] ?? 17;
  putBe16(out, 42, from | (isLast ? 0 : 1));
  putBe32(out, 44, id);
  out.set(payload, 48);
  return out;
}
export const tracked = (
  name: string,
  list: Row[],
  sysctl: Record<string, number> = {},
  tailMs = 2,
  more: object = {},
): KernelScene => scene(name, TRACKED, list, sysctl, { tailNs: tailMs * 1e6, ...more });

export const BIG = whole(1992); // 2,000 octets of payload
export const BIG6 = whole6(1992);
export type Piece = [from: number, to: number, last?: boolean];

export const time = (ms: number, kind: 4 | 6, pieces: Piece[], dst?: string): Row[] =>
  pieces.map(([from, to, last], i) => [
    ms + i * 10,
    'lan0',
    kind === 4
      ? part(BIG, from, to, last, 9, dst === undefined ? {} : { dst })
      : part6(
          dst === undefined ? BIG6 : ip({ src: LAN6, dst }, udp({ sport: 5000, dport: 53 }, bytes(1992))),
          from,
          to,
          last,
        ),
  ]);
