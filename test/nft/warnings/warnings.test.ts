// What the kernel accepts and users regret: each kind where it is right, and not where it is not.
import { describe, expect, it } from 'vitest';
import { check } from '../../../src/nft/check.ts';
import { WARNINGS } from '../../../src/nft/warnings/warning.ts';

/** 'id line' of all that is found. */
function found(text: string): string[] {
  const { errors, warnings } = check({ path: 'a.nft', text });
  expect(errors.map((error) => error.message)).toEqual([]);
  return warnings.map(({ id, location }) => `${id} ${location?.line ?? ''}`.trim());
}

/** A chain of the hook with these rules from line 4 on. */
function chain(hook: string, ...lines: string[]): string {
  const rules = lines.map((line) => `  ${line}\n`).join('');
  return `table inet t {\n chain c {\n  type filter hook ${hook} priority filter;\n${rules} }\n}\n`;
}

/** A forward chain with policy drop and a flowtable; the first rule is line 5. */
function offloading(rules: string[], flowtable = 'devices = { lan, wan }; counter;'): string {
  const lines = rules.map((line) => `  ${line}\n`).join('');
  return `table inet t {\n flowtable ft { hook ingress priority 0; ${flowtable} }\n chain forward {\n  type filter hook forward priority 0; policy drop;\n${lines} }\n}\n`;
}

describe('rules that no packet reaches', () => {
  it.each<[string, string[], string[]]>([
    [
      'behind a rule that drops everything',
      ['tcp dport 22 accept', 'drop', 'udp dport 53 accept'],
      ['unreachable-rule 6'],
    ],
    [
      'behind a counted one',
      ['counter log prefix "x" drop', 'udp dport 53 accept'],
      ['log-unlimited 4', 'unreachable-rule 5'],
    ],
    ['behind one that rejects', ['reject', 'accept'], ['unreachable-rule 5']],
    ['not behind a limit', ['limit rate 5/second accept', 'drop'], []],
    ['not behind a match', ['iifname "lo" accept', 'drop'], []],
    ['the same match before, dropped', ['tcp dport 22 drop', 'tcp dport 22 accept'], ['shadowed-rule 5']],
    [
      'the same match before, same verdict',
      ['tcp dport 22 accept', 'tcp dport 22 counter accept'],
      ['repeated-rule 5'],
    ],
    ['a match more', ['iifname "wan" drop', 'iifname "wan" tcp dport 22 accept'], ['shadowed-rule 5']],
    ['a member of a set before', ['tcp dport { 22, 80 } drop', 'tcp dport 80 accept'], ['shadowed-rule 5']],
    ['a member of a range before', ['tcp dport { 1-1023 } drop', 'tcp dport { 80, 443 } accept'], []],
    ['a subset of states', ['ct state established,related accept', 'ct state established drop'], ['shadowed-rule 5']],
    ['not another port', ['tcp dport 22 drop', 'tcp dport 23 accept'], []],
    ['not a match less', ['iifname "wan" tcp dport 22 drop', 'tcp dport 22 accept'], []],
    [
      'not where a mark was changed between',
      ['meta mark 1 drop', 'tcp dport 22 meta mark set 1', 'meta mark 1 accept'],
      [],
    ],
    ['not behind a limit of the same match', ['tcp dport 22 limit rate 5/second accept', 'tcp dport 22 drop'], []],
    ['not behind a counter alone', ['tcp dport 22 counter', 'tcp dport 22 drop'], []],
    ['not behind other states', ['ct state new accept', 'ct state established drop'], []],
    ['not an element of another protocol', ['tcp dport 53 accept', 'udp dport 53 accept'], []],
  ])('%s', (_, lines, expected) => {
    expect(found(chain('input', ...lines))).toEqual(expected);
  });

  it('behind a jump to a chain that decides', () => {
    const rest = ' chain always { iifname "lo" accept; drop; }\n chain maybe { iifname "lo" return; drop; }\n';
    const text = (name: string): string =>
      `table inet t {\n${rest} chain c {\n  type filter hook input priority 0;\n  jump always\n  jump maybe\n }\n}\n`.replace(
        'jump always',
        `jump ${name}`,
      );
    expect(found(text('always'))).toEqual(['unreachable-rule 7']);
    expect(found(text('maybe').replace('  jump maybe\n }', '  accept\n }'))).toContain('unused-chain 2');
    expect(found(text('maybe'))).not.toContain('unreachable-rule 7');
  });

  it('a policy that never applies', () => {
    expect(found(chain('input', 'ct state invalid drop', 'accept').replace('filter;', 'filter; policy drop;'))).toEqual(
      ['policy-unreached 5'],
    );
  });
});

