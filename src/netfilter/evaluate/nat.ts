// `snat`, `dnat`, `masquerade`, `redirect` (nft_nat.c, nft_masq.c, nft_redir.c): registers into the range that a new
// connection is mapped to. The mapping itself is src/netfilter/nat's.
import { be16, be32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { NatRange, NF_NAT_RANGE_MAP_IPS, NF_NAT_RANGE_PROTO_SPECIFIED } from '../nat/range.ts';
import { NF_ACCEPT } from '../verdict.ts';
import { NFT_CONTINUE } from './codes.ts';
import { type Evaluation, PF_IPV4, PF_IPV6 } from './evaluation.ts';
import type { Of, PrepareContext, PreparedExpression } from './prepared.ts';

/** Evaluates to NF_ACCEPT, or NF_DROP when there is no free port. */
export function prepareNat(expression: Of<'nat'>, context: PrepareContext): PreparedExpression {
  const { nat } = context.engine;
  const { addressMin, addressMax, type, family } = expression;
  const flags = rangeFlags(expression, addressMin);
  const range = new NatRange();
  const isSource = type === 'snat';
  const min = addressMin === undefined ? -1 : registerOffset(addressMin);
  const max = addressMax === undefined ? min : registerOffset(addressMax);
  const words = family === 'ip' ? 1 : 4;
  const setPorts = portSetter(expression, range);
  // Without an address it is for both.
  const pf = family === 'ip' ? PF_IPV4 : family === 'ip6' ? PF_IPV6 : 0;
  return {
    evaluate: (run) => {
      // nft_nat_inet_eval: in a table of both families it is for packets of its own only.
      if (pf !== 0 && run.pf !== pf) return NFT_CONTINUE;
      if (min >= 0) {
        loadAddress(run, min, words, range.minAddress);
        loadAddress(run, max, words, range.maxAddress);
      }
      setPorts(run);
      range.flags = flags;
      if (run.packet.ct < 0) return NF_ACCEPT;
      return isSource ? nat.snat(run.packet, range) : nat.dnat(run.packet, range);
    },
    shape: { cost: 'nat', size: 0 },
  };
}

/** nft_masq_eval: to the address of the way out. */
export function prepareMasquerade(expression: Of<'masquerade'>, context: PrepareContext): PreparedExpression {
  const { nat } = context.engine;
  const range = new NatRange();
  const flags = rangeFlags(expression);
  const setPorts = portSetter(expression, range);
  return {
    evaluate: (run) => {
      setPorts(run);
      range.flags = flags;
      return run.packet.ct < 0 ? NF_ACCEPT : nat.masquerade(run.packet, range);
    },
    shape: { cost: 'masquerade', size: 0 },
  };
}

/** nft_redir_eval: to the router itself. */
export function prepareRedirect(expression: Of<'redirect'>, context: PrepareContext): PreparedExpression {
  const { nat } = context.engine;
  const range = new NatRange();
  const flags = rangeFlags(expression);
  const setPorts = portSetter(expression, range);
  return {
    evaluate: (run) => {
      setPorts(run);
      range.flags = flags;
      return run.packet.ct < 0 ? NF_ACCEPT : nat.redirect(run.packet, run.hook, range);
    },
    shape: { cost: 'redirect', size: 0 },
  };
}

/** nft_nat_init and kin: what registers give is meant, though nft does not say so of an address in the flags. */
function rangeFlags(expression: { flags: number; portMin?: number }, addressMin?: number): number {
  const address = addressMin === undefined ? 0 : NF_NAT_RANGE_MAP_IPS;
  return expression.flags | address | (expression.portMin === undefined ? 0 : NF_NAT_RANGE_PROTO_SPECIFIED);
}

/** nft_nat_setup_proto: ports stand in network order in their registers. */
function portSetter(expression: { portMin?: number; portMax?: number }, range: NatRange): (run: Evaluation) => void {
  const { portMin, portMax } = expression;
  if (portMin === undefined) return () => undefined;
  const min = registerOffset(portMin);
  const max = portMax === undefined ? min : registerOffset(portMax);
  return (run) => {
    range.minPort = be16(run.bytes, min);
    range.maxPort = be16(run.bytes, max);
  };
}

function loadAddress(run: Evaluation, at: number, count: number, to: Uint32Array): void {
  for (let i = 0; i < count; i++) to[i] = be32(run.bytes, at + i * 4);
}
