// What expressions met is added up over the parts of a split replay.
import { expect, test } from 'vitest';
import type { EventNames, ExpressionShape, Work } from '../../src/event/vocabulary.ts';
import { addWork } from '../../src/replay/merge-work.ts';

function names(work?: Work, cost: ExpressionShape['cost'] = 'lookup-rbtree'): EventNames {
  const shape: ExpressionShape = work === undefined ? { cost, size: 9 } : { cost, size: 9, work };
  const rules = [{ chain: 'ip f c', place: 1, handle: 2, expressions: [{ cost: 'payload' as const, size: 4 }, shape] }];
  return { interfaces: [''], chains: ['ip f c'], rules, flowtables: [] };
}

const some = { times: 3, amounts: [9, 4, 11] };
const more = { times: 2, amounts: [1, 0, 5] };
const sum = { times: 5, amounts: [10, 4, 16] };

test.each([
  ['the look-ups of both parts', [names(some), names(more)], sum],
  ['in whatever order', [names(more), names(some)], sum],
  ['with a part in which nothing was looked up', [names(), names(some), names()], some],
  ['nothing, where nothing was', [names(), names()], undefined],
  ['one part alone', [names(some)], some],
])('%s', (_, parts, expected) => {
  expect(addWork(parts).rules[0]?.expressions[1]?.work).toEqual(expected);
});

test('what is not counted stays as it is', () => {
  const [part] = [names(undefined, 'lookup-hash')];
  expect(addWork([part, part])).toEqual(part);
});
