// What people have measured of routers must come out of a plan: on synthetic traffic and the demo capture.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { PcapWriter } from '../../src/capture/pcap-writer.ts';
import { parseRouter } from '../../src/config/router-file.ts';
import { price } from '../../src/cost/pricing.ts';
import type { Quantity } from '../../src/cost/profile.ts';
import { profile } from '../../src/cost/profiles.ts';
import { compile } from '../../src/nft/compile.ts';
import { ether, ip, tcp } from '../../src/packet/build.ts';
import { Device } from '../../src/plan/device.ts';
import { withMissedRules } from '../../src/plan/rewrite-paths.ts';
import { Replays, type Traffic } from '../../src/plan/traffic.ts';
import type { OffloadMode } from '../../src/replay/task.ts';

const folder = mkdtempSync(join(tmpdir(), 'nftreplay-plan-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ROUTER = parseRouter(
  `interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [10.0.0.1/24] }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
`,
  'router.yaml',
);

/** Connections of so many data packets each, one after the other. */
function capture(name: string, flows: number, packets: number, octets: number): string {
  const path = join(folder, name);
  const writer = new PcapWriter(path, { nanoseconds: true });
  let us = 0;
  const write = (frame: Uint8Array): void => {
    us += 100;
    writer.write(1_000_000_000 + Math.floor(us / 1e6), (us % 1e6) * 1000, frame);
  };
  for (let flow = 0; flow < flows; flow++) {
    const up = { sport: 20_000 + flow, dport: 443 };
    const down = { sport: 443, dport: 20_000 + flow };
    const there = { src: '10.0.0.10', dst: '198.51.100.7' };
    const back = { src: '198.51.100.7', dst: '10.0.0.10' };
    write(ether({}, ip(there, tcp({ ...up, seq: 1, flags: 'S' }))));
    write(ether({}, ip(back, tcp({ ...down, seq: 1, ack: 2, flags: 'SA' }))));
    write(ether({}, ip(there, tcp({ ...up, seq: 2, ack: 2, flags: 'A' }))));
    for (let n = 0; n < packets; n++) {
      const seq = 2 + n * octets;
      write(ether({}, ip(back, tcp({ ...down, seq, ack: 2, flags: 'A' }, new Uint8Array(octets)))));
    }
  }
  writer.close();
  return path;
}

function ruleset(rules: string, devices = 'lan0, wan0'): Ruleset {
  const path = join(folder, `rules-${rules.length}-${devices.length}.nft`);
  writeFileSync(
    path,
    `table inet t {
  flowtable ft { hook ingress priority 0; devices = { ${devices} }; }
  chain forward {
    type filter hook forward priority 0; policy drop;
${rules}
    meta l4proto tcp flow add @ft
    ct state established,related accept
    iifname "lan0" accept
  }
}
`,
  );
  return compile({ path }).ruleset;
}

function rate(value: number): Quantity {
  return { value, unit: 'x/s', source: 'test', confidence: 'estimate' };
}

async function traffic(rules: Ruleset, path: string, offload: OffloadMode): Promise<Traffic> {
  const captures = [{ path }];
  const replays = new Replays({ ruleset: rules, captures, router: ROUTER });
  return replays.traffic({ ruleset: rules, captures, offload, periodNs: 0 });
}

const BOX = profile('bpi-r3');
const long = capture('long.pcap', 4, 200, 100);
const large = capture('large.pcap', 4, 200, 900);
const bulk = capture('bulk.pcap', 4, 3000, 100);
const short = capture('short.pcap', 200, 1, 100);
const plain = ruleset('');

async function cycles(rules: Ruleset, path: string, offload: OffloadMode): Promise<number> {
  return new Device(BOX, await traffic(rules, path, offload), 1).cyclesPerPacket(1).value;
}

const drops = (count: number): string =>
  Array.from({ length: count }, (_, i) => `    ip saddr 198.18.${i >> 8}.${i & 255} drop`).join('\n');
const elements = (count: number): string =>
  Array.from({ length: count }, (_, i) => `198.18.${(i * 2) >> 8}.${(i * 2) & 255}`).join(', ');

describe('facts that must emerge', () => {
  it('a rule costs the same each, and the same for small and large packets', async () => {
    const of = (count: number, path: string): Promise<number> => cycles(ruleset(drops(count)), path, 'off');
    const [none, ten, hundred] = [await of(0, long), await of(10, long), await of(100, long)];
    expect((hundred - none) / (ten - none)).toBeCloseTo(10, 1);
    const [noneLarge, hundredLarge] = [await of(0, large), await of(100, large)];
    expect((hundredLarge - noneLarge) / (hundred - none)).toBeCloseTo(1, 2);
  });

  it('a set costs the same with ten and with ten thousand elements, but for the caches', async () => {
    const of = (count: number): Promise<number> =>
      cycles(ruleset(`    ip saddr { ${elements(count)} } drop`), long, 'off');
    const [base, ten, many] = [await cycles(plain, long, 'off'), await of(10), await of(10_000)];
    const rules = (await cycles(ruleset(drops(100)), long, 'off')) - base;
    expect(many - ten).toBeLessThan(0.1 * rules);
  });

  it('an interval set costs more with the logarithm of its elements', async () => {
    const of = async (count: number): Promise<number> => {
      const { result } = await traffic(plain, long, 'off');
      const shape = { chain: 'c', place: 1, handle: 1, expressions: [{ cost: 'lookup-rbtree' as const, size: count }] };
      const some = withMissedRules(result.paths, result.names, 0, { shape, evaluated: 1, count: 1 });
      return price(some.paths, some.names, profile('generic-arm64')).instructions.reduce((a, b) => a + b, 0);
    };
    const costs = [await of(16), await of(256), await of(4096), await of(65_536)];
    const steps = costs.slice(1).map((cost, i) => cost - (costs[i] ?? 0));
    // Of the nodes, twice as many as elements and one more.
    for (const step of steps) expect(step / (steps[0] ?? 0)).toBeCloseTo(1, 1);
    expect(steps[0]).toBeGreaterThan(0);
  });

  it('missed rules put into paths cost what a replay with them costs', async () => {
    const before = await traffic(plain, long, 'off');
    const after = await traffic(ruleset(drops(50)), long, 'off');
    const shape = after.result.names.rules[0];
    if (shape === undefined) throw new Error('no rule');
    const some = withMissedRules(before.result.paths, before.result.names, 0, { shape, evaluated: 4, count: 50 });
    const total = (t: { paths: typeof some.paths; names: typeof some.names }): number => {
      const priced = price(t.paths, t.names, BOX);
      return priced.cyclesFixed.reduce((sum, value, path) => sum + value * (t.paths.packets[path] ?? 0), 0);
    };
    expect(total(some) / total(after.result)).toBeCloseTo(1, 6);
  });

  it('long flows gain much from offload, short ones little or nothing, the engine next to everything', async () => {
    const gain = async (path: string, mode: OffloadMode): Promise<number> =>
      (await cycles(plain, path, 'off')) / (await cycles(plain, path, mode));
    expect(await gain(long, 'software')).toBeGreaterThan(1.3);
    expect(await gain(short, 'software')).toBeLessThan(1.05);
    expect(await gain(bulk, 'hardware')).toBeGreaterThan(8);
  });

  it('the engine leaves flows to the CPU until they have come at the rate at which it binds', async () => {
    const hardware = await traffic(plain, bulk, 'hardware');
    const software = await traffic(plain, bulk, 'software');
    const bound = new Device(BOX, hardware, 1, { software });
    // Of each connection's 3,000 packets one way; the other way there are too few to bind.
    expect(bound.engine.unboundShare).toBeCloseTo(30 / 3000, 2);
    const slow = { ...BOX, hardware: { ...BOX.hardware, bindRate: rate(20_000) } };
    const never = new Device(slow, hardware, 1, { software });
    expect(never.engine.unboundShare).toBe(1);
    const inSoftware = new Device(BOX, software, 1);
    expect(never.cyclesPerPacket(1).value / inSoftware.cyclesPerPacket(1).value).toBeCloseTo(1, 1);
    expect(bound.at(10).busiestCore.value).toBeLessThan(0.2 * never.at(10).busiestCore.value);
  });

  it('a driver that writes few flows a second leaves the rest to the CPU, and its writing costs cores', async () => {
    const hardware = await traffic(plain, bulk, 'hardware');
    const perSecond = 4e9 / hardware.columns.periodNs;
    const slow = { ...BOX, hardware: { ...BOX.hardware, insertRate: rate(perSecond * 10) } };
    const { engine } = new Device(slow, hardware, 1);
    expect(engine.fit(5)).toBe(1);
    expect(engine.fit(100)).toBeCloseTo(0.1, 2);
    expect(engine.driverLoad(8)).toBeGreaterThan(1.9 * engine.driverLoad(4));
    const { engine: quick } = new Device(BOX, hardware, 1);
    expect(quick.driverLoad(8)).toBeLessThan(engine.driverLoad(8));
  });

  it('a flowtable without the device that packets come by gains nothing for them', async () => {
    const wrong = await cycles(ruleset('', 'lan0'), long, 'software');
    expect(wrong / (await cycles(plain, long, 'off'))).toBeGreaterThan(0.97);
  });

  it('a device carries more with offload; its load is concave, and beyond the highest load packets are lost', async () => {
    const off = new Device(BOX, await traffic(plain, long, 'off'), 1);
    const software = new Device(BOX, await traffic(plain, long, 'software'), 1);
    const [most, more] = [off.capacity(), software.capacity()];
    expect(more.value).toBeGreaterThan(1.3 * most.value);
    expect(most.low).toBeLessThan(most.value);
    expect(most.high).toBeGreaterThan(most.value);
    const loads = [0.05, 0.2, 0.5, 0.9].map((part) => off.at(most.value * part).busiestCore.value / part);
    expect(loads).toEqual([...loads].sort((a, b) => b - a));
    expect(off.at(most.value * 0.9).loss.value).toBeLessThan(1e-4);
    expect(off.at(most.value * 1.3).loss.value).toBeGreaterThan(0.05);
    expect(off.saturation(most.value)).toMatchObject({ kind: 'core', bursts: false });
  });

  it('a full table of the engine sends flows back to the CPU', async () => {
    const entries = { value: 64, unit: 'entries', source: 'test', confidence: 'estimate' as const };
    const small = { ...BOX, hardware: { ...BOX.hardware, entries } };
    const hardware = await traffic(plain, long, 'hardware');
    const few = new Device(small, hardware, 1);
    expect(few.engine.fit(1)).toBe(1);
    expect(few.engine.fit(80)).toBeCloseTo(0.1, 1);
    const load = (device: Device): number => device.at(80).busiestCore.value;
    expect(load(few)).toBeGreaterThan(3 * load(new Device(BOX, hardware, 1)));
  });
});
