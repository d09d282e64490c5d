import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CaptureError } from '../../src/base/errors.ts';
import { PcapWriter } from '../../src/capture/pcap-writer.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import { MemorySink } from '../../src/capture/sink.ts';
import { payload, pcapFile, pcapngFile, readAll, temporaryPath } from './files.ts';

describe('writers', () => {
  test('PcapWriter writes exactly the format', () => {
    for (const bigEndian of [false, true]) {
      const sink = new MemorySink();
      const writer = new PcapWriter(sink, { bigEndian, linkType: 101, snaplen: 65535 });
      writer.write(7, 8999, payload(50), 10, 20, 40);
      writer.close();
      const expected = pcapFile([{ seconds: 7, fraction: 8, data: payload(50).slice(10, 20), wireLength: 40 }], {
        little: !bigEndian,
        linkType: 101,
      });
      expect(sink.octets()).toEqual(expected);
    }
  });

  test('PcapngWriter writes exactly the format', () => {
    const sink = new MemorySink();
    const writer = new PcapngWriter(sink, [{ name: 'eth0' }]);
    writer.write(0, 1_700_000_000, 123_456_789, payload(61));
    writer.close();
    const { octets } = pcapngFile([
      { kind: 'section' },
      { kind: 'interface', name: 'eth0', resolution: 9, snaplen: 262_144 },
      { kind: 'enhanced', time: 1_700_000_000_123_456_789n, data: payload(61) },
    ]);
    expect(sink.octets()).toEqual(octets);
  });

  test('packets larger than the buffer, and many of them, are written whole', async () => {
    const path = temporaryPath('large.pcapng');
    const writer = new PcapngWriter(path, [{ name: 'a' }, { name: 'b' }]);
    for (let i = 0; i < 50; i++) writer.write(i % 2, i, i, payload(i % 5 === 0 ? 262_144 : i * 100, i));
    writer.close();
    const { records, damage } = await readAll(path);
    expect(damage).toBeUndefined();
    expect(records.length).toBe(50);
    records.forEach((one, i) => {
      expect([one.interfaceIndex, one.seconds, one.nanos]).toEqual([i % 2, i, i]);
      expect(Buffer.compare(one.data, payload(i % 5 === 0 ? 262_144 : i * 100, i))).toBe(0);
    });
    expect(readFileSync(path).length % 4).toBe(0);
  });

  test('a path that cannot be written is a CaptureError', () => {
    expect(() => new PcapWriter('/nonexistent/out.pcap')).toThrow(CaptureError);
  });

  test('times before 1970 become 1970', async () => {
    const path = temporaryPath('before.pcapng');
    const writer = new PcapngWriter(path, [{ name: 'a' }]);
    writer.write(0, -5, 7, payload(4));
    writer.close();
    const { records } = await readAll(path);
    expect([records[0]?.seconds, records[0]?.nanos]).toEqual([0, 7]);
  });
});
