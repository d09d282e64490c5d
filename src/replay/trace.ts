// One packet's walk through a router, step by step: what nft_trace_packet says, and what the recorder, the built-in hooks
// and the frames that leave say beside it. Only packets that are begun are watched; a walk keeps MAX_STEPS steps.
//
// Use: new PacketTracer(ruleset); new Router({ …, tracer }); tracer.attach(router, recorder); then for a packet that was
// attached: recorder.begin(), tracer.begin(packet, ifindex), router.process(packet, ifindex), tracer.end(). The frame sink
// hands frames on to tracer.frame().
import { u32 } from '../base/columns.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Router } from '../datapath/router.ts';
import { REASONS } from '../event/reasons.ts';
import type { Recorder } from '../event/recorder.ts';
import { REFUSALS } from '../event/refusals.ts';
import { EVENTS, type EventName, HOOK_NAMES } from '../event/vocabulary.ts';
import { IPS_CONFIRMED } from '../netfilter/conntrack/status.ts';
import { NFT_BREAK, NFT_CONTINUE, NFT_GOTO, NFT_JUMP, NFT_RETURN } from '../netfilter/evaluate/codes.ts';
import type { Evaluation } from '../netfilter/evaluate/evaluation.ts';
import type { PreparedChain, PreparedRule } from '../netfilter/evaluate/prepared.ts';
import { packetRefusal } from '../netfilter/flowtable/offload.ts';
import type { Tracer } from '../netfilter/tracer.ts';
import { NF_ACCEPT, NF_DROP, NF_QUEUE, NF_QUEUE_ACCEPTED, NF_STOLEN } from '../netfilter/verdict.ts';
import type { Packet } from '../packet/packet.ts';
import * as P from '../packet/packet.ts';
import { tracedConnection } from './trace-connection.ts';
import { eventStep } from './trace-events.ts';
import { type FrameFields, fieldChanges, frameFields, frameSummary, packetFields } from './trace-frame.ts';
import { tracedHeaders } from './trace-headers.ts';
import { type PlacedChain, type PlacedRule, RulePlaces } from './trace-rules.ts';
import type { PacketTrace, TracedConnection, TraceStep, TraceStepDetail } from './trace-steps.ts';

/** More steps of one walk are counted, not kept. */
const MAX_STEPS = 4096;
/** Octets of the frame that are kept to compare what leaves. */
const KEPT_OCTETS = 256;
const VERDICT_NAMES: Readonly<Record<number, string>> = {
  [NF_DROP]: 'drop',
  [NF_ACCEPT]: 'accept',
  [NF_STOLEN]: 'stolen',
  [NF_QUEUE]: 'queue',
  [NF_QUEUE_ACCEPTED]: 'queue',
  [NFT_CONTINUE]: 'continue',
  [NFT_JUMP]: 'jump',
  [NFT_GOTO]: 'goto',
  [NFT_RETURN]: 'return',
};
const NOT_SHOWN = 0;
const SHOWN = 1;
const SHOWN_MARKED = 2;
const CT_STATES = ['established', 'related', 'new', 'invalid', 'untracked'] as const;
const GENERATED: Partial<Record<EventName, string>> = {
  reject: 'tcp reset',
  'icmp-error': 'icmp error',
  'icmp-reply': 'echo reply',
};

/** Told by a Router; makes PacketTrace objects. One for a router. */
export class PacketTracer implements Tracer {
  isActive = false;
  readonly #places: RulePlaces;
  #router: Router | undefined;
  #recorder: Recorder | undefined;
  #packet: Packet | undefined;
  #steps: TraceStep[] = [];
  #omitted = 0;
  #entered = { interface: '', octets: 0, summary: '', number: 0, timeNs: 0 };
  #before: FrameFields = new Map();
  #generated = 0;
  /** Whether the base chain in hand has shown the packet; of nested ones too (a reject's RST). */
  #shown: number[] = [];
  #missed: { from: number; to: number } | undefined;
  #connection: TracedConnection | undefined;
  #judged = -1;
  #wasConfirmed = false;
  #natFields: FrameFields = new Map();
  #natRule: PlacedRule | undefined;
  #natEvents = 0;

  constructor(ruleset: Ruleset) {
    this.#places = new RulePlaces(ruleset);
  }

  /** Before the first packet. */
  attach(router: Router, recorder: Recorder): void {
    this.#router = router;
    this.#recorder = recorder;
    recorder.listen((kind, argument) => {
      if (this.isActive) this.#event(EVENTS[kind]?.name as EventName, argument);
    });
  }

