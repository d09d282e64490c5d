// Reassembly as Linux does it: cases of ip_fragment.c, nf_conntrack_reasm.c and inet_fragment.c, and properties.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { be16 } from '../../../src/base/columns.ts';
import { REASONS } from '../../../src/event/reasons.ts';
import { NF_ACCEPT, NF_DROP, NF_STOLEN } from '../../../src/netfilter/verdict.ts';
import { fragmentIpv4, fragmentIpv6, hasGoodIpv4Checksum, ip, udp } from '../../../src/packet/build.ts';
import { writeIpv4Checksum } from '../../../src/packet/checksum.ts';
import { VERDICT_CONSUMED } from '../../../src/packet/packet.ts';
import { bench, datagramOf } from './fixture.ts';

function payload(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8)) & 255);
}
function datagram4(length: number, fields: object = {}): Uint8Array {
  return ip(
    { src: '192.168.1.10', dst: '198.51.100.7', id: 77, ...fields },
    udp({ sport: 7, dport: 8 }, payload(length)),
  );
}
function datagram6(length: number, fields: object = {}): Uint8Array {
  return ip({ src: 'fd00:1::10', dst: '2001:db8:9::7', ...fields }, udp({ sport: 7, dport: 8 }, payload(length)));
}
/** The same fragment with other header fields. */
function mended(fragment: Uint8Array, at: number, value: number): Uint8Array {
  const copy = fragment.slice();
  copy[at] = value;
  if ((copy[0] ?? 0) >>> 4 === 4) writeIpv4Checksum(copy, 0);
  return copy;
}
function reason(row: number): string {
  return REASONS[row]?.name ?? '';
}

