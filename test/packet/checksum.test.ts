import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { be16, be32, putBe16, putBe32 } from '../../src/base/columns.ts';
import { adjustChecksum16, adjustChecksum32, foldSum, internetChecksum, sumWords } from '../../src/packet/checksum.ts';

/** RFC 1071, the slow and obvious way. */
function naiveChecksum(data: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 2) {
    sum += ((data[i] ?? 0) << 8) | (data[i + 1] ?? 0);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return ~sum & 0xffff;
}

describe('internet checksum', () => {
  it("is RFC 1071's example", () => {
    expect(foldSum(sumWords(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7), 0, 8))).toBe(0xddf2);
  });

  it('equals the word-by-word sum for any octets, even and odd', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        expect(internetChecksum(data, 0, data.length)).toBe(naiveChecksum(data));
      }),
    );
  });

  it('equals it wherever the octets lie in their buffer, and however long they are', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 300, maxLength: 2000 }),
        fc.nat(9),
        fc.nat(9),
        fc.nat(3),
        (octets, head, tail, shift) => {
          const data = new Uint8Array(octets.length + shift).subarray(shift);
          data.set(octets);
          const end = data.length - tail;
          expect(internetChecksum(data, head, end)).toBe(naiveChecksum(data.slice(head, end)));
        },
      ),
    );
    const most = new Uint8Array(65_535).fill(0xff);
    expect(internetChecksum(most, 0, most.length)).toBe(naiveChecksum(most));
    expect(foldSum(sumWords(new Uint8Array(500), 1, 499))).toBe(0);
  });

  it('an update of 16 or 32 bits equals computing it anew', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 64 }),
        fc.nat(4),
        fc.nat(0xffffffff),
        (data, word, value) => {
          fc.pre(data.some((octet) => octet !== 0));
          const at = word * 4;
          const before = internetChecksum(data, 0, data.length);
          const old32 = be32(data, at);
          const old16 = be16(data, at);
          const with32 = data.slice();
          putBe32(with32, at, value);
          const with16 = data.slice();
          putBe16(with16, at, value & 0xffff);
          // 0 and 0xffff are the same number in one's complement.
          const same = (a: number, b: number): void => expect(a % 0xffff).toBe(b % 0xffff);
          same(adjustChecksum32(before, old32, value), internetChecksum(with32, 0, data.length));
          same(adjustChecksum16(before, old16, value & 0xffff), internetChecksum(with16, 0, data.length));
        },
      ),
    );
  });
});
