// `rt` (nft_rt.c): what the route of a packet says: next hop, and the segment size that fits both ways.
import { be32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import type { Route } from '../../net/fib.ts';
import { swap32 } from './bitwise.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { type Evaluation, PF_IPV4, PF_IPV6 } from './evaluation.ts';
import type { Engine, Evaluate, Of, PrepareContext, PreparedExpression } from './prepared.ts';

/** TCP_MSS_DEFAULT: when the MTU says nothing useful. */
const DEFAULT_SEGMENT_SIZE = 536;

/** Breaks before routing (prerouting), where a packet has no route. */
export function prepareRt(expression: Of<'rt'>, context: PrepareContext): PreparedExpression {
  const to = registerOffset(expression.dreg) >>> 2;
  return { evaluate: loader(expression.key, to, context.engine), shape: { cost: 'rt', size: 0 } };
}

function loader(key: Of<'rt'>['key'], to: number, engine: Engine): Evaluate {
  switch (key) {
    case 'tcpmss':
      return (run) => {
        if (run.packet.oif === 0) return NFT_BREAK;
        const size = segmentSize(run, engine);
        run.words[to] = size;
        return NFT_CONTINUE;
      };
    case 'nexthop4':
      return (run) => {
        if (run.packet.oif === 0 || run.pf !== PF_IPV4) return NFT_BREAK;
        const daddr = be32(run.packet.data, run.packet.network + 16);
        const gateway = engine.fib.lookup4(daddr, run.packet.mark, 0, engine.fib.keyOf(run.packet))?.gateway4 ?? 0;
        run.words[to] = swap32(gateway === 0 ? daddr : gateway);
        return NFT_CONTINUE;
      };
    case 'nexthop6':
      return (run) => {
        const { packet } = run;
        if (packet.oif === 0 || run.pf !== PF_IPV6) return NFT_BREAK;
        const gateway = engine.fib.lookup6At(
          packet.data,
          packet.network + 24,
          packet.mark,
          0,
          engine.fib.keyOf(packet),
        )?.gateway6;
        for (let i = 0; i < 4; i++) {
          const word = gateway?.[i] ?? be32(packet.data, packet.network + 24 + i * 4);
          run.words[to + i] = swap32(word);
        }
        return NFT_CONTINUE;
      };
    // No realms, no IPsec.
    default:
      return (run) => {
        if (run.packet.oif === 0) return NFT_BREAK;
        run.words[to] = 0;
        return NFT_CONTINUE;
      };
  }
}

/** get_tcpmss: the smaller MTU of the way out and of the way back to the source (asked without a mark), less the headers. */
function segmentSize(run: Evaluation, engine: Engine): number {
  const { packet } = run;
  const { data, network } = packet;
  const isIpv4 = run.pf === PF_IPV4;
  const { fib } = engine;
  const key = fib.keyOf(packet);
  const forth = isIpv4
    ? fib.lookup4(be32(data, network + 16), packet.mark, 0, key)
    : fib.lookup6At(data, network + 24, packet.mark, 0, key);
  const outMtu = mtuOf(forth) || engine.interfaces.at(packet.oif).mtu;
  const back = isIpv4 ? fib.lookup4(be32(data, network + 12), 0, 0) : fib.lookup6At(data, network + 8, 0, 0);
  const backMtu = mtuOf(back);
  const mtu = backMtu === 0 ? outMtu : Math.min(outMtu, backMtu);
  const headers = isIpv4 ? 40 : 60;
  return mtu <= headers || mtu > 0xffff ? DEFAULT_SEGMENT_SIZE : mtu - headers;
}

/** A local route leads to the loopback device. */
const LOOPBACK_MTU = 65536;

/** dst_mtu; 0 without a usable route. */
function mtuOf(route: Route | undefined): number {
  if (route === undefined || route.kind === 'unreachable' || route.kind === 'prohibit' || route.kind === 'blackhole') {
    return 0;
  }
  return route.kind === 'local' ? LOOPBACK_MTU : route.mtu || route.oif.mtu;
}