  /** The attached packet is about to enter the router; the recorder has begun it. */
  begin(packet: Packet, ifindex: number): void {
    const { data, start, end } = packet;
    this.isActive = true;
    this.#packet = packet;
    this.#steps = [];
    this.#omitted = 0;
    this.#generated = 0;
    this.#shown = [];
    this.#missed = undefined;
    this.#judged = -1;
    this.#natRule = undefined;
    this.#before = frameFields(data, start, Math.min(end, start + KEPT_OCTETS));
    this.#entered = {
      interface: this.#interfaceName(ifindex),
      octets: packet.wireLength,
      summary: frameSummary(data, start, end),
      number: packet.number,
      timeNs: packet.timeNs,
    };
  }

  /** The router is done with the packet: its walk. */
  end(): PacketTrace {
    const packet = this.#packet as Packet;
    this.isActive = false;
    this.#push({ kind: 'end' });
    const { number, ...entered } = this.#entered;
    const table = this.#router?.netfilter.conntrack.table;
    return {
      packet: number,
      ...entered,
      steps: this.#steps,
      omitted: this.#omitted,
      words: this.#recorder?.current().slice() ?? new Uint32Array(0),
      verdict: P.VERDICTS[packet.verdict] ?? 'drop',
      path: P.PATH_CLASSES[packet.pathClass] ?? 'slow',
      reason: REASONS[packet.reason]?.name ?? '',
      flow: table !== undefined && packet.ct >= 0 ? (table.flowNumber[packet.ct] as number) : 0,
    };
  }

  /** A frame leaves (FrameSink of the router). */
  frame(ifindex: number, data: Uint8Array, start: number, end: number, wireLength: number): void {
    if (!this.isActive) return;
    const packet = this.#packet as Packet;
    const isOwn = data === packet.data || this.#generated === 0;
    const after = frameFields(data, start, end);
    this.#push({
      kind: 'sent',
      interface: this.#interfaceName(ifindex),
      octets: wireLength,
      summary: frameSummary(data, start, end),
      ...(isOwn ? { changes: fieldChanges(this.#before, after) } : {}),
    });
  }

  baseChain(_run: Evaluation, _base: PreparedChain): void {
    this.#shown.push(NOT_SHOWN);
    this.#missed = undefined;
  }

  rule(run: Evaluation, rule: PreparedRule, code: number, evaluated: number): void {
    const placed = this.#places.rules[rule.index] as PlacedRule;
    if (code === NFT_BREAK) {
      this.#break(run, rule.index, placed, evaluated);
      return;
    }
    if (code !== NF_STOLEN) this.#show(run, placed);
    this.#push({
      kind: 'rule',
      ...this.#where(run, placed),
      rule: rule.index,
      place: placed.place,
      handle: placed.rule.handle,
      ...(placed.rule.location === undefined ? {} : { location: placed.rule.location }),
      verdict: VERDICT_NAMES[code] ?? `verdict ${code}`,
      ...(code === NFT_JUMP || code === NFT_GOTO ? { target: run.target?.name ?? '' } : {}),
      ...this.#takeMissed(),
    });
    if (placed.chain.base?.type === 'nat' || code >= 0) this.#natRule = placed;
    if (code >= 0) this.#shown.pop();
  }

  chainEnd(run: Evaluation, chain: PreparedChain): void {
    const placed = this.#places.chains[chain.index] as PlacedChain;
    this.#show(run, placed);
    const base = placed.chain.base !== undefined;
    this.#push({ kind: 'chain-end', ...this.#where(run, placed), base, ...this.#takeMissed() });
  }

  policy(run: Evaluation, base: PreparedChain): void {
    const placed = this.#places.chains[base.index] as PlacedChain;
    this.#show(run, placed);
    this.#push({
      kind: 'policy',
      ...this.#where(run, placed),
      policy: base.policy === NF_DROP ? 'drop' : 'accept',
      mark: run.packet.mark >>> 0,
    });
    this.#shown.pop();
  }

  enter(hook: number, name: string, packet: Packet): void {
    if (name === 'conntrack') this.#judged = -1;
    else if (name === 'confirm') {
      const table = this.#router?.netfilter.conntrack.table;
      this.#wasConfirmed = table === undefined || packet.ct < 0 || (u32(table.status, packet.ct) & IPS_CONFIRMED) !== 0;
    } else if (name === 'nat') {
      this.#natFields = packetFields(packet);
      this.#natRule = undefined;
      this.#natEvents = this.#recorder?.length ?? 0;
    }
    void hook;
  }

  leave(hook: number, name: string, packet: Packet, verdict: number): void {
    switch (name) {
      case 'conntrack':
        this.#tracked(packet);
        return;
      case 'defrag':
        // What leaves is compared with the whole datagram, not with its last fragment.
        if (packet.fragmentCount > 0) this.#before = new Map([...this.#before, ...packetFields(packet)]);
        return;
      case 'confirm':
        if (!this.#wasConfirmed && verdict === NF_ACCEPT) {
          this.#push({ kind: 'confirm', connection: this.#connectionOf(packet) });
        }
        return;
      case 'nat':
        this.#translated(hook, packet);
        return;
    }
  }

  judge(entry: number, _direction: number): void {
    const table = this.#router?.netfilter.conntrack.table;
    if (table === undefined) return;
    this.#judged = entry;
    this.#connection = tracedConnection(table, entry, (this.#packet as Packet).timeNs);
  }

  /** What the recorder was told: the steps between the hooks' own. */
  #event(name: EventName, argument: number): void {
    const packet = this.#packet as Packet;
    switch (name) {
      case 'defrag-reassemble':
        // The fragment waited for nothing.
        if (this.#steps.at(-1)?.kind === 'defrag') this.#steps.pop();
        this.#push({ kind: 'defrag', outcome: 'whole', octets: packet.networkLength });
        return;
      case 'flow-hit':
        this.#fast('hit', packet);
        return;
      case 'hardware': {
        // The CPU saw nothing of it: only the frame that left happened.
        const sent = this.#steps.filter((step) => step.kind === 'sent');
        this.#steps = [];
        this.#fast('hardware', packet);
        this.#steps.push(...sent.map((step) => ({ ...step, events: 1 })));
        return;
      }
      case 'reject':
      case 'icmp-error':
      case 'icmp-reply':
        this.#generated++;
        this.#push({ kind: 'generate', what: GENERATED[name] ?? name, origin: this.#generated });
        return;
      case 'drop':
        this.#push(this.#dropStep(argument));
        return;
      default: {
        // Other events are parts of steps: their cost goes to the step that ends next.
        const step = eventStep(name, argument, packet, this.#router as Router);
        if (step !== undefined) this.#push(step);
      }
    }
  }

  #push(step: TraceStepDetail, events = this.#recorder?.length ?? 0): void {
    if (this.#steps.length >= MAX_STEPS && step.kind !== 'end') this.#omitted++;
    else this.#steps.push({ ...step, events });
  }

  #where(run: Evaluation, { table, chain }: PlacedChain) {
    return {
      family: table.family,
      table: table.name,
      chain: chain.name,
      origin: this.#origin(run.packet),
      marked: run.packet.nftrace,
    };
  }

  #origin(packet: Packet): number {
    return packet === this.#packet ? 0 : Math.max(1, this.#generated);
  }

  /**
   * The packet as it is now, once a base chain; once more when a rule marks it (`meta nftrace set 1`) after that, since the
   * kernel shows it for the first time then.
   */
  #show(run: Evaluation, placed: PlacedChain): void {
    const top = this.#shown.length - 1;
    const before = this.#shown[top];
    const now = run.packet.nftrace ? SHOWN_MARKED : SHOWN;
    if (before === undefined || before >= now) return;
    this.#shown[top] = now;
    const { interfaces } = this.#router as Router;
    const headers = tracedHeaders(run, interfaces);
    const again = before === SHOWN ? { again: true } : {};
    // What was recorded since the last step is the price of the rule that speaks first.
    this.#push({ kind: 'packet', ...this.#where(run, placed), headers, ...again }, this.#steps.at(-1)?.events ?? 0);
  }

  /** A rule that did not match; `flow add` says why. */
  #break(run: Evaluation, rule: number, placed: PlacedRule, evaluated: number): void {
    const { place } = placed;
    if (this.#missed === undefined) this.#missed = { from: place, to: place };
    else this.#missed.to = place;
    const last = placed.rule.expressions[evaluated - 1];
    const router = this.#router;
    if (last?.kind !== 'flow-offload' || router === undefined) return;
    const { table } = router.netfilter.conntrack;
    const { ct } = run.packet;
    let refusal = packetRefusal(run.packet, table, ct);
    if (REFUSALS[refusal]?.name === 'offloaded' && ct >= 0) refusal = table.offloadRefusal[ct] as number;
    const name = REFUSALS[refusal]?.name;
    if (name === undefined) return;
    const { location } = placed.rule;
    this.#push({ kind: 'not-offloaded', refusal: name, rule, ...(location === undefined ? {} : { location }) });
  }

  #takeMissed(): { missed?: { from: number; to: number } } {
    const missed = this.#missed;
    this.#missed = undefined;
    return missed === undefined ? {} : { missed };
  }

  #tracked(packet: Packet): void {
    const isJudged = this.#judged >= 0;
    const state = CT_STATES[packet.ctInfo] ?? 'invalid';
    if (packet.ct < 0) {
      const outcome = packet.ctInfo === P.CT_UNTRACKED ? 'untracked' : 'invalid';
      this.#push({
        kind: 'conntrack',
        outcome,
        direction: 'original',
        state,
        ...(isJudged && this.#connection !== undefined ? { before: this.#connection } : {}),
      });
      return;
    }
    const isNew = this.#connection !== undefined && isJudged && !this.#connection.status.includes('CONFIRMED');
    const isFirst = isNew && packet.ctDirection === 0;
    this.#push({
      kind: 'conntrack',
      outcome: !isJudged ? 'related' : isFirst ? 'new' : 'found',
      direction: packet.ctDirection === 0 ? 'original' : 'reply',
      state,
      ...(isJudged && !isFirst && this.#connection !== undefined ? { before: this.#connection } : {}),
      after: this.#connectionOf(packet),
    });
    if (isJudged && this.#connection?.status.includes('OFFLOAD') === true) this.#push(this.#slow(packet));
  }

  /** Why the fast path left a packet of an offloaded connection to the slow one (nf_flow_offload_ip_hook's guards). */
  #slow(packet: Packet): TraceStepDetail {
    if (!this.#steps.some((step) => step.kind === 'flowtable')) return { kind: 'slow', why: 'device' };
    if (packet.fragmentCount > 0 || packet.fragmentOffset > 0 || packet.moreFragments) {
      return { kind: 'slow', why: 'fragment' };
    }
    if (packet.hopLimit <= 1) return { kind: 'slow', why: 'ttl' };
    return { kind: 'slow', why: packet.hasOptions ? 'ip-options' : 'other' };
  }

  #connectionOf(packet: Packet): TracedConnection {
    return tracedConnection((this.#router as Router).netfilter.conntrack.table, packet.ct, packet.timeNs);
  }

  #translated(hook: number, packet: Packet): void {
    const changes = fieldChanges(this.#natFields, packetFields(packet));
    const words = this.#recorder?.current().subarray(this.#natEvents) ?? [];
    const setup = [...words].some((word) => EVENTS[word >>> 26]?.name === 'nat-setup');
    if (!setup && changes.length === 0) return;
    const rule = changes.length > 0 && setup ? this.#natRule : undefined;
    this.#push({
      kind: 'nat',
      hook: HOOK_NAMES[hook] ?? '',
      setup,
      ...(rule === undefined ? {} : { rule: this.#places.rules.indexOf(rule) }),
      ...(rule?.rule.location === undefined ? {} : { location: rule.rule.location }),
      changes,
    });
  }

  #fast(outcome: 'hit' | 'hardware', packet: Packet): void {
    const version = this.#before.has('ip6 saddr') || packet.ipVersion === 6 ? 6 : 4;
    this.#push({ kind: 'flowtable', flowtable: '', outcome, bypassed: this.#places.forwarding(version) });
  }

  #dropStep(argument: number): TraceStepDetail {
    const reason = REASONS[argument]?.name ?? '';
    const steps = this.#steps;
    if (reason === 'policy') {
      const last = steps.findLast((step) => step.kind === 'policy');
      const chain = last === undefined ? undefined : `${last.family} ${last.table} ${last.chain}`;
      return { kind: 'drop', reason, ...(chain === undefined ? {} : { chain }) };
    }
    if (reason !== 'rule' && reason !== 'reject' && reason !== 'queue') return { kind: 'drop', reason };
    const last = steps.findLast((step) => step.kind === 'rule');
    return {
      kind: 'drop',
      reason,
      ...(last === undefined ? {} : { rule: last.rule, chain: `${last.family} ${last.table} ${last.chain}` }),
      ...(last?.location === undefined ? {} : { location: last.location }),
    };
  }

  #interfaceName(ifindex: number): string {
    return this.#router?.interfaces.list[ifindex]?.name ?? '';
  }
}
