// One set of cases for every backend, and a linear search as judge.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitmapBackend } from '../../../src/netfilter/sets/bitmap.ts';
import { Elements } from '../../../src/netfilter/sets/elements.ts';
import { HashBackend } from '../../../src/netfilter/sets/hash.ts';
import { IntervalBackend } from '../../../src/netfilter/sets/interval.ts';
import { PipapoBackend } from '../../../src/netfilter/sets/pipapo.ts';
import { prefixesOf } from '../../../src/netfilter/sets/prefixes.ts';

interface Row {
  low: number[];
  high: number[];
  expiresNs?: number;
}

function elementsOf(keyLength: number, rows: Row[]): Elements {
  const elements = new Elements(keyLength, true, 0, 0, 1);
  for (const row of rows) {
    const element = elements.add(Uint8Array.from(row.low), 0, Uint8Array.from(row.high), 0);
    elements.expiresNs[element] = row.expiresNs ?? Number.POSITIVE_INFINITY;
  }
  return elements;
}

/** Each field of `fields` octets, padded to four, within its range. */
function linear(rows: Row[], fields: number[], key: number[], nowNs: number): number {
  return rows.findIndex((row) => {
    if ((row.expiresNs ?? Number.POSITIVE_INFINITY) <= nowNs) return false;
    let at = 0;
    for (const length of fields) {
      const slice = (octets: number[]) => octets.slice(at, at + length);
      if (compare(slice(key), slice(row.low)) < 0 || compare(slice(key), slice(row.high)) > 0) return false;
      at += (length + 3) & ~3;
    }
    return true;
  });
}

