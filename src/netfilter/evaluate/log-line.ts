// How long the line is that a `log` statement writes to the kernel's log, and of how many parts it is put together: what its price
// depends on (nf_log_syslog.c, one call of vsnprintf() for each part). The line itself is not made. Left out: user ids, ARP,
// IPv6 extension headers, what follows ESP and AH headers.
import { be16, be32, f64, u8 } from '../../base/columns.ts';
import { WORK } from '../../event/vocabulary.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Evaluation } from './evaluation.ts';

const [OCTET, PIECE, VALUE, CONSOLE] = WORK.log.map((_, row) => row) as [number, number, number, number];

/** NF_LOG_*. */
const TCP_SEQUENCE = 1;
const TCP_OPTIONS = 2;
const IP_OPTIONS = 4;
const MAC_DECODE = 32;
/** Levels below are written to the console of the kernel that was measured (loglevel=3). */
const CONSOLE_LEVEL = 3;
const MAC_OCTETS = 14;
const ICMP_HEADER_OCTETS = 8;

const TCP = 6;
const UDP = 17;
const UDPLITE = 136;
const ICMP = 1;
const ICMPV6 = 58;

/** Sums up the lines of one statement. */
export class LogLines {
  readonly #amounts: Float64Array;
  readonly #names: readonly string[];
  readonly #prefixOctets: number;
  readonly #flags: number;
  readonly #isOnConsole: boolean;
  #octets = 0;
  #pieces = 0;
  #values = 0;

  /** `names`: of interfaces, by ifindex. */
  constructor(
    amounts: Float64Array,
    names: readonly string[],
    log: { prefix?: string; flags: number; level?: number },
  ) {
    this.#amounts = amounts;
    this.#names = names;
    this.#prefixOctets = log.prefix?.length ?? 0;
    this.#flags = log.flags;
    this.#isOnConsole = (log.level ?? CONSOLE_LEVEL) < CONSOLE_LEVEL;
  }

  /** Adds the line for the packet at hand to the amounts (rows of WORK.log). */
  count(run: Evaluation): void {
    this.#octets = 0;
    this.#pieces = 0;
    this.#values = 0;
    this.#add(this.#prefixOctets + 11 + this.#nameLength(run.iif) + this.#nameLength(run.oif), 4); // <c>prefix IN= OUT=
    if (run.iif > 0) this.#mac();
    this.#network(run.packet);
    const amounts = this.#amounts;
    amounts[OCTET] = f64(amounts, OCTET) + this.#octets;
    amounts[PIECE] = f64(amounts, PIECE) + this.#pieces;
    amounts[VALUE] = f64(amounts, VALUE) + this.#values;
    if (this.#isOnConsole) amounts[CONSOLE] = f64(amounts, CONSOLE) + this.#octets;
  }

  #add(octets: number, values = 0): void {
    this.#octets += octets;
    this.#pieces++;
    this.#values += values;
  }

  #nameLength(ifindex: number): number {
    return ifindex > 0 ? (this.#names[ifindex]?.length ?? 0) : 0;
  }

  /** dump_mac_header. */
  #mac(): void {
    if ((this.#flags & MAC_DECODE) !== 0) {
      this.#add(50, 2); // MACSRC=%pM MACDST=%pM
      this.#add(14, 1); // MACPROTO=%04x
      return;
    }
    this.#add(4);
    this.#add(2, 1);
    for (let i = 1; i < MAC_OCTETS; i++) this.#add(3, 1);
    this.#add(1);
  }

