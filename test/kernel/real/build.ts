// A scene of a real capture through a real ruleset: the router is inferred as the tool infers it, frames enter where the tool
// would have them enter. Left out: what is no IP or ARP, what the capture cut, datagrams longer than the MTU (super-packets
// of an offloading sender: no wire carried them). Checksums that a sender left to its hardware are filled in.
import { readFileSync } from 'node:fs';
import type { KernelScene, SceneFrame } from '../../../scripts/kernel/scene.ts';
import { toEthernet } from '../../../src/capture/link.ts';
import { openCapture } from '../../../src/capture/open.ts';
import type { CaptureReader } from '../../../src/capture/record.ts';
import { deviceHints } from '../../../src/config/devices.ts';
import { inferRouter } from '../../../src/config/infer.ts';
import { Interfaces } from '../../../src/net/interfaces.ts';
import type { RouterSpec } from '../../../src/net/spec.ts';
import { compile } from '../../../src/nft/compile.ts';
import { parseMac } from '../../../src/packet/address.ts';
import { Ingress } from '../../../src/replay/ingress.ts';
import { surveyCaptures } from '../../../src/replay/survey.ts';
import { fillChecksums } from './checksums.ts';
import { Masqueraded } from './masqueraded.ts';

const MTU = 1500;
/** Frames of a scene, at most. */
const FRAMES = 120;
/** Records that are looked at for them. */
const RECORDS = 2000;
/** Merged captures have gaps of years; the guest lives through every second of them. */
const LONGEST_PAUSE_NS = 60e9;
/** Whom all frames of a PPPoE session come from. */
const CONCENTRATOR = [0x02, 0xee, 0, 0, 0, 0xac];
/** Clocks that a machine may have. */
const EARLIEST_SECONDS = 100_000_000;

/** What a capture lost on its way into a scene. */
export interface LeftOut {
  other: number;
  cut: number;
  long: number;
}

export interface RealScene {
  scene: KernelScene;
  leftOut: LeftOut;
}

/** Throws an NftreplayError when ruleset or capture cannot be used. */
export async function realScene(name: string, rulesetPath: string, capturePath: string): Promise<RealScene> {
  const ruleset = loadable(readFileSync(rulesetPath, 'utf8'));
  const compiled = compile({ path: rulesetPath }).ruleset;
  const survey = await surveyCaptures([capturePath]);
  const { spec } = inferRouter(deviceHints(compiled), survey);
  const interfaces = new Interfaces(spec);
  const ingress = new Ingress(spec, interfaces, true);
  const masqueraded = new Masqueraded(spec, /\bmasquerade\b/.test(ruleset));
  // Who spoke to the router of the capture speaks to this one, not to another port.
  const bridges = new Map(
    spec.interfaces.flatMap((row) => (row.ports ?? []).map((port) => [port, parseMac(row.mac) ?? []] as const)),
  );
  const leftOut: LeftOut = { other: 0, cut: 0, long: 0 };
  const frames: SceneFrame[] = [];
  const reader = await openCapture(capturePath);
  let epochSeconds = 0;
  let epochNanos = 0;
  let capturedNs = 0;
  let lastNs = 0;
  for await (const record of records(reader)) {
    const why = unusable(record);
    if (why !== undefined) {
      leftOut[why]++;
      continue;
    }
    const copy = new Uint8Array(64 + record.end - record.start);
    copy.set(record.data.subarray(record.start, record.end), 64);
    const device = ingress.enter(copy, 64, copy.length, undefined);
    const octets = copy.slice(ingress.start);
    fillChecksums(octets);
    if (octets[12] === 0x88 && octets[13] === 0x64) octets.set(CONCENTRATOR, 6);
    const bridge = bridges.get(device.name);
    if (bridge !== undefined && ((octets[0] ?? 1) & 1) === 0) octets.set(bridge);
    if (frames.length === 0) {
      epochSeconds = record.timestampSeconds;
      epochNanos = record.timestampNanos;
    }
    const atNs = (record.timestampSeconds - epochSeconds) * 1e9 + record.timestampNanos - epochNanos;
    lastNs += Math.min(Math.max(0, atNs - capturedNs), LONGEST_PAUSE_NS);
    capturedNs = Math.max(capturedNs, atNs);
    masqueraded.undo(octets, device.name);
    frames.push({ device: device.name, timeNs: lastNs, octets });
    if (frames.length === FRAMES) break;
  }
  await reader.close();
  const scene = {
    name,
    ruleset,
    router: JSON.stringify(routerFile(spec)),
    frames,
    ...(epochSeconds < EARLIEST_SECONDS ? {} : { epochSeconds }),
    isForeign: true,
  };
  return { scene, leftOut };
}

/**
 * As the guest can load it: nft 1.0.6 knows the names of two priorities at other hooks only, and no `destroy`; Debian's kernel has no rtsp helper,
 * the guest no text search for amanda's; TAP devices have no hardware that takes flows.
 */
function loadable(text: string): string {
  return text
    .replaceAll(/\bhook output priority dstnat\b/g, 'hook output priority -100')
    .replaceAll(/\bhook input priority srcnat\b/g, 'hook input priority 100')
    .replaceAll(/^\s*ct helper (amanda|rtsp) \{[^}]*\}$/gm, '')
    .replaceAll(/^.*ct helper set "(amanda|rtsp)".*$/gm, '')
    .replaceAll(/^\s*flags offload;$/gm, '')
    .replaceAll(/^destroy (table .*)$/gm, '$1\ndelete $1');
}

/** The first records, as Ethernet frames. */
async function* records(reader: CaptureReader): AsyncGenerator<CaptureReader> {
  for (let n = 0; ; ) {
    while (reader.next()) {
      if (++n > RECORDS) return;
      const { linkType } = reader;
      toEthernet(reader);
      yield reader;
      reader.linkType = linkType;
    }
    if (!(await reader.fill())) return;
  }
}

function unusable({ data, start, end, wireLength }: CaptureReader): keyof LeftOut | undefined {
  if (end - start < wireLength) return 'cut';
  let at = start + 12;
  const u16 = (offset: number): number => ((data[offset] ?? 0) << 8) | (data[offset + 1] ?? 0);
  while (at + 6 <= end && [0x8100, 0x88a8].includes(u16(at))) at += 4;
  if (at + 2 > end) return 'other';
  const type = u16(at);
  if (![0x0800, 0x86dd, 0x0806, 0x8864].includes(type)) return 'other';
  return end - at - 2 > MTU + (type === 0x8864 ? 8 : 0) ? 'long' : undefined;
}

/** As a router file has it. */
function routerFile(spec: RouterSpec): object {
  return {
    interfaces: spec.interfaces.map(({ protocol, id, ...row }) => ({
      ...row,
      ...(row.type === 'vlan' ? { id, protocol: protocol === 0x88a8 ? '802.1ad' : '802.1Q' } : {}),
      ...(row.type === 'pppoe'
        ? {
            id: id === undefined || id === 0 ? 1 : id,
            peer: CONCENTRATOR.map((octet) => octet.toString(16).padStart(2, '0')).join(':'),
          }
        : {}),
    })),
    routes: spec.routes,
    neighbours: spec.neighbours,
    sysctl: spec.sysctl,
  };
}
