// Something that serves one packet after another at its rate, with room for so many: a link's wire, a forwarding engine.
import { f64, i32 } from '../base/columns.ts';

/** Preamble, frame check sequence and gap around every Ethernet frame. */
const WIRE_OVERHEAD_OCTETS = 24;

/** First in, first out, by the time when each is through. */
export class Wire {
  readonly capacity: number;
  readonly #nsPerOctet: number;
  readonly #leastNs: number;
  readonly #due: Float64Array;
  readonly #slots: Int32Array;
  readonly #mask: number;
  #head = 0;
  count = 0;
  /** Times are doubles from the start (base/columns.ts). */
  #freeNs = -0;
  busyNs = -0;

  /** Room for `capacity` packets beside the one that is served. Infinity: takes no time. */
  constructor(bitsPerSecond: number, capacity: number, packetsPerSecond = Number.POSITIVE_INFINITY) {
    this.capacity = capacity + 1;
    this.#nsPerOctet = 8e9 / bitsPerSecond;
    this.#leastNs = 1e9 / packetsPerSecond;
    const size = 2 ** Math.ceil(Math.log2(capacity + 2));
    this.#due = new Float64Array(size);
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
  }

  get isFull(): boolean {
    return this.count >= this.capacity;
  }

  /** When the first is through; Infinity when there is none. */
  get nextNs(): number {
    return this.count > 0 ? f64(this.#due, this.#head) : Number.POSITIVE_INFINITY;
  }

  /** Appends a packet whose last bit would be through at `timeNs` if the wire were free; returns when it will be. */
  pushEnding(slot: number, timeNs: number, octets: number): number {
    const ownNs = Math.max(this.#leastNs, (octets + WIRE_OVERHEAD_OCTETS) * this.#nsPerOctet);
    return this.#push(slot, Math.max(timeNs, this.#freeNs + ownNs), ownNs);
  }

  /** Appends a packet whose first bit is there at `timeNs`; returns when its last bit will be through. */
  pushStarting(slot: number, timeNs: number, octets: number): number {
    const ownNs = Math.max(this.#leastNs, (octets + WIRE_OVERHEAD_OCTETS) * this.#nsPerOctet);
    return this.#push(slot, Math.max(timeNs, this.#freeNs) + ownNs, ownNs);
  }

  /** Takes the first out: its slot. */
  shift(): number {
    const slot = i32(this.#slots, this.#head);
    this.#head = (this.#head + 1) & this.#mask;
    this.count--;
    return slot;
  }

  /** Takes out all that are through by `timeNs`. */
  release(timeNs: number): void {
    while (this.count > 0 && f64(this.#due, this.#head) <= timeNs) {
      this.#head = (this.#head + 1) & this.#mask;
      this.count--;
    }
  }

  #push(slot: number, dueNs: number, ownNs: number): number {
    const at = (this.#head + this.count++) & this.#mask;
    this.#due[at] = dueNs;
    this.#slots[at] = slot;
    this.#freeNs = dueNs;
    this.busyNs += ownNs;
    return dueNs;
  }
}

/** Slot numbers, first in, first out, at most `capacity`. */
export class SlotQueue {
  readonly capacity: number;
  readonly #slots: Int32Array;
  readonly #mask: number;
  #head = 0;
  count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    const size = 2 ** Math.ceil(Math.log2(capacity + 2));
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
  }

  push(slot: number): void {
    this.#slots[(this.#head + this.count++) & this.#mask] = slot;
  }

  shift(): number {
    const slot = i32(this.#slots, this.#head);
    this.#head = (this.#head + 1) & this.#mask;
    this.count--;
    return slot;
  }
}
