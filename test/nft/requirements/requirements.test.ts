// What a ruleset needs: each construct finds its row; versions compare; packages are those that no other brings.
import { describe, expect, it } from 'vitest';
import { check } from '../../../src/nft/check.ts';
import { compareVersions, parseVersion } from '../../../src/nft/requirements/kernel.ts';
import { REQUIREMENTS, type RequirementId, type RequirementRow } from '../../../src/nft/requirements/table.ts';
import { packagesOf } from '../../../src/report/text-requirements.ts';

const ROWS: readonly RequirementRow[] = REQUIREMENTS;

function needs(text: string, kernel?: string) {
  const { errors, requirements } = check({ path: 'a.nft', text }, kernel);
  expect(errors.map((error) => error.message)).toEqual([]);
  return requirements;
}

/** 'id line' of all but the tables and their family. */
function idsOf(text: string): string[] {
  return needs(text).flatMap(({ row, locations }) =>
    ['nf_tables', 'inet'].includes(row.id) ? [] : [`${row.id} ${locations.map(({ line }) => line).join(',')}`],
  );
}

function rule(text: string, hook = 'forward', family = 'inet'): string {
  return `table ${family} t {\n chain c {\n  type filter hook ${hook} priority 0;\n  ${text}\n }\n}\n`;
}

describe('constructs', () => {
  it.each<[string, RequirementId[]]>([
    ['ct state established accept', ['ct']],
    ['ct count over 5 drop', ['ct-count']],
    ['fib saddr . iif oif missing drop', ['fib-inet']],
    ['socket transparent 1 accept', ['socket']],
    ['meta ipsec exists accept', []],
    ['ipsec in reqid 1 accept', ['xfrm']],
    ['numgen random mod 2 0 drop', ['numgen']],
    ['meta mark set jhash ip saddr mod 2', ['hash']],
    ['ip option ra exists drop', ['ip-option']],
    ['sctp chunk data exists drop', ['sctp-chunk']],
    ['meta mark set meta mark << 2', ['bitshift']],
    ['meta mark set ct mark or meta mark', ['ct', 'bitwise-registers']],
    ['meta day "Saturday" drop', ['meta-time']],
    ['reject', ['reject']],
    ['log group 2', ['log', 'log-group']],
    ['limit rate 5/second accept', ['limit']],
    ['quota over 5 mbytes drop', ['quota']],
    ['last', ['last']],
    ['queue to 1', ['queue']],
    ['ip ttl set 64', ['payload-set']],
    ['tcp option maxseg size set 1400', ['exthdr-set']],
    ['reset tcp option sack-perm', ['exthdr-reset']],
    ['ip saddr . tcp dport { 10.0.0.0/8 . 1-5 } accept', ['set-concat-range']],
    ['ip saddr vmap { 10.0.0.1 : drop, * : accept }', ['set-catchall']],
    ['jump { accept; }', ['chain-binding']],
    ['udp dport 4789 vxlan ip saddr 10.0.0.1 drop', ['inner']],
  ])('%s', (text, ids) => {
    // Places: the rule stands in line 4, and so does all that it brings.
    expect(idsOf(rule(text))).toEqual(ids.map((id) => `${id} 4`));
  });

  it('of chains, sets, objects and flowtables', () => {
    expect(idsOf('table netdev t {\n chain c {\n  type filter hook egress device "eth0" priority 0;\n }\n}\n')).toEqual(
      ['netdev 2', 'netdev-egress 2'],
    );
    expect(idsOf(rule('accept', 'prerouting').replace('filter hook', 'nat hook'))).toEqual(['nat-inet 2']);
    expect(
      idsOf(
        'table ip t {\n ct helper f {\n  type "ftp" protocol tcp\n }\n chain c {\n  type filter hook forward priority 0;\n  ct helper set "f"\n }\n}\n',
      ),
    ).toEqual(['ct-helper 2', 'helper-ftp 2']);
    expect(
      idsOf(
        'table inet t {\n flowtable f {\n  hook ingress priority 0;\n  devices = { eth0 };\n  counter;\n  flags offload;\n }\n chain c {\n  type filter hook forward priority 0;\n  flow add @f\n  ct state new accept\n  ct state invalid drop\n }\n}\n',
      ),
    ).toEqual(['flowtable 2', 'flow-add 10', 'flowtable-counter 2', 'flowtable-hardware 2', 'ct 11,12']);
  });
});

it('--kernel marks what that version lacks', () => {
  const refused = (kernel: string): string[] =>
    needs(rule('ip saddr vmap { * : accept }'), kernel).flatMap(({ row, refused }) => (refused ? [row.id] : []));
  expect(refused('5.12')).toEqual(['set-catchall']);
  expect(refused('5.13')).toEqual([]);
  expect(refused('6.6.30')).toEqual([]);
  expect(refused('3.13')).toEqual(['inet', 'set-catchall']);
});

it('packages: those that no other brings', () => {
  const text =
    'table inet t {\n flowtable f { hook ingress priority 0; devices = { eth0 }; }\n chain c {\n  type filter hook forward priority 0;\n  flow add @f\n  fib saddr oif missing drop\n }\n chain n { type nat hook postrouting priority 100; masquerade; }\n}\n';
  expect(packagesOf(needs(text))).toEqual(['kmod-nft-fib', 'kmod-nft-offload']);
});

describe('versions', () => {
  it.each([
    ['5.15', '5.4', 1],
    ['5.4', '5.15', -1],
    ['6.6', '6.6.30', -1],
    ['v5.13-rc1', '5.13', 0],
    ['1.0.6', '0.9.9', 1],
  ])('%s against %s', (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
  });
  it.each(['', '5', 'new', '5.x', '../5.15', '5.15 6'])('%j is none', (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });
});

it('rows: ids are unique, versions are versions, all have a source', () => {
  expect(new Set(ROWS.map((row) => row.id)).size).toBe(ROWS.length);
  for (const row of ROWS) {
    expect(parseVersion(row.kernel), row.id).toBeDefined();
    if (row.nft !== undefined) expect(parseVersion(row.nft), row.id).toBeDefined();
    expect(row.source, row.id).not.toBe('');
    for (const name of row.packages ?? []) expect(name).toMatch(/^(kmod-[a-z0-9-]+|none)$/);
    for (const option of row.options ?? []) expect(option).toMatch(/^[A-Z][A-Z0-9_]+$/);
  }
});
