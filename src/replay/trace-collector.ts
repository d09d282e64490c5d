// The walks of the packets that a trace chose: by number, by a match, or those that the ruleset marks itself
// (`meta nftrace set 1`). Only so many are kept; the others are counted.

import type { Router } from '../datapath/router.ts';
import type { Recorder } from '../event/recorder.ts';
import { compileMatch } from '../nft/compile-match.ts';
import type { Packet } from '../packet/packet.ts';
import { FrameMatch } from './match.ts';
import type { PacketTracer } from './trace.ts';
import type { PacketTrace } from './trace-steps.ts';

/** Which packets are traced: each condition that is given must hold. */
export interface TraceChoice {
  /** Ranges of packet numbers, both ends included, ascending and apart. */
  packets?: [from: number, to: number][];
  /** nft's expressions (src/nft/compile-match.ts). */
  match?: string;
  /** Only packets that a rule of the ruleset marked. */
  marked?: boolean;
  /** Walks that are kept. */
  limit: number;
}

export interface TraceResult {
  walks: PacketTrace[];
  /** Packets that were chosen beyond the limit. */
  more: number;
}

/** Steps that all walks together may keep, about 300 octets each: then no further walk is kept. */
const MAX_STEPS = 1 << 20;

/** One for a replay. */
export class TraceCollector {
  readonly tracer: PacketTracer;
  readonly #choice: TraceChoice;
  readonly #walks: PacketTrace[] = [];
  #match: FrameMatch | undefined;
  #more = 0;
  #range = 0;
  #steps = 0;

  constructor(choice: TraceChoice, tracer: PacketTracer) {
    this.#choice = choice;
    this.tracer = tracer;
    // A wrong match is said before anything is replayed.
    if (choice.match !== undefined) compileMatch(choice.match);
  }

  /** Before the first packet. Throws what FrameMatch throws. */
  attach(router: Router, recorder: Recorder): void {
    this.tracer.attach(router, recorder);
    if (this.#choice.match !== undefined) this.#match = new FrameMatch(this.#choice.match, router);
  }

  /** The attached packet enters; it is watched if it is chosen. */
  begin(packet: Packet, ifindex: number): void {
    const { packets, limit, marked } = this.#choice;
    if (packets !== undefined && !this.#isListed(packets, packet.number)) return;
    const { data, start, end, wireLength, number, timeNs } = packet;
    if (this.#match?.matches(data, start, end, wireLength, ifindex, number, timeNs) === false) return;
    if (marked === true || (this.#walks.length < limit && this.#steps < MAX_STEPS)) this.tracer.begin(packet, ifindex);
    else this.#more++;
  }

  /** The router is done with the packet. */
  end(): void {
    if (!this.tracer.isActive) return;
    const walk = this.tracer.end();
    if (this.#choice.marked === true && !walk.steps.some((step) => 'marked' in step && step.marked)) return;
    if (this.#walks.length >= this.#choice.limit || this.#steps >= MAX_STEPS) {
      this.#more++;
      return;
    }
    this.#walks.push(walk);
    this.#steps += walk.steps.length;
  }

  /** No later packet can be chosen: those listed by number are over. */
  isDone(number: number): boolean {
    const { packets } = this.#choice;
    return packets !== undefined && number >= (packets.at(-1)?.[1] ?? 0);
  }

  result(): TraceResult {
    return { walks: this.#walks, more: this.#more };
  }

  /** Numbers only grow. */
  #isListed(ranges: [number, number][], number: number): boolean {
    while (this.#range < ranges.length && (ranges[this.#range]?.[1] ?? 0) < number) this.#range++;
    const range = ranges[this.#range];
    return range !== undefined && range[0] <= number;
  }
}
