// Walks against the paths that ordinary replays intern, against a real kernel's traces, and what single steps say.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { argumentOf, eventKind, kindOf, RULE_MATCHED } from '../../src/event/vocabulary.ts';
import { compile, loadRouter, parseRouter, replayCaptures } from '../../src/index.ts';
import { ether, type IpFields, ip, udp } from '../../src/packet/build.ts';
import { EmulatedRouter } from '../../src/replay/emulated-router.ts';
import type { PacketTrace, TraceStep } from '../../src/replay/trace-steps.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CAPTURES = join(ROOT, 'captures');
const RULE = eventKind('rule');
const BASE_CHAIN = eventKind('base-chain');
const POLICY = eventKind('policy');

const { ruleset } = compile({ path: join(CAPTURES, 'home-router.nft') });

/** Rules of a walk as the recorder words them: matched ones; those that did not match are ranges. */
function rulesOf(walk: PacketTrace): number[] {
  return walk.steps.flatMap((step) => (step.kind === 'rule' ? [step.rule] : []));
}

function matchedIn(words: Uint32Array): number[] {
  const rules = [...words].filter((word) => kindOf(word) === RULE && (argumentOf(word) & 0xff) === RULE_MATCHED);
  return rules.map((word) => argumentOf(word) >>> 8);
}

