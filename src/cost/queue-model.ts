// What the queue simulation is told of a device, and what it says afterwards. Plain data: src/plan makes the first from
// a profile, reports read the second.

/** A full-duplex link: frames wait for its wire on both sides. */
export interface LinkModel {
  name: string;
  /** Infinity: frames take no time. */
  bitsPerSecond: number;
  /** Frames that wait for the wire: at the sender beyond the link, and in the router's transmit queue. */
  queuePackets: number;
}

/** Receive packet steering: the core that the ring interrupts only hands packets over. */
export interface SteeringModel {
  /** Cores that share the packets by flow; the first `queues` of them also poll a ring each. */
  cores: number;
  /** Part of every packet's service that stays with the polling core, nanoseconds. */
  receiveNs: number;
  /** What handing over adds on the polling core (hash, queue, inter-processor interrupt), nanoseconds. */
  handOverNs: number;
  /** net.core.netdev_max_backlog: packets that wait at a core. */
  backlogPackets: number;
}

export interface QueueModel {
  /** Receive queues, each polled by a core of its own; flows are hashed to them. */
  queues: number;
  /** Descriptors of each receive ring: packets that wait for their core. */
  ringPackets: number;
  /** Packets of one poll before others have their turn (NAPI weight). */
  budget: number;
  /** A ring that was empty interrupts so long after its first packet (ethtool rx-usecs) … */
  moderationNs: number;
  /** … or when so many wait (rx-frames). */
  moderationPackets: number;
  /** Time of the core that an interrupt and the start of polling take. */
  interruptNs: number;
  /** Time of the core between two polls of a ring that never became empty. */
  pollNs: number;
  /** A core that was idle for longer than `wakeAfterNs` answers an interrupt so much later. */
  wakeNs: number;
  wakeAfterNs: number;
  links: LinkModel[];
  steering?: SteeringModel;
  /** What forwards without a core. */
  engine?: { bitsPerSecond: number; packetsPerSecond: number; queuePackets: number };
  /** What all packets of the cores share on their way in, and on their way out (a switch's CPU port, PCIe). */
  host?: { bitsPerSecond: number; queuePackets: number };
}

/** Where packets can be lost. */
export const LOSS_PLACES = ['link-in', 'host', 'ring', 'backlog', 'engine', 'link-out'] as const;
export type LossPlace = (typeof LOSS_PLACES)[number];

export interface QueueResult {
  /** Packets offered; those that left by a link; those that ended in the router as the ruleset wants it. */
  offered: number;
  sent: number;
  ended: number;
  /** Lost for want of room; offered = sent + ended + the sum of these, always. */
  lost: Record<LossPlace, number>;
  /** The same by link (in, out) and by core (ring, backlog). */
  lostByLinkIn: number[];
  lostByLinkOut: number[];
  lostByRing: number[];
  lostByBacklog: number[];
  /** Octets of the packets that left. */
  sentOctets: number;
  /** From the first offer to the last departure or offer. */
  durationNs: number;
  /** Busy part of each core's, link's (by direction) and the engine's time, 0 … 1. */
  coreLoad: number[];
  linkInLoad: number[];
  linkOutLoad: number[];
  engineLoad: number;
  hostInLoad: number;
  hostOutLoad: number;
  /** Of packets that left, from their last bit in to their last bit out. Quantiles are right within LATENCY_ERROR. */
  latency: { meanNs: number; p50Ns: number; p99Ns: number; p999Ns: number; maximumNs: number };
  /** Mean difference of the latency of a flow's successive packets (RFC 3550's D), nanoseconds. */
  jitterNs: number;
  interrupts: number;
  /** Packets that a core took in one go, on average: from an interrupt until its ring was empty. */
  packetsPerInterrupt: number;
}

/** Parts of the offered packets that were lost. */
export function lossShare(result: QueueResult): number {
  const lost = LOSS_PLACES.reduce((sum, place) => sum + result.lost[place], 0);
  return result.offered > 0 ? lost / result.offered : 0;
}
