// What the price of a path is linear in: events and expressions, split where the kernel's cost differs
// (address family, layer-4 protocol, width of a load, size of a set). Weights (src/cost/weights) have one row
// for each feature; the calibration counts them, the model multiplies them.
import { f64, u32 } from '../base/columns.ts';
import { reasonIndex } from '../event/reasons.ts';
import type { PathTable } from '../event/recorder.ts';
import type { EventName, EventNames, ExpressionCost, ExpressionShape, RuleShape, Work } from '../event/vocabulary.ts';
import { argumentOf, EVENTS, EXPRESSION_COSTS, eventKind, kindOf, WORK } from '../event/vocabulary.ts';

/** Suffixes of an event's features. `scaled`: a constant and a part that grows with the argument; `units`: the latter only. */
type Split =
  | 'none'
  | 'family'
  | 'protocol'
  | 'update'
  | 'mangle'
  | 'chain'
  | 'jump'
  | 'error'
  | 'reply'
  | 'reject'
  | 'scaled'
  | 'units';

const SUFFIXES: Record<Split, readonly string[]> = {
  none: [''],
  family: ['.v4', '.v6'],
  protocol: ['.tcp', '.udp', '.other'],
  update: ['.tcp', '.udp', '.other', '.icmpv6'],
  mangle: ['.tcp', '.udp', '.other', '.v6', '.after-routing'],
  chain: ['.v4', '.v6', '.link', '.link.v6'],
  jump: ['', '.return'],
  error: ['.v4', '.v6', '.v4.per-unit', '.v6.per-unit', '.v6.source', '.v6.limited'],
  reply: ['.v4', '.v6', '.v4.per-unit', '.v6.per-unit'],
  reject: ['.v4', '.v6', '.with-error'],
  scaled: ['', '.per-unit'],
  units: [''],
};

const SPLITS: { readonly [name in EventName]?: Split } = {
  'ip-receive': 'family',
  'defrag-queue': 'family',
  'defrag-reassemble': 'family',
  'ct-lookup': 'family',
  'ct-new': 'family',
  'ct-update': 'update',
  'ct-checksum': 'scaled',
  'nat-setup': 'family',
  'nat-mangle': 'mangle',
  route: 'family',
  'route-output': 'family',
  forward: 'family',
  local: 'family',
  output: 'family',
  fragment: 'family',
  'base-chain': 'chain',
  'flow-lookup': 'family',
  'flow-hit': 'family',
  'flow-nat': 'protocol',
  'flow-xmit': 'family',
  jump: 'jump',
  reject: 'reject',
  'icmp-error': 'error',
  'icmp-reply': 'reply',
  'gso-segment': 'units',
};

/** Further rows of an expression: wider loads leave the fast variants, big sets cost more, IPv6 looks addresses up. */
const EXPRESSION_SUFFIXES: { readonly [cost in ExpressionCost]?: readonly string[] } = {
  payload: ['', '.wide'],
  meta: ['', '.name'],
  'lookup-hash': ['', '.fixed', '.resizable', '.octet'],
  range: ['', ...WORK.range.map((row) => `.${row}`)],
  'lookup-rbtree': ['', ...WORK['lookup-rbtree'].map((row) => `.${row}`)],
  'lookup-pipapo': ['', ...WORK['lookup-pipapo'].map((row) => `.${row}`)],
  bitwise: ['', '.generic'],
  objref: ['', '.quota', '.limit', '.other'],
  numgen: ['', '.incremental'],
  log: ['', ...WORK.log.map((row) => `.${row}`), '.group'],
  masquerade: ['', '.v6'],
  fib: ['', '.v6'],
  rt: ['', '.v6'],
};
/** Expressions whose second row is for IPv6 packets. */
const BY_FAMILY: ReadonlySet<ExpressionCost> = new Set(['masquerade', 'fib', 'rt'] as const);

/** Names of all features: `ip-receive.v4`, `ct-update.tcp`, `expr.cmp`, … */
export const FEATURES: readonly string[] = [
  ...EVENTS.flatMap((event) => SUFFIXES[splitOf(event.name)].map((suffix) => event.name + suffix)),
  ...EXPRESSION_COSTS.flatMap((cost) => (EXPRESSION_SUFFIXES[cost] ?? ['']).map((suffix) => `expr.${cost}${suffix}`)),
];

