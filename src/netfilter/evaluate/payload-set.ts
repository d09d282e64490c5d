// `payload set` (nft_payload_set_eval of nft_payload.c): writes packet octets from a register and keeps the checksums
// that cover them: the header's own (type inet) and, with the pseudo-header flag, the layer-4 one.
import { be16, be32, putBe16, putBe32, u8 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { foldSum, sctpChecksum, sumWords } from '../../packet/checksum.ts';
import { decodeNetwork, ETHERTYPE_QINQ, ETHERTYPE_VLAN } from '../../packet/decode.ts';
import type { Packet } from '../../packet/packet.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { type Evaluation, HOOK_EGRESS, PF_BRIDGE } from './evaluation.ts';
import type { Of, PreparedExpression } from './prepared.ts';

const CHECKSUM_INET = 1;
const CHECKSUM_SCTP = 2;
const ETHERNET_ADDRESSES = 12;
const TCP = 6;
const UDP = 17;
const UDPLITE = 136;
const ICMPV6 = 58;
const SCTP = 132;

/** Writes; breaks when the place lies beyond the packet. */
export function preparePayloadSet(expression: Of<'payload-set'>): PreparedExpression {
  const { base, offset, length, checksumType, checksumOffset, checksumFlags } = expression;
  const from = registerOffset(expression.sreg);
  const sums = checksumType === CHECKSUM_INET || checksumFlags !== 0;
  const isAboveNetwork = base === 'transport' || base === 'inner';
  return {
    evaluate: (run) => {
      if (base === 'link' && hasOffloadedTag(run.packet) && offset + length > ETHERNET_ADDRESSES) {
        return setTagged(run, offset, length, from);
      }
      const start = headerOffset(run, base);
      if (start < 0) return NFT_BREAK;
      const { packet, bytes } = run;
      const { data } = packet;
      const at = start + offset;
      if (at + length > run.end) return NFT_BREAK;
      // A sum of which only the pseudo header is there (CHECKSUM_PARTIAL) does not cover the header yet.
      if (sums && !(isAboveNetwork && packet.checksumPartial)) {
        // Differences of sums are taken modulo 2^16 - 1, at the octets' place in their 16-bit words of the register.
        const removed = foldSum(sumWords(data, at, at + length));
        const added = foldSum(sumWords(bytes, from, from + length));
        if (checksumType === CHECKSUM_INET && !replaceSum(run, start + checksumOffset, removed, added)) {
          return NFT_BREAK;
        }
        if (checksumFlags !== 0 && !updateTransport(run, removed, added)) return NFT_BREAK;
      }
      for (let i = 0; i < length; i++) data[at + i] = u8(bytes, from + i);
      if (checksumType === CHECKSUM_SCTP && run.protocol === SCTP) updateSctp(run);
      if (base === 'network') refresh(run);
      return NFT_CONTINUE;
    },
    shape: { cost: 'payload-set', size: length },
  };
}

/** Where a header starts, or -1. */
function headerOffset(run: Evaluation, base: Of<'payload-set'>['base']): number {
  const { packet } = run;
  switch (base) {
    case 'link':
      return packet.isGenerated && run.pf !== PF_BRIDGE && run.hook !== HOOK_EGRESS ? -1 : packet.start;
    case 'network':
      return packet.network;
    case 'transport':
      return run.hasTransport && !run.isLaterFragment ? run.transport : -1;
    default:
      return run.innerOffset();
  }
}

/** skb_vlan_tag_present: the outermost tag stands beside the packet; here its octets stay in the frame. */
function hasOffloadedTag(packet: Packet): boolean {
  const protocol = (packet.encapsulation[0] as number) >>> 16;
  return packet.encapsulationCount !== 0 && (protocol === ETHERTYPE_VLAN || protocol === ETHERTYPE_QINQ);
}

/** nft_payload_set_vlan: protocol, both, or the whole TCI of the tag; what is behind it is in the packet. */
function setTagged(run: Evaluation, offset: number, length: number, from: number): number {
  const { packet, bytes } = run;
  const isTag = (offset === 12 && (length === 2 || length === 4)) || (offset === 14 && length === 2);
  const at = packet.start + offset;
  if ((!isTag && offset < 16) || at + length > run.end) return NFT_BREAK;
  for (let i = 0; i < length; i++) packet.data[at + i] = u8(bytes, from + i);
  if (isTag) packet.encapsulation[0] = be32(packet.data, packet.start + 12);
  return NFT_CONTINUE;
}

/** nft_csum_replace: the sum at `field` after octets of sum `removed` became `added`; never 0. */
function replaceSum(run: Evaluation, field: number, removed: number, added: number): boolean {
  const { data } = run.packet;
  if (field < 0 || field + 2 > run.end) return false;
  const sum = ~foldSum((~be16(data, field) & 0xffff) + (~removed & 0xffff) + added) & 0xffff;
  putBe16(data, field, sum === 0 ? 0xffff : sum);
  return true;
}

/** nft_payload_l4csum_update; true also where there is no sum to keep. */
function updateTransport(run: Evaluation, removed: number, added: number): boolean {
  const { packet } = run;
  if (run.isLaterFragment || !run.hasTransport) return true;
  const { data } = packet;
  let field = run.transport;
  switch (run.protocol) {
    case TCP:
      field += 16;
      break;
    case UDP:
      if (field + 8 > run.end || be16(data, field + 6) === 0) return true;
      field += 6;
      break;
    case UDPLITE:
      field += 6;
      break;
    case ICMPV6:
      field += 2;
      break;
    default:
      return true;
  }
  if (field + 2 > run.end) return false;
  if (!packet.checksumPartial) return replaceSum(run, field, removed, added);
  putBe16(data, field, foldSum(be16(data, field) + (~removed & 0xffff) + added));
  return true;
}

/** sctp_compute_cksum over the whole segment; a cut one cannot be computed and is left wrong. */
function updateSctp(run: Evaluation): void {
  const { packet } = run;
  if (run.isLaterFragment || run.transport + 12 > run.end) return;
  if (packet.network + packet.networkLength > packet.end) return;
  putBe32(packet.data, run.transport + 8, sctpChecksum(packet.data, run.transport, run.end));
}

/** Length, protocol or fragment fields may have changed: what later expressions see follows the octets. */
function refresh(run: Evaluation): void {
  const { packet } = run;
  if (!decodeNetwork(packet)) return;
  if (packet.authenticationHeader < 0) run.protocol = Math.max(0, packet.protocol);
}
