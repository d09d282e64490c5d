// A packet line to the frames that arrive at the router: addresses of the link from the router's description, numbers of
// TCP from the conversation, answers from what the router sent before.

import { formatMac } from '../packet/address.ts';
import { arp, ether } from '../packet/build.ts';
import { buildDatagram, fragments } from './build-datagram.ts';
import { Conversations } from './conversation.ts';
import { dissect, networkOf } from './dissect.ts';
import { type Link, lowestDevices } from './link.ts';
import type { DatagramBody, PacketBody, PacketFields, PacketLine, Quote } from './packet-line.ts';

const TCP = 6;
const SCTP = 132;
/** ICMP errors quote so much of a datagram (RFC 1812, RFC 4443). */
const QUOTED_IPV4 = 548;
const QUOTED_IPV6 = 1232;

/** A frame that left, as far as answers need it. */
export interface LeftFrame {
  interface: string;
  octets: Uint8Array;
}

/** What a packet became, as far as the next lines need it. */
export interface Outcome {
  /** Forwarded or delivered. */
  isAccepted: boolean;
  sent: readonly LeftFrame[];
}

export interface BuiltFrame {
  octets: Uint8Array;
  /** More than octets.length when the line cuts it. */
  wireOctets: number;
}

/** Makes the packets of one case, in their order. */
export class PacketBuilder {
  readonly #link: Link;
  readonly #conversations = new Conversations();
  /** By line, from 1: what left because of it. */
  readonly #left: LeftFrame[][] = [[]];
  /** The datagram sent last, whose outcome is awaited. */
  #sent: DatagramBody | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Begins the next line: `reply to N` and `quoting N` count them. */
  begin(): void {
    this.#left.push([]);
  }

  /** The frames of a line, once. Throws Error with a sentence when it answers or quotes what is not there. */
  build(line: PacketLine): BuiltFrame[] {
    return this.#build(line, true);
  }

  /** The same as if the line were not sent: conversations stay where they are. */
  preview(line: PacketLine): BuiltFrame[] {
    return this.#build(line, false);
  }

