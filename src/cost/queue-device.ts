// A device profile as the queue simulation wants it. At saturation a core takes `packetsPerPoll` packets for each
// `interruptCycles`, which is what src/cost/pricing.ts charges; at less load the simulation finds out how many.
import type { Profile } from './profile.ts';
import { processors } from './profile.ts';
import type { QueueModel } from './queue-model.ts';

/** Frames that a switch or sender holds for a busy link: an estimate, no source (commodity switches: 100 KiB and more a port). */
const UPSTREAM_PACKETS = 256;
/** net.core.netdev_max_backlog and dev_weight of Linux 6.12. */
const BACKLOG_PACKETS = 1000;
/** Leaving an idle state (C1E: 10 us in intel_idle.c; ARM WFI: 1 us) when idle for longer than that pays: an estimate. */
const WAKE_NS = 5000;
const WAKE_AFTER_NS = 20_000;
/** Handing a packet to another core (get_rps_cpu, enqueue_to_backlog, inter-processor interrupt shared by a batch): an estimate. */
const HAND_OVER_CYCLES = 350;
/** Packets that an engine holds: an estimate. */
const ENGINE_PACKETS = 512;

export interface DeviceOptions {
  /** Names of the router's physical interfaces. */
  links: string[];
  /** Receive packet steering over all processors. */
  steering?: boolean;
  /** Another number of receive descriptors, or of receive queues. */
  ringPackets?: number;
}

/** Cycles/s of one of the device's processors. */
export function processorHz(profile: Profile): number {
  return processors(profile).hz;
}

/** The simulation's model of a device. */
export function queueModel(profile: Profile, options: DeviceOptions): QueueModel {
  const { count, hz } = processors(profile);
  const toNs = (cycles: number): number => (cycles / hz) * 1e9;
  const bits = profile.linkRate.value * 1e6;
  const { hardware } = profile;
  const host = profile.hostRate.value * 1e6;
  const queues = Math.max(1, Math.min(count, Math.round(profile.receiveCores.value)));
  return {
    queues,
    ringPackets: Math.max(1, Math.round(options.ringPackets ?? profile.rxRing.value)),
    budget: Math.max(1, Math.round(profile.packetsPerPoll.value)),
    moderationNs: profile.interruptDelay.value * 1000,
    moderationPackets: Math.max(1, Math.round(profile.pollBudget.value)),
    interruptNs: toNs(profile.interruptCycles.value),
    pollNs: toNs(profile.interruptCycles.value),
    wakeNs: WAKE_NS,
    wakeAfterNs: WAKE_AFTER_NS,
    links: options.links.map((name) => ({
      name,
      bitsPerSecond: bits,
      queuePackets: Math.max(UPSTREAM_PACKETS, Math.round(profile.txRing.value)),
    })),
    ...(options.steering === true && count > 1
      ? {
          steering: {
            cores: count,
            receiveNs: toNs(profile.rxCycles.value + profile.groCycles.value),
            handOverNs: toNs(HAND_OVER_CYCLES),
            backlogPackets: BACKLOG_PACKETS,
          },
        }
      : {}),
    ...(hardware.present
      ? {
          engine: {
            bitsPerSecond: (hardware.throughput?.value ?? Number.POSITIVE_INFINITY) * 1e6,
            packetsPerSecond: hardware.packetRate?.value ?? Number.POSITIVE_INFINITY,
            queuePackets: ENGINE_PACKETS,
          },
        }
      : {}),
    // Several ports share it, or it is slower than one: else the links are what counts.
    ...(host < bits * options.links.length ? { host: { bitsPerSecond: host, queuePackets: UPSTREAM_PACKETS } } : {}),
  };
}
