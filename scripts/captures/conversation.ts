// Conversations between a host behind the router and one beyond it, as frames arriving at the router's two sides.
// Under NAT the far side answers to the router's own address: `outside` is what it sees of the inside host.
import { ether, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';

/** A frame that arrives at an interface of the router at a time. */
export interface Arrival {
  timeNs: bigint;
  iface: string;
  frame: Uint8Array;
}

export interface Ends {
  inside: string;
  outside: string;
  far: string;
  /** Interface and MAC of the inside host. */
  lan?: string;
  lanMac?: string;
  wan?: string;
  /** TTL of what comes from the far side. */
  farTtl?: number;
  /** TOS octet of both sides. */
  tos?: number;
  vlans?: { id: number; protocol?: number }[];
  pppoe?: number;
}

const GATEWAY_MAC = '02:ee:00:00:00:fe';
const HOST_MAC = '02:ee:00:00:00:10';

/** 2026-01-01T00:00:00Z: captures are made from code and have no other clock. */
export const EPOCH_NS = 1_767_225_600_000_000_000n;

/** Nanoseconds since 1970 of a moment `seconds` after the epoch of all captures. */
export function at(seconds: number): bigint {
  return EPOCH_NS + BigInt(Math.round(seconds * 1e9));
}

/** A frame from the inside host. */
export function fromInside(ends: Ends, seconds: number, inner: Layer4, id = 1): Arrival {
  const datagram = ip({ src: ends.inside, dst: ends.far, id, dontFragment: true, tos: ends.tos ?? 0 }, inner);
  const frame = ether(
    { src: ends.lanMac ?? HOST_MAC, dst: '02:00:00:00:00:01', ...(ends.vlans ? { vlans: ends.vlans } : {}) },
    datagram,
  );
  return { timeNs: at(seconds), iface: ends.lan ?? 'br-lan', frame };
}

/** A frame from the far host. */
export function fromOutside(ends: Ends, seconds: number, inner: Layer4, id = 1): Arrival {
  const datagram = ip(
    { src: ends.far, dst: ends.outside, id, dontFragment: true, ttl: ends.farTtl ?? 57, tos: ends.tos ?? 0 },
    inner,
  );
  const pppoe = ends.pppoe === undefined ? {} : { pppoe: ends.pppoe };
  const frame = ether({ src: GATEWAY_MAC, dst: '02:00:00:00:00:02', ...pppoe }, datagram);
  return { timeNs: at(seconds), iface: ends.wan ?? 'wan', frame };
}

/** MSS 1460, SACK permitted, window scale 7. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 180, 4, 2, 1, 3, 3, 7);

export interface TcpPlan {
  sport: number;
  dport: number;
  start: number;
  /** Octets of each request and its answer, in turn. */
  exchanges: { up: number; down: number }[];
  /** Seconds of a round trip, and between data segments. */
  rtt?: number;
  gap?: number;
  /** How it ends; 'open': the capture ends first. */
  end?: 'fin' | 'rst' | 'open';
  /** No handshake: the capture began too late. */
  midStream?: boolean;
  mss?: number;
  /** First sequence numbers of both sides; absent: from the ports. */
  sequences?: [number, number];
}