  #build(line: PacketLine, isSent: boolean): BuiltFrame[] {
    const { body, fields } = line.body.kind === 'reply' ? this.#answer(line, line.body) : line;
    const datagrams = this.#datagrams(body, fields, line.interface, isSent);
    const link = this.#link.addresses(line.interface, body);
    const etherFields = {
      src: fields.from ?? link.from,
      dst: fields.to ?? link.to,
      ...(fields.vlans === undefined ? {} : { vlans: fields.vlans }),
      ...(fields.pppoe === undefined ? {} : { pppoe: fields.pppoe }),
    };
    if (body.kind === 'raw') return [cut(body.octets, fields)];
    return datagrams.map((octets) =>
      cut(padded(ether(etherFields, octets, body.kind === 'arp' ? 0x0806 : undefined), fields), fields),
    );
  }

  /** Says what became of a frame of the line in hand. */
  passed({ isAccepted, sent }: Outcome): void {
    this.#left[this.#left.length - 1]?.push(...sent);
    const from = this.#sent;
    if (from === undefined) return;
    this.#conversations.arrived(isAccepted);
    for (const frame of sent) {
      const left = dissect(frame.octets)?.body;
      if (left?.kind === 'datagram' && left.protocol === TCP && !left.isBare)
        this.#conversations.translated(from, left);
    }
  }

  /** What the printer may leave out of a segment, because it would be filled in so. */
  predict(body: DatagramBody, fields: PacketFields): { seq: number; ack: number } {
    return this.#conversations.predict(body, fields);
  }

  #datagrams(body: PacketBody, fields: PacketFields, device: string, isSent: boolean): Uint8Array[] {
    if (isSent) this.#sent = undefined;
    if (body.kind === 'arp') {
      const { from } = this.#link.addresses(device, body);
      const isRequest = body.operation === 1;
      const target = body.target.mac ?? (isRequest ? '00:00:00:00:00:00' : this.#link.macOf(device));
      return [
        arp(
          body.operation,
          { ip: body.sender.ip, mac: body.sender.mac ?? fields.from ?? from },
          { ip: body.target.ip, mac: target },
        ),
      ];
    }
    if (body.kind !== 'datagram') return [];
    const filled = body.protocol === TCP && !body.isBare ? this.#segment(body, fields, isSent) : fields;
    const quoted = fields.quote === undefined ? undefined : this.#quoted(fields.quote, device);
    return fragments(buildDatagram(body, filled, quoted), fields);
  }

  #segment(body: DatagramBody, fields: PacketFields, isSent: boolean): PacketFields {
    const filled = this.#conversations.fill(body, fields);
    if (!isSent) return filled;
    this.#conversations.sent(body, fields, filled);
    this.#sent = body;
    return filled;
  }

  /** The frame that went out of an interface because of a line, or the last one at all. */
  #frameAt(device: string, line: number | undefined): Uint8Array {
    const devices = lowestDevices(this.#link.spec, device);
    const isThere = (frame: LeftFrame): boolean => devices.has(frame.interface);
    if (line !== undefined && line >= this.#left.length - 1) {
      throw new Error(`packet ${line} does not come before this one`);
    }
    const rows = line === undefined ? this.#left.flat() : (this.#left[line] ?? []);
    const frame = rows.findLast(isThere);
    if (frame !== undefined) return frame.octets;
    const what = line === undefined ? 'no packet' : `packet ${line} did not`;
    throw new Error(`${what} ${line === undefined ? 'left' : 'leave'} through ${device}: there is nothing to answer`);
  }

  #quoted(quote: Quote, device: string): Uint8Array {
    if ('packet' in quote) {
      const frame = this.#frameAt(device, quote.packet);
      const { offset, etherType } = networkOf(frame);
      return frame.slice(offset, offset + (etherType === 0x86dd ? QUOTED_IPV6 : QUOTED_IPV4));
    }
    const { body, fields } = quote;
    const filled = body.protocol === TCP && !body.isBare ? this.#conversations.fill(body, fields) : fields;
    return buildDatagram(body, filled);
  }

  /** Source and destination change places; the rest is what the line says, or what such an answer has. */
  #answer(line: PacketLine, reply: { to?: number }): { body: PacketBody; fields: PacketFields } {
    const frame = this.#frameAt(line.interface, reply.to);
    const left = dissect(frame);
    if (left?.body.kind !== 'datagram') throw new Error('what left is nothing that can be answered');
    const { body, fields } = left;
    const answer: DatagramBody = { ...body, source: body.destination, destination: body.source };
    return {
      body: answer,
      fields: { from: formatMac(frame, 0), to: formatMac(frame, 6), ...answerFields(body, fields), ...line.fields },
    };
  }
}

function answerFields(asked: DatagramBody, fields: PacketFields): PacketFields {
  switch (asked.protocol) {
    case TCP:
      return { flags: fields.flags === 'S' ? 'SA' : 'A' };
    case 1:
      return fields.type === 8 ? echo(fields, 0) : {};
    case 58:
      return fields.type === 128 ? echo(fields, 129) : {};
    case SCTP:
      return { chunk: fields.payload?.[0] === 1 ? 2 : 3 };
    default:
      return {};
  }
}

function echo({ id, seq, payload }: PacketFields, type: number): PacketFields {
  return {
    type,
    ...(id === undefined ? {} : { id }),
    ...(seq === undefined ? {} : { seq }),
    ...(payload === undefined ? {} : { payload }),
  };
}

function padded(frame: Uint8Array, { padding = 0 }: PacketFields): Uint8Array {
  if (padding === 0) return frame;
  const longer = new Uint8Array(frame.length + padding);
  longer.set(frame);
  return longer;
}

function cut(frame: Uint8Array, fields: PacketFields): BuiltFrame {
  const octets = fields.cut === undefined ? frame : frame.slice(0, fields.cut);
  return { octets, wireOctets: Math.max(fields.wire ?? 0, frame.length) };
}
