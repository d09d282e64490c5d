import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureError } from '../../src/base/errors.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import { MemorySink } from '../../src/capture/sink.ts';
import { type PcapngBlock, payload, pcapngFile, readAll, temporaryFile } from './files.ts';

const SECTION: PcapngBlock = { kind: 'section' };
const ETHERNET: PcapngBlock = { kind: 'interface', linkType: 1, name: 'eth0' };

async function read(blocks: PcapngBlock[], blockBytes = 4096) {
  return readAll(temporaryFile(pcapngFile(blocks).octets), { blockBytes });
}

describe('pcapng', () => {
  for (const little of [true, false]) {
    test(`reads all packet blocks of a ${little ? 'little' : 'big'}-endian section`, async () => {
      const { records, damage, reader } = await read([
        { kind: 'section', little },
        ETHERNET,
        { kind: 'enhanced', time: 1_700_000_000_000_001n, data: payload(61), wireLength: 100, options: true },
        { kind: 'other', type: 4, length: 24 },
        { kind: 'simple', data: payload(30, 1) },
        { kind: 'other', type: 0x0bad, length: 100 },
        { kind: 'obsolete', time: 1_700_000_001_000_000n, data: payload(3, 2) },
      ]);
      expect(damage).toBeUndefined();
      expect(records.map((one) => [one.seconds, one.nanos, one.wireLength, ...one.data])).toEqual([
        [1_700_000_000, 1000, 100, ...payload(61)],
        [1_700_000_000, 1000, 30, ...payload(30, 1)],
        [1_700_000_001, 0, 3, ...payload(3, 2)],
      ]);
      expect(reader.untimed).toBe(1);
      expect(reader.interfaces[0]?.name).toBe('eth0');
    });
  }

  test('sections of different byte order and their interfaces are numbered on', async () => {
    const { records, reader } = await read([
      SECTION,
      { kind: 'interface', name: 'lan', resolution: 9 },
      { kind: 'interface', name: 'wan', resolution: 0x80 | 10, offset: 1000n },
      { kind: 'enhanced', from: 1, time: 1536n, data: payload(4) },
      { kind: 'section', little: false },
      { kind: 'interface', name: 'cooked', linkType: 276 },
      { kind: 'enhanced', from: 0, time: 7n, data: payload(24) },
      { kind: 'enhanced', from: 0, time: 8n, data: payload(24) },
    ]);
    expect(records.map((one) => [one.interfaceIndex, one.linkType, one.seconds, one.nanos])).toEqual([
      [1, 1, 1001, 500_000_000],
      [2, 276, 0, 7000],
      [2, 276, 0, 8000],
    ]);
    expect(reader.interfaces.map((one) => one.name)).toEqual(['lan', 'wan', 'cooked']);
  });

  test('a simple packet block is as long as the snaplen lets it', async () => {
    const { records } = await read([
      SECTION,
      { kind: 'interface', snaplen: 20 },
      { kind: 'simple', data: payload(20), wireLength: 90 },
    ]);
    expect(records.map((one) => [one.data.length, one.wireLength])).toEqual([[20, 90]]);
  });

  test('packets of unsupported interfaces are counted, the others delivered', async () => {
    const { records, reader } = await read([
      SECTION,
      { kind: 'interface', linkType: 127, name: 'mon0' },
      { kind: 'enhanced', data: payload(9) },
      { kind: 'interface', linkType: 1 },
      { kind: 'enhanced', from: 1, data: payload(60) },
      { kind: 'enhanced', from: 0, data: payload(60) },
    ]);
    expect(records.length).toBe(1);
    expect(reader.interfaces.map((one) => one.skipped)).toEqual([2, 0]);
  });

  test('a file without any supported interface is refused with the type and the place', async () => {
    const blocks: PcapngBlock[] = [
      SECTION,
      { kind: 'interface', linkType: 105 },
      { kind: 'enhanced', data: payload(9) },
    ];
    await expect(read(blocks)).rejects.toThrow(/byte 28: .*IEEE802_11 \(105\)/);
  });

  test('a section alone is a capture without packets', async () => {
    const { records, damage } = await read([SECTION]);
    expect([records.length, damage]).toEqual([0, undefined]);
  });

  test('a block larger than the reader’s block is stepped over', async () => {
    const { records, damage } = await read(
      [SECTION, ETHERNET, { kind: 'other', type: 10, length: 100_000 }, { kind: 'enhanced', data: payload(60) }],
      512,
    );
    expect([records.length, damage]).toEqual([1, undefined]);
  });

  const GOOD: PcapngBlock[] = [SECTION, ETHERNET, { kind: 'enhanced', data: payload(60) }];
  test.each<[string, (view: DataView, at: number) => void, RegExp]>([
    ['lengths that differ', (view, at) => view.setUint32(at + 32 + 60 - 4, 96, true), /96 at its end/],
    ['a length of zero', (view, at) => view.setUint32(at + 4, 0, true), /length of 0/],
    ['a length beyond 16 MiB', (view, at) => view.setUint32(at + 4, 0x7fffffff, true), /2147483647/],
    ['a captured length beyond its block', (view, at) => view.setUint32(at + 20, 65, true), /beyond its block/],
    ['an absurd captured length', (view, at) => view.setUint32(at + 20, 1e9, true), /captured length 1000000000/],
    ['an unknown interface', (view, at) => view.setUint32(at + 8, 9, true), /interface 9/],
  ])('%s ends the capture with its offset', async (_name, spoil, message) => {
    const { octets, ends } = pcapngFile([...GOOD, { kind: 'enhanced', data: payload(60) }]);
    const at = ends[2] as number;
    spoil(new DataView(octets.buffer), at);
    const { records, damage } = await readAll(temporaryFile(octets));
    expect(records.length).toBe(1);
    expect(damage?.offsetBytes).toBe(at);
    expect(damage?.message).toMatch(message);
  });

  test('a second section without byte-order magic, or of another version, is damage', async () => {
    const { octets, ends } = pcapngFile([...GOOD, SECTION]);
    octets[(ends[2] as number) + 8] = 0;
    const first = await readAll(temporaryFile(octets));
    expect([first.records.length, first.damage?.offsetBytes]).toEqual([1, ends[2]]);
    const second = await read([...GOOD, { kind: 'section', major: 2 }]);
    expect(second.damage?.message).toMatch(/version 2/);
  });

  test('a first section of another version is refused', async () => {
    await expect(read([{ kind: 'section', major: 2 }, ETHERNET])).rejects.toThrow(/version 2/);
  });

  test('an if_tsresol that 64 bits cannot hold is damage', async () => {
    const { damage } = await read([...GOOD, { kind: 'interface', resolution: 40 }]);
    expect(damage?.message).toMatch(/10\^-40/);
  });

  test('a length without its padding is read as Wireshark reads it', async () => {
    const { octets, ends } = pcapngFile([...GOOD, { kind: 'enhanced', data: payload(61) }]);
    const view = new DataView(octets.buffer);
    const at = ends[2] as number;
    view.setUint32(at + 4, 93, true);
    view.setUint32(octets.length - 4, 93, true);
    const { records, damage } = await readAll(temporaryFile(octets));
    expect([records[1]?.data.length, damage]).toEqual([61, undefined]);
  });
});

