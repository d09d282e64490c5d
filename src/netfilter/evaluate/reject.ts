// `reject` (nft_reject_inet.c, nft_reject.c): asks the IP stack for a RST or an ICMP error, then drops.
import { reasonIndex } from '../../event/reasons.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind } from '../../event/vocabulary.ts';
import { NF_DROP } from '../verdict.ts';
import { PF_IPV4, PF_IPV6 } from './evaluation.ts';
import type { Of, PrepareContext, PreparedExpression } from './prepared.ts';

const REJECT = eventKind('reject');
const REASON_REJECT = reasonIndex('reject');
const ICMP_UNREACHABLE = 3;
const ICMPV6_UNREACHABLE = 1;

/** nft_reject_icmp_code and nft_reject_icmpv6_code, by NFT_REJECT_ICMPX_*: no route, port, host, prohibited. */
const ICMPX4 = [0, 3, 1, 13];
const ICMPX6 = [0, 4, 3, 1];

/** Always drops. */
export function prepareReject(
  expression: Of<'reject'>,
  context: PrepareContext,
  recorder: Recorder,
): PreparedExpression {
  const { services } = context.engine;
  const { type, code } = expression;
  const code4 = type === 'icmpx' ? (ICMPX4[code] ?? 0) : code;
  const code6 = type === 'icmpx' ? (ICMPX6[code] ?? 0) : code;
  const isReset = type === 'tcp-reset';
  return {
    evaluate: (run) => {
      const { packet, hook } = run;
      recorder.event(REJECT, 0);
      // In netdev and bridge chains the packet's own protocol decides (nft_reject_netdev.c, nft_reject_bridge.c).
      const isIpv4 = run.pf === PF_IPV4 || (run.pf !== PF_IPV6 && packet.ipVersion === 4);
      const isIpv6 = run.pf === PF_IPV6 || (run.pf !== PF_IPV4 && packet.ipVersion === 6);
      if (isReset) {
        if (isIpv4 || isIpv6) services.sendTcpReset(packet, hook);
      } else if (isIpv4) services.sendIcmpError(packet, 4, ICMP_UNREACHABLE, code4, hook);
      else if (isIpv6) services.sendIcmpError(packet, 6, ICMPV6_UNREACHABLE, code6, hook);
      packet.reason = REASON_REJECT;
      return NF_DROP;
    },
    shape: { cost: 'reject', size: 0 },
  };
}
