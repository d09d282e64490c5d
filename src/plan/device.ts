// One traffic on one device: how much of it the device carries, and how it fares at the target.
import { f64 } from '../base/columns.ts';
import type { WorkingSet } from '../cost/memory.ts';
import { BULK_OCTETS, type Pricing, price } from '../cost/pricing.ts';
import type { Profile } from '../cost/profile.ts';
import { type DeviceOptions, processorHz, queueModel } from '../cost/queue-device.ts';
import type { QueueModel, QueueResult } from '../cost/queue-model.ts';
import { LOSS_PLACES, lossShare } from '../cost/queue-model.ts';
import { pathCycles } from '../cost/summary.ts';
import { EngineShare } from './engine-share.ts';
import type { Band, Behaviour } from './result.ts';
import { highestLoad, type Saturation, SEARCH_PACKETS, saturation } from './search.ts';
import { type End, type Services, servicesOf, simulate } from './simulate.ts';
import type { Traffic } from './traffic.ts';

const PATH_HARDWARE = 2;
/** Packets of each simulation at the target. */
const TARGET_PACKETS = 400_000;
/** Prices are made anew when the state in use has grown by so much. */
const STATE_STEP = 1.5;

export interface TrialOptions extends Omit<DeviceOptions, 'links'> {
  /** Packets of each simulation of a search. */
  searchPackets?: number;
  /** The same traffic offloaded in software: what the engine does not take costs what it costs there. */
  software?: Traffic | undefined;
  /** Another size of the connection table. */
  connectionLimit?: number;
  /** Prices of the traffic's paths when so much state is in use; absent: as they are. */
  prices?: (state: WorkingSet) => Pricing;
}

/** One traffic on one device: prices, model, and simulations of it. Factors are against the replayed load. */
export class Device {
  readonly profile: Profile;
  readonly traffic: Traffic;
  readonly model: QueueModel;
  readonly #hz: number;
  readonly #seed: number;
  readonly #connectionLimit: number;
  readonly #searchPackets: number;
  readonly #prices: (state: WorkingSet) => Pricing;
  readonly #pricings = new Map<number, Pricing>();
  readonly #services = new Map<string, Services>();
  readonly engine: EngineShare;

