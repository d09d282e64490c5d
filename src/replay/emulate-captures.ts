// Captures through a router in memory, one packet at a time: what replayCaptures does on one thread, for callers that want
// every packet's passage as it happens (suites, recording). test/replay holds the two against each other.
import type { RulesetState } from '../bytecode/ruleset.ts';
import { CaptureMerge } from '../capture/merge.ts';
import type { RouterSpec } from '../net/spec.ts';
import { EmulatedRouter, type Passage } from './emulated-router.ts';
import { FixChecksums } from './fix-checksums.ts';
import { checkIngress, chooseRouter, forwardsNothing, isStream, ownAddress, type ReplayOptions } from './replay.ts';
import { surveyCaptures } from './survey.ts';

export type EmulationOptions = Pick<
  ReplayOptions,
  'ruleset' | 'captures' | 'router' | 'offload' | 'seed' | 'knownConnections' | 'match' | 'fixChecksums'
> & { /** See EmulatedRouterOptions. */ walks?: boolean | ReadonlySet<number> };

export interface Emulation {
  /** After the last packet. */
  router: EmulatedRouter;
  spec: RouterSpec;
  /** Sentences about what was assumed. */
  assumptions: string[];
  packets: number;
  /** Why reading a capture stopped early, a sentence each. */
  damages: string[];
  /** Copies that a capture took on the way out of its router: not replayed. */
  outgoing: number;
  /** The captures' connections were taken as known before the ruleset was loaded. */
  knownConnections: boolean;
  state: RulesetState;
}

/** What is told of each packet; `begin` comes first, and again when the captures are replayed under another assumption. */
export interface PassageSink {
  begin(router: EmulatedRouter, spec: RouterSpec): void;
  passage(passage: Passage): void;
}

const PACKET_OUTGOING = 4;

/** Throws CaptureError when a capture is unusable, ConfigError for an interface that is not there. */
export async function emulateCaptures(options: EmulationOptions, sink: PassageSink): Promise<Emulation> {
  const isPiped = options.captures.some((source) => isStream(source.path));
  const survey = isPiped ? undefined : await surveyCaptures(options.captures.map((source) => source.path));
  const { router: spec, assumptions } = chooseRouter(options, survey);
  checkIngress(options.captures, spec);
  const copies = survey?.hasOutgoingCopies ?? [];
  const known = options.knownConnections ?? false;
  const first = await runThrough(options, spec, known, copies, sink);
  const mayGuess = options.knownConnections === undefined && options.router === undefined && !isPiped;
  const isBlind = mayGuess && forwardsNothing({ paths: first.router.paths() }, options.ruleset);
  const run = isBlind ? await runThrough(options, spec, true, copies, sink) : first;
  return { ...run, spec, assumptions, knownConnections: known || isBlind, state: run.router.state() };
}

async function runThrough(
  options: EmulationOptions,
  spec: RouterSpec,
  knownConnections: boolean,
  copies: readonly boolean[],
  sink: PassageSink,
): Promise<Pick<Emulation, 'router' | 'packets' | 'outgoing' | 'damages'>> {
  const merge = new CaptureMerge(options.captures);
  await merge.open();
  const fix = options.fixChecksums === true ? new FixChecksums() : undefined;
  try {
    let router: EmulatedRouter | undefined;
    let packets = 0;
    let outgoing = 0;
    let baseSeconds = 0;
    let baseNanos = 0;
    const start = (): EmulatedRouter => {
      baseSeconds = Math.max(-9e9, Math.min(9e9, merge.timestampSeconds));
      baseNanos = merge.timestampNanos;
      const made = new EmulatedRouter({
        ruleset: options.ruleset,
        router: spec,
        inferred: options.router === undefined,
        offload: options.offload ?? 'as-ruled',
        seed: options.seed ?? 1,
        epochNs: BigInt(baseSeconds) * 1_000_000_000n + BigInt(baseNanos),
        knownConnections,
        ...(options.match === undefined ? {} : { match: options.match }),
        ...ownAddress(options, spec),
        walks: options.walks ?? false,
      });
      sink.begin(made, spec);
      return made;
    };
    do {
      while (merge.next()) {
        router ??= start();
        packets++;
        const timeNs = (merge.timestampSeconds - baseSeconds) * 1e9 + merge.timestampNanos - baseNanos;
        if (merge.packetType === PACKET_OUTGOING && copies[merge.source] === true) {
          outgoing++;
          router.skip(timeNs);
          continue;
        }
        fix?.pass(merge.data, merge.start, merge.end, merge.wireLength);
        const frame = merge.data.subarray(merge.start, merge.end);
        sink.passage(router.send(frame, nameOf(merge, router), timeNs, merge.wireLength));
      }
    } while (await merge.fill());
    const damages = merge.readers.flatMap(({ damage }) => (damage === undefined ? [] : [damage.message]));
    return { router: router ?? start(), packets, outgoing, damages };
  } finally {
    await merge.close();
  }
}

/** The interface of `--in`, or the capture's own name for it when the router has one of that name. */
function nameOf(merge: CaptureMerge, router: EmulatedRouter): string | undefined {
  const { ingress } = merge.sources[merge.source] ?? {};
  if (ingress !== undefined) return ingress;
  const name = merge.readers[merge.source]?.interfaces[merge.interfaceIndex]?.name;
  return name !== undefined && name !== '' && router.interfaces.byName(name) !== undefined ? name : undefined;
}
