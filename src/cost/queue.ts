// A router's queues as a discrete simulation: packets in the order of time go through the wire of the link they come
// by, a receive ring of finite size, the core that polls it, perhaps a second core (packet steering) or the forwarding
// engine instead of any, and the wire of the link they leave by. Pure and streaming: memory is what the queues hold, and
// nothing is allocated for a packet. Interrupts: a ring that was empty is polled after a moderation delay; polling ends
// when it is empty (NAPI), so that the cost of an interrupt is shared by more packets the higher the load is.
//
// Measured on one core with Node 20 (test/cost/queue-bench: 10 million packets, four cores, two links): see docs/PLAN.md.
import { f64, i32, u8 } from '../base/columns.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { LossPlace, QueueModel, QueueResult } from './queue-model.ts';
import { SlotQueue, Wire } from './queue-wire.ts';

const IDLE = 0;
/** Packets wait for the interrupt. */
const WAITING = 1;
const BUSY = 2;

const RING = 0;
const BACKLOG = 1;

/** Flows whose last latency is kept for the jitter: those that collide give no sample. */
const JITTER_FLOWS = 1 << 14;
const NEVER = Number.POSITIVE_INFINITY;

/** One simulation: offer() packets in the order of time, then finish(). */
export class QueueSimulation {
  readonly #model: QueueModel;
  readonly #cores: number;
  readonly #receiveNs: number;
  readonly #handOverNs: number;
  // Actors: the links' inbound wires, then the cores, then the engine. When each acts next.
  readonly #next: Float64Array;
  readonly #firstCore: number;
  readonly #engineActor: number;
  readonly #hostActor: number;
  #soonestNs = NEVER;
  readonly #linksIn: Wire[];
  readonly #linksOut: Wire[];
  readonly #engine: Wire | undefined;
  readonly #hostIn: Wire | undefined;
  readonly #hostOut: Wire | undefined;
  // Cores: their two queues, the packet in hand, and its source.
  readonly #queues: SlotQueue[];
  readonly #state: Uint8Array;
  readonly #source: Uint8Array;
  readonly #current: Int32Array;
  readonly #polled: Int32Array;
  readonly #idleSinceNs: Float64Array;
  readonly #busyNs: Float64Array;
  // Packets on their way, by slot.
  readonly #freeSlots: Int32Array;
  #freeCount: number;
  readonly #arrivalNs: Float64Array;
  readonly #serviceNs: Float64Array;
  readonly #octets: Float64Array;
  readonly #flow: Float64Array;
  readonly #out: Int32Array;
  // What happened.
  #offered = 0;
  #sent = 0;
  #ended = 0;
  #sentOctets = -0;
  #interrupts = 0;
  #polledPackets = 0;
  #firstNs = -0;
  #lastNs = -0;
  readonly #latency = new LatencyHistogram();
  readonly #lastFlow = new Float64Array(JITTER_FLOWS).fill(-1);
  readonly #lastLatencyNs = new Float64Array(JITTER_FLOWS);
  #jitterSum = -0;
  #jitterCount = 0;
  readonly #lostLinkIn: Float64Array;
  readonly #lostLinkOut: Float64Array;
  readonly #lostQueue: Float64Array;
  #lostEngine = 0;
  #lostHost = 0;

  constructor(model: QueueModel) {
    this.#model = model;
    const { links, steering } = model;
    this.#cores = Math.max(model.queues, steering?.cores ?? 0);
    this.#receiveNs = steering?.receiveNs ?? 0;
    this.#handOverNs = steering?.handOverNs ?? 0;
    this.#firstCore = links.length;
    this.#engineActor = links.length + this.#cores;
    this.#hostActor = this.#engineActor + 1;
    this.#next = new Float64Array(this.#hostActor + 1).fill(NEVER);
    this.#linksIn = links.map((link) => new Wire(link.bitsPerSecond, link.queuePackets));
    this.#linksOut = links.map((link) => new Wire(link.bitsPerSecond, link.queuePackets));
    const { engine, host } = model;
    this.#engine =
      engine === undefined ? undefined : new Wire(engine.bitsPerSecond, engine.queuePackets, engine.packetsPerSecond);
    this.#hostIn = host === undefined ? undefined : new Wire(host.bitsPerSecond, host.queuePackets);
    this.#hostOut = host === undefined ? undefined : new Wire(host.bitsPerSecond, host.queuePackets);
    this.#queues = Array.from(
      { length: this.#cores * 2 },
      (_, index) => new SlotQueue((index & 1) === RING ? model.ringPackets : (steering?.backlogPackets ?? 0)),
    );
    this.#state = new Uint8Array(this.#cores);
    this.#source = new Uint8Array(this.#cores);
    this.#current = new Int32Array(this.#cores);
    this.#polled = new Int32Array(this.#cores);
    this.#idleSinceNs = new Float64Array(this.#cores).fill(-NEVER);
    this.#busyNs = new Float64Array(this.#cores);
    const slots = this.#slotCount();
    this.#freeSlots = Int32Array.from({ length: slots }, (_, slot) => slot);
    this.#freeCount = slots;
    this.#arrivalNs = new Float64Array(slots);
    this.#serviceNs = new Float64Array(slots);
    this.#octets = new Float64Array(slots);
    this.#flow = new Float64Array(slots);
    this.#out = new Int32Array(slots);
    this.#lostLinkIn = new Float64Array(links.length);
    this.#lostLinkOut = new Float64Array(links.length);
    this.#lostQueue = new Float64Array(this.#cores * 2);
  }

