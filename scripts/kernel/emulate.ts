// The same scene through the emulated router, with the times at which the kernel really got its frames, in the same shape.
import { parseRouter } from '../../src/config/router-file.ts';
import { Router } from '../../src/datapath/router.ts';
import { Recorder } from '../../src/event/recorder.ts';
import type { RouterSpec } from '../../src/net/spec.ts';
import { conntrackLine, listedEntries } from '../../src/netfilter/conntrack/listing.ts';
import { compile } from '../../src/nft/compile.ts';
import { listJson } from '../../src/nft/listing.ts';
import { HEADROOM, PATH_SLOW, Packet } from '../../src/packet/packet.ts';
import { PacketTracer } from '../../src/replay/trace.ts';
import type { TraceStep } from '../../src/replay/trace-steps.ts';
import type { KernelFrame } from './result.ts';
import { addressed, ERROR_COST, type KernelScene, SYSCTLS } from './scene.ts';

const ROOM = 64;
/** The guest sets its clock this long before the first frame (guest.c). */
const LEAD_NS = 1_000_000n;
/** gc_interval of sets that declare none. */
const COLLECTOR_NS = 1e9;

export interface EmulatedPacket {
  outputs: KernelFrame[];
  before: KernelFrame[];
  isFast: boolean;
  /** What its rules did, as KernelPacket has it. */
  steps: string[];
}

/** What the emulated router does, packet for packet. */
export interface Emulation {
  packets: EmulatedPacket[];
  /** Frames that left after the last packet. */
  after: KernelFrame[];
  ruleset: Record<string, unknown>[];
  /** The same after the next pass of the sets' collectors. */
  collected: Record<string, unknown>[];
  conntrack: string[];
}

/**
 * `timesNs`: when each frame was really sent. Throws NftError and ConfigError for what is wrong in the scene. The scene runs
 * twice: as replays run, and with a tracer, which has the rules run one by one.
 */
export function emulate(given: KernelScene, timesNs: number[]): Emulation {
  const scene = addressed(given);
  const plain = run(scene, timesNs, false);
  const traced = run(scene, timesNs, true);
  plain.packets.forEach((packet, index) => {
    const other = traced.packets[index];
    packet.steps = other?.steps ?? [];
    if (JSON.stringify(packet) !== JSON.stringify(other)) throw new Error(`packet ${index}: a trace changes its way`);
  });
  return plain;
}

function run(scene: KernelScene, timesNs: number[], isTraced: boolean): Emulation {
  const { ruleset } = compile({
    path: `${scene.name}.nft`,
    text: scene.ruleset,
    // No program listens in the guest.
    assume: { queue: 'absent' },
  });
  const recorder = new Recorder();
  let outputs: KernelFrame[] = [];
  const tracer = isTraced ? new PacketTracer(ruleset) : undefined;
  const router: Router = new Router({
    spec: asTheGuest(parseRouter(scene.router, scene.name)),
    ruleset,
    recorder,
    sink: {
      frame: (ifindex, data, start, end) => {
        const device = router.interfaces.at(ifindex).name;
        outputs.push({ device, hex: Buffer.from(data.subarray(start, end)).toString('hex') });
      },
    },
    seed: 1,
    epochNs: BigInt(scene.epochSeconds ?? 1_700_000_000) * 1_000_000_000n + LEAD_NS,
    offload: 'as-ruled',
    tracer,
  });
  tracer?.attach(router, recorder);
  const packet = new Packet();
  const packets = scene.frames.map(({ device, octets, timeNs }, index): EmulatedPacket => {
    outputs = [];
    const atNs = timesNs[index] ?? timeNs;
    router.advance(atNs);
    const before = outputs;
    outputs = [];
    const data = new Uint8Array(HEADROOM + octets.length + ROOM);
    data.set(octets, HEADROOM);
    packet.attach(data, HEADROOM, HEADROOM + octets.length, octets.length);
    packet.number = index + 1;
    packet.timeNs = atNs;
    const ifindex = router.interfaces.byName(device)?.index ?? 0;
    recorder.begin();
    tracer?.begin(packet, ifindex);
    router.enter(packet, ifindex);
    const isTold = (text: string): boolean => !scene.untraced?.some((chain) => text.startsWith(`${chain} `));
    const steps = tracer?.end().steps.flatMap(stepTexts).filter(isTold) ?? [];
    recorder.end(packet.pathClass, packet.verdict, octets.length, packet.number);
    return { outputs, before, isFast: packet.pathClass !== PATH_SLOW, steps };
  });
  const endNs = (timesNs.at(-1) ?? 0) + (scene.tailNs ?? 2e6);
  outputs = [];
  router.advance(endNs);
  const { netfilter } = router;
  const { table } = netfilter.conntrack;
  const options = { accounting: netfilter.conntrack.accounting.enabled, helperNames: netfilter.helperNames };
  const listed = (): Record<string, unknown>[] => {
    const rows = listJson(ruleset, netfilter.state(), { dialect: '1.0.6' }) as { nftables: Record<string, unknown>[] };
    return rows.nftables.filter((row) => row.metainfo === undefined);
  };
  const state = listed();
  const conntrack = listedEntries(table, endNs).map((entry) => conntrackLine(table, entry, endNs, options));
  netfilter.advance((Math.floor(endNs / COLLECTOR_NS) + 1) * COLLECTOR_NS);
  return { packets, after: outputs, ruleset: state, collected: listed(), conntrack };
}

/** With the settings that the guest has where the router says nothing. */
function asTheGuest(spec: RouterSpec): RouterSpec {
  return { ...spec, sysctl: { ...Object.fromEntries(SYSCTLS), [ERROR_COST]: 0, ...spec.sysctl } };
}

/** The steps that the kernel traces. */
function stepTexts(step: TraceStep): string[] {
  switch (step.kind) {
    case 'rule': {
      const target = step.target === undefined ? '' : ` ${step.target}`;
      return [`${step.family} ${step.table} ${step.chain} rule ${step.place} ${step.verdict}${target}`];
    }
    case 'chain-end':
      return [`${step.family} ${step.table} ${step.chain} end`];
    case 'policy':
      return [`${step.family} ${step.table} ${step.chain} policy ${step.policy}`];
    default:
      return [];
  }
}
