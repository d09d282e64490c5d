// `--captured-on IFACE`: the capture was taken on that interface's wire, so part of its packets are what the router sent.
// Each of those is turned back into what must have arrived on the other side (the connection's translation undone, one
// more hop to live), replayed, and what the emulated router sends is held against what the capture shows.
// `--captured-on any`: a cooked capture of all interfaces shows both; what it took on the way out is only compared.
import { be16, be32, putBe16, u8, u32 } from '../base/columns.ts';
import type { Router } from '../datapath/router.ts';
import { REASONS } from '../event/reasons.ts';
import type { Interface } from '../net/interfaces.ts';
import type { ConntrackTable } from '../netfilter/conntrack/table.ts';
import { invertTuple, readTuple, TUPLE_WORDS, tupleEqual } from '../netfilter/conntrack/tuple.ts';
import { manglePacket } from '../netfilter/nat/mangle.ts';
import { MANIP_DESTINATION, MANIP_SOURCE } from '../netfilter/nat/range.ts';
import { adjustChecksum16 } from '../packet/checksum.ts';
import { Packet, VERDICT_FORWARD } from '../packet/packet.ts';
import { frameDigest } from './event-rows.ts';
import { innerNetwork } from './ingress.ts';
import { decodeFrame } from './match.ts';
import { datagramFields, fieldChanges } from './trace-frame.ts';

/** The packet arrived on the wire: it enters where it says. */
export const ARRIVED = 0;
/** The router made it itself. */
export const OWN = -1;
/** The router sent it, and what it was made from cannot be known. */
export const ORIGIN_UNKNOWN = -2;
/** A copy that is only compared. */
export const COPY = -3;

const PACKET_OUTGOING = 4;
const PACKET_TYPE_UNKNOWN = -1;
const MAX_TTL = 255;
/** Disagreements that are told one by one. */
const MAX_TOLD = 100;
/** Frames of the emulated router that wait for their copy in a capture of all interfaces. */
const MAX_WAITING = 65_536;
const MAX_PACKET_OCTETS = 65_575;

/** A packet that the capture shows otherwise than the emulated router sent it. */
export interface Disagreement {
  packet: number;
  /** not-sent: nothing left; elsewhere: by another interface; differs: other octets. */
  kind: 'not-sent' | 'elsewhere' | 'differs';
  /** The reason, the interface, or the fields: 'ip ttl 62, captured 63'. */
  detail: string;
}

/** How far the emulated router and the captured one agree. */
export interface CapturedOnSummary {
  /** Interface, or 'any'. */
  device: string;
  arrived: number;
  /** What the router sent: own + originUnknown + agreed + disagreed. */
  sent: number;
  own: number;
  originUnknown: number;
  /** Sent packets whose translation was undone. */
  translated: number;
  agreed: number;
  disagreed: number;
  /** The first ones. */
  disagreements: Disagreement[];
}

/** Sorts the packets of captures taken on one interface, or on all of them. */
export class CapturedOn {
  readonly summary: CapturedOnSummary;
  readonly #device: Interface | undefined;
  readonly #physical: number;
  readonly #router: Router;
  readonly #table: ConntrackTable;
  readonly #mayTranslate: boolean;
  /** The router file says which hardware addresses are the router's. */
  readonly #knowsMac: boolean;
  readonly #probe = new Packet();
  readonly #tuple = new Uint32Array(TUPLE_WORDS);
  readonly #inverse = new Uint32Array(TUPLE_WORDS);
  readonly #address = new Uint32Array(4);
  /** The datagram as captured; #expectedLength 0: nothing is expected of the packet in hand. */
  readonly #expected = new Uint8Array(MAX_PACKET_OCTETS);
  #expectedLength = 0;
  #isAgreed = false;
  /** First frame that left instead. */
  #otherInterface = 0;
  readonly #other = new Uint8Array(MAX_PACKET_OCTETS);
  #otherLength = 0;
  /** Any: digests of what the emulated router sent, with how many wait. */
  readonly #waiting = new Map<number, number>();

  /** `device` undefined: all interfaces. */
  constructor(router: Router, device: Interface | undefined, mayTranslate: boolean, knowsMac: boolean) {
    this.#router = router;
    this.#device = device;
    let physical = device;
    while (physical !== undefined && physical.kind !== 'physical') physical = physical.link ?? physical.ports[0];
    this.#physical = physical?.index ?? 0;
    this.#table = router.netfilter.conntrack.table;
    this.#mayTranslate = mayTranslate;
    this.#knowsMac = knowsMac;
    this.summary = {
      device: device?.name ?? 'any',
      arrived: 0,
      sent: 0,
      own: 0,
      originUnknown: 0,
      translated: 0,
      agreed: 0,
      disagreed: 0,
      disagreements: [],
    };
  }

