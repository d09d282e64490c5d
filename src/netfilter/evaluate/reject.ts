// `reject` (nft_reject_inet.c, nft_reject.c): asks the IP stack for a RST or an ICMP error, then drops.
import { reasonIndex } from '../../event/reasons.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind } from '../../event/vocabulary.ts';
import { NF_DROP } from '../verdict.ts';
import { HOOK_INGRESS, HOOK_PREROUTING, PF_IPV4, PF_IPV6, PF_NETDEV } from './evaluation.ts';
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
      // An inet table answers as at prerouting, but Ethernet padding is not trimmed yet.
      const isEarly = hook === HOOK_INGRESS && run.pf !== PF_NETDEV;
      const { networkEnd, networkLength } = packet;
      if (isEarly) {
        packet.networkEnd = packet.end;
        packet.networkLength = packet.wireLength - (packet.network - packet.start);
      }
      const at = isEarly ? HOOK_PREROUTING : hook;
      // In netdev and bridge chains the packet's own protocol decides (nft_reject_netdev.c, nft_reject_bridge.c).
      const isIpv4 = run.pf === PF_IPV4 || (run.pf !== PF_IPV6 && packet.ipVersion === 4);
      const isIpv6 = run.pf === PF_IPV6 || (run.pf !== PF_IPV4 && packet.ipVersion === 6);
      if (isReset) {
        if (isIpv4 || isIpv6) services.sendTcpReset(packet, at);
      } else if (isIpv4) services.sendIcmpError(packet, 4, ICMP_UNREACHABLE, code4, at);
      else if (isIpv6) services.sendIcmpError(packet, 6, ICMPV6_UNREACHABLE, code6, at);
      packet.networkEnd = networkEnd;
      packet.networkLength = networkLength;
      packet.reason = REASON_REJECT;
      return NF_DROP;
    },
    shape: { cost: 'reject', size: 0 },
  };
}
