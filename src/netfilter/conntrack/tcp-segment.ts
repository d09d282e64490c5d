// What the TCP tracker reads of a segment: header fields, and the options that matter to windows
// (tcp_options, tcp_sack, segment_seq_plus_len of nf_conntrack_proto_tcp.c). One object is reused.
import { be16, be32, DOUBLE_ZERO, u8 } from '../../base/columns.ts';
import type { Packet } from '../../packet/packet.ts';
import { TCP_FIN, TCP_SYN } from './tcp-states.ts';
import { transportLength } from './verify.ts';

/** Flags of one direction (IP_CT_TCP_FLAG_*, IP_CT_EXP_CHALLENGE_ACK of nf_conntrack_tcp.h). */
export const FLAG_WINDOW_SCALE = 0x01;
export const FLAG_SACK_PERM = 0x02;
export const FLAG_CLOSE_INIT = 0x04;
export const FLAG_BE_LIBERAL = 0x08;
export const FLAG_DATA_UNACKNOWLEDGED = 0x10;
export const FLAG_MAXACK_SET = 0x20;
export const FLAG_CHALLENGE_ACK = 0x40;
export const FLAG_SIMULTANEOUS_OPEN = 0x80;

const MAX_SCALE = 14;

/** a < b in sequence space. */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
/** a > b in sequence space. */
export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** The segment in hand. */
export class TcpSegment {
  flags = 0;
  seq = DOUBLE_ZERO;
  ack = DOUBLE_ZERO;
  /** The window field as it stands. */
  window = 0;
  /** One past the last sequence number: data, SYN and FIN counted, also of what the capture cut. */
  end = DOUBLE_ZERO;
  /** Options of a SYN, after readSynOptions(). */
  hasScale = false;
  scale = 0;
  hasSackPermitted = false;

  #data: Uint8Array = new Uint8Array(0);
  #options = 0;
  #optionsEnd = 0;

  /** Reads the header; false when it is cut, too short or longer than the datagram. */
  read(packet: Packet): boolean {
    const { data, transport } = packet;
    if (transport + 20 > packet.networkEnd) return false;
    const header = (u8(data, transport + 12) >>> 4) * 4;
    const length = transportLength(packet);
    if (header < 20 || length < header) return false;
    const flags = u8(data, transport + 13);
    this.flags = flags;
    this.seq = be32(data, transport + 4);
    this.ack = be32(data, transport + 8);
    this.window = be16(data, transport + 14);
    const controls = ((flags & TCP_SYN) !== 0 ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0);
    this.end = (this.seq + length - header + controls) >>> 0;
    this.#data = data;
    this.#options = transport + 20;
    // Options that the capture cut are not there.
    this.#optionsEnd = transport + header > packet.networkEnd ? this.#options : transport + header;
    return true;
  }

  /** Whether the segment has options at all (tcp_options does nothing otherwise). */
  get hasOptions(): boolean {
    return this.#optionsEnd > this.#options;
  }

  /** Reads window scale and SACK-permitted. */
  readSynOptions(): void {
    this.hasScale = false;
    this.scale = 0;
    this.hasSackPermitted = false;
    const data = this.#data;
    for (let at = this.#options; at >= 0; ) {
      const option = this.#option(at);
      if (option < 0) return;
      const length = u8(data, option + 1);
      const kind = u8(data, option);
      if (kind === 4 && length === 2) this.hasSackPermitted = true;
      else if (kind === 3 && length === 3) {
        this.hasScale = true;
        this.scale = Math.min(u8(data, option + 2), MAX_SCALE);
      }
      at = option + length;
    }
  }

  /** The highest right edge of the SACK blocks, or the ACK when it is beyond or there are none. */
  sackEdge(): number {
    const data = this.#data;
    const options = this.#options;
    let edge = this.ack;
    // A timestamp alone is the common case.
    if (this.#optionsEnd - options === 12 && be32(data, options) === 0x0101080a) return edge;
    for (let at = options; at >= 0; ) {
      const option = this.#option(at);
      if (option < 0) return edge;
      const length = u8(data, option + 1);
      if (u8(data, option) === 5 && length >= 10 && (length - 2) % 8 === 0) {
        for (let block = option + 2; block < option + length; block += 8) {
          const right = be32(data, block + 4);
          if (after(right, edge)) edge = right;
        }
        return edge;
      }
      at = option + length;
    }
    return edge;
  }

  /** Offset of the first option at or after `from` that has a length, or -1: NOPs are skipped, broken ones end it. */
  #option(from: number): number {
    const end = this.#optionsEnd;
    for (let at = from; at < end; at++) {
      const kind = u8(this.#data, at);
      if (kind === 0) return -1;
      if (kind === 1) continue;
      if (at + 2 > end) return -1;
      const length = u8(this.#data, at + 1);
      return length < 2 || at + length > end ? -1 : at;
    }
    return -1;
  }
}
