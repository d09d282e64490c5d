// Pipes, standard input and gzip.
import { execFileSync, spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureError } from '../../src/base/errors.ts';
import { openCapture } from '../../src/capture/open.ts';
import { PipedPcapReader } from '../../src/capture/piped-pcap-reader.ts';
import { type PcapPacket, payload, pcapFile, pcapngFile, readAll, temporaryFile, temporaryPath } from './files.ts';

const packets: PcapPacket[] = Array.from({ length: 300 }, (_, i) => ({
  seconds: 1_700_000_000 + i,
  fraction: (i * 4001) % 1_000_000,
  data: payload((i * 97) % 1600, i),
  wireLength: 1700,
}));

/** A stream that hands the octets out in pieces. */
function pieces(octets: Uint8Array, size: number): Readable {
  const list: Buffer[] = [];
  for (let at = 0; at < octets.length; at += size) list.push(Buffer.from(octets.subarray(at, at + size)));
  return Readable.from(list);
}

async function readPiped(octets: Uint8Array, size: number) {
  return readAll('-', { stdin: pieces(octets, size) });
}

describe('standard input', () => {
  for (const little of [true, false]) {
    test(`classic ${little ? 'little' : 'big'}-endian microsecond pcap goes through pcap-parser, as from a file`, async () => {
      const file = pcapFile(packets, { little });
      const direct = await readAll(temporaryFile(file));
      for (const size of [1, 7, 1000, 65_536]) {
        const piped = await readPiped(file, size);
        expect(piped.reader).toBeInstanceOf(PipedPcapReader);
        expect(piped.damage).toBeUndefined();
        expect(piped.records).toEqual(direct.records);
      }
    });
  }

  test.each([
    ['nanosecond', 0xa1b23c4d],
    ['modified', 0xa1b2cd34],
  ])('%s pcap goes to the own reader', async (_name, magic) => {
    const file = pcapFile(packets, { magic });
    const direct = await readAll(temporaryFile(file));
    const piped = await readPiped(file, 500);
    expect(piped.reader).not.toBeInstanceOf(PipedPcapReader);
    expect(piped.records).toEqual(direct.records);
  });

  test('pcapng goes to the own reader', async () => {
    const { octets } = pcapngFile([
      { kind: 'section' },
      { kind: 'interface' },
      ...packets.map((one) => ({ kind: 'enhanced' as const, data: one.data })),
    ]);
    const piped = await readPiped(octets, 333);
    expect(piped.records.map((one) => one.data)).toEqual(packets.map((one) => one.data));
  });

  test('a tail cut anywhere is reported with the offset of the cut record', async () => {
    const few = packets.slice(0, 5);
    const file = pcapFile(few);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 24, max: file.length }),
        fc.integer({ min: 1, max: 3000 }),
        async (length, size) => {
          let end = 24;
          let whole = 0;
          while (whole < few.length && end + 16 + (few[whole] as PcapPacket).data.length <= length) {
            end += 16 + (few[whole] as PcapPacket).data.length;
            whole++;
          }
          const { records, damage } = await readPiped(file.subarray(0, length), size);
          expect(records.length).toBe(whole);
          expect(damage?.offsetBytes).toBe(end === length ? undefined : end);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('an absurd length is reported after the records before it, and ends the reading', async () => {
    const file = pcapFile(packets.slice(0, 3));
    const offset = file.length - 16 - (packets[2] as PcapPacket).data.length;
    new DataView(file.buffer).setUint32(offset + 8, 0xffffffff, true);
    const { records, damage } = await readPiped(file, 50);
    expect([records.length, damage?.offsetBytes]).toEqual([2, offset]);
  });

  test('mutated octets behave as in a file', async () => {
    const file = pcapFile(packets.slice(0, 10));
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 255 }), async (at, value) => {
        const spoiled = file.slice();
        spoiled[24 + (at % (file.length - 24))] = value;
        const direct = await readAll(temporaryFile(spoiled, 'mutated'));
        const piped = await readPiped(spoiled, 700);
        expect(piped.records).toEqual(direct.records);
        expect(piped.damage?.offsetBytes).toBe(direct.damage?.offsetBytes);
      }),
      { numRuns: 100 },
    );
  });

  test('a writer is held back: what is pulled stays near what was read', async () => {
    const file = pcapFile([{ seconds: 1, fraction: 1, data: payload(1000) }]);
    const record = file.subarray(24);
    let produced = 0;
    const endless = (function* () {
      yield Buffer.from(file);
      for (;;) {
        produced += 64 * record.length;
        yield Buffer.concat(Array.from({ length: 64 }, () => record));
      }
    })();
    const reader = await openCapture('-', { stdin: Readable.from(endless, { objectMode: false }) });
    let read = 0;
    while (read < 2000) {
      while (read < 2000 && reader.next()) read++;
      await reader.fill();
    }
    expect(produced).toBeLessThan(read * record.length + 1_000_000);
    await reader.close();
  });

  test('a terminal is refused', async () => {
    const terminal = Object.assign(Readable.from([]), { isTTY: true });
    await expect(openCapture('-', { stdin: terminal })).rejects.toThrow(/terminal/);
  });

  test('an empty stream is refused', async () => {
    await expect(openCapture('-', { stdin: Readable.from([]) })).rejects.toThrow(/empty/);
  });

  test('a stream that fails is damage, with what came before', async () => {
    const file = pcapFile(packets.slice(0, 2));
    const failing = (async function* () {
      yield Buffer.from(file);
      throw new Error('connection lost');
    })();
    const { records, damage } = await readAll('-', { stdin: Readable.from(failing) });
    expect(records.length).toBe(2);
    expect(damage?.message).toMatch(/connection lost/);
  });
});