describe('flow add', () => {
  const STATES = 'ct state vmap { established : accept, related : accept, invalid : drop }';
  it.each<[string, string[], string[]]>([
    ['as firewall4 writes it', ['meta l4proto { tcp, udp } flow add @ft', STATES], ['flow-add-before-state 5']],
    [
      'after invalid packets are dropped',
      ['ct state invalid drop', 'meta l4proto { tcp, udp } flow add @ft', 'ct state established accept'],
      [],
    ],
    ['of established packets', ['ct state established flow add @ft', STATES], []],
    ['after established packets are gone', [STATES, 'meta l4proto { tcp, udp } flow add @ft'], ['flow-add-never 6']],
    [
      'after an accept of established',
      ['ct state established,related accept', 'ip protocol tcp flow add @ft'],
      ['flow-add-never 6'],
    ],
    [
      'of ICMP',
      ['ct state invalid drop', 'meta l4proto icmp flow add @ft', 'ct state established accept'],
      ['flow-add-never 6'],
    ],
    ['of new connections', ['ct state new flow add @ft', 'ct state established accept'], ['flow-add-never 5']],
    ['of invalid packets', ['ct state invalid flow add @ft', 'ct state established accept'], ['flow-add-never 5']],
    ['with the only accept behind it', ['ct state established flow add @ft accept'], ['flow-add-verdict 5']],
    ['with an accept later', ['ct state established flow add @ft accept', 'ct state established accept'], []],
  ])('%s', (_, rules, expected) => {
    expect(found(offloading(rules))).toEqual(expected);
  });

  it('in a chain that is reached behind an accept of established', () => {
    const text = offloading(['ct state established accept', 'jump off']).replace(
      /}\n$/,
      ' chain off {\n  flow add @ft\n }\n}\n',
    );
    expect(found(text)).toEqual(['flow-add-never 9']);
  });

  it('a flowtable that no rule uses, that has no devices, or lacks one', () => {
    const add = ['ct state established flow add @ft', 'iifname "lan1" oifname "wan" accept'];
    expect(found(offloading(['ct state established accept']))).toEqual(['unused-flowtable 2']);
    expect(found(offloading(add, 'counter;'))).toEqual(['flowtable-no-devices 2']);
    expect(found(offloading(add))).toEqual(['flowtable-missing-device 2']);
    expect(found(offloading(add, 'devices = { lan1, wan }; counter;'))).toEqual([]);
    expect(found(offloading(add, 'devices = { lan1.10, wan }; counter;'))).toEqual([]);
    expect(found(offloading(add, 'devices = { lan1, wan };'))).toEqual(['flowtable-no-counter 2']);
    expect(found(offloading(add, 'devices = { lan1, wan, br-lan }; counter;'))).toEqual(['flowtable-upper-device 2']);
  });
});

