// A ruleset and what a replay changed in it as `nft -j list ruleset` prints it (nftables src/json.c).
import type {
  Chain,
  ExpressionState,
  Flowtable,
  NftSet,
  Rule,
  Ruleset,
  RulesetState,
  SetState,
  StatefulObject,
  Table,
} from '../bytecode/ruleset.ts';
import { delinearizeRule } from './delinearize.ts';
import { delinearizeSet, keyTypes } from './delinearize-sets.ts';
import { statefulStatements } from './delinearize-stateful.ts';
import { type Json, jsonExpression } from './json-expression.ts';
import { jsonStateful } from './json-stateful.ts';
import { jsonStatement } from './json-statement.ts';
import { jsonTypeof } from './json-typeof.ts';
import { protocolName, timeoutPolicy } from './listing-objects.ts';
import { type ListingOptions, printOptions } from './listing-options.ts';
import { setSize } from './listing-sets.ts';
import { dataRate } from './print-stateful.ts';
import type { PrintOptions } from './print-text.ts';

type JsonObject = { [key: string]: Json };

/** Release names of the dialects, as nft says them. */
const RELEASE = { '1.0.6': 'Lester Gooch #5', '1.1.4': 'Commodore Bullmoose #5' } as const;

/** What `nft -j list ruleset` prints, as an object; jsonText writes it on one line as nft does. */
export function listJson(ruleset: Ruleset, state?: RulesetState, options: ListingOptions = {}): { nftables: Json[] } {
  const dialect = options.dialect ?? '1.1.4';
  const nftables: Json[] = [{ metainfo: { version: dialect, release_name: RELEASE[dialect], json_schema_version: 1 } }];
  for (const [index, table] of ruleset.tables.entries()) {
    const tableState = state?.tables[index];
    const print = printOptions(ruleset, table, options);
    nftables.push(jsonTable(table, print));
    const chains = table.chains.map((chain) => jsonChain(table, chain, print));
    if (dialect !== '1.0.6') nftables.push(...chains);
    for (const [at, object] of table.objects.entries())
      nftables.push(jsonObject(table, object, tableState?.objects[at]));
    for (const [at, set] of table.sets.entries()) {
      if (!set.anonymous) nftables.push(jsonSet(table, set, tableState?.sets[at], print, options.terse ?? false));
    }
    for (const flowtable of table.flowtables) nftables.push(jsonFlowtable(table, flowtable));
    if (dialect === '1.0.6') nftables.push(...chains);
    for (const [at, chain] of table.chains.entries()) {
      for (const [number, rule] of chain.rules.entries()) {
        nftables.push(jsonRule(table, chain, rule, tableState?.chains[at]?.rules[number], print));
      }
    }
  }
  return { nftables };
}

function jsonTable(table: Table, options: PrintOptions): Json {
  const root: JsonObject = { family: table.family, name: table.name, handle: table.handle };
  const [only] = table.flags;
  if (only !== undefined) root.flags = table.flags.length === 1 ? only : [...table.flags];
  if (table.comment !== undefined && options.dialect !== '1.0.6') root.comment = table.comment;
  return { table: root };
}

function jsonChain(table: Table, chain: Chain, options: PrintOptions): Json {
  const root: JsonObject = { family: table.family, table: table.name, name: chain.name, handle: chain.handle };
  if (chain.comment !== undefined && options.dialect !== '1.0.6') root.comment = chain.comment;
  if (chain.base !== undefined) {
    const { type, hook, priority, policy, devices } = chain.base;
    const [only] = devices;
    const dev: JsonObject = only === undefined ? {} : { dev: devices.length === 1 ? only : [...devices].sort() };
    const hooked = { type, hook, prio: priority, policy };
    Object.assign(root, options.dialect === '1.0.6' ? hooked : { ...dev, ...hooked });
  }
  return { chain: root };
}

function jsonRule(
  table: Table,
  chain: Chain,
  rule: Rule,
  states: readonly (ExpressionState | null)[] | undefined,
  options: PrintOptions,
): Json {
  const node = delinearizeRule(table, rule, states);
  const root: JsonObject = { family: table.family, table: table.name, chain: chain.name, handle: rule.handle };
  if (node.comment !== undefined) root.comment = node.comment;
  if (node.statements.length > 0) root.expr = node.statements.map((statement) => jsonStatement(statement, options));
  return { rule: root };
}

function jsonFlowtable(table: Table, flowtable: Flowtable): Json {
  const { name, handle, priority, devices } = flowtable;
  const root: JsonObject = { family: table.family, name, table: table.name, handle, hook: 'ingress', prio: priority };
  const [only] = devices;
  if (only !== undefined) root.dev = devices.length === 1 ? only : [...devices].sort();
  return { flowtable: root };
}

