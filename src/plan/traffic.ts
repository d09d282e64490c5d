// Replays for a plan: the same captures under other offload modes, other rulesets, other engines, as one or many users.
// What was replayed once is not replayed again.
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { NeighbourSpec, RouterSpec } from '../net/spec.ts';
import { peakConnections } from '../replay/connection-samples.ts';
import { type Replay, type ReplayOptions, replayCaptures } from '../replay/replay.ts';
import type { ReplayResult } from '../replay/result.ts';
import type { CaptureSource, OffloadMode } from '../replay/task.ts';
import { flowsOf, peakFlows, type TrafficColumns, trafficColumns } from './columns.ts';

const PATH_SOFTWARE = 1;
const PATH_HARDWARE = 2;
/** nf_flowtable_tcp_timeout and its brother. */
const FLOW_TIMEOUT_NS = 30e9;
/** From `flow add` to the engine's first packet: as src/netfilter/flowtable/hardware.ts has it. */
const BIND_NS = 1e6;

/** A replayed traffic. */
export interface Traffic {
  replay: Replay;
  result: ReplayResult;
  columns: TrafficColumns;
  /** At once, at the replayed load. */
  connections: number;
  softwareFlows: number;
  hardwareFlows: number;
  /** Connections that the engine was given, in all. */
  hardwareNew: number;
}

export interface TrafficQuery {
  ruleset: Ruleset;
  offload: OffloadMode;
  captures: CaptureSource[];
  /** Where the router finds clones. */
  neighbours?: NeighbourSpec[];
  /** Nanoseconds after which it begins again; 0: when it ends. */
  periodNs: number;
  /** Entries of the engine's table; undefined: a common one. */
  entries?: number | undefined;
}

export class Replays {
  readonly #options: ReplayOptions;
  readonly #known = new Map<string, Traffic>();
  readonly #numbers = new Map<object, number>();
  #first: Replay | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** The traffic of a query; the first one infers the router for all. */
  async traffic(query: TrafficQuery): Promise<Traffic> {
    const key = [this.#number(query.ruleset), this.#number(query.captures), query.offload, query.entries ?? ''].join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { offload, ruleset, captures, entries } = query;
    let columns: TrafficColumns | undefined;
    const first = this.#first;
    const replay = await replayCaptures({
      ...this.#options,
      ruleset,
      captures,
      offload,
      conntrack: false,
      ...(entries === undefined ? {} : { hardware: { bindNs: BIND_NS, capacity: entries } }),
      ...(first === undefined
        ? {}
        : {
            knownConnections: first.knownConnections,
            ...(this.#options.router === undefined
              ? { inferredRouter: withNeighbours(first.router, query) }
              : { router: withNeighbours(this.#options.router, query) }),
          }),
      onEvents: (rows, done) => {
        const { input, names } = done.result;
        columns = trafficColumns(rows, input.packets, done.router, names.interfaces, query.periodNs);
      },
    });
    this.#first ??= replay;
    const traffic = summary(replay, columns as TrafficColumns);
    this.#known.set(key, traffic);
    return traffic;
  }

  /** A number for an object: what is the same object is the same input. */
  #number(object: object): number {
    const known = this.#numbers.get(object);
    if (known !== undefined) return known;
    this.#numbers.set(object, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

function withNeighbours(router: RouterSpec, { neighbours }: TrafficQuery): RouterSpec {
  return neighbours === undefined ? router : { ...router, neighbours: [...router.neighbours, ...neighbours] };
}

function summary(replay: Replay, columns: TrafficColumns): Traffic {
  const { paths } = replay.result;
  const of = (pathClass: number): number =>
    peakFlows(
      columns,
      Uint8Array.from(paths.pathClass, (value) => (value === pathClass ? 1 : 0)),
      FLOW_TIMEOUT_NS,
    );
  return {
    replay,
    result: replay.result,
    columns,
    connections: peakConnections(replay.result.connections),
    softwareFlows: of(PATH_SOFTWARE),
    hardwareFlows: of(PATH_HARDWARE),
    hardwareNew: flowsOf(columns, (path) => paths.pathClass[path] === PATH_HARDWARE),
  };
}