describe('IPv4', () => {
  test('fragments wait, the last one becomes the whole datagram', () => {
    const whole = datagram4(3000);
    const parts = fragmentIpv4(whole, 1420);
    const { send, defrag } = bench();
    for (const part of parts.slice(0, -1)) {
      const { verdict, packet } = send(part);
      expect(verdict).toBe(NF_STOLEN);
      expect(packet.verdict).toBe(VERDICT_CONSUMED);
      expect(reason(packet.reason)).toBe('fragment-waits');
    }
    const { verdict, packet } = send(parts.at(-1) as Uint8Array);
    expect(verdict).toBe(NF_ACCEPT);
    expect(datagramOf(packet)).toEqual(whole);
    expect(packet.networkLength).toBe(3028);
    expect(packet.fragMaxSize).toBe(1420);
    expect(packet.wireLength).toBe(3028 + 14);
    expect(packet.protocol).toBe(17);
    expect(packet.destinationPort).toBe(8);
    expect(packet.moreFragments).toBe(false);
    expect(hasGoodIpv4Checksum(packet.data, packet.network)).toBe(true);
    expect(defrag).toMatchObject({ memory: 0, waiting: 0, requests: 3, reassembled: 1, failed: 0 });
  });

  test('a packet that is no fragment passes untouched', () => {
    const { send, defrag } = bench();
    expect(send(datagram4(10)).verdict).toBe(NF_ACCEPT);
    expect(defrag.requests).toBe(0);
  });

  test('a duplicate is dropped and the datagram still completes', () => {
    const whole = datagram4(3000);
    const [a, b, c] = fragmentIpv4(whole, 1420) as [Uint8Array, Uint8Array, Uint8Array];
    const { send } = bench();
    send(a);
    const again = send(a);
    expect(again.verdict).toBe(NF_DROP);
    expect(reason(again.packet.reason)).toBe('fragment');
    send(b);
    expect(datagramOf(send(c).packet)).toEqual(whole);
  });

  test('an overlap spoils the datagram', () => {
    const whole = datagram4(3000);
    const [a, b, c] = fragmentIpv4(whole, 1420) as [Uint8Array, Uint8Array, Uint8Array];
    const { send, defrag } = bench();
    send(a);
    // Begins 8 octets early.
    expect(send(mended(b, 7, (b[7] as number) - 1)).verdict).toBe(NF_DROP);
    expect(defrag.waiting).toBe(0);
    send(b);
    expect(send(c).verdict).toBe(NF_STOLEN);
  });

  test('a second end, or octets beyond the end, spoil the datagram', () => {
    const [, b, c] = fragmentIpv4(datagram4(3000), 1420) as [Uint8Array, Uint8Array, Uint8Array];
    const one = bench();
    one.send(c);
    expect(one.send(mended(b, 6, (b[6] as number) & ~0x20)).verdict).toBe(NF_DROP);
    expect(one.defrag.waiting).toBe(0);
    const two = bench();
    two.send(mended(b, 6, (b[6] as number) & ~0x20));
    expect(two.send(mended(c, 6, (c[6] as number) | 0x20)).verdict).toBe(NF_DROP);
    expect(two.defrag.waiting).toBe(0);
  });

  test.each([
    ['identification', 5, 78],
    ['protocol', 9, 1],
    ['source', 15, 11],
    ['destination', 19, 8],
  ])('fragments of another %s belong to another datagram', (_name, at, value) => {
    const [a, b] = fragmentIpv4(datagram4(1500), 1420) as [Uint8Array, Uint8Array];
    const { send, defrag } = bench();
    send(a);
    expect(send(mended(b, at as number, value as number)).verdict).toBe(NF_STOLEN);
    expect(defrag.waiting).toBe(2);
  });

  test('DF stays only when the largest fragment had it', () => {
    const parts = fragmentIpv4(datagram4(3000), 1420).map((part) => mended(part, 6, (part[6] as number) | 0x40));
    const all = bench();
    for (const part of parts.slice(0, -1)) all.send(part);
    const withDf = all.send(parts.at(-1) as Uint8Array).packet;
    expect(be16(withDf.data, withDf.network + 6)).toBe(0x4000);
    const plain = fragmentIpv4(datagram4(3000), 1420);
    const mixed = bench();
    for (const part of plain.slice(0, -1)) mixed.send(part);
    const last = mixed.send(parts.at(-1) as Uint8Array).packet;
    expect(be16(last.data, last.network + 6)).toBe(0);
    expect(last.fragMaxSize).toBe(1420);
  });

  test.each([
    [[1, 3], 3],
    [[2, 2], 2],
    [[0, 0], 0],
    [[1, 2], 1],
    [[0, 3], -1],
    [[0, 1], -1],
  ])('ECN fields %j become %d (-1: dropped)', ([first, second], merged) => {
    const [a, b] = fragmentIpv4(datagram4(1500), 1420) as [Uint8Array, Uint8Array];
    const { send } = bench();
    send(mended(a, 1, first as number));
    const { verdict, packet } = send(mended(b, 1, second as number));
    expect(verdict).toBe(merged < 0 ? NF_DROP : NF_ACCEPT);
    if (merged >= 0) expect((packet.data[packet.network + 1] as number) & 3).toBe(merged);
  });

  test('after 30 s, in steps of the timer wheel, the rest finds nothing; only the router itself says so', () => {
    const [a, b] = fragmentIpv4(datagram4(1500), 1420) as [Uint8Array, Uint8Array];
    const [x] = fragmentIpv4(datagram4(1500, { dst: '192.168.1.1' }), 1420) as [Uint8Array];
    const [, y] = fragmentIpv4(datagram4(1500, { dst: '192.168.1.1', id: 9 }), 1420) as [Uint8Array, Uint8Array];
    const { send, defrag, errors } = bench();
    send(a, 0);
    send(x, 1e9);
    send(y, 2e9);
    defrag.advance(30.2e9);
    expect(defrag.waiting).toBe(3);
    defrag.advance(30.212e9);
    expect(defrag.waiting).toBe(2);
    expect(send(b, 34e9).verdict).toBe(NF_STOLEN);
    expect(defrag.timedOut).toBe(3);
    // Not for the transit datagram, nor for the one whose first fragment never came.
    expect(errors).toEqual([{ version: 4, type: 11, code: 1, source: [192, 168, 1, 10] }]);
  });

  test('more than ipfrag_max_dist fragments of the source between two start the datagram anew', () => {
    const [a, b] = fragmentIpv4(datagram4(1500), 1420) as [Uint8Array, Uint8Array];
    const { send } = bench();
    send(a);
    for (let i = 0; i < 64; i++) send(fragmentIpv4(datagram4(1500, { id: 100 + i }), 1420)[0] as Uint8Array);
    expect(send(b).verdict).toBe(NF_STOLEN);
    expect(send(a).verdict).toBe(NF_ACCEPT);
    const unlimited = bench({ 'net.ipv4.ipfrag_max_dist': 0 });
    unlimited.send(a);
    for (let i = 0; i < 64; i++) unlimited.send(fragmentIpv4(datagram4(1500, { id: 100 + i }), 1420)[0] as Uint8Array);
    expect(unlimited.send(b).verdict).toBe(NF_ACCEPT);
  });

  test('a datagram longer than 65535 octets is dropped', () => {
    const [a] = fragmentIpv4(datagram4(1500), 1420) as [Uint8Array];
    const { send, defrag } = bench();
    const step = 1400;
    for (let at = 0; at < 65536 - step; at += step) {
      const part = a.slice();
      part[6] = 0x20 | (at >>> 11);
      part[7] = (at >>> 3) & 255;
      writeIpv4Checksum(part, 0);
      expect(send(part).verdict).toBe(NF_STOLEN);
    }
    const part = a.slice();
    const at = Math.floor((65536 - 1) / step) * step;
    part[6] = at >>> 11;
    part[7] = (at >>> 3) & 255;
    writeIpv4Checksum(part, 0);
    expect(send(part).verdict).toBe(NF_DROP);
    expect(defrag.memory).toBe(0);
  });

  test('what the capture cut ends the datagram where its octets are known', () => {
    const whole = datagram4(3000);
    const [a, b, c] = fragmentIpv4(whole, 1420) as [Uint8Array, Uint8Array, Uint8Array];
    const { send } = bench();
    send(a);
    send(b, 0, 120);
    const { verdict, packet } = send(c);
    expect(verdict).toBe(NF_ACCEPT);
    expect(packet.networkLength).toBe(3028);
    expect(packet.end - packet.network).toBe(20 + 1400 + 100);
    expect(packet.data.slice(packet.network + 20, packet.end)).toEqual(whole.slice(20, 20 + 1500));
  });
});

