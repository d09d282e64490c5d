// Which rows of the requirements table a ruleset needs, each with the places of the constructs that need it.
import type { SourceLocation } from '../../base/errors.ts';
import type { Chain, NftSet, Ruleset, StatefulObject, Table } from '../../bytecode/ruleset.ts';
import type { LinearExpression } from '../linear.ts';
import { compareVersions } from './kernel.ts';
import { REQUIREMENTS, type RequirementId, type RequirementRow } from './table.ts';

/** A row with where it is needed. */
export interface Requirement {
  row: RequirementRow;
  /** In the order of the text; absent places (JSON rulesets) are not counted. */
  locations: SourceLocation[];
  /** `--kernel` is older than the row's. */
  refused: boolean;
}

const ROWS = new Map<RequirementId, RequirementRow>(REQUIREMENTS.map((row) => [row.id, row]));
const MAX_PLACES = 1000;
const UPPER_DEVICE = /^(br(-|\d|idge)|pppoe-|ppp\d)|\.\d+$/;

/** Everything that a ruleset needs, in the order of the table. `kernel`: mark what this version lacks. */
export function findRequirements(ruleset: Ruleset, kernel?: string): Requirement[] {
  const found = new Map<RequirementId, SourceLocation[]>();
  const need = (id: RequirementId, location: SourceLocation | undefined): void => {
    const locations = found.get(id) ?? [];
    if (location !== undefined && locations.length < MAX_PLACES) {
      const last = locations.at(-1);
      if (last?.file !== location.file || last.line !== location.line) locations.push(location);
    }
    found.set(id, locations);
  };
  for (const table of ruleset.tables) needsOfTable(table, need);
  return [...ROWS].flatMap(([id, row]) => {
    const locations = found.get(id);
    if (locations === undefined) return [];
    return [{ row, locations, refused: kernel !== undefined && compareVersions(kernel, row.kernel) < 0 }];
  });
}

type Need = (id: RequirementId, location: SourceLocation | undefined) => void;

function needsOfTable(table: Table, need: Need): void {
  const first = table.chains[0]?.location ?? table.sets[0]?.location ?? table.flowtables[0]?.location;
  need('nf_tables', first);
  if (table.family === 'inet' || table.family === 'arp' || table.family === 'bridge' || table.family === 'netdev')
    need(table.family, first);
  if (table.flags.includes('owner')) need('table-owner', first);
  if (table.flags.includes('persist')) need('table-persist', first);
  for (const flowtable of table.flowtables) {
    need('flowtable', flowtable.location);
    if (flowtable.counter) need('flowtable-counter', flowtable.location);
    if (flowtable.offload) need('flowtable-hardware', flowtable.location);
    if (flowtable.devices.some((device) => UPPER_DEVICE.test(device))) need('flowtable-upper', flowtable.location);
    if (flowtable.devices.some((device) => device.endsWith('*'))) need('wildcard-devices', flowtable.location);
  }
  for (const object of table.objects) needsOfObject(object, need);
  const places = setPlaces(table);
  for (const set of table.sets) needsOfSet(set, set.anonymous ? places.get(set.name) : set.location, need);
  for (const chain of table.chains) needsOfChain(table, chain, need);
}

/** Where anonymous sets stand: in the rules that use them. */
function setPlaces(table: Table): Map<string, SourceLocation> {
  const places = new Map<string, SourceLocation>();
  for (const chain of table.chains) {
    for (const { expressions, location } of chain.rules) {
      for (const expression of expressions)
        if ('set' in expression && location !== undefined) places.set(expression.set, location);
    }
  }
  return places;
}

function needsOfObject({ type, location, ...rest }: StatefulObject, need: Need): void {
  switch (type) {
    case 'ct helper':
      need('ct-helper', location);
      if ('helper' in rest) need(rest.helper === 'ftp' ? 'helper-ftp' : 'helper-extra', location);
      return;
    case 'ct timeout':
      need('ct-timeout', location);
      return;
    case 'ct expectation':
      need('ct-expectation', location);
      return;
    case 'secmark':
    case 'synproxy':
      need(type, location);
      return;
    default:
      need('object', location);
      if (type === 'quota') need('quota', location);
      if (type === 'limit') need('limit', location);
  }
}

function needsOfSet(set: NftSet, location: SourceLocation | undefined, need: Need): void {
  const isRange = set.elements.some(({ keyEnd }) => keyEnd !== undefined);
  if (set.keyFieldLengths.length > 1 && (set.interval || isRange)) need('set-concat-range', location);
  if (set.elements.some(({ catchAll }) => catchAll === true)) need('set-catchall', location);
  if (set.anonymous) return;
  if (set.elementExpressions.length > 0)
    need(set.elementExpressions.length > 1 ? 'set-statements' : 'set-statement', location);
  for (const expression of set.elementExpressions) needsOfExpression('ip', undefined, expression, location, need);
}