describe('a FIFO', () => {
  test('is read to its end', async () => {
    const path = temporaryPath('fifo');
    execFileSync('mkfifo', [path]);
    const writer = spawn('sh', ['-c', `cat ${temporaryFile(pcapFile(packets))} > ${path}`]);
    const { records, damage, reader } = await readAll(path);
    expect([records.length, damage]).toEqual([packets.length, undefined]);
    expect(reader.totalBytes).toBeUndefined();
    writer.kill();
  });
});

describe('gzip', () => {
  const file = pcapFile(packets);
  const zipped = gzipSync(file);

  test('of a capture, concatenated members, trailing zeros', async () => {
    const direct = await readAll(temporaryFile(file));
    const members = Buffer.concat([gzipSync(file.subarray(0, 5000)), gzipSync(file.subarray(5000)), Buffer.alloc(700)]);
    for (const octets of [zipped, members]) {
      const { records, damage, reader } = await readAll(temporaryFile(octets));
      expect(damage).toBeUndefined();
      expect(records).toEqual(direct.records);
      expect(reader.totalBytes).toBe(octets.length);
    }
  });

  test('of classic pcap in a pipe goes through pcap-parser', async () => {
    const piped = await readPiped(zipped, 100);
    expect(piped.reader).toBeInstanceOf(PipedPcapReader);
    expect(piped.records.length).toBe(packets.length);
  });

  test('cut at any octet: whole records, and the offset counts decompressed octets', async () => {
    for (const length of [500, 3000, zipped.length - 9, zipped.length - 1]) {
      const { records, damage } = await readAll(temporaryFile(zipped.subarray(0, length)));
      expect(damage?.message).toMatch(/gzip data are cut.*decompressed/);
      const last = records.at(-1);
      const end = last === undefined ? 24 : last.offset + 16 + last.data.length;
      expect(damage?.offsetBytes).toBe(end);
    }
  });

  test('a wrong checksum at the end loses no record of a file', async () => {
    const spoiled = Buffer.from(zipped);
    spoiled[zipped.length - 6] = (spoiled[zipped.length - 6] as number) ^ 1;
    const { records, damage } = await readAll(temporaryFile(spoiled));
    expect(records.length).toBe(packets.length);
    expect(damage?.message).toMatch(/damaged \(incorrect data check\)/);
  });

  test('octets after the gzip data are damage, after all records', async () => {
    const { records, damage } = await readAll(temporaryFile(Buffer.concat([zipped, Buffer.from('trailing')])));
    expect(records.length).toBe(packets.length);
    expect(damage?.message).toMatch(/gzip/);
  });

  test('mutated octets never throw anything but a CaptureError at open', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 40, max: zipped.length - 1 }), fc.nat(255), async (at, value) => {
        const spoiled = Buffer.from(zipped);
        spoiled[at] = value;
        try {
          const { records } = await readAll(temporaryFile(spoiled, 'mutated.gz'));
          expect(records.length).toBeLessThanOrEqual(file.length / 16);
        } catch (error) {
          expect(error).toBeInstanceOf(CaptureError);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of something else is refused by what it is', async () => {
    await expect(openCapture(temporaryFile(gzipSync('table inet filter {}')))).rejects.toThrow(/text/);
    await expect(openCapture(temporaryFile(gzipSync(zipped)))).rejects.toThrow(/gzip data within gzip data/);
    await expect(openCapture(temporaryFile(zipped.subarray(0, 12)))).rejects.toThrow(/gzip data are cut/);
  });
});
