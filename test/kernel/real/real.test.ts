// What the scenes of real captures are made of; the kernel's judgement of them is kernel.test.ts's.
import { describe, expect, it } from 'vitest';
import { PAIRS, STRANGE_PAIRS } from './pairs.ts';
import { HAS_CORPORA, REAL } from './scenes.ts';

const pairs = PAIRS.length + STRANGE_PAIRS.length;

describe('real captures through real rulesets', () => {
  it('every pair makes a scene of frames that a wire can carry, in the order of time', (context) => {
    context.skip(!HAS_CORPORA, `../shared/corpora is absent: ${pairs} real captures are not compared`);
    expect(REAL.length).toBe(pairs);
    for (const { scene } of REAL) {
      expect(scene.frames.length).toBeGreaterThan(0);
      expect(scene.frames.every(({ octets }) => octets.length <= 1500 + 14 + 8 + 8)).toBe(true);
      const times = scene.frames.map((frame) => frame.timeNs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });
});
