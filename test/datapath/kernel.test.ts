// Our datapath against a real kernel: every frame that leaves, octet for octet, and every verdict. The kernel's answers are
// recorded in kernel-golden.json; with RECORD_KERNEL=1 and the oracle at hand they are asked for again.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileText } from './compile.ts';
import { HELPER_SCENES } from './helper-scenes.ts';
import { writePcaps } from './pcap.ts';
import { byInterface, masked, octets, replayScene, type SceneFrame } from './scene.ts';
import { SCENES as PLAIN_SCENES } from './scenes.ts';

const SCENES = [...PLAIN_SCENES, ...HELPER_SCENES];

interface Golden {
  in: string;
  timeNs: number;
  verdict: string;
  drop: string;
  outputs: { iface: string; hex: string; kind: string }[];
}

const ORACLE = '/work/shared/kernel-oracle/run';
const GOLDEN = new URL('./kernel-golden.json', import.meta.url).pathname;
const golden: Record<string, Golden[]> = existsSync(GOLDEN) ? JSON.parse(readFileSync(GOLDEN, 'utf8')) : {};

if (process.env.RECORD_KERNEL && existsSync(ORACLE)) record();

/** The kernel says "consumed" of much that ended without a frame and without a drop reason. */
const VERDICTS: Record<string, string[]> = {
  forwarded: ['forward'],
  dropped: ['drop'],
  // Fragments of a datagram look to it as if the router had made them.
  local: ['local', 'forward'],
  consumed: ['consumed', 'local', 'drop'],
};

describe.each(SCENES)('$name', (scene) => {
  const expected = golden[scene.name];
  test.skipIf(expected === undefined)('verdicts and frames are those of Linux 6.12', () => {
    const frames: SceneFrame[] = (expected ?? []).map((row, i) => ({
      iface: scene.frames[i]?.[0] ?? '',
      frame: octets(row.in),
      timeNs: row.timeNs,
    }));
    const ours = replayScene(scene.topology, compileText(scene.ruleset), frames);
    const differences: string[] = [];
    (expected ?? []).forEach((row, i) => {
      const mine = ours[i];
      const kernels = byInterface(row.outputs) as Golden['outputs'];
      const theirs = kernels.map((out) => `${out.iface} ${masked(out.hex, out.kind !== 'forwarded')}`);
      const got = byInterface(mine?.outputs ?? []).map(
        (out, j) => `${out.iface} ${masked(out.hex, kernels[j]?.kind !== 'forwarded')}`,
      );
      const sameVerdict = VERDICTS[row.verdict]?.includes(mine?.verdict ?? '') ?? false;
      if (sameVerdict && JSON.stringify(theirs) === JSON.stringify(got)) return;
      differences.push(
        [
          `packet ${i} ${row.in}`,
          `kernel ${row.verdict} ${row.drop}`,
          ...theirs,
          `ours ${mine?.verdict} ${mine?.reason}`,
          ...got,
        ].join('\n'),
      );
    });
    expect(differences.join('\n\n')).toBe('');
  });
});

function record(): void {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-kernel-'));
  const only = process.env.RECORD_KERNEL ?? '';
  const scenes = SCENES.filter((scene) => only === '1' || scene.name.includes(only));
  const batch = scenes.map((scene, i) => ({
    id: String(i),
    ruleset_text: scene.ruleset,
    topology: scene.topology,
    pcaps: writePcaps(folder, String(i), scene.frames),
    probes_ms: [],
  }));
  writeFileSync(join(folder, 'batch.json'), JSON.stringify(batch));
  execFileSync(ORACLE, ['--batch', join(folder, 'batch.json'), '--out', join(folder, 'out.json')], {
    stdio: 'inherit',
  });
  const results = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'));
  scenes.forEach((scene, i) => {
    const result = results.find((row: { id: string }) => row.id === String(i));
    if (!result.ok) throw new Error(`${scene.name}: ${JSON.stringify(result.errors)}`);
    golden[scene.name] = result.packets.map((row: Record<string, unknown>) => ({
      in: row.in_hex,
      timeNs: row.guest_ns,
      verdict: row.verdict,
      drop: (row.drop as { reason?: string } | undefined)?.reason ?? '',
      outputs: row.outputs,
    }));
  });
  writeFileSync(GOLDEN, `${JSON.stringify(golden, null, 1)}\n`);
}
