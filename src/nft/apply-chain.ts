// Chains and flowtables: hooks, priorities, policies, devices (nftables' chain_evaluate, flowtable_evaluate; the kernel's checks).
import type { BaseChain, ChainType, Family, Hook } from '../bytecode/ruleset.ts';
import type { Expr, HookSpec, PrioritySpec, Span } from './ast.ts';
import type { ChainBlock, FlowtableBlock } from './ast-commands.ts';
import type { DraftChain, DraftFlowtable, DraftTable } from './draft-ruleset.ts';
import { cloneExpr } from './expressions.ts';
import { chainTypeExists, FAMILY_HOOKS, namedPriority, priorityNames } from './priorities.ts';
import type { Sources } from './source.ts';
import { nearest } from './suggest.ts';

const MAX_NAME = 128;
const MAX_DEVICES = 256;
const NAT_PRIORITY_FLOOR = -200;

/** Declares a chain, or adds to the one that there is. Throws NftError. */
export function applyChain(sources: Sources, table: DraftTable, block: ChainBlock, create: boolean): DraftChain {
  const name = block.name.text;
  refuseLongName(sources, name, block.name.span);
  let isBroken = block.brokenHook === true;
  const { hook } = block;
  let base: Omit<BaseChain, 'policy'> | undefined;
  if (hook !== undefined) {
    // A chain whose hook is wrong is kept without one: what refers to it, and its rules, can be looked at still.
    const well = sources.faults.attempt(() => {
      base = baseChain(sources, table.family, block, hook);
    });
    isBroken ||= !well;
  }
  if (isBroken) return table.chains.get(name) ?? addChain(table, block);
  if (base === undefined && block.devices !== undefined)
    throw sources.error('This chain type cannot be bound to device', block.devices.span ?? block.span);
  const policy = policyOf(sources, block);
  const existing = table.chains.get(name);
  if (existing === undefined) {
    if (base === undefined && policy !== undefined)
      throw sources.error(
        'Could not process rule: Operation not supported',
        block.policy?.span ?? block.span,
        'only base chains have a policy',
      );
    const chain: DraftChain = { name, handle: table.nextHandle(), rules: [], span: block.span };
    if (base !== undefined) chain.base = { ...base, policy: policy ?? 'accept' };
    if (block.comment !== undefined) chain.comment = block.comment;
    table.chains.set(name, chain);
    return chain;
  }
  if (create) throw sources.error('Could not process rule: File exists', block.name.span);
  if (base !== undefined) {
    const same =
      existing.base?.type === base.type && existing.base.hook === base.hook && existing.base.priority === base.priority;
    if (!same) {
      throw sources.error(
        `Chain "${name}" already exists in table ${table.family} '${table.name}' with different declaration`,
        block.hook?.span ?? block.span,
      );
    }
    for (const device of base.devices)
      if (existing.base?.devices.includes(device) === false) existing.base.devices.push(device);
  }
  if (policy !== undefined && existing.base !== undefined) existing.base.policy = policy;
  return existing;
}

function addChain(table: DraftTable, block: ChainBlock): DraftChain {
  const chain: DraftChain = { name: block.name.text, handle: table.nextHandle(), rules: [], span: block.span };
  table.chains.set(chain.name, chain);
  return chain;
}

export function refuseLongName(sources: Sources, name: string, span: Span): void {
  if (Buffer.byteLength(name) >= MAX_NAME)
    throw sources.error(`name too long, at most ${MAX_NAME - 1} characters`, span);
}

function policyOf(sources: Sources, block: ChainBlock): 'accept' | 'drop' | undefined {
  if (block.policy === undefined) return undefined;
  const expr = resolve(block.policy);
  if (expr.kind === 'symbol' && (expr.text === 'accept' || expr.text === 'drop')) return expr.text;
  throw sources.error('wrong policy', block.policy.span, "a policy is 'accept' or 'drop'");
}

/** What a variable stands for. */
function resolve(expr: Expr): Expr {
  let result = expr;
  for (let depth = 0; result.kind === 'variable' && depth < 64; depth++) result = cloneExpr(result.value);
  return result;
}

function baseChain(sources: Sources, family: Family, block: ChainBlock, spec: HookSpec): Omit<BaseChain, 'policy'> {
  const hook = spec.hook as Hook;
  const type = spec.type as ChainType;
  if (!FAMILY_HOOKS[family].includes(hook)) {
    throw sources.error(
      `The ${family} family does not support this hook`,
      spec.hookSpan,
      `it has ${FAMILY_HOOKS[family].join(', ')}`,
    );
  }
  const priority = evaluatePriority(sources, spec.priority, family, hook);
  if (!chainTypeExists(type, family, hook)) {
    throw sources.error(
      `Chain of type "${type}" is not supported, perhaps kernel support is missing?`,
      spec.span ?? block.span,
      `type ${type} does not exist at hook ${hook} of family ${family}`,
    );
  }
  if (type === 'nat' && priority <= NAT_PRIORITY_FLOOR) {
    throw sources.error('Chains of type "nat" must have a priority value above -200', spec.priority.span);
  }
  const mayHaveDevices = family === 'netdev' || (family === 'inet' && hook === 'ingress');
  if (block.devices !== undefined && !mayHaveDevices) {
    throw sources.error('This chain type cannot be bound to device', block.devices.span ?? block.span);
  }
  const devices = block.devices === undefined ? [] : devicesOf(sources, block.devices);
  if (mayHaveDevices && devices.length === 0) {
    throw sources.error(
      'Could not process rule: No such file or directory',
      spec.span ?? block.span,
      'a chain at this hook needs a device',
    );
  }
  return { type, hook, priority, devices };
}

