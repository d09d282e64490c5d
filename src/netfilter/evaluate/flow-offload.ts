// `flow add` (nft_flow_offload.c): hands the packet's connection to a flowtable. Whatever keeps it from being
// offloaded now, being offloaded already included, breaks the rule: statements after it do not run.
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import type { Of, PrepareContext, PreparedExpression } from './prepared.ts';

export function prepareFlowOffload(expression: Of<'flow-offload'>, context: PrepareContext): PreparedExpression {
  const flowtable = context.flowtable(expression.flowtable);
  return {
    evaluate: (run) => {
      const { packet } = run;
      return flowtable.add(packet, packet.ct) ? NFT_CONTINUE : NFT_BREAK;
    },
    shape: { cost: 'flow-offload', size: 0 },
  };
}
