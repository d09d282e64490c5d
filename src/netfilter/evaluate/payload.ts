// `payload` (nft_payload.c): loads packet octets into a register; what does not reach breaks the rule.
// The fast variant (nft_payload_fast_eval of nf_tables_core.c: aligned 1, 2 or 4 octets of the network or transport
// header) does not look whether the packet is a later fragment: there it loads the octets that stand where the
// transport header would be. Seen on 6.12.117.
import { u8 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import type { Interface } from '../../net/interfaces.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { type Evaluation, HOOK_EGRESS, HOOK_INGRESS, PF_BRIDGE } from './evaluation.ts';
import type { Evaluate, Of, PrepareContext, PreparedExpression } from './prepared.ts';

/** ETH_HLEN. */
const ETHERNET_HEADER = 14;
/** Octets of the addresses before the type: loads that stay within never see a tag. */
const ETHERNET_ADDRESSES = 12;
/** Interface type ARPHRD_PPP: no link-layer header. */
const ARPHRD_PPP = 512;

/** Loads `length` octets at `offset` of a header. */
export function preparePayload(expression: Of<'payload'>, context: PrepareContext): PreparedExpression {
  return { evaluate: evaluator(expression, context), shape: { cost: 'payload', size: expression.length } };
}

function evaluator(expression: Of<'payload'>, context: PrepareContext): Evaluate {
  const { base, offset, length } = expression;
  const to = registerOffset(expression.dreg);
  if (base === 'link') return linkLoad(offset, length, to, context);
  if (base === 'inner') {
    return (run) => {
      const inner = run.innerOffset();
      return inner < 0 ? NFT_BREAK : load(run, inner + offset, length, to);
    };
  }
  const isFast = (length === 1 || length === 2 || length === 4) && offset % length === 0;
  if (isFast) return base === 'network' ? fastNetwork(offset, length, to) : fastTransport(offset, length, to);
  if (base === 'network') return (run) => load(run, run.packet.network + offset, length, to);
  return (run) =>
    run.hasTransport && !run.isLaterFragment ? load(run, run.transport + offset, length, to) : NFT_BREAK;
}

/** skb_copy_bits to a register, the rest of its last word zeroed. */
function load(run: Evaluation, from: number, length: number, to: number): number {
  if (from + length > run.end || from < 0) return NFT_BREAK;
  const { bytes } = run;
  const { data } = run.packet;
  if ((length & 3) !== 0) run.words[(to + length) >>> 2] = 0;
  for (let i = 0; i < length; i++) bytes[to + i] = u8(data, from + i);
  return NFT_CONTINUE;
}

function fastNetwork(offset: number, length: number, to: number): Evaluate {
  const word = to >>> 2;
  if (length === 4) {
    return (run) => {
      const at = run.packet.network + offset;
      if (at + 4 > run.end) return NFT_BREAK;
      const { data } = run.packet;
      run.words[word] = u8(data, at) | (u8(data, at + 1) << 8) | (u8(data, at + 2) << 16) | (u8(data, at + 3) << 24);
      return NFT_CONTINUE;
    };
  }
  if (length === 2) {
    return (run) => {
      const at = run.packet.network + offset;
      if (at + 2 > run.end) return NFT_BREAK;
      const { data } = run.packet;
      run.words[word] = u8(data, at) | (u8(data, at + 1) << 8);
      return NFT_CONTINUE;
    };
  }
  return (run) => {
    const at = run.packet.network + offset;
    if (at + 1 > run.end) return NFT_BREAK;
    run.words[word] = u8(run.packet.data, at);
    return NFT_CONTINUE;
  };
}

function fastTransport(offset: number, length: number, to: number): Evaluate {
  const word = to >>> 2;
  if (length === 4) {
    return (run) => {
      const at = run.transport + offset;
      if (!run.hasTransport || at + 4 > run.end) return NFT_BREAK;
      const { data } = run.packet;
      run.words[word] = u8(data, at) | (u8(data, at + 1) << 8) | (u8(data, at + 2) << 16) | (u8(data, at + 3) << 24);
      return NFT_CONTINUE;
    };
  }
  if (length === 2) {
    return (run) => {
      const at = run.transport + offset;
      if (!run.hasTransport || at + 2 > run.end) return NFT_BREAK;
      const { data } = run.packet;
      run.words[word] = u8(data, at) | (u8(data, at + 1) << 8);
      return NFT_CONTINUE;
    };
  }
  return (run) => {
    const at = run.transport + offset;
    if (!run.hasTransport || at + 1 > run.end) return NFT_BREAK;
    run.words[word] = u8(run.packet.data, at);
    return NFT_CONTINUE;
  };
}

/** Octets of the Ethernet header; a tag that was taken off before an ingress hook is shown in its place. */
function linkLoad(offset: number, length: number, to: number, context: PrepareContext): Evaluate {
  const { list } = context.engine.interfaces;
  const reachesTag = offset + length > ETHERNET_ADDRESSES;
  return (run) => {
    const { packet } = run;
    if (!hasLinkHeader(run, list)) return NFT_BREAK;
    if (!reachesTag || !hasTag(run)) return load(run, packet.start + offset, length, to);
    const { bytes } = run;
    if ((length & 3) !== 0) run.words[(to + length) >>> 2] = 0;
    for (let i = 0; i < length; i++) {
      const octet = taggedOctet(run, offset + i);
      if (octet < 0) return NFT_BREAK;
      bytes[to + i] = octet;
    }
    return NFT_CONTINUE;
  };
}

/** A datagram of the router's own, or from a PPP device, has none until a device or a bridge sends it. */
function hasLinkHeader(run: Evaluation, list: readonly Interface[]): boolean {
  const { packet } = run;
  if (run.pf === PF_BRIDGE) return true;
  if (run.hook === HOOK_EGRESS) return list[packet.oif]?.type !== ARPHRD_PPP;
  return !packet.isGenerated && list[packet.iif]?.type !== ARPHRD_PPP;
}

/** skb_vlan_tag_present: the outermost tag of a frame, taken off before the ingress hook. */
export function hasTag(run: Evaluation): boolean {
  const { packet } = run;
  if (run.hook !== HOOK_INGRESS || packet.encapsulationCount === 0) return false;
  const protocol = (packet.encapsulation[0] as number) >>> 16;
  return protocol === 0x8100 || protocol === 0x88a8;
}

/** The octet of the frame as it was with its tag (nft_payload_copy_vlan); -1 beyond the end. */
function taggedOctet(run: Evaluation, offset: number): number {
  const { packet } = run;
  const tag = packet.encapsulation[0] as number;
  switch (offset) {
    case 12:
      return tag >>> 24;
    case 13:
      return (tag >>> 16) & 0xff;
    case 14:
      return (tag >>> 8) & 0xff;
    case 15:
      return tag & 0xff;
    case 16:
      return packet.etherType >>> 8;
    case 17:
      return packet.etherType & 0xff;
    default: {
      const at = offset < ETHERNET_ADDRESSES ? packet.start + offset : packet.network + offset - ETHERNET_HEADER - 4;
      return at < run.end ? u8(packet.data, at) : -1;
    }
  }
}
