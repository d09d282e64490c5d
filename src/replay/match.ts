// `--match` on a capture: decodes each frame as it arrives, behind a VLAN tag and a PPPoE header, and asks the match.
import { be16 } from '../base/columns.ts';
import { ConfigError } from '../base/errors.ts';
import type { Router } from '../datapath/router.ts';
import { type Match, prepareMatch } from '../netfilter/match.ts';
import { compileMatch } from '../nft/compile-match.ts';
import {
  decodeNetwork,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_PPPOE,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
} from '../packet/decode.ts';
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, Packet } from '../packet/packet.ts';

const ETHERNET_HEADER = 14;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
/** Further tags than this are looked through no more. */
const MAX_TAGS = 3;

/** The packets that a match means. */
export class FrameMatch {
  readonly #match: Match;
  readonly #packet = new Packet();

  /** Throws NftError, and ConfigError for an interface that the router has not. */
  constructor(text: string, router: Router) {
    const known = router.interfaces.list.map((one) => one.name);
    const ruleset = compileMatch(text, known);
    const unknown = ruleset.interfaceNames[known.length];
    if (unknown !== undefined) {
      const names = known.filter((name) => name !== '').join(', ');
      throw new ConfigError('--match', '', `the router has no interface "${unknown}" (it has ${names})`);
    }
    this.#match = prepareMatch(ruleset, router.netfilter.engine);
  }

  /** Whether the frame data[start, end) that enters at a physical interface is meant. */
  matches(
    data: Uint8Array,
    start: number,
    end: number,
    wireLength: number,
    ifindex: number,
    number: number,
    timeNs: number,
  ): boolean {
    const packet = this.#packet;
    packet.attach(data, start, end, wireLength);
    packet.number = number;
    packet.timeNs = timeNs;
    packet.iif = ifindex;
    packet.physicalIif = ifindex;
    if (start + ETHERNET_HEADER <= end) decodeFrame(packet);
    return this.#match(packet);
  }
}

/** Finds and decodes the datagram of an attached frame: as receive() does for the first tag, others are looked through. */
export function decodeFrame(packet: Packet): void {
  const { data, start, end } = packet;
  const first = data[start] as number;
  packet.packetType = (first & 1) === 0 ? PACKET_HOST : isBroadcast(data, start) ? PACKET_BROADCAST : PACKET_MULTICAST;
  let type = be16(data, start + 12);
  let at = start + ETHERNET_HEADER;
  for (let tags = 0; tags < MAX_TAGS && (type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ); tags++) {
    if (at + 4 > end) break;
    if (tags === 0) {
      packet.encapsulation[0] = ((type << 16) | be16(data, at)) >>> 0;
      packet.encapsulationCount = 1;
    }
    type = be16(data, at + 2);
    at += 4;
  }
  if (type === ETHERTYPE_PPPOE && at + 8 <= end) {
    const protocol = be16(data, at + 6);
    if (protocol === PPP_IPV4 || protocol === PPP_IPV6) {
      type = protocol === PPP_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
      at += 8;
    }
  }
  packet.etherType = type;
  packet.network = at;
  decodeNetwork(packet);
}

function isBroadcast(data: Uint8Array, at: number): boolean {
  for (let i = 0; i < 6; i++) if (data[at + i] !== 0xff) return false;
  return true;
}
