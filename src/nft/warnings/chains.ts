// Chains, policies and states: equal priorities, dead chains, policies without a way back, what is accepted by mistake.
import type { Chain, Family, Rule, Ruleset, Table } from '../../bytecode/ruleset.ts';
import {
  type Callers,
  callersOf,
  decidedStates,
  isUnconditional,
  matchesOf,
  type Outcome,
  outcomeOf,
  STATE,
  statesOf,
  targetsOf,
  writes,
} from './rules.ts';
import { at, type Report } from './warning.ts';

/** Which families see the same packets. */
const LAYERS: Record<Family, readonly string[]> = {
  ip: ['ip'],
  ip6: ['ip6'],
  inet: ['ip', 'ip6'],
  arp: ['arp'],
  bridge: ['bridge'],
  netdev: ['netdev'],
};

/** Chains that firewall4 makes (its templates ruleset.uc and zone-*.uc). */
const RENDERED =
  /^(handle_reject|syn_flood|(input|output|forward|helper|notrack|srcnat|dstnat|mangle_\w+|(accept|reject|drop)_(from|to))(_\w+)?)$/;

export function findEqualPriorities(ruleset: Ruleset, report: Report): void {
  const bases = ruleset.tables.flatMap((table) =>
    table.flags.includes('dormant')
      ? []
      : table.chains.flatMap((chain) => (chain.base === undefined ? [] : [{ table, chain, base: chain.base }])),
  );
  for (const [index, one] of bases.entries()) {
    const other = bases.slice(0, index).find(({ table, chain, base }) => {
      if (base.hook !== one.base.hook || base.priority !== one.base.priority) return false;
      if (!LAYERS[table.family].some((layer) => LAYERS[one.table.family].includes(layer))) return false;
      if (base.devices.length > 0 && !base.devices.some((device) => one.base.devices.includes(device))) return false;
      return doesSomething(chain) && doesSomething(one.chain);
    });
    if (other === undefined) continue;
    report({
      id: orderMatters(other, one) ? 'equal-priority' : 'equal-priority-filters',
      message: `chains '${other.chain.name}' (table ${other.table.family} ${other.table.name}) and '${one.chain.name}' (table ${one.table.family} ${one.table.name}) have the same priority at hook ${one.base.hook}: which one runs first depends on the order of loading`,
      ...at(one.chain.location),
      help: `give one of them another priority, e.g. ${one.base.priority + 1}`,
      ...(other.chain.location === undefined
        ? {}
        : { related: [{ message: 'the other chain', location: other.chain.location }] }),
    });
  }
}

function doesSomething(chain: Chain): boolean {
  return chain.rules.length > 0 || chain.base?.policy === 'drop';
}

interface PlacedChain {
  table: Table;
  chain: Chain;
}

/** In one table a slip is likely; NAT takes the first that matches; what one changes the other may see. */
function orderMatters(a: PlacedChain, b: PlacedChain): boolean {
  if (a.table === b.table || a.chain.base?.type === 'nat' || b.chain.base?.type === 'nat') return true;
  return [a, b].some(({ table, chain }) => reach(table, chain).some((one) => one.rules.some(writes)));
}

export function findChains(table: Table, report: Report): void {
  const callers = callersOf(table);
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  if (table.flags.includes('dormant')) {
    report({
      id: 'dormant-table',
      message: `table ${table.family} '${table.name}' is dormant: none of its rules runs`,
      ...at(table.chains[0]?.location),
      help: "take 'flags dormant' out",
    });
  }
  const told = new Set<string>();
  for (const chain of table.chains) {
    reportUnused(table, chain, callers, report);
    if (chain.base?.policy === 'drop') reportNoWayBack(table, chain, report);
    if (chain.base?.type === 'nat') reportNatDrop(chain, report);
    for (const rule of chain.rules) {
      reportInvalid(table, chain, rule, report);
      reportLog(rule, chain, report);
      for (const name of targetsOf(table, rule)) {
        if (told.has(name) || chains.get(name)?.rules.length !== 0) continue;
        told.add(name);
        report({
          id: 'empty-chain',
          message: `chain '${name}' is jumped to and has no rules`,
          ...at(rule.location),
        });
      }
    }
  }
}

function reportUnused(table: Table, chain: Chain, callers: Callers, report: Report): void {
  if (chain.base !== undefined || chain.rules.length === 0 || callers.of.has(chain.name)) return;
  // A file without hooks is a part of a ruleset; firewall4 renders chains of zones whether they are used or not.
  if (!table.chains.some(({ base }) => base !== undefined)) return;
  if (table.family === 'inet' && table.name === 'fw4' && RENDERED.test(chain.name)) return;
  // Maps may get elements that lead here while the router runs.
  if (table.sets.some((set) => set.mapTo === 'verdict' && !set.anonymous)) return;
  const count = chain.rules.length === 1 ? 'its rule never runs' : `its ${chain.rules.length} rules never run`;
  report({
    id: 'unused-chain',
    message: `nothing jumps to chain '${chain.name}': ${count}`,
    ...at(chain.location),
    help: `jump ${chain.name} in another chain, or a line 'type … hook …' in this one`,
  });
}

