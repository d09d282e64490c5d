// The kernel's checks of a whole ruleset: jumps that lead somewhere and end, statements at hooks where they may stand
// (the `validate` functions in net/netfilter/nft_*.c), and the refusal of what the engine does not run. SIMPLIFIED: busy: what a rule
// refers to may be deleted as long as the rule goes too before the file ends; the kernel refuses at the deletion.
import type { Expression } from '../bytecode/expression.ts';
import type { BaseChain, ChainType, Family, Hook } from '../bytecode/ruleset.ts';
import type { DraftChain, DraftRule, DraftRuleset, DraftTable } from './draft-ruleset.ts';
import { foreignConstruct, type LinearExpression } from './linear.ts';
import type { Sources } from './source.ts';

/** NFT_JUMP_STACK_SIZE. */
const MAX_JUMPS = 16;

interface Place {
  hooks: readonly Hook[];
  /** Only in chains of this type. */
  type?: ChainType;
  families?: readonly Family[];
}

const BRIDGE_KEYS = new Set(['bri_iifname', 'bri_oifname', 'bri_iifpvid', 'bri_iifvproto']);
const ALL_HOOKS: readonly Hook[] = ['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting', 'egress'];
const FIVE_HOOKS: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const QUEUED: readonly Family[] = ['ip', 'ip6', 'inet', 'bridge'];
const INTERNET: readonly Family[] = ['ip', 'ip6', 'inet'];

/** Where a statement may stand; undefined: anywhere. */
function placeOf(expression: LinearExpression): { place: Place; name: string } | undefined {
  switch (expression.kind) {
    case 'nat':
      return {
        name: expression.type,
        place: {
          type: 'nat',
          families: INTERNET,
          hooks: expression.type === 'snat' ? ['postrouting', 'input'] : ['prerouting', 'output'],
        },
      };
    case 'masquerade':
      return { name: 'masquerade', place: { type: 'nat', families: INTERNET, hooks: ['postrouting'] } };
    case 'redirect':
      return { name: 'redirect', place: { type: 'nat', families: INTERNET, hooks: ['prerouting', 'output'] } };
    case 'flow-offload':
      return { name: 'flow add', place: { families: INTERNET, hooks: ['forward'] } };
    case 'reject':
      return { name: 'reject', place: { hooks: ['prerouting', 'input', 'forward', 'output', 'ingress'] } };
    case 'queue':
      return { name: 'queue', place: { families: QUEUED, hooks: FIVE_HOOKS } };
    case 'fwd':
      return { name: 'fwd', place: { hooks: ['ingress', 'egress'] } };
    case 'rt':
      return expression.key === 'tcpmss'
        ? { name: 'rt mtu', place: { hooks: ['forward', 'output', 'postrouting'] } }
        : undefined;
    case 'meta':
      return BRIDGE_KEYS.has(expression.key)
        ? { name: `meta ${expression.key}`, place: { families: ['bridge'], hooks: ALL_HOOKS } }
        : undefined;
    case 'meta-set':
      if (expression.key === 'pkttype')
        return { name: 'meta pkttype set', place: { hooks: ['prerouting', 'ingress'] } };
      return expression.key === 'bri_broute'
        ? { name: 'meta broute set', place: { families: ['bridge'], hooks: ['prerouting'] } }
        : undefined;
    case 'fib':
      return { name: 'fib', place: { hooks: fibHooks(expression) } };
    default:
      return undefined;
  }
}

function fibHooks(expression: Extract<Expression, { kind: 'fib' }>): Hook[] {
  if (expression.result !== 'type') {
    return expression.flags.includes('iif')
      ? ['prerouting', 'input', 'forward', 'ingress']
      : (['prerouting', 'input', 'ingress'].concat(['forward', 'output', 'postrouting']) as Hook[]);
  }
  if (expression.flags.includes('iif')) return ['prerouting', 'input', 'forward', 'ingress'];
  if (expression.flags.includes('oif')) return ['output', 'postrouting', 'forward'];
  return ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress'];
}

/** Keeps in `sources.faults` what the kernel (or the engine) would refuse. `runnable`: refuse what the engine does not run. */
export function validate(sources: Sources, ruleset: DraftRuleset, runnable: boolean): void {
  for (const table of ruleset.tables) {
    for (const chain of table.chains.values()) {
      for (const rule of chain.rules) {
        sources.faults.attempt(() => {
          refuseDangling(sources, table, rule);
          if (runnable) refuseForeign(sources, rule.expressions, rule);
          refuseUndirected(sources, rule);
        });
      }
    }
    const checked = new Set<string>();
    for (const chain of table.chains.values()) walk(sources, table, chain, chain.base, [], checked);
  }
}

/** What a user can do about a refusal. */
const REMEDIES: Partial<Record<LinearExpression['kind'], string>> = {
  queue: 'say what the program in user space answers: --assume queue=accept, drop or absent',
};