const FEATURE_INDEX = new Map(FEATURES.map((name, index) => [name, index]));

/** The index of a feature by its name; throws on a name that there is not (a bug in a table). */
export function featureIndex(name: string): number {
  const index = FEATURE_INDEX.get(name);
  if (index === undefined) throw new Error(`no cost feature is called ${name}`);
  return index;
}

const FIRST_FEATURE = EVENTS.map((event) => featureIndex(event.name + SUFFIXES[splitOf(event.name)][0]));
const SPLIT_BY_KIND: readonly Split[] = EVENTS.map((event) => splitOf(event.name));
const FIRST_EXPRESSION = new Map<ExpressionCost, number>(
  EXPRESSION_COSTS.map((cost) => [cost, featureIndex(`expr.${cost}`)]),
);
const RULE = eventKind('rule');
const POLICY = eventKind('policy');
const ICMP_ERROR = eventKind('icmp-error');
const BASE_CHAIN = eventKind('base-chain');
const LOCAL = eventKind('local');
const DROP = eventKind('drop');
const MTU = reasonIndex('mtu');
const RETURN = featureIndex('jump.return');
const ROUTE = eventKind('route');
const ROUTE_OUTPUT = eventKind('route-output');

function splitOf(name: EventName): Split {
  return SPLITS[name] ?? 'none';
}

const ICMPV6 = 58;
const ETHERNET_OCTETS = 14;
/** Octets of an address and a port. */
const USUAL_KEY = 8;
/** Prefixes that a range of a field becomes. */
const USUAL_PREFIXES = 2;

/** Takes `amount` times a feature. */
export type FeatureSink = (feature: number, amount: number) => void;
/** Takes the first `expressions` expressions of a rule on an IPv6 packet or not: a sink may keep what they sum up to. */
export type RuleSink = (rule: number, expressions: number, isV6: boolean) => void;

/** Gives all features of a path to `feature`, and to `rule` what the rules evaluated (`expressionFeatures` resolves it). */
export function pathFeatures(
  paths: PathTable,
  path: number,
  names: EventNames,
  feature: FeatureSink,
  rule: RuleSink,
): void {
  const from = u32(paths.offsets, path);
  const to = u32(paths.offsets, path + 1);
  let isV6 = startsAsV6(paths.words, from, to);
  let isRouted = false;
  const chains: string[] = [];
  for (let at = from; at < to; at++) {
    const word = u32(paths.words, at);
    const kind = kindOf(word);
    const argument = argumentOf(word);
    const first = FIRST_FEATURE[kind];
    if (first === undefined) continue;
    const split = SPLIT_BY_KIND[kind] as Split;
    const family = familyOf(kind, argument);
    if (family !== 0) isV6 = family === 6;
    if (split === 'none') feature(first, 1);
    else if (split === 'family') feature(first + (isV6 ? 1 : 0), 1);
    else if (split === 'protocol') feature(first + protocolRow(argument & 0xff), 1);
    else if (split === 'update') feature(first + ((argument & 0xff) === ICMPV6 ? 3 : protocolRow(argument & 0xff)), 1);
    else if (split === 'mangle') {
      feature(first + (isV6 ? 3 : protocolRow(argument & 0xff)), 1);
      if (isRouted) feature(first + 4, 1); // nf_xfrm_me_harder after a source translation
    } else if (split === 'jump') {
      feature(first, 1);
      chains.push(names.chains[argument] ?? '');
    } else if (split === 'reject') feature(first + (has(paths.words, at, to, ICMP_ERROR) ? 2 : isV6 ? 1 : 0), 1);
    else if (split === 'error') {
      feature(first + (isV6 ? 1 : 0), 1);
      feature(first + (isV6 ? 3 : 2), quotedOctets(paths, path, isV6) / 64);
      if (isV6 && !has(paths.words, from, at, LOCAL)) feature(first + 4, 1); // ipv6_dev_get_saddr: the destination is not ours
      if (isV6 && !isTooBig(paths.words, from, to)) feature(first + 5, 1); // icmpv6_xrlim_allow
    } else if (split === 'reply') {
      feature(first + (isV6 ? 1 : 0), 1);
      feature(first + (isV6 ? 3 : 2), octetsOf(paths, path) / 64);
    } else if (split === 'chain')
      feature(first + (isLinkChain(names.chains[argument]) ? (isV6 ? 3 : 2) : isV6 ? 1 : 0), 1);
    else if (split === 'units') feature(first, argument);
    else {
      feature(first, 1);
      feature(first + 1, argument);
    }
    if (kind === ROUTE || kind === ROUTE_OUTPUT) isRouted = true;
    if (kind === BASE_CHAIN) {
      chains.length = 0;
      chains.push(names.chains[argument] ?? '');
    } else if (kind === RULE) {
      const returned = leave(chains, names.rules[argument >>> 8]?.chain);
      if (returned > 0) feature(RETURN, returned);
      rule(argument >>> 8, argument & 0xff, isV6);
    } else if (kind === POLICY && chains.length > 1) {
      feature(RETURN, chains.length - 1);
      chains.length = 1;
    }
  }
}

