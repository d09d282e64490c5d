// ICMP and ICMPv6 before connections: what is untracked, and errors, which are RELATED to the connection whose packet
// they quote (nf_conntrack_icmpv4_error, nf_conntrack_inet_error of nf_conntrack_proto_icmp.c; _icmpv6.c).
import { be32, u8 } from '../../base/columns.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind } from '../../event/vocabulary.ts';
import type { Packet } from '../../packet/packet.ts';
import { CT_RELATED, CT_UNTRACKED } from '../../packet/packet.ts';
import type { TrackerContext } from './tracker.ts';
import { HOOK_PREROUTING } from './tracker.ts';
import {
  invertTuple,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  quotedTransport,
  readTuple,
  TUPLE_DESTINATION,
  TUPLE_PROTOCOL,
  TUPLE_WORDS,
} from './tuple.ts';
import { hasGoodChecksum, transportLength } from './verify.ts';

const CT_LOOKUP = eventKind('ct-lookup');

/** The packet goes on to be tracked as any other. */
export const ICMP_TRACK = 0;
/** The packet is done: RELATED (packet.ct is set) or untracked. */
export const ICMP_DONE = 1;
export const ICMP_INVALID = 2;

const HIGHEST_TYPE = 18;
const ICMPV6_REDIRECT = 137;
/** Redirected header option (RFC 4861). */
const OPTION_REDIRECTED_HEADER = 4;

/** ICMP types that quote a packet: unreachable, source quench, redirect, time exceeded, parameter problem. */
const IS_ERROR = new Uint8Array(256);
for (const type of [3, 4, 5, 11, 12]) IS_ERROR[type] = 1;

/** MLD, neighbour discovery, multicast router discovery: never tracked (noct_valid_new). */
const IS_UNTRACKED = new Uint8Array(256);
for (const type of [130, 131, 132, 133, 134, 135, 136, 143, 151, 152]) IS_UNTRACKED[type] = 1;

/** Sorts ICMP and ICMPv6 packets. */
export class IcmpErrors {
  readonly #context: TrackerContext;
  readonly #recorder: Recorder;
  /** The quoted tuple, then its inverse. */
  readonly #tuples = new Uint32Array(2 * TUPLE_WORDS);

  constructor(context: TrackerContext) {
    this.#context = context;
    this.#recorder = context.recorder;
  }

  /**
   * Sets packet.ct, ctInfo and ctDirection of errors, ctInfo of what is untracked. `zone` is that of the packet's original
   * direction. Returns ICMP_*.
   */
  sort(packet: Packet, hook: number, zone: number): number {
    const { data, transport } = packet;
    if (transport + 8 > packet.networkEnd) return ICMP_INVALID;
    if (
      hook === HOOK_PREROUTING &&
      this.#context.verifyChecksums &&
      !hasGoodChecksum(packet, transportLength(packet), this.#recorder)
    )
      return ICMP_INVALID;
    const type = u8(data, transport);
    if (packet.ipVersion === 4) {
      if (type > HIGHEST_TYPE) return ICMP_INVALID;
      return IS_ERROR[type] === 1 ? this.#relate(packet, transport + 8, zone) : ICMP_TRACK;
    }
    if (IS_UNTRACKED[type] === 1) {
      packet.ctInfo = CT_UNTRACKED;
      return ICMP_DONE;
    }
    if (type === ICMPV6_REDIRECT) return this.#relateRedirect(packet, zone);
    return type >= 128 ? ICMP_TRACK : this.#relate(packet, transport + 8, zone);
  }

  /** nf_conntrack_icmpv6_redirect: the quoted packet stands in an option. */
  #relateRedirect(packet: Packet, zone: number): number {
    const { data, network, transport, networkEnd } = packet;
    if (transport + 40 > networkEnd) return ICMP_INVALID;
    if (u8(data, transport + 1) !== 0) return ICMP_TRACK;
    const isLinkLocal = be32(data, network + 8) >>> 22 === 0x3fa;
    if (u8(data, network + 7) !== 255 || !isLinkLocal) return ICMP_INVALID;
    if (transport + 42 > networkEnd || u8(data, transport + 41) === 0) return ICMP_INVALID;
    if (u8(data, transport + 40) !== OPTION_REDIRECTED_HEADER) return ICMP_TRACK;
    return this.#relate(packet, transport + 48, zone);
  }

  /** nf_conntrack_inet_error: finds the connection of the packet quoted at `quoted`. */
  #relate(packet: Packet, quoted: number, zone: number): number {
    const { data, networkEnd, ipVersion } = packet;
    const { table } = this.#context;
    const tuples = this.#tuples;
    const found = quotedTransport(data, quoted, networkEnd, ipVersion);
    if (found < 0) return ICMP_INVALID;
    const transport = Math.floor(found / 256);
    if (!readTuple(data, quoted, transport, networkEnd, ipVersion, found & 0xff, tuples, 0)) return ICMP_INVALID;
    if (!invertTuple(tuples, 0, tuples, TUPLE_WORDS)) return ICMP_INVALID;
    const word = TUPLE_WORDS + TUPLE_PROTOCOL;
    tuples[word] = (tuples[word] as number) | (zone << 16);
    const protocol = ipVersion === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    this.#recorder.event(CT_LOOKUP, protocol | (ipVersion << 8));
    const node = table.lookup(tuples, TUPLE_WORDS);
    if (node < 0) return ICMP_INVALID;
    // The error must go to where the connection's packets come from: else anyone could be RELATED to it.
    if (!this.#isOuterDestination(packet, node * TUPLE_WORDS + TUPLE_DESTINATION)) return ICMP_INVALID;
    packet.ct = node >> 1;
    packet.ctInfo = CT_RELATED;
    packet.ctDirection = node & 1;
    return ICMP_DONE;
  }

  #isOuterDestination(packet: Packet, address: number): boolean {
    const { data, network, ipVersion } = packet;
    const { tuples } = this.#context.table;
    if (ipVersion === 4) return tuples[address] === be32(data, network + 16);
    for (let i = 0; i < 4; i++) if (tuples[address + i] !== be32(data, network + 24 + i * 4)) return false;
    return true;
  }
}
