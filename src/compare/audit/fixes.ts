// What could be done about a finding, as changes of the ruleset: candidates, the best first. Whether one works is for
// prove.ts to find out, by a replay.
import type { Flowtable, Rule, Ruleset } from '../../bytecode/ruleset.ts';
import type { RouterSpec } from '../../net/spec.ts';
import { type Candidate, deviceList, type FixKind, type Placed, placed, printed } from './candidate.ts';
import type { EffectKind } from './effects.ts';
import { ruleMatches, splitRule } from './matches.ts';
import { netdevMoves } from './netdev.ts';
import { Patch } from './patch.ts';

const MOVABLE: ReadonlySet<EffectKind> = new Set([
  'header rewrite',
  'mark',
  'priority',
  'log',
  'counter',
  'named counter',
  'last',
]);

/** For a rule that stopped acting. */
export function ruleFixes(
  ruleset: Ruleset,
  router: RouterSpec,
  index: number,
  effects: readonly EffectKind[],
  isHardware: boolean,
): Candidate[] {
  const rules = placed(ruleset);
  const row = rules[index];
  if (row === undefined) return [];
  const flowRules = rules.filter(({ rule }) => rule.expressions.some((part) => part.kind === 'flow-offload'));
  const found: (Candidate | undefined)[] = [];
  if (!isHardware && effects.length > 0 && effects.every((effect) => MOVABLE.has(effect))) {
    found.push(...netdevMoves(ruleset, router, row));
  }
  found.push(exemption(ruleset, row, flowRules), connectionExemption(ruleset, row, flowRules));
  return found.filter((candidate) => candidate !== undefined);
}

/** The flowtables count. */
export function counterFix(ruleset: Ruleset): Candidate {
  const patch = new Patch(ruleset);
  const lines: string[] = [];
  patch.flowtables((flowtable, table) => {
    if (flowtable.counter) return;
    flowtable.counter = true;
    lines.push(`add flowtable ${table.family} ${table.name} ${flowtable.name} { counter; }`);
  });
  return { kind: 'counter', what: 'let the flowtable count into conntrack', patch, lines };
}

/** Another list of devices for one flowtable ('inet fw4 ft'). */
export function devicesFix(ruleset: Ruleset, name: string, devices: string[]): Candidate {
  const patch = new Patch(ruleset);
  const lines: string[] = [];
  patch.flowtables((flowtable: Flowtable, table) => {
    if (`${table.family} ${table.name} ${flowtable.name}` !== name) return;
    lines.push(`- devices = ${deviceList(flowtable.devices)}`, `+ devices = ${deviceList(devices)}`);
    flowtable.devices = devices;
  });
  return { kind: 'devices', what: `name the missing devices in flowtable ${name}`, patch, lines };
}

/** Connections are offloaded after so many packets only. */
export function thresholdFix(ruleset: Ruleset, packets: number): Candidate {
  const patch = new Patch(ruleset);
  const lines: string[] = [];
  for (const row of placed(ruleset)) {
    if (!isFlowRule(row)) continue;
    const { matches, rest } = splitRule(ruleset, row.table, row.rule);
    const text = [...matches, `ct packets > ${packets}`, ...rest].join(' ');
    patch.replace(row.index, text);
    lines.push(`- ${[...matches, ...rest].join(' ')}`, `+ ${text}`);
  }
  return { kind: 'threshold', what: `offload connections after ${packets} packets only`, patch, lines };
}

/** `flow add` before the rule that lets connections go before they come to it, or first in its chain. */
export function orderFixes(ruleset: Ruleset, before: number): Candidate[] {
  const rules = placed(ruleset);
  const flowRules = rules.filter(isFlowRule);
  return flowRules.flatMap((row) => {
    const target = row.chain.rules.includes(rules[before]?.rule as Rule)
      ? rules[before]
      : rules.find((other) => other.chain === row.chain);
    if (target === undefined || target.index >= row.index) return [];
    const patch = new Patch(ruleset);
    const text = printed(ruleset, row);
    patch.remove(row.index);
    patch.insertBefore(target.index, text, row.index);
    const lines = [`  chain ${row.chain.name}:`, `+     ${text}`, `      ${printed(ruleset, target)}`, `-     ${text}`];
    return [{ kind: 'order' as const, what: 'put `flow add` before the rule that accepts them', patch, lines }];
  });
}

function isFlowRule({ rule }: Placed): boolean {
  return rule.expressions.some((part) => part.kind === 'flow-offload');
}

/** The rule's traffic, in both directions, returns from a chain before it comes to `flow add`. */
function exemption(ruleset: Ruleset, row: Placed, flowRules: Placed[]): Candidate | undefined {
  const matches = ruleMatches(ruleset, row.table, row.chain, row.rule);
  if (matches === undefined) return undefined;
  const exempt = [...new Set([`${matches.forth} return`, `${matches.back} return`])].sort().reverse();
  return offloadChain(ruleset, flowRules, exempt, 'exempt', 'keep its traffic off the fast path, in both directions');
}

/** Connections that the rule has matched once are remembered by their id, and those are not offloaded. */
function connectionExemption(ruleset: Ruleset, row: Placed, flowRules: Placed[]): Candidate | undefined {
  const { table } = row;
  if (flowRules.some((other) => other.table !== table)) return undefined;
  const { matches } = splitRule(ruleset, table, row.rule);
  if (matches.length === 0) return undefined;
  const name = new Patch(ruleset).freeName(row.index, 'not_offloaded');
  const what = 'keep connections that it matched once off the fast path';
  const candidate = offloadChain(ruleset, flowRules, [`ct id @${name} return`], 'exempt-connections', what);
  if (candidate === undefined) return undefined;
  const set = [`set ${name} {`, '    typeof ct id', '    flags dynamic,timeout', '    timeout 1h', '}'];
  candidate.patch.prepend(`table ${table.family} ${table.name} {\n${set.join('\n')}\n}\n`);
  const remember = `${matches.join(' ')} update @${name} { ct id }`;
  candidate.patch.insertBefore(row.index, remember);
  candidate.lines = [
    ...set.map((line) => `+ ${line}`),
    `  chain ${row.chain.name}:`,
    `+     ${remember}`,
    `      ${printed(ruleset, row)}`,
    ...candidate.lines,
  ];
  return candidate;
}

function offloadChain(
  ruleset: Ruleset,
  flowRules: Placed[],
  exempt: string[],
  kind: FixKind,
  what: string,
): Candidate | undefined {
  if (flowRules.length === 0) return undefined;
  const patch = new Patch(ruleset);
  const lines: string[] = [];
  for (const row of flowRules) {
    const { matches, rest } = splitRule(ruleset, row.table, row.rule);
    const name = patch.freeName(row.index, 'may_offload');
    const body = [...exempt, rest.join(' ')];
    const text = [...matches, `jump ${name}`].join(' ');
    patch.replace(row.index, text);
    patch.addChain(row.index, name, body);
    lines.push(
      `+ chain ${name} {`,
      ...body.map((line) => `+     ${line}`),
      '+ }',
      `  chain ${row.chain.name}:`,
      `-     ${[...matches, ...rest].join(' ')}`,
      `+     ${text}`,
    );
  }
  return { kind, what, patch, lines };
}