/** Features of the first `count` expressions of a rule; 255 stands for all of a rule that has as many or more. */
export function ruleFeatures(rule: RuleShape | undefined, count: number, isV6: boolean, feature: FeatureSink): void {
  const expressions = rule?.expressions ?? [];
  const end = count === 255 ? expressions.length : Math.min(count, expressions.length);
  for (let i = 0; i < end; i++) expressionFeatures(costShape(expressions, i), isV6, feature);
}

/** Leaves the chains that a rule of `chain` is not in (their ends were reached); how many returns that were. */
function leave(chains: string[], chain: string | undefined): number {
  const at = chain === undefined ? -1 : chains.lastIndexOf(chain);
  if (at < 0) return 0;
  const returned = chains.length - 1 - at;
  chains.length = at + 1;
  return returned;
}

function has(words: Uint32Array, from: number, to: number, kind: number): boolean {
  for (let at = from; at < to; at++) if (kindOf(u32(words, at)) === kind) return true;
  return false;
}

/** The packet is too large for the way out: of errors that say so there is no limit. */
function isTooBig(words: Uint32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const word = u32(words, at);
    if (kindOf(word) === DROP && argumentOf(word) === MTU) return true;
  }
  return false;
}

/** Octets of the packet that an ICMP error carries back (RFC 1812, RFC 4443; the replay keeps only the path's mean length). */
function quotedOctets(paths: PathTable, path: number, isV6: boolean): number {
  return Math.min(octetsOf(paths, path), isV6 ? 1232 : 548);
}

function octetsOf(paths: PathTable, path: number): number {
  const packets = f64(paths.packets, path);
  return packets > 0 ? Math.max(0, f64(paths.bytes, path) / packets - ETHERNET_OCTETS) : 0;
}

const META_NAME: ExpressionShape = { cost: 'meta', size: 16 };

/**
 * The shape by which to price expression i: a meta load without a size whose next expression is a 16-octet compare is
 * an interface name; a compare of more than 16 octets is generic.
 */
function costShape(expressions: readonly ExpressionShape[], i: number): ExpressionShape {
  const shape = expressions[i] as ExpressionShape;
  if (shape.cost === 'meta' && shape.size === 0 && expressions[i + 1]?.cost === 'cmp16') return META_NAME;
  if (shape.cost === 'cmp' && shape.size > 16) return { cost: 'cmp-generic', size: shape.size };
  return shape;
}

