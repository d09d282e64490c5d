// One replay on one thread: captures merged by time go through a router, and what happened is folded into a
// ReplayResult. Nothing here allocates per packet unless per-packet output was asked for.
import { DOUBLE_ZERO } from '../base/columns.ts';
import { NftreplayError } from '../base/errors.ts';
import { linkTypeName } from '../capture/linktype.ts';
import type { LiveOptions } from '../capture/live.ts';
import { CaptureMerge } from '../capture/merge.ts';
import type { CaptureReader } from '../capture/record.ts';
import { Router } from '../datapath/router.ts';
import { reasonIndex } from '../event/reasons.ts';
import { Recorder } from '../event/recorder.ts';
import { simplificationIndex } from '../event/simplifications.ts';
import type { Interface } from '../net/interfaces.ts';
import { conntrackLine, listedEntries } from '../netfilter/conntrack/listing.ts';
import { type ConntrackTable, ENTRY_TUPLE_WORDS } from '../netfilter/conntrack/table.ts';
import { TUPLE_WORDS } from '../netfilter/conntrack/tuple.ts';
import { RuleProbe } from '../netfilter/probe.ts';
import { Packet, VERDICT_DROP, VERDICT_FORWARD, VERDICT_LOCAL } from '../packet/packet.ts';
import { ARRIVED, CapturedOn, COPY, OWN } from './captured-on.ts';
import { ConnectionSamples } from './connection-samples.ts';
import { DropFold } from './drops.ts';
import { frameDigest, tupleDigest, writeEventRow } from './event-rows.ts';
import { FixChecksums } from './fix-checksums.ts';
import { FlowFold } from './flows.ts';
import { writeFrameRow } from './frame-rows.ts';
import { Ingress } from './ingress.ts';
import { FrameMatch } from './match.ts';
import type { ConntrackLine, InputFile, InputSummary, ReplayResult } from './result.ts';
import { Retranslate } from './retranslate.ts';
import { Shard } from './shard.ts';
import { SpillWriter } from './spill.ts';
import type { Progress, ReplayTask, RulesetSwap, TaskFailure } from './task.ts';
import { PacketTracer } from './trace.ts';
import { TraceCollector } from './trace-collector.ts';
import { mayTranslate, Untranslate } from './untranslate.ts';

const OUTGOING = reasonIndex('outgoing');
const LEFT_OUT = reasonIndex('left-out');
const EARLY_DROP = simplificationIndex('early-drop');
const OWN_PACKET = reasonIndex('own');
const ORIGIN_UNKNOWN = reasonIndex('origin-unknown');
const PACKET_OUTGOING = 4;
/** 200 years. */
const MAX_SPAN_NS = 6.3e18;
/** Packets between two reports of progress; a power of two. */
const PROGRESS_PACKETS = 1 << 15;

/** Replays a task to its end. Throws CaptureError when a capture is unusable; damage inside one ends up in the result. */
export async function runTask(
  task: ReplayTask,
  onProgress?: (progress: Progress) => void,
  live?: LiveOptions,
): Promise<ReplayResult> {
  const session = new Session(task, live);
  try {
    return await session.run(onProgress);
  } finally {
    await session.close();
  }
}

/** runTask for another thread: a user's error comes back as data. */
export async function runTaskOnThread(
  task: ReplayTask,
  onProgress?: (progress: Progress) => void,
): Promise<ReplayResult | TaskFailure> {
  try {
    return await runTask(task, onProgress);
  } catch (error) {
    if (!(error instanceof NftreplayError)) throw error;
    return { failure: { code: error.code, message: error.message } };
  }
}

class Session {
  readonly #task: ReplayTask;
  readonly #merge: CaptureMerge;
  readonly #packet = new Packet();
  readonly #recorder = new Recorder();
  readonly #drops = new DropFold();
  readonly #connections = new ConnectionSamples();
  readonly #shard: Shard | undefined;
  readonly #events: SpillWriter | undefined;
  readonly #frames: SpillWriter | undefined;
  readonly #trace: TraceCollector | undefined;
  readonly #probe: RuleProbe | undefined;
  /** Still to come. */
  #swap: RulesetSwap | undefined;
  #swappedBefore = 0;
  #capturedOn: CapturedOn | undefined;
  #router: Router | undefined;
  #isBetweenPackets = false;
  #baseSeconds = 0;
  #baseNanos = 0;
  #clockNs = DOUBLE_ZERO;
  #lastNs = DOUBLE_ZERO;
  /** Of the frames that the packet in hand caused; 0: none left, or not asked for. */
  #digest = 0;
  #packets = 0;
  #wireOctets = DOUBLE_ZERO;
  #cut = 0;
  #superPackets = 0;
  #partialChecksums = 0;
  #leftOut = 0;
  #forwarded = 0;
  #conntrackPeak = 0;
  #entered: number[] = [];
  readonly #filePackets: number[] = [];
  readonly #fileOctets: number[] = [];
  #left: { frames: number; octets: number }[] = [];

