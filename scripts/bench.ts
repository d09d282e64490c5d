// `npm run bench`: packets per second of `nftreplay run` on a generated capture, one worker and two, beside tcpdump
// reading the same file, in one run: medians of several rounds, so that ratios hold whatever the machine does.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../src/base/random.ts';
import { PcapWriter } from '../src/capture/pcap-writer.ts';
import { type Ends, tcpConversation, udpConversation } from './captures/conversation.ts';
import { inOrder } from './captures/scenes.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CLI = join(ROOT, 'dist', 'src', 'cli', 'main.js');
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const PACKETS = Number(process.env.BENCH_PACKETS ?? 1_000_000);
const GROUP = 40;

// BENCH_FOLDER keeps the generated captures for the next run.
const kept = process.env.BENCH_FOLDER;
const folder = kept ?? mkdtempSync(join(tmpdir(), 'nftreplay-bench-'));
try {
  bench();
} finally {
  if (kept === undefined) rmSync(folder, { recursive: true });
}

function bench(): void {
  const plain = generate(join(folder, 'plain.pcap'), false);
  const nat = generate(join(folder, 'nat.pcap'), true);
  console.log(
    `capture: ${plain.packets} packets, ${(plain.octets / 1e6).toFixed(0)} MB; medians of ${ROUNDS} rounds\n`,
  );
  const filter = join(ROOT, 'test', 'rulesets', 'stateful.nft');
  const flowtable = join(ROOT, 'test', 'rulesets', 'stateful-flowtable.nft');
  const home = join(ROOT, 'captures', 'home-router.nft');
  const router = ['--router', join(ROOT, 'captures', 'home-router.yaml')];
  const run = (ruleset: string, file: string, workers: number, more: string[] = []): string[] => [
    process.execPath,
    CLI,
    'run',
    ruleset,
    file,
    '--workers',
    String(workers),
    '-o',
    '/dev/null',
    ...more,
  ];
  const rows: [string, number, string[]][] = [
    ['tcpdump -nr FILE -w /dev/null', plain.packets, ['tcpdump', '-nr', plain.path, '-w', '/dev/null']],
    ['run, stateful filter, 1 worker', plain.packets, run(filter, plain.path, 1)],
    ['run, stateful filter, 2 workers', plain.packets, run(filter, plain.path, 2)],
    ['run, same with a flowtable, 1 worker', plain.packets, run(flowtable, plain.path, 1)],
    ['run, same with a flowtable, 2 workers', plain.packets, run(flowtable, plain.path, 2)],
    ['run, home router with NAT, 1 worker', nat.packets, run(home, nat.path, 1, router)],
  ];
  const times = rows.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [, , command]] of rows.entries()) times[index]?.push(time(command));
  }
  const base = median(times[0] ?? []);
  console.log(
    `${'command'.padEnd(40)} ${'seconds'.padStart(8)} ${'packets/s'.padStart(12)} ${'of tcpdump'.padStart(11)}`,
  );
  rows.forEach(([name, packets], index) => {
    const seconds = median(times[index] ?? []);
    const rate = Math.round(packets / seconds).toLocaleString('en');
    console.log(
      `${name.padEnd(40)} ${seconds.toFixed(2).padStart(8)} ${rate.padStart(12)} ${(base / seconds).toFixed(3).padStart(11)}`,
    );
  });
}

/** Conversations of many hosts, about PACKETS packets, in the order of time. */
function generate(path: string, isNat: boolean): { path: string; packets: number; octets: number } {
  const writer = new PcapWriter(path, { nanoseconds: true });
  const random = new Random(1);
  let packets = 0;
  for (let group = 0; packets < PACKETS; group++) {
    const parts = Array.from({ length: GROUP }, (_, n) => {
      const flow = group * GROUP + n;
      const inside = `192.168.1.${10 + (flow % 200)}`;
      const outside = isNat ? '203.0.113.1' : inside;
      const ends: Ends = { inside, outside, far: `198.51.${100 + (flow % 7)}.${1 + (flow % 250)}` };
      const sport = 20_000 + (flow % 40_000);
      const start = group * 0.5 + n * 0.01;
      if (flow % 4 === 0)
        return udpConversation(ends, { sport, dport: 4500, start, packets: 100, gap: 0.004, up: 200, down: 600 });
      const down = flow % 10 === 1 ? 400_000 : 20_000;
      return tcpConversation(ends, {
        sport,
        dport: 443,
        start,
        exchanges: [{ up: 600, down }],
        rtt: 0.01,
        gap: 0.0001,
        sequences: [random.next(), random.next()],
      });
    });
    for (const { timeNs, frame } of inOrder(...parts)) {
      if (packets >= PACKETS) break;
      writer.write(Number(timeNs / 1_000_000_000n), Number(timeNs % 1_000_000_000n), frame);
      packets++;
    }
  }
  writer.close();
  return { path, packets, octets: statSync(path).size };
}

function time(command: string[]): number {
  const [program = '', ...args] = command;
  const started = performance.now();
  const result = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (result.error !== undefined && program === 'tcpdump') return Number.NaN;
  if (result.status !== 0) throw new Error(`${command.join(' ')} failed: ${result.stderr?.toString() ?? ''}`);
  return (performance.now() - started) / 1000;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

if (!existsSync(CLI)) throw new Error('run npm run build first');
