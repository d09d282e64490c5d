// `dup` and `fwd` (nft_dup_ipv4.c, nft_dup_netdev.c, nft_fwd_netdev.c): a copy, or the packet itself, out of an interface.
import { be16, putBe16, u8, u32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { reasonIndex } from '../../event/reasons.ts';
import { NF_DROP, NF_STOLEN } from '../verdict.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { type Evaluation, PF_IPV4, PF_IPV6 } from './evaluation.ts';
import type { Of, PrepareContext, PreparedExpression } from './prepared.ts';

const TTL = reasonIndex('ttl');

/** Sends a copy and goes on. */
export function prepareDup(expression: Of<'dup'>, context: PrepareContext): PreparedExpression {
  const { services } = context.engine;
  const { addressRegister, deviceRegister } = expression;
  const address = addressRegister === undefined ? -1 : registerOffset(addressRegister);
  const device = deviceRegister === undefined ? -1 : registerOffset(deviceRegister) >>> 2;
  return {
    evaluate: (run) => {
      const oif = device < 0 ? 0 : u32(run.words, device);
      const version = address < 0 ? 0 : run.pf === PF_IPV4 ? 4 : run.pf === PF_IPV6 ? 6 : 0;
      services.duplicate(run.packet, oif, version, run.bytes, Math.max(0, address));
      return NFT_CONTINUE;
    },
    shape: { cost: 'dup', size: 0 },
  };
}

/** Sends the packet away; to a neighbour only if it is of that family and its TTL lasts. */
export function prepareFwd(expression: Of<'fwd'>, context: PrepareContext): PreparedExpression {
  const { services, interfaces } = context.engine;
  const { deviceRegister, addressRegister, family } = expression;
  const device = registerOffset(deviceRegister) >>> 2;
  const address = addressRegister === undefined ? -1 : registerOffset(addressRegister);
  const version = address < 0 ? 0 : family === 'ip6' ? 6 : 4;
  return {
    evaluate: (run) => {
      const { packet } = run;
      const oif = u32(run.words, device);
      if (version !== 0) {
        if (packet.etherType !== (version === 4 ? 0x0800 : 0x86dd)) return NFT_BREAK;
        if (!decrementTtl(run, version)) return NF_DROP;
        if (oif === 0 || interfaces.list[oif] === undefined) return NFT_CONTINUE;
      }
      services.forwardTo(packet, oif, version, run.bytes, Math.max(0, address));
      return NF_STOLEN;
    },
    shape: { cost: 'fwd', size: 0 },
  };
}

/** False when the packet has no hop left; else one less, the IPv4 header checksum kept (ip_decrease_ttl). */
function decrementTtl(run: Evaluation, version: 4 | 6): boolean {
  const { packet } = run;
  const { data, network } = packet;
  const at = network + (version === 4 ? 8 : 7);
  if (packet.ipVersion !== version || u8(data, at) <= 1) {
    packet.reason = TTL;
    return false;
  }
  data[at] = u8(data, at) - 1;
  if (version === 4) {
    const sum = be16(data, network + 10) + 0x100;
    putBe16(data, network + 10, sum >= 0xffff ? (sum + 1) & 0xffff : sum);
  }
  return true;
}
