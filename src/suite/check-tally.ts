// Expectations of many packets: of a flow, or of all of a case.
import { f64 } from '../base/columns.ts';
import { REASONS } from '../event/reasons.ts';
import { PATH_CLASSES, VERDICTS } from '../packet/packet.ts';
import { checkQuantity } from './check-packet.ts';
import type { Checklist } from './mismatch.ts';
import { isQuantity, quantityRange } from './quantity.ts';
import type { Scene } from './scene.ts';
import type { FlowExpectation, Quantity } from './schema.ts';
import type { Tally } from './tally.ts';
import { isEndpoint } from './translation.ts';

/** Checks everything that an expectation names. */
export function checkTally(expect: FlowExpectation, tally: Tally, scene: Scene, list: Checklist): void {
  if (expect.packets !== undefined) checkQuantity(expect.packets, tally.packets, ['packets'], list);
  VERDICTS.forEach((name, verdict) => {
    const expected = expect[name];
    if (expected !== undefined) checkQuantity(expected, f64(tally.verdicts, verdict), [name], list);
  });
  PATH_CLASSES.forEach((name, path) => {
    const expected = expect[name];
    if (expected !== undefined) checkQuantity(expected, f64(tally.paths, path), [name], list);
  });
  if (expect.offloaded !== undefined) checkShare(expect.offloaded, tally.offloaded, list);
  for (const [name, expected] of Object.entries(expect.out ?? {})) checkOut(name, expected, tally, scene, list);
  for (const [name, expected] of Object.entries(expect.reasons ?? {})) {
    const reason = REASONS.findIndex((row) => row.name === name);
    if (expected !== undefined) checkQuantity(expected, tally.reasons.get(reason) ?? 0, ['reasons', name], list);
  }
  checkRules('rules', expect.rules, tally, scene, list);
  checkRules('decided', expect.decided, tally, scene, list);
  if (expect.nat !== undefined) checkNat(expect.nat, tally, list);
  if (expect.cycles !== undefined) checkQuantity(expect.cycles, Math.round(tally.meanCycles(scene)), ['cycles'], list);
}

function checkShare(expected: Quantity, share: number, list: Checklist): void {
  const text = `${(share * 100).toFixed(1)}%`;
  if (quantityRange(expected) === undefined) {
    list.wrong(['offloaded'], expected, "no share: write '>= 90%' or '85% +- 5%'");
    return;
  }
  // What is written with one decimal is met by what is printed with one.
  list.check(
    isQuantity(expected, share) || isQuantity(expected, Math.round(share * 1000) / 1000),
    ['offloaded'],
    expected,
    text,
  );
}

function checkOut(name: string, expected: Quantity, tally: Tally, scene: Scene, list: Checklist): void {
  if (scene.router.interfaces.byName(name) === undefined) {
    list.wrong(['out', name], expected, 'the router has no such interface');
    return;
  }
  let frames = 0;
  const lowest = scene.lowest(name);
  for (const [device, count] of tally.out) if (lowest.has(device)) frames += count;
  checkQuantity(expected, frames, ['out', name], list);
}

function checkRules(
  key: 'rules' | 'decided',
  expected: Record<string, Quantity> | undefined,
  tally: Tally,
  scene: Scene,
  list: Checklist,
): void {
  for (const [name, quantity] of Object.entries(expected ?? {})) {
    const meant = scene.refs.meant(name);
    if (meant === undefined) {
      const suggestion = scene.refs.suggestion(name);
      const hint = suggestion === undefined ? '' : ` (did you mean '${suggestion}'?)`;
      list.wrong([key, name], quantity, `no rule of the ruleset is called so${hint}`);
      continue;
    }
    let packets = 0;
    const byRule = key === 'rules' ? tally.matched : tally.decidedByRule;
    for (const rule of meant.rules) packets += byRule.get(rule) ?? 0;
    for (const chain of meant.policies) packets += tally.decidedByPolicy.get(chain) ?? 0;
    checkQuantity(quantity, packets, [key, name], list);
  }
}

function checkNat(expected: NonNullable<FlowExpectation['nat']>, tally: Tally, list: Checklist): void {
  const { nat } = tally;
  if (nat === undefined) {
    list.check(false, ['nat'], expected, undefined, 'no packet went through');
    return;
  }
  const isMet =
    expected === 'none' || nat === 'none'
      ? expected === nat
      : isEndpoint(expected.snat, nat.snat) && isEndpoint(expected.dnat, nat.dnat);
  list.check(isMet, ['nat'], expected, nat);
}