function refuseForeign(sources: Sources, expressions: readonly LinearExpression[], rule: DraftRule): void {
  for (const expression of expressions) {
    const construct = foreignConstruct(expression);
    if (construct !== undefined) throw sources.unsupported(construct, rule.span, REMEDIES[expression.kind]);
  }
}

const DIRECTED_KEYS = new Set(['src', 'dst', 'proto_src', 'proto_dst', 'src_ip', 'dst_ip', 'src_ip6', 'dst_ip6']);

/** nft_ct_get_init: a connection has two tuples. */
function refuseUndirected(sources: Sources, rule: DraftRule): void {
  for (const expression of rule.expressions) {
    if (expression.kind === 'ct' && expression.direction === undefined && DIRECTED_KEYS.has(expression.key)) {
      const hint = "say which direction: 'ct original …' or 'ct reply …'";
      throw sources.error('Could not process rule: Invalid argument', rule.span, hint);
    }
  }
}

/** Deleted later, yet still referred to. */
function refuseDangling(sources: Sources, table: DraftTable, rule: DraftRule): void {
  const busy = (what: string): Error =>
    sources.error(
      'Could not process rule: Device or resource busy',
      rule.span,
      `this rule refers to ${what}, which was deleted`,
    );
  for (const expression of rule.expressions) {
    if ('set' in expression && !table.sets.has(expression.set)) throw busy(`set '${expression.set}'`);
    if (expression.kind === 'objref' && !table.findObject(expression.objectType, expression.name))
      throw busy(`${expression.objectType} '${expression.name}'`);
    if (expression.kind === 'flow-offload' && !table.flowtables.has(expression.flowtable))
      throw busy(`flowtable '${expression.flowtable}'`);
    if (
      expression.kind === 'verdict' &&
      expression.verdict.chain !== undefined &&
      !table.chains.has(expression.verdict.chain)
    ) {
      throw busy(`chain '${expression.verdict.chain}'`);
    }
  }
}

/** Names of the chains that a rule may jump to. */
function targetsOf(table: DraftTable, expression: LinearExpression): string[] {
  if (expression.kind === 'verdict') return expression.verdict.chain === undefined ? [] : [expression.verdict.chain];
  if (expression.kind !== 'lookup' || expression.dreg !== 0) return [];
  const names = new Set<string>();
  for (const item of table.sets.get(expression.set)?.elements ?? []) {
    if (item.kind === 'mapping' && item.value.kind === 'verdict' && item.value.chain?.kind === 'symbol')
      names.add(item.value.chain.text);
  }
  return [...names];
}

function walk(
  sources: Sources,
  table: DraftTable,
  chain: DraftChain,
  base: BaseChain | undefined,
  path: readonly string[],
  checked: Set<string>,
): void {
  // What a chain may hold depends on the base chain only through its type and hook, and on how deep it is called.
  const key = `${chain.name}|${base === undefined ? '' : `${base.type}|${base.hook}`}|${path.length}`;
  if (checked.has(key)) return;
  checked.add(key);
  for (const rule of chain.rules)
    sources.faults.attempt(() => walkRule(sources, table, chain, base, path, checked, rule));
}

function walkRule(
  sources: Sources,
  table: DraftTable,
  chain: DraftChain,
  base: BaseChain | undefined,
  path: readonly string[],
  checked: Set<string>,
  rule: DraftRule,
): void {
  for (const expression of rule.expressions) {
    if (base !== undefined) refusePlace(sources, table, base, expression, rule);
    for (const name of targetsOf(table, expression)) {
      const target = table.chains.get(name);
      if (target === undefined) continue;
      if (target.base !== undefined) {
        throw sources.error(
          'Could not process rule: Operation not supported',
          rule.span,
          `'${name}' is a base chain: it cannot be jumped to`,
        );
      }
      if (name === chain.name || path.includes(name)) {
        throw sources.error(
          'Could not process rule: Too many links',
          rule.span,
          `jumps lead from chain '${name}' back to it`,
        );
      }
      if (path.length + 1 >= MAX_JUMPS) {
        throw sources.error(
          'Could not process rule: Too many links',
          rule.span,
          `more than ${MAX_JUMPS} jumps within each other`,
        );
      }
      walk(sources, table, target, base, [...path, chain.name], checked);
    }
  }
}

function refusePlace(
  sources: Sources,
  table: DraftTable,
  base: BaseChain,
  expression: LinearExpression,
  rule: DraftRule,
): void {
  const found = placeOf(expression);
  if (found === undefined) return;
  const { place, name } = found;
  const refuse = (reason: string): Error =>
    sources.error('Could not process rule: Operation not supported', rule.span, reason);
  if (place.families !== undefined && !place.families.includes(table.family))
    throw refuse(`'${name}' does not exist in tables of family ${table.family}`);
  if (place.type !== undefined && base.type !== place.type)
    throw refuse(`'${name}' may stand only in chains of type ${place.type}`);
  if (!place.hooks.includes(base.hook))
    throw refuse(`'${name}' may stand only at hooks ${place.hooks.join(', ')}, not at ${base.hook}`);
}