function jsonSet(
  table: Table,
  set: NftSet,
  state: SetState | null | undefined,
  options: PrintOptions,
  terse: boolean,
): Json {
  const isNew = options.dialect !== '1.0.6';
  const useTypeof = isNew && set.keyTypeof !== undefined;
  const root: JsonObject = {
    family: table.family,
    name: set.name,
    table: table.name,
    type: useTypeof && set.keyTypeof !== undefined ? jsonTypeof(set.keyTypeof, options) : oneOrList(set.keyTypes),
    handle: set.handle,
  };
  if (set.comment !== undefined) root.comment = set.comment;
  if (set.mapTo !== undefined) root.map = jsonData(set, isNew);
  if (!set.constant) {
    if (set.policy === 'memory') root.policy = 'memory';
    const size = setSize(table, set);
    if (size > 0) root.size = size;
  }
  addSetFlags(root, set, isNew);
  if (set.timeoutMs !== undefined && set.timeoutMs > 0) root.timeout = Math.floor(set.timeoutMs / 1000);
  if (set.gcIntervalMs !== undefined && set.gcIntervalMs > 0) root['gc-interval'] = Math.floor(set.gcIntervalMs / 1000);
  if (set.autoMerge && isNew) root['auto-merge'] = true;
  const elements = state?.elements ?? set.elements;
  if (!terse && elements.length > 0) {
    root.elem = delinearizeSet(set, elements, keyTypes(set)).items.map((item) => jsonExpression(item, options));
  }
  if (set.elementExpressions.length > 0) {
    const stateless = { ...options, stateless: true };
    root.stmt = statefulStatements(set.elementExpressions).map((statement) => jsonStateful(statement, stateless));
  }
  return { [set.mapTo === undefined ? 'set' : 'map']: root };
}

function addSetFlags(root: JsonObject, set: NftSet, isNew: boolean): void {
  const flags = [
    set.constant ? 'constant' : '',
    set.interval ? 'interval' : '',
    set.timeout ? 'timeout' : '',
    set.dynamic && isNew ? 'dynamic' : '',
  ];
  const given = flags.filter((flag) => flag !== '');
  const [only] = given;
  if (only !== undefined) root.flags = given.length === 1 && isNew ? only : given;
}

function oneOrList(names: readonly string[]): Json {
  const [only] = names;
  return names.length === 1 && only !== undefined ? only : [...names];
}

/** What a map leads to: nft 1.0.6 writes concatenated types as one text. */
function jsonData(set: NftSet, isNew: boolean): Json {
  if (set.mapTo === 'verdict') return 'verdict';
  if (set.mapTo !== 'value') return set.mapTo ?? '';
  return isNew ? oneOrList(set.dataTypes) : set.dataTypes.join(' . ');
}

function jsonObject(table: Table, object: StatefulObject, state: ExpressionState | null | undefined): Json {
  const root: JsonObject = { family: table.family, name: object.name, table: table.name, handle: object.handle };
  if (object.comment !== undefined) root.comment = object.comment;
  return { [object.type]: { ...root, ...objectData(object, state) } };
}

function objectData(object: StatefulObject, state: ExpressionState | null | undefined): JsonObject {
  switch (object.type) {
    case 'counter': {
      const { packets, bytes } = state?.kind === 'counter' ? state : object;
      return { packets, bytes };
    }
    case 'quota': {
      const used = state?.kind === 'quota' ? state.consumedBytes : object.consumedBytes;
      return { bytes: object.bytes, used, inv: object.invert };
    }
    case 'limit': {
      const { type, rate, unit, burst, invert } = object.limit;
      const shown = type === 'bytes' ? dataRate(rate) : { value: rate, unit: undefined };
      const shownBurst = type === 'bytes' ? dataRate(burst) : { value: burst, unit: undefined };
      const root: JsonObject = { rate: shown.value, per: unit };
      if (invert) root.inv = true;
      if (shown.unit !== undefined) root.rate_unit = shown.unit;
      if (shownBurst.value > 0) root.burst = shownBurst.value;
      if (shownBurst.value > 0 && shownBurst.unit !== undefined) root.burst_unit = shownBurst.unit;
      return root;
    }
    case 'ct helper':
      return { type: object.helper, protocol: protocolName(object.protocol), l3proto: object.l3proto ?? 'ip' };
    case 'ct timeout':
      return {
        protocol: protocolName(object.protocol),
        l3proto: object.l3proto ?? 'ip',
        policy: timeoutPolicy(object),
      };
    case 'ct expectation': {
      const { protocol, dport, timeoutMs, size, l3proto } = object;
      return { protocol: protocolName(protocol), dport, timeout: timeoutMs, size, l3proto: l3proto ?? 'ip' };
    }
    case 'secmark':
      return { context: object.context };
    case 'synproxy': {
      const flags = [(object.flags & 8) !== 0 ? 'timestamp' : '', (object.flags & 4) !== 0 ? 'sack-perm' : ''].filter(
        (flag) => flag !== '',
      );
      const root: JsonObject = { mss: object.mss, wscale: object.wscale };
      return flags.length === 0 ? root : { ...root, flags };
    }
  }
}
