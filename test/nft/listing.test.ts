// Rulesets of bytecode with the state of a replay, listed as text and JSON.
import { describe, expect, test } from 'vitest';
import type { Expression } from '../../src/bytecode/expression.ts';
import type { Chain, NftSet, Ruleset, RulesetState, Table } from '../../src/bytecode/ruleset.ts';
import { jsonText, list, listJson, printRule } from '../../src/nft/listing.ts';

const octets = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

function table(parts: Partial<Table>): Table {
  return {
    family: 'inet',
    name: 'fw',
    handle: 1,
    flags: [],
    chains: [],
    sets: [],
    objects: [],
    flowtables: [],
    ...parts,
  };
}

function ruleset(parts: Partial<Table>): Ruleset {
  return { tables: [table(parts)], interfaceNames: ['', 'lo', 'eth0'] };
}

function set(parts: Partial<NftSet>): NftSet {
  return {
    name: 's', handle: 2, anonymous: false, constant: false, interval: false, dynamic: false, timeout: false, autoMerge: false,
    keyTypes: ['ipv4_addr'], keyFieldLengths: [4], keyLength: 4, dataTypes: [], dataLength: 0, elementExpressions: [], elements: [],
    ...parts,
  }; // biome-ignore format: defaults
}

function chainOf(expressions: Expression[], base?: Chain['base']): Chain {
  const chain: Chain = { name: 'c', handle: 3, rules: [{ handle: 4, expressions }] };
  return base === undefined ? chain : { ...chain, base };
}

const L4PROTO = (protocol: number): Expression[] => [
  { kind: 'meta', key: 'l4proto', dreg: 1 },
  { kind: 'cmp', op: 'eq', sreg: 1, data: octets(protocol) },
];
const ACCEPT: Expression = { kind: 'verdict', verdict: { code: 'accept' } };