  /**
   * The next packet: received by link `inLink` at `timeNs` (its last bit, were the wire free), `serviceNs` of a core's
   * time, `octets` long, of connection `flow`. It leaves by `outLink`, or ends in the router when that is -1. `byEngine`:
   * no core is asked.
   */
  offer(
    timeNs: number,
    serviceNs: number,
    octets: number,
    flow: number,
    inLink: number,
    outLink: number,
    byEngine: boolean,
  ): void {
    if (this.#soonestNs < timeNs) this.#advance(timeNs);
    if (this.#offered++ === 0) this.#firstNs = timeNs;
    if (timeNs > this.#lastNs) this.#lastNs = timeNs;
    const wire = this.#linksIn[inLink] as Wire;
    if (wire.isFull) {
      this.#lostLinkIn[inLink] = f64(this.#lostLinkIn, inLink) + 1;
      return;
    }
    const slot = i32(this.#freeSlots, --this.#freeCount);
    this.#serviceNs[slot] = byEngine ? -1 : serviceNs;
    this.#octets[slot] = octets;
    this.#flow[slot] = flow * 2 + (inLink & 1);
    this.#out[slot] = outLink;
    const due = wire.pushEnding(slot, timeNs, octets);
    this.#arrivalNs[slot] = due;
    if (wire.count === 1) this.#schedule(inLink, due);
  }

  /** Lets everything that waits go through, and says what happened. */
  finish(): QueueResult {
    this.#advance(NEVER);
    const duration = Math.max(0, this.#lastNs - this.#firstNs);
    const part = (busyNs: number): number => (duration > 0 ? Math.min(1, busyNs / duration) : 0);
    const rings = this.#lostBySource(RING);
    const backlogs = this.#lostBySource(BACKLOG);
    const lost: Record<LossPlace, number> = {
      'link-in': sum(this.#lostLinkIn),
      ring: sum(rings),
      backlog: sum(backlogs),
      host: this.#lostHost,
      engine: this.#lostEngine,
      'link-out': sum(this.#lostLinkOut),
    };
    return {
      offered: this.#offered,
      sent: this.#sent,
      ended: this.#ended,
      lost,
      lostByLinkIn: [...this.#lostLinkIn],
      lostByLinkOut: [...this.#lostLinkOut],
      lostByRing: rings,
      lostByBacklog: backlogs,
      sentOctets: this.#sentOctets + 0,
      durationNs: duration,
      coreLoad: Array.from(this.#busyNs, part),
      linkInLoad: this.#linksIn.map((wire) => part(wire.busyNs)),
      linkOutLoad: this.#linksOut.map((wire) => part(wire.busyNs)),
      engineLoad: part(this.#engine?.busyNs ?? 0),
      hostInLoad: part(this.#hostIn?.busyNs ?? 0),
      hostOutLoad: part(this.#hostOut?.busyNs ?? 0),
      latency: {
        meanNs: this.#latency.mean,
        p50Ns: this.#latency.quantile(0.5),
        p99Ns: this.#latency.quantile(0.99),
        p999Ns: this.#latency.quantile(0.999),
        maximumNs: this.#latency.maximum,
      },
      jitterNs: this.#jitterCount > 0 ? this.#jitterSum / this.#jitterCount : 0,
      interrupts: this.#interrupts,
      packetsPerInterrupt: this.#interrupts > 0 ? this.#polledPackets / this.#interrupts : 0,
    };
  }

  /** As many packets as all queues, wires and cores together can hold. */
  #slotCount(): number {
    const inner = (this.#engine?.capacity ?? 0) + (this.#hostIn?.capacity ?? 0);
    const wires = this.#linksIn.reduce((total, wire) => total + wire.capacity, inner);
    const queues = this.#queues.reduce((total, queue) => total + queue.capacity, 0);
    return wires + queues + this.#cores * 2 + 2;
  }

  #lostBySource(source: number): number[] {
    return Array.from({ length: this.#cores }, (_, core) => f64(this.#lostQueue, core * 2 + source));
  }

  #schedule(actor: number, timeNs: number): void {
    this.#next[actor] = timeNs;
    if (timeNs < this.#soonestNs) this.#soonestNs = timeNs;
  }

  /** Everything that happens before `untilNs`, in the order of time. */
  #advance(untilNs: number): void {
    const next = this.#next;
    for (;;) {
      let actor = -1;
      let soonest = NEVER;
      for (let i = 0; i < next.length; i++) {
        const due = f64(next, i);
        if (due < soonest) {
          soonest = due;
          actor = i;
        }
      }
      this.#soonestNs = soonest;
      if (actor < 0 || soonest >= untilNs) return;
      if (actor < this.#firstCore) this.#received(actor, soonest);
      else if (actor === this.#engineActor) this.#throughEngine(soonest);
      else if (actor === this.#hostActor) this.#throughHost(soonest);
      else if (u8(this.#state, actor - this.#firstCore) === WAITING) this.#interrupt(actor - this.#firstCore, soonest);
      else this.#served(actor - this.#firstCore, soonest);
    }
  }

  /** A frame's last bit came in by a link. */
  #received(link: number, nowNs: number): void {
    const wire = this.#linksIn[link] as Wire;
    const slot = wire.shift();
    this.#next[link] = wire.nextNs;
    if (f64(this.#serviceNs, slot) < 0) this.#toEngine(slot, nowNs);
    else if (this.#hostIn === undefined) this.#toRing(slot, nowNs);
    else if (this.#hostIn.isFull) {
      this.#lostHost++;
      this.#free(slot);
    } else {
      this.#hostIn.pushStarting(slot, nowNs, f64(this.#octets, slot));
      this.#schedule(this.#hostActor, this.#hostIn.nextNs);
    }
  }

  #throughHost(nowNs: number): void {
    const host = this.#hostIn as Wire;
    const slot = host.shift();
    this.#next[this.#hostActor] = host.nextNs;
    this.#toRing(slot, nowNs);
  }

  #toRing(slot: number, nowNs: number): void {
    this.#enqueue(hash(f64(this.#flow, slot)) % this.#model.queues, RING, slot, nowNs);
  }

  #toEngine(slot: number, nowNs: number): void {
    const engine = this.#engine;
    if (engine === undefined) {
      this.#transmit(slot, nowNs);
    } else if (engine.isFull) {
      this.#lostEngine++;
      this.#free(slot);
    } else {
      engine.pushStarting(slot, nowNs, f64(this.#octets, slot));
      this.#schedule(this.#engineActor, engine.nextNs);
    }
  }

  #throughEngine(nowNs: number): void {
    const engine = this.#engine as Wire;
    const slot = engine.shift();
    this.#next[this.#engineActor] = engine.nextNs;
    this.#transmit(slot, nowNs);
  }

  /** Into a core's ring or backlog. */
  #enqueue(core: number, source: number, slot: number, nowNs: number): void {
    const queue = this.#queues[core * 2 + source] as SlotQueue;
    const state = u8(this.#state, core);
    if (queue.count >= queue.capacity && (state !== IDLE || this.#model.moderationNs > 0)) {
      this.#lostQueue[core * 2 + source] = f64(this.#lostQueue, core * 2 + source) + 1;
      this.#free(slot);
      return;
    }
    queue.push(slot);
    if (state === BUSY) return;
    const { moderationNs, moderationPackets } = this.#model;
    const actor = this.#firstCore + core;
    // A handed-over packet comes with an inter-processor interrupt, which nobody moderates.
    if (source === BACKLOG || moderationNs === 0 || queue.count >= moderationPackets) this.#interrupt(core, nowNs);
    else if (state === IDLE) {
      this.#state[core] = WAITING;
      this.#schedule(actor, nowNs + moderationNs);
    }
  }

  /** The core begins to poll. */
  #interrupt(core: number, nowNs: number): void {
    const { interruptNs, wakeNs, wakeAfterNs } = this.#model;
    const idleNs = nowNs - f64(this.#idleSinceNs, core);
    this.#interrupts++;
    this.#state[core] = BUSY;
    this.#polled[core] = 0;
    this.#busyNs[core] = f64(this.#busyNs, core) + interruptNs;
    this.#source[core] = (this.#queues[core * 2] as SlotQueue).count > 0 ? RING : BACKLOG;
    this.#take(core, nowNs + interruptNs + (idleNs > wakeAfterNs ? wakeNs : 0));
  }

  /** The packet in hand is done: it goes on, and the next one begins. */
  #served(core: number, nowNs: number): void {
    const slot = i32(this.#current, core);
    const wasRing = u8(this.#source, core) === RING;
    this.#polledPackets++;
    if (wasRing && this.#model.steering !== undefined) {
      this.#pollOn(core, nowNs);
      this.#enqueue(hash(f64(this.#flow, slot) + 0.5) % this.#cores, BACKLOG, slot, nowNs);
      return;
    }
    this.#transmit(slot, nowNs);
    this.#pollOn(core, nowNs);
  }

  #pollOn(core: number, nowNs: number): void {
    const source = u8(this.#source, core);
    const own = (this.#queues[core * 2 + source] as SlotQueue).count;
    const other = (this.#queues[core * 2 + 1 - source] as SlotQueue).count;
    if (own + other === 0) {
      this.#state[core] = IDLE;
      this.#idleSinceNs[core] = nowNs;
      this.#next[this.#firstCore + core] = NEVER;
      return;
    }
    const polled = i32(this.#polled, core) + 1;
    this.#polled[core] = polled;
    if (own > 0 && polled < this.#model.budget) {
      this.#take(core, nowNs);
      return;
    }
    // The other queue's turn, or another poll of the same.
    if (other > 0) this.#source[core] = 1 - source;
    this.#polled[core] = 0;
    this.#busyNs[core] = f64(this.#busyNs, core) + this.#model.pollNs;
    this.#take(core, nowNs + this.#model.pollNs);
  }

  /** The next packet of the core's queue in turn; it is done at its service's end. */
  #take(core: number, nowNs: number): void {
    const source = u8(this.#source, core);
    const slot = (this.#queues[core * 2 + source] as SlotQueue).shift();
    this.#current[core] = slot;
    const whole = f64(this.#serviceNs, slot);
    const received = Math.min(whole, this.#receiveNs);
    const service =
      this.#model.steering === undefined ? whole : source === RING ? received + this.#handOverNs : whole - received;
    this.#busyNs[core] = f64(this.#busyNs, core) + service;
    this.#schedule(this.#firstCore + core, nowNs + service);
  }

  /** To the wire of the link it leaves by. */
  #transmit(slot: number, nowNs: number): void {
    const link = i32(this.#out, slot);
    if (nowNs > this.#lastNs) this.#lastNs = nowNs;
    if (link < 0) {
      this.#ended++;
      this.#free(slot);
      return;
    }
    const wire = this.#linksOut[link] as Wire;
    wire.release(nowNs);
    if (wire.isFull) {
      this.#lostLinkOut[link] = f64(this.#lostLinkOut, link) + 1;
      this.#free(slot);
      return;
    }
    const octets = f64(this.#octets, slot);
    const host = f64(this.#serviceNs, slot) < 0 ? undefined : this.#hostOut;
    if (host !== undefined) {
      host.release(nowNs);
      if (host.isFull) {
        this.#lostHost++;
        this.#free(slot);
        return;
      }
    }
    // The wire to the switch comes first; it keeps the order of time, so that the link's may be asked at once.
    const readyNs = host === undefined ? nowNs : host.pushStarting(slot, nowNs, octets);
    const leftNs = wire.pushStarting(slot, readyNs, octets);
    if (leftNs > this.#lastNs) this.#lastNs = leftNs;
    this.#sent++;
    this.#sentOctets += octets;
    this.#account(f64(this.#flow, slot), leftNs - f64(this.#arrivalNs, slot));
    this.#free(slot);
  }

  #account(flow: number, latencyNs: number): void {
    this.#latency.add(latencyNs);
    const row = hash(flow) & (JITTER_FLOWS - 1);
    if (f64(this.#lastFlow, row) === flow) {
      this.#jitterSum += Math.abs(latencyNs - f64(this.#lastLatencyNs, row));
      this.#jitterCount++;
    }
    this.#lastFlow[row] = flow;
    this.#lastLatencyNs[row] = latencyNs;
  }

  #free(slot: number): void {
    this.#freeSlots[this.#freeCount++] = slot;
  }
}

/** What the NIC's hash stands for: evenly spread, the same for all packets of one direction of a flow. */
function hash(key: number): number {
  let h = Math.imul((key * 2) | 0, 0x9e3779b1) ^ Math.imul((key / 0x80000000) | 0, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] as number;
  return total;
}