/** A whole TCP connection opened by the inside host: handshake, exchanges, end. */
export function tcpConversation(ends: Ends, plan: TcpPlan): Arrival[] {
  const out: Arrival[] = [];
  const rtt = plan.rtt ?? 0.02;
  const gap = plan.gap ?? 0.0002;
  const mss = plan.mss ?? 1448;
  let now = plan.start;
  let [seq, ack] = plan.sequences ?? [1000 + plan.sport, 5000 + plan.dport];
  let id = 1;
  const up = (flags: string, octets = 0, options?: Uint8Array): void => {
    const fields = { sport: plan.sport, dport: plan.dport, seq, ack: flags.includes('A') ? ack : 0, flags };
    out.push(fromInside(ends, now, tcp(options ? { ...fields, options } : fields, payload(octets)), id++));
    seq += octets + (/[SF]/.test(flags) ? 1 : 0);
  };
  const down = (flags: string, octets = 0, options?: Uint8Array): void => {
    const fields = { sport: plan.dport, dport: plan.sport, seq: ack, ack: seq, flags };
    out.push(fromOutside(ends, now, tcp(options ? { ...fields, options } : fields, payload(octets)), id++));
    ack += octets + (/[SF]/.test(flags) ? 1 : 0);
  };
  if (!plan.midStream) {
    up('S', 0, SYN_OPTIONS);
    now += rtt;
    down('SA', 0, SYN_OPTIONS);
    now += 0.0003;
    up('A');
  }
  for (const exchange of plan.exchanges) {
    for (let left = exchange.up; left > 0; left -= mss) {
      now += gap;
      up(left <= mss ? 'PA' : 'A', Math.min(left, mss));
    }
    now += rtt;
    if (exchange.down === 0) down('A');
    for (let left = exchange.down, n = 1; left > 0; left -= mss, n++) {
      now += gap;
      down(left <= mss ? 'PA' : 'A', Math.min(left, mss));
      // Every second segment is acknowledged.
      if (n % 2 === 0 || left <= mss) {
        now += gap / 2;
        up('A');
      }
    }
  }
  const end = plan.end ?? 'fin';
  if (end === 'fin') {
    now += gap;
    up('FA');
    now += rtt;
    down('FA');
    now += 0.0003;
    up('A');
  } else if (end === 'rst') {
    now += gap;
    up('RA');
  }
  return out;
}

export interface UdpPlan {
  sport: number;
  dport: number;
  start: number;
  packets: number;
  /** Seconds between packets of one direction. */
  gap: number;
  up: number;
  /** Octets of the other direction's datagrams; 0: it is silent. */
  down: number;
}

/** Datagrams both ways, or one way. */
export function udpConversation(ends: Ends, plan: UdpPlan): Arrival[] {
  const out: Arrival[] = [];
  for (let n = 0; n < plan.packets; n++) {
    const now = plan.start + n * plan.gap;
    const ports = { sport: plan.sport, dport: plan.dport };
    out.push(fromInside(ends, now, udp(ports, payload(plan.up)), n + 1));
    if (plan.down === 0) continue;
    const back = { sport: plan.dport, dport: plan.sport };
    out.push(fromOutside(ends, now + plan.gap * 0.4, udp(back, payload(plan.down)), n + 1));
  }
  return out;
}

/** A DNS query for a name and its answer with one address. */
export function dnsLookup(ends: Ends, start: number, sport: number, name: string, answered = true): Arrival[] {
  const query = dnsMessage(sport, name, false);
  const out = [fromInside(ends, start, udp({ sport, dport: 53 }, query), sport)];
  if (answered) {
    const answer = dnsMessage(sport, name, true);
    out.push(fromOutside(ends, start + 0.012, udp({ sport: 53, dport: sport }, answer), sport));
  }
  return out;
}

/** Echo requests and replies. */
export function ping(ends: Ends, start: number, id: number, count: number): Arrival[] {
  const isV6 = ends.far.includes(':');
  const message = (reply: boolean, n: number): Layer4 =>
    isV6
      ? icmpv6(reply ? 129 : 128, 0, ((id << 16) | n) >>> 0, payload(48))
      : icmp(reply ? 0 : 8, 0, ((id << 16) | n) >>> 0, payload(48));
  const out: Arrival[] = [];
  for (let n = 1; n <= count; n++) {
    out.push(fromInside(ends, start + n, message(false, n), n));
    out.push(fromOutside(ends, start + n + 0.018, message(true, n), n));
  }
  return out;
}

/** Octets that compress well and differ by position. */
export function payload(octets: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, octets));
  for (let i = 0; i < bytes.length; i++) bytes[i] = 97 + (i % 23);
  return bytes;
}

function dnsMessage(id: number, name: string, isAnswer: boolean): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')]);
  const question = [...labels, 0, 0, 1, 0, 1];
  const flags = isAnswer ? [0x81, 0x80] : [0x01, 0x00];
  const head = [id >>> 8, id & 255, ...flags, 0, 1, 0, isAnswer ? 1 : 0, 0, 0, 0, 0];
  const answer = isAnswer ? [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 198, 51, 100, 10] : [];
  return Uint8Array.from([...head, ...question, ...answer]);
}