describe('IPv6', () => {
  test('fragments become the datagram, without the fragment header', () => {
    const whole = datagram6(3000);
    const parts = fragmentIpv6(whole, 1420, 0xabcdef01);
    const { send, defrag } = bench();
    expect(parts.slice(0, -1).map((part) => send(part).verdict)).toEqual([NF_STOLEN, NF_STOLEN]);
    const { verdict, packet } = send(parts.at(-1) as Uint8Array);
    expect(verdict).toBe(NF_ACCEPT);
    expect(datagramOf(packet)).toEqual(whole);
    expect(packet.fragMaxSize).toBe(parts[0]?.length);
    expect(packet.fragmentHeader).toBe(-1);
    expect(defrag.memory).toBe(0);
  });

  test('headers before the fragment header stay, and name the next one', () => {
    const whole = datagram6(2000);
    const parts = fragmentIpv6(whole, 1420, 5).map((part) => {
      const bytes = new Uint8Array(part.length + 8);
      bytes.set(part.subarray(0, 40));
      bytes[6] = 0; // hop-by-hop
      bytes.set([44, 0, 1, 4, 0, 0, 0, 0], 40);
      bytes.set(part.subarray(40), 48);
      const length = part.length + 8 - 40;
      bytes[4] = length >>> 8;
      bytes[5] = length & 255;
      return bytes;
    });
    const { send } = bench();
    send(parts[0] as Uint8Array);
    const { verdict, packet } = send(parts[1] as Uint8Array);
    expect(verdict).toBe(NF_ACCEPT);
    const out = datagramOf(packet);
    expect([...out.slice(40, 48)]).toEqual([17, 0, 1, 4, 0, 0, 0, 0]);
    expect(out.slice(48)).toEqual(whole.slice(40));
    expect(be16(out, 4)).toBe(whole.length - 40 + 8);
    expect(packet.destinationPort).toBe(8);
  });

  test('a duplicate is dropped, an overlap spoils the datagram', () => {
    const [a, b, c] = fragmentIpv6(datagram6(3000), 1420, 1) as [Uint8Array, Uint8Array, Uint8Array];
    const { send, defrag } = bench();
    send(a);
    expect(send(a).verdict).toBe(NF_DROP);
    expect(defrag.waiting).toBe(1);
    expect(send(mended(b, 43, (b[43] as number) - 8)).verdict).toBe(NF_DROP);
    expect(defrag.waiting).toBe(0);
    expect(send(c).verdict).toBe(NF_STOLEN);
  });

  test('a fragment whose length is no multiple of 8 passes as it is and spoils the datagram', () => {
    const [a, b] = fragmentIpv6(datagram6(1500), 1420, 1) as [Uint8Array, Uint8Array];
    const { send, defrag } = bench();
    send(b);
    const odd = a.slice(0, -3);
    odd[5] = (odd[5] as number) - 3;
    const { verdict, packet } = send(odd);
    expect(verdict).toBe(NF_ACCEPT);
    expect(packet.fragmentHeader).toBeGreaterThan(0);
    expect(defrag.waiting).toBe(0);
  });

  test('a first fragment without its transport header passes as it is', () => {
    const whole = datagram6(40);
    const [a] = fragmentIpv6(whole, 56, 1) as [Uint8Array];
    const tcp = a.slice();
    tcp[40] = 6;
    expect(bench().send(tcp).verdict).toBe(NF_ACCEPT);
    expect(bench().send(a).verdict).toBe(NF_STOLEN);
  });

  test('after 60 s, in steps of the timer wheel, the sender is told, wherever the datagram was going', () => {
    const [a] = fragmentIpv6(datagram6(1500), 1420, 1) as [Uint8Array];
    const { send, defrag, errors } = bench();
    send(a, 5e9);
    defrag.advance(65.02e9);
    expect(errors).toEqual([]);
    defrag.advance(65.028e9);
    expect(errors).toMatchObject([{ version: 6, type: 3, code: 1 }]);
    expect(defrag.waiting).toBe(0);
  });
});

