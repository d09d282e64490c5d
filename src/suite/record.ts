// A suite from what happens today: the captures, and what became of their flows; or every packet as a line. What is
// recorded comes out of the same code that tests it.

import type { Profile } from '../cost/profile.ts';
import { reasonIndex } from '../event/reasons.ts';
import type { RouterSpec } from '../net/spec.ts';
import { emulateCaptures } from '../replay/emulate-captures.ts';
import type { EmulatedRouter, Passage } from '../replay/emulated-router.ts';
import type { CaptureSource, OffloadMode } from '../replay/task.ts';
import type { LoadedRuleset } from './environment.ts';
import { FlowTallies } from './flow-tallies.ts';
import { observeFlow, observeTotals } from './observe.ts';
import type { DatagramBody } from './packet-line.ts';
import { parsePacketLine } from './parse-packet.ts';
import { bodyWords } from './print-packet.ts';
import { Scene } from './scene.ts';
import type { CaseInput } from './schema.ts';
import type { FlowCheck } from './suite-file.ts';
import { SuiteSource } from './suite-source.ts';
import { Tally } from './tally.ts';
import { datagramOf } from './translation.ts';

export interface RecordOptions {
  loaded: LoadedRuleset;
  captures: CaptureSource[];
  router?: RouterSpec;
  profile: Profile;
  offload?: OffloadMode;
  seed?: number;
  knownConnections?: boolean;
  fixChecksums?: boolean;
  match?: string;
  /** Flows that get an expectation of their own. */
  flows: number;
}

export interface RecordedCase {
  case: Pick<CaseInput, 'flows' | 'expect'>;
  packets: number;
  /** Flows of the captures, with and without an expectation. */
  flows: number;
  /** Connections were taken as known: the suite must say so. */
  knownConnections: boolean;
  assumptions: string[];
  /** Why reading a capture stopped early. */
  damages: string[];
}

const OUTGOING = reasonIndex('outgoing');
/** Flows that are told apart while choosing the largest. */
const MAX_FLOWS = 1 << 18;

/** Replays twice: once to see which flows there are, once to note what becomes of the largest. */
export async function recordCaptures(options: RecordOptions): Promise<RecordedCase> {
  const emulation = {
    ruleset: options.loaded.compiled.ruleset,
    captures: options.captures,
    ...(options.router === undefined ? {} : { router: options.router }),
    offload: options.offload ?? 'as-ruled',
    seed: options.seed ?? 1,
    ...(options.knownConnections === undefined ? {} : { knownConnections: options.knownConnections }),
    ...(options.fixChecksums === true ? { fixChecksums: true } : {}),
    ...(options.match === undefined ? {} : { match: options.match }),
  } as const;
  let seen = new FlowSizes();
  await emulateCaptures(emulation, {
    begin: () => {
      seen = new FlowSizes();
    },
    passage: (passage) => seen.add(passage),
  });
  const checks = seen.largest(options.flows).map(flowCheck);
  const source = new SuiteSource('', 'record');
  let scene: Scene | undefined;
  let flows: FlowTallies | undefined;
  let totals = new Tally();
  const done = await emulateCaptures(emulation, {
    begin: (router: EmulatedRouter, spec: RouterSpec) => {
      scene = new Scene({ router, spec, refs: options.loaded.refs, profile: options.profile });
      flows = new FlowTallies(checks, router, source);
      totals = new Tally();
    },
    passage: (passage) => {
      if (scene === undefined) return;
      totals.add(passage, scene);
      flows?.add(passage, scene);
    },
  });
  totals.addOutgoing(done.outgoing, OUTGOING);
  return {
    case: scene === undefined ? {} : recordedCase(flows, totals, scene),
    packets: done.packets,
    flows: seen.count,
    knownConnections: done.knownConnections,
    assumptions: done.assumptions,
    damages: done.damages,
  };
}

function recordedCase(
  flows: FlowTallies | undefined,
  totals: Tally,
  scene: Scene,
): Pick<CaseInput, 'flows' | 'expect'> {
  const rows = (flows?.rows ?? []).map(({ check, tally }) => ({
    flow: check.flow?.text.replace(/^x < /, '') ?? '',
    expect: observeFlow(tally, scene.refs),
  }));
  return { ...(rows.length === 0 ? {} : { flows: rows }), expect: observeTotals(totals, scene) };
}

function flowCheck(body: DatagramBody, index: number): FlowCheck {
  const flow = parsePacketLine(`x < ${bodyWords(body)}`);
  return { flow, match: undefined, path: ['cases', 0, 'flows', index], expect: {} };
}

/** Flows by the ends of their first packet, both directions one. */
class FlowSizes {
  readonly #rows = new Map<string, { body: DatagramBody; packets: number }>();
  readonly #byConnection = new Map<number, { packets: number }>();

  get count(): number {
    return this.#rows.size;
  }

  add(passage: Passage): void {
    const body = datagramOf(passage.frame)?.body;
    if (body === undefined) return;
    const key = bodyWords({ ...body, isBare: false });
    // In the order in which FlowTallies looks.
    const { flow } = passage;
    const direct = this.#rows.get(key) ?? this.#rows.get(bodyWords({ ...reversed(body), isBare: false }));
    const row = direct ?? (flow > 0 ? this.#byConnection.get(flow) : undefined);
    if (row !== undefined) row.packets++;
    else if (this.#rows.size < MAX_FLOWS) {
      const fresh = { body, packets: 1 };
      this.#rows.set(key, fresh);
      if (flow > 0) this.#byConnection.set(flow, fresh);
    }
    if (direct !== undefined && flow > 0) this.#byConnection.set(flow, direct);
  }

  /** The largest, in the order of their first packets. */
  largest(maximum: number): DatagramBody[] {
    const rows = [...this.#rows.values()];
    const chosen = new Set([...rows].sort((a, b) => b.packets - a.packets).slice(0, maximum));
    return rows.filter((row) => chosen.has(row)).map((row) => row.body);
  }
}

function reversed(body: DatagramBody): DatagramBody {
  return { ...body, source: body.destination, destination: body.source };
}