  constructor(profile: Profile, traffic: Traffic, seed: number, options: TrialOptions = {}) {
    this.#searchPackets = options.searchPackets ?? SEARCH_PACKETS;
    this.#prices = options.prices ?? ((state) => price(traffic.result.paths, traffic.result.names, profile, state));
    this.profile = profile;
    this.traffic = traffic;
    this.model = queueModel(profile, { ...options, links: traffic.columns.links });
    this.#hz = processorHz(profile);
    this.#seed = seed;
    this.#connectionLimit = options.connectionLimit ?? traffic.result.conntrackLimit;
    this.engine = new EngineShare(profile, traffic, options.software ?? traffic, this.#hz);
  }

  /** Prices when `factor` times the replayed state is in use. */
  pricing(factor: number): Pricing {
    const state = stateStep(factor);
    const known = this.#pricings.get(state);
    if (known !== undefined) return known;
    const { connections, softwareFlows } = this.traffic;
    const pricing = this.#prices({
      connections: Math.max(1, connections * state),
      flows: Math.max(1, softwareFlows * state),
    });
    this.#pricings.set(state, pricing);
    return pricing;
  }

  /** Highest factor without loss, with its interval: dear prices carry less, cheap ones more. */
  capacity(guess?: number): Band {
    const value = highestLoad(this.#search('middle'), guess);
    const spread = this.#spread(value);
    const low = highestLoad(this.#search('high'), Math.max(1e-6, value / spread.high));
    const high = highestLoad(this.#search('low'), Math.max(1e-6, value / spread.low));
    return { value, low: Math.min(low, value), high: Math.max(high, value) };
  }

  saturation(factor: number): Saturation {
    return saturation(this.#search('middle'), factor);
  }

  /** What happens at `factor`. */
  at(factor: number, packets = TARGET_PACKETS): Behaviour {
    const run = (end: End): QueueResult =>
      simulate(this.traffic.columns, this.services(factor, end), this.model, factor, {
        packets,
        seed: this.#seed,
      });
    const middle = run('middle');
    const low = run('low');
    const high = run('high');
    const band = (of: (result: QueueResult) => number): Band => {
      const value = of(middle);
      return { value, low: Math.min(value, of(low)), high: Math.max(value, of(high)) };
    };
    return {
      busiestCore: band((result) => Math.max(...result.coreLoad)),
      allCores: band((result) => mean(result.coreLoad)),
      loss: band(lossShare),
      lostAt: Object.fromEntries(LOSS_PLACES.map((place) => [place, middle.lost[place]])) as Behaviour['lostAt'],
      p50Ns: band((result) => result.latency.p50Ns),
      p99Ns: band((result) => result.latency.p99Ns),
      p999Ns: band((result) => result.latency.p999Ns),
      jitterNs: band((result) => result.jitterNs),
      packetsPerInterrupt: middle.packetsPerInterrupt,
      link: busiestLink(middle, this.traffic.columns.links),
    };
  }

  /** Cycles of a packet on average when cores are full. */
  cyclesPerPacket(factor: number): Band {
    const pricing = this.pricing(factor);
    const { paths } = this.traffic.result;
    let packets = 0;
    const sum = { value: 0, low: 0, high: 0 };
    for (let path = 0; path < paths.packets.length; path++) {
      if (paths.offsets[path] === paths.offsets[path + 1]) continue;
      const cycles = pathCycles(paths, pricing, path);
      packets += f64(paths.packets, path);
      sum.value += cycles;
      sum.low += cycles * f64(pricing.low, path);
      sum.high += cycles * f64(pricing.high, path);
    }
    const missed = this.#missedCycles(factor);
    sum.value += missed.value;
    sum.low += missed.low;
    sum.high += missed.high;
    const part = 1 / Math.max(1, packets);
    return { value: sum.value * part, low: sum.low * part, high: sum.high * part };
  }

  /** Cycles of all packets of the replay that were meant for the engine and that it does not take. */
  #missedCycles(factor: number): Band {
    const { paths } = this.traffic.result;
    let packets = 0;
    let octets = 0;
    for (let path = 0; path < paths.packets.length; path++) {
      if (paths.pathClass[path] !== PATH_HARDWARE) continue;
      packets += f64(paths.packets, path);
      octets += f64(paths.bytes, path);
    }
    const missed = 1 - this.engine.taken(factor);
    const of = (end: End): number => {
      if (packets === 0 || missed === 0) return 0;
      const { fixed, bulk, perOctet } = this.engine.instead(stateStep(factor), end);
      const size = octets / packets;
      return packets * missed * ((size >= BULK_OCTETS ? bulk : fixed) + perOctet * size);
    };
    return { value: of('middle'), low: of('low'), high: of('high') };
  }

  services(factor: number, end: End): Services {
    const pricing = this.pricing(factor);
    const fit = this.engine.fit(factor);
    const slower = 1 / (1 - this.engine.driverLoad(factor));
    const key = `${end} ${[...this.#pricings.values()].indexOf(pricing)} ${fit} ${slower}`;
    const known = this.#services.get(key);
    if (known !== undefined) return known;
    const toNs = (slower / this.#hz) * 1e9;
    const services = servicesOf(pricing, this.traffic.result.paths.pathClass, this.#hz / slower, end);
    services.fit = fit;
    const { fixed, bulk, perOctet } = this.engine.instead(stateStep(factor), end);
    services.instead = { fixed: fixed * toNs, bulk: bulk * toNs, perOctet: perOctet * toNs };
    if (this.engine.unbound !== undefined) services.unbound = this.engine.unbound;
    this.#services.set(key, services);
    return services;
  }

  #search(end: End) {
    return {
      columns: this.traffic.columns,
      services: (factor: number) => this.services(factor, end),
      model: this.model,
      seed: this.#seed,
      packets: this.#searchPackets,
      tableFactor: this.#connectionLimit / Math.max(1, this.traffic.connections),
    };
  }

  /** Mean ends of the prices' interval. */
  #spread(factor: number): { low: number; high: number } {
    const { value, low, high } = this.cyclesPerPacket(factor);
    return value > 0 ? { low: low / value, high: high / value } : { low: 1, high: 1 };
  }
}

/** A factor in steps. */
function stateStep(factor: number): number {
  return STATE_STEP ** Math.round(Math.log(Math.max(1e-3, factor)) / Math.log(STATE_STEP));
}

function busiestLink(result: QueueResult, links: string[]): { name: string; load: number } {
  let best = { name: '', load: 0 };
  links.forEach((name, index) => {
    for (const [way, load] of [
      ['in', result.linkInLoad[index] ?? 0],
      ['out', result.linkOutLoad[index] ?? 0],
    ] as const) {
      if (load > best.load) best = { name: `${name} (${way})`, load };
    }
  });
  return best;
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
