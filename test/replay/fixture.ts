// Captures, routers and rulesets for the tests of this folder.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { PcapWriter } from '../../src/capture/pcap-writer.ts';
import { parseRouter } from '../../src/config/router-file.ts';
import { Interfaces } from '../../src/net/interfaces.ts';
import type { RouterSpec } from '../../src/net/spec.ts';
import { compile } from '../../src/nft/compile.ts';

/** Two sides: 192.168.1.0/24 and 2001:db8:1::/64 on lan, everything else on wan. */
export const ROUTER = `
interfaces:
  - { name: lan, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "2001:db8:1::1/64"] }
  - { name: wan, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan }
`;

export function router(text: string = ROUTER): { spec: RouterSpec; interfaces: Interfaces } {
  const spec = parseRouter(text, 'router.yaml');
  return { spec, interfaces: new Interfaces(spec) };
}

export function ruleset(text: string): Ruleset {
  return compile({ path: 'test.nft', text }).ruleset;
}

/** A frame of a capture: seconds after its start. */
export interface Shot {
  seconds: number;
  frame: Uint8Array;
  wireLength?: number;
}

/** 2026-01-01. */
export const EPOCH_SECONDS = 1_767_225_600;

/** Writes a nanosecond pcap; the frames in the order given. */
export function writeCapture(path: string, shots: Shot[], options: { linkType?: number } = {}): void {
  const writer = new PcapWriter(path, { nanoseconds: true, ...options });
  for (const { seconds, frame, wireLength } of shots) {
    const whole = Math.floor(seconds);
    const nanos = Math.round((seconds - whole) * 1e9);
    writer.write(EPOCH_SECONDS + whole, nanos, frame, 0, frame.length, wireLength ?? frame.length);
  }
  writer.close();
}

/** A folder that is gone after `use`. */
export async function withFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-test-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A frame with room in front, as the capture readers give it. */
export function withRoom(frame: Uint8Array, room = 64): { data: Uint8Array; start: number; end: number } {
  const data = new Uint8Array(room + frame.length + 32);
  data.set(frame, room);
  return { data, start: room, end: room + frame.length };
}
