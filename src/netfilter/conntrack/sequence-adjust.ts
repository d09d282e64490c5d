// Sequence numbers of connections whose payload was made longer or shorter (nf_conntrack_seqadj.c): from the changed
// segment on, the sender's numbers move, and the receiver's acknowledgements move back.
import { be32, f64, putBe32, u8, u32 } from '../../base/columns.ts';
import { adjustChecksum32 } from '../../packet/checksum.ts';
import type { Packet } from '../../packet/packet.ts';
import { IPS_SEQ_ADJUST } from './status.ts';
import type { ConntrackTable } from './table.ts';

const TCP_ACK = 0x10;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_SACK = 5;

/** One direction: segments behind `position` are moved by `after`, others by `before`. */
interface Shift {
  position: number;
  before: number;
  after: number;
}

interface Shifts {
  flow: number;
  directions: [Shift, Shift];
}

/** The shifts of all connections that have any. */
export class SequenceAdjust {
  readonly #table: ConntrackTable;
  /** By entry; an entry that is used again has another flow number. */
  readonly #shifts = new Map<number, Shifts>();

  constructor(table: ConntrackTable) {
    this.#table = table;
  }

  /** nf_ct_seqadj_set: from sequence number `seq` on, a direction is longer by `octets`. */
  set(entry: number, direction: number, seq: number, octets: number): void {
    if (octets === 0) return;
    const table = this.#table;
    table.status[entry] = u32(table.status, entry) | IPS_SEQ_ADJUST;
    const flow = f64(table.flowNumber, entry);
    let shifts = this.#shifts.get(entry);
    if (shifts === undefined || shifts.flow !== flow) {
      const none = (): Shift => ({ position: 0, before: 0, after: 0 });
      shifts = { flow, directions: [none(), none()] };
      this.#shifts.set(entry, shifts);
    }
    const shift = shifts.directions[direction === 0 ? 0 : 1];
    if (shift.before !== shift.after && !isAfter(seq, shift.position)) return;
    shift.position = seq >>> 0;
    shift.before = shift.after;
    shift.after += octets;
  }

  /** nf_ct_seq_offset: how far a sequence number of a direction is moved. */
  offset(entry: number, direction: number, seq: number): number {
    const shift = this.#of(entry, direction);
    if (shift === undefined) return 0;
    return isAfter(seq, shift.position) ? shift.after : shift.before;
  }

  /** nf_ct_seq_adjust: moves the numbers of a TCP segment. False: its options are broken, it is to be dropped. */
  adjust(packet: Packet): boolean {
    const mine = this.#of(packet.ct, packet.ctDirection);
    const theirs = this.#of(packet.ct, 1 - packet.ctDirection);
    const { data, transport } = packet;
    if (mine === undefined || theirs === undefined || transport < 0 || transport + 20 > packet.networkEnd) return true;
    const seq = be32(data, transport + 4);
    write(data, transport, transport + 4, seq + (isAfter(seq, mine.position) ? mine.after : mine.before));
    if ((u8(data, transport + 13) & TCP_ACK) === 0) return true;
    write(data, transport, transport + 8, back(be32(data, transport + 8), theirs));
    return adjustSack(packet, theirs);
  }

  #of(entry: number, direction: number): Shift | undefined {
    const shifts = this.#shifts.get(entry);
    if (shifts === undefined || shifts.flow !== f64(this.#table.flowNumber, entry)) return undefined;
    return shifts.directions[direction === 0 ? 0 : 1];
  }
}

/** What an acknowledgement means to who sent the segments. */
function back(ack: number, shift: Shift): number {
  return ack - (isAfter((ack - shift.before) >>> 0, shift.position) ? shift.after : shift.before);
}

/** nf_ct_sack_adjust. */
function adjustSack(packet: Packet, shift: Shift): boolean {
  const { data, transport } = packet;
  const end = transport + (u8(data, transport + 12) >>> 4) * 4;
  if (end > packet.networkEnd) return false;
  let at = transport + 20;
  while (at < end) {
    const kind = u8(data, at);
    if (kind === OPTION_END) return true;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? u8(data, at + 1) : 0;
    if (length < 2 || at + length > end) return false;
    if (kind === OPTION_SACK && length >= 10 && (length - 2) % 8 === 0) {
      for (let edge = at + 2; edge < at + length; edge += 4)
        write(data, transport, edge, back(be32(data, edge), shift));
    }
    at += length;
  }
  return true;
}

/** Writes 32 bits and mends the TCP checksum. */
function write(data: Uint8Array, transport: number, at: number, value: number): void {
  const old = be32(data, at);
  putBe32(data, at, value >>> 0);
  const field = transport + 16;
  const sum = adjustChecksum32(((data[field] as number) << 8) | (data[field + 1] as number), old, value >>> 0);
  data[field] = sum >>> 8;
  data[field + 1] = sum & 0xff;
}

/** Whether `a` comes behind `b` in sequence space. */
function isAfter(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}
