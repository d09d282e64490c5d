// Packets added up: of a flow, or of a whole case. One object each; memory grows with paths and rules, not with packets.
import { f64 } from '../base/columns.ts';
import { PATH_CLASSES, VERDICT_DROP, VERDICT_FORWARD, VERDICTS } from '../packet/packet.ts';
import type { Passage } from '../replay/emulated-router.ts';
import { decidersOf } from './deciders.ts';
import type { DatagramBody } from './packet-line.ts';
import type { Scene } from './scene.ts';
import { datagramOf, type Translation, translation } from './translation.ts';

export class Tally {
  packets = 0;
  readonly verdicts = new Float64Array(VERDICTS.length);
  readonly paths = new Float64Array(PATH_CLASSES.length);
  /** By row of event/reasons.ts, drops only. */
  readonly reasons = new Map<number, number>();
  /** Frames by the interface that they left through. */
  readonly out = new Map<string, number>();
  /** Packets by rule that matched; by rule, and policy, that decided. */
  readonly matched = new Map<number, number>();
  readonly decidedByRule = new Map<number, number>();
  readonly decidedByPolicy = new Map<number, number>();
  readonly droppedByPolicy = new Set<number>();
  /** Of the first packet that went through. */
  nat: Translation | 'none' | undefined;
  /** Of the first packet. */
  first: DatagramBody | undefined;
  firstDropped: Passage | undefined;
  last: Passage | undefined;
  /** Packets and octets by path, for prices. */
  readonly #byPath = new Map<number, { packets: number; octets: number }>();

  add(passage: Passage, scene: Scene): void {
    this.packets++;
    this.last = passage;
    this.verdicts[passage.verdict] = f64(this.verdicts, passage.verdict) + 1;
    this.paths[passage.pathClass] = f64(this.paths, passage.pathClass) + 1;
    for (const frame of passage.sent) bump(this.out, frame.interface);
    for (const rule of new Set(scene.attribution(passage).matched)) bump(this.matched, rule);
    const { rules, policies } = decidersOf(scene, passage);
    for (const rule of new Set(rules)) bump(this.decidedByRule, rule);
    for (const chain of new Set(policies)) {
      bump(this.decidedByPolicy, chain);
      if (passage.verdict === VERDICT_DROP) this.droppedByPolicy.add(chain);
    }
    const isForwarded = passage.verdict === VERDICT_FORWARD;
    if (passage.verdict === VERDICT_DROP) {
      bump(this.reasons, passage.reason);
      this.firstDropped ??= passage;
    }
    if (this.first === undefined || (isForwarded && this.nat === undefined)) this.#look(passage, isForwarded);
    const row = this.#byPath.get(passage.path);
    if (row === undefined) this.#byPath.set(passage.path, { packets: 1, octets: passage.wireOctets });
    else {
      row.packets++;
      row.octets += passage.wireOctets;
    }
  }

  /** Copies that were not replayed count as the drops that a replay calls them. */
  addOutgoing(packets: number, reason: number): void {
    if (packets === 0) return;
    this.packets += packets;
    this.verdicts[VERDICT_DROP] = f64(this.verdicts, VERDICT_DROP) + packets;
    this.paths[0] = f64(this.paths, 0) + packets;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + packets);
  }

  /** Estimated mean of all packets. */
  meanCycles(scene: Scene): number {
    const cycles = scene.cycles();
    let sum = 0;
    for (const [path, { packets, octets }] of this.#byPath)
      sum += cycles(path, 0) * packets + (cycles(path, 1) - cycles(path, 0)) * octets;
    return this.packets === 0 ? 0 : sum / this.packets;
  }

  /** Share of the packets that a flowtable forwarded. */
  get offloaded(): number {
    return this.packets === 0 ? 0 : (f64(this.paths, 1) + f64(this.paths, 2)) / this.packets;
  }

  #look(passage: Passage, isForwarded: boolean): void {
    const before = datagramOf(passage.frame)?.body;
    this.first ??= before;
    const frame = isForwarded ? passage.sent[0] : undefined;
    const after = frame === undefined ? undefined : datagramOf(frame.octets)?.body;
    if (before !== undefined && after !== undefined) this.nat = translation(before, after);
  }
}

function bump<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
