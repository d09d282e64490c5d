// What a conversation of the random traffic is: it yields what somebody sends and is told what left the router.
import { fragmentIpv4, fragmentIpv6, icmp, icmpv6, type Layer4 } from '../../../src/packet/build.ts';
import { datagramOf, type Ends, type Seen, seen } from './datagrams.ts';
import type { Draw } from './draw.ts';
import type { Host, Topology } from './topologies.ts';
import type { Arrived } from './wire.ts';

/** One frame. */
export interface Shot {
  host: Host;
  datagram: Uint8Array;
  /** Destination on the wire when it is not the router. */
  mac?: string;
  etherType?: number;
  /** Whole seconds of silence before it. */
  seconds?: number;
}

export type Talk = Generator<Shot, void, Arrived[]>;

export interface Stage {
  draw: Draw;
  topology: Topology;
}

/** Both sides of a conversation as each sees it. */
export class Sides {
  readonly client: Host;
  /** As the client writes them. */
  readonly ends: Ends;
  readonly six: boolean;
  readonly stage: Stage;
  /** Who received it, and the ends as they came; undefined: nobody yet. */
  server: Host | undefined;
  arrived: Ends | undefined;
  #direct: string | undefined;

  constructor(stage: Stage, client: Host, ends: Ends, six: boolean) {
    this.stage = stage;
    this.client = client;
    this.ends = ends;
    this.six = six;
    const { topology } = stage;
    const peer = hostOf(topology, ends.dst);
    // Neighbours on a bridge write to each other.
    if (topology.hasBridge && peer?.net === 'lan' && client.net === 'lan') this.#direct = peer.mac;
  }

  /** What the client sends. */
  out(inner: Layer4, more: object = {}): Shot {
    const datagram = datagramOf(this.stage.draw, this.ends, inner, more);
    return { host: this.client, datagram, ...(this.#direct === undefined ? {} : { mac: this.#direct }) };
  }

  /** What the server answers, of its ends; undefined: nobody could. */
  back(make: (ends: Ends) => Layer4, more: object = {}): Shot | undefined {
    const { server, arrived, stage } = this;
    if (server === undefined || arrived === undefined) {
      const peer = hostOf(stage.topology, this.ends.dst);
      if (peer === undefined || !stage.draw.oneIn(4)) return undefined;
      return { host: peer, datagram: datagramOf(stage.draw, turned(this.ends), make(turned(this.ends)), more) };
    }
    const ends = turned(arrived);
    const direct = this.#direct === undefined ? {} : { mac: this.client.mac };
    return { host: server, datagram: datagramOf(stage.draw, ends, make(ends), more), ...direct };
  }

  /** Looks at what left: the first time that it reached somebody, that one is the server. */
  note(left: Arrived[]): void {
    if (this.arrived !== undefined) return;
    for (const { datagram } of left) {
      const found = seen(datagram);
      // A port that NAT searched for is the kernel's to choose: nobody can answer it.
      if (found === undefined || found.sport !== this.ends.sport) continue;
      const host = hostOf(this.stage.topology, found.dst);
      if (host === undefined || host === this.client) continue;
      this.server = host;
      this.arrived = found;
      return;
    }
  }
}

export function hostOf(topology: Topology, address: string): Host | undefined {
  return topology.hosts.find((host) => host.v4 === address || host.v6 === address);
}

export function turned(ends: Ends): Ends {
  return { src: ends.dst, dst: ends.src, sport: ends.dport, dport: ends.sport };
}

/** A datagram in fragments: in order, turned round, one lost or twice, overlapping. */
export function fragments(draw: Draw, whole: Uint8Array): Uint8Array[] {
  const six = (whole[0] ?? 0) >>> 4 === 6;
  const cut = (size: number): Uint8Array[] =>
    six ? fragmentIpv6(whole, Math.max(size, 300), 77 + draw.below(1000)) : fragmentIpv4(whole, size);
  const parts = cut(draw.pick([600, 1300, 1500]));
  switch (draw.below(8)) {
    case 0:
      return parts.reverse();
    case 1:
      return parts.slice(1);
    case 2:
      return parts.slice(0, -1);
    case 3:
      return [...parts.slice(0, 1), ...parts];
    case 4: {
      const others = six ? [] : cut(500).slice(1, 2);
      return [...parts.slice(0, 1), ...others, ...parts.slice(1)];
    }
    default:
      return parts;
  }
}

/** An ICMP error about what arrived, from somebody on the way. */
export function errorAbout(draw: Draw, quoted: Uint8Array, from: Host, source: string): Shot | undefined {
  const found = seen(quoted);
  if (found === undefined || found.protocol === 1 || found.protocol === 58) return undefined;
  const ends: Ends = { src: source, dst: found.src, sport: 0, dport: 0 };
  return { host: from, datagram: datagramOf(draw, ends, errorOf(draw, quoted, found)) };
}

function errorOf(draw: Draw, quoted: Uint8Array, found: Seen): Layer4 {
  const room = found.transport + draw.pick([8, 8, 20, 60, 400, 4]);
  const part = quoted.slice(0, room);
  if (found.six) {
    const [type, code, rest] = draw.pick([
      [1, 0, 0],
      [1, 4, 0],
      [2, 0, 1300],
      [3, 0, 0],
      [4, 1, 6],
    ] as const);
    return icmpv6(type, code, rest, part);
  }
  const [type, code, rest] = draw.pick([
    [3, 1, 0],
    [3, 3, 0],
    [3, 4, 1300],
    [11, 0, 0],
    [12, 0, 0],
    [3, 13, 0],
    [4, 0, 0],
  ] as const);
  return icmp(type, code, rest, part);
}
