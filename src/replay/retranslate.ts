// Captures of both sides of a translating router, replayed through a ruleset that does not translate: answers carry the
// router's own address, and nobody would ever be answered. When the router was inferred, such an answer is given to the
// inside host that asked (same far address, same ports), as it would have been sent without translation.
import { be16, be32, putBe16, putBe32, u8, u32 } from '../base/columns.ts';
import { adjustChecksum32 } from '../packet/checksum.ts';
import { ETHERTYPE_IPV4 } from '../packet/decode.ts';
import { innerNetwork, innerType } from './ingress.ts';

const TCP = 6;
const UDP = 17;
const ICMP = 1;
/** Words of a row: far address, ports, protocol (0: empty), inside address. */
const ROW = 4;
const SLOTS = 1 << 16;
/** Conversations beyond this are not remembered. */
const MAX_ROWS = SLOTS / 2;

/** Remembers who asked whom; IPv4 only. */
export class Retranslate {
  /** Packets whose destination was changed. */
  packets = 0;
  readonly #rows = new Uint32Array(SLOTS * ROW);
  #count = 0;

  readonly #own: number;

  /** `own`: the router's outside IPv4 address. */
  constructor(own: number) {
    this.#own = own;
  }

  /** Looks at the frame data[start, end): remembers a question, changes an answer in place. */
  pass(data: Uint8Array, start: number, end: number): void {
    const network = innerNetwork(data, start, end);
    if (network + 28 > end || innerType(data, network) !== ETHERTYPE_IPV4) return;
    const destination = be32(data, network + 16);
    if (destination === this.#own) this.#answer(data, network, end);
    else if (isPrivate(be32(data, network + 12)) && !isPrivate(destination)) this.#ask(data, network, end);
  }

  #ask(data: Uint8Array, network: number, end: number): void {
    const transport = transportOf(data, network, end);
    if (transport < 0 || this.#count >= MAX_ROWS) return;
    const protocol = u8(data, network + 9);
    const ports = portsOf(data, transport, protocol, true);
    const slot = this.#slot(be32(data, network + 16), ports, protocol);
    if (u32(this.#rows, slot + 2) === 0) this.#count++;
    this.#rows[slot] = be32(data, network + 16);
    this.#rows[slot + 1] = ports;
    this.#rows[slot + 2] = protocol;
    this.#rows[slot + 3] = be32(data, network + 12);
  }

  #answer(data: Uint8Array, network: number, end: number): void {
    const transport = transportOf(data, network, end);
    if (transport < 0) return;
    const protocol = u8(data, network + 9);
    const slot = this.#slot(be32(data, network + 12), portsOf(data, transport, protocol, false), protocol);
    if (u32(this.#rows, slot + 2) === 0) return;
    const old = be32(data, network + 16);
    const inside = u32(this.#rows, slot + 3);
    if (old === inside) return;
    putBe32(data, network + 16, inside);
    putBe16(data, network + 10, adjustChecksum32(be16(data, network + 10), old, inside));
    const field = protocol === TCP ? transport + 16 : transport + 6;
    const isCovered = protocol !== ICMP && field + 2 <= end && !(protocol === UDP && be16(data, field) === 0);
    if (isCovered) putBe16(data, field, adjustChecksum32(be16(data, field), old, inside));
    this.packets++;
  }

  /** Offset of the row of a conversation, or of the empty one where it would stand. */
  #slot(far: number, ports: number, protocol: number): number {
    let slot = (Math.imul(far ^ Math.imul(ports, 0x9e3779b1) ^ protocol, 0x85ebca6b) >>> 8) & (SLOTS - 1);
    for (;;) {
      const at = slot * ROW;
      const isSame =
        u32(this.#rows, at + 2) === protocol && u32(this.#rows, at) === far && u32(this.#rows, at + 1) === ports;
      if (isSame || u32(this.#rows, at + 2) === 0) return at;
      slot = (slot + 1) & (SLOTS - 1);
    }
  }
}

function isPrivate(address: number): boolean {
  const top = address >>> 24;
  return top === 10 || address >>> 20 === 0xac1 || address >>> 16 === 0xc0a8;
}

/** First octet of the transport header of an unfragmented TCP, UDP or ICMP echo datagram; -1 for anything else. */
function transportOf(data: Uint8Array, network: number, end: number): number {
  if ((be16(data, network + 6) & 0x3fff) !== 0) return -1;
  const transport = network + (u8(data, network) & 15) * 4;
  const protocol = u8(data, network + 9);
  if (transport + 8 > end) return -1;
  if (protocol === ICMP) return (u8(data, transport) & 0xf7) === 0 ? transport : -1;
  return protocol === TCP || protocol === UDP ? transport : -1;
}

/** Near port << 16 | far port; the id of an echo. */
function portsOf(data: Uint8Array, transport: number, protocol: number, isQuestion: boolean): number {
  if (protocol === ICMP) return be16(data, transport + 4);
  const source = be16(data, transport);
  const destination = be16(data, transport + 2);
  return isQuestion ? ((source << 16) | destination) >>> 0 : ((destination << 16) | source) >>> 0;
}
