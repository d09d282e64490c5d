// Helpers that read payloads: FTP and TFTP (nf_conntrack_ftp.c, nf_conntrack_tftp.c). They run when a packet is about to
// leave the router, and expect the connection that it announces.
// SIMPLIFIED: helpers: the others (sip, h323, pptp, irc, …) have a name and read nothing.
import { be16, be32, f64, u8, u32 } from '../../base/columns.ts';
import { CT_ESTABLISHED, type Packet } from '../../packet/packet.ts';
import { NF_ACCEPT, NF_DROP } from '../verdict.ts';
import { type Expectation, type Expectations, ONE_EXPECTED, tupleAt } from './expectations.ts';
import { FTP_PARTIAL, type FtpCommand, readFtpCommand } from './ftp-commands.ts';
import { IPS_NAT_MASK, ORIGINAL, REPLY } from './status.ts';
import type { ConntrackTable } from './table.ts';
import { addressEqual, PROTOCOL_TCP, PROTOCOL_UDP, TUPLE_DESTINATION, TUPLE_PORTS, TUPLE_SOURCE } from './tuple.ts';

/** Helpers with code behind their name. */
export const HELPER_NAMES = ['', 'ftp', 'tftp'] as const;
const FTP = 1;
const TFTP = 2;

const TIMEOUT_NS = 300e9;
const NEWLINE = 0x0a;
const READ_REQUEST = 1;
const WRITE_REQUEST = 2;

/** What translated connections need besides (nf_nat_ftp.c). */
export interface HelperNat {
  /** Registers the expectation with a port that is free outside, and writes it into the packet. False: drop. */
  announce(packet: Packet, command: FtpCommand, expectation: Expectation): boolean;
}

/** Sequence numbers behind the last line ends, two by direction (struct nf_ct_ftp_master). */
interface Lines {
  flow: number;
  ends: [number[], number[]];
}

/** The helpers of a router. */
export class Helpers {
  nat: HelperNat | undefined = undefined;
  readonly #table: ConntrackTable;
  readonly #expectations: Expectations;
  /** By entry; an entry that is used again has another flow number. */
  readonly #lines = new Map<number, Lines>();

  constructor(table: ConntrackTable, expectations: Expectations) {
    this.#table = table;
    this.#expectations = expectations;
  }

  /** Reads a packet of a connection whose helper is HELPER_NAMES[kind]. NF_DROP: what it announces cannot be expected. */
  help(packet: Packet, kind: number): number {
    // What the capture cut cannot be read.
    if (packet.transport < 0 || packet.networkEnd - packet.network < packet.networkLength) return NF_ACCEPT;
    if (kind === FTP && packet.protocol === PROTOCOL_TCP) return this.#ftp(packet);
    if (kind === TFTP && packet.protocol === PROTOCOL_UDP) return this.#tftp(packet);
    return NF_ACCEPT;
  }

  #ftp(packet: Packet): number {
    if (packet.ctInfo !== CT_ESTABLISHED) return NF_ACCEPT;
    const { data, transport, networkEnd, ctDirection } = packet;
    const from = transport + (u8(data, transport + 12) >>> 4) * 4;
    if (from >= networkEnd) return NF_ACCEPT;
    const seq = be32(data, transport + 4);
    const next = (seq + networkEnd - from) >>> 0;
    const endsLine = u8(data, networkEnd - 1) === NEWLINE;
    const ends = this.#linesOf(packet.ct).ends[ctDirection === ORIGINAL ? 0 : 1];
    // Commands are only read where a line begins.
    if (ends.includes(seq)) {
      const command = readFtpCommand(data, from, networkEnd, ctDirection, packet.ipVersion === 6 ? 6 : 4);
      if (command === FTP_PARTIAL) return NF_DROP;
      if (command !== undefined && !this.#expectData(packet, command)) return NF_DROP;
    }
    if (endsLine) noteLineEnd(ends, next);
    return NF_ACCEPT;
  }

  /** False: the packet is to be dropped. */
  #expectData(packet: Packet, command: FtpCommand): boolean {
    const { tuples, status } = this.#table;
    const entry = packet.ct;
    const mine = tupleAt(entry, packet.ctDirection);
    const other = tupleAt(entry, 1 - packet.ctDirection);
    // Somebody else's address is not recorded (the module's `loose` is off).
    if (command.address !== undefined && !addressEqual(command.address, 0, tuples, mine + TUPLE_SOURCE)) return true;
    const to = other + TUPLE_DESTINATION;
    const made = this.#expectations.make(entry, other, tuples, to, PROTOCOL_TCP, command.port, TIMEOUT_NS);
    if (this.nat !== undefined && (u32(status, entry) & IPS_NAT_MASK) !== 0) {
      return this.nat.announce(packet, command, made);
    }
    return this.#expectations.add(made, ONE_EXPECTED) === undefined;
  }

  #tftp(packet: Packet): number {
    const { data, transport, networkEnd } = packet;
    const payload = transport + 8;
    if (payload + 2 > networkEnd) return NF_ACCEPT;
    const opcode = be16(data, payload);
    if (opcode !== READ_REQUEST && opcode !== WRITE_REQUEST) return NF_ACCEPT;
    const { tuples, status } = this.#table;
    const entry = packet.ct;
    const reply = tupleAt(entry, REPLY);
    const port = u32(tuples, reply + TUPLE_PORTS) & 0xffff;
    const to = reply + TUPLE_DESTINATION;
    const made = this.#expectations.make(entry, reply, tuples, to, PROTOCOL_UDP, port, TIMEOUT_NS);
    if ((u32(status, entry) & IPS_NAT_MASK) !== 0) {
      made.nat = { direction: REPLY, port: u32(tuples, tupleAt(entry, ORIGINAL) + TUPLE_PORTS) >>> 16 };
    }
    return this.#expectations.add(made, ONE_EXPECTED) === undefined ? NF_ACCEPT : NF_DROP;
  }

  #linesOf(entry: number): Lines {
    const flow = f64(this.#table.flowNumber, entry);
    const known = this.#lines.get(entry);
    if (known?.flow === flow) return known;
    const fresh: Lines = { flow, ends: [[], []] };
    this.#lines.set(entry, fresh);
    return fresh;
  }
}

/** update_nl_seq: the two latest line ends are remembered. */
function noteLineEnd(ends: number[], seq: number): void {
  if (ends.includes(seq)) return;
  if (ends.length < 2) {
    ends.push(seq);
    return;
  }
  const [first = 0, second = 0] = ends;
  const oldest = ((first - second) | 0) < 0 ? 0 : 1;
  if ((((ends[oldest] as number) - seq) | 0) < 0) ends[oldest] = seq;
}
