// What is written per packet while replaying comes back as it was, in packet order, however many parts wrote it.
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventRow, mergeEventRows, writeEventRow } from '../../src/replay/event-rows.ts';
import { type FrameRow, mergeFrameRows, writeFrameRow } from '../../src/replay/frame-rows.ts';
import { SpillReader, SpillWriter } from '../../src/replay/spill.ts';
import { withFolder } from './fixture.ts';

const eventRow: fc.Arbitrary<EventRow> = fc.record({
  packet: fc.constant(0),
  timeNs: fc.double({ min: -6e18, max: 6e18, noNaN: true }),
  ifindex: fc.nat(65535),
  verdict: fc.nat(255),
  pathClass: fc.nat(255),
  reason: fc.nat(255),
  detail: fc.integer({ min: -1, max: 0xffff_fffd }),
  path: fc.nat(99),
  wireOctets: fc.nat(0xffff_ffff),
  flow: fc.constant(0),
  digest: fc.nat(0xffff_ffff),
  mark: fc.nat(0xffff_ffff),
  ctMark: fc.nat(0xffff_ffff),
  nat: fc.nat(0xffff_ffff),
  outs: fc.array(fc.nat(65535), { maxLength: 5 }),
});

describe('event rows', () => {
  it('come back in packet order, with the merged paths, from any number of parts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(eventRow, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), async (rows, parts) => {
        await withFolder((folder) => {
          rows.forEach((row, n) => {
            row.packet = n * 3 + 1;
          });
          const writers = Array.from({ length: parts }, (_, part) => new SpillWriter(join(folder, `${part}`)));
          rows.forEach((row, n) => {
            const writer = writers[(n * 7) % parts];
            if (writer !== undefined) writeEventRow(writer, row, Int32Array.from([...row.outs, 9]), row.outs.length);
          });
          for (const writer of writers) writer.close();
          const readers = writers.map((writer) => new SpillReader(writer.path));
          const pathOf = Uint32Array.from({ length: 100 }, (_, path) => 1000 - path);
          const back: EventRow[] = [];
          const merged = mergeEventRows(readers.map((spill) => ({ spill, pathOf })));
          for (const row of merged) back.push({ ...row, outs: [...row.outs] });
          for (const reader of readers) reader.close();
          expect(back).toEqual(rows.map((row) => ({ ...row, path: 1000 - row.path })));
        });
      }),
      { numRuns: 50 },
    );
  });

  it('number connections in the order of their mention, whoever numbered them before', async () => {
    await withFolder((folder) => {
      const base = {
        timeNs: 0,
        ifindex: 1,
        verdict: 0,
        pathClass: 0,
        reason: 0,
        detail: -1,
        path: 0,
        wireOctets: 1,
        digest: 0,
        mark: 0,
        ctMark: 0,
        nat: 0,
      };
      const parts = [
        [
          [1, 7],
          [4, 0],
          [5, 7],
          [9, 2],
        ],
        [
          [2, 7],
          [3, 1],
          [6, 7],
          [8, 1],
        ],
      ];
      const readers = parts.map((rows, part) => {
        const writer = new SpillWriter(join(folder, `${part}`));
        for (const [packet = 0, flow = 0] of rows)
          writeEventRow(writer, { ...base, packet, flow }, new Int32Array(0), 0);
        writer.close();
        return new SpillReader(writer.path);
      });
      const flows: [number, number][] = [];
      for (const row of mergeEventRows(readers.map((spill) => ({ spill, pathOf: new Uint32Array(1) })))) {
        flows.push([row.packet, row.flow]);
      }
      for (const reader of readers) reader.close();
      expect(flows).toEqual([
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 0],
        [5, 1],
        [6, 2],
        [8, 3],
        [9, 4],
      ]);
    });
  });
});

describe('frame rows', () => {
  it.each([
    ['small frames', [60, 0, 1514, 1]],
    ['more than the buffers hold', Array.from({ length: 900 }, (_, n) => 1200 + (n % 300))],
    ['a frame larger than the buffer between small ones', [60, 3_000_000, 60, 1 << 20, (1 << 20) + 1, 60]],
  ])('come back: %s', async (_, lengths) => {
    await withFolder((folder) => {
      const writers = [0, 1, 2].map((part) => new SpillWriter(join(folder, `${part}`)));
      const data = Uint8Array.from({ length: Math.max(...lengths) + 50 }, (_value, n) => (n * 31) >>> 3);
      const written = lengths.map((length, n) => ({
        packet: n + 1,
        timeNs: n * 1e6,
        ifindex: n % 4,
        wireOctets: length + 4,
        start: n % 50,
        length,
      }));
      for (const row of written) {
        const writer = writers[row.packet % 3];
        if (writer === undefined) continue;
        writeFrameRow(
          writer,
          row.packet,
          row.timeNs,
          row.ifindex,
          data,
          row.start,
          row.start + row.length,
          row.wireOctets,
        );
      }
      for (const writer of writers) writer.close();
      const readers = writers.map((writer) => new SpillReader(writer.path));
      let n = 0;
      for (const row of mergeFrameRows(readers)) {
        const { start, length, ...rest } = written[n++] ?? { start: 0, length: 0 };
        const { octets, ...head } = row;
        expect(head).toEqual(rest);
        expect(Buffer.from(octets).equals(data.subarray(start, start + length))).toBe(true);
      }
      expect(n).toBe(lengths.length);
      for (const reader of readers) reader.close();
    });
  });

  it('of one packet keep their order', async () => {
    await withFolder((folder) => {
      const writer = new SpillWriter(join(folder, 'frames'));
      const none = new SpillWriter(join(folder, 'none'));
      for (const ifindex of [3, 1, 2]) writeFrameRow(writer, 5, 0, ifindex, new Uint8Array(4), 0, 4, 4);
      writer.close();
      none.close();
      const readers = [new SpillReader(none.path), new SpillReader(writer.path)];
      const order: FrameRow['ifindex'][] = [];
      for (const row of mergeFrameRows(readers)) order.push(row.ifindex);
      for (const reader of readers) reader.close();
      expect(order).toEqual([3, 1, 2]);
    });
  });
});

describe('a spill file', () => {
  it('is never one that exists', async () => {
    await withFolder((folder) => {
      new SpillWriter(join(folder, 'a')).close();
      expect(() => new SpillWriter(join(folder, 'a'))).toThrow('EEXIST');
    });
  });

  it('ends where the writer ended', async () => {
    await withFolder((folder) => {
      const writer = new SpillWriter(join(folder, 'a'));
      writer.reserve(13);
      writer.putU32(0xdeadbeef);
      writer.putU16(0xcafe);
      writer.putU8(7);
      writer.close();
      const reader = new SpillReader(writer.path);
      expect(reader.has(7)).toBe(true);
      expect([reader.u32(), reader.u16(), reader.u8()]).toEqual([0xdeadbeef, 0xcafe, 7]);
      expect(reader.has(1)).toBe(false);
      reader.close();
    });
  });
});