describe('datagrams that are over in the same step of the timer wheel', () => {
  const partOf = (last: number): Uint8Array => {
    const source = `192.168.1.${last}`;
    return fragmentIpv4(datagram4(1500, { src: source, dst: '192.168.1.1', id: last }), 1420)[0] as Uint8Array;
  };

  test.each([
    [
      'are told newest first, after those of the step before',
      [
        [10, 0.1e9],
        [11, 0.3e9],
        [12, 0.4e9],
        [13, 0.5e9],
      ],
      [10, 13, 12, 11],
    ],
    [
      'a fragment of a waiting one changes nothing',
      [
        [11, 0.3e9],
        [12, 0.4e9],
        [11, 0.5e9],
      ],
      [12, 11],
    ],
  ])('%s', (_name, sent, told) => {
    const { send, defrag, errors } = bench();
    for (const [last, time] of sent as [number, number][]) send(partOf(last), time);
    defrag.advance(40e9);
    expect(errors.map(({ source }) => source?.[3])).toEqual(told);
    expect(defrag.waiting).toBe(0);
  });
});

describe('bounds', () => {
  test('a flood of first fragments stays below the threshold', () => {
    const { send, defrag } = bench({ 'net.ipv4.ipfrag_max_dist': 0 });
    const [a] = fragmentIpv4(datagram4(1500), 1420) as [Uint8Array];
    let dropped = 0;
    for (let i = 0; i < 20000; i++) {
      const part = mended(mended(a, 4, i >>> 8), 5, i & 255);
      if (send(part).verdict === NF_DROP) dropped++;
      expect(defrag.memory).toBeLessThan(4 * 1024 * 1024 + 5000);
    }
    expect(dropped).toBeGreaterThan(10000);
    defrag.advance(33e9);
    expect(defrag).toMatchObject({ memory: 0, waiting: 0 });
  });

  test('an existing datagram gets nothing more above the threshold', () => {
    const [a, b] = fragmentIpv4(datagram4(1500), 1420) as [Uint8Array, Uint8Array];
    const { send } = bench({ 'net.ipv4.ipfrag_high_thresh': 1000 });
    expect(send(a).verdict).toBe(NF_STOLEN);
    expect(send(b).verdict).toBe(NF_DROP);
  });
});

