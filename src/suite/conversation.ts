// What TCP's ends know of each other, so that lines need no sequence numbers: every segment goes on where its sender's
// last one ended and acknowledges what reached it. A frame that left the router under another address is the same
// conversation: the answer to it is found by the translated addresses.
import type { DatagramBody, PacketFields } from './packet-line.ts';

/** One direction. */
interface Side {
  peer: Side;
  isn: number;
  /** Sequence number of the next octet. */
  next: number;
  /** Up to which the peer has received. */
  delivered: number;
  hasSent: boolean;
}

/** The numbers of a segment. */
export interface Numbers {
  seq: number;
  ack: number;
}

const FIRST_ISN = 1000;
const FIRST_PEER_ISN = 5_000_000;
/** A connection that uses its addresses again begins this far behind the old one. */
const REUSE_DISTANCE = 1_000_000;

/** All conversations of a case. */
export class Conversations {
  readonly #sides = new Map<string, Side>();
  #pending: { side: Side; end: number } | undefined;

  /** The numbers that a segment should have; `fields` may say otherwise. Changes nothing. */
  predict(body: DatagramBody, fields: PacketFields): Numbers {
    const side = this.#side(body) ?? newSide(FIRST_ISN, FIRST_PEER_ISN);
    const flags = fields.flags ?? 'A';
    const delivered = this.#deliveredOf(side.peer);
    const ack = flags.includes('A') ? delivered : 0;
    if (flags.includes('S')) return { seq: isRestart(side) ? restartIsn(side) : side.isn, ack };
    if (flags.includes('R') && !side.hasSent && side.peer.hasSent) return { seq: 0, ack };
    return { seq: side.next, ack };
  }

  /** Replaces what the line leaves open, or gives relative to what is right, by numbers. */
  fill(body: DatagramBody, fields: PacketFields): PacketFields {
    const right = this.predict(body, fields);
    const value = (amount: PacketFields['seq'], number: number): number =>
      amount === undefined ? number : (amount.isRelative ? number + amount.value : amount.value) >>> 0;
    return {
      ...fields,
      seq: { value: value(fields.seq, right.seq), isRelative: false },
      ack: { value: value(fields.ack, right.ack), isRelative: false },
    };
  }

  /** The segment is sent; `line` says what the user wrote, `filled` the numbers that it has. */
  sent(body: DatagramBody, line: PacketFields, filled: PacketFields): void {
    this.arrived();
    const side = this.#side(body) ?? this.#open(body);
    const seq = filled.seq?.value ?? 0;
    const flags = filled.flags ?? 'A';
    const length = (filled.payload?.length ?? 0) + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0);
    const end = (seq + length) >>> 0;
    if (flags.includes('S') && (isRestart(side) || line.seq !== undefined)) restart(side, seq);
    // A number that is wrong on purpose says nothing of the next one.
    if (line.seq?.isRelative === true) return;
    if (!side.hasSent && !flags.includes('R')) side.next = seq;
    if (isAfter(end, side.next)) side.next = end;
    if (flags.includes('R')) return;
    side.hasSent = true;
    if (line.ack?.isRelative === false && !side.peer.hasSent) begin(side.peer, line.ack.value);
    this.#pending = { side, end };
  }

  /** The segment sent last reached its receiver; or `false`: it was dropped. */
  arrived(isDelivered = true): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (!isDelivered || pending === undefined) return;
    const { side, end } = pending;
    if (isAfter(end, side.delivered) || side.delivered === side.isn) side.delivered = end;
  }

  /** What left the router as `to` is the conversation of `from`, in the same direction. */
  translated(from: DatagramBody, to: DatagramBody): void {
    const side = this.#side(from);
    if (side !== undefined) this.#sides.set(key(to), side);
  }

  #side(body: DatagramBody): Side | undefined {
    return this.#sides.get(key(body)) ?? this.#sides.get(reverseKey(body))?.peer;
  }

  #open(body: DatagramBody): Side {
    const side = newSide(FIRST_ISN, FIRST_PEER_ISN);
    this.#sides.set(key(body), side);
    return side;
  }

  #deliveredOf(side: Side): number {
    return this.#pending?.side === side && isAfter(this.#pending.end, side.delivered)
      ? this.#pending.end
      : side.delivered;
  }
}

function newSide(isn: number, peerIsn: number): Side {
  const side = { isn, next: isn, delivered: isn, hasSent: false } as Side;
  side.peer = { peer: side, isn: peerIsn, next: peerIsn, delivered: peerIsn, hasSent: false };
  return side;
}

/** A SYN after data: the addresses are used again. */
function isRestart(side: Side): boolean {
  return side.hasSent && isAfter(side.next, (side.isn + 1) >>> 0);
}

function restartIsn(side: Side): number {
  return (side.next + REUSE_DISTANCE) >>> 0;
}

function restart(side: Side, isn: number): void {
  if (isRestart(side)) begin(side.peer, restartIsn(side.peer));
  begin(side, isn);
}

function begin(side: Side, isn: number): void {
  side.isn = isn;
  side.next = isn;
  side.delivered = isn;
  side.hasSent = false;
}

function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

function key({ protocol, source, destination }: DatagramBody): string {
  return `${protocol} ${source.address} ${source.port} ${destination.address} ${destination.port}`;
}

function reverseKey({ protocol, source, destination }: DatagramBody): string {
  return key({ kind: 'datagram', protocol, source: destination, destination: source });
}
