// Captures taken on the inside of a masquerading router show answers with the inside host's address, as the router
// sent them; what arrived at its outside had the translated one. When the router was inferred, such answers are turned
// back into what must have arrived, by the connection that the router itself made for the question.
import { be16, be32, putBe16, putBe32, u8, u32 } from '../base/columns.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { ConntrackTable } from '../netfilter/conntrack/table.ts';
import { adjustChecksum16, adjustChecksum32 } from '../packet/checksum.ts';
import { ETHERTYPE_IPV4 } from '../packet/decode.ts';

const ENTRY_WORDS = 20;
const REPLY = 10;
const STATUS_SRC_NAT = 16;
const ICMP = 1;
const TCP = 6;
const UDP = 17;

/** Whether a ruleset can translate at all. */
export function mayTranslate(ruleset: Ruleset): boolean {
  return ruleset.tables.some((table) => table.chains.some((chain) => chain.base?.type === 'nat'));
}

/** Undoes in place; IPv4 only (nobody masquerades IPv6 at home). */
export class Untranslate {
  /** Packets that were turned back. */
  packets = 0;
  readonly #table: ConntrackTable;
  readonly #tuple = new Uint32Array(10);

  constructor(table: ConntrackTable) {
    this.#table = table;
  }

  /** Rewrites the destination of the frame data[start, end) when it is the answer of a translated connection. */
  undo(data: Uint8Array, start: number, end: number): void {
    const network = start + 14;
    if (network + 28 > end || be16(data, start + 12) !== ETHERTYPE_IPV4) return;
    if ((be16(data, network + 6) & 0x1fff) !== 0) return;
    const transport = network + (u8(data, network) & 15) * 4;
    const protocol = u8(data, network + 9);
    if (transport + 8 > end) return;
    const ports = this.#questionPorts(data, transport, protocol);
    if (ports < 0) return;
    const tuple = this.#tuple;
    tuple[0] = be32(data, network + 16);
    tuple[4] = be32(data, network + 12);
    tuple[8] = ports;
    tuple[9] = protocol | (4 << 8);
    const found = this.#table.lookup(tuple, 0);
    if (found < 0 || (found & 1) !== 0) return;
    const entry = found >> 1;
    if ((u32(this.#table.status, entry) & STATUS_SRC_NAT) === 0) return;
    this.#rewrite(data, network, transport, end, protocol, entry * ENTRY_WORDS + REPLY);
  }

  /** Word of the ports that the question had, from those of the answer; -1 when this is no answer. */
  #questionPorts(data: Uint8Array, transport: number, protocol: number): number {
    if (protocol === TCP || protocol === UDP) {
      return ((be16(data, transport + 2) << 16) | be16(data, transport)) >>> 0;
    }
    if (protocol === ICMP && u8(data, transport) === 0) return ((be16(data, transport + 4) << 16) | (8 << 8)) >>> 0;
    return -1;
  }

  #rewrite(data: Uint8Array, network: number, transport: number, end: number, protocol: number, reply: number): void {
    const { tuples } = this.#table;
    const old = be32(data, network + 16);
    const address = u32(tuples, reply + 4);
    const portWord = u32(tuples, reply + 8);
    const isIcmp = protocol === ICMP;
    const portAt = isIcmp ? transport + 4 : transport + 2;
    const oldPort = be16(data, portAt);
    const port = isIcmp ? portWord >>> 16 : portWord & 0xffff;
    if (address === old && port === oldPort) return;
    putBe32(data, network + 16, address);
    putBe16(data, network + 10, adjustChecksum32(be16(data, network + 10), old, address));
    putBe16(data, portAt, port);
    const field = isIcmp ? transport + 2 : protocol === TCP ? transport + 16 : transport + 6;
    const before = field + 2 <= end ? be16(data, field) : 0;
    if (field + 2 <= end && !(protocol === UDP && before === 0)) {
      const withAddress = isIcmp ? before : adjustChecksum32(before, old, address);
      putBe16(data, field, adjustChecksum16(withAddress, oldPort, port));
    }
    this.packets++;
  }
}
