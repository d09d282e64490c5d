// `npm run kernel -- RULESET --router R --in lan0=a.pcap …`: what a real kernel does with captures, and whether the
// emulated router does the same. listing.ts prints it.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NftError, NftreplayError } from '../../src/base/errors.ts';
import { CaptureMerge } from '../../src/capture/merge.ts';
import { PcapWriter } from '../../src/capture/pcap-writer.ts';
import { parseRouter } from '../../src/config/router-file.ts';
import type { RouterSpec } from '../../src/net/spec.ts';
import { formatNftError } from '../../src/nft/errors.ts';
import { visible } from '../../src/report/format.ts';
import { compare } from './compare.ts';
import { emulate } from './emulate.ts';
import { missingPackages } from './image.ts';
import { askKernel } from './judge.ts';
import { jsonAnswer, textAnswer } from './listing.ts';
import type { KernelFrame, KernelResult } from './result.ts';
import type { KernelScene, SceneFrame } from './scene.ts';

const USAGE = `usage: npm run kernel -- RULESET --router FILE --in IFACE=CAPTURE [--in …] [options]

What a real Linux 6.12 does with captures: the rules' trace, frames that leave, counters, sets and
connections at the end, and where the emulated router differs.

  RULESET             for nft 1.0.6, which the guest runs
  --router FILE       a router file (docs/ROUTER.md)
  --in IFACE=CAPTURE  what arrives at a physical interface; several are merged by time
  --packets N         the first N packets (default and most: 20000)
  --summary           no packets, only counts, state and differences
  --out FOLDER        writes what left each interface to FOLDER/IFACE.pcap
  --json              all of it as JSON

Exit code: 0 both routers do the same, 1 they differ, 2 wrong usage or unusable input.
`;
/** A packet costs the guest some milliseconds. */
const MAX_PACKETS = 20_000;

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      router: { type: 'string' },
      in: { type: 'string', multiple: true, default: [] },
      packets: { type: 'string', default: String(MAX_PACKETS) },
      summary: { type: 'boolean', default: false },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [ruleset, ...more] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (ruleset === undefined || more.length > 0 || values.router === undefined || values.in.length === 0) {
    process.stderr.write(USAGE);
    return 2;
  }
  const most = Number(values.packets);
  if (!Number.isInteger(most) || most < 1 || most > MAX_PACKETS) {
    throw new NftreplayError('usage', `--packets "${values.packets}": a number from 1 to ${MAX_PACKETS} is wanted`);
  }
  const missing = missingPackages();
  if (missing.length > 0) {
    throw new NftreplayError(
      'usage',
      `the kernel judge needs Debian packages that are not here:\n  ${missing.join('\n  ')}\nscripts/kernel/README.md tells how to get them`,
    );
  }
  const router = readFileSync(values.router, 'utf8');
  const spec = parseRouter(router, values.router);
  const { frames, epochSeconds, isCut } = await readFrames(inputsOf(values.in, spec), most);
  if (frames.length === 0) throw new NftreplayError('capture', 'the captures have no packets');
  const scene: KernelScene = { name: ruleset, ruleset: readFileSync(ruleset, 'utf8'), router, frames, epochSeconds };
  const began = performance.now();
  const [answer] = await askKernel([scene]);
  if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer');
  const times = answer.packets.map((packet) => packet.timeNs);
  const differences = compare(scene, answer, emulate(scene, times));
  if (values.out !== undefined) writeCaptures(values.out, answer, epochSeconds);
  const told = { scene, answer, differences, seconds: (performance.now() - began) / 1000, isCut };
  process.stdout.write(values.json ? jsonAnswer(told) : textAnswer(told, !values.summary));
  return differences.length === 0 ? 0 : 1;
}

interface Input {
  device: string;
  path: string;
}

function inputsOf(texts: string[], spec: RouterSpec): Input[] {
  const devices = spec.interfaces.filter((row) => row.type === 'physical').map((row) => row.name);
  return texts.map((text) => {
    const at = text.indexOf('=');
    const device = text.slice(0, Math.max(0, at));
    if (devices.includes(device)) return { device, path: text.slice(at + 1) };
    const known = devices.map((name) => visible(name)).join(', ');
    throw new NftreplayError('usage', `--in "${visible(text)}": IFACE=CAPTURE is wanted, IFACE one of ${known}`);
  });
}

/** Captures by interface, merged by time. */
async function readFrames(
  inputs: Input[],
  most: number,
): Promise<{ frames: SceneFrame[]; epochSeconds: number; isCut: boolean }> {
  const merge = new CaptureMerge(inputs.map(({ path }) => ({ path })));
  await merge.open();
  const frames: SceneFrame[] = [];
  let epochSeconds = 0;
  let firstNanos = 0;
  let isCut = false;
  for (;;) {
    while (!isCut && merge.next()) {
      if (frames.length === most) {
        isCut = true;
        break;
      }
      if (frames.length === 0) {
        epochSeconds = merge.timestampSeconds;
        firstNanos = merge.timestampNanos;
      }
      frames.push({
        device: inputs[merge.source]?.device ?? '',
        timeNs: Math.max(0, (merge.timestampSeconds - epochSeconds) * 1e9 + merge.timestampNanos - firstNanos),
        octets: merge.data.slice(merge.start, merge.end),
      });
    }
    if (isCut || !(await merge.fill())) break;
  }
  await merge.close();
  return { frames, epochSeconds, isCut };
}

/** A capture for each interface that something left. */
function writeCaptures(folder: string, answer: KernelResult, epochSeconds: number): void {
  mkdirSync(folder, { recursive: true });
  const writers = new Map<string, PcapWriter>();
  const write = (frames: KernelFrame[], timeNs: number): void => {
    for (const { device, hex } of frames) {
      const writer = writers.get(device) ?? new PcapWriter(join(folder, `${device}.pcap`), { nanoseconds: true });
      writers.set(device, writer);
      writer.write(epochSeconds + Math.floor(timeNs / 1e9), timeNs % 1e9, Buffer.from(hex, 'hex'));
    }
  };
  let last = 0;
  for (const { before, outputs, timeNs } of answer.packets) {
    write(before, timeNs);
    write(outputs, timeNs);
    last = timeNs;
  }
  write(answer.after, last);
  for (const writer of writers.values()) writer.close();
}

function complaint(error: unknown): string {
  if (error instanceof NftError) return formatNftError(error);
  const text = error instanceof Error ? error.message : String(error);
  // What nft says has lines and carets.
  return `kernel: ${text.split('\n').map(visible).join('\n')}`;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? (process.exitCode ?? 0) : 2);
});
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${complaint(error)}\n`);
    process.exitCode = 2;
  },
);