  /**
   * What the frame data[start, end) is: ARRIVED, OWN, ORIGIN_UNKNOWN, COPY, or the index of the interface that it must
   * have arrived at; then it was rewritten in place to what arrived there.
   */
  sort(
    data: Uint8Array,
    start: number,
    end: number,
    wireLength: number,
    packetType: number,
    number: number,
    timeNs: number,
  ): number {
    this.#expectedLength = 0;
    const probe = this.#probe;
    probe.attach(data, start, end, wireLength);
    probe.timeNs = timeNs;
    if (start + 14 <= end) decodeFrame(probe);
    const { summary } = this;
    if (!this.#isSent(data, start, packetType)) {
      summary.arrived++;
      return ARRIVED;
    }
    summary.sent++;
    if (this.#device === undefined) return this.#compareCopy(number);
    const from = this.#turnBack();
    if (from === OWN) summary.own++;
    else if (from === ORIGIN_UNKNOWN) summary.originUnknown++;
    return from;
  }

  /** By what the capture says of the direction, then by the router's hardware address, then by the way to the source. */
  #isSent(data: Uint8Array, start: number, packetType: number): boolean {
    if (packetType !== PACKET_TYPE_UNKNOWN) return packetType === PACKET_OUTGOING;
    const device = this.#device;
    if (device === undefined) return false;
    if (this.#knowsMac && this.#probe.end - start >= 14) {
      if (isMac(device.mac, data, start + 6)) return true;
      if (isMac(device.mac, data, start)) return false;
    }
    const probe = this.#probe;
    if (probe.ipVersion === 0) return false;
    if (this.#isLocalSource()) return true;
    const way = this.#wayToSource();
    return way !== 0 && way !== device.index;
  }

  #isLocalSource(): boolean {
    const { fib } = this.#router;
    const { data, network, ipVersion } = this.#probe;
    return ipVersion === 4
      ? fib.addressType4(be32(data, network + 12)) === 'local'
      : fib.addressType6At(data, network + 8) === 'local';
  }

