// `snat`, `dnat`, `masquerade`, `redirect` (nft_nat.c, nft_masq.c, nft_redir.c): registers into the range that a new
// connection is mapped to. The mapping itself is src/netfilter/nat's.
import { be16, be32, u32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { MANIP_DESTINATION, MANIP_SOURCE, NatRange, NF_NAT_RANGE_NETMAP } from '../nat/range.ts';
import type { Evaluation } from './evaluation.ts';
import { cannotRun, type Of, type PrepareContext, type PreparedExpression } from './prepared.ts';

/** Evaluates to NF_ACCEPT, or NF_DROP when there is no free port. */
export function prepareNat(expression: Of<'nat'>, context: PrepareContext): PreparedExpression {
  const { nat } = context.engine;
  if (nat === undefined) return cannotRun(context, '"nat" outside of a nat chain');
  const { addressMin, addressMax, flags, type, family } = expression;
  const range = new NatRange();
  const manip = type === 'snat' ? MANIP_SOURCE : MANIP_DESTINATION;
  const min = addressMin === undefined ? -1 : registerOffset(addressMin);
  const max = addressMax === undefined ? min : registerOffset(addressMax);
  const words = family === 'ip' ? 1 : 4;
  const setPorts = portSetter(expression, range);
  return {
    evaluate: (run) => {
      if (min >= 0) {
        loadAddress(run, min, words, range.minAddress);
        loadAddress(run, max, words, range.maxAddress);
        if ((flags & NF_NAT_RANGE_NETMAP) !== 0) netmap(run, manip, words, range);
      }
      setPorts(run);
      range.flags = flags;
      return nat.setup(run.packet, manip, range);
    },
    shape: { cost: 'nat', size: 0 },
  };
}

/** nft_masq_eval: to the address of the way out. */
export function prepareMasquerade(expression: Of<'masquerade'>, context: PrepareContext): PreparedExpression {
  const { nat } = context.engine;
  if (nat === undefined) return cannotRun(context, '"masquerade" outside of a nat chain');
  const range = new NatRange();
  const setPorts = portSetter(expression, range);
  return {
    evaluate: (run) => {
      setPorts(run);
      range.flags = expression.flags;
      return nat.masquerade(run.packet, range);
    },
    shape: { cost: 'masquerade', size: 0 },
  };
}

/** nft_redir_eval: to the router itself. */
export function prepareRedirect(expression: Of<'redirect'>, context: PrepareContext): PreparedExpression {
  const { nat } = context.engine;
  if (nat === undefined) return cannotRun(context, '"redirect" outside of a nat chain');
  const range = new NatRange();
  const setPorts = portSetter(expression, range);
  return {
    evaluate: (run) => {
      setPorts(run);
      range.flags = expression.flags;
      return nat.redirect(run.packet, run.hook, range);
    },
    shape: { cost: 'redirect', size: 0 },
  };
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

/** nft_nat_setup_netmap: the network part of the range, the host part of the packet's own address. */
function netmap(run: Evaluation, manip: number, words: number, range: NatRange): void {
  const { data, network } = run.packet;
  const first = words === 1 ? 12 : 8;
  const at = network + first + (manip === MANIP_SOURCE ? 0 : words * 4);
  const { minAddress, maxAddress } = range;
  for (let i = 0; i < words; i++) {
    const mask = ~(u32(minAddress, i) ^ u32(maxAddress, i));
    const mapped = (be32(data, at + i * 4) & ~mask) | (u32(minAddress, i) & mask);
    minAddress[i] = mapped;
    maxAddress[i] = mapped;
  }
}