function needsOfChain(table: Table, chain: Chain, need: Need): void {
  const { base, location } = chain;
  if (chain.name.startsWith('__chain')) need('chain-binding', location);
  if (base !== undefined) {
    if (base.hook === 'egress') need('netdev-egress', location);
    if (base.hook === 'ingress' && table.family === 'inet') need('inet-ingress', location);
    if (base.devices.length > 1) need('netdev-devices', location);
    if (base.devices.some((device) => device.endsWith('*'))) need('wildcard-devices', location);
    if (base.type === 'nat') need(table.family === 'inet' ? 'nat-inet' : 'nat-chain', location);
  }
  for (const rule of chain.rules) {
    for (const expression of rule.expressions as LinearExpression[])
      needsOfExpression(table.family, base, expression, rule.location, need);
  }
}

/** Expressions that need a row whatever they hold. */
const BY_KIND: Partial<Record<LinearExpression['kind'], RequirementId>> = {
  masquerade: 'masquerade',
  redirect: 'redirect',
  nat: 'nat',
  limit: 'limit',
  quota: 'quota',
  last: 'last',
  queue: 'queue',
  tproxy: 'tproxy',
  synproxy: 'synproxy',
  notrack: 'notrack',
  connlimit: 'ct-count',
  'flow-offload': 'flow-add',
  osf: 'osf',
  xfrm: 'xfrm',
  numgen: 'numgen',
  hash: 'hash',
  inner: 'inner',
  'payload-set': 'payload-set',
  'exthdr-set': 'exthdr-set',
  'exthdr-reset': 'exthdr-reset',
};
const BRIDGE_KEYS = new Set(['bri_iifname', 'bri_oifname', 'bri_iifpvid', 'bri_iifvproto']);
const NETMAP = 64;

function needsOfExpression(
  family: Table['family'],
  base: Chain['base'],
  expression: LinearExpression,
  location: SourceLocation | undefined,
  need: Need,
): void {
  const row = BY_KIND[expression.kind];
  if (row !== undefined) need(row, location);
  switch (expression.kind) {
    case 'ct':
    case 'ct-set':
      need('ct', location);
      if (family === 'bridge') need('bridge-ct', location);
      if (expression.key === 'labels') need('ct-label', location);
      if (expression.key === 'zone') need('ct-zone', location);
      return;
    case 'meta':
    case 'meta-set':
      if (['time', 'day', 'hour'].includes(expression.key)) need('meta-time', location);
      if (BRIDGE_KEYS.has(expression.key)) need('meta-bridge', location);
      if (expression.key === 'sdif' || expression.key === 'sdifname') need('meta-sdif', location);
      if (expression.key === 'bri_broute') need('meta-broute', location);
      return;
    case 'exthdr':
      if (expression.op === 'ipv4') need('ip-option', location);
      if (expression.op === 'sctp') need('sctp-chunk', location);
      if (expression.op === 'dccp') need('dccp-option', location);
      return;
    case 'bitwise':
      if (expression.op === 'lshift' || expression.op === 'rshift') need('bitshift', location);
      if (expression.op === 'and' || expression.op === 'or' || expression.op === 'xor')
        need('bitwise-registers', location);
      return;
    case 'nat':
      if ((expression.flags & NETMAP) !== 0) need('netmap', location);
      return;
    case 'reject':
      need('reject', location);
      if (family === 'bridge') need('reject-bridge', location);
      if (family === 'netdev') need('reject-netdev', location);
      if (base?.hook === 'prerouting' && family !== 'bridge') need('reject-prerouting', location);
      return;
    case 'log':
      need('log', location);
      if (expression.group !== undefined) need('log-group', location);
      return;
    case 'fib':
      need(family === 'netdev' ? 'fib-netdev' : family === 'inet' ? 'fib-inet' : 'fib', location);
      return;
    case 'socket':
      need('socket', location);
      if (expression.key === 'wildcard') need('socket-wildcard', location);
      if (expression.key === 'cgroupv2') need('socket-cgroup', location);
      return;
    case 'dup':
    case 'fwd':
      need(family === 'netdev' ? 'dup-netdev' : 'dup', location);
      return;
    case 'dynset':
      need(expression.op === 'delete' ? 'set-delete' : 'set-dynamic', location);
      for (const inner of expression.expressions) needsOfExpression(family, base, inner, location, need);
      return;
    case 'objref':
      if (expression.objectType === 'synproxy') need('synproxy', location);
      return;
    default:
  }
}
