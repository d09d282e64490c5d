// The SCTP tracker (nf_conntrack_proto_sctp.c): state by the chunks of a packet, verification tags by direction.
// One row of the table per direction and chunk type, one column per state.
import { be16, be32, u8, u32 } from '../../base/columns.ts';
import { sctpChecksum } from '../../packet/checksum.ts';
import type { Packet } from '../../packet/packet.ts';
import { TRACK_ACCEPT, TRACK_INVALID } from './outcome.ts';
import { IPS_ASSURED, IPS_CONFIRMED, ORIGINAL, REPLY } from './status.ts';
import { PROTOCOL_WORDS } from './table.ts';
import type { Tracker, TrackerContext } from './tracker.ts';
import { HOOK_PREROUTING } from './tracker.ts';
import { PROTOCOL_SCTP } from './tuple.ts';
import { isCut } from './verify.ts';

const NONE = 0;
const CL = 1; // CLOSED
const CW = 2; // COOKIE_WAIT
const CE = 3; // COOKIE_ECHOED
const ES = 4; // ESTABLISHED
const SS = 5; // SHUTDOWN_SENT
const SR = 6; // SHUTDOWN_RECD
const SA = 7; // SHUTDOWN_ACK_SENT
const HS = 8; // HEARTBEAT_SENT
const IV = 9; // invalid
const STATES = 9;

/** Names as conntrack(8) prints them. */
export const SCTP_STATE_NAMES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
] as const;

const DATA = 0;
const INIT = 1;
const INIT_ACK = 2;
const HEARTBEAT = 4;
const HEARTBEAT_ACK = 5;
const ABORT = 6;
const SHUTDOWN = 7;
const SHUTDOWN_ACK = 8;
const ERROR = 9;
const COOKIE_ECHO = 10;
const COOKIE_ACK = 11;
const SHUTDOWN_COMPLETE = 14;
/** The chunk flag that says: the tag is the other side's. */
const FLAG_T = 1;
/** Chunks looked at in one packet: more cannot fit into 64 KiB at 4 octets each, so this only bounds hostile work. */
const MAX_CHUNKS = 1024;

/** Row of a chunk type in the table, plus 1; 0: the chunk changes nothing. */
const ROWS = new Uint8Array(256);
[
  INIT,
  INIT_ACK,
  ABORT,
  SHUTDOWN,
  SHUTDOWN_ACK,
  ERROR,
  COOKIE_ECHO,
  COOKIE_ACK,
  SHUTDOWN_COMPLETE,
  HEARTBEAT,
  HEARTBEAT_ACK,
].forEach((type, row) => {
  ROWS[type] = row + 1;
});

/** [(direction * 11 + row) * 9 + state] */
// biome-ignore format: a table is read by columns
const TRANSITIONS = Uint8Array.of(
  // state:           NO  CL  CW  CE  ES  SS  SR  SA  HS
  // original
  /* init          */ CL, CL, CW, CE, ES, CL, CL, SA, CW,
  /* init-ack      */ CL, CL, CW, CE, ES, SS, SR, SA, CL,
  /* abort         */ CL, CL, CL, CL, CL, CL, CL, CL, CL,
  /* shutdown      */ CL, CL, CW, CE, SS, SS, SR, SA, CL,
  /* shutdown-ack  */ SA, CL, CW, CE, ES, SA, SA, SA, SA,
  /* error         */ CL, CL, CW, CE, ES, SS, SR, SA, CL,
  /* cookie-echo   */ CL, CL, CE, CE, ES, SS, SR, SA, CL,
  /* cookie-ack    */ CL, CL, CW, ES, ES, SS, SR, SA, CL,
  /* shutdown-comp */ CL, CL, CW, CE, ES, SS, SR, CL, CL,
  /* heartbeat     */ HS, CL, CW, CE, ES, SS, SR, SA, HS,
  /* heartbeat-ack */ CL, CL, CW, CE, ES, SS, SR, SA, HS,
  // reply
  /* init          */ IV, CL, CW, CE, ES, SS, SR, SA, IV,
  /* init-ack      */ IV, CW, CW, CE, ES, SS, SR, SA, IV,
  /* abort         */ IV, CL, CL, CL, CL, CL, CL, CL, IV,
  /* shutdown      */ IV, CL, CW, CE, SR, SS, SR, SA, IV,
  /* shutdown-ack  */ IV, CL, CW, CE, ES, SA, SA, SA, IV,
  /* error         */ IV, CL, CW, CL, ES, SS, SR, SA, IV,
  /* cookie-echo   */ IV, CL, CE, CE, ES, SS, SR, SA, IV,
  /* cookie-ack    */ IV, CL, CW, ES, ES, SS, SR, SA, IV,
  /* shutdown-comp */ IV, CL, CW, CE, ES, SS, SR, CL, IV,
  /* heartbeat     */ IV, CL, CW, CE, ES, SS, SR, SA, HS,
  /* heartbeat-ack */ IV, CL, CW, CE, ES, SS, SR, SA, ES,
);

