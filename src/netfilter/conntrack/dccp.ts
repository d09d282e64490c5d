// The DCCP tracker (nf_conntrack_proto_dccp.c): state by packet type and by which side is the client.
import { be16, be32, u8, u32 } from '../../base/columns.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import type { Packet } from '../../packet/packet.ts';
import { TRACK_ACCEPT, TRACK_INVALID } from './outcome.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_SEEN_REPLY } from './status.ts';
import { PROTOCOL_WORDS } from './table.ts';
import type { Tracker, TrackerContext } from './tracker.ts';
import { HOOK_PREROUTING } from './tracker.ts';
import { PROTOCOL_DCCP } from './tuple.ts';
import { hasGoodChecksum, transportLength } from './verify.ts';

const RQ = 1; // REQUEST
const RS = 2; // RESPOND
const PO = 3; // PARTOPEN
const OP = 4; // OPEN
const CR = 5; // CLOSEREQ
const CG = 6; // CLOSING
const TW = 7; // TIMEWAIT
const IG = 8; // passes, changes nothing
const IV = 9; // invalid

/** Names as conntrack(8) prints them. */
export const DCCP_STATE_NAMES = [
  'NONE',
  'REQUEST',
  'RESPOND',
  'PARTOPEN',
  'OPEN',
  'CLOSEREQ',
  'CLOSING',
  'TIMEWAIT',
] as const;

const REQUEST = 0;
const RESPONSE = 1;
const ACK = 3;
const RESET = 7;
const TYPES = 10;

/** [(role * 10 + type) * 8 + state]; role 0 is the client. */
// biome-ignore format: a table is read by columns
const TRANSITIONS = Uint8Array.of(
  // state:       NO  RQ  RS  PO  OP  CR  CG  TW
  // client
  /* request   */ RQ, RQ, RS, IG, IG, IG, IG, RQ,
  /* response  */ IV, IG, IG, IG, IG, IG, IG, IV,
  /* data      */ IV, IV, IV, IV, OP, CR, CG, IV,
  /* ack       */ IV, IV, PO, PO, OP, CR, CG, IV,
  /* data-ack  */ IV, IV, PO, PO, OP, CR, CG, IV,
  /* close-req */ IV, IV, IV, IV, IV, IV, IV, IV,
  /* close     */ IV, IV, IV, CG, CG, CG, IV, IV,
  /* reset     */ IV, TW, TW, TW, TW, TW, TW, IG,
  /* sync      */ IV, IG, IG, IG, IG, IG, IG, IG,
  /* sync-ack  */ IV, IG, IG, IG, IG, IG, IG, IG,
  // server
  /* request   */ IV, IG, IG, IG, IG, IG, IG, RQ,
  /* response  */ IV, RS, RS, IG, IG, IG, IG, IV,
  /* data      */ IV, IV, IV, OP, OP, IV, CG, IV,
  /* ack       */ IV, IV, IV, OP, OP, IV, CG, IV,
  /* data-ack  */ IV, IV, IV, OP, OP, IV, CG, IV,
  /* close-req */ IV, IV, IV, CR, CR, CR, CR, IV,
  /* close     */ IV, IV, IV, CG, CG, IV, CG, IV,
  // In TIMEWAIT the kernel's row holds TIMEWAIT where its comment says "ignore".
  /* reset     */ IV, TW, TW, TW, TW, TW, TW, TW,
  /* sync      */ IV, IG, IG, IG, IG, IG, IG, IG,
  /* sync-ack  */ IV, IG, IG, IG, IG, IG, IG, IG,
);

/** Types that must have 48-bit sequence numbers: all but data, ack and data-ack. */
const NEEDS_LONG_SEQUENCE = 0x3ff & ~((1 << 2) | (1 << 3) | (1 << 4));

// Words of an entry in table.protocol.
/** Direction whose sender is the client. */
const CLIENT = 0;
const LAST_TYPE = 1;
const LAST_DIRECTION = 2;
/** Sequence number of the response, 48 bits. */
const HANDSHAKE_HIGH = 3;
const HANDSHAKE_LOW = 4;

/** Octets behind the sequence number that each type has at least (dccp_packet_hdr_len). */
const SUBHEADER = Uint8Array.of(4, 12, 0, 8, 8, 8, 8, 12, 8, 8);

export class DccpTracker implements Tracker {
  readonly #context: TrackerContext;
  readonly #loose: boolean;

