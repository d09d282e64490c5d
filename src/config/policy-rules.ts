// Policy rules and routing tables of a router file: names and spellings of ip-rule(8) and ip-route(8) to numbers.
import { ConfigError } from '../base/errors.ts';
import { defaultRules, TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN } from '../net/policy-rules.ts';
import type { PolicyRuleSpec } from '../net/spec.ts';
import { parseAddress, parsePrefix } from '../packet/address.ts';

/** The keys of a rule, as `ip -j rule` names them too. */
export interface PolicyRuleInput {
  priority: number;
  family?: 'ip' | 'ip6' | undefined;
  not?: boolean | undefined;
  from?: string | undefined;
  to?: string | undefined;
  fwmark?: number | string | undefined;
  iif?: string | undefined;
  oif?: string | undefined;
  tos?: number | string | undefined;
  dscp?: number | undefined;
  ipproto?: number | string | undefined;
  sport?: number | string | undefined;
  dport?: number | string | undefined;
  table?: number | string | undefined;
  action?: PolicyRuleSpec['action'] | undefined;
  goto?: number | undefined;
  suppress_prefixlength?: number | undefined;
}

const PROTOCOLS: Record<string, number> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  ipv6_icmp: 58,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};

/** Tables with names of the user's own (/etc/iproute2/rt_tables) get numbers from here on: only equality counts. */
const FIRST_NAMED_TABLE = 0x1_0000_0000;

/** Numbers of routing tables, the same for routes and rules of one router. */
export class TableNames {
  readonly #named = new Map<string, number>([
    ['local', TABLE_LOCAL],
    ['main', TABLE_MAIN],
    ['default', TABLE_DEFAULT],
  ]);

  /** The number of a table that is named or numbered. */
  number(table: number | string): number {
    if (typeof table === 'number') return table;
    if (/^\d+$/.test(table)) return Number(table);
    const known = this.#named.get(table);
    if (known !== undefined) return known;
    const number = FIRST_NAMED_TABLE + this.#named.size;
    this.#named.set(table, number);
    return number;
  }
}

/**
 * All rules of a router: the given ones, and the kernel's own three where no rule stands at their priority. Empty when
 * none was given: then there are only the kernel's. Throws ConfigError with the key's path.
 */
export function policyRules(inputs: PolicyRuleInput[], tables: TableNames, file: string): PolicyRuleSpec[] {
  const rules = inputs.flatMap((input, index) => ruleOf(input, tables, file, `rules[${index}]`));
  if (rules.length === 0) return [];
  for (const family of [4, 6] as const) {
    for (const row of defaultRules(family)) {
      const isThere = rules.some((rule) => rule.family === family && rule.priority === row.priority);
      if (!isThere) rules.push(row);
    }
  }
  return rules;
}

/** A rule that names no address and no family is one of IPv4, as `ip rule add` takes it. */
function ruleOf(input: PolicyRuleInput, tables: TableNames, file: string, path: string): PolicyRuleSpec[] {
  const from = prefixOf(input.from);
  const to = prefixOf(input.to);
  const family = familyOf(input, from, to, file, path);
  const mark = markOf(input.fwmark, file, `${path}.fwmark`);
  const action = input.action ?? (input.goto === undefined ? 'lookup' : 'goto');
  if (action === 'lookup' && input.table === undefined) {
    throw new ConfigError(file, path, "needs a 'table' to look in, or an 'action' such as blackhole");
  }
  if (action === 'goto' && input.goto === undefined) {
    throw new ConfigError(file, `${path}.goto`, 'needs the priority to go on at');
  }
  const sport = portsOf(input.sport, file, `${path}.sport`);
  const dport = portsOf(input.dport, file, `${path}.dport`);
  const tos = input.dscp === undefined ? tosOf(input.tos, file, `${path}.tos`) : input.dscp << 2;
  const protocol = protocolOf(input.ipproto, file, `${path}.ipproto`);
  return [
    {
      family,
      priority: input.priority,
      action,
      ...(input.not === true ? { not: true } : {}),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(mark === undefined ? {} : { fwmark: mark.value, fwmask: mark.mask }),
      ...(input.iif === undefined ? {} : { iif: input.iif }),
      ...(input.oif === undefined ? {} : { oif: input.oif }),
      ...(tos === undefined ? {} : { tos }),
      ...(input.dscp === undefined ? {} : { isWholeDscp: true }),
      ...(protocol === undefined ? {} : { protocol }),
      ...(sport === undefined ? {} : { sport }),
      ...(dport === undefined ? {} : { dport }),
      ...(input.table === undefined ? {} : { table: tables.number(input.table) }),
      ...(input.goto === undefined ? {} : { goto: input.goto }),
      ...(input.suppress_prefixlength === undefined ? {} : { suppressPrefixLength: input.suppress_prefixlength }),
    },
  ];
}