  #network(packet: Packet): void {
    if (packet.ipVersion === 4) this.#ipv4(packet.data, packet.network, packet.end, true);
    else if (packet.ipVersion === 6) this.#ipv6(packet.data, packet.network, packet.end, true);
    if (packet.mark !== 0) this.#add(8 + packet.mark.toString(16).length, 1);
  }

  /** dump_ipv4_packet. */
  #ipv4(data: Uint8Array, at: number, end: number, mayRecurse: boolean): void {
    if (at + 20 > end) {
      this.#add(9);
      return;
    }
    this.#add(10 + address(data, at + 12) + address(data, at + 16), 2); // SRC= DST=
    const id = be16(data, at + 4);
    this.#add(33 + digits(be16(data, at + 2)) + digits(u8(data, at + 8)) + digits(id), 5); // LEN= TOS= PREC= TTL= ID=
    const fragment = be16(data, at + 6);
    for (const flag of [0x8000, 0x4000, 0x2000]) if ((fragment & flag) !== 0) this.#add(3);
    if ((fragment & 0x1fff) !== 0) this.#add(6 + digits(fragment & 0x1fff), 1);
    const headerOctets = (u8(data, at) & 15) * 4;
    if ((this.#flags & IP_OPTIONS) !== 0 && headerOctets > 20) this.#options(headerOctets - 20);
    const isLater = (fragment & 0x1fff) !== 0;
    this.#transport(data, at + headerOctets, end, u8(data, at + 9), isLater, mayRecurse);
  }

  /** dump_ipv6_packet. */
  #ipv6(data: Uint8Array, at: number, end: number, mayRecurse: boolean): void {
    if (at + 40 > end) {
      this.#add(9);
      return;
    }
    this.#add(88, 2);
    const first = be32(data, at);
    const length = digits(be16(data, at + 4) + 40) + digits((first >>> 20) & 0xff) + digits(u8(data, at + 7));
    this.#add(28 + length + digits(first & 0xfffff), 4); // LEN= TC= HOPLIMIT= FLOWLBL=
    this.#transport(data, at + 40, end, u8(data, at + 6), false, mayRecurse);
  }

  #transport(data: Uint8Array, at: number, end: number, protocol: number, isLater: boolean, mayRecurse: boolean): void {
    if (protocol === TCP) {
      this.#add(10);
      if (!isLater) this.#tcp(data, at, end);
    } else if (protocol === UDP || protocol === UDPLITE) {
      this.#add(protocol === UDP ? 10 : 14);
      if (!isLater && at + 8 <= end) {
        this.#add(15 + digits(be16(data, at)) + digits(be16(data, at + 2)) + digits(be16(data, at + 4)), 3); // SPT= DPT= LEN=
      }
    } else if (protocol === ICMP || protocol === ICMPV6) {
      this.#add(protocol === ICMP ? 11 : 13);
      if (!isLater && at + ICMP_HEADER_OCTETS <= end) this.#icmp(data, at, end, protocol, mayRecurse);
    } else this.#add(7 + digits(protocol), 1);
  }

  #tcp(data: Uint8Array, at: number, end: number): void {
    if (at + 20 > end) {
      this.#add(20, 1);
      return;
    }
    this.#add(10 + digits(be16(data, at)) + digits(be16(data, at + 2)), 2); // SPT= DPT=
    if ((this.#flags & TCP_SEQUENCE) !== 0) this.#add(10 + digits(be32(data, at + 4)) + digits(be32(data, at + 8)), 2);
    this.#add(8 + digits(be16(data, at + 14)), 1); // WINDOW=
    this.#add(9, 1); // RES=
    for (let flags = u8(data, at + 13); flags !== 0; flags &= flags - 1) this.#add(4);
    this.#add(6 + digits(be16(data, at + 18)), 1); // URGP=
    const options = (u8(data, at + 12) >>> 4) * 4 - 20;
    if ((this.#flags & TCP_OPTIONS) !== 0 && options > 0) this.#options(options);
  }

  #icmp(data: Uint8Array, at: number, end: number, protocol: number, mayRecurse: boolean): void {
    const type = u8(data, at);
    this.#add(12 + digits(type) + digits(u8(data, at + 1)), 2); // TYPE= CODE=
    const isEcho = protocol === ICMP ? type === 0 || type === 8 : type === 128 || type === 129;
    const isError = protocol === ICMP ? [3, 4, 5, 11].includes(type) : type >= 1 && type <= 4;
    if (isEcho) this.#add(9 + digits(be16(data, at + 4)) + digits(be16(data, at + 6)), 2); // ID= SEQ=
    if (!isError || !mayRecurse) return;
    this.#add(1);
    if (protocol === ICMP) this.#ipv4(data, at + ICMP_HEADER_OCTETS, end, false);
    else this.#ipv6(data, at + ICMP_HEADER_OCTETS, end, false);
    this.#add(2);
  }

  /** OPT (…): each octet by itself. */
  #options(octets: number): void {
    this.#add(5);
    for (let i = 0; i < octets; i++) this.#add(2, 1);
    this.#add(2);
  }
}

/** Octets of a dotted address. */
function address(data: Uint8Array, at: number): number {
  let octets = 3;
  for (let i = 0; i < 4; i++) octets += digits(u8(data, at + i));
  return octets;
}

function digits(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 10; rest /= 10) count++;
  return count;
}
