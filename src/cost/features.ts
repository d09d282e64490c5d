// What the price of a path is linear in: events and expressions, split where the kernel's cost differs
// (address family, layer-4 protocol, width of a load, size of a set). Weights (src/cost/weights) have one row
// for each feature; the calibration counts them, the model multiplies them.
import { u32 } from '../base/columns.ts';
import type { PathTable } from '../event/recorder.ts';
import type { EventName, EventNames, ExpressionCost, ExpressionShape, RuleShape } from '../event/vocabulary.ts';
import { argumentOf, EVENTS, EXPRESSION_COSTS, eventKind, kindOf } from '../event/vocabulary.ts';

/** Suffixes of an event's features. `scaled`: a constant and a part that grows with the argument; `units`: the latter only. */
type Split = 'none' | 'family' | 'protocol' | 'mangle' | 'chain' | 'scaled' | 'units';

const SUFFIXES: Record<Split, readonly string[]> = {
  none: [''],
  family: ['.v4', '.v6'],
  protocol: ['.tcp', '.udp', '.other'],
  mangle: ['.tcp', '.udp', '.other', '.after-routing'],
  chain: ['.v4', '.v6', '.link'],
  scaled: ['', '.per-unit'],
  units: [''],
};

const SPLITS: { readonly [name in EventName]?: Split } = {
  'ip-receive': 'family',
  'defrag-queue': 'family',
  'defrag-reassemble': 'family',
  'ct-lookup': 'family',
  'ct-new': 'family',
  'ct-update': 'protocol',
  'ct-checksum': 'scaled',
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
  'icmp-error': 'family',
  'gso-segment': 'units',
};

/** Further rows of an expression: wider loads leave the fast variants, big sets cost more. */
const EXPRESSION_SUFFIXES: { readonly [cost in ExpressionCost]?: readonly string[] } = {
  payload: ['', '.wide'],
  meta: ['', '.name'],
  'lookup-rbtree': ['', '.log2-elements'],
  'lookup-pipapo': ['', '.1000-elements'],
};

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
const ROUTE = eventKind('route');
const ROUTE_OUTPUT = eventKind('route-output');

function splitOf(name: EventName): Split {
  return SPLITS[name] ?? 'none';
}

/** Takes `amount` times a feature. */
export type FeatureSink = (feature: number, amount: number) => void;
/** Takes the first `expressions` expressions of a rule: a sink may keep what they sum up to. */
export type RuleSink = (rule: number, expressions: number) => void;

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
    else if (split === 'mangle') {
      feature(first + protocolRow(argument & 0xff), 1);
      if (isRouted) feature(first + 3, 1); // nf_xfrm_me_harder after a source translation
    } else if (split === 'chain') feature(first + (isLinkChain(names.chains[argument]) ? 2 : isV6 ? 1 : 0), 1);
    else if (split === 'units') feature(first, argument);
    else {
      feature(first, 1);
      feature(first + 1, argument);
    }
    if (kind === ROUTE || kind === ROUTE_OUTPUT) isRouted = true;
    if (kind === RULE) rule(argument >>> 8, argument & 0xff);
  }
}

/** Features of the first `count` expressions of a rule; 255 stands for all of a rule that has as many or more. */
export function ruleFeatures(rule: RuleShape | undefined, count: number, feature: FeatureSink): void {
  const expressions = rule?.expressions ?? [];
  const end = count === 255 ? expressions.length : Math.min(count, expressions.length);
  for (let i = 0; i < end; i++) expressionFeatures(costShape(expressions, i), feature);
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
export function expressionFeatures(shape: ExpressionShape, feature: FeatureSink): void {
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
    case 'lookup-rbtree':
      feature(first, 1);
      feature(first + 1, Math.log2(Math.max(1, size)));
      return;
    case 'lookup-pipapo':
      feature(first, 1);
      feature(first + 1, size / 1000);
      return;
    default:
      feature(first, 1);
  }
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