  /** Interface that leads to the probe's source; 0: none. */
  #wayToSource(): number {
    const { fib } = this.#router;
    const { data, network, ipVersion } = this.#probe;
    const isLinkLocal = ipVersion === 6 && be32(data, network + 8) >>> 22 === 0x3fa;
    if (isLinkLocal) return this.#device?.index ?? 0;
    const route =
      ipVersion === 4 ? fib.lookup4(be32(data, network + 12), 0, 0) : fib.lookup6At(data, network + 8, 0, 0);
    return route?.kind === 'unicast' ? route.oif.index : 0;
  }

  #turnBack(): number {
    const probe = this.#probe;
    const { data, network, ipVersion } = probe;
    if (ipVersion === 0) return OWN;
    const ttlAt = network + (ipVersion === 4 ? 8 : 7);
    // What was forwarded has been counted down.
    if (u8(data, ttlAt) === MAX_TTL) return OWN;
    this.#expect();
    const answer = this.#undo();
    if (answer !== ARRIVED) {
      this.#expectedLength = 0;
      return answer;
    }
    const from = this.#wayToSource();
    if (from === 0 || this.#isLocalSource()) {
      this.#expectedLength = 0;
      return from === 0 ? ORIGIN_UNKNOWN : OWN;
    }
    const old = be16(data, ttlAt - (ipVersion === 4 ? 0 : 1));
    data[ttlAt] = u8(data, ttlAt) + 1;
    if (ipVersion === 4)
      putBe16(data, network + 10, adjustChecksum16(be16(data, network + 10), old, be16(data, ttlAt)));
    return from;
  }

  /** Keeps the datagram as the capture has it. */
  #expect(): void {
    const { data, network, networkEnd, end } = this.#probe;
    const to = Math.min(networkEnd > network ? networkEnd : end, network + MAX_PACKET_OCTETS);
    for (let at = network; at < to; at++) this.#expected[at - network] = data[at] as number;
    this.#expectedLength = to - network;
    this.#isAgreed = false;
    this.#otherInterface = 0;
    this.#otherLength = 0;
  }

  /** Undoes the translation of the probe's connection. ARRIVED: done or not needed. */
  #undo(): number {
    const probe = this.#probe;
    const { data, network, transport, networkEnd, ipVersion, protocol } = probe;
    const tuple = this.#tuple;
    const inverse = this.#inverse;
    const isLocal = this.#isLocalSource();
    const isKnown =
      probe.fragmentOffset === 0 &&
      transport >= 0 &&
      readTuple(data, network, transport, networkEnd, ipVersion, protocol, tuple, 0) &&
      invertTuple(tuple, 0, inverse, 0);
    const node = isKnown ? this.#table.lookup(inverse, 0) : -1;
    if (node < 0) {
      if (!isLocal) return ARRIVED;
      return this.#mayTranslate && isKnown ? ORIGIN_UNKNOWN : OWN;
    }
    // The connection's packet of the other direction is what this one answers.
    const arrivedAt = (node ^ 1) * TUPLE_WORDS;
    const { tuples } = this.#table;
    if (tupleEqual(tuples, arrivedAt, tuple, 0)) return isLocal ? OWN : ARRIVED;
    if (this.#isLocal(arrivedAt, ipVersion)) return OWN;
    invertTuple(tuples, arrivedAt, inverse, 0);
    if (!manglePacket(probe, inverse, 0, MANIP_SOURCE) || !manglePacket(probe, inverse, 0, MANIP_DESTINATION)) {
      return ORIGIN_UNKNOWN;
    }
    this.summary.translated++;
    return ARRIVED;
  }

  /** Whether the source of a tuple is the router's own address. */
  #isLocal(at: number, version: number): boolean {
    const { fib } = this.#router;
    const { tuples } = this.#table;
    if (version === 4) return fib.addressType4(u32(tuples, at)) === 'local';
    for (let i = 0; i < 4; i++) this.#address[i] = u32(tuples, at + i);
    return fib.addressType6(this.#address, 0) === 'local';
  }

  /** The emulated router sends a frame because of the packet in hand. */
  sent(ifindex: number, data: Uint8Array, start: number, end: number): void {
    if (this.#device === undefined) {
      this.#wait(data, start, end);
      return;
    }
    if (this.#expectedLength === 0 || this.#isAgreed) return;
    const network = innerNetwork(data, start, end);
    const length = end - network;
    if (ifindex === this.#physical && length === this.#expectedLength && this.#isEqual(data, network)) {
      this.#isAgreed = true;
      return;
    }
    if (this.#otherInterface !== 0 && ifindex !== this.#physical) return;
    this.#otherInterface = ifindex;
    this.#otherLength = Math.min(length, MAX_PACKET_OCTETS);
    for (let i = 0; i < this.#otherLength; i++) this.#other[i] = data[network + i] as number;
  }

  #isEqual(data: Uint8Array, at: number): boolean {
    for (let i = 0; i < this.#expectedLength; i++) if (data[at + i] !== this.#expected[i]) return false;
    return true;
  }

  /** The router is done with the packet in hand: counts whether it sent what the capture shows. */
  settle(packet: Packet): void {
    if (this.#expectedLength === 0) return;
    const { summary } = this;
    if (this.#isAgreed) {
      summary.agreed++;
      return;
    }
    summary.disagreed++;
    if (summary.disagreements.length >= MAX_TOLD) return;
    const row = { packet: packet.number };
    // A refusal that goes back is not the packet.
    if (this.#otherInterface === 0 || packet.verdict !== VERDICT_FORWARD) {
      const why = REASONS[packet.reason]?.text ?? '';
      summary.disagreements.push({
        ...row,
        kind: 'not-sent',
        detail: packet.reason === 0 ? 'it stayed in the router' : why,
      });
    } else if (this.#otherInterface !== this.#physical) {
      const name = this.#router.interfaces.at(this.#otherInterface).name;
      summary.disagreements.push({ ...row, kind: 'elsewhere', detail: name });
    } else {
      const got = this.#other.subarray(0, this.#otherLength);
      const detail = difference(got, this.#expected.subarray(0, this.#expectedLength));
      summary.disagreements.push({ ...row, kind: 'differs', detail });
    }
  }

  #wait(data: Uint8Array, start: number, end: number): void {
    const digest = frameDigest(0, 0, data, innerNetwork(data, start, end), end);
    this.#waiting.set(digest, (this.#waiting.get(digest) ?? 0) + 1);
    if (this.#waiting.size <= MAX_WAITING) return;
    for (const oldest of this.#waiting.keys()) {
      this.#waiting.delete(oldest);
      break;
    }
  }

  /** A copy that the capture took on the way out: did the emulated router send it? */
  #compareCopy(number: number): number {
    const { summary } = this;
    const { data, network, networkEnd, end, ipVersion } = this.#probe;
    if (ipVersion === 0) {
      summary.own++;
      return COPY;
    }
    const digest = frameDigest(0, 0, data, network, networkEnd > network ? networkEnd : end);
    const waiting = this.#waiting.get(digest) ?? 0;
    if (waiting > 0) {
      if (waiting === 1) this.#waiting.delete(digest);
      else this.#waiting.set(digest, waiting - 1);
      summary.agreed++;
      return COPY;
    }
    if (this.#isLocalSource() && !this.#mayTranslate) {
      summary.own++;
      return COPY;
    }
    summary.disagreed++;
    if (summary.disagreements.length < MAX_TOLD) {
      summary.disagreements.push({
        packet: number,
        kind: 'not-sent',
        detail: 'the emulated router sent no such packet',
      });
    }
    return COPY;
  }
}

/** 'ip ttl 62, captured 63; tcp dport 443, captured 8443'. */
function difference(got: Uint8Array, captured: Uint8Array): string {
  const changes = fieldChanges(datagramFields(captured), datagramFields(got));
  const told = changes.map(({ field, from, to }) => `${field} ${to}, captured ${from}`);
  return told.length > 0 ? told.join('; ') : 'checksums, options or payload';
}

function isMac(mac: Uint8Array, data: Uint8Array, at: number): boolean {
  for (let i = 0; i < 6; i++) if (data[at + i] !== mac[i]) return false;
  return true;
}