/** All chains that packets of a base chain may get to. */
function reach(table: Table, chain: Chain): Chain[] {
  const chains = new Map(table.chains.map((one) => [one.name, one]));
  const found = new Set<Chain>();
  const pending: Chain[] = [chain];
  for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
    if (found.has(one)) continue;
    found.add(one);
    for (const rule of one.rules) {
      for (const name of targetsOf(table, rule)) {
        const next = chains.get(name);
        if (next !== undefined) pending.push(next);
      }
    }
  }
  return [...found];
}

function reportNoWayBack(table: Table, chain: Chain, report: Report): void {
  const { base } = chain;
  if (base?.type !== 'filter' || !['input', 'forward', 'output'].includes(base.hook)) return;
  if (base.hook === 'output' && !acceptsNew(table)) return;
  if (table.family === 'arp' || table.family === 'bridge' || table.family === 'netdev') return;
  const rules = reach(table, chain).flatMap((one) => one.rules);
  const usesState = rules.some((rule) => rule.expressions.some(looksAtConnection));
  const accepts = rules.filter((rule) => outcomeOf(rule) === 'accept');
  const isOpen = accepts.some((rule) => isUnconditional(rule));
  const tracked = accepts.some((rule) => namesPort(table, rule));
  if (usesState || isOpen || !tracked) return;
  report({
    id: base.hook === 'input' ? 'no-established-input' : 'no-established',
    message: `chain '${chain.name}' drops by policy and no rule accepts answers of established connections`,
    ...at(chain.location),
    help: 'ct state established,related accept',
  });
}

/** Whether an input chain of the table accepts by port whatever the state: the router answers, through the output chains. */
function acceptsNew(table: Table): boolean {
  const inputs = table.chains.filter(({ base }) => base?.hook === 'input');
  const rules = inputs.flatMap((chain) => reach(table, chain)).flatMap((chain) => chain.rules);
  return rules.some(
    (rule) => outcomeOf(rule) === 'accept' && namesPort(table, rule) && !rule.expressions.some(looksAtConnection),
  );
}

function looksAtConnection(expression: Rule['expressions'][number]): boolean {
  return expression.kind === 'ct' || (expression.kind as string) === 'socket' || expression.kind === 'objref-map';
}

/** Whether a rule accepts by destination port, and none by source port: it is not a filter without state. */
function namesPort(table: Table, rule: Rule): boolean {
  return (matchesOf(table, rule) ?? []).some(({ load }) => load.includes('"base":"transport","offset":2,"length":2'));
}

function reportNatDrop(chain: Chain, report: Report): void {
  const dropping = chain.rules.find((rule) => outcomeOf(rule) === 'drop');
  if (dropping === undefined && chain.base?.policy !== 'drop') return;
  report({
    id: 'nat-chain-drop',
    message: `nat chain '${chain.name}' drops packets, yet sees only the first one of each connection`,
    ...at(dropping?.location ?? chain.location),
    help: 'filter in a chain of type filter',
  });
}

function reportInvalid(table: Table, chain: Chain, rule: Rule, report: Report): void {
  const accepted = decidedStates(table, rule).get(STATE.invalid);
  const matches = matchesOf(table, rule) ?? [];
  const mixed = matches.some((match) => ((statesOf(table, match) ?? 0) & STATE.invalid) !== 0);
  const outcome: Outcome | undefined = accepted ?? (mixed ? outcomeOf(rule) : undefined);
  if (outcome !== 'accept') return;
  report({
    id: 'invalid-accepted',
    message: `chain '${chain.name}' accepts packets of state invalid`,
    ...at(rule.location),
    help: 'ct state invalid drop',
  });
}

function reportLog(rule: Rule, chain: Chain, report: Report): void {
  const log = rule.expressions.findIndex((expression) => expression.kind === 'log');
  if (log < 0) return;
  const isLimited = rule.expressions
    .slice(0, log)
    .some(
      ({ kind, ...rest }) =>
        kind === 'limit' ||
        kind === 'quota' ||
        kind === 'dynset' ||
        ('objectType' in rest && rest.objectType === 'limit'),
    );
  if (isLimited) return;
  report({
    id: 'log-unlimited',
    message: `chain '${chain.name}' logs without a limit`,
    ...at(rule.location),
    help: 'limit rate 10/minute before log (in a rule of its own: the limit ends the rule for the rest)',
  });
}
