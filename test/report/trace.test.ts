// The lines of nft monitor trace against what nft 1.0.6 printed on a Linux kernel for the same rulesets and frames
// (test/report/trace/*.monitor.txt: veth pairs in a network namespace, without trace ids), and whole walks as text.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { traceSchemaText } from '../../scripts/schema/text.ts';
import {
  compareTrace,
  comparisonText,
  compile,
  loadRouter,
  profile,
  replayCaptures,
  TraceText,
  traceJson,
} from '../../src/index.ts';
import type { PacketTrace } from '../../src/replay/trace-steps.ts';
import { traceSchema } from '../../src/report/schema-trace.ts';

const FOLDER = join(import.meta.dirname, 'trace');
const ROOT = resolve(import.meta.dirname, '../..');

async function traced(
  ruleset: string,
  router: string,
  capture: string,
  packets?: [number, number][],
  offload = 'as-ruled',
) {
  const compiled = compile({ path: ruleset });
  const replay = await replayCaptures({
    ruleset: compiled.ruleset,
    router: loadRouter(router),
    captures: [{ path: capture }],
    offload: offload as 'as-ruled',
    trace: { ...(packets === undefined ? {} : { packets }), limit: 1000 },
  });
  return { ruleset: compiled.ruleset, names: replay.result.names, walks: replay.result.trace?.walks ?? [] };
}

/** What nft printed; the long ones are gzipped. */
function recorded(name: string): string {
  const path = join(FOLDER, `${name}.monitor.txt`);
  return existsSync(path) ? readFileSync(path, 'utf8') : gunzipSync(readFileSync(`${path}.gz`)).toString();
}

/** What a kernel draws by lot, and we hash: identifications and flow labels of the router's own packets. */
function withoutLots(line: string): string {
  return /^inet \S+ out packet: /.test(line)
    ? line.replace(/ ip id \d+ /, ' ip id N ').replace(/ ip6 flowlabel \d+ /, ' ip6 flowlabel N ')
    : line;
}

describe('what nft monitor trace printed on a Linux kernel', () => {
  it.each([
    ['inet', 'router.yaml', 'frames.pcapng', 'inet tables: filter, NAT, rejects of the router, ICMP errors'],
    ['fam', 'router.yaml', 'frames.pcapng', 'ip, ip6, arp and netdev tables, VLAN tags, fragments, options'],
    ['mix', 'router.yaml', 'frames.pcapng', 'packets that rules mark on the way; goto, return, maps, sets, quotas'],
    ['egress', 'router.yaml', 'egress.pcapng', 'netdev egress, inet ingress, dup and fwd'],
    ['many', 'router.yaml', 'frames.pcapng', 'eighty kinds of matches and statements'],
    ['bridge', 'bridge.yaml', 'bridge.pcapng', 'the bridge family'],
  ])('%s: %s %s: %s', async (name, router, frames) => {
    const { ruleset, walks } = await traced(join(FOLDER, `${name}.nft`), join(FOLDER, router), join(FOLDER, frames));
    const text = new TraceText({ ruleset, onlyNft: true, onlyMarked: true, dialect: '1.0.6' });
    const ours = walks.map((walk) => text.walk(walk)).join('');
    const lines = ours.split('\n').map((line) => withoutLots(line.replace(/^trace id \w{8} /, '')));
    const real = recorded(name).split('\n').map(withoutLots);
    expect(lines).toEqual(real);
  });
});

const HOME = join(ROOT, 'captures/home-router.nft');
const HOME_ROUTER = join(ROOT, 'captures/home-router.yaml');
const HOME_CAPTURE = join(ROOT, 'captures/home-router.pcapng.gz');