function familyOf(
  input: PolicyRuleInput,
  from: string | undefined,
  to: string | undefined,
  file: string,
  path: string,
): 4 | 6 {
  const said = [from, to].filter((text) => text !== undefined).map((text) => (text.includes(':') ? 6 : 4));
  if (input.family !== undefined) said.push(input.family === 'ip6' ? 6 : 4);
  if (new Set(said).size > 1) throw new ConfigError(file, path, 'names addresses of both families');
  return said[0] ?? 4;
}

/** undefined: all. A lone address is a host. */
function prefixOf(text: string | undefined): string | undefined {
  if (text === undefined || text === 'all') return undefined;
  if (text === 'default') return undefined;
  return text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
}

/** '0x1', '0x1/0xff', 1. */
function markOf(
  input: number | string | undefined,
  file: string,
  path: string,
): { value: number; mask: number } | undefined {
  if (input === undefined) return undefined;
  const [value, mask] = String(input).split('/').map(Number);
  if (!isWord(value) || (mask !== undefined && !isWord(mask))) {
    throw new ConfigError(file, path, `"${input}" is not a mark (1, 0x1, 0x1/0xff)`);
  }
  return { value, mask: mask ?? (value === 0 ? 0 : 0xffffffff) };
}

function isWord(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

/** 80, '80', '1000-2000'. */
function portsOf(input: number | string | undefined, file: string, path: string): [number, number] | undefined {
  if (input === undefined) return undefined;
  const [low, high] = String(input).split('-').map(Number);
  const last = high ?? low;
  const isPort = (value: number | undefined): value is number =>
    value !== undefined && Number.isInteger(value) && value >= 1 && value <= 65_535;
  if (!isPort(low) || !isPort(last) || low > last) {
    throw new ConfigError(file, path, `"${input}" is not a port or a range of ports (80, 1000-2000)`);
  }
  return [low, last];
}

/** 16, '0x10'. */
function tosOf(input: number | string | undefined, file: string, path: string): number | undefined {
  if (input === undefined) return undefined;
  const value = typeof input === 'number' ? input : Number(/^[0-9a-f]{2}$/i.test(input) ? `0x${input}` : input);
  if (!Number.isInteger(value) || value < 0 || value > 0xff || (value & 3) !== 0) {
    throw new ConfigError(file, path, `"${input}" is not a TOS octet (0x10)`);
  }
  return value;
}

function protocolOf(input: number | string | undefined, file: string, path: string): number | undefined {
  if (input === undefined) return undefined;
  const value = PROTOCOLS[String(input)] ?? Number(input);
  if (Number.isInteger(value) && value > 0 && value < 256) return value;
  throw new ConfigError(file, path, `"${input}" is not an IP protocol (${Object.keys(PROTOCOLS).join(', ')}, 1-255)`);
}

/** Whether the text can stand after `from` and `to`: a prefix, an address, `all`. */
export function isRulePrefix(text: string): boolean {
  return text === 'all' || text === 'default' || parsePrefix(text) !== undefined || parseAddress(text) !== undefined;
}
