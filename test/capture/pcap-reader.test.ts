import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureError } from '../../src/base/errors.ts';
import { PcapWriter } from '../../src/capture/pcap-writer.ts';
import { MemorySink } from '../../src/capture/sink.ts';
import { type PcapPacket, payload, pcapFile, readAll, temporaryFile } from './files.ts';

const MICRO = 0xa1b2c3d4;
const NANO = 0xa1b23c4d;
const MODIFIED = 0xa1b2cd34;

const packets: PcapPacket[] = [
  { seconds: 1_700_000_000, fraction: 999_999, data: payload(60, 1) },
  { seconds: 0xffffffff, fraction: 1, data: payload(1, 2), wireLength: 1500 },
  { seconds: 1, fraction: 0, data: payload(0, 3), wireLength: 60 },
  { seconds: 2, fraction: 2, data: payload(3000, 4) },
];

describe('classic pcap', () => {
  for (const little of [true, false]) {
    for (const [name, magic] of [
      ['microsecond', MICRO],
      ['nanosecond', NANO],
      ['modified', MODIFIED],
    ] as const) {
      test(`reads a ${little ? 'little' : 'big'}-endian ${name} file`, async () => {
        const path = temporaryFile(pcapFile(packets, { magic, little }));
        const { records, damage } = await readAll(path);
        expect(damage).toBeUndefined();
        expect(records.map((one) => [one.seconds, one.nanos, one.wireLength])).toEqual(
          packets.map((one) => [
            one.seconds,
            one.fraction * (magic === NANO ? 1 : 1000),
            one.wireLength ?? one.data.length,
          ]),
        );
        expect(records.map((one) => one.data)).toEqual(packets.map((one) => one.data));
      });
    }
  }

  test('the modified format tells interface and packet type', async () => {
    const { reader } = await readAll(temporaryFile(pcapFile(packets, { magic: MODIFIED })));
    expect([reader.hostIfindex, reader.packetType]).toEqual([7, 4]);
  });

  test('lengths in the order of versions before 2.3 are swapped back', async () => {
    const data = payload(40);
    const old = pcapFile([{ seconds: 1, fraction: 2, data, wireLength: 40 }], { minor: 2 });
    new DataView(old.buffer).setUint32(24 + 8, 100, true);
    const { records } = await readAll(temporaryFile(old));
    expect([records[0]?.data.length, records[0]?.wireLength]).toEqual([40, 100]);
  });

  test('a fraction beyond a second is carried', async () => {
    const { records } = await readAll(temporaryFile(pcapFile([{ seconds: 5, fraction: 2_500_000, data: payload(4) }])));
    expect([records[0]?.seconds, records[0]?.nanos]).toEqual([7, 500_000_000]);
  });

  test('a frame check sequence that the header announces is taken off', async () => {
    const file = pcapFile([{ seconds: 1, fraction: 0, data: payload(64) }], { linkType: (0x24000000 | 1) >>> 0 });
    const { records } = await readAll(temporaryFile(file));
    expect([records[0]?.data.length, records[0]?.wireLength, records[0]?.linkType]).toEqual([60, 60, 1]);
  });

  test('a header alone is a capture without packets', async () => {
    const { records, damage } = await readAll(temporaryFile(pcapFile([])));
    expect([records.length, damage]).toEqual([0, undefined]);
  });

  test('an absurd captured length is damage with its offset; packets before it are read', async () => {
    const file = pcapFile([...packets, { seconds: 1, fraction: 1, data: payload(8) }]);
    const offset = file.length - 24;
    new DataView(file.buffer).setUint32(offset + 8, 262_145, true);
    const { records, damage } = await readAll(temporaryFile(file));
    expect(records.length).toBe(packets.length);
    expect(damage?.offsetBytes).toBe(offset);
    expect(damage?.message).toContain('262145');
  });

  test('the largest captured length is read', async () => {
    const big = payload(262_144);
    const { records, damage } = await readAll(temporaryFile(pcapFile([{ seconds: 1, fraction: 1, data: big }])), {
      blockBytes: 65_536,
    });
    expect(damage).toBeUndefined();
    expect(records[0]?.data).toEqual(big);
  });

  test('an unsupported link type is refused with its name and the file', async () => {
    const path = temporaryFile(pcapFile(packets, { linkType: 127 }));
    await expect(readAll(path)).rejects.toThrow(CaptureError);
    await expect(readAll(path)).rejects.toThrow(/IEEE802_11_RADIOTAP \(127\)/);
    await expect(readAll(path)).rejects.toThrow(path);
  });

  test('an unknown version is refused', async () => {
    await expect(readAll(temporaryFile(pcapFile(packets, { major: 3 })))).rejects.toThrow(/version 3\.4/);
  });

  test('small blocks give the same records as large ones', async () => {
    const many = Array.from({ length: 200 }, (_, i) => ({ seconds: i, fraction: i, data: payload((i * 37) % 500, i) }));
    const path = temporaryFile(pcapFile(many));
    const { records } = await readAll(path, { blockBytes: 300 });
    expect(records.map((one) => one.data)).toEqual(many.map((one) => one.data));
    expect(records.map((one) => one.seconds)).toEqual(many.map((one) => one.seconds));
  });
});

