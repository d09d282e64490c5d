// The flow hash against a list: newest of equal keys first, exact removal, growth.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FlowRows } from '../../../src/netfilter/flowtable/flow-rows.ts';
import { hashKey, KEY_WORDS } from '../../../src/netfilter/flowtable/tuple.ts';

function key(id: number): Uint32Array {
  const words = new Uint32Array(KEY_WORDS);
  words[0] = id % 50;
  words[8] = id % 7;
  words[9] = 1;
  return words;
}

test('find, alloc and remove agree with a list of the same', () => {
  const steps = fc.array(fc.record({ add: fc.boolean(), id: fc.nat(400), entry: fc.nat(20), pick: fc.nat() }), {
    maxLength: 1500,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const rows = new FlowRows();
      const model: { row: number; entry: number; original: Uint32Array; reply: Uint32Array }[] = [];
      for (const { add, id, entry, pick } of list) {
        if (add || model.length === 0) {
          const row = rows.alloc(entry);
          const original = key(id);
          const reply = key(id + 1000);
          reply[9] = 2;
          rows.keys.set(original, row * 2 * KEY_WORDS);
          rows.keys.set(reply, (row * 2 + 1) * KEY_WORDS);
          rows.insert(row);
          model.push({ row, entry, original, reply });
        } else {
          const [gone] = model.splice(pick % model.length, 1);
          rows.remove(gone?.row ?? 0);
        }
        const wanted = key(id);
        const newest = model.findLast((one) => one.original.every((word, i) => word === wanted[i]));
        expect(rows.find(wanted, hashKey(wanted, 0), 0)).toBe(newest === undefined ? -1 : newest.row * 2);
        expect(rows.newestOf(entry)).toBe(model.findLast((one) => one.entry === entry)?.row ?? -1);
        expect(rows.count).toBe(model.length);
      }
      for (const { reply } of model) expect(rows.find(reply, hashKey(reply, 0), 0) & 1).toBe(1);
    }),
    { numRuns: 60 },
  );
});
