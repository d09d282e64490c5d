// Flowtables that offload nothing or less than meant: `flow add` where no packet qualifies, devices that are missing.
// What qualifies: net/netfilter/nft_flow_offload.c, nft_flow_offload_eval.
import type { Chain, Flowtable, Rule, Ruleset, Table } from '../../bytecode/ruleset.ts';
import {
  type Callers,
  callersOf,
  decidedStates,
  findSet,
  matchesOf,
  outcomeOf,
  STATE,
  statesOf,
  word,
} from './rules.ts';
import { at, type Report } from './warning.ts';

const OFFLOADABLE = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [47, 'gre'],
]);
/** Devices that stand above others, by how they are usually called. */
const UPPER = [
  { pattern: /^br(-|\d|idge)/, what: 'a bridge', below: 'its ports' },
  { pattern: /^(pppoe-|ppp\d)/, what: 'a PPPoE session', below: 'the device below it' },
  { pattern: /^(wg|tun|tap|gre|sit|ipip|vti|l2tp|wwan-|6in4-|6rd-)/, what: 'a tunnel', below: 'the device below it' },
];
/** Devices that look like ports of their own: those of a name like `eth0`, `lan1`, `enp3s0`. */
const PORT = /^(eth|lan|wan|en[ospx]|sfp|port|swp)[a-z0-9]*$/;

interface FlowAdd {
  chain: Chain;
  index: number;
  rule: Rule;
  flowtable: string;
}

export function findFlowtables(ruleset: Ruleset, table: Table, report: Report): void {
  const callers = callersOf(table);
  const adds = flowAdds(table);
  for (const add of adds) {
    reportNever(table, add, callers, report);
    reportVerdict(table, add, report);
  }
  reportBeforeState(table, adds, callers, report);
  for (const flowtable of table.flowtables) {
    const used = adds.filter((add) => add.flowtable === flowtable.name);
    if (used.length === 0) {
      report({
        id: 'unused-flowtable',
        message: `no rule adds flows to flowtable '${flowtable.name}'`,
        ...at(flowtable.location),
        help: `in a chain of the forward hook: meta l4proto { tcp, udp } flow add @${flowtable.name}`,
      });
      continue;
    }
    reportDevices(ruleset, table, flowtable, report);
    if (!flowtable.counter) {
      report({
        id: 'flowtable-no-counter',
        message: `flowtable '${flowtable.name}' does not count: conntrack's packets and octets stand still for offloaded flows`,
        ...at(flowtable.location),
        help: "add 'counter' to the flowtable (kernel 5.7 or later)",
      });
    }
  }
}

function flowAdds(table: Table): FlowAdd[] {
  return table.chains.flatMap((chain) =>
    chain.rules.flatMap((rule, index) =>
      rule.expressions.flatMap((expression) =>
        expression.kind === 'flow-offload' ? [{ chain, index, rule, flowtable: expression.flowtable }] : [],
      ),
    ),
  );
}

/** The part of a rule before `flow add`. */
function before(rule: Rule): Rule {
  const end = rule.expressions.findIndex((expression) => expression.kind === 'flow-offload');
  return { ...rule, expressions: rule.expressions.slice(0, end) };
}

function reportNever(table: Table, { chain, index, rule, flowtable }: FlowAdd, callers: Callers, report: Report): void {
  const never = (reason: string, help: string, related?: Rule): void => {
    const where = related?.location;
    report({
      id: 'flow-add-never',
      message: `'flow add @${flowtable}' never offloads here: ${reason}`,
      ...at(rule.location),
      help,
      ...(where === undefined ? {} : { related: [{ message: 'this rule takes them', location: where }] }),
    });
  };
  if (!callers.reached.has(chain.name)) {
    never(`no base chain leads to chain '${chain.name}'`, `jump to '${chain.name}' from a chain of the forward hook`);
    return;
  }
  const matches = matchesOf(table, before(rule)) ?? [];
  for (const match of matches) {
    const protocols = match.key === 'meta l4proto' ? protocolsOf(table, match.expression) : undefined;
    if (protocols !== undefined && protocols.length > 0 && !protocols.some((number) => OFFLOADABLE.has(number))) {
      never('only TCP, UDP and GRE can be offloaded', 'match meta l4proto { tcp, udp }');
      return;
    }
    const states = statesOf(table, match);
    if (states === undefined || (states & (STATE.established | STATE.related)) !== 0) continue;
    if ((states & STATE.new) === 0)
      never('packets of this state belong to no connection', 'match ct state established');
    else
      never('TCP is offloaded once it is established, and this rule sees new connections only', "take 'ct state' out");
    return;
  }
  const taker = establishedTaker(table, chain, index, callers, new Set());
  if (taker !== undefined)
    never('an earlier rule takes all packets of established connections', 'put it before that rule', taker);
}

/** Protocol numbers that a match of `meta l4proto` allows. */
function protocolsOf(table: Table, expression: { kind: string }): number[] | undefined {
  const match = expression as {
    kind: 'cmp' | 'lookup';
    op?: string;
    data?: Uint8Array;
    set?: string;
    invert?: boolean;
  };
  if (match.kind === 'cmp') return match.op === 'eq' && match.data !== undefined ? [word(match.data)] : undefined;
  if (match.kind !== 'lookup' || match.invert || match.set === undefined) return undefined;
  const set = findSet(table, match.set);
  return set?.anonymous === true && !set.interval ? set.elements.map((element) => word(element.key)) : undefined;
}