  constructor(context: TrackerContext) {
    this.#context = context;
    this.#loose = sysctlNumber(context.sysctl, 'net.netfilter.nf_conntrack_dccp_loose', 1) !== 0;
  }

  packet(packet: Packet, entry: number, direction: number, hook: number): number {
    const { table, accounting, timeouts } = this.#context;
    const type = this.#soundType(packet, hook);
    if (type < 0) return TRACK_INVALID;
    const words = table.protocol;
    const base = entry * PROTOCOL_WORDS;
    if ((u32(table.status, entry) & IPS_CONFIRMED) === 0) {
      const first = u8(TRANSITIONS, type * 8);
      if (first === IV || (first !== RQ && !this.#loose)) return TRACK_INVALID;
      words.fill(0, base, base + PROTOCOL_WORDS);
      table.tcpState[entry] = 0;
    }
    if (type === RESET && (u32(table.status, entry) & IPS_SEEN_REPLY) === 0) {
      accounting.count(entry, direction, packet.networkLength);
      table.kill(entry);
      return TRACK_ACCEPT;
    }
    const role = direction === u32(words, base + CLIENT) ? 0 : 1;
    const old = u8(table.tcpState, entry);
    let next = u8(TRANSITIONS, (role * TYPES + type) * 8 + old);
    if (next === IV) return TRACK_INVALID;
    if (next === RQ && old === TW && role === 1) words[base + CLIENT] = direction;
    if (next === RS && old === RQ) this.#noteResponse(packet, base);
    if (next === PO && old === RS && type === ACK && this.#acknowledgesResponse(packet, base)) {
      table.status[entry] = u32(table.status, entry) | IPS_ASSURED;
    }
    if (next === IG) {
      const answersRequest =
        u32(words, base + LAST_DIRECTION) !== direction && u32(words, base + LAST_TYPE) === REQUEST;
      if (answersRequest && type === RESPONSE) {
        words[base + CLIENT] = 1 - direction;
        this.#noteResponse(packet, base);
        next = RS;
      }
    }
    words[base + LAST_DIRECTION] = direction;
    words[base + LAST_TYPE] = type;
    if (next === IG) return TRACK_ACCEPT;
    table.tcpState[entry] = next;
    const timeoutNs = timeouts.get(PROTOCOL_DCCP, next, table.timeoutPolicy[entry] as number);
    accounting.refresh(entry, direction, packet, timeoutNs);
    return TRACK_ACCEPT;
  }

  /** dccp_hdr_seq of a response: always the long form. */
  #noteResponse(packet: Packet, base: number): void {
    const words = this.#context.table.protocol;
    words[base + HANDSHAKE_HIGH] = be16(packet.data, packet.transport + 10);
    words[base + HANDSHAKE_LOW] = be32(packet.data, packet.transport + 12);
  }

  /** dccp_ack_seq: read as the long form whatever the header says. */
  #acknowledgesResponse(packet: Packet, base: number): boolean {
    const words = this.#context.table.protocol;
    const at = packet.transport + basicLength(packet);
    return (
      be16(packet.data, at + 2) === u32(words, base + HANDSHAKE_HIGH) &&
      be32(packet.data, at + 4) === u32(words, base + HANDSHAKE_LOW)
    );
  }

  /** dccp_error and dccp_header_pointer: the packet's type, or -1. */
  #soundType(packet: Packet, hook: number): number {
    const { data, transport } = packet;
    if (transport + 12 > packet.networkEnd) return -1;
    const total = transportLength(packet);
    const header = u8(data, transport + 4) * 4;
    if (header < 12 || header > total) return -1;
    const covers = u8(data, transport + 5) & 15;
    const coverage = covers === 0 ? total : (covers - 1) * 4;
    if (coverage > total) return -1;
    if (hook === HOOK_PREROUTING && this.#context.verifyChecksums) {
      if (!hasGoodChecksum(packet, coverage, this.#context.recorder)) return -1;
    }
    const type = (u8(data, transport + 8) >>> 1) & 15;
    if (type >= TYPES) return -1;
    const hasLongSequence = (u8(data, transport + 8) & 1) !== 0;
    if ((NEEDS_LONG_SEQUENCE & (1 << type)) !== 0 && !hasLongSequence) return -1;
    return transport + basicLength(packet) + u8(SUBHEADER, type) > packet.networkEnd ? -1 : type;
  }
}

/** __dccp_basic_hdr_len: with 48 or 24 bits of sequence number. */
function basicLength(packet: Packet): number {
  return (u8(packet.data, packet.transport + 8) & 1) !== 0 ? 16 : 12;
}