  constructor(task: ReplayTask, live: LiveOptions | undefined) {
    this.#task = task;
    this.#merge = new CaptureMerge(task.captures, live === undefined ? {} : { live });
    this.#shard = task.shard === undefined ? undefined : new Shard(task.shard.index, task.shard.of);
    this.#trace = task.trace === undefined ? undefined : new TraceCollector(task.trace, new PacketTracer(task.ruleset));
    this.#swap = task.swap;
    const asked = task.coverage?.probe ?? [];
    this.#probe = asked.length === 0 ? undefined : new RuleProbe(task.ruleset, asked);
    this.#events = task.eventsSpill === undefined ? undefined : new SpillWriter(task.eventsSpill);
    this.#frames = task.framesSpill === undefined ? undefined : new SpillWriter(task.framesSpill);
  }

  async run(onProgress?: (progress: Progress) => void): Promise<ReplayResult> {
    const merge = this.#merge;
    await merge.open();
    let loop: PacketLoop | undefined;
    for (;;) {
      while (merge.next()) {
        loop ??= this.#start();
        this.#replayOne(loop);
        if (this.#trace !== undefined && this.#isTraced(this.#trace)) return this.#result(loop);
        if ((this.#packets & (PROGRESS_PACKETS - 1)) === 0) {
          onProgress?.({ packets: this.#packets, octetsRead: merge.readBytes, octetsTotal: merge.totalBytes ?? 0 });
        }
      }
      if (this.#shard?.isExact === false || !(await merge.fill())) break;
    }
    loop ??= this.#start();
    this.#advance(loop.router);
    return this.#result(loop);
  }

  async close(): Promise<void> {
    this.#events?.close();
    this.#frames?.close();
    await this.#merge.close();
  }

  /** Everything that needs the time of the first packet. */
  #start(): PacketLoop {
    const task = this.#task;
    // Dates beyond what an int64 of nanoseconds holds are no dates.
    this.#baseSeconds = Math.max(-9e9, Math.min(9e9, this.#merge.timestampSeconds));
    this.#baseNanos = this.#merge.timestampNanos;
    const router = new Router({
      spec: task.router,
      ruleset: task.ruleset,
      recorder: this.#recorder,
      sink: this,
      seed: task.seed,
      epochNs: BigInt(this.#baseSeconds) * 1_000_000_000n + BigInt(this.#baseNanos),
      offload: task.offload,
      hardware: task.hardware,
      keepDropped: task.keepDropped,
      tracer: this.#trace?.tracer ?? this.#probe,
      countsElements: task.coverage !== undefined,
      countsWork: task.countsWork,
    });
    this.#trace?.attach(router, this.#recorder);
    this.#router = router;
    this.#entered = router.interfaces.list.map(() => 0);
    this.#left = router.interfaces.list.map(() => ({ frames: 0, octets: 0 }));
    if (task.capturedOn !== undefined) {
      const device = router.interfaces.byName(task.capturedOn);
      this.#capturedOn = new CapturedOn(router, device, mayTranslate(task.ruleset), !task.inferred);
    }
    const named = task.captures.map((source) =>
      source.ingress === undefined ? undefined : router.interfaces.byName(source.ingress),
    );
    return {
      router,
      ingress: new Ingress(task.router, router.interfaces, task.inferred),
      flows: new FlowFold(router.netfilter),
      untranslate:
        task.inferred && task.capturedOn === undefined && this.#mayTranslate()
          ? new Untranslate(router.netfilter.conntrack.table)
          : undefined,
      retranslate: task.ownAddress === undefined ? undefined : new Retranslate(task.ownAddress),
      fixChecksums: task.fixChecksums === true ? new FixChecksums() : undefined,
      match: task.match === undefined ? undefined : new FrameMatch(task.match, router),
      named,
      namedByInterface: new Map(),
    };
  }

  #mayTranslate(): boolean {
    const { ruleset, swap } = this.#task;
    return mayTranslate(ruleset) || (swap !== undefined && mayTranslate(swap.ruleset));
  }

  #replayOne(loop: PacketLoop): void {
    const task = this.#task;
    const record = this.#merge;
    const { source } = record;
    const packet = this.#packet;
    this.#packets++;
    const timeNs = clampTime(
      (record.timestampSeconds - this.#baseSeconds) * 1e9 + record.timestampNanos - this.#baseNanos,
    );
    if (timeNs > this.#lastNs) this.#lastNs = timeNs;
    let named = loop.named[source] ?? this.#namedByCapture(loop, source);
    this.#count(source, record.wireLength);
    loop.retranslate?.pass(record.data, record.start, record.end);
    // Time never runs backwards for the router, whatever the capture says.
    if (timeNs > this.#clockNs) this.#clockNs = timeNs;
    packet.number = this.#packets;
    packet.timeNs = this.#clockNs;
    this.#digest = 0;
    if (this.#swap !== undefined) this.#swapIfDue(loop.router, this.#swap);
    this.#advance(loop.router);
    if (this.#shard?.isMine(record.data, record.start, record.end) === false) {
      this.#connections.add(this.#packets, loop.router.netfilter.conntrack.table.count);
      return;
    }
    loop.fixChecksums?.pass(record.data, record.start, record.end, record.wireLength);
    this.#recorder.begin();
    if (this.#capturedOn !== undefined && loop.named[source] === undefined) {
      const { data, start, end, wireLength, packetType } = record;
      const from = this.#capturedOn.sort(data, start, end, wireLength, packetType, this.#packets, timeNs);
      if (from < 0) {
        this.#leaveOut(loop, timeNs, from === COPY ? OUTGOING : from === OWN ? OWN_PACKET : ORIGIN_UNKNOWN);
        return;
      }
      if (from !== ARRIVED) named = loop.router.interfaces.at(from);
      else if (task.capturedOn !== 'any') named = loop.router.interfaces.byName(task.capturedOn ?? '') ?? named;
    } else if (record.packetType === PACKET_OUTGOING && task.captures[source]?.hasOutgoingCopies === true) {
      this.#leaveOut(loop, timeNs, OUTGOING);
      return;
    }
    if (record.end - record.start < record.wireLength) this.#cut++;
    loop.untranslate?.undo(record.data, record.start, record.end);
    const device = loop.ingress.enter(record.data, record.start, record.end, named);
    const pushed = record.start - loop.ingress.start;
    packet.attach(record.data, loop.ingress.start, record.end, record.wireLength + pushed);
    const wireOctets = packet.wireLength;
    if (loop.match !== undefined && !this.#isMatched(loop.match, device.index)) {
      this.#account(loop, 0, timeNs, wireOctets, 0);
      return;
    }
    this.#trace?.begin(packet, device.index);
    loop.router.enter(packet, device.index);
    this.#trace?.end();
    this.#capturedOn?.settle(packet);
    this.#account(loop, device.index, timeNs, wireOctets, loop.router.outCount);
  }

  /** The record in hand is not replayed. */
  #leaveOut(loop: PacketLoop, timeNs: number, reason: number): void {
    const { data, start, end, wireLength } = this.#merge;
    const packet = this.#packet;
    packet.attach(data, start, end, wireLength);
    packet.verdict = VERDICT_DROP;
    packet.reason = reason;
    this.#account(loop, 0, timeNs, wireLength, 0);
  }

  /** False: --match leaves the attached packet out. */
  #isMatched(match: FrameMatch, ifindex: number): boolean {
    const packet = this.#packet;
    const { data, start, end, wireLength, number, timeNs } = packet;
    if (match.matches(data, start, end, wireLength, ifindex, number, timeNs)) return true;
    this.#leftOut++;
    packet.verdict = VERDICT_DROP;
    packet.reason = LEFT_OUT;
    return false;
  }

  /** No packet is left to be traced, and it is known that the ruleset forwards something (replay.ts asks). */
  #isTraced(trace: TraceCollector): boolean {
    if (this.#packet.verdict === VERDICT_FORWARD) this.#forwarded++;
    return trace.isDone(this.#packets) && (this.#forwarded > 0 || !this.#task.inferred || this.#task.keepDropped);
  }

  /** The router's time goes on to the swap, then the second ruleset holds. */
  #swapIfDue(router: Router, { ruleset, at, keeps }: RulesetSwap): void {
    const now = this.#clockNs;
    if ('packet' in at) {
      if (this.#packets < at.packet) return;
    } else {
      const base = BigInt(this.#baseSeconds) * 1_000_000_000n + BigInt(this.#baseNanos);
      const dueNs = 'afterNs' in at ? at.afterNs : Number(BigInt(at.atNs) - base);
      if (now < dueNs) return;
      router.advance(Math.max(0, dueNs));
    }
    router.swap(ruleset, keeps);
    this.#swap = undefined;
    this.#swappedBefore = this.#packets;
  }

  /** For every packet on every thread, before its path begins: what time brings is nobody's path. */
  #advance(router: Router): void {
    this.#isBetweenPackets = true;
    router.advance(this.#clockNs);
    this.#isBetweenPackets = false;
  }

  /** A pcapng interface with the name of a router interface is that interface. */
  #namedByCapture(loop: PacketLoop, source: number): Interface | undefined {
    const key = source * 65_536 + this.#merge.interfaceIndex;
    const known = loop.namedByInterface.get(key);
    if (known !== undefined) return known ?? undefined;
    const name = this.#merge.readers[source]?.interfaces[this.#merge.interfaceIndex]?.name ?? '';
    const device = name === '' ? undefined : loop.router.interfaces.byName(name);
    loop.namedByInterface.set(key, device ?? null);
    return device;
  }

  #count(source: number, wireOctets: number): void {
    this.#wireOctets += wireOctets;
    this.#filePackets[source] = (this.#filePackets[source] ?? 0) + 1;
    this.#fileOctets[source] = (this.#fileOctets[source] ?? 0) + wireOctets;
  }

  #account(loop: PacketLoop, ifindex: number, timeNs: number, wireOctets: number, outCount: number): void {
    const packet = this.#packet;
    const path = this.#recorder.end(packet.pathClass, packet.verdict, wireOctets, packet.number);
    this.#entered[ifindex] = (this.#entered[ifindex] ?? 0) + 1;
    if (packet.isSuperPacket) this.#superPackets++;
    if (packet.checksumPartial) this.#partialChecksums++;
    const table = loop.router.netfilter.conntrack.table;
    this.#connections.add(packet.number, table.count);
    if (table.count > this.#conntrackPeak) this.#conntrackPeak = table.count;
    if (packet.verdict === VERDICT_LOCAL && packet.ct >= 0) loop.flows.markLocal(packet.ct);
    if (packet.verdict !== VERDICT_FORWARD && packet.reason !== 0 && packet.reason !== LEFT_OUT) {
      this.#drops.add(packet.reason, packet.reasonDetail, wireOctets);
    }
    if (this.#events === undefined) return;
    writeEventRow(
      this.#events,
      {
        packet: packet.number,
        timeNs,
        ifindex,
        verdict: packet.verdict,
        pathClass: packet.pathClass,
        reason: packet.reason,
        detail: packet.reasonDetail,
        path,
        wireOctets,
        flow: packet.ct >= 0 ? (table.flowNumber[packet.ct] as number) : 0,
        digest: this.#digest,
        mark: packet.mark,
        ctMark: packet.ct >= 0 ? (table.mark[packet.ct] as number) : 0,
        nat: this.#task.digests && packet.ct >= 0 ? natDigest(table, packet.ct) : 0,
      },
      loop.router.outs,
      outCount,
    );
  }

  /** FrameSink of the router: a frame leaves. */
  frame(ifindex: number, data: Uint8Array, start: number, end: number, wireLength: number): void {
    const row = this.#left[ifindex];
    if (row !== undefined) {
      row.frames++;
      row.octets += wireLength;
    }
    // Time's frames of several threads have no order.
    if (this.#isBetweenPackets && this.#shard !== undefined) this.#shard.isExact = false;
    if (this.#task.digests) this.#digest = frameDigest(this.#digest, ifindex, data, start, end);
    if (!this.#isBetweenPackets) this.#capturedOn?.sent(ifindex, data, start, end);
    this.#trace?.tracer.frame(ifindex, data, start, end, wireLength);
    if (this.#frames === undefined || this.#task.framesOf?.has(this.#packet.number) === false) return;
    writeFrameRow(this.#frames, this.#packet.number, this.#packet.timeNs, ifindex, data, start, end, wireLength);
  }

  #result(loop: PacketLoop): ReplayResult {
    const { router, flows } = loop;
    const table = router.netfilter.conntrack.table;
    const conntrack = this.#task.listsConntrack ? this.#conntrackLines(router) : [];
    for (let entry = 0; entry < table.bound; entry++) if ((table.flowNumber[entry] as number) > 0) flows.fold(entry);
    return {
      input: this.#inputSummary(loop),
      paths: this.#recorder.table(),
      names: router.netfilter.names(),
      drops: this.#drops.counts(),
      flows: flows.summary(),
      left: this.#left,
      state: router.netfilter.state(),
      conntrack,
      connections: this.#connections.counts(),
      conntrackBound: this.#conntrackPeak,
      conntrackLimit: table.maximum,
      simplified: this.#simplified(table.earlyDrops),
      overflowPackets: this.#recorder.overflowPackets,
      ...(this.#trace === undefined ? {} : { trace: this.#trace.result() }),
      ...(this.#swappedBefore === 0 ? {} : { swappedBefore: this.#swappedBefore }),
      ...(this.#probe === undefined ? {} : { probes: this.#probe.counts() }),
      ...(this.#capturedOn === undefined ? {} : { capturedOn: this.#capturedOn.summary }),
      ...(this.#shard === undefined ? {} : { icmp: router.icmpUsage() }),
      isExact: this.#shard?.isExact ?? true,
    };
  }

  #simplified(earlyDrops: number): number[] {
    const counts = [...this.#recorder.simplifications];
    counts[EARLY_DROP] = earlyDrops;
    return counts;
  }

  #conntrackLines({ netfilter }: Router): ConntrackLine[] {
    const { table } = netfilter.conntrack;
    const accounting = netfilter.conntrack.accounting.enabled;
    return listedEntries(table, this.#clockNs).map((entry) => ({
      firstPacket: table.firstPacket[entry] as number,
      line: conntrackLine(table, entry, this.#clockNs, { accounting, helperNames: netfilter.helperNames }),
    }));
  }

  #inputSummary(loop: PacketLoop): InputSummary {
    const first = BigInt(this.#baseSeconds) * 1_000_000_000n + BigInt(this.#baseNanos);
    return {
      files: this.#merge.readers.map((reader, index) => this.#inputFile(reader, index)),
      notes: this.#merge.notes(),
      packets: this.#packets,
      wireOctets: this.#wireOctets,
      ...(this.#packets > 0 ? { firstTimeNs: String(first) } : {}),
      durationNs: this.#lastNs,
      entered: this.#entered,
      cut: this.#cut,
      superPackets: this.#superPackets,
      partialChecksums: this.#partialChecksums,
      checksums: this.#recorder.checksums.rows(),
      fixedChecksums: loop.fixChecksums?.packets ?? 0,
      untranslated: loop.untranslate?.packets ?? 0,
      retranslated: loop.retranslate?.packets ?? 0,
      stripped: loop.ingress.stripped,
      leftOut: this.#leftOut,
    };
  }

  #inputFile(reader: CaptureReader, index: number): InputFile {
    const { damage } = reader;
    return {
      path: reader.path,
      packets: this.#filePackets[index] ?? 0,
      wireOctets: this.#fileOctets[index] ?? 0,
      linkTypes: [...new Set(reader.interfaces.map((row) => linkTypeName(row.linkType)))],
      ...(damage === undefined ? {} : { damage: { offsetBytes: damage.offsetBytes, message: damage.message } }),
    };
  }
}

/** A corrupt timestamp can say anything: nothing is further than MAX_SPAN_NS from the first packet. */
function clampTime(timeNs: number): number {
  return Math.max(-MAX_SPAN_NS, Math.min(MAX_SPAN_NS, timeNs));
}

/** Of what answers to the connection look like: tells whether two replays translated it alike. */
function natDigest({ tuples }: ConntrackTable, entry: number): number {
  const reply = entry * ENTRY_TUPLE_WORDS + TUPLE_WORDS;
  return tupleDigest(tuples, reply, reply + TUPLE_WORDS);
}

interface PacketLoop {
  router: Router;
  ingress: Ingress;
  flows: FlowFold;
  untranslate: Untranslate | undefined;
  retranslate: Retranslate | undefined;
  fixChecksums: FixChecksums | undefined;
  /** --match. */
  match: FrameMatch | undefined;
  /** By capture: the interface of `--in`. */
  named: (Interface | undefined)[];
  /** By capture and capture interface: the router interface of the same name; null: there is none. */
  namedByInterface: Map<number, Interface | null>;
}
