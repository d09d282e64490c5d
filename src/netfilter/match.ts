// Rules that only look, asked of frames before they enter the router: the choice of packets by `--match`.
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Packet } from '../packet/packet.ts';
import { prepareRuleset } from './chains.ts';
import { NFT_CONTINUE } from './evaluate/codes.ts';
import { Evaluation, HOOK_INGRESS, PF_IPV4, PF_IPV6, PF_NETDEV } from './evaluate/evaluation.ts';
import type { Engine, Evaluate, PreparedRule } from './evaluate/prepared.ts';

/** Whether a decoded packet that has come in at packet.iif is meant. Changes nothing. */
export type Match = (packet: Packet) => boolean;

/** Makes the rules of a match (compileMatch) ready to be asked: one of them must match. */
export function prepareMatch(ruleset: Ruleset, engine: Engine): Match {
  const [table] = prepareRuleset(ruleset, engine, engine.recorder, () => undefined);
  const rules = table?.chains[0]?.chain.rules ?? [];
  const run = new Evaluation();
  return (packet) => {
    const pf = packet.ipVersion === 4 ? PF_IPV4 : packet.ipVersion === 6 ? PF_IPV6 : PF_NETDEV;
    run.beginLink(packet, HOOK_INGRESS, pf);
    for (let i = 0; i < rules.length; i++) if (matches((rules[i] as PreparedRule).expressions, run)) return true;
    return false;
  };
}

function matches(expressions: Evaluate[], run: Evaluation): boolean {
  for (let i = 0; i < expressions.length; i++) {
    if ((expressions[i] as Evaluate)(run) !== NFT_CONTINUE) return false;
  }
  return true;
}
