// What the engine takes of the traffic that is meant for it, and what its driver costs the cores: the table has room for so many
// flows, the driver writes so many a second and asks each for its statistics, slow flows are not bound at all (binding.ts).
import { f64 } from '../base/columns.ts';
import { type Pricing, price } from '../cost/pricing.ts';
import { type Profile, processors } from '../cost/profile.ts';
import type { PathTable } from '../event/recorder.ts';
import { type Binding, binding } from './binding.ts';
import type { End, Services } from './simulate.ts';
import type { Traffic } from './traffic.ts';

const PATH_SLOW = 0;
const PATH_SOFTWARE = 1;
const PATH_HARDWARE = 2;
/** The engine's driver takes no more of the cores than this: its work waits when packets come. */
const MOST_DRIVER_LOAD = 0.5;

/** Of one traffic on one device; factors are against the replayed load. */
export class EngineShare {
  readonly #profile: Profile;
  readonly #traffic: Traffic;
  readonly #software: Traffic;
  readonly #hz: number;
  readonly #binding: Binding | undefined;
  readonly #instead = new Map<string, Services['instead']>();

  /** `software`: the same traffic offloaded in software, or again `traffic`: what is not taken costs what it costs there. */
  constructor(profile: Profile, traffic: Traffic, software: Traffic, hz: number) {
    this.#profile = profile;
    this.#traffic = traffic;
    this.#software = software;
    this.#hz = hz;
    const rate = profile.hardware.bindRate?.value ?? 0;
    const { pathClass } = traffic.result.paths;
    if (rate > 1 && traffic.hardwareFlows > 0) {
      this.#binding = binding(traffic.columns, (path) => pathClass[path] === PATH_HARDWARE, rate);
    }
  }

  /** [row] 1: the engine has not bound the packet's flow; undefined: it binds all. */
  get unbound(): Uint8Array | undefined {
    return this.#binding?.unbound;
  }

  /** Part of the packets offloaded in hardware that come before the engine binds their flow. */
  get unboundShare(): number {
    return this.#binding?.share ?? 0;
  }

  /** Part of the packets offloaded in hardware that the engine forwards. */
  taken(factor: number): number {
    return this.fit(factor) * (1 - this.unboundShare);
  }

  /** Flows that stand in the engine's table at once, if all of them find room. */
  #engineFlows(factor: number): number {
    const { hardwareFlows, hardwareNew } = this.#traffic;
    const bound = this.#binding === undefined || hardwareNew === 0 ? 1 : this.#binding.flows / hardwareNew;
    return hardwareFlows * bound * factor;
  }

  /** Flows that are written into the engine's table each second. */
  #insertions(factor: number): number {
    const flows = this.#binding?.flows ?? this.#traffic.hardwareNew;
    return (flows * factor * 1e9) / this.#traffic.columns.periodNs;
  }

  /** Part of all cores' time that the engine's driver takes: writing flows, and asking for their statistics. */
  driverLoad(factor: number): number {
    const { pollCycles, pollInterval, insertRate } = this.#profile.hardware;
    if (this.#traffic.hardwareFlows === 0) return 0;
    const polls =
      pollCycles === undefined || pollInterval === undefined || pollInterval.value <= 0
        ? 0
        : (this.#engineFlows(factor) * this.fit(factor) * pollCycles.value) / pollInterval.value / this.#hz;
    // The rate is what one core can do.
    const writes = insertRate === undefined ? 0 : Math.min(1, this.#insertions(factor) / Math.max(1, insertRate.value));
    return Math.min(MOST_DRIVER_LOAD, (polls + writes) / processors(this.#profile).count);
  }

  /** Part of the engine's flows that it holds: its table (a flow takes two entries), and how fast flows can be written. */
  fit(factor: number): number {
    const { entries, insertRate } = this.#profile.hardware;
    const wanted = this.#engineFlows(factor) * 2;
    const room = entries === undefined || wanted <= 0 ? 1 : entries.value / wanted;
    const asked = this.#insertions(factor);
    const written = insertRate === undefined || asked <= 0 ? 1 : insertRate.value / asked;
    return Math.min(1, room, written);
  }

  /** The factor from which on the engine's table is full; Infinity: it has no known limit. */
  fullTableFactor(): number {
    const { entries } = this.#profile.hardware;
    const wanted = this.#engineFlows(1) * 2;
    return entries === undefined || wanted <= 0 ? Number.POSITIVE_INFINITY : entries.value / wanted;
  }

  /** Cycles of a packet that the engine does not take: the mean of the software path, or of the slow path, if there is none. */
  instead(state: number, end: End): Services['instead'] {
    const key = `${state} ${end}`;
    const known = this.#instead.get(key);
    if (known !== undefined) return known;
    const { connections, softwareFlows, result } = this.#software;
    const pricing = price(result.paths, result.names, this.#profile, {
      connections: Math.max(1, connections * state),
      flows: Math.max(1, softwareFlows * state),
    });
    const costs = meanCosts(result.paths, pricing, end);
    this.#instead.set(key, costs);
    return costs;
  }
}

/** Mean cycles of the software path's packets, or of the slow path's, if there are none; interrupts are paid for apart. */
function meanCosts(paths: PathTable, pricing: Pricing, end: End): Services['instead'] {
  const isCounted = (path: number, pathClass: number): boolean =>
    paths.pathClass[path] === pathClass && paths.offsets[path] !== paths.offsets[path + 1];
  for (const pathClass of [PATH_SOFTWARE, PATH_SLOW]) {
    const sum = { fixed: 0, bulk: 0, perOctet: 0 };
    let packets = 0;
    for (let path = 0; path < paths.packets.length; path++) {
      if (!isCounted(path, pathClass)) continue;
      const times = f64(paths.packets, path);
      const part = times * (end === 'low' ? f64(pricing.low, path) : end === 'high' ? f64(pricing.high, path) : 1);
      const without = f64(pricing.interrupts, path);
      sum.fixed += (f64(pricing.cyclesFixed, path) - without) * part;
      sum.bulk += (f64(pricing.cyclesBulk, path) - without) * part;
      sum.perOctet += f64(pricing.cyclesPerByte, path) * part;
      packets += times;
    }
    if (packets > 0) {
      return { fixed: sum.fixed / packets, bulk: sum.bulk / packets, perOctet: sum.perOctet / packets };
    }
  }
  return { fixed: 0, bulk: 0, perOctet: 0 };
}