/** The rule that takes established packets on every way to a place; undefined when some get there. */
function establishedTaker(
  table: Table,
  chain: Chain,
  index: number,
  callers: Callers,
  path: Set<string>,
): Rule | undefined {
  const taker = chain.rules.slice(0, index).find((rule) => {
    const outcome = decidedStates(table, rule).get(STATE.established);
    return outcome === 'accept' || outcome === 'drop';
  });
  if (taker !== undefined || chain.base !== undefined || path.has(chain.name)) return taker;
  const from = callers.of.get(chain.name) ?? [];
  const inner = new Set(path).add(chain.name);
  const takers = from.map((call) => establishedTaker(table, call.chain, call.index, callers, inner));
  return takers.every((rule) => rule !== undefined) ? takers[0] : undefined;
}

/** `flow add @ft accept` where nothing else accepts established connections. */
function reportVerdict(table: Table, { chain, index, rule, flowtable }: FlowAdd, report: Report): void {
  if (chain.base?.policy !== 'drop' || outcomeOf(rule) !== 'accept') return;
  const later = chain.rules.slice(index + 1).some((next) => {
    const outcome = outcomeOf(next);
    return outcome === 'accept' || outcome === 'jump' || outcome === 'goto' || decidedStates(table, next).size > 0;
  });
  if (later) return;
  report({
    id: 'flow-add-verdict',
    message: `packets that cannot be offloaded break off this rule at 'flow add @${flowtable}': the 'accept' behind it does not reach them, and the policy drops them`,
    ...at(rule.location),
    help: 'write the accept as a rule of its own after this one',
  });
}

/** Invalid packets get to `flow add`. One note a table. */
function reportBeforeState(table: Table, adds: readonly FlowAdd[], callers: Callers, report: Report): void {
  for (const { chain, index, rule } of adds) {
    if (!callers.reached.has(chain.name)) continue;
    const matches = matchesOf(table, before(rule)) ?? [];
    if (matches.some((match) => statesOf(table, match) !== undefined)) continue;
    if (chain.rules.slice(0, index).some((earlier) => decidedStates(table, earlier).has(STATE.invalid))) continue;
    if (chain.base === undefined) continue;
    const later = chain.rules.slice(index + 1).find((next) => decidedStates(table, next).has(STATE.invalid));
    if (later === undefined) continue;
    report({
      id: 'flow-add-before-state',
      message: "'flow add' stands before the rule that drops invalid packets",
      ...at(rule.location),
      help: "put it behind, or match 'ct state established' before it",
      ...(later.location === undefined ? {} : { related: [{ message: 'this rule', location: later.location }] }),
    });
    return;
  }
}

function reportDevices(ruleset: Ruleset, table: Table, flowtable: Flowtable, report: Report): void {
  const { name, devices, location } = flowtable;
  if (devices.length === 0) {
    report({
      id: 'flowtable-no-devices',
      message: `flowtable '${name}' has no devices: nothing takes its fast path`,
      ...at(location),
      help: 'devices = { … }: all devices that packets are forwarded through',
    });
    return;
  }
  for (const device of devices) {
    const upper = UPPER.find(({ pattern }) => pattern.test(device));
    if (upper === undefined) continue;
    report({
      id: 'flowtable-upper-device',
      message: `'${device}' in flowtable '${name}' looks like ${upper.what}: name ${upper.below} too`,
      ...at(location),
    });
  }
  const missing = forwardDevices(ruleset, table).filter(({ device }) => isMissing(device, devices));
  for (const { device, rule } of missing) {
    const [parent] = device.split('.');
    report({
      id: 'flowtable-missing-device',
      message: `packets are forwarded through '${device}', and flowtable '${name}' has neither it nor ${
        device.includes('.') ? `'${parent}' below it` : 'a device above it'
      }: they do not take the fast path`,
      ...at(location),
      help: `devices = { ${[...devices, parent].join(', ')} }`,
      ...(rule.location === undefined ? {} : { related: [{ message: `'${device}' here`, location: rule.location }] }),
    });
  }
}

function isMissing(device: string, devices: readonly string[]): boolean {
  const [parent = device] = device.split('.');
  if (!PORT.test(parent)) return false;
  return !devices.some(
    (one) => one === device || one === parent || one.startsWith(`${parent}.`) || covers(one, parent),
  );
}
/** `lan*` */
function covers(pattern: string, device: string): boolean {
  return pattern.endsWith('*') && device.startsWith(pattern.slice(0, -1));
}

/** Devices that rules of the forward hook name, each with a rule that does. */
function forwardDevices(ruleset: Ruleset, table: Table): { device: string; rule: Rule }[] {
  const found = new Map<string, Rule>();
  const callers = callersOf(table);
  for (const chain of table.chains) {
    const isForward =
      chain.base?.hook === 'forward' ||
      (callers.of.get(chain.name) ?? []).some(({ chain: caller }) => caller.base?.hook === 'forward');
    if (!isForward) continue;
    for (const rule of chain.rules) {
      if (outcomeOf(rule) !== 'accept') continue;
      for (const match of matchesOf(table, rule) ?? []) {
        if (!/^meta (iif|oif)(name)?$/.test(match.key) || match.expression.kind !== 'cmp') continue;
        if (match.expression.op !== 'eq') continue;
        const device = match.key.endsWith('name')
          ? Buffer.from(match.expression.data).toString('latin1').replace(/\0.*$/s, '')
          : (ruleset.interfaceNames[word(match.expression.data)] ?? '');
        if (device !== '' && !found.has(device)) found.set(device, rule);
      }
    }
  }
  return [...found].map(([device, rule]) => ({ device, rule }));
}
