// A capture of one wire shows what the router sent as well: turned back, replayed and compared, it must come out again.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CaptureMerge } from '../../src/capture/merge.ts';
import { PcapWriter } from '../../src/capture/pcap-writer.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { compile } from '../../src/nft/compile.ts';
import type { CapturedOnSummary } from '../../src/replay/captured-on.ts';
import { replayCaptures } from '../../src/replay/replay.ts';
import { EPOCH_SECONDS, withFolder } from './fixture.ts';

const DEMO_TEXT = readFileSync('captures/home-router.nft', 'utf8');
const RULESET = compile({ path: 'captures/home-router.nft' }).ruleset;
const ROUTER = loadRouter('captures/home-router.yaml');
const DEMO = 'captures/home-router.pcapng.gz';

interface Frame {
  /** Nanoseconds since the first packet of the demo. */
  timeNs: number;
  device: string;
  octets: Uint8Array;
  /** Which came in and which went out. */
  isSent: boolean;
}

/** All frames on all wires of the demo, as the emulated router received and sent them. */
const wires: Frame[] = [];

beforeAll(async () => {
  const merge = new CaptureMerge([{ path: DEMO }]);
  await merge.open();
  const arrived: Frame[] = [];
  let base = 0;
  for (;;) {
    while (merge.next()) {
      const time = merge.timestampSeconds * 1e9 + merge.timestampNanos;
      if (arrived.length === 0) base = merge.timestampSeconds * 1e9 + merge.timestampNanos;
      const device = merge.readers[0]?.interfaces[merge.interfaceIndex]?.name ?? '';
      const octets = merge.data.slice(merge.start, merge.end);
      arrived.push({ timeNs: time - base, device, octets, isSent: false });
    }
    if (!(await merge.fill())) break;
  }
  await merge.close();
  const sent = new Map<number, Frame[]>();
  await replayCaptures({
    ruleset: RULESET,
    router: ROUTER,
    captures: [{ path: DEMO }],
    onFrames: (rows, replay) => {
      for (const row of rows) {
        const device = replay.result.names.interfaces[row.ifindex] ?? '';
        const list = sent.get(row.packet) ?? [];
        list.push({
          timeNs: row.timeNs,
          device: device === 'lan1' ? 'br-lan' : device,
          octets: row.octets.slice(),
          isSent: true,
        });
        sent.set(row.packet, list);
      }
    },
  });
  arrived.forEach((frame, index) => {
    wires.push(frame, ...(sent.get(index + 1) ?? []));
  });
});

/** Replays what one wire showed through a ruleset. */
async function onWire(device: string, ruleset = RULESET): Promise<CapturedOnSummary> {
  return withFolder(async (folder) => {
    const path = join(folder, 'wire.pcap');
    const writer = new PcapWriter(path, { nanoseconds: true });
    for (const { timeNs, octets } of wires.filter((frame) => frame.device === device)) {
      const seconds = EPOCH_SECONDS + Math.floor(timeNs / 1e9);
      writer.write(seconds, Math.round(timeNs % 1e9), octets, 0, octets.length, octets.length);
    }
    writer.close();
    const { result } = await replayCaptures({
      ruleset,
      router: ROUTER,
      captures: [{ path }],
      capturedOn: device,
    });
    const found = result.capturedOn;
    if (found === undefined) throw new Error('no comparison');
    expect(found.own + found.originUnknown + found.agreed + found.disagreed).toBe(found.sent);
    expect(found.arrived + found.sent).toBe(result.input.packets);
    return found;
  });
}

describe('a capture of the inside', () => {
  it('comes out again, octet for octet, its translations undone and done', async () => {
    const found = await onWire('br-lan');
    expect(found).toMatchObject({ device: 'br-lan', arrived: 1229, sent: 1834, agreed: 1833, disagreed: 0, own: 1 });
    expect(found.translated).toBeGreaterThan(1000);
    expect(found.originUnknown).toBe(0);
  });

  it.each<[string, string, string, RegExp]>([
    [
      'marks',
      'chain c { type filter hook postrouting priority 300; ip dscp set cs3; }',
      'differs',
      /^ip dscp 0x18, captured 0x[0-9a-f]{2}$/,
    ],
    [
      'drops',
      'chain c { type filter hook forward priority 300; meta l4proto tcp drop; }',
      'not-sent',
      /^(dropped|rejected) by a (rule|base chain's policy)$/,
    ],
  ])('tells where the real router does otherwise than a ruleset that %s', async (_, chain, kind, detail) => {
    const other = compile({ path: 'other.nft', text: `${DEMO_TEXT}\ntable inet other { ${chain} }\n` }).ruleset;
    const found = await onWire('br-lan', other);
    expect(found.agreed).toBeLessThan(1833);
    expect(found.disagreements.map((row) => row.kind)).toContain(kind);
    for (const row of found.disagreements) if (row.kind === kind) expect(row.detail).toMatch(detail);
  });
});

describe('a capture of the outside', () => {
  it('does not guess who stands behind a masqueraded connection', async () => {
    const found = await onWire('wan');
    expect(found.arrived).toBe(1893);
    expect(found.originUnknown).toBeGreaterThan(500);
    // IPv6 is not translated.
    expect(found.agreed).toBeGreaterThan(0);
  });
});

describe('a cooked capture of all interfaces', () => {
  it('finds each copy that it took on the way out among what the emulated router sent', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'any.pcap');
      const writer = new PcapWriter(path, { nanoseconds: true, linkType: 113 });
      for (const { timeNs, octets, isSent } of wires) {
        const cooked = new Uint8Array(octets.length + 2);
        cooked[1] = isSent ? 4 : 0;
        cooked[3] = 1;
        cooked[5] = 6;
        cooked.set(octets.subarray(6, 12), 6);
        cooked.set(octets.subarray(12), 14);
        const seconds = EPOCH_SECONDS + Math.floor(timeNs / 1e9);
        writer.write(seconds, Math.round(timeNs % 1e9), cooked, 0, cooked.length, cooked.length);
      }
      writer.close();
      const { result } = await replayCaptures({
        ruleset: RULESET,
        router: ROUTER,
        captures: [{ path }],
        capturedOn: 'any',
      });
      const found = result.capturedOn;
      expect(found).toMatchObject({ device: 'any', arrived: 3122, disagreed: 0 });
      expect(found?.agreed).toBeGreaterThan(3000);
    });
  });
});

describe('--captured-on', () => {
  it('of an interface that the router has not is refused with those it has', async () => {
    const options = { ruleset: RULESET, router: ROUTER, captures: [{ path: DEMO }], capturedOn: 'eth9' };
    await expect(replayCaptures(options)).rejects.toThrow(/no such interface \(it has lan1, br-lan, wan/);
  });

  it('is for captures without an interface of their own', async () => {
    const captures = [{ path: DEMO, ingress: 'wan' }];
    await expect(replayCaptures({ ruleset: RULESET, router: ROUTER, captures, capturedOn: 'wan' })).rejects.toThrow(
      /captures without --in/,
    );
  });
});
