// Packets counted by why they ended.
import { expect, it } from 'vitest';
import { DropFold } from '../../src/replay/drops.ts';

it('counts by reason and detail, most packets first, ties by number', () => {
  const fold = new DropFold();
  fold.add(3, -1, 100);
  for (let n = 0; n < 3; n++) fold.add(1, 5, 60);
  fold.add(1, 4, 61);
  fold.add(1, 0, 62);
  fold.add(200, (1 << 24) - 1, 63);
  expect(fold.counts()).toEqual([
    { reason: 1, detail: 5, packets: 3, bytes: 180 },
    { reason: 1, detail: 0, packets: 1, bytes: 62 },
    { reason: 1, detail: 4, packets: 1, bytes: 61 },
    { reason: 3, detail: -1, packets: 1, bytes: 100 },
    { reason: 200, detail: (1 << 24) - 1, packets: 1, bytes: 63 },
  ]);
});

it('holds any number of rules', () => {
  const fold = new DropFold();
  for (let detail = 0; detail < 5000; detail++) fold.add(1, detail, detail);
  const rows = fold.counts();
  expect(rows.length).toBe(5000);
  expect(rows.every((row, n) => row.detail === n && row.bytes === n && row.packets === 1)).toBe(true);
});

it('nothing dropped is no row', () => {
  expect(new DropFold().counts()).toEqual([]);
});
