// Reads the bytecode that nftables' own tests print (tests/py/**/*.t.payload, as `nft --debug=netlink` does) into rules:
// expressions, and the anonymous sets above them. The text gives words of registers and no lengths, so lengths are taken
// from what was loaded into the register. Enough for tests; not a format of this project.
import type { CtKey, Expression, MetaKey, PayloadBase, Verdict } from '../../src/bytecode/expression.ts';
import type { Family, NftSet, SetElement } from '../../src/bytecode/ruleset.ts';
import { CT_SELECTORS, META_SELECTORS } from '../../src/nft/datatypes-selectors.ts';

/** One rule of a payload file. */
export interface PayloadRule {
  text: string;
  family: Family;
  chain: string;
  expressions: Expression[];
  sets: NftSet[];
  /** Why it could not be read. */
  unread?: string;
}

class Unread extends Error {}

/** All rules of a payload file. */
export function readPayloadFile(text: string): PayloadRule[] {
  const rules: PayloadRule[] = [];
  let title = '';
  let block: string[] = [];
  const flush = (): void => {
    if (block.length > 0) rules.push(readRule(title, block));
    block = [];
  };
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) {
      flush();
      title = line.replace(/^#\s*/, '');
    } else if (line.trim() === '') continue;
    else {
      // A rule may be given for several families: its header line stands again.
      const isHeader = /^(ip|ip6|inet|arp|bridge|netdev) \S+ \S+\s*$/.test(line);
      if (isHeader && block.some((other) => other.trim().startsWith('['))) flush();
      block.push(line);
    }
  }
  flush();
  return rules;
}

function readRule(text: string, lines: string[]): PayloadRule {
  const rule: PayloadRule = { text, family: 'ip', chain: 'input', expressions: [], sets: [] };
  const rawSets: RawSet[] = [];
  let current: RawSet | undefined;
  try {
    const reader = new Reader(rule, rawSets);
    for (const line of lines) {
      const header = /^(ip|ip6|inet|arp|bridge|netdev)(?: (\S+))?(?: (\S+))?\s*$/.exec(line);
      const set = /^\s*(__(?:set|map|objmap)%d|\S+) (\S+) ([0-9a-f]+)(?: size (\d+))?\s*$/.exec(line);
      if (line.trim().startsWith('[')) {
        reader.expression(line.trim().replace(/^\[\s*|\s*\]$/g, ''));
      } else if (header !== null) {
        rule.family = header[1] as Family;
        rule.chain = header[3] ?? 'input';
      } else if (line.trim().startsWith('element')) {
        for (const part of line.split('[end]')) if (part.includes('element')) current?.elements.push(part.trim());
      } else if (set !== null) {
        const last = rawSets.at(-1);
        const name = set[1] as string;
        if (last?.name === name && last.elements.length === 0 && set[3] === '0') current = last;
        else rawSets.push((current = { name, flags: Number.parseInt(set[3] as string, 16), elements: [] }));
      }
    }
  } catch (error) {
    rule.unread = error instanceof Error ? error.message : String(error);
  }
  return rule;
}

interface RawSet {
  name: string;
  flags: number;
  elements: string[];
}

const BASES: Record<string, PayloadBase> = { link: 'link', network: 'network', transport: 'transport', inner: 'inner' };

function words(text: string): number[] {
  return text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => Number.parseInt(word.replace(/^0x/, ''), 16));
}

function octets(values: number[], length: number): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  for (const [index, value] of values.entries()) new DataView(bytes.buffer).setUint32(index * 4, value >>> 0, true);
  return bytes.slice(0, length);
}

class Reader {
  readonly lengths = new Map<number, number>();
  readonly rule: PayloadRule;
  readonly sets: RawSet[];
  constructor(rule: PayloadRule, sets: RawSet[]) {
    this.rule = rule;
    this.sets = sets;
  }