/** Features of one expression. */
export function expressionFeatures(shape: ExpressionShape, isV6: boolean, feature: FeatureSink): void {
  const first = FIRST_EXPRESSION.get(shape.cost);
  if (first === undefined) return;
  const size = shape.size;
  switch (shape.cost) {
    case 'payload': // nft_payload_fast_eval: 1, 2 or 4 octets; all else is skb_copy_bits
      feature(first + (size === 0 || size === 1 || size === 2 || size === 4 ? 0 : 1), 1);
      return;
    case 'meta': // interface names are copied and padded to 16 octets
      feature(first + (size >= 16 ? 1 : 0), 1);
      return;
    case 'lookup-hash':
      hashFeatures(shape, first, feature);
      return;
    case 'range':
    case 'lookup-rbtree':
    case 'lookup-pipapo':
      feature(first, 1);
      workFeatures(shape.work ?? usualWork(shape), first + 1, feature);
      return;
    case 'log':
      if (size > 0) feature(first + 1 + WORK.log.length, 1);
      else {
        feature(first, 1);
        workFeatures(shape.work ?? USUAL_LINE, first + 1, feature);
      }
      return;
    case 'bitwise': // nft_bitwise_fast: 4 octets
      feature(first + (size === 4 || size === 0 ? 0 : 1), 1);
      return;
    case 'objref':
    case 'numgen':
      feature(first + Math.min(size, (EXPRESSION_SUFFIXES[shape.cost] ?? ['']).length - 1), 1);
      return;
    default:
      feature(first + (isV6 && BY_FAMILY.has(shape.cost) ? 1 : 0), 1);
  }
}

/** One word is hashed by itself (nft_hash_lookup_fast), else all octets. */
function hashFeatures({ hash, keyOctets = USUAL_KEY }: ExpressionShape, first: number, feature: FeatureSink): void {
  const kind = hash ?? (keyOctets === 4 ? 'fast' : 'fixed');
  feature(first + (kind === 'fast' ? 0 : kind === 'fixed' ? 1 : 2), 1);
  if (kind !== 'fast') feature(first + 3, keyOctets);
}

/** The mean of what the evaluations met. */
function workFeatures(work: Work, first: number, feature: FeatureSink): void {
  work.amounts.forEach((amount, row) => {
    if (amount !== 0) feature(first + row, amount / work.times);
  });
}

/** A line of TCP over IPv4 without a prefix. */
const USUAL_LINE: Work = { times: 1, amounts: [205, 26, 31, 0] };

/** Where nothing was counted: half of a tree's nodes are less than the key; two fields, in the first of which one rule matches. */
function usualWork(shape: ExpressionShape): Work {
  if (shape.cost === 'range') return { times: 1, amounts: [0.5] };
  const octets = shape.keyOctets ?? USUAL_KEY;
  if (shape.cost === 'lookup-rbtree') {
    const nodes = Math.log2(2 * Math.max(1, shape.size) + 1);
    return { times: 1, amounts: [nodes, nodes / 2, nodes * (1 + octets / 16)] };
  }
  const rules = Math.max(1, shape.size) * USUAL_PREFIXES;
  const [words, blocks] = [Math.ceil(rules / 64), Math.ceil(rules / 256)];
  return {
    times: 1,
    amounts: [2, octets, words * (octets + 1), 2 * words, 0, 2 * blocks, (blocks * octets) / 2 + 2 * blocks, 1, 1, 0],
  };
}

/** 4, 6, or 0 when the event does not say (`family` arguments may be ours or the kernel's AF_INET, AF_INET6). */
function familyOf(kind: number, argument: number): number {
  const meaning = EVENTS[kind]?.argument;
  if (meaning === 'family') return argument === 6 || argument === 10 ? 6 : 4;
  if (meaning !== 'protocol') return 0;
  const family = argument >>> 8;
  return family === 0 ? 0 : family === 6 || family === 10 ? 6 : 4;
}

/** What comes before the first event that names a family belongs to the same packet. */
function startsAsV6(words: Uint32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const family = familyOf(kindOf(u32(words, at)), argumentOf(u32(words, at)));
    if (family !== 0) return family === 6;
  }
  return false;
}

function protocolRow(protocol: number): number {
  return protocol === 6 ? 0 : protocol === 17 ? 1 : 2;
}

/** Chains of these families see frames, not IP packets: nft_set_pktinfo does less (netdev) or elsewhere. */
function isLinkChain(chain: string | undefined): boolean {
  return chain !== undefined && /^(netdev|bridge|arp) /.test(chain);
}
