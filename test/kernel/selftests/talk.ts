// What the kernel's own tests do with ping and socat, as rows of frames: echoes, datagrams and TCP connections between
// two hosts on either side of the router. An end says what its peer looks like to it: NAT shows others than there are.
import type { KernelScene, SceneFrame } from '../../../scripts/kernel/scene.ts';
import {
  type EtherFields,
  ether,
  fragmentIpv4,
  type IpFields,
  icmp,
  icmpv6,
  ip,
  type TcpFields,
  tcp,
  udp,
} from '../../../src/packet/build.ts';

/** A frame, the interface that it enters at, and how long after the one before (absent: 20 ms). */
export type Row = [device: string, frame: Uint8Array, afterMs?: number];

const STEP_MS = 20;

export interface SceneInput {
  name: string;
  router: object;
  ruleset: string;
  rows: Row[];
  epochSeconds?: number;
}

export function scene({ name, router, ruleset, rows, epochSeconds }: SceneInput): KernelScene {
  let ms = 0;
  const frames = rows.map(([device, octets, afterMs], index): SceneFrame => {
    if (index > 0) ms += afterMs ?? STEP_MS;
    return { device, octets, timeNs: Math.round(ms * 1e6) };
  });
  return {
    name: `selftest ${name}`,
    ruleset,
    router: JSON.stringify(router),
    frames,
    ...(epochSeconds === undefined ? {} : { epochSeconds }),
  };
}

/** The same octets wherever they are asked for: goldens share payloads with what came in. */
export function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8)) & 255);
}

/** The first row comes after a pause. */
export function later(afterMs: number, rows: Row[]): Row[] {
  return rows.map(([device, frame, given], index): Row => [device, frame, index === 0 ? afterMs : (given ?? STEP_MS)]);
}

/** A host, as the router sees it, and whom it believes to talk to. */
export interface End {
  device: string;
  ip: string;
  port: number;
  /** Absent: the other end as it is. */
  peer?: { ip: string; port: number };
  /** VLAN tags and hardware addresses of its frames. */
  link?: EtherFields;
  /** Its segments may not be cut on the way. */
  dontFragment?: boolean;
  /** What its first hop cuts its datagrams to (IPv4). */
  mtu?: number;
}

type Side = 'near' | 'far';

/** A TCP connection: every method gives the rows of what is sent, numbers run on by themselves. */
export class TcpTalk {
  readonly #ends: Record<Side, End>;
  readonly #next: Record<Side, number>;
  #id = 100;

  constructor(near: End, far: End, numbers: { near?: number; far?: number } = {}) {
    this.#ends = { near, far };
    this.#next = { near: numbers.near ?? 1000, far: numbers.far ?? 700_000 };
  }

  /** One segment; `fields` overrides what would follow from the connection. */
  segment(from: Side, flags: string, length = 0, fields: Partial<TcpFields> = {}): Row[] {
    const to: Side = from === 'near' ? 'far' : 'near';
    const end = this.#ends[from];
    const other = end.peer ?? this.#ends[to];
    const ack = flags.includes('A') ? this.#next[to] : 0;
    const layer4 = tcp(
      { sport: end.port, dport: other.port, seq: this.#next[from], ack, flags, window: 65000, ...fields },
      bytes(length),
    );
    if (fields.seq === undefined) this.#next[from] += length + (/[SF]/.test(flags) ? 1 : 0);
    this.#id++;
    return rowsOf(end, ip(this.#fields(end, other.ip), layer4));
  }

  open(): Row[] {
    return [...this.segment('near', 'S'), ...this.segment('far', 'SA'), ...this.segment('near', 'A')];
  }

  /** Data one way, acknowledged by the other. */
  data(from: Side, ...lengths: number[]): Row[] {
    const to: Side = from === 'near' ? 'far' : 'near';
    return lengths.flatMap((length) => [...this.segment(from, 'PA', length), ...this.segment(to, 'A')]);
  }

  close(): Row[] {
    return [
      ...this.segment('near', 'FA'),
      ...this.segment('far', 'A'),
      ...this.segment('far', 'FA'),
      ...this.segment('near', 'A'),
    ];
  }

  #fields(end: End, dst: string): IpFields {
    return { src: end.ip, dst, id: this.#id, dontFragment: end.dontFragment ?? false };
  }
}

function rowsOf(end: End, datagram: Uint8Array): Row[] {
  const isCut = end.mtu !== undefined && datagram.length > end.mtu && (datagram[0] ?? 0) >>> 4 === 4;
  const parts = isCut && end.mtu !== undefined ? fragmentIpv4(datagram, end.mtu) : [datagram];
  return parts.map((part): Row => [end.device, ether(end.link ?? {}, part)]);
}

/** One UDP datagram. */
export function datagram(
  from: End,
  to: { ip: string; port: number },
  length = 20,
  fields: Partial<IpFields> = {},
): Row[] {
  const layer4 = udp({ sport: from.port, dport: to.port }, bytes(length));
  return rowsOf(from, ip({ src: from.ip, dst: to.ip, id: 31, ...fields }, layer4));
}

/** An echo request or its answer of either family. `id`: identifier and sequence. */
export function echo(
  kind: 'request' | 'reply',
  device: string,
  src: string,
  dst: string,
  { id = 0x04d20001, length = 56, fields = {}, link = {} }: EchoOptions = {},
): Row {
  const isSix = src.includes(':');
  const layer4 = isSix
    ? icmpv6(kind === 'request' ? 128 : 129, 0, id, bytes(length))
    : icmp(kind === 'request' ? 8 : 0, 0, id, bytes(length));
  return [device, ether(link, ip({ src, dst, id: 77, ...fields }, layer4))];
}

export interface EchoOptions {
  id?: number;
  length?: number;
  fields?: Partial<IpFields>;
  link?: EtherFields;
}
