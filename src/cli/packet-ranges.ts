// `--packet 5,7-9`: numbers and ranges of packets.
import { ConfigError } from '../base/errors.ts';

const MAX_NUMBER = 1e15;

/** Ranges in ascending order that do not touch; both ends included. Throws ConfigError. */
export function packetRanges(texts: readonly string[]): [from: number, to: number][] {
  const ranges = texts.flatMap((text) => text.split(',')).map(range);
  ranges.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

function range(text: string): [number, number] {
  const parts = /^\s*(\d+)\s*(?:(-)\s*(\d+)?)?\s*$/.exec(text);
  const from = Number(parts?.[1]);
  const to = parts?.[2] === undefined ? from : parts[3] === undefined ? MAX_NUMBER : Number(parts[3]);
  if (parts === null || from < 1 || to < from || from > MAX_NUMBER) {
    throw new ConfigError('--packet', text, 'is a number from 1, or a range: 17, 5,7-9, 100-');
  }
  return [from, Math.min(to, MAX_NUMBER)];
}
