import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_DYING } from '../../../src/netfilter/conntrack/status.ts';
import { ConntrackTable } from '../../../src/netfilter/conntrack/table.ts';
import { invertTuple, TUPLE_WORDS } from '../../../src/netfilter/conntrack/tuple.ts';

const SECOND = 1e9;

/** A TCP tuple of 10.0.0.1 to 10.0.0.2 that `n` tells apart, and its inverse. */
function tuples(n: number): Uint32Array {
  const words = new Uint32Array(2 * TUPLE_WORDS);
  words[0] = 0x0a000001;
  words[4] = 0x0a000002;
  words[8] = n;
  words[9] = 6 | (4 << 8);
  invertTuple(words, 0, words, TUPLE_WORDS);
  return words;
}

function add(table: ConntrackTable, n: number, seconds = 60): number {
  const words = tuples(n);
  const entry = table.alloc(words, 0, words, TUPLE_WORDS, 1);
  if (entry < 0) return -1;
  table.setExpires(entry, table.nowNs + seconds * SECOND);
  table.confirm(entry);
  return entry;
}

describe('ConntrackTable', () => {
  it('finds both directions of a confirmed entry and neither of an unconfirmed one', () => {
    const table = new ConntrackTable(100);
    const words = tuples(0x00500051);
    const entry = table.alloc(words, 0, words, TUPLE_WORDS, 7);
    expect(table.lookup(words, 0)).toBe(-1);
    table.confirm(entry);
    expect(table.lookup(words, 0)).toBe(entry * 2);
    expect(table.lookup(words, TUPLE_WORDS)).toBe(entry * 2 + 1);
    expect(table.firstPacket[entry]).toBe(7);
    expect(table.flowNumber[entry]).toBe(1);
    expect((table.status[entry] ?? 0) & IPS_CONFIRMED).toBe(IPS_CONFIRMED);
  });

  it('keeps zones and IPv6 addresses apart', () => {
    const table = new ConntrackTable(100);
    add(table, 1);
    const words = tuples(1);
    words[9] = (words[9] ?? 0) | (5 << 16);
    expect(table.lookup(words, 0)).toBe(-1);
    const six = tuples(1);
    six[9] = 6 | (6 << 8);
    six[7] = 1;
    expect(table.lookup(six, 0)).toBe(-1);
  });

  it('never finds an entry past its expiry, and frees it once', () => {
    const table = new ConntrackTable(100);
    const freed: number[] = [];
    table.onDestroy = (entry) => freed.push(entry);
    const entry = add(table, 1, 10);
    table.advance(10 * SECOND - 1);
    expect(table.lookup(tuples(1), 0)).toBe(entry * 2);
    table.advance(10 * SECOND);
    expect(table.lookup(tuples(1), 0)).toBe(-1);
    expect(freed).toEqual([entry]);
    expect(table.count).toBe(0);
  });

  it('finds an entry whose timeout was raised, and not one whose column was lowered behind its back', () => {
    const table = new ConntrackTable(100);
    const raised = add(table, 1, 10);
    const lowered = add(table, 2, 100);
    table.expiresNs[raised] = 50 * SECOND;
    table.expiresNs[lowered] = 5 * SECOND;
    table.advance(20 * SECOND);
    expect(table.lookup(tuples(1), 0)).toBe(raised * 2);
    expect(table.lookup(tuples(2), 0)).toBe(-1);
    table.advance(50 * SECOND);
    expect(table.count).toBe(0);
  });

  it('frees an entry that setExpires() brought forward at its new time', () => {
    const table = new ConntrackTable(100);
    const entry = add(table, 1, 432000);
    table.setExpires(entry, 10 * SECOND);
    table.advance(10 * SECOND);
    expect(table.count).toBe(0);
  });

  it('a killed entry is not found, and its number is not used again before free()', () => {
    const table = new ConntrackTable(100);
    const entry = add(table, 1);
    expect(table.kill(entry)).toBe(true);
    expect(table.kill(entry)).toBe(false);
    expect(table.lookup(tuples(1), 0)).toBe(-1);
    expect((table.status[entry] ?? 0) & IPS_DYING).toBe(IPS_DYING);
    expect(add(table, 2)).not.toBe(entry);
    table.free(entry);
    expect(add(table, 3)).toBe(entry);
  });

  it('when full, evicts un-assured entries only', () => {
    const table = new ConntrackTable(2000, 0, 250);
    for (let i = 0; i < 2000; i++) add(table, i);
    expect(add(table, 5000)).toBeGreaterThanOrEqual(0);
    // All of one bucket go.
    expect(table.earlyDrops).toBeGreaterThan(1);
    expect(table.count).toBe(2001 - table.earlyDrops);
    while (table.count < 2000) add(table, 7000 + table.count);
    for (let entry = 0; entry < table.bound; entry++) table.status[entry] = (table.status[entry] ?? 0) | IPS_ASSURED;
    expect(add(table, 6000)).toBe(-1);
    expect(table.count).toBe(2000);
  });

  it('when full, finds nothing to evict in a hash much longer than itself', () => {
    const table = new ConntrackTable(20, 0, 65536);
    for (let i = 0; i < 20; i++) add(table, i);
    expect(add(table, 5000)).toBe(-1);
    expect([table.count, table.earlyDrops]).toEqual([20, 0]);
  });

  it('when full, keeps both directions of what stays findable', () => {
    const table = new ConntrackTable(500, 0, 100);
    for (let i = 0; i < 500; i++) add(table, i);
    for (let i = 0; i < 300; i++) add(table, 1000 + i);
    let nodes = 0;
    for (let entry = 0; entry < table.bound; entry++) {
      if (table.flowNumber[entry] === 0) continue;
      for (const direction of [0, 1]) {
        if (table.lookup(table.tuples, (entry * 2 + direction) * TUPLE_WORDS) === entry * 2 + direction) nodes++;
      }
    }
    expect(nodes).toBe(table.count * 2);
  });

  it('frees what nobody confirmed, after a minute', () => {
    const table = new ConntrackTable(100);
    const words = tuples(1);
    table.alloc(words, 0, words, TUPLE_WORDS, 1);
    table.advance(59 * SECOND);
    expect(table.count).toBe(1);
    table.advance(61 * SECOND);
    expect(table.count).toBe(0);
  });

  it('behaves as a map with expiry, however often advance() is called', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'add', 'add', 'find', 'free', 'kill', 'refresh', 'wait'),
      n: fc.integer({ min: 0, max: 40 }),
      seconds: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.boolean(), (steps, eager) => {
        const table = new ConntrackTable(1000);
        const model = new Map<number, { entry: number; expires: number }>();
        let now = 0;
        for (const { kind, n, seconds } of steps) {
          const known = model.get(n);
          const live = known !== undefined && known.expires > now ? known : undefined;
          if (live === undefined) model.delete(n);
          const words = tuples(n);
          if (kind === 'wait') {
            if (eager) for (let i = 1; i <= seconds; i++) table.advance(now + i * SECOND);
            else table.advance(now + seconds * SECOND);
            now += seconds * SECOND;
          } else if (kind === 'add' && live === undefined) {
            model.set(n, { entry: add(table, n, seconds), expires: now + seconds * SECOND });
          } else if (kind === 'free' && live !== undefined) {
            table.free(live.entry);
            model.delete(n);
          } else if (kind === 'kill' && live !== undefined) {
            table.kill(live.entry);
            table.free(live.entry);
            model.delete(n);
          } else if (kind === 'refresh' && live !== undefined) {
            table.setExpires(live.entry, now + seconds * SECOND);
            live.expires = now + seconds * SECOND;
          } else {
            expect(table.lookup(words, 0)).toBe(live === undefined ? -1 : live.entry * 2);
            expect(table.lookup(words, TUPLE_WORDS)).toBe(live === undefined ? -1 : live.entry * 2 + 1);
          }
        }
        const alive = [...model.values()].filter((row) => row.expires > now);
        expect(table.count).toBe(alive.length);
      }),
      { numRuns: 200 },
    );
  });

  it('grows: a hundred thousand entries are all found, and gone when they expire', () => {
    const table = new ConntrackTable(200_000);
    for (let i = 0; i < 100_000; i++) add(table, Math.imul(i, 0x9e3779b1) >>> 0, 1 + (i % 100));
    let found = 0;
    for (let i = 0; i < 100_000; i++) if (table.lookup(tuples(Math.imul(i, 0x9e3779b1) >>> 0), 10) >= 0) found++;
    expect(found).toBe(100_000);
    table.advance(50 * SECOND);
    expect(table.count).toBe(50_000);
    table.advance(100 * SECOND);
    expect(table.count).toBe(0);
  });
});
