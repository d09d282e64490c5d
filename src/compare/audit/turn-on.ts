// What a ruleset would be with offload turned on: a flowtable with the router's devices, and `flow add` for TCP and UDP
// first in the forward chain, as OpenWrt's firewall4 writes it.
import type { Chain, Ruleset, Table } from '../../bytecode/ruleset.ts';
import type { RouterSpec } from '../../net/spec.ts';
import { deviceList } from './candidate.ts';
import { bottoms } from './netdev.ts';
import { Patch } from './patch.ts';

export interface TurnedOn {
  ruleset: Ruleset;
  /** One sentence: what was added. */
  note: string;
}

/** The ruleset with a flowtable; undefined: it has one, or no chain that filters what is forwarded. */
export function turnOn(ruleset: Ruleset, router: RouterSpec, isHardware: boolean): TurnedOn | undefined {
  if (ruleset.tables.some((table) => table.flowtables.length > 0)) return undefined;
  const place = forwardChain(ruleset);
  if (place === undefined) return undefined;
  const { table, chain, first } = place;
  const devices = bottoms(router, []);
  const patch = new Patch(ruleset);
  const name = patch.freeNameIn(table.family, table.name, 'ft');
  const flags = isHardware ? '\n    flags offload' : '';
  const body = `    hook ingress priority 0\n    devices = ${deviceList(devices)}\n    counter${flags}`;
  patch.prepend(`table ${table.family} ${table.name} {\n  flowtable ${name} {\n${body}\n  }\n}\n`);
  const rule = `meta l4proto { tcp, udp } flow add @${name}`;
  if (first >= 0) patch.insertBefore(first, rule);
  else patch.appendRule(table.family, table.name, chain.name, rule);
  const patched = patch.compile();
  keepLocations(ruleset, patched.ruleset, patched.ruleOf);
  const note =
    `offload is turned on for this audit: table ${table.family} ${table.name} gets flowtable ${name} with devices = ` +
    `${deviceList(devices)} and counter, chain ${chain.name} begins with: ${rule}`;
  return { ruleset: patched.ruleset, note };
}

/** The forward filter chain with most rules, and the global index of its first rule; -1: it has none. */
function forwardChain({ tables }: Ruleset): { table: Table; chain: Chain; first: number } | undefined {
  let best: { table: Table; chain: Chain; first: number } | undefined;
  let index = 0;
  for (const table of tables) {
    for (const chain of table.chains) {
      const first = chain.rules.length > 0 ? index : -1;
      index += chain.rules.length;
      const isForward = chain.base?.hook === 'forward' && chain.base.type === 'filter' && table.family !== 'bridge';
      if (isForward && (best === undefined || chain.rules.length > best.chain.rules.length))
        best = { table, chain, first };
    }
  }
  return best;
}

/** Rules stay where they stand in the user's files. */
function keepLocations(original: Ruleset, patched: Ruleset, ruleOf: readonly number[]): void {
  const rules = original.tables.flatMap((table) => table.chains.flatMap((chain) => chain.rules));
  const now = patched.tables.flatMap((table) => table.chains.flatMap((chain) => chain.rules));
  for (const [index, rule] of now.entries()) {
    const location = rules[ruleOf[index] ?? -1]?.location;
    if (location === undefined) delete rule.location;
    else rule.location = location;
  }
  for (const table of patched.tables) {
    for (const flowtable of table.flowtables) delete flowtable.location;
    const before = original.tables.find((row) => row.family === table.family && row.name === table.name);
    for (const chain of table.chains) {
      const location = before?.chains.find((row) => row.name === chain.name)?.location;
      if (location === undefined) delete chain.location;
      else chain.location = location;
    }
  }
}