// Words of an entry in table.protocol (struct ip_ct_sctp).
const VTAG = 0; // by direction
const SEEN_INIT = 2; // by direction
const LAST_DIRECTION = 4;
const FLAGS = 5;
const FLAG_HEARTBEAT_VTAG_FAILED = 1;

function nextState(direction: number, state: number, chunk: number): number {
  const row = u8(ROWS, chunk);
  return row === 0 ? state : u8(TRANSITIONS, (direction * 11 + row - 1) * STATES + state);
}

export class SctpTracker implements Tracker {
  readonly #context: TrackerContext;
  /** Bit per chunk type below 32 in the packet in hand. */
  #present = 0;
  /** The heartbeat's tag failed: the packet passes without keeping the entry alive. */
  #ignored = false;

  constructor(context: TrackerContext) {
    this.#context = context;
  }

  packet(packet: Packet, entry: number, direction: number, hook: number): number {
    const { table, accounting, timeouts } = this.#context;
    if (!this.#isSound(packet, hook)) return TRACK_INVALID;
    const words = table.protocol;
    const base = entry * PROTOCOL_WORDS;
    const tag = be32(packet.data, packet.transport + 4);
    if ((u32(table.status, entry) & IPS_CONFIRMED) === 0) {
      // Out of the blue (RFC 4960, 8.4).
      if (this.#has(ABORT) || this.#has(SHUTDOWN_COMPLETE) || this.#has(COOKIE_ACK)) return TRACK_INVALID;
      if (!this.#start(packet, entry, tag)) return TRACK_INVALID;
    }
    const hasOwnTagRule =
      this.#has(INIT) ||
      this.#has(SHUTDOWN_COMPLETE) ||
      this.#has(COOKIE_ECHO) ||
      this.#has(ABORT) ||
      this.#has(SHUTDOWN_ACK) ||
      this.#has(HEARTBEAT) ||
      this.#has(HEARTBEAT_ACK);
    if (!hasOwnTagRule && tag !== u32(words, base + VTAG + direction)) return TRACK_INVALID;
    const next = this.#walk(packet, entry, direction, tag);
    if (next === IV) return TRACK_INVALID;
    if (this.#ignored) return TRACK_ACCEPT;
    const timeoutNs = timeouts.get(PROTOCOL_SCTP, next, table.timeoutPolicy[entry] as number);
    accounting.refresh(entry, direction, packet, timeoutNs);
    return TRACK_ACCEPT;
  }

  #has(chunk: number): boolean {
    return (this.#present & (1 << chunk)) !== 0;
  }

  /** sctp_error and do_basic_checks: header, CRC, and chunks that must stand alone or first. */
  #isSound(packet: Packet, hook: number): boolean {
    const { data, transport, networkEnd } = packet;
    if (transport + 12 > networkEnd) return false;
    if (hook === HOOK_PREROUTING && this.#context.verifyChecksums && !isCut(packet)) {
      if (sctpChecksum(data, transport, networkEnd) !== be32(data, transport + 8)) return false;
    }
    this.#present = 0;
    let isAlone = false;
    let count = 0;
    for (let at = transport + 12; at + 4 <= networkEnd && count < MAX_CHUNKS; count++) {
      const type = u8(data, at);
      const length = be16(data, at + 2);
      if (type === INIT || type === INIT_ACK || type === SHUTDOWN_COMPLETE) isAlone = true;
      if (length === 0 || ((type === COOKIE_ACK || type === COOKIE_ECHO || isAlone) && count !== 0)) return false;
      if (type < 32) this.#present |= 1 << type;
      at += (length + 3) & ~3;
    }
    return count > 0;
  }

  /** sctp_new. */
  #start(packet: Packet, entry: number, tag: number): boolean {
    const { table } = this.#context;
    const words = table.protocol;
    const base = entry * PROTOCOL_WORDS;
    const { data, transport, networkEnd } = packet;
    words.fill(0, base, base + PROTOCOL_WORDS);
    table.tcpState[entry] = NONE;
    let count = 0;
    for (let at = transport + 12; at + 4 <= networkEnd && count < MAX_CHUNKS; count++) {
      const type = u8(data, at);
      const next = nextState(ORIGINAL, NONE, type);
      if (next === NONE || next === IV) return false;
      if (type === INIT) {
        if (tag !== 0 || at + 20 > networkEnd) return false;
        words[base + VTAG + REPLY] = be32(data, at + 4);
      } else if (type === HEARTBEAT) words[base + VTAG + ORIGINAL] = tag;
      else if (type === SHUTDOWN_ACK) words[base + VTAG + REPLY] = tag;
      at += (be16(data, at + 2) + 3) & ~3;
    }
    return true;
  }

  /** Moves the state by each chunk; returns the last state, or IV when the packet is invalid. */
  #walk(packet: Packet, entry: number, direction: number, tag: number): number {
    const { table } = this.#context;
    const { data, transport, networkEnd } = packet;
    this.#ignored = false;
    let next = NONE;
    let count = 0;
    for (let at = transport + 12; at + 4 <= networkEnd && count < MAX_CHUNKS; count++) {
      const type = u8(data, at);
      const chunk = at;
      at += (be16(data, chunk + 2) + 3) & ~3;
      if (!this.#isTagRight(entry, direction, type, u8(data, chunk + 1), tag)) {
        if (type !== HEARTBEAT || !this.#forgive(entry, direction)) return IV;
        continue;
      }
      const old = u8(table.tcpState, entry);
      next = nextState(direction, old, type);
      if (next === IV || !this.#noteInit(packet, entry, direction, chunk, type, old, next)) return IV;
      table.tcpState[entry] = next;
      if (old !== next && next === ES) table.status[entry] = u32(table.status, entry) | IPS_ASSURED;
    }
    return next;
  }

  /** A heartbeat with a new tag: the first one passes, so that its answer can set the tag right. */
  #forgive(entry: number, direction: number): boolean {
    const words = this.#context.table.protocol;
    const base = entry * PROTOCOL_WORDS;
    if (this.#has(DATA) || this.#ignored) return false;
    words[base + FLAGS] = FLAG_HEARTBEAT_VTAG_FAILED;
    words[base + LAST_DIRECTION] = direction;
    this.#ignored = true;
    return true;
  }

  /** Verification tags (RFC 4960, 8.5.1). */
  #isTagRight(entry: number, direction: number, type: number, flags: number, tag: number): boolean {
    const words = this.#context.table.protocol;
    const base = entry * PROTOCOL_WORDS;
    const own = base + VTAG + direction;
    const other = base + VTAG + 1 - direction;
    switch (type) {
      case INIT:
        return tag === 0;
      case ABORT:
      case SHUTDOWN_COMPLETE:
        return tag === u32(words, (flags & FLAG_T) !== 0 ? other : own);
      case COOKIE_ECHO:
        return tag === u32(words, own);
      case COOKIE_ACK:
        words[base + SEEN_INIT] = 0;
        words[base + SEEN_INIT + 1] = 0;
        return true;
      case HEARTBEAT:
      case HEARTBEAT_ACK: {
        if (u32(words, own) === 0) {
          words[own] = tag;
          return true;
        }
        if (tag === u32(words, own)) {
          words[base + FLAGS] = 0;
          return true;
        }
        if (type === HEARTBEAT || this.#has(DATA) || this.#ignored) return false;
        if (u32(words, base + FLAGS) === 0 || u32(words, base + LAST_DIRECTION) === direction) return false;
        words[base + FLAGS] = 0;
        words[own] = tag;
        words[other] = 0;
        return true;
      }
      default:
        return true;
    }
  }

  /** INIT and INIT ACK carry the tag that the other side will use. */
  #noteInit(
    packet: Packet,
    entry: number,
    direction: number,
    chunk: number,
    type: number,
    old: number,
    next: number,
  ): boolean {
    if (type !== INIT && type !== INIT_ACK) return true;
    if (chunk + 20 > packet.networkEnd) return false;
    const { table } = this.#context;
    const words = table.protocol;
    const base = entry * PROTOCOL_WORDS;
    const own = base + SEEN_INIT + direction;
    const other = base + SEEN_INIT + 1 - direction;
    const tag = base + VTAG + 1 - direction;
    const fresh = be32(packet.data, chunk + 4);
    if (type === INIT) {
      if (old === NONE || u32(words, tag) !== fresh) {
        if (u32(words, own) !== 0) words[other] = 0;
        words[own] = 1;
      }
      // A repeated INIT does not keep the entry alive.
      if (next === CL && old === CL && (u32(table.status, entry) & IPS_CONFIRMED) !== 0) this.#ignored = true;
    } else {
      const known = u32(words, tag);
      if (u32(words, other) === 0 && known !== 0 && known !== fresh) return false;
      if (u32(words, own) !== 0 && u32(words, other) !== 0 && known !== fresh) return false;
    }
    words[tag] = fresh;
    return true;
  }
}