  slot(register: number): number {
    return register <= 4 ? (register - 1) * 4 : register - 8;
  }
  load(register: number, length: number): void {
    this.lengths.set(this.slot(register), length);
  }
  length(register: number, count: number): number {
    const loaded = this.lengths.get(this.slot(register));
    return loaded === undefined || count > Math.ceil(loaded / 4) ? count * 4 : loaded;
  }
  /** Compared octets: fewer words than loaded are the text of a wildcard, or a prefix. */
  data(register: number, text: string): Uint8Array {
    const values = words(text);
    const loaded = this.lengths.get(this.slot(register)) ?? values.length * 4;
    if (values.length * 4 >= loaded) return octets(values, this.length(register, values.length));
    const all = octets(values, values.length * 4);
    let end = all.length;
    while (end > 1 && all[end - 1] === 0) end--;
    return all.slice(0, end);
  }
  /** A constant has the length of what it is written to. */
  fitImmediate(register: number, length: number): void {
    const last = this.rule.expressions.at(-1);
    if (last?.kind === 'immediate' && last.dreg === register) last.data = last.data.slice(0, length);
  }
  push(expression: Expression): void {
    this.rule.expressions.push(expression);
  }

  expression(line: string): void {
    const is = (pattern: RegExp): RegExpExecArray | null => pattern.exec(line);
    let m: RegExpExecArray | null;
    if ((m = is(/^meta load (\S+) => reg (\d+)/))) {
      const key = metaKey(m[1] as string);
      this.load(Number(m[2]), Math.ceil(META_SELECTORS[key].bits / 8));
      this.push({ kind: 'meta', key, dreg: Number(m[2]) });
    } else if ((m = is(/^meta set (\S+) with reg (\d+)/))) {
      this.push({ kind: 'meta-set', key: metaKey(m[1] as string), sreg: Number(m[2]) });
    } else if ((m = is(/^ct load (\S+) => reg (\d+)(?: , dir (\w+))?/))) {
      const key = ctKey(m[1] as string);
      const bits = CT_SELECTORS[key].bits || (this.rule.family === 'ip6' ? 128 : 32);
      this.load(Number(m[2]), bits / 8);
      const expression: Expression = { kind: 'ct', key, dreg: Number(m[2]) };
      this.push(m[3] === undefined ? expression : { ...expression, direction: m[3] as 'original' });
    } else if ((m = is(/^ct set (\S+) with reg (\d+)(?: , dir (\w+))?/))) {
      const expression: Expression = { kind: 'ct-set', key: ctKey(m[1] as string), sreg: Number(m[2]) };
      this.push(m[3] === undefined ? expression : { ...expression, direction: m[3] as 'original' });
    } else if ((m = is(/^payload load (\d+)b @ (\w+) header \+ (\d+) => reg (\d+)/))) {
      this.load(Number(m[4]), Number(m[1]));
      this.push({
        kind: 'payload',
        base: BASES[m[2] as string] as PayloadBase,
        offset: Number(m[3]),
        length: Number(m[1]),
        dreg: Number(m[4]),
      });
    } else if (
      (m = is(
        /^payload write reg (\d+) => (\d+)b @ (\w+) header \+ (\d+) csum_type (\d+) csum_off (\d+) csum_flags 0x(\d+)/,
      ))
    ) {
      this.fitImmediate(Number(m[1]), Number(m[2]));
      this.push({
        kind: 'payload-set',
        sreg: Number(m[1]),
        length: Number(m[2]),
        base: BASES[m[3] as string] as PayloadBase,
        offset: Number(m[4]),
        checksumType: Number(m[5]) as 0,
        checksumOffset: Number(m[6]),
        checksumFlags: Number(m[7]),
      });
    } else if (
      (m = is(/^exthdr load (?:(ipv6|tcpopt|ipv4|sctp|dccp) )?(\d+)b @ (\d+) \+ (\d+)( present)? => reg (\d+)/))
    ) {
      const present = m[5] !== undefined;
      this.load(Number(m[6]), present ? 1 : Number(m[2]));
      this.push({
        kind: 'exthdr',
        op: (m[1] ??
          (/sctp chunk/.test(this.rule.text)
            ? 'sctp'
            : /dccp option/.test(this.rule.text)
              ? 'dccp'
              : 'ipv6')) as 'ipv6',
        length: Number(m[2]),
        type: Number(m[3]),
        offset: Number(m[4]),
        present,
        dreg: Number(m[6]),
      });
    } else if ((m = is(/^exthdr write tcpopt reg (\d+) => (\d+)b @ (\d+) \+ (\d+)/))) {
      this.push({
        kind: 'exthdr-set',
        op: 'tcpopt',
        sreg: Number(m[1]),
        length: Number(m[2]),
        type: Number(m[3]),
        offset: Number(m[4]),
      });
    } else if ((m = is(/^cmp (\w+) reg (\d+) (.*)/))) {
      this.push({ kind: 'cmp', op: m[1] as 'eq', sreg: Number(m[2]), data: this.data(Number(m[2]), m[3] as string) });
    } else if ((m = is(/^range (eq|neq) reg (\d+) (.*)/))) {
      const values = words(m[3] as string);
      const half = values.length / 2;
      const length = this.length(Number(m[2]), half);
      this.push({
        kind: 'range',
        op: m[1] as 'eq',
        sreg: Number(m[2]),
        from: octets(values.slice(0, half), length),
        to: octets(values.slice(half), length),
      });
    } else if ((m = is(/^immediate reg 0 (.*)/))) {
      const [code, , chain] = (m[1] as string).split(' ');
      const verdict: Verdict = { code: code as 'accept' };
      if (chain !== undefined) verdict.chain = chain;
      this.push({ kind: 'verdict', verdict });
    } else if ((m = is(/^immediate reg (\d+) (.*)/))) {
      const values = words(m[2] as string);
      // A port has two octets; the text shows four.
      const isPort =
        /(redirect|masquerade) to|nat .*:\d|tcp dport set|udp dport set/.test(this.rule.text) &&
        values.length === 1 &&
        (values[0] ?? 0) >>> 16 === 0;
      const length = isPort ? 2 : values.length * 4;
      this.load(Number(m[1]), length);
      this.push({ kind: 'immediate', dreg: Number(m[1]), data: octets(values, length) });
    } else if ((m = is(/^bitwise reg (\d+) = \( reg (\d+) & (.*?) \) \^ (.*)/))) {
      const mask = words(m[3] as string);
      const fit = this.length(Number(m[2]), mask.length);
      const all = octets([...mask, ...words(m[4] as string)], mask.length * 8);
      const isWider = all.some((octet, index) => index % (mask.length * 4) >= fit && octet !== 0);
      const length = isWider ? mask.length * 4 : fit;
      this.load(Number(m[1]), length);
      this.push({
        kind: 'bitwise',
        op: 'mask-xor',
        dreg: Number(m[1]),
        sreg: Number(m[2]),
        length,
        mask: octets(mask, length),
        xor: octets(words(m[4] as string), length),
      });
    } else if ((m = is(/^bitwise reg (\d+) = \( reg (\d+) (<<|>>) 0x([0-9a-f]+)/))) {
      const length = this.lengths.get(this.slot(Number(m[2]))) ?? 4;
      this.load(Number(m[1]), length);
      this.push({
        kind: 'bitwise',
        op: m[3] === '<<' ? 'lshift' : 'rshift',
        dreg: Number(m[1]),
        sreg: Number(m[2]),
        length,
        shift: Number.parseInt(m[4] as string, 16),
      });
    } else if ((m = is(/^bitwise reg (\d+) = \( reg (\d+) ([&|^]) reg (\d+)/))) {
      const length = this.lengths.get(this.slot(Number(m[2]))) ?? 4;
      this.load(Number(m[1]), length);
      const op = m[3] === '&' ? 'and' : m[3] === '|' ? 'or' : 'xor';
      this.push({ kind: 'bitwise', op, dreg: Number(m[1]), sreg: Number(m[2]), sreg2: Number(m[4]), length });
    } else if ((m = is(/^byteorder reg (\d+) = (hton|ntoh)\(reg (\d+), (\d+), (\d+)\)/))) {
      const length = this.lengths.get(this.slot(Number(m[3]))) ?? Number(m[4]);
      this.load(Number(m[1]), length);
      this.push({
        kind: 'byteorder',
        op: m[2] as 'hton',
        dreg: Number(m[1]),
        sreg: Number(m[3]),
        length,
        size: Number(m[4]) as 2,
      });
    } else if ((m = is(/^lookup reg (\d+) set (\S+)(?: dreg (\d+))?(?: 0x(\d+))?/))) {
      this.lookup(Number(m[1]), m[2] as string, m[3] === undefined ? undefined : Number(m[3]), m[4] === '1');
    } else if ((m = is(/^reject type (\d) code (\d+)/))) {
      this.push({
        kind: 'reject',
        type: (['icmp', 'tcp-reset', 'icmpx'] as const)[Number(m[1])] ?? 'icmp',
        code: Number(m[2]),
      });
    } else if ((m = is(/^counter pkts (\d+) bytes (\d+)/))) {
      this.push({ kind: 'counter', packets: Number(m[1]), bytes: Number(m[2]) });
    } else if ((m = is(/^quota bytes (\d+) consumed (\d+) flags (\d+)/))) {
      this.push({ kind: 'quota', bytes: Number(m[1]), consumedBytes: Number(m[2]), invert: (Number(m[3]) & 1) === 1 });
    } else if ((m = is(/^connlimit count (\d+) flags (\d+)/))) {
      this.push({ kind: 'connlimit', count: Number(m[1]), invert: m[2] === '1' });
    } else if ((m = is(/^redir ?(?:proto_min reg (\d+) ?)?(?:proto_max reg (\d+) ?)?(?:flags 0x([0-9a-f]+))?/))) {
      const expression: Expression = { kind: 'redirect', flags: Number.parseInt(m[3] ?? '0', 16) };
      if (m[1] !== undefined) expression.portMin = Number(m[1]);
      if (m[2] !== undefined) expression.portMax = Number(m[2]);
      this.push(expression);
    } else if ((m = is(/^masq ?(?:proto_min reg (\d+) ?)?(?:proto_max reg (\d+) ?)?(?:flags 0x([0-9a-f]+))?/))) {
      const expression: Expression = { kind: 'masquerade', flags: Number.parseInt(m[3] ?? '0', 16) };
      if (m[1] !== undefined) expression.portMin = Number(m[1]);
      if (m[2] !== undefined) expression.portMax = Number(m[2]);
      this.push(expression);
    } else if ((m = is(/^nat (snat|dnat) (ip6?) (.*)/))) {
      const rest = m[3] as string;
      const register = (name: string): number | undefined => {
        const found = new RegExp(`${name} reg (\\d+)`).exec(rest);
        return found === null ? undefined : Number(found[1]);
      };
      const flags = Number.parseInt(/flags 0x([0-9a-f]+)/.exec(rest)?.[1] ?? '0', 16);
      const expression: Expression = { kind: 'nat', type: m[1] as 'snat', family: m[2] as 'ip', flags };
      const names = {
        addressMin: 'addr_min',
        addressMax: 'addr_max',
        portMin: 'proto_min',
        portMax: 'proto_max',
      } as const;
      for (const key of Object.keys(names) as (keyof typeof names)[]) {
        const number = register(names[key]);
        if (number !== undefined) expression[key] = number;
      }
      this.push(expression);
    } else if ((m = is(/^fib (.*) (oif|oifname|type)( present)? => reg (\d+)/))) {
      this.load(Number(m[4]), m[3] !== undefined ? 1 : m[2] === 'oifname' ? 16 : 4);
      const flags = (m[1] as string).split(' . ').map((flag) => flag.trim()) as ('saddr' | 'daddr')[];
      this.push({ kind: 'fib', flags, result: m[2] as 'oif', present: m[3] !== undefined, dreg: Number(m[4]) });
    } else if ((m = is(/^numgen reg (\d+) = (inc|random) mod (\d+)(?: offset (\d+))?/))) {
      this.load(Number(m[1]), 4);
      this.push({
        kind: 'numgen',
        type: m[2] === 'inc' ? 'incremental' : 'random',
        modulus: Number(m[3]),
        offset: Number(m[4] ?? 0),
        dreg: Number(m[1]),
      });
    } else if (
      (m = is(
        /^hash reg (\d+) = (?:jhash\(reg (\d+), (\d+)(?:, 0x([0-9a-f]+))? \)|symhash\(\)) % mod (\d+)(?: offset (\d+))?/,
      ))
    ) {
      this.load(Number(m[1]), 4);
      const expression: Expression = {
        kind: 'hash',
        type: m[2] === undefined ? 'symmetric' : 'jenkins',
        length: Number(m[3] ?? 0),
        modulus: Number(m[5]),
        offset: Number(m[6] ?? 0),
        dreg: Number(m[1]),
      };
      if (m[2] !== undefined) expression.sreg = Number(m[2]);
      if (m[4] !== undefined) expression.seed = Number.parseInt(m[4], 16);
      this.push(expression);
    } else if ((m = is(/^rt load (\S+) => reg (\d+)/))) {
      const key = m[1] as 'classid';
      this.load(Number(m[2]), key.startsWith('nexthop6') ? 16 : key.startsWith('tcpmss') ? 2 : 4);
      this.push({ kind: 'rt', key, dreg: Number(m[2]) });
    } else if (line.startsWith('notrack')) this.push({ kind: 'notrack' });
    else if ((m = is(/^dup sreg_addr (\d+)(?: sreg_dev (\d+))?/))) {
      const expression: Expression = { kind: 'dup', addressRegister: Number(m[1]) };
      this.push(m[2] === undefined ? expression : { ...expression, deviceRegister: Number(m[2]) });
    } else if ((m = is(/^objref type (\d+) name (\S+)/))) {
      const types = {
        1: 'counter',
        2: 'quota',
        3: 'ct helper',
        4: 'limit',
        7: 'ct timeout',
        8: 'secmark',
        9: 'ct expectation',
        10: 'synproxy',
      } as const;
      this.push({ kind: 'objref', objectType: types[Number(m[1]) as 1] ?? 'counter', name: m[2] as string });
    } else if (line.trim() === 'log') this.push({ kind: 'log', flags: 0 });
    else throw new Unread(line);
  }

  lookup(register: number, name: string, dreg: number | undefined, invert: boolean): void {
    const index = this.sets.findIndex((set) => set.name === name);
    const [raw] = index < 0 ? [] : this.sets.splice(index, 1);
    const unique = name.startsWith('__') ? `${name}${this.rule.sets.length}` : name;
    const set = raw === undefined ? undefined : this.set(raw, unique, register);
    if (set === undefined) throw new Unread(`set ${name}`);
    this.rule.sets.push(set);
    const expression: Expression = { kind: 'lookup', set: unique, sreg: register, invert };
    if (dreg !== undefined) {
      expression.dreg = dreg;
      if (dreg !== 0) this.load(dreg, set.dataLength);
    }
    this.push(expression);
  }

  /** Types of a map's values: nft knows them from where they go; here the rule's text tells. */
  dataTypes(_register: number, length: number): string[] {
    const { text } = this.rule;
    if (/(snat|dnat|dup).* map/.test(text)) {
      const address = this.rule.family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr';
      const octets = address === 'ipv4_addr' ? 4 : 16;
      return length % octets === 4 && octets === 16
        ? [address, 'inet_service']
        : length === 8 && / \. \d+ *[},]/.test(text)
          ? [address, 'inet_service']
          : [address];
    }
    if (/redirect to/.test(text)) return ['inet_service'];
    return [/mark set/.test(text) ? 'mark' : 'integer'];
  }

  set(raw: RawSet, name: string, register: number): NftSet {
    const isMap = (raw.flags & 8) !== 0;
    const isInterval = (raw.flags & 4) !== 0;
    const parsed = raw.elements.map((text) => parseElement(text, isMap));
    const count = parsed[0]?.key.length ?? 1;
    const fields: number[] = [];
    for (let slot = this.slot(register), left = count; left > 0; ) {
      const length = this.lengths.get(slot) ?? 4;
      fields.push(length);
      slot += Math.ceil(length / 4);
      left -= Math.ceil(length / 4);
    }
    const keyLength = fields.length === 1 ? (fields[0] ?? 4) : count * 4;
    const verdicts = parsed.some((element) => element.verdict !== undefined);
    const dataLength = (parsed[0]?.data?.length ?? 0) * 4;
    const types = isMap && !verdicts ? this.dataTypes(register, dataLength) : [];
    const lengths: Record<string, number> = { inet_service: 2, ipv4_addr: 4, integer: 2 };
    const [onlyType] = types;
    const fit = types.length === 1 && onlyType !== undefined ? lengths[onlyType] : undefined;
    return {
      name,
      handle: 0,
      anonymous: name.startsWith('__'),
      constant: true,
      interval: isInterval,
      dynamic: false,
      timeout: false,
      autoMerge: false,
      ...(isMap ? { mapTo: verdicts ? ('verdict' as const) : ('value' as const) } : {}),
      keyTypes: fields.map(() => 'integer'),
      keyFieldLengths: fields,
      keyLength,
      dataTypes: types,
      dataLength: fit ?? dataLength,
      elementExpressions: [],
      elements:
        isInterval && !parsed.some((element) => element.keyEnd !== undefined)
          ? closeIntervals(parsed, keyLength, fit)
          : parsed.map((element) => finish(element, keyLength, fit)),
    };
  }
}

interface RawElement {
  key: number[];
  keyEnd?: number[];
  data?: number[];
  verdict?: Verdict;
  flags: number;
}

function parseElement(text: string, isMap: boolean): RawElement {
  const m = /^element ([0-9a-f ]+?)(?: +- ([0-9a-f ]+?))? +: (.*?) ?(\d+)\s*$/.exec(text);
  if (m === null) throw new Unread(text);
  const element: RawElement = { key: words(m[1] as string), flags: Number(m[4]) };
  if (m[2] !== undefined) element.keyEnd = words(m[2]);
  const data = (m[3] as string).trim();
  if (isMap && data !== '') {
    if (/^[0-9a-f ]+$/.test(data) && !/^(accept|drop)/.test(data)) element.data = words(data);
    else {
      const [code, , chain] = data.split(' ');
      element.verdict = chain === undefined ? { code: code as 'accept' } : { code: code as 'jump', chain };
    }
  }
  return element;
}

function finish(element: RawElement, keyLength: number, dataLength?: number): SetElement {
  const made: SetElement = { key: octets(element.key, keyLength) };
  if (element.keyEnd !== undefined) made.keyEnd = octets(element.keyEnd, keyLength);
  if (element.verdict !== undefined) made.verdict = element.verdict;
  if (element.data !== undefined) {
    const length = dataLength ?? element.data.length * 4;
    made.data = octets(element.data, length);
    if (length * 2 === element.data.length * 4) made.dataEnd = octets(element.data.slice(length / 4), length);
  }
  return made;
}

/** Half-open intervals, as the kernel's set has them, to closed ones. */
function closeIntervals(elements: RawElement[], keyLength: number, dataLength?: number): SetElement[] {
  const number = (element: RawElement): bigint =>
    octets(element.key, keyLength).reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  const sorted = [...elements].sort((a, b) =>
    number(a) < number(b) ? -1 : number(a) > number(b) ? 1 : b.flags - a.flags,
  );
  const made: SetElement[] = [];
  for (const [index, element] of sorted.entries()) {
    if ((element.flags & 1) === 1) continue;
    const next = sorted[index + 1];
    const end = next === undefined ? (1n << BigInt(keyLength * 8)) - 1n : number(next) - 1n;
    const keyEnd = new Uint8Array(keyLength);
    for (let i = 0; i < keyLength; i++) keyEnd[keyLength - 1 - i] = Number((end >> BigInt(i * 8)) & 255n);
    made.push({ ...finish(element, keyLength, dataLength), keyEnd });
  }
  return made;
}

function metaKey(word: string): MetaKey {
  const names: Record<string, MetaKey> = {
    bri_iifname: 'bri_iifname',
    ibrname: 'bri_iifname',
    obrname: 'bri_oifname',
    len: 'len',
    iiftype: 'iftype',
    ipsec: 'secpath',
  };
  const key = names[word] ?? (word as MetaKey);
  if (META_SELECTORS[key] === undefined) throw new Unread(`meta ${word}`);
  return key;
}

function ctKey(word: string): CtKey {
  const names: Record<string, CtKey> = { l3protocol: 'l3proto', packets: 'pkts', label: 'labels' };
  const key = names[word] ?? (word as CtKey);
  if (CT_SELECTORS[key] === undefined) throw new Unread(`ct ${word}`);
  return key;
}