describe('properties', () => {
  const orders = fc.record({
    length: fc.integer({ min: 1, max: 9000 }),
    mtu: fc.integer({ min: 68, max: 1500 }),
    seed: fc.array(fc.nat(), { minLength: 1, maxLength: 60 }),
    six: fc.boolean(),
  });

  test('fragments in any order, with duplicates, give the original exactly once', () => {
    fc.assert(
      fc.property(orders, ({ length, mtu, seed, six }) => {
        const whole = six ? datagram6(length) : datagram4(length);
        const parts = six ? fragmentIpv6(whole, Math.max(mtu, 96), 3) : fragmentIpv4(whole, mtu);
        if (parts.length < 2) return;
        const { send, defrag } = bench({ 'net.ipv4.ipfrag_max_dist': 0 });
        const order = parts.map((_, i) => i);
        seed.forEach((value, i) => {
          const from = i % order.length;
          const to = value % order.length;
          [order[from], order[to]] = [order[to] as number, order[from] as number];
        });
        let complete = 0;
        order.forEach((index, i) => {
          // A duplicate of an earlier one, while the datagram still waits.
          const earlier = order[(seed[i % seed.length] as number) % (i + 1)] as number;
          if (i > 0 && earlier !== index) expect(send(parts[earlier] as Uint8Array).verdict).toBe(NF_DROP);
          const { verdict, packet } = send(parts[index] as Uint8Array);
          if (verdict !== NF_ACCEPT) return;
          complete++;
          expect(i).toBe(order.length - 1);
          expect(datagramOf(packet)).toEqual(whole);
        });
        expect(complete).toBe(1);
        expect(defrag.memory).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  test('hostile fragments never give a datagram with octets that nobody sent, and memory stays bounded', () => {
    const piece = fc.record({
      at: fc.integer({ min: 0, max: 40 }),
      eights: fc.integer({ min: 0, max: 12 }),
      more: fc.boolean(),
      odd: fc.integer({ min: 0, max: 7 }),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.boolean(), (pieces, six) => {
        const { send, defrag } = bench({ 'net.ipv4.ipfrag_max_dist': 0 });
        // Octet i of the payload is always i: whatever is reassembled must be a prefix of this.
        const truth = payload(1000);
        for (const { at, eights, more, odd } of pieces) {
          const part = truth.slice(at * 8, at * 8 + eights * 8 + odd);
          const bytes = new Uint8Array((six ? 48 : 20) + part.length);
          bytes.set(
            six ? (fragmentIpv6(datagram6(200), 96, 1)[0]?.subarray(0, 48) ?? []) : datagram4(0).subarray(0, 20),
          );
          bytes.set(part, six ? 48 : 20);
          const field = six ? (at * 8) | (more ? 1 : 0) : at | (more ? 0x2000 : 0);
          const where = six ? 42 : 6;
          bytes[where] = field >>> 8;
          bytes[where + 1] = field & 255;
          const total = six ? bytes.length - 40 : bytes.length;
          bytes[six ? 4 : 2] = total >>> 8;
          bytes[six ? 5 : 3] = total & 255;
          if (!six) {
            if (field === 0) continue;
            writeIpv4Checksum(bytes, 0);
          }
          const { verdict, packet } = send(bytes);
          if (verdict === NF_ACCEPT && packet.fragMaxSize > 0) {
            const out = datagramOf(packet).slice(six ? 40 : 20);
            expect(out).toEqual(truth.slice(0, out.length));
          }
          expect(defrag.memory).toBeLessThan(200_000);
        }
        defrag.advance(63e9);
        expect(defrag).toMatchObject({ memory: 0, waiting: 0 });
      }),
      { numRuns: 300 },
    );
  });
});
