// Policy rules (`ip rule`): which routing table a packet is looked up in (net/core/fib_rules.c fib_rule_match,
// net/ipv4/fib_rules.c, net/ipv6/fib6_rules.c). L3 master devices, tunnel ids, uid ranges and realms are not here.
import { ConfigError } from '../base/errors.ts';
import { parsePrefix } from '../packet/address.ts';
import type { FlowKey } from './flow-key.ts';
import { type Interfaces, words } from './interfaces.ts';
import { wordMask } from './prefix-table.ts';
import type { PolicyRuleSpec } from './spec.ts';

/** RT_TABLE_* of linux/rtnetlink.h. */
export const TABLE_DEFAULT = 253;
export const TABLE_MAIN = 254;
export const TABLE_LOCAL = 255;

/** A rule made once: matching it allocates nothing. */
export interface PolicyRule {
  priority: number;
  not: boolean;
  source: Uint32Array;
  sourceMask: Uint32Array;
  destination: Uint32Array;
  destinationMask: Uint32Array;
  /** 0: any. An interface that does not exist never matches: -1. */
  iif: number;
  oif: number;
  mark: number;
  markMask: number;
  tos: number;
  tosMask: number;
  protocol: number;
  sportMin: number;
  sportMax: number;
  dportMin: number;
  dportMax: number;
  action: PolicyRuleSpec['action'];
  table: number;
  /** Index of the rule that `goto` continues at; -1: there is none, the rule is passed over. */
  target: number;
  /** Routes as short as this or shorter are not taken; -1: all are. */
  suppressPrefixLength: number;
}

/** The rules of a kernel that nobody gave any. */
export function defaultRules(family: 4 | 6): PolicyRuleSpec[] {
  const rows: PolicyRuleSpec[] = [
    { family, priority: 0, action: 'lookup', table: TABLE_LOCAL },
    { family, priority: 32_766, action: 'lookup', table: TABLE_MAIN },
  ];
  if (family === 4) rows.push({ family, priority: 32_767, action: 'lookup', table: TABLE_DEFAULT });
  return rows;
}

/** The rules of one family in the order of their priorities. Throws ConfigError for values that mean nothing. */
export function makeRules(specs: readonly PolicyRuleSpec[], family: 4 | 6, interfaces: Interfaces): PolicyRule[] {
  const rows = specs
    .map((spec, index) => ({ spec, path: `rules[${index}]` }))
    .filter(({ spec }) => spec.family === family)
    .sort((a, b) => a.spec.priority - b.spec.priority);
  const rules = rows.map(({ spec, path }) => makeRule(spec, path, interfaces));
  rows.forEach(({ spec, path }, index) => {
    const rule = rules[index];
    if (rule === undefined || spec.action !== 'goto') return;
    const target = spec.goto ?? -1;
    if (target <= spec.priority) {
      throw new ConfigError('router', `${path}.goto`, `rule ${spec.priority} can only jump forward, not to ${target}`);
    }
    rule.target = rules.findIndex((other) => other.priority === target);
  });
  return rules;
}

function makeRule(spec: PolicyRuleSpec, path: string, interfaces: Interfaces): PolicyRule {
  const from = prefixOf(spec.from, spec.family, `${path}.from`);
  const to = prefixOf(spec.to, spec.family, `${path}.to`);
  const device = (name: string | undefined): number =>
    name === undefined ? 0 : (interfaces.byName(name)?.index ?? -1);
  return {
    priority: spec.priority,
    not: spec.not ?? false,
    source: from.net,
    sourceMask: from.mask,
    destination: to.net,
    destinationMask: to.mask,
    iif: device(spec.iif),
    oif: device(spec.oif),
    mark: spec.fwmark ?? 0,
    markMask: spec.fwmask ?? (spec.fwmark === undefined ? 0 : 0xffffffff),
    tos: spec.tos ?? 0,
    tosMask: tosMask(spec),
    protocol: spec.protocol ?? 0,
    sportMin: spec.sport?.[0] ?? 0,
    sportMax: spec.sport?.[1] ?? 0,
    dportMin: spec.dport?.[0] ?? 0,
    dportMax: spec.dport?.[1] ?? 0,
    action: spec.action,
    table: spec.table ?? TABLE_MAIN,
    target: -1,
    suppressPrefixLength: spec.suppressPrefixLength ?? -1,
  };
}

/** IPv4's `tos` leaves the upper three bits of the DSCP out, `dscp` and IPv6 compare all of it (fib_dscp_masked_match). */
function tosMask(spec: PolicyRuleSpec): number {
  if (spec.tos === undefined || spec.tos === 0) return 0;
  return spec.family === 4 && spec.isWholeDscp !== true ? 0x1c : 0xfc;
}

function prefixOf(text: string | undefined, family: 4 | 6, path: string): { net: Uint32Array; mask: Uint32Array } {
  const count = family === 4 ? 1 : 4;
  if (text === undefined) return { net: new Uint32Array(count), mask: new Uint32Array(count) };
  const prefix = parsePrefix(text);
  if (prefix === undefined || prefix.address.length !== count * 4) {
    throw new ConfigError('router', path, `"${text}" is not an IPv${family} prefix`);
  }
  const mask = Uint32Array.from({ length: count }, (_, i) => wordMask(prefix.length, i));
  return { net: words(prefix.address).map((word, i) => (word & (mask[i] as number)) >>> 0), mask };
}

/** fib_rule_match of an IPv4 rule; `oif` is what the lookup is bound to, 0: nothing. */
export function matches4(rule: PolicyRule, key: FlowKey, daddr: number, oif: number): boolean {
  const isIn =
    isCommon(rule, key, oif) &&
    (((key.saddr[0] as number) ^ (rule.source[0] as number)) & (rule.sourceMask[0] as number)) === 0 &&
    ((daddr ^ (rule.destination[0] as number)) & (rule.destinationMask[0] as number)) === 0;
  return isIn !== rule.not;
}

/** fib_rule_match of an IPv6 rule; the destination's four words stand at `offset`. */
export function matches6(rule: PolicyRule, key: FlowKey, daddr: Uint32Array, offset: number, oif: number): boolean {
  let isIn = isCommon(rule, key, oif);
  for (let i = 0; i < 4 && isIn; i++) {
    isIn =
      (((key.saddr[i] as number) ^ (rule.source[i] as number)) & (rule.sourceMask[i] as number)) === 0 &&
      (((daddr[offset + i] as number) ^ (rule.destination[i] as number)) & (rule.destinationMask[i] as number)) === 0;
  }
  return isIn !== rule.not;
}

function isCommon(rule: PolicyRule, key: FlowKey, oif: number): boolean {
  if (rule.iif !== 0 && rule.iif !== key.iif) return false;
  if (rule.oif !== 0 && rule.oif !== oif) return false;
  if (((rule.mark ^ key.mark) & rule.markMask) !== 0) return false;
  if (((rule.tos ^ key.tos) & rule.tosMask) !== 0) return false;
  if (rule.protocol !== 0 && rule.protocol !== key.protocol) return false;
  if (rule.sportMax !== 0 && (key.sport < rule.sportMin || key.sport > rule.sportMax)) return false;
  return rule.dportMax === 0 || (key.dport >= rule.dportMin && key.dport <= rule.dportMax);
}
