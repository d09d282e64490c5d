// The device names that a ruleset speaks of, and what it does with them: the hints from which a router is inferred
// when no router file is given.
import type { Expression } from '../bytecode/expression.ts';
import type { Ruleset, Table } from '../bytecode/ruleset.ts';

/** More devices than this are not told apart. */
const MAX_NAMES = 256;

export interface DeviceHints {
  /** Names in order of first appearance; wildcards made concrete (`ppp*` is `ppp0`). */
  names: string[];
  /** Names that a masquerade or snat rule has as `oifname`. */
  translated: Set<string>;
  /** Names of flowtable devices. */
  flowtableDevices: string[];
  /** Names that rules compare with (not only flowtables and netdev chains). */
  matched: Set<string>;
}

/** The hints of several rulesets together: the same in whatever order they are given. */
export function commonHints(rulesets: readonly Ruleset[]): DeviceHints {
  const each = rulesets.map(deviceHints);
  const [first] = each;
  if (first !== undefined && each.length === 1) return first;
  each.sort((a, b) => (hintKey(a) < hintKey(b) ? -1 : 1));
  const distinct = (names: string[][]): string[] => [...new Set(names.flat())];
  return {
    names: distinct(each.map((row) => row.names)).slice(0, MAX_NAMES),
    translated: new Set(each.flatMap((row) => [...row.translated])),
    flowtableDevices: distinct(each.map((row) => row.flowtableDevices)),
    matched: new Set(each.flatMap((row) => [...row.matched])),
  };
}

/** More names first; then by the names. */
function hintKey({ names }: DeviceHints): string {
  return `${String(MAX_NAMES - names.length).padStart(4, '0')} ${names.join(' ')}`;
}

/** Reads the hints off the bytecode. */
export function deviceHints(ruleset: Ruleset): DeviceHints {
  const hints: DeviceHints = { names: [], translated: new Set(), flowtableDevices: [], matched: new Set() };
  const add = (name: string): void => {
    if (name !== '' && name !== 'lo' && !hints.names.includes(name) && hints.names.length < MAX_NAMES)
      hints.names.push(name);
  };
  for (const table of ruleset.tables) {
    for (const chain of table.chains) {
      for (const rule of chain.rules) {
        const seen = ruleDevices(rule.expressions, table, ruleset);
        for (const name of [...seen.input, ...seen.output]) {
          add(name);
          hints.matched.add(name);
        }
        if (translates(rule.expressions, table)) for (const name of seen.output) hints.translated.add(name);
      }
    }
  }
  for (const table of ruleset.tables) {
    for (const flowtable of table.flowtables) {
      for (const device of flowtable.devices) {
        const name = concrete(device);
        add(name);
        if (!hints.flowtableDevices.includes(name)) hints.flowtableDevices.push(name);
      }
    }
    for (const chain of table.chains) for (const device of chain.base?.devices ?? []) add(concrete(device));
  }
  for (const name of ruleset.interfaceNames) add(name);
  return hints;
}

/** Whether a rule translates sources, itself or in the chain that it jumps to. */
function translates(expressions: Expression[], table: Table, depth = 0): boolean {
  for (const expression of expressions) {
    if (expression.kind === 'masquerade') return true;
    if (expression.kind === 'nat' && expression.type === 'snat') return true;
    if (expression.kind !== 'verdict' || depth > 4) continue;
    const target = table.chains.find((chain) => chain.name === expression.verdict.chain);
    if (target?.rules.some((rule) => translates(rule.expressions, table, depth + 1))) return true;
  }
  return false;
}

interface RuleDevices {
  input: string[];
  output: string[];
}

function ruleDevices(expressions: Expression[], table: Table, ruleset: Ruleset): RuleDevices {
  const found: RuleDevices = { input: [], output: [] };
  // What the registers hold since the last comparison, in order of loading: a concatenation loads several.
  let loaded: (Selector | undefined)[] = [];
  const note = (selector: Selector | undefined, data: Uint8Array): void => {
    if (selector === undefined) return;
    const name = selector.byName ? nameOf(data) : (ruleset.interfaceNames[indexOf(data)] ?? '');
    if (name !== '' && name !== 'lo') found[selector.side].push(concrete(name));
  };
  for (const expression of expressions) {
    if (expression.kind === 'meta') {
      loaded.push(selectorOf(expression.key));
    } else if (expression.kind === 'cmp') {
      if (expression.op === 'eq') note(loaded.at(-1), expression.data);
      loaded = [];
    } else if (expression.kind === 'lookup') {
      const set = expression.invert ? undefined : table.sets.find((row) => row.name === expression.set);
      let at = 0;
      (set?.keyTypes ?? []).forEach((type, i) => {
        const length = COMPONENT_OCTETS[type] ?? 4;
        if (type === 'ifname' || type === 'iface_index') {
          for (const element of set?.elements ?? []) note(loaded[i], element.key.subarray(at, at + length));
        }
        at += length;
      });
      loaded = [];
    } else if ('dreg' in expression) {
      loaded.push(undefined);
    }
  }
  return found;
}

/** Octets that a component takes in the key of a concatenation, where it is not 4. */
const COMPONENT_OCTETS: Readonly<Record<string, number>> = { ifname: 16, ipv6_addr: 16, ether_addr: 8 };

interface Selector {
  side: 'input' | 'output';
  byName: boolean;
}

function selectorOf(key: string): Selector | undefined {
  if (key === 'iifname') return { side: 'input', byName: true };
  if (key === 'oifname') return { side: 'output', byName: true };
  if (key === 'iif') return { side: 'input', byName: false };
  if (key === 'oif') return { side: 'output', byName: false };
  return undefined;
}

/** A name of up to 16 octets, zero-padded; a wildcard compares fewer octets and has no terminating zero. */
function nameOf(data: Uint8Array): string {
  const end = data.indexOf(0);
  const text = Buffer.from(end < 0 ? data : data.subarray(0, end)).toString('latin1');
  return end < 0 && data.length < 16 ? `${text}*` : text;
}

function indexOf(data: Uint8Array): number {
  return (data[0] ?? 0) | ((data[1] ?? 0) << 8) | ((data[2] ?? 0) << 16);
}

function concrete(name: string): string {
  return name.endsWith('*') ? `${name.slice(0, -1)}0` : name;
}
