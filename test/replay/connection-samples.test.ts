// Samples of the number of connections: exact in short captures, bounded in long ones, and sums of parts are exact.
import { describe, expect, it } from 'vitest';
import { addConnectionCounts, ConnectionSamples, peakConnections } from '../../src/replay/connection-samples.ts';

function sample(packets: number, count: (packet: number) => number): ConnectionSamples {
  const samples = new ConnectionSamples();
  for (let packet = 1; packet <= packets; packet++) samples.add(packet, count(packet));
  return samples;
}

describe('connection samples', () => {
  it('hold the count after every packet of a short capture', () => {
    const { every, counts } = sample(1000, (packet) => packet * 2).counts();
    expect(every).toBe(1);
    expect([...counts]).toEqual(Array.from({ length: 1000 }, (_, n) => (n + 1) * 2));
  });

  it.each([65_536, 65_537, 131_071, 131_072, 131_073, 300_000])('are those of every n-th of %i packets', (packets) => {
    const { every, counts } = sample(packets, (packet) => packet).counts();
    expect(counts.length).toBeLessThanOrEqual(65_536);
    expect(counts.length).toBe(Math.floor(packets / every));
    expect(counts.every((count, n) => count === (n + 1) * every)).toBe(true);
  });

  it('of parts add up to those of the whole', () => {
    const a = (packet: number): number => Math.floor(packet / 7) % 50;
    const b = (packet: number): number => Math.floor(packet / 11) % 30;
    const whole = sample(200_000, (packet) => a(packet) + b(packet)).counts();
    expect(addConnectionCounts([sample(200_000, a).counts(), sample(200_000, b).counts()])).toEqual(whole);
  });

  it('know the peak', () => {
    expect(peakConnections(sample(100, (packet) => (packet === 50 ? 9 : 3)).counts())).toBe(9);
    expect(peakConnections(new ConnectionSamples().counts())).toBe(0);
  });
});