const anyPackets = fc.array(
  fc.record({
    seconds: fc.integer({ min: 0, max: 0xffffffff }),
    fraction: fc.integer({ min: 0, max: 999_999 }),
    data: fc.uint8Array({ maxLength: 200 }),
    cut: fc.integer({ min: 0, max: 2000 }),
  }),
  { maxLength: 12 },
);

describe('properties of classic pcap', () => {
  test('what PcapWriter writes is read back in every variant', async () => {
    await fc.assert(
      fc.asyncProperty(anyPackets, fc.boolean(), fc.boolean(), async (all, nanoseconds, bigEndian) => {
        const sink = new MemorySink();
        const writer = new PcapWriter(sink, { nanoseconds, bigEndian });
        for (const { seconds, fraction, data, cut } of all) {
          writer.write(seconds, fraction * 1000, data, 0, data.length, data.length + cut);
        }
        writer.close();
        const { records, damage } = await readAll(temporaryFile(sink.octets(), 'round-trip'), { blockBytes: 512 });
        expect(damage).toBeUndefined();
        expect(records.map((one) => [one.seconds, one.nanos, one.wireLength, ...one.data])).toEqual(
          all.map((one) => [one.seconds, one.fraction * 1000, one.data.length + one.cut, ...one.data]),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('a file cut anywhere gives its whole records and the offset of the cut one', async () => {
    await fc.assert(
      fc.asyncProperty(anyPackets, fc.nat(), fc.boolean(), async (all, at, little) => {
        const file = pcapFile(all, { little });
        const length = at % (file.length + 1);
        const path = temporaryFile(file.subarray(0, length), 'cut');
        if (length < 24) {
          await expect(readAll(path)).rejects.toThrow(CaptureError);
          return;
        }
        let end = 24;
        let whole = 0;
        for (const one of all) {
          if (end + 16 + one.data.length > length) break;
          end += 16 + one.data.length;
          whole++;
        }
        const { records, damage } = await readAll(path, { blockBytes: 256 });
        expect(records.length).toBe(whole);
        expect(damage?.offsetBytes).toBe(end === length ? undefined : end);
      }),
      { numRuns: 200 },
    );
  });

  test('mutated octets never throw anything but a CaptureError at open', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyPackets,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 20 }),
        async (all, changes) => {
          const file = pcapFile(all);
          for (const [at, value] of changes) file[at % file.length] = value;
          try {
            const { records } = await readAll(temporaryFile(file, 'mutated'), { blockBytes: 256 });
            expect(records.length).toBeLessThanOrEqual(file.length / 16);
          } catch (error) {
            expect(error).toBeInstanceOf(CaptureError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
