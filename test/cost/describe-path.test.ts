import { describe, expect, test } from 'vitest';
import { describePath } from '../../src/cost/describe-path.ts';
import { reasonIndex } from '../../src/event/reasons.ts';
import { RULE_MATCHED } from '../../src/event/vocabulary.ts';
import { ALL_EVENTS, namesOf, rule, type Step, tableOf } from './paths.ts';

const names = namesOf({
  'inet fw4 forward': [...Array.from({ length: 7 }, () => 'meta cmp verdict'), 'ct bitwise cmp verdict', 'counter'],
  'inet fw4 accept_to_wan': ['meta cmp verdict', 'counter verdict'],
  'inet fw4 postrouting': [],
  'netdev n in': ['verdict'],
});
const FORWARD = 0;
const ACCEPT = 1;
const chain = (steps: readonly Step[]) => describePath(tableOf([{ steps }]), names, 0).join(' > ');
const missed = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => rule(from + i, 2));

describe('describePath', () => {
  test.each<[string, Step[], string]>([
    [
      'a forwarded first packet reads from left to right',
      [
        ['rx', 1],
        ['ip-receive', 4],
        ['hook', 0],
        ['ct-new', 6],
        'nat-setup',
        ['route', 4],
        ['forward', 4],
        ['base-chain', FORWARD],
        ...missed(0, 6),
        rule(7, RULE_MATCHED),
        ['jump', ACCEPT],
        rule(9, 2),
        rule(10, RULE_MATCHED),
        ['output', 4],
        ['nat-mangle', 6],
        'ct-confirm',
        ['tx', 2],
      ],
      'rx eth1 > ip receive > ct new tcp > nat setup > route > ' +
        'fw4 forward: rules 1-7 missed, rule 8 of 9 matched, jump accept_to_wan > ' +
        'fw4 accept_to_wan: rule 1 missed, rule 2 of 2 matched > nat mangle tcp > ct confirm > tx wan',
    ],
    [
      'a return to the calling chain names it again',
      [
        ['base-chain', FORWARD],
        rule(0, RULE_MATCHED),
        ['jump', ACCEPT],
        ...missed(9, 10).slice(0, 1),
        rule(8, RULE_MATCHED),
        ['policy', FORWARD],
      ],
      'fw4 forward: rule 1 of 9 matched, jump accept_to_wan > fw4 accept_to_wan: rule 1 missed > fw4 forward: rule 9 of 9 matched, policy',
    ],
    [
      'all rules missed',
      [['base-chain', FORWARD], ...missed(0, 6), rule(7, 3), rule(8, 0), ['policy', FORWARD]],
      'fw4 forward: rules 1-9 of 9 missed, policy',
    ],
    [
      'a chain without rules',
      [
        ['base-chain', 2],
        ['policy', 2],
      ],
      'fw4 postrouting: policy',
    ],
    ['an empty chain that recorded no policy', [['base-chain', 2]], 'fw4 postrouting: no rules'],
    [
      'IPv6 shows',
      [
        ['ip-receive', 6],
        ['route', 6],
      ],
      'ipv6 receive > route ipv6',
    ],
    ['a drop says why', [['drop', reasonIndex('policy')]], "drop: dropped by a base chain's policy"],
    [
      'fragments are counted',
      [
        ['fragment', 4],
        ['fragment', 4],
        ['fragment', 4],
        ['tx', 2],
      ],
      'fragment (3 times) > tx wan',
    ],
    [
      'a flowtable hit',
      [
        ['rx', 1],
        ['ingress-hook', 1],
        ['flow-hit', 4],
        ['flow-nat', 17],
        ['flow-xmit', 4],
        ['tx', 2],
      ],
      'rx eth1 > ingress eth1 > flowtable hit > flow nat udp > tx wan',
    ],
    ['a miss names the flowtable', [['flow-lookup', 0]], 'flowtable miss ft'],
    ['an unknown protocol by its number', [['ct-lookup', 99]], 'ct lookup protocol 99'],
    ['unknown names do not break it', [['rx', 9], ['base-chain', 44], rule(99, 1)], 'rx > chain 44: no rules'],
    ['nothing at all', [], ''],
  ])('%s', (_, steps, expected) => {
    expect(chain(steps)).toBe(expected);
  });

  test('every kind of event has words', () => {
    for (const step of ALL_EVENTS) {
      for (const text of describePath(tableOf([{ steps: [step] }]), names, 0)) expect(text).toMatch(/^[a-z0-9]/i);
    }
  });
});