describe('rules', () => {
  const rules: [string, Expression[], string][] = [
    ['an implied protocol match', [...L4PROTO(6), { kind: 'payload', base: 'transport', offset: 2, length: 2, dreg: 1 }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(0, 22) }, ACCEPT], 'tcp dport 22 accept'],
    ['a protocol match before a counter stays', [...L4PROTO(6), { kind: 'counter', packets: 1, bytes: 60 }, { kind: 'payload', base: 'transport', offset: 2, length: 2, dreg: 1 }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(0, 22) }], 'meta l4proto tcp counter packets 1 bytes 60 tcp dport 22'],
    ['several ct states', [{ kind: 'ct', key: 'state', dreg: 1 }, { kind: 'bitwise', op: 'mask-xor', sreg: 1, dreg: 1, length: 4, mask: octets(6, 0, 0, 0), xor: octets(0, 0, 0, 0) }, { kind: 'cmp', op: 'neq', sreg: 1, data: octets(0, 0, 0, 0) }, ACCEPT], 'ct state established,related accept'],
    ['a mask that is a prefix', [{ kind: 'meta', key: 'nfproto', dreg: 1 }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(2) }, { kind: 'payload', base: 'network', offset: 12, length: 4, dreg: 1 }, { kind: 'bitwise', op: 'mask-xor', sreg: 1, dreg: 1, length: 4, mask: octets(255, 240, 0, 0), xor: octets(0, 0, 0, 0) }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(172, 16, 0, 0) }], 'ip saddr 172.16.0.0/12'],
    ['a comparison of the first octets', [{ kind: 'meta', key: 'nfproto', dreg: 1 }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(2) }, { kind: 'payload', base: 'network', offset: 16, length: 3, dreg: 1 }, { kind: 'cmp', op: 'neq', sreg: 1, data: octets(192, 168, 1) }], 'ip daddr != 192.168.1.0/24'],
    ['an interface wildcard', [{ kind: 'meta', key: 'iifname', dreg: 1 }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(101, 116, 104) }], 'iifname "eth*"'],
    ['an interface index by its name', [{ kind: 'meta', key: 'oif', dreg: 1 }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(2, 0, 0, 0) }], 'oif "eth0"'],
    ['an interface index without a name', [{ kind: 'meta', key: 'oif', dreg: 1 }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(9, 0, 0, 0) }], 'oif 9'],
    ['two bounds', [...L4PROTO(17), { kind: 'payload', base: 'transport', offset: 0, length: 2, dreg: 1 }, { kind: 'cmp', op: 'gte', sreg: 1, data: octets(4, 0) }, { kind: 'cmp', op: 'lte', sreg: 1, data: octets(255, 255) }], 'udp sport 1024-65535'],
    ['a bit field', [{ kind: 'meta', key: 'nfproto', dreg: 1 }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(2) }, { kind: 'payload', base: 'network', offset: 1, length: 1, dreg: 1 }, { kind: 'bitwise', op: 'mask-xor', sreg: 1, dreg: 1, length: 1, mask: octets(0xfc), xor: octets(0) }, { kind: 'cmp', op: 'eq', sreg: 1, data: octets(0xb8) }], 'ip dscp ef'],
    ['clamping to the path MTU', [...L4PROTO(6), { kind: 'rt', key: 'tcpmss', dreg: 1 }, { kind: 'byteorder', op: 'hton', sreg: 1, dreg: 1, length: 2, size: 2 }, { kind: 'exthdr-set', op: 'tcpopt', sreg: 1, type: 2, offset: 2, length: 2 }], 'meta l4proto tcp tcp option maxseg size set rt mtu'],
    ['NAT to an address and port', [{ kind: 'immediate', dreg: 1, data: octets(10, 0, 0, 2) }, { kind: 'immediate', dreg: 2, data: octets(0x1f, 0x90) }, { kind: 'nat', type: 'dnat', family: 'ip', addressMin: 1, addressMax: 1, portMin: 2, portMax: 2, flags: 3 }], 'dnat ip to 10.0.0.2:8080'],
    ['NAT of IPv6 to an address and port', [{ kind: 'immediate', dreg: 1, data: octets(0xfd, ...new Array(14).fill(0), 2) }, { kind: 'immediate', dreg: 2, data: octets(0, 80) }, { kind: 'nat', type: 'dnat', family: 'ip6', addressMin: 1, addressMax: 1, portMin: 2, portMax: 2, flags: 3 }], 'dnat ip6 to [fd00::2]:80'],
    ['a flowtable', [...L4PROTO(6), { kind: 'flow-offload', flowtable: 'ft' }], 'meta l4proto tcp flow add @ft'],
    ['a log prefix with an escape sequence', [{ kind: 'log', prefix: 'a\u001b[31m"b', level: 6, flags: 0 }], 'log prefix "a\\x1b[31m"b" level info'],
    ['a jump', [{ kind: 'verdict', verdict: { code: 'jump', chain: 'other' } }], 'jump other'],
    ['a load that nothing compares', [{ kind: 'meta', key: 'mark', dreg: 1 }], ''],
  ]; // biome-ignore format: a case a line
  test.each(rules)('%s', (_name, expressions, text) => {
    const rules = ruleset({ chains: [chainOf(expressions)] });
    const [only] = rules.tables;
    const chain = only?.chains[0];
    const rule = chain?.rules[0];
    if (only === undefined || chain === undefined || rule === undefined) throw new Error('no rule');
    expect(printRule(rules, only, chain, rule)).toBe(text);
  });

  test('a lookup in an anonymous set prints the set', () => {
    const anonymous = set({
      name: '__set0',
      anonymous: true,
      constant: true,
      keyTypes: ['inet_service'],
      keyFieldLengths: [2],
      keyLength: 2,
      elements: [{ key: octets(1, 187) }, { key: octets(0, 80) }],
    });
    const expressions: Expression[] = [
      ...L4PROTO(6),
      { kind: 'payload', base: 'transport', offset: 2, length: 2, dreg: 1 },
      { kind: 'lookup', set: '__set0', sreg: 1, invert: true },
    ];
    expect(list(ruleset({ sets: [anonymous], chains: [chainOf(expressions)] }))).toContain(
      '\t\ttcp dport != { 80, 443 }\n',
    );
  });
});

