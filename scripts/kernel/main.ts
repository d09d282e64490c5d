// `npm run kernel -- RULESET --router R --in lan0=a.pcap …`: what a real kernel does with captures, and whether the
// emulated router does the same.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CaptureMerge } from '../../src/capture/merge.ts';
import { compare } from './compare.ts';
import { emulate } from './emulate.ts';
import { askKernel } from './judge.ts';
import type { KernelFrame, KernelResult } from './result.ts';
import type { KernelScene, SceneFrame } from './scene.ts';

const USAGE =
  'usage: npm run kernel -- RULESET --router FILE --in IFACE=CAPTURE [--in …] [--packets N] [--json]\n' +
  'RULESET is for nft 1.0.6, FILE a router file (docs/ROUTER.md), IFACE one of its physical interfaces.\n';
/** A packet costs the guest some milliseconds. */
const MAX_PACKETS = 20_000;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      router: { type: 'string' },
      in: { type: 'string', multiple: true, default: [] },
      packets: { type: 'string', default: String(MAX_PACKETS) },
      json: { type: 'boolean', default: false },
    },
  });
  const [ruleset] = positionals;
  if (ruleset === undefined || values.router === undefined || values.in.length === 0) {
    process.stderr.write(USAGE);
    return 2;
  }
  const { frames, epochSeconds } = await readFrames(values.in, Math.min(MAX_PACKETS, Number(values.packets)));
  const scene: KernelScene = {
    name: ruleset,
    ruleset: readFileSync(ruleset, 'utf8'),
    router: readFileSync(values.router, 'utf8'),
    frames,
    epochSeconds,
  };
  const [answer] = await askKernel([scene]);
  if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer');
  const times = answer.packets.map((packet) => packet.timeNs);
  const differences = compare(scene, answer, emulate(scene, times));
  if (values.json) process.stdout.write(`${JSON.stringify({ ...answer, differences }, undefined, 1)}\n`);
  else process.stdout.write(text(scene, answer, differences));
  return differences.length === 0 ? 0 : 1;
}

/** Captures by interface, merged by time. */
async function readFrames(inputs: string[], most: number): Promise<{ frames: SceneFrame[]; epochSeconds: number }> {
  const named = inputs.map((text) => ({ device: text.split('=')[0] ?? '', path: text.slice(text.indexOf('=') + 1) }));
  const merge = new CaptureMerge(named.map(({ path }) => ({ path })));
  await merge.open();
  const frames: SceneFrame[] = [];
  let epochSeconds = 0;
  let firstNanos = 0;
  for (;;) {
    while (frames.length < most && merge.next()) {
      if (frames.length === 0) {
        epochSeconds = merge.timestampSeconds;
        firstNanos = merge.timestampNanos;
      }
      frames.push({
        device: named[merge.source]?.device ?? '',
        timeNs: Math.max(0, (merge.timestampSeconds - epochSeconds) * 1e9 + merge.timestampNanos - firstNanos),
        octets: merge.data.slice(merge.start, merge.end),
      });
    }
    if (frames.length >= most || !(await merge.fill())) break;
  }
  await merge.close();
  return { frames, epochSeconds };
}

function text(scene: KernelScene, answer: KernelResult, differences: string[]): string {
  const lines = [`Linux ${answer.kernel}`];
  answer.packets.forEach((packet, index) => {
    const frame = scene.frames[index];
    lines.push(...packet.before.map((out) => `  later  ${shown(out)}`));
    lines.push(
      `#${index + 1} ${(packet.timeNs / 1e9).toFixed(6)} s at ${frame?.device}: ${frame?.octets.length} octets`,
    );
    lines.push(...(packet.steps ?? []).map((step) => `  ${step}`));
    if (packet.error !== undefined) lines.push(`  not sent: ${packet.error}`);
    if (packet.outputs.length === 0) lines.push('  nothing left');
    lines.push(...packet.outputs.map((out) => `  out ${shown(out)}${packet.wasTraced ? '' : ' (fast path)'}`));
  });
  lines.push(
    ...answer.after.map((out) => `  later  ${shown(out)}`),
    '',
    'Connections',
    ...answer.conntrack.map((row) => `  ${row}`),
  );
  lines.push(
    '',
    differences.length === 0 ? 'The emulated router does the same.' : `${differences.length} differences:`,
  );
  lines.push(...differences);
  return `${lines.join('\n')}\n`;
}

function shown(frame: KernelFrame): string {
  return `${frame.device} ${frame.hex}`;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`kernel: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