describe('chains and what they use', () => {
  it('base chains of equal priority', () => {
    const two = (type: string, first: string, second: string): string =>
      `table ip a { chain x { type ${type} priority 0; ${first}; }; }\ntable inet b { chain y { type ${type} priority 0; ${second}; }; }\n`;
    expect(found(two('nat hook postrouting', 'masquerade', 'masquerade'))).toEqual(['equal-priority 2']);
    expect(found(two('filter hook forward', 'accept', 'drop'))).toEqual(['equal-priority-filters 2']);
    expect(found(two('filter hook forward', 'meta mark set 1', 'meta mark 1 drop'))).toEqual(['equal-priority 2']);
    expect(
      found(
        two('filter hook forward', 'accept', 'drop')
          .replace('table ip a', 'table arp a')
          .replace('forward', 'input')
          .replace('forward', 'input'),
      ),
    ).toEqual([]);
    expect(
      found(
        'table inet a {\n chain x { type filter hook input priority 0; }\n chain y { type filter hook input priority 0; accept; }\n}\n',
      ),
    ).toEqual([]);
  });

  it('chains that nothing jumps to, and empty ones that something does', () => {
    expect(found(`${chain('input', 'jump d').slice(0, -2)} chain d { }\n chain e { accept; }\n}\n`)).toEqual([
      'empty-chain 4',
      'unused-chain 7',
    ]);
    expect(found('table inet part {\n chain e { accept; }\n}\n')).toEqual([]);
    expect(found(`${chain('input').slice(0, -2)} map m { type mark : verdict; }\n chain e { accept; }\n}\n`)).toEqual([
      'unused-set 5',
    ]);
  });

  it('a policy without a way back', () => {
    const rules = ['tcp dport 22 accept'];
    const drop = (hook: string): string => chain(hook, ...rules).replace('filter;', 'filter; policy drop;');
    expect(found(drop('forward'))).toEqual(['no-established 2']);
    expect(found(drop('input'))).toEqual(['no-established-input 2']);
    expect(found(drop('output'))).toEqual([]);
    rules.unshift('ct state established accept');
    expect(found(drop('forward'))).toEqual([]);
  });

  it.each<[string, string, string[]]>([
    ['invalid packets accepted', chain('forward', 'ct state invalid,established accept'), ['invalid-accepted 4']],
    [
      'invalid packets accepted by a map',
      chain('forward', 'ct state vmap { invalid : accept, new : drop }'),
      ['invalid-accepted 4'],
    ],
    [
      'logs without a limit',
      chain('input', 'log prefix "x"', 'limit rate 1/second log prefix "y"'),
      ['log-unlimited 4'],
    ],
    [
      'drops in a nat chain',
      'table ip t {\n chain c {\n  type nat hook prerouting priority 0;\n  tcp dport 22 drop\n }\n}\n',
      ['nat-chain-drop 4'],
    ],
    ['a dormant table', `${chain('input', 'accept').replace('{\n', '{\n flags dormant\n')}`, ['dormant-table 3']],
    [
      'an index of a device that comes and goes',
      chain('forward', 'oif "ppp0" drop', 'oif "eth0" drop'),
      ['iif-dynamic 4'],
    ],
    [
      'an unused set and counter',
      `${chain('input').slice(0, -2)} set s { type mark; }\n counter n { }\n}\n`,
      ['unused-set 5', 'unused-object 6'],
    ],
    ['an unused definition', `define A = 1\ndefine B = 2\n${chain('input', 'meta mark $B drop')}`, ['unused-define 1']],
    [
      'a definition used in a log prefix',
      `define A = "x"\n${chain('input', 'limit rate 1/second log prefix "$A"')}`,
      [],
    ],
  ])('%s', (_, text, expected) => {
    expect(found(text)).toEqual(expected);
  });
});

it('ids are unique, and every kind says why', () => {
  expect(new Set(WARNINGS.map((row) => row.id)).size).toBe(WARNINGS.length);
  for (const { title, text } of WARNINGS) expect(title.length * text.length).toBeGreaterThan(0);
});

it('ten thousand rules of one shape are soon looked through', () => {
  const rules = Array.from(
    { length: 10_000 },
    (_, row) => `ip saddr 10.${row >> 8}.${row & 255}.0/24 tcp dport { 22, 80 } drop`,
  );
  expect(found(chain('input', ...rules))).toEqual([]);
});