describe('sets', () => {
  test('elements stand in order, two addresses on a line', () => {
    const elements = [3, 1, 2].map((last) => ({ key: octets(10, 0, 0, last) }));
    expect(list(ruleset({ sets: [set({ elements })] }))).toBe(
      'table inet fw {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1, 10.0.0.2,\n\t\t\t     10.0.0.3 }\n\t}\n}\n',
    );
  });
  test('numbers that the kernel makes stand in its own order of octets', () => {
    const elements = [{ key: octets(1, 0, 0, 0) }, { key: octets(44, 1, 0, 0) }];
    for (const keyTypeof of ['numgen inc mod 500', 'jhash ip saddr mod 500', 'symhash mod 500']) {
      const numbers = set({ keyTypes: ['integer'], keyTypeof, elements });
      expect(list(ruleset({ sets: [numbers] }))).toContain('elements = { 1, 300 }');
    }
  });

  test('intervals print as prefixes where they are such', () => {
    const elements = [
      { key: octets(10, 0, 0, 0), keyEnd: octets(10, 0, 0, 255) },
      { key: octets(10, 1, 0, 1), keyEnd: octets(10, 1, 0, 9) },
      { key: octets(10, 2, 0, 1), keyEnd: octets(10, 2, 0, 1) },
    ];
    expect(list(ruleset({ sets: [set({ interval: true, autoMerge: true, elements })] }))).toContain(
      '\t\tflags interval\n\t\tauto-merge\n\t\telements = { 10.0.0.0/24, 10.1.0.1-10.1.0.9,\n\t\t\t     10.2.0.1 }\n',
    );
  });
  test('elements that a replay added carry timeout and expiry', () => {
    const state: RulesetState = {
      tables: [
        {
          chains: [],
          objects: [],
          sets: [{ elements: [{ key: octets(10, 0, 0, 7), timeoutMs: 60_000, expiresMs: 59_250 }] }],
        },
      ],
    };
    const rules = ruleset({ sets: [set({ dynamic: true, timeout: true, timeoutMs: 60_000, sizeElements: 100 })] });
    expect(list(rules, state)).toContain(
      '\t\tsize 100\n\t\tflags dynamic,timeout\n\t\ttimeout 1m\n\t\telements = { 10.0.0.7 timeout 1m expires 59s250ms }\n',
    );
    expect(list(rules, state, { terse: true })).not.toContain('elements');
    expect(list(rules, state, { stateless: true })).toContain('{ 10.0.0.7 timeout 1m }');
  });
  test('a verdict map with a catch-all element prints it last', () => {
    const elements = [
      { key: octets(), catchAll: true, verdict: { code: 'drop' as const } },
      { key: octets(0, 22), verdict: { code: 'goto' as const, chain: 'x' } },
    ];
    const map = set({ mapTo: 'verdict', keyTypes: ['inet_service'], keyFieldLengths: [2], keyLength: 2, elements });
    expect(list(ruleset({ sets: [map] }))).toContain(
      '\tmap s {\n\t\ttype inet_service : verdict\n\t\telements = { 22 : goto x,\n\t\t\t     * : drop }\n',
    );
  });
  test('concatenations print their fields', () => {
    const elements = [{ key: octets(10, 0, 0, 1, 6, 0, 0, 0, 0, 22, 0, 0) }];
    const concat = set({
      keyTypes: ['ipv4_addr', 'inet_proto', 'inet_service'],
      keyFieldLengths: [4, 1, 2],
      keyLength: 12,
      elements,
    });
    expect(list(ruleset({ sets: [concat] }))).toContain(
      'type ipv4_addr . inet_proto . inet_service\n\t\telements = { 10.0.0.1 . tcp . 22 }',
    );
  });
});

