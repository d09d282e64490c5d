import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LENGTH_CLASSES, lengthClassOctets, Recorder } from '../../src/event/recorder.ts';
import { argumentOf, EVENTS, eventKind, kindOf } from '../../src/event/vocabulary.ts';

describe('recorder', () => {
  it('gives equal sequences of events one number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(fc.nat(44), fc.nat(5)), { maxLength: 6 }), { maxLength: 300 }),
        (packets) => {
          const recorder = new Recorder();
          const numbers = new Map<string, number>();
          packets.forEach((events, index) => {
            recorder.begin();
            for (const [kind, argument] of events) recorder.event(kind, argument);
            const path = recorder.end(0, 0, 100, index + 1);
            const key = JSON.stringify(events);
            expect(numbers.get(key) ?? path).toBe(path);
            numbers.set(key, path);
          });
          const table = recorder.table();
          expect(table.packets.length).toBe(numbers.size);
          expect(table.packets.reduce((sum, count) => sum + count, 0)).toBe(packets.length);
        },
      ),
    );
  });

  it('keeps path class and verdict apart', () => {
    const recorder = new Recorder();
    recorder.begin();
    expect(new Set([recorder.end(0, 0, 60, 1), recorder.end(1, 0, 60, 2), recorder.end(0, 2, 60, 3)]).size).toBe(3);
  });

  it('keeps kind and argument of an event whole', () => {
    const recorder = new Recorder();
    recorder.begin();
    recorder.event(eventKind('gso-segment'), 0x3ffffff);
    const [word = 0] = recorder.current();
    expect([EVENTS[kindOf(word)]?.name, argumentOf(word)]).toEqual(['gso-segment', 0x3ffffff]);
  });

  it('counts each length in the class that holds it', () => {
    for (const octets of [0, 1, 64, 65, 1500, 1536, 1537, 3072, 9000, 65_535, 10_000_000]) {
      const recorder = new Recorder();
      recorder.begin();
      recorder.end(0, 0, octets, 1);
      const row = recorder.table().lengths.indexOf(1);
      if (row < LENGTH_CLASSES - 1) expect(octets).toBeLessThanOrEqual(lengthClassOctets(row));
      if (row > 0) expect(octets).toBeGreaterThan(lengthClassOctets(row - 1));
    }
  });
});