const anyBlock = fc.oneof(
  fc.record({
    kind: fc.constantFrom('enhanced' as const, 'obsolete' as const),
    from: fc.constantFrom(0, 1),
    time: fc.bigInt({ min: 0n, max: 2n ** 61n }),
    data: fc.uint8Array({ maxLength: 150 }),
    options: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('simple' as const), data: fc.uint8Array({ maxLength: 100 }) }),
  fc.record({ kind: fc.constant('other' as const), type: fc.constantFrom(4, 5, 10, 0x0bad), length: fc.nat(300) }),
  fc.constant({ kind: 'section' as const }),
);

// Every section needs its interfaces again.
const anyFile = fc.tuple(fc.boolean(), fc.array(anyBlock, { maxLength: 12 })).map(([little, blocks]) => {
  const head: PcapngBlock[] = [
    { kind: 'section', little },
    { kind: 'interface', name: 'a', resolution: 9 },
    { kind: 'interface', linkType: 101 },
  ];
  return [...head, ...blocks.flatMap((one): PcapngBlock[] => (one.kind === 'section' ? head : [one]))];
});

const isPacket = (one: PcapngBlock): boolean =>
  one.kind === 'enhanced' || one.kind === 'obsolete' || one.kind === 'simple';

describe('properties of pcapng', () => {
  test('what PcapngWriter writes is read back', async () => {
    const anyPacket = fc.record({
      from: fc.nat(2),
      seconds: fc.integer({ min: 0, max: 0xffffffff }),
      nanos: fc.nat(999_999_999),
      data: fc.uint8Array({ maxLength: 300 }),
      cut: fc.nat(2000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyPacket, { maxLength: 12 }), async (all) => {
        const sink = new MemorySink();
        const writer = new PcapngWriter(sink, [{ name: 'lan' }, { name: 'wan é' }, { name: 'ppp', linkType: 101 }]);
        for (const { from, seconds, nanos, data, cut } of all) {
          writer.write(from, seconds, nanos, data, 0, data.length, data.length + cut);
        }
        writer.close();
        const { records, damage, reader } = await readAll(temporaryFile(sink.octets(), 'round-trip'), {
          blockBytes: 512,
        });
        expect(damage).toBeUndefined();
        expect(reader.interfaces.map((one) => [one.name, one.linkType])).toEqual([
          ['lan', 1],
          ['wan é', 1],
          ['ppp', 101],
        ]);
        expect(records.map((one) => [one.interfaceIndex, one.seconds, one.nanos, one.wireLength, ...one.data])).toEqual(
          all.map((one) => [one.from, one.seconds, one.nanos, one.data.length + one.cut, ...one.data]),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('a file cut anywhere gives its whole packets and the offset of the cut block', async () => {
    await fc.assert(
      fc.asyncProperty(anyFile, fc.nat(), async (blocks, at) => {
        const { octets, ends } = pcapngFile(blocks);
        const length = at % (octets.length + 1);
        const path = temporaryFile(octets.subarray(0, length), 'cut');
        if (length < 28) {
          await expect(readAll(path)).rejects.toThrow(CaptureError);
          return;
        }
        const whole = ends.filter((end) => end <= length).length;
        const { records, damage } = await readAll(path, { blockBytes: 256 });
        expect(records.length).toBe(blocks.slice(0, whole).filter(isPacket).length);
        const start = ends[whole - 1] ?? 0;
        expect(damage?.offsetBytes).toBe(start === length ? undefined : start);
      }),
      { numRuns: 200 },
    );
  });

  test('mutated octets never hang or throw anything but a CaptureError at open', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyFile,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 20 }),
        async (blocks, changes) => {
          const { octets } = pcapngFile(blocks);
          for (const [at, value] of changes) octets[at % octets.length] = value;
          try {
            const { records } = await readAll(temporaryFile(octets, 'mutated'), { blockBytes: 256 });
            expect(records.length).toBeLessThanOrEqual(octets.length / 12);
            for (const one of records) expect(Number.isInteger(one.seconds) && one.nanos < 1e9).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(CaptureError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