describe('whole rulesets', () => {
  const base = { type: 'filter', hook: 'forward', priority: 0, policy: 'drop', devices: [] } as const;
  const rules = ruleset({
    comment: 'main\u0007',
    objects: [{ type: 'counter', name: 'n', handle: 9, packets: 0, bytes: 0 }],
    flowtables: [{ name: 'ft', handle: 8, priority: 0, devices: ['eth0', 'eth1'], offload: true, counter: true }],
    chains: [
      chainOf(
        [
          { kind: 'counter', packets: 0, bytes: 0 },
          { kind: 'quota', bytes: 1048576, consumedBytes: 0, invert: true },
        ],
        { ...base, devices: [] },
      ),
    ],
  });
  const state: RulesetState = {
    tables: [
      {
        chains: [
          {
            rules: [
              [
                { kind: 'counter', packets: 3, bytes: 180 },
                { kind: 'quota', consumedBytes: 2048 },
              ],
            ],
          },
        ],
        sets: [],
        objects: [{ kind: 'counter', packets: 5, bytes: 300 }],
      },
    ],
  };

  test('counters and quotas are those of the replay', () => {
    expect(list(rules, state)).toBe(`table inet fw {
	comment "main\\x07"
	counter n {
		packets 5 bytes 300
	}

	flowtable ft {
		hook ingress priority filter
		devices = { "eth0", "eth1" }
		flags offload
		counter
	}

	chain c {
		type filter hook forward priority filter; policy drop;
		counter packets 3 bytes 180 quota over 1 mbytes used 2 kbytes
	}
}
`);
  });
  test('stateless listings leave them out', () => {
    const text = list(rules, state, { stateless: true });
    expect(text).toContain('\t\tcounter quota over 1 mbytes\n');
    expect(text).toContain('\tcounter n {\n\t}\n');
  });
  test('handles stand behind what has one', () => {
    const text = list(rules, state, { handles: true });
    for (const line of [
      'table inet fw { # handle 1',
      '\tcounter n { # handle 9',
      '\tchain c { # handle 3',
      'used 2 kbytes # handle 4',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });
  test('nft 1.0.6 lists devices without quotes', () => {
    expect(list(rules, state, { dialect: '1.0.6' })).toContain('devices = { eth0, eth1 }');
  });
  test('JSON has the same, on one line as nft writes it', () => {
    const text = jsonText(listJson(rules, state, { dialect: '1.0.6' }));
    expect(text).toBe(
      '{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, ' +
        '{"table": {"family": "inet", "name": "fw", "handle": 1}}, ' +
        '{"counter": {"family": "inet", "name": "n", "table": "fw", "handle": 9, "packets": 5, "bytes": 300}}, ' +
        '{"flowtable": {"family": "inet", "name": "ft", "table": "fw", "handle": 8, "hook": "ingress", "prio": 0, "dev": ["eth0", "eth1"]}}, ' +
        '{"chain": {"family": "inet", "table": "fw", "name": "c", "handle": 3, "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}}, ' +
        '{"rule": {"family": "inet", "table": "fw", "chain": "c", "handle": 4, "expr": [{"counter": {"packets": 3, "bytes": 180}}, ' +
        '{"quota": {"val": 1, "val_unit": "mbytes", "inv": true, "used": 2, "used_unit": "kbytes"}}]}}]}',
    );
  });
});

test.each([
  ['inet', 'prerouting', -100, 'dstnat'],
  ['inet', 'postrouting', 105, 'srcnat + 5'],
  ['inet', 'forward', 100, '100'],
  ['inet', 'input', -155, 'mangle - 5'],
  ['ip', 'output', -300, 'raw'],
  ['bridge', 'forward', -200, 'filter'],
  ['bridge', 'prerouting', -300, 'dstnat'],
  ['netdev', 'ingress', 10, 'filter + 10'],
  ['netdev', 'ingress', -150, '-150'],
] as const)('the priority of %s %s %d is %s', (family, hook, priority, text) => {
  const chain = chainOf([], { type: 'filter', hook, priority, policy: 'accept', devices: [] });
  expect(list(ruleset({ family, chains: [chain] }))).toContain(`hook ${hook} priority ${text}; policy accept;`);
});
