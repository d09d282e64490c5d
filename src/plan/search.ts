// The highest load that a device carries without loss, by bisection over load factors of whole simulations, and what
// gives way first beyond it.
import type { QueueModel, QueueResult } from '../cost/queue-model.ts';
import { lossShare } from '../cost/queue-model.ts';
import type { TrafficColumns } from './columns.ts';
import type { Services } from './simulate.ts';
import { simulate } from './simulate.ts';

/** 'Without loss': at most so many of the packets that are simulated are lost. */
export const LOSS_FREE = 1e-4;
/** Packets of each simulation of a search. */
export const SEARCH_PACKETS = 120_000;
/** The load found is right within so much. */
export const SEARCH_PRECISION = 0.02;
const MOST = 1e6;
const LEAST = 1e-6;
/** A core, wire or engine that is busy for so much of the time is what gives way; else bursts overflow its queue. */
const FULL = 0.9;
/** How far beyond the highest load one looks for what gives way. */
const BEYOND = 1.25;

/** What gives way first. `bursts`: its queue overflows although it is not busy all the time. */
export interface Saturation {
  kind: 'core' | 'ring' | 'backlog' | 'host' | 'engine' | 'link' | 'connection table' | 'none';
  /** 'core 0', 'wan (out)', … */
  name: string;
  bursts: boolean;
}

export interface SearchInput {
  columns: TrafficColumns;
  services: (factor: number) => Services;
  model: QueueModel;
  seed: number;
  /** Of each simulation. */
  packets: number;
  /** No more than this, whatever the queues say: the connection table is full. */
  tableFactor: number;
}

/** The highest factor without loss; `guess` is about right or undefined. 0: not even a millionth of the traffic. */
export function highestLoad(input: SearchInput, guess?: number): number {
  const bound = Math.min(MOST, input.tableFactor);
  const carries = (factor: number): boolean => lossShare(run(input, factor)) <= LOSS_FREE;
  let step = guess === undefined ? 2 : 1.12;
  let low = Math.min(bound, guess ?? firstGuess(input));
  if (carries(low)) {
    let high = low;
    do {
      low = high;
      if (low >= bound) return bound;
      high = Math.min(bound, low * step);
      step *= step;
    } while (carries(high));
    return bisect(carries, low, high);
  }
  let high = low;
  do {
    high = low;
    low /= step;
    step *= step;
    if (low < LEAST) return 0;
  } while (!carries(low));
  return bisect(carries, low, high);
}

function bisect(carries: (factor: number) => boolean, from: number, to: number): number {
  let low = from;
  let high = to;
  while (high / low > 1 + SEARCH_PRECISION) {
    const middle = Math.sqrt(low * high);
    if (carries(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Where the mean of all cores would be full. */
function firstGuess(input: SearchInput): number {
  const idle = run(input, 1);
  const busiest = Math.max(
    1e-9,
    idle.engineLoad,
    idle.hostInLoad,
    idle.hostOutLoad,
    ...idle.coreLoad,
    ...idle.linkInLoad,
    ...idle.linkOutLoad,
  );
  return Math.max(LEAST, 0.8 / busiest);
}

/** What loses packets just beyond the highest load. */
export function saturation(input: SearchInput, factor: number): Saturation {
  if (factor >= input.tableFactor) return { kind: 'connection table', name: 'connection table', bursts: false };
  const result = run(input, factor * BEYOND);
  return lossPlace(result, input.columns.links);
}

/** Where most packets of a simulation were lost. */
export function lossPlace(result: QueueResult, links: string[]): Saturation {
  const rows: (Saturation & { lost: number })[] = [
    ...result.lostByRing.map((lost, core) => coreRow('ring', core, lost, result)),
    ...result.lostByBacklog.map((lost, core) => coreRow('backlog', core, lost, result)),
    ...result.lostByLinkIn.map((lost, link) => linkRow(links[link] ?? '', 'in', lost, result.linkInLoad[link] ?? 0)),
    ...result.lostByLinkOut.map((lost, link) => linkRow(links[link] ?? '', 'out', lost, result.linkOutLoad[link] ?? 0)),
    {
      kind: 'host',
      name: 'CPU port',
      bursts: Math.max(result.hostInLoad, result.hostOutLoad) < FULL,
      lost: result.lost.host,
    },
    { kind: 'engine', name: 'forwarding engine', bursts: result.engineLoad < FULL, lost: result.lost.engine },
  ];
  const worst = rows.reduce((a, b) => (b.lost > a.lost ? b : a));
  if (worst.lost === 0) return { kind: 'none', name: 'nothing', bursts: false };
  return { kind: worst.kind, name: worst.name, bursts: worst.bursts };
}

function coreRow(
  kind: 'ring' | 'backlog',
  core: number,
  lost: number,
  result: QueueResult,
): Saturation & { lost: number } {
  const isFull = (result.coreLoad[core] ?? 0) >= FULL;
  return isFull
    ? { kind: 'core', name: `core ${core}`, bursts: false, lost }
    : { kind, name: `${kind} of core ${core}`, bursts: true, lost };
}

function linkRow(link: string, way: 'in' | 'out', lost: number, load: number): Saturation & { lost: number } {
  return { kind: 'link', name: `link ${link} (${way})`, bursts: load < FULL, lost };
}

function run(input: SearchInput, factor: number): QueueResult {
  return simulate(input.columns, input.services(factor), input.model, factor, {
    packets: input.packets,
    seed: input.seed,
  });
}
