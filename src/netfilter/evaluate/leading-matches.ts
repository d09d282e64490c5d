// Finds the leading matches of rules in their bytecode: a load that only looks, perhaps a mask, and a comparison of up to
// 16 octets for equality. Setup only; src/netfilter/evaluate/matches.ts runs them.
import type { CtKey, Expression, MetaKey } from '../../bytecode/expression.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import type { Rule } from '../../bytecode/ruleset.ts';
import { RULE_MATCHED } from '../../event/vocabulary.ts';
import { hostWord } from './cmp.ts';
import { ChainMatches, FAILED_SHIFT, GROUP_SHIFT, INVERTED, type LeadingMatches, VALUE_WORDS } from './matches.ts';
import type { PreparedExpression } from './prepared.ts';

/** Octets of the keys whose value stays the same while rules only look. */
const META_LENGTHS: Partial<Record<MetaKey, number>> = {
  protocol: 2,
  nfproto: 1,
  l4proto: 1,
  pkttype: 1,
  iif: 4,
  oif: 4,
  iifname: 16,
  oifname: 16,
  iftype: 2,
  oiftype: 2,
  iifgroup: 4,
  oifgroup: 4,
  mark: 4,
  priority: 4,
};
/** Keys of one word. */
const CT_KEYS: ReadonlySet<CtKey> = new Set(['state', 'status', 'mark', 'l3proto', 'protocol']);
/** Expressions that change nothing that a load could find. */
const CLEAN: ReadonlySet<Expression['kind']> = new Set([
  'payload',
  'exthdr',
  'cmp',
  'range',
  'bitwise',
  'byteorder',
  'immediate',
  'verdict',
  'lookup',
  'meta',
  'ct',
  'counter',
  'limit',
  'quota',
  'last',
  'log',
]);
/** Expressions that read no register. */
const REGISTERLESS: ReadonlySet<Expression['kind']> = new Set([
  'verdict',
  'counter',
  'limit',
  'quota',
  'last',
  'log',
  'reject',
]);

/** Expressions beyond this are not told apart in a rule event, nor held in a step. */
const MAX_EXPRESSIONS = RULE_MATCHED - 1;

/** The matches of a chain; undefined when no rule begins with one. `firstRule`: global index of its first rule. */
export function chainMatches(
  rules: readonly Rule[],
  prepared: readonly PreparedExpression[][],
  firstRule: number,
): ChainMatches | undefined {
  const steps: number[] = [];
  const first = new Int32Array(rules.length + 1);
  const resume = new Uint8Array(rules.length);
  const isDirty = new Uint8Array(rules.length);
  const loads: LeadingMatches['loads'] = [];
  const numbers = new Map<string, number>();
  /** Number of the load that expression `at` of a rule is. */
  const number = (load: Load, rule: number, at: number): number => {
    const text = `${load.kind} ${load.dreg} ${'base' in load ? `${load.base} ${load.offset} ${load.length}` : load.key}`;
    let known = numbers.get(text);
    if (known === undefined) {
      known = loads.length;
      const { evaluate } = (prepared[rule] as PreparedExpression[])[at] as PreparedExpression;
      loads.push({ evaluate, word: registerOffset(load.dreg) >>> 2 });
      numbers.set(text, known);
    }
    return known;
  };
  rules.forEach(({ expressions }, rule) => {
    let at = 0;
    while (expressions.length <= MAX_EXPRESSIONS) {
      const match = matchAt(expressions, at);
      if (match === undefined) break;
      pushSteps(steps, match, number(match.load, rule, at), at);
      at = match.end;
    }
    first[rule + 1] = steps.length;
    if (expressions.every((row, i) => i < at || REGISTERLESS.has(row.kind))) resume[rule] = at;
    if (!expressions.every((row) => CLEAN.has(row.kind))) isDirty[rule] = 1;
  });
  if (loads.length === 0) return undefined;
  return new ChainMatches({ firstRule, steps: Int32Array.from(steps), first, resume, isDirty, loads });
}

type Load = Extract<Expression, { kind: 'payload' | 'meta' | 'ct' }>;

interface Match {
  load: Load;
  /** One past the comparison. */
  end: number;
  mask: number[] | undefined;
  compare: Extract<Expression, { kind: 'cmp' }>;
}

/** The match that begins with expression `at`. */
function matchAt(expressions: readonly Expression[], at: number): Match | undefined {
  const load = expressions[at];
  if (load?.kind !== 'payload' && load?.kind !== 'meta' && load?.kind !== 'ct') return undefined;
  const step = expressions[at + 1];
  const mask = step === undefined ? undefined : plainMask(step, load.dreg);
  const end = at + (mask === undefined ? 2 : 3);
  const compare = expressions[end - 1];
  if (compare?.kind !== 'cmp' || compare.sreg !== load.dreg) return undefined;
  if (compare.op !== 'eq' && compare.op !== 'neq') return undefined;
  const { length } = compare.data;
  if (length === 0 || length > VALUE_WORDS * 4 || length > ((loadLength(load) + 3) & ~3)) return undefined;
  return { load, end, mask, compare };
}

function pushSteps(steps: number[], { end, mask, compare }: Match, load: number, at: number): void {
  const { data, op } = compare;
  const full = new Uint8Array(data.length).fill(0xff);
  const words = (data.length + 3) >>> 2;
  for (let i = 0; i < words; i++) {
    const left = words - 1 - i;
    const inverted = op === 'eq' ? 0 : left === 0 ? INVERTED : left << GROUP_SHIFT;
    const masked = hostWord(full, i * 4) & (mask?.[i] ?? 0xffffffff);
    steps.push(load * VALUE_WORDS + i, (at + 1) | (end << FAILED_SHIFT) | inverted, masked, hostWord(data, i * 4) | 0);
  }
}

/** Octets that a load brings, 0 when it is none of those that may be done ahead. */
function loadLength(expression: Load): number {
  if (expression.kind === 'payload') return expression.length;
  if (expression.kind === 'meta') return META_LENGTHS[expression.key] ?? 0;
  return CT_KEYS.has(expression.key) ? 4 : 0;
}

/** The mask of `& mask` in place, as register words; undefined for anything else. */
function plainMask(step: Expression, register: number): number[] | undefined {
  if (step.kind !== 'bitwise' || step.op !== 'mask-xor') return undefined;
  if (step.sreg !== register || step.dreg !== register || step.length > 16) return undefined;
  if (!step.xor.every((octet) => octet === 0)) return undefined;
  const { mask, length } = step;
  return Array.from({ length: (length + 3) >>> 2 }, (_, i) => hostWord(mask, i * 4));
}
