import { describe, expect, test } from 'vitest';
import { CaptureError } from '../../src/base/errors.ts';
import { openCapture } from '../../src/capture/open.ts';
import { payload, pcapFile, temporaryFile } from './files.ts';

function ascii(text: string): Uint8Array {
  return Uint8Array.from([...text].map((one) => one.charCodeAt(0)));
}

const erf = new Uint8Array(96);
erf[8] = 2;
erf[11] = 40;
erf[48] = 2;
erf[51] = 40;

describe('an unusable capture is refused with what it is and what to do', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /is empty/],
    ['one octet', Uint8Array.of(0xa1), /starts with a1/],
    ['a zip archive', ascii('PK\x03\x04\x14\0\0\0'), /zip archive: unpack it: unzip/],
    ['xz', ascii('\xfd7zXZ\0\0'), /xz data: decompress/],
    ['zstd', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 4), /zstd data.*unzstd/],
    ['bzip2', ascii('BZh91AY'), /bzip2/],
    ['snoop', ascii('snoop\0\0\0\0\0\0\x02'), /snoop.*editcap/],
    ['BLF', ascii('LOGG\x90\0\0\0'), /BLF/],
    ['ERF', erf, /ERF/],
    ['text', ascii('table inet filter {\n}\n'), /text/],
    ['a Git LFS pointer', ascii('version https://git-lfs.github.com/spec/v1\n'), /LFS/],
    ['octets', Uint8Array.of(1, 2, 3, 4, 0xff), /starts with 01 02 03 04/],
    ['the beginning of a pcap header', pcapFile([]).subarray(0, 20), /header is cut: 20 of 24/],
    ['the beginning of a section header', Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0), /cut/],
    ['a section header without byte order', ascii('\n\r\r\n\x1c\0\0\0\0\0\0\0\0\0\0\0'), /byte-order magic/],
  ])('%s', async (_name, octets, message) => {
    const path = temporaryFile(octets);
    const refusal = openCapture(path).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(await refusal).toBeInstanceOf(CaptureError);
    expect(String(await refusal)).toMatch(message);
    expect(String(await refusal)).toContain(path);
  });

  test('a missing file, a directory', async () => {
    await expect(openCapture('/nonexistent')).rejects.toThrow(/nonexistent.*no such file/);
    await expect(openCapture('/tmp')).rejects.toThrow(/is a directory/);
  });

  test('an empty interface name', async () => {
    await expect(openCapture('live:')).rejects.toThrow(/live:IFACE/);
  });

  test('closing twice is harmless', async () => {
    const reader = await openCapture(temporaryFile(pcapFile([{ seconds: 1, fraction: 1, data: payload(9) }])));
    await reader.close();
    await reader.close();
    expect([reader.next(), await reader.fill()]).toEqual([false, false]);
  });
});