function missedOf(walk: PacketTrace): number {
  const ranges = walk.steps.flatMap((step) => ('missed' in step && step.missed !== undefined ? [step.missed] : []));
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

describe('walks and paths', () => {
  const captures = [
    'home-router.pcapng.gz',
    'web-nat.pcap',
    'ipv6.pcap',
    'icmp.pcap',
    'fragments.pcap',
    'port-scan.pcap',
    'dns.pcap',
    'vlan.pcap',
    'pppoe.pcap',
  ];
  it.each(captures)('%s: a traced replay is the same replay, and its walks say what its paths say', async (name) => {
    const options = {
      ruleset,
      captures: [{ path: join(CAPTURES, name) }],
      router: loadRouter(join(CAPTURES, 'home-router.yaml')),
    };
    const plain = await replayCaptures(options);
    const traced = await replayCaptures({ ...options, trace: { limit: 100_000 } });
    const { trace, ...result } = traced.result;
    expect(result).toEqual(plain.result);
    const walks = trace?.walks ?? [];
    expect(walks.length).toBe(plain.result.input.packets);
    for (const walk of walks) {
      const kinds = [...walk.words].map(kindOf);
      if (kinds.includes(eventKind('hardware'))) continue;
      expect(rulesOf(walk)).toEqual(matchedIn(walk.words));
      const missed = [...walk.words].filter((word) => kindOf(word) === RULE).length - matchedIn(walk.words).length;
      expect(missedOf(walk)).toBe(missed);
      const policies = walk.steps.filter((step) => step.kind === 'policy');
      expect(policies.length).toBe(kinds.filter((kind) => kind === POLICY).length);
      const shown = walk.steps.filter((step) => step.kind === 'packet').length;
      expect(shown).toBe(kinds.filter((kind) => kind === BASE_CHAIN).length);
      expect(walk.steps.at(-1)?.events).toBe(walk.words.length);
    }
  });

  it('keeps no more walks than the limit says and counts the others', async () => {
    const options = { ruleset, captures: [{ path: join(CAPTURES, 'home-router.pcapng.gz') }] };
    const { result } = await replayCaptures({ ...options, trace: { match: 'udp dport 53', limit: 2 } });
    expect(result.trace?.walks.length).toBe(2);
    expect(result.trace?.more).toBe(1);
    expect(result.trace?.walks.every((walk) => walk.summary.endsWith(':53'))).toBe(true);
  });

  it('ends after the last packet that was asked for', async () => {
    const router = loadRouter(join(CAPTURES, 'home-router.yaml'));
    const options = { ruleset, router, captures: [{ path: join(CAPTURES, 'home-router.pcapng.gz') }] };
    const { result } = await replayCaptures({
      ...options,
      trace: {
        packets: [
          [2, 2],
          [5, 6],
        ],
        limit: 10,
      },
    });
    expect(result.trace?.walks.map((walk) => walk.packet)).toEqual([2, 5, 6]);
    expect(result.input.packets).toBe(6);
  });
});

describe('a packet of an offloaded connection that goes the slow way', () => {
  const text = `table inet t {
    flowtable ft { hook ingress priority 0; devices = { DEVICES }; }
    chain forward { type filter hook forward priority 0; policy accept;
      ct state established flow add @ft
      meta l4proto udp flow add @ft
    }
  }`;
  const spec = parseRouter(
    JSON.stringify({
      interfaces: [
        { name: 'lan0', mac: '02:00:00:00:00:01', addresses: ['192.168.1.1/24'] },
        { name: 'wan0', mac: '02:00:00:00:00:02', addresses: ['203.0.113.1/24'] },
      ],
      routes: [{ dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0' }],
    }),
    'router',
  );
  const send = (devices: string, last: IpFields) => {
    const { ruleset: flows } = compile({ path: 'x.nft', text: text.replace('DEVICES', devices) });
    const router = new EmulatedRouter({ ruleset: flows, router: spec, walks: true });
    const lan = (fields: Partial<IpFields>) =>
      router.send(
        ether(
          { src: '02:ee:00:00:00:10', dst: '02:00:00:00:00:01' },
          ip({ src: '192.168.1.10', dst: '198.51.100.7', ...fields }, udp({ sport: 5000, dport: 53 })),
        ),
        'lan0',
      );
    lan({});
    lan({});
    lan({});
    const { walk } = lan(last);
    return walk?.steps.find((step) => step.kind === 'slow' || (step.kind === 'flowtable' && step.outcome === 'hit'));
  };

  it.each([
    ['lan0, wan0', {}, { kind: 'flowtable', outcome: 'hit' }],
    ['lan0, wan0', { ttl: 1 }, { kind: 'slow', why: 'ttl' }],
    ['lan0, wan0', { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) }, { kind: 'slow', why: 'ip-options' }],
    ['wan0', {}, { kind: 'slow', why: 'device' }],
  ])('says why: devices %s, %j', (devices, last, step) => {
    expect(send(devices, last as IpFields)).toMatchObject(step);
  });
});

const ORACLE = process.env.ORACLE_DIR ?? '/work/shared/kernel-oracle';

interface OracleLine {
  id: number;
  type: 'rule' | 'policy' | 'return' | 'end';
  family: string;
  table: string;
  chain: string;
  rule_index?: number;
  verdict?: string;
  policy?: string;
  target?: string;
  mark?: number;
}

interface OracleCase {
  id: string;
  packets: { in_iface: string; in_hex: string; guest_ns: number; trace?: OracleLine[] }[];
}

interface BatchCase {
  id: string;
  ruleset?: string;
  ruleset_text?: string;
  topology: string | object;
}

function oracleCases(): { id: string; batch: BatchCase; result: OracleCase }[] {
  return [
    ['cases/batch.json', 'results/demo.json'],
    ['cases/batch2.json', 'results/demo2.json'],
  ].flatMap(([batchFile = '', resultFile = '']) => {
    if (!existsSync(join(ORACLE, resultFile))) return [];
    const batch = JSON.parse(readFileSync(join(ORACLE, batchFile), 'utf8')) as BatchCase[];
    const results = JSON.parse(readFileSync(join(ORACLE, resultFile), 'utf8')) as OracleCase[];
    return results.flatMap((result) => {
      const one = batch.find((row) => row.id === result.id);
      return one === undefined ? [] : [{ id: result.id, batch: one, result }];
    });
  });
}

/** What the kernel said, and what we say, of rules and policies, as lines. */
function kernelLine(line: OracleLine): string {
  const place = `${line.family} ${line.table} ${line.chain}`;
  if (line.type === 'policy') return `${place} policy ${line.policy}`;
  return `${place} rule ${line.rule_index} ${line.verdict}${line.target === undefined ? '' : ` ${line.target}`}`;
}

function ourLine(step: TraceStep): string[] {
  if (step.kind === 'policy') return [`${step.family} ${step.table} ${step.chain} policy ${step.policy}`];
  if (step.kind !== 'rule') return [];
  const target = step.target === undefined ? '' : ` ${step.target}`;
  return [`${step.family} ${step.table} ${step.chain} rule ${step.place - 1} ${step.verdict}${target}`];
}

const cases = oracleCases();
if (cases.length === 0) console.log('no kernel oracle here: its traces are not compared');

describe.skipIf(cases.length === 0)('the trace of a real Linux 6.12', () => {
  test.each(cases)('$id: the same rules with the same verdicts, packet by packet', ({ batch, result }) => {
    const folder = join(ORACLE, 'cases');
    const text = batch.ruleset_text ?? readFileSync(join(folder, batch.ruleset ?? ''), 'utf8');
    const topology =
      typeof batch.topology === 'string'
        ? JSON.parse(readFileSync(join(folder, batch.topology), 'utf8'))
        : batch.topology;
    const { setup: _, ...description } = topology as Record<string, unknown>;
    const router = new EmulatedRouter({
      ruleset: compile({ path: 'oracle.nft', text }).ruleset,
      router: parseRouter(JSON.stringify(description), 'topology'),
      walks: true,
    });
    for (const { in_hex, in_iface, guest_ns, trace = [] } of result.packets) {
      const { walk } = router.send(Uint8Array.from(Buffer.from(in_hex, 'hex')), in_iface, guest_ns);
      // A rule without a place is the kernel's mark of the end of a chain: nft prints nothing for it.
      const said = trace.filter(
        ({ type, rule_index }) => type === 'policy' || (type === 'rule' && rule_index !== undefined),
      );
      const kernel = said.map(kernelLine);
      expect(walk?.steps.flatMap(ourLine)).toEqual(kernel);
    }
  });
});