/** A priority's value: number, or a name of the family and hook plus or minus something. */
function evaluatePriority(sources: Sources, spec: PrioritySpec, family: Family, hook: Hook): number {
  const base = resolve(spec.base);
  if (base.kind === 'value') return Number(base.value) + spec.offset;
  if (base.kind !== 'symbol') throw sources.error('not a valid priority expression', spec.base.span);
  const match =
    /^\s*([^\s+-]+)(?:\s*([+-])\s*(\d{1,9}))?\s*$/.exec(base.text) ?? /^\s*(-?\d{1,10})()()\s*$/.exec(base.text);
  const name = match?.[1] ?? base.text;
  if (/^-?\d{1,10}$/.test(base.text.trim())) return Number(base.text) + spec.offset;
  const named = namedPriority(name, family, hook);
  if (match === null || named === undefined) {
    const names = priorityNames(family, hook);
    const meant = nearest(name, names);
    const hint =
      meant === undefined
        ? `names at hook ${hook} of family ${family}: ${names.join(', ')}`
        : `did you mean '${meant}'?`;
    throw sources.error(`invalid priority expression '${base.text}' in this context.`, spec.span, hint);
  }
  const extra = match[3] === undefined ? 0 : Number(match[3]) * (match[2] === '-' ? -1 : 1);
  return named + extra + spec.offset;
}

/** Names of devices, variables and sets laid flat. */
export function devicesOf(sources: Sources, expr: Expr): string[] {
  const names: string[] = [];
  const seen = new Set<Expr>();
  const add = (item: Expr, depth: number): void => {
    if (depth > 64) return;
    switch (item.kind) {
      case 'variable':
        if (seen.has(item.value)) return;
        seen.add(item.value);
        add(item.value, depth + 1);
        return;
      case 'list':
      case 'set':
        for (const inner of item.items) add(inner, depth + 1);
        return;
      case 'element':
        add(item.key, depth + 1);
        return;
      case 'symbol':
        if (item.text === '' || item.text.length > 15)
          throw sources.error('interface name too long, at most 15 characters', item.span ?? expr.span);
        if (!names.includes(item.text)) names.push(item.text);
        return;
      default:
        throw sources.error(`${item.kind} is not a valid variable expression`, item.span ?? expr.span);
    }
  };
  add(expr, 0);
  if (names.length > MAX_DEVICES)
    throw sources.error('Could not process rule: Argument list too long', expr.span, `at most ${MAX_DEVICES} devices`);
  return names;
}

/** A device is in one flowtable of a table at most (nft_register_flowtable_net_hooks). */
function refuseSharedDevices(sources: Sources, table: DraftTable, block: FlowtableBlock, devices: string[]): void {
  for (const other of table.flowtables.values()) {
    const shared = other.name === block.name.text ? undefined : devices.find((one) => other.devices.includes(one));
    if (shared === undefined) continue;
    const hint = `device '${shared}' is in flowtable '${other.name}' of this table`;
    throw sources.error('Could not process rule: File exists', block.name.span, hint);
  }
}

/** Declares a flowtable, or adds devices to the one that there is. */
export function applyFlowtable(sources: Sources, table: DraftTable, block: FlowtableBlock, create: boolean): void {
  const name = block.name.text;
  refuseLongName(sources, name, block.name.span);
  if (!['ip', 'ip6', 'inet'].includes(table.family)) {
    throw sources.error(
      'Could not process rule: Operation not supported',
      block.name.span,
      `tables of family ${table.family} have no flowtables`,
    );
  }
  const devices = block.devices === undefined ? [] : devicesOf(sources, block.devices);
  refuseSharedDevices(sources, table, block, devices);
  const existing = table.flowtables.get(name);
  if (existing !== undefined) {
    if (create) throw sources.error('Could not process rule: File exists', block.name.span);
    for (const device of devices) if (!existing.devices.includes(device)) existing.devices.push(device);
    return;
  }
  if (block.hook === undefined) {
    throw sources.error('missing hook and priority in flowtable declaration', block.span);
  }
  const priority = block.priority === undefined ? 0 : evaluatePriority(sources, block.priority, 'netdev', 'ingress');
  const flowtable: DraftFlowtable = {
    name,
    handle: table.nextHandle(),
    priority,
    devices,
    offload: block.offload,
    counter: block.counter,
    span: block.span,
  };
  table.flowtables.set(name, flowtable);
}
