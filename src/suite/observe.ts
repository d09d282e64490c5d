// What happened, as expectations that would be met: what `record` writes.
import { f64 } from '../base/columns.ts';
import { REASONS } from '../event/reasons.ts';
import { PATH_CLASSES, VERDICT_DROP, VERDICT_FORWARD, VERDICTS } from '../packet/packet.ts';
import type { Passage } from '../replay/emulated-router.ts';
import { answerText } from './check-packet.ts';
import { deciderNames, decidersOf } from './deciders.ts';
import type { RuleRefs } from './rule-refs.ts';
import type { Scene } from './scene.ts';
import type { FlowExpectation, PacketExpectation, TotalsExpectation } from './schema.ts';
import type { Tally } from './tally.ts';
import { datagramOf, translation } from './translation.ts';

/** More rules than these are not listed for a flow: its counts tell. */
const MAX_FLOW_RULES = 12;

/** Of one packet: verdict, who decided, path, way out, translation, answer. */
export function observePacket(passage: Passage, scene: Scene): PacketExpectation {
  const found: PacketExpectation = { verdict: VERDICTS[passage.verdict] ?? 'drop' };
  const reason = REASONS[passage.reason]?.name ?? '';
  const isDropped = passage.verdict === VERDICT_DROP;
  if (isDropped && reason !== 'rule' && reason !== 'policy' && reason !== '') {
    found.reason = reason as NonNullable<PacketExpectation['reason']>;
  }
  const [rule] = deciderNames(scene.refs, forwardDeciders(passage, scene));
  if (rule !== undefined) found.rule = rule;
  if (passage.pathClass !== 0) found.path = PATH_CLASSES[passage.pathClass] ?? 'slow';
  if (passage.verdict !== VERDICT_FORWARD) {
    if (passage.sent[0] !== undefined) found.answer = answerText(passage.sent[0].octets);
    return found;
  }
  const [frame] = passage.sent;
  if (frame === undefined) return found;
  found.out = frame.interface;
  const before = datagramOf(passage.frame)?.body;
  const after = datagramOf(frame.octets)?.body;
  const nat = before === undefined || after === undefined ? 'none' : translation(before, after);
  if (nat !== 'none') found.nat = nat;
  return found;
}

/** Of a packet that went through, the rule that let it through the last filtering chain says most. */
function forwardDeciders(passage: Passage, scene: Scene): { rules: number[]; policies: number[] } {
  if (passage.verdict === VERDICT_DROP) return decidersOf(scene, passage);
  const { endings } = scene.attribution(passage);
  const filters = endings.filter((row) => scene.refs.isFilter(row.chain));
  const byRule = filters.findLast((row) => row.rule >= 0) ?? endings.findLast((row) => row.rule >= 0);
  if (byRule !== undefined) return { rules: [byRule.rule], policies: [] };
  const policy = filters[filters.length - 1] ?? endings[endings.length - 1];
  return { rules: [], policies: policy === undefined ? [] : [policy.policy] };
}

/** Counts of a flow that are not zero, its way out, translation and deciding rules. */
export function observeFlow(tally: Tally, refs: RuleRefs): FlowExpectation {
  const found: FlowExpectation = counts(tally);
  const out = Object.fromEntries(tally.out);
  if (tally.out.size > 0) found.out = out;
  if (tally.nat !== undefined && tally.nat !== 'none') found.nat = tally.nat;
  const decided = decidedBy(tally, refs);
  const names = Object.keys(decided);
  if (names.length > 0 && names.length <= MAX_FLOW_RULES) found.decided = decided;
  return found;
}

/** Counts of all packets, drops by reason, and what rules decided. */
export function observeTotals(tally: Tally, scene: Scene): TotalsExpectation {
  const found: TotalsExpectation = counts(tally);
  if (tally.out.size > 0) found.out = Object.fromEntries(tally.out);
  const reasons = [...tally.reasons].map(([reason, packets]) => [REASONS[reason]?.name ?? '', packets] as const);
  if (reasons.length > 0) found.reasons = Object.fromEntries(reasons.filter(([name]) => name !== ''));
  const decided = decidedBy(tally, scene.refs);
  if (Object.keys(decided).length > 0) found.decided = decided;
  found.connections = scene.router.conntrack().length;
  return found;
}

function counts(tally: Tally): FlowExpectation {
  const found: FlowExpectation = { packets: tally.packets };
  VERDICTS.forEach((name, verdict) => {
    if (f64(tally.verdicts, verdict) > 0) found[name] = f64(tally.verdicts, verdict);
  });
  PATH_CLASSES.forEach((name, path) => {
    if (f64(tally.paths, path) > 0) found[name] = f64(tally.paths, path);
  });
  return found;
}

/** Packets by the name of what decided; a name that means several rules has the sum, as a check of it has. */
function decidedBy(tally: Tally, refs: RuleRefs): Record<string, number> {
  const names = new Set([...tally.decidedByRule.keys()].map((rule) => refs.name(rule)));
  // Policies that let packets through are most chains' ends: they are worth a line only when nothing else decided.
  for (const chain of tally.decidedByPolicy.keys()) {
    if (tally.droppedByPolicy.has(chain) || names.size === 0) names.add(refs.policyName(chain));
  }
  const found: Record<string, number> = {};
  for (const name of names) {
    const meant = refs.meant(name);
    if (meant === undefined) continue;
    let packets = 0;
    for (const rule of meant.rules) packets += tally.decidedByRule.get(rule) ?? 0;
    for (const chain of meant.policies) packets += tally.decidedByPolicy.get(chain) ?? 0;
    found[name] = packets;
  }
  return found;
}