describe('a walk as text', () => {
  it.each([
    ['slow.txt', [[2, 3]], 'as-ruled'],
    ['fast.txt', [[60, 62]], 'as-ruled'],
    ['hardware.txt', [[60, 62]], 'hardware'],
  ] as [string, [number, number][], string][])('%s is as reviewed', async (name, packets, offload) => {
    const { ruleset, walks } = await traced(HOME, HOME_ROUTER, HOME_CAPTURE, packets, offload);
    const text = new TraceText({ ruleset });
    const shown = walks.map((walk) => text.walk(walk)).join('\n');
    await expect(shown).toMatchFileSnapshot(`trace/${name}`);
    for (const line of shown.split('\n').filter((one) => one.startsWith('#'))) {
      expect(line.length, line).toBeLessThanOrEqual(100);
    }
  });

  it('shows what each step costs, and the steps sum up to the walk', async () => {
    const { ruleset, names, walks } = await traced(HOME, HOME_ROUTER, HOME_CAPTURE, [[1, 40]]);
    const device = profile('generic-x86-64');
    const { packets } = traceJson({ walks, more: 0 }, { ruleset, names, profile: device, version: 'x' }) as {
      packets: { instructions: number; steps: { instructions: number }[] }[];
    };
    expect(packets).toHaveLength(40);
    for (const { instructions, steps } of packets) {
      const sum = steps.reduce((total, step) => total + step.instructions, 0);
      expect(Math.abs(sum - instructions)).toBeLessThanOrEqual(steps.length);
    }
    const shown = new TraceText({ ruleset, names, profile: device }).walk(walks[1] as PacketTrace);
    expect(shown).toMatch(/^# packet 2 .* instr\.\n# {3}udp /);
    expect(shown).toMatch(/# IPv4 header checked +[\d,]+\n/);
    expect(shown).toMatch(/instructions, [\d,]+ cycles \(estimated,\s+#?\s*generic-x86-64\)/);
  });

  it('holds its schema as JSON, which is the one in docs', async () => {
    const device = profile('generic-x86-64');
    expect(readFileSync(join(ROOT, 'docs/trace.schema.json'), 'utf8')).toBe(traceSchemaText());
    for (const [ruleset, router, capture] of [
      [HOME, HOME_ROUTER, HOME_CAPTURE],
      [join(FOLDER, 'inet.nft'), join(FOLDER, 'router.yaml'), join(FOLDER, 'frames.pcapng')],
      [join(FOLDER, 'egress.nft'), join(FOLDER, 'router.yaml'), join(FOLDER, 'egress.pcapng')],
      [join(FOLDER, 'bridge.nft'), join(FOLDER, 'bridge.yaml'), join(FOLDER, 'bridge.pcapng')],
    ] as const) {
      for (const offload of ['as-ruled', 'hardware']) {
        const { walks, ...about } = await traced(ruleset, router, capture, [[1, 300]], offload);
        const document = traceJson({ walks, more: 0 }, { ...about, profile: device, version: 'x' });
        const parsed = traceSchema().safeParse(JSON.parse(JSON.stringify(document)));
        expect(parsed.error?.issues ?? []).toEqual([]);
      }
    }
  });

  it('says nothing that a terminal would obey, whatever rules and interfaces are called', async () => {
    const hostile =
      'table inet t {\n chain c {\n type filter hook prerouting priority 0\n counter comment "\u001b[31mred"\n }\n}\n';
    const { ruleset } = compile({ path: 'hostile.nft', text: hostile });
    const replay = await replayCaptures({
      ruleset,
      captures: [{ path: HOME_CAPTURE }],
      trace: { packets: [[1, 3]], limit: 3 },
    });
    const text = new TraceText({ ruleset });
    const shown = (replay.result.trace?.walks ?? []).map((walk) => text.walk(walk)).join('');
    expect(shown).toContain('\\x1b[31mred');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal obeys
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe('a real trace laid beside ours', () => {
  const real = readFileSync(join(FOLDER, 'mix.real.txt'), 'utf8');
  const walksOf = (path: string) => traced(path, join(FOLDER, 'router.yaml'), join(FOLDER, 'frames.pcapng'));

  it('is recognised packet by packet, in the words of the nft that wrote it', async () => {
    const { ruleset, walks } = await walksOf(join(FOLDER, 'mix.nft'));
    const comparison = compareTrace(real, walks, ruleset);
    expect(comparison).toMatchObject({ real: 22, alike: 22, different: [], unknown: [], own: 1, dialect: '1.0.6' });
    expect(comparisonText(comparison, 'mix.real.txt')).toBe(
      'mix.real.txt: 22 packets traced, as nft 1.0.6 prints\n' +
        '  22 walk alike here, 0 differ, 0 are not in the capture\n' +
        "  not compared: 1 packet of the router's own\n",
    );
  });

  it('shows where a packet walked otherwise, and what the capture and the ruleset have not', async () => {
    const { ruleset, walks } = await walksOf(join(FOLDER, 'mix.nft'));
    const other = real
      .replace('(verdict goto rest)', '(verdict goto web)')
      .replaceAll('ip id 8 ', 'ip id 4242 ')
      .concat('trace id deadbeef inet tracer pre packet: iif "lan0" ip saddr 1.2.3.4 \u001b[31m\n');
    const comparison = compareTrace(other, walks, ruleset);
    expect(comparison.different.length).toBe(1);
    expect(comparison.unknown.length).toBe(1);
    expect(comparison.foreignTables).toEqual(['inet tracer']);
    const text = comparisonText(comparison, 'other.txt');
    expect(text).toMatch(/^- inet mix pre rule .* \(verdict goto web\)$/m);
    expect(text).toMatch(/^\+ inet mix pre rule .* \(verdict goto rest\)$/m);
    expect(text).toContain('  not in the capture: inet mix late packet: iif "lan0"');
    expect(text).toContain('  left out, not in the ruleset: table inet tracer');
  });

  it('may begin where the router marked the packet', async () => {
    const { ruleset, walks } = await walksOf(join(FOLDER, 'fam.nft'));
    const whole = new TraceText({ ruleset, onlyNft: true, dialect: '1.0.6' });
    const late = walks
      .map((walk) =>
        whole
          .walk(walk)
          .split('\n')
          .filter((line) => !line.includes(' netdev marker '))
          .join('\n'),
      )
      .join('');
    const unmarked = { ...ruleset, tables: ruleset.tables.filter((table) => table.name !== 'marker') };
    const replay = await replayCaptures({
      ruleset: unmarked,
      router: loadRouter(join(FOLDER, 'router.yaml')),
      captures: [{ path: join(FOLDER, 'frames.pcapng') }],
      trace: { limit: 1000 },
    });
    const comparison = compareTrace(late, replay.result.trace?.walks ?? [], unmarked);
    expect(comparison.different).toEqual([]);
    expect(comparison.unknown).toEqual([]);
  });
});
