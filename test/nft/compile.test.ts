// What compile accepts, warns about and refuses, with the places that users see.
import { describe, expect, test } from 'vitest';
import { NftError, NftSyntaxError, UnsupportedError } from '../../src/base/errors.ts';
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { compile } from '../../src/nft/compile.ts';

function load(text: string): Ruleset {
  return compile({ path: 'test.nft', text }).ruleset;
}
/** A rule in an input chain of an inet table. */
function inInput(rule: string, more = ''): string {
  return `table inet t {\n${more}\n chain c {\n  type filter hook input priority filter; policy accept;\n  ${rule}\n }\n}\n`;
}
function refusal(text: string): NftError {
  try {
    load(text);
  } catch (error) {
    if (error instanceof NftError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('what a ruleset declares', () => {
  test('a base chain has hook, priority by name with arithmetic, and policy', () => {
    const { tables } = load(
      'table ip t {\n chain c {\n  type nat hook postrouting priority srcnat - 5; policy drop;\n }\n}\n',
    );
    expect(tables[0]?.chains[0]?.base).toEqual({
      type: 'nat',
      hook: 'postrouting',
      priority: 95,
      policy: 'drop',
      devices: [],
    });
  });

  test.each([
    ['ip', 'prerouting', 'raw', -300],
    ['inet', 'forward', 'mangle + 10', -140],
    ['bridge', 'prerouting', 'dstnat', -300],
    ['bridge', 'forward', 'filter', -200],
    ['arp', 'input', 'filter', 0],
    ['ip6', 'output', '-5', -5],
    ['ip', 'input', 'security', 50],
  ] as const)('priority %s/%s %s is %i', (family, hook, name, value) => {
    const { tables } = load(`table ${family} t {\n chain c {\n  type filter hook ${hook} priority ${name};\n }\n}\n`);
    expect(tables[0]?.chains[0]?.base?.priority).toBe(value);
  });

  test('a chain at ingress names its devices, by word, list or variable', () => {
    const text =
      'define devs = { eth0, "eth1" }\ntable netdev t {\n chain c {\n  type filter hook ingress devices = { $devs, lan0 } priority 0;\n }\n}\n';
    expect(load(text).tables[0]?.chains[0]?.base?.devices).toEqual(['eth0', 'eth1', 'lan0']);
  });

  test('a flowtable has priority, devices and flags', () => {
    const text =
      'table inet t {\n flowtable ft {\n  hook ingress priority filter + 1;\n  devices = { eth0, eth1 };\n  flags offload;\n  counter\n }\n}\n';
    expect(load(text).tables[0]?.flowtables[0]).toMatchObject({
      name: 'ft',
      priority: 1,
      devices: ['eth0', 'eth1'],
      offload: true,
      counter: true,
    });
  });

  test('interface names become indexes in order of appearance, lo is 1', () => {
    const ruleset = load(inInput('iif "lan0" accept\n  oif "wan0" drop\n  iif { "lo", "lan0" } counter'));
    expect(ruleset.interfaceNames).toEqual(['', 'lo', 'lan0', 'wan0']);
    expect(ruleset.tables[0]?.chains[0]?.rules[0]?.expressions[1]).toMatchObject({
      kind: 'cmp',
      data: Uint8Array.of(2, 0, 0, 0),
    });
  });

  test('rules, chains and sets know where they stand', () => {
    const { tables } = load(
      'table ip t {\n set s { type ipv4_addr; }\n chain c {\n  counter\n  ip saddr @s drop\n }\n}\n',
    );
    expect(tables[0]?.chains[0]?.rules[1]?.location).toEqual({ file: 'test.nft', line: 5, column: 3, endColumn: 19 });
    expect(tables[0]?.chains[0]?.location?.line).toBe(3);
    expect(tables[0]?.sets[0]?.location?.line).toBe(2);
  });
});

describe('sets', () => {
  const elements = (declaration: string): { key: string; end: string | undefined }[] => {
    const set = load(`table inet t {\n set s { ${declaration} }\n}\n`).tables[0]?.sets[0];
    const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
    return (set?.elements ?? []).map((element) => ({
      key: hex(element.key),
      end: element.keyEnd && hex(element.keyEnd),
    }));
  };

  test('ranges and prefixes are kept as lowest and highest value, in order', () => {
    expect(elements('type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 1.1.1.1, 2.0.0.0-2.0.0.5 }')).toEqual([
      { key: '01010101', end: undefined },
      { key: '02000000', end: '02000005' },
      { key: '0a000000', end: '0affffff' },
    ]);
  });

  test('auto-merge joins what overlaps or touches', () => {
    expect(elements('type inet_service; flags interval; auto-merge; elements = { 5-10, 8-20, 21, 30 }')).toEqual([
      { key: '0005', end: '0015' },
      { key: '001e', end: undefined },
    ]);
  });

  test('numbers of the kernel are little-endian, in interval sets big-endian', () => {
    expect(elements('type mark; elements = { 0x1 }')).toEqual([{ key: '01000000', end: undefined }]);
    expect(elements('type mark; flags interval; elements = { 1-2 }')).toEqual([{ key: '00000001', end: '00000002' }]);
  });

  test('fields of a concatenation are padded to four octets', () => {
    expect(elements('type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80 }')).toEqual([
      { key: '0a00000000500000', end: '0affffff00500000' },
    ]);
  });

  test('a wildcard is the range of names that begin so', () => {
    const set = load(inInput('iifname { "eth*", "lo" } accept')).tables[0]?.sets[0];
    expect(set?.interval).toBe(true);
    expect(
      Buffer.from(set?.elements[0]?.keyEnd ?? [])
        .toString('latin1')
        .slice(0, 5),
    ).toBe('eth\xff\xff');
  });

  test('elements have timeouts, comments, counters and a catch-all', () => {
    const text =
      'table ip t {\n map m { type ipv4_addr : verdict; flags timeout; counter; elements = { 1.1.1.1 timeout 5m comment "x" : drop, * : accept } }\n}\n';
    const set = load(text).tables[0]?.sets[0];
    expect(set?.elements[0]).toMatchObject({ timeoutMs: 300_000, comment: 'x', verdict: { code: 'drop' } });
    expect(set?.elements[1]).toMatchObject({ catchAll: true, verdict: { code: 'accept' } });
    expect(set?.elementExpressions).toEqual([{ kind: 'counter', packets: 0, bytes: 0 }]);
  });

  test('commands add and remove elements', () => {
    const text =
      'add table ip t\nadd set ip t s { type inet_service; flags interval; auto-merge; }\nadd element ip t s { 1-10 }\ndelete element ip t s { 4-5 }\n';
    expect(load(text).tables[0]?.sets[0]?.elements.map((element) => [element.key[1], element.keyEnd?.[1]])).toEqual([
      [1, 3],
      [6, 10],
    ]);
  });

  test('a statement that adds elements makes the set dynamic', () => {
    const { tables } = load(inInput('add @s { ip saddr }', ' set s { type ipv4_addr; size 10; }'));
    expect(tables[0]?.sets.find((set) => set.name === 's')?.dynamic).toBe(true);
  });
});

describe('names and files', () => {
  test('a definition holds from its line on, in its block and inner ones', () => {
    const text =
      'define p = { 22, 80 }\ntable ip t {\n define p2 = 443\n chain c {\n  tcp dport { $p, $p2 } accept\n }\n}\n';
    expect(load(text).tables[0]?.sets[0]?.elements).toHaveLength(3);
    expect(
      refusal('table ip t {\n define a = 1\n}\ntable ip u {\n chain c {\n  tcp dport $a\n }\n}\n').message,
    ).toContain("unknown identifier 'a'");
  });

  test('redefine replaces, undefine removes, define twice is refused', () => {
    expect(() => load('define a = 1\nredefine a = 2\nundefine a\ndefine a = 3\n')).not.toThrow();
    expect(refusal('define a = 1\ndefine a = 2\n').message).toContain('redefinition');
    expect(refusal('undefine b\n').message).toContain("undefined symbol 'b'");
  });

  test('a misspelt variable is corrected', () => {
    expect(
      refusal('define lan_net = 10.0.0.0/8\ntable ip t {\n chain c {\n  ip saddr $lan_nett\n }\n}\n').hint,
    ).toContain("'lan_net'");
  });
});

describe('old spellings', () => {
  test('flow table and flow offload are accepted, with a warning that names the spelling of today and the place', () => {
    const text =
      'table inet t {\n flow table ft {\n  hook ingress priority 0;\n  devices = { eth0 };\n }\n chain c {\n  type filter hook forward priority 0;\n  flow offload @ft\n }\n}\n';
    const { warnings, ruleset } = compile({ path: 'test.nft', text });
    expect(warnings.map((warning) => [warning.location.line, warning.location.column, warning.message])).toEqual([
      [2, 2, "'flow table' is an old spelling: write 'flowtable'"],
      [8, 3, "'flow offload' is an old spelling: write 'flow add'"],
    ]);
    expect(ruleset.tables[0]?.chains[0]?.rules[0]?.expressions).toEqual([{ kind: 'flow-offload', flowtable: 'ft' }]);
  });
});

describe('refusals', () => {
  test.each([
    [
      'transport protocol of a nat port',
      'table ip t {\n chain c {\n  dnat to 1.2.3.4:80\n }\n}\n',
      '3:19',
      'transport protocol mapping is only valid after transport protocol match',
    ],
    [
      'unknown chain',
      inInput('jump inptu', ' chain input2 { }'),
      '5:8',
      "there is no chain 'inptu' in this table (did you mean chain 'input2'?)",
    ],
    ['unknown set', inInput('ip saddr @nosuch'), '5:12', "there is no set or map 'nosuch' in this table"],
    ['unknown object', inInput('counter name hitz', ' counter hits { }'), '5:16', 'did you mean counter'],
    ['unknown flowtable', inInput('flow add @ft'), '5:3', "there is no flowtable 'ft' in this table"],
    [
      'priority name at this hook',
      'table ip t {\n chain c {\n  type filter hook input priority dstnat;\n }\n}\n',
      '3:26',
      "invalid priority expression 'dstnat'",
    ],
    [
      'hook of this family',
      'table arp t {\n chain c {\n  type filter hook forward priority 0;\n }\n}\n',
      '3:20',
      'does not support this hook',
    ],
    [
      'chain type at this hook',
      'table ip t {\n chain c {\n  type nat hook forward priority 0;\n }\n}\n',
      '3:3',
      'Chain of type "nat" is not supported',
    ],
    ['datatype', inInput('ip saddr 1.2.3.4.5'), '5:19', ''],
    ['datatype of a set', inInput('tcp dport @s', ' set s { type ipv4_addr; }'), '5:13', 'datatype mismatch'],
    [
      'conflicting intervals',
      'table ip t {\n set s { type inet_service; flags interval; elements = { 1-10, 5-20 } }\n}\n',
      '2:64',
      'conflicting intervals specified',
    ],
    [
      'range in a plain set',
      'table ip t {\n set s { type inet_service; elements = { 1-10 } }\n}\n',
      '2:42',
      "add 'flags interval'",
    ],
    [
      'conflicting protocols',
      inInput('tcp dport 22 udp dport 53'),
      '5:16',
      'conflicting transport layer protocols specified: tcp vs. udp',
    ],
    ['statement after the end', inInput('accept counter'), '5:10', 'Statement after terminal statement has no effect'],
    ['misspelt keyword', inInput('tcp dprot 22'), '5:7', "did you mean 'dport'?"],
    ['misspelt statement', inInput('acept'), '5:3', "did you mean 'accept'?"],
    ['misspelt state', inInput('ct state estabished accept'), '5:12', "did you mean 'established'?"],
    ['value out of range', inInput('ip ttl 256'), '5:10', 'exceeds valid range 0-255'],
    ['prefix too long', inInput('ip saddr 1.2.3.4/33'), '5:12', 'Prefix length 33 is invalid'],
    ['masquerade in a filter chain', inInput('masquerade'), '5:3', 'only in chains of type nat'],
    [
      'flow add at another hook',
      inInput('flow add @ft', ' flowtable ft { hook ingress priority 0; devices = { lo }; }'),
      '5:3',
      'only at hooks forward',
    ],
    [
      'a device in two flowtables of a table',
      'table ip t {\n flowtable a { hook ingress priority 0; devices = { x, y }; }\n flowtable b { hook ingress priority 5; devices = { y }; }\n}\n',
      '3:12',
      "device 'y' is in flowtable 'a'",
    ],
    ['jumps in a circle', 'table ip t {\n chain a { jump b; }\n chain b { jump a; }\n}\n', '', 'Too many links'],
    ['jump to a base chain', inInput('jump c'), '5:3', 'base chain'],
    [
      'chain declared twice otherwise',
      'table ip t {\n chain c { type filter hook input priority 0; }\n chain c { type filter hook input priority 5; }\n}\n',
      '3:12',
      'different declaration',
    ],
    ['delete of a missing table', 'delete table ip t\n', '1:17', 'No such file or directory'],
    ['unfinished block', 'table ip t {\n chain c {\n', '3:1', 'unexpected end of file'],
    ['unfinished string', 'table ip t {\n chain c {\n  log prefix "x\n', '3:14', 'does not end'],
  ])('%s', (_, text, place, message) => {
    const error = refusal(text);
    if (place !== '') expect(`${error.location.line}:${error.location.column}`).toBe(place);
    expect(error.message).toContain(message);
  });

  test.each([
    ['socket transparent 1', 'socket'],
    ['queue num 1', 'queue'],
    ['osf name "Linux"', 'osf'],
    ['meta l4proto tcp tproxy to :80', 'tproxy'],
    ['udp dport 4789 vxlan vni 5', 'vxlan'],
  ])('what the engine does not run yet is refused by name: %s', (rule, name) => {
    const error = refusal(inInput(rule));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toContain(name);
    expect(error.location.line).toBe(5);
  });

  test.each([
    ['queue num 1', 'accept', 'accept'],
    ['queue num 1', 'drop', 'drop'],
    ['queue num 1', 'absent', 'drop'],
    ['queue flags bypass to 1', 'absent', 'accept'],
    ['queue flags bypass to 1', 'drop', 'drop'],
  ] as const)('%s, assumed %s: user space answers %s', (rule, queue, answer) => {
    const { ruleset } = compile({ path: 'r.nft', text: inInput(rule), assume: { queue } });
    expect(ruleset.tables[0]?.chains[0]?.rules[0]?.expressions[0]).toMatchObject({ kind: 'queue', assumed: answer });
  });

  test('a refused queue says how to assume its answer', () => {
    expect(refusal(inInput('queue num 1')).hint).toContain('--assume queue=accept');
  });

  test('queue has no place at ingress', () => {
    const text = 'table netdev t {\n chain c {\n  type filter hook ingress device lo priority 0\n  queue\n }\n}\n';
    const hint = "'queue' does not exist in tables of family netdev";
    expect(() => compile({ path: 'r.nft', text, assume: { queue: 'drop' } })).toThrow(hint);
  });

  test('all wrong rules are found, the first is thrown', () => {
    const error = refusal(inInput('tcp dport 70000\n  ip saddr @nosuch\n  accept\n  jump nowhere'));
    expect(error.errors.map((one) => one.location.line)).toEqual([5, 6, 8]);
    expect(error.errors[0]).toBe(error);
  });

  test('grammar and meaning are told apart', () => {
    expect(refusal('tabel ip t {\n}\n')).toBeInstanceOf(NftSyntaxError);
    expect(refusal('tabel ip t {\n}\n').hint).toContain("'table'");
  });
});
