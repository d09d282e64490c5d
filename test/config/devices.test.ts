import { expect, it } from 'vitest';
import { deviceHints } from '../../src/config/devices.ts';
import { compile } from '../../src/nft/compile.ts';

const hints = (rules: string) => {
  const text = `table inet t { chain c { type filter hook forward priority 0;\n${rules}\n}\n}`;
  return deviceHints(compile({ path: 't.nft', text }).ruleset);
};

it.each([
  ['the address that is compared after a name is no name', 'iifname != "eth9" ip saddr 127.0.0.1 accept', []],
  ['a name and an address', 'iifname "lan0" ip daddr 10.1.0.0/16 accept', ['lan0']],
  [
    'both names of a concatenation',
    'iifname . oifname { "lan0" . "wan0", "dmz0" . "wan0" } accept',
    ['lan0', 'dmz0', 'wan0'],
  ],
  ['a name behind an address in a concatenation', 'ip saddr . oifname { 10.0.0.1 . "wan0" } accept', ['wan0']],
  ['a wildcard, made concrete', 'iifname "ppp*" accept', ['ppp0']],
])('finds %s', (_what, rule, names) => {
  expect(hints(rule).names).toEqual(names);
});

it('takes the devices that a masquerade rule names as the way out, and those only', () => {
  expect([...hints('accept').translated]).toEqual([]);
  const text =
    'table ip t { chain c { type nat hook postrouting priority srcnat;\niifname "lan0" oifname "wan0" masquerade\n}\n}';
  expect([...deviceHints(compile({ path: 't.nft', text }).ruleset).translated]).toEqual(['wan0']);
});