function compare(a: number[], b: number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const same = (octets: number[], expiresNs?: number): Row =>
  expiresNs === undefined ? { low: octets, high: octets } : { low: octets, high: octets, expiresNs };

/** Backends that can hold single keys of `keyLength` octets. */
function backends(keyLength: number, rows: Row[]) {
  const elements = elementsOf(keyLength, rows);
  const all = [
    { name: 'hash', backend: new HashBackend(elements) },
    { name: 'rbtree', backend: new IntervalBackend(elements) },
    { name: 'pipapo', backend: new PipapoBackend(elements, [keyLength]) },
  ];
  if (keyLength > 2 || rows.some((row) => row.expiresNs !== undefined)) return all;
  return [...all, { name: 'bitmap', backend: new BitmapBackend(elements) }];
}

describe('every backend', () => {
  const shared: { what: string; rows: Row[]; key: number[]; found: boolean; nowNs?: number }[] = [
    { what: 'an empty set', rows: [], key: [1], found: false },
    { what: 'one octet', rows: [same([6]), same([17])], key: [17], found: true },
    { what: 'one octet that is not there', rows: [same([6]), same([17])], key: [7], found: false },
    { what: 'a port', rows: [same([0, 22]), same([0, 80]), same([1, 187])], key: [0, 80], found: true },
    { what: 'a port with octets swapped', rows: [same([0, 22])], key: [22, 0], found: false },
    { what: 'the lowest key', rows: [same([0, 0])], key: [0, 0], found: true },
    { what: 'the highest key', rows: [same([255, 255])], key: [255, 255], found: true },
    { what: 'an address', rows: [same([10, 0, 0, 1]), same([10, 0, 0, 2])], key: [10, 0, 0, 2], found: true },
    { what: 'an address next to one', rows: [same([10, 0, 0, 1])], key: [10, 0, 0, 3], found: false },
    { what: 'a MAC address', rows: [same([2, 0, 0, 0, 0, 1])], key: [2, 0, 0, 0, 0, 1], found: true },
    { what: 'an element before it expires', rows: [same([1, 1, 1, 1], 10)], key: [1, 1, 1, 1], nowNs: 9, found: true },
    { what: 'an element that expires now', rows: [same([1, 1, 1, 1], 10)], key: [1, 1, 1, 1], nowNs: 10, found: false },
  ];
  for (const { what, rows, key, found, nowNs = 0 } of shared) {
    it(`${found ? 'finds' : 'does not find'} ${what}`, () => {
      for (const { name, backend } of backends(key.length, rows)) {
        const octets = Uint8Array.from([0xaa, ...key, 0xbb]);
        expect([name, backend.find(octets, 1, nowNs) >= 0]).toEqual([name, found]);
      }
    });
  }

  it('agrees with a linear search over random keys', () => {
    const octet = fc.integer({ min: 0, max: 3 });
    const check = fc.property(
      fc.constantFrom(1, 2, 4, 6, 16).chain((length) =>
        fc.tuple(
          fc.constant(length),
          fc.uniqueArray(fc.array(octet, { minLength: length, maxLength: length }), {
            maxLength: 40,
            selector: (key) => key.join('.'),
          }),
          fc.array(fc.array(octet, { minLength: length, maxLength: length }), { maxLength: 20 }),
        ),
      ),
      ([length, keys, probes]) => {
        const rows = keys.map((key) => same(key));
        for (const { name, backend } of backends(length, rows)) {
          for (const key of [...keys, ...probes]) {
            const expected = linear(rows, [length], key, 0);
            const found = backend.find(Uint8Array.from(key), 0, 0);
            expect(name === 'bitmap' ? found >= 0 : found).toBe(name === 'bitmap' ? expected >= 0 : expected);
          }
        }
      },
    );
    fc.assert(check, { numRuns: 100 });
  });
});

describe('ranges', () => {
  it('of one field: rbtree and pipapo agree with a linear search', () => {
    const bounds = fc.uniqueArray(fc.integer({ min: 0, max: 65535 }), { minLength: 2, maxLength: 60 });
    const check = fc.property(bounds, fc.array(fc.integer({ min: 0, max: 65535 })), (points, probes) => {
      const sorted = [...points].sort((a, b) => a - b);
      const rows: Row[] = [];
      for (let i = 0; i + 1 < sorted.length; i += 2) {
        rows.push({ low: port(sorted[i] ?? 0), high: port(sorted[i + 1] ?? 0) });
      }
      const elements = elementsOf(2, rows);
      const judged = [new IntervalBackend(elements), new PipapoBackend(elements, [2])];
      for (const probe of [...probes, ...points, ...points.map((p) => (p + 1) & 0xffff)]) {
        const key = port(probe);
        for (const backend of judged) {
          expect(backend.find(Uint8Array.from(key), 0, 0)).toBe(linear(rows, [2], key, 0));
        }
      }
    });
    fc.assert(check, { numRuns: 100 });
  });

  it('of IPv6 prefixes are found by rbtree', () => {
    const low = [0x20, 1, 0x0d, 0xb8, 0, 1, ...new Array<number>(10).fill(0)];
    const high = [0x20, 1, 0x0d, 0xb8, 0, 1, ...new Array<number>(10).fill(255)];
    const backend = new IntervalBackend(elementsOf(16, [{ low, high }]));
    expect(backend.find(Uint8Array.from([...low.slice(0, 15), 9]), 0, 0)).toBe(0);
    expect(backend.find(Uint8Array.from(high), 0, 0)).toBe(0);
    expect(backend.find(Uint8Array.from([...high.slice(0, 5), 2, ...new Array<number>(10).fill(0)]), 0, 0)).toBe(-1);
  });

  it('of concatenated fields: pipapo agrees with a linear search, the first of overlapping ones wins', () => {
    const range = (max: number) => fc.tuple(fc.nat(max), fc.nat(max)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    const row = fc.tuple(range(0xffff), range(255), range(0xffff));
    const check = fc.property(
      fc.array(row, { maxLength: 70 }),
      fc.array(fc.tuple(fc.nat(0xffff), fc.nat(255), fc.nat(0xffff))),
      (ranges, probes) => {
        const rows = ranges.map(([address, protocol, ports]) => ({
          low: concatenated(address[0] ?? 0, protocol[0] ?? 0, ports[0] ?? 0),
          high: concatenated(address[1] ?? 0, protocol[1] ?? 0, ports[1] ?? 0),
        }));
        const fields = [4, 1, 2];
        const backend = new PipapoBackend(elementsOf(12, rows), fields);
        const corners = ranges.map(([a, p, q]) => [a[0] ?? 0, p[1] ?? 0, q[0] ?? 0] as const);
        for (const [address, protocol, ports] of [...probes, ...corners]) {
          const key = concatenated(address, protocol, ports);
          expect(backend.find(Uint8Array.from(key), 0, 0)).toBe(linear(rows, fields, key, 0));
        }
      },
    );
    fc.assert(check, { numRuns: 60 });
  });

  it('become prefixes that cover them exactly', () => {
    const check = fc.property(fc.nat(65535), fc.nat(65535), fc.nat(65535), (a, b, probe) => {
      const low = Math.min(a, b);
      const high = Math.max(a, b);
      const prefixes = prefixesOf(Uint8Array.from(port(low)), Uint8Array.from(port(high)));
      const covers = prefixes.filter(({ octets, length }) => {
        const value = ((octets[0] ?? 0) << 8) | (octets[1] ?? 0);
        return length === 0 || (value ^ probe) >>> (16 - length) === 0;
      });
      expect(covers.length).toBe(probe >= low && probe <= high ? 1 : 0);
      expect(prefixes.length).toBeLessThanOrEqual(30);
    });
    fc.assert(check);
  });
});

describe('the hash', () => {
  it('stays right while elements come and go', () => {
    const operation = fc.tuple(fc.boolean(), fc.nat(60));
    const check = fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const elements = new Elements(1, false, 0, 0, 1);
      const hash = new HashBackend(elements);
      const model = new Set<number>();
      for (const [isAdd, key] of operations) {
        const octets = Uint8Array.of(key);
        const element = hash.findAny(octets, 0);
        expect(element >= 0).toBe(model.has(key));
        if (isAdd && element < 0) {
          const added = elements.add(octets, 0);
          elements.expiresNs[added] = Number.POSITIVE_INFINITY;
          hash.insert(added);
          model.add(key);
        } else if (!isAdd && element >= 0) {
          hash.remove(element);
          elements.remove(element);
          model.delete(key);
        }
        expect(elements.count).toBe(model.size);
      }
      for (let key = 0; key <= 60; key++) {
        expect(hash.find(Uint8Array.of(key), 0, 0) >= 0).toBe(model.has(key));
      }
    });
    fc.assert(check, { numRuns: 100 });
  });
});

function port(value: number): number[] {
  return [value >>> 8, value & 255];
}

/** 10.0.x.x . protocol . port, padded. */
function concatenated(address: number, protocol: number, ports: number): number[] {
  return [10, 0, ...port(address), protocol, 0, 0, 0, ...port(ports), 0, 0];
}
