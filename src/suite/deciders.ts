// Attribution, not absence: which rule, or policy, decided over a packet. A drop has one; a packet that went through has one
// for each base chain that let it.
import { REASONS } from '../event/reasons.ts';
import { VERDICT_DROP } from '../packet/packet.ts';
import type { Passage } from '../replay/emulated-router.ts';
import type { Meant, RuleRefs } from './rule-refs.ts';
import type { Deciders, Scene } from './scene.ts';

/** What decided; both empty: neither (no route, TTL, offloaded packets that met no chain). */
export function decidersOf(scene: Scene, passage: Passage): Deciders {
  if (passage.verdict === VERDICT_DROP) {
    if (passage.detail < 0) return { rules: [], policies: [] };
    if (REASONS[passage.reason]?.name === 'policy') return { rules: [], policies: [passage.detail] };
    return { rules: [passage.detail], policies: [] };
  }
  const { endings } = scene.attribution(passage);
  return {
    rules: endings.flatMap(({ rule }) => (rule >= 0 ? [rule] : [])),
    policies: endings.flatMap(({ policy }) => (policy >= 0 ? [policy] : [])),
  };
}

/** Whether what a name means is among them. */
export function isDecider(meant: Meant, { rules, policies }: Deciders): boolean {
  return rules.some((rule) => meant.rules.has(rule)) || policies.some((chain) => meant.policies.has(chain));
}

/** Names for a suite: rules before policies; those of policies only when no rule decided. */
export function deciderNames(refs: RuleRefs, { rules, policies }: Deciders): string[] {
  if (rules.length > 0) return [...new Set(rules)].map((rule) => refs.name(rule));
  return [...new Set(policies)].map((chain) => refs.policyName(chain));
}

/** For messages: 'home-router.nft:71 (ip saddr …)'. */
export function deciderText(refs: RuleRefs, deciders: Deciders): string {
  const { rules, policies } = deciders;
  if (rules.length > 0) return [...new Set(rules)].map((rule) => refs.describe(rule)).join(', ');
  if (policies.length > 0)
    return [...new Set(policies)].map((chain) => `policy of ${refs.chainName(chain)}`).join(', ');
  return 'no rule';
}
