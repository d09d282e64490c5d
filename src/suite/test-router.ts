// A router to try packets on: made from a ruleset and a router as people have them, it takes packet lines or frames and
// says what became of each. For programs and for tests (nftreplay/vitest); suites use the same parts.
import { ConfigError } from '../base/errors.ts';
import { REASONS } from '../event/reasons.ts';
import type { RouterSpec } from '../net/spec.ts';
import { list } from '../nft/listing.ts';
import { PATH_CLASSES, VERDICT_FORWARD, VERDICT_LOCAL, VERDICTS } from '../packet/packet.ts';
import { EmulatedRouter, type Passage } from '../replay/emulated-router.ts';
import type { OffloadMode } from '../replay/task.ts';
import type { PacketTrace } from '../replay/trace-steps.ts';
import { PacketBuilder } from './build-packet.ts';
import { checkPacket } from './check-packet.ts';
import { deciderNames, decidersOf } from './deciders.ts';
import { Environment, type LoadedRuleset } from './environment.ts';
import { withoutIcmpLimits } from './icmp-limits.ts';
import { inferForLines } from './infer-router.ts';
import { Link } from './link.ts';
import { Checklist, type Mismatch } from './mismatch.ts';
import type { PacketFields, PacketLine } from './packet-line.ts';
import { PacketLineError } from './packet-tokens.ts';
import { parsePacketLine } from './parse-packet.ts';
import { printPacket } from './print-packet.ts';
import { Scene } from './scene.ts';
import type { PacketExpectation, Settings } from './schema.ts';
import { datagramOf, type Translation, translation } from './translation.ts';

export interface TestRouterOptions {
  /** Path of an nft file, or its text (with a line break or a brace in it). */
  ruleset: string;
  /** Path of a router file, or its contents; absent: inferred from the ruleset and `lines`. */
  router?: string | Record<string, unknown>;
  /** Packet lines that show an inferred router its subnets; those that are sent first, say. */
  lines?: string[];
  include?: string[];
  define?: Record<string, string | number>;
  offload?: OffloadMode;
  /** Device to price for. */
  profile?: string;
  seed?: number;
  /** Time of the first packet, for meta hour and day. */
  clock?: Date;
}

/** What became of a packet, in the words that suites use. */
export interface TriedPacket {
  /** Whose packet it was. */
  router: TestRouter;
  /** As it was sent. */
  line: string;
  verdict: (typeof VERDICTS)[number];
  path: (typeof PATH_CLASSES)[number];
  /** Why it was dropped; '' when it was not. */
  reason: string;
  /** Rules, or policies when no rule did, that decided over it. */
  decidedBy: string[];
  /** Interfaces that frames left through because of it. */
  out: string[];
  /** The frames, as packet lines without an interface. */
  sent: { interface: string; frame: Uint8Array; line: string }[];
  nat: Translation | 'none' | undefined;
  mark: number;
  walk: PacketTrace | undefined;
  /** Several for x10 and fragments; the above is of the last. */
  passages: readonly Passage[];
}

/** One router with its state. */
export class TestRouter {
  readonly spec: RouterSpec;
  /** What was assumed about an inferred router. */
  readonly assumptions: string[];
  /** The packet sent last. */
  last: TriedPacket | undefined;
  readonly #loaded: LoadedRuleset;
  readonly #router: EmulatedRouter;
  readonly #scene: Scene;
  readonly #builder: PacketBuilder;
  readonly #link: Link;

  /** Throws NftError for the ruleset and its lines, ConfigError for the router. */
  constructor(options: TestRouterOptions) {
    const environment = new Environment();
    const settings: Settings = {
      ruleset: options.ruleset,
      ...(options.router === undefined ? {} : { router: options.router }),
      ...(options.include === undefined ? {} : { include: options.include }),
      ...(options.define === undefined ? {} : { define: options.define }),
      ...(options.profile === undefined ? {} : { profile: options.profile }),
    };
    this.#loaded = environment.ruleset(settings, '');
    const { ruleset } = this.#loaded.compiled;
    const given = environment.router(settings, 'router');
    const inferred = given === undefined ? inferForLines(ruleset, (options.lines ?? []).map(line)) : undefined;
    this.spec = given ?? (inferred as ReturnType<typeof inferForLines>).spec;
    this.assumptions = inferred?.assumptions ?? [];
    this.#router = new EmulatedRouter({
      ruleset,
      router: withoutIcmpLimits(this.spec),
      offload: options.offload ?? 'as-ruled',
      seed: options.seed ?? 1,
      epochNs: BigInt(options.clock?.getTime() ?? 0) * 1_000_000n,
      walks: true,
    });
    this.#scene = new Scene({
      router: this.#router,
      spec: this.spec,
      refs: this.#loaded.refs,
      profile: environment.profile(settings),
    });
    this.#link = new Link(this.spec);
    this.#builder = new PacketBuilder(this.#link);
  }

  /**
   * Sends a packet line ('lan0 < tcp 192.168.1.10:40000 > 198.51.100.7:443 S'). Throws ConfigError for a line that is none,
   * or that answers what was never sent.
   */
  send(text: string): TriedPacket {
    const packet = line(text);
    const { time } = packet;
    this.#builder.begin();
    const passages: Passage[] = [];
    for (let n = 0; n < packet.repeat; n++) {
      const nowNs = this.#router.timeNs;
      const isLater = time !== undefined && (n === 0 || time.isRelative);
      const atNs = isLater ? (time.isRelative ? nowNs + time.ns : time.ns) : nowNs;
      for (const frame of this.#build(packet)) {
        passages.push(this.#pass(frame.octets, packet.interface, atNs, frame.wireOctets));
      }
    }
    return this.#tried(text, passages);
  }

  /** Sends an Ethernet frame into an interface, `afterMs` milliseconds after the packet before. */
  sendFrame(frame: Uint8Array, interfaceName: string, afterMs = 0): TriedPacket {
    const text = printPacket(frame, { interface: interfaceName, link: this.#link, builder: this.#builder });
    this.#builder.begin();
    return this.#tried(text, [this.#pass(frame, interfaceName, this.#router.timeNs + afterMs * 1e6, frame.length)]);
  }

  /** Time goes on without a packet. */
  wait(seconds: number): void {
    this.#router.advance(this.#router.timeNs + seconds * 1e9);
  }

  /** What a suite's `expect` would find amiss with the packet. */
  check(tried: TriedPacket, expect: PacketExpectation): Mismatch[] {
    const list = new Checklist();
    const last = tried.passages[tried.passages.length - 1];
    if (last !== undefined) checkPacket(expect, { passages: tried.passages, last }, this.#scene, list);
    return list.mismatches;
  }

  /** The ruleset with its counters and sets as they stand, as `nft list ruleset` prints it. */
  listing(): string {
    return list(this.#loaded.compiled.ruleset, this.#router.state());
  }

  /** Connections as `conntrack -L -o extended` prints them. */
  conntrack(): string[] {
    return this.#router.conntrack();
  }

  get ruleset(): LoadedRuleset['compiled']['ruleset'] {
    return this.#loaded.compiled.ruleset;
  }

  #build(packet: PacketLine): ReturnType<PacketBuilder['build']> {
    try {
      return this.#builder.build(packet);
    } catch (error) {
      if (error instanceof ConfigError || !(error instanceof Error)) throw error;
      throw new ConfigError('packet', packet.text, error.message);
    }
  }

  #pass(frame: Uint8Array, interfaceName: string, atNs: number, wireOctets: number): Passage {
    const passage = this.#router.send(frame, interfaceName, atNs, wireOctets);
    const isAccepted = passage.verdict === VERDICT_FORWARD || passage.verdict === VERDICT_LOCAL;
    this.#builder.passed({ isAccepted, sent: passage.sent });
    return passage;
  }

  #tried(text: string, passages: Passage[]): TriedPacket {
    const last = passages[passages.length - 1] as Passage;
    const before = datagramOf(last.frame)?.body;
    const after = last.sent[0] === undefined ? undefined : datagramOf(last.sent[0].octets)?.body;
    const isForwarded = last.verdict === VERDICT_FORWARD && before !== undefined && after !== undefined;
    this.last = {
      router: this,
      line: text,
      verdict: VERDICTS[last.verdict] ?? 'drop',
      path: PATH_CLASSES[last.pathClass] ?? 'slow',
      reason: REASONS[last.reason]?.name ?? '',
      decidedBy: deciderNames(this.#loaded.refs, decidersOf(this.#scene, last)),
      out: [...new Set(last.sent.map((row) => row.interface))],
      sent: last.sent.map((row) => ({
        interface: row.interface,
        frame: row.octets,
        line: this.#sentLine(row.octets, row.interface),
      })),
      nat: isForwarded ? translation(before, after) : undefined,
      mark: last.mark >>> 0,
      walk: last.walk,
      passages,
    };
    return this.last;
  }

  /** Without addresses of the link: they are the router's and the neighbour's. */
  #sentLine(frame: Uint8Array, interfaceName: string): string {
    const detail = ({ from: _from, to: _to, ...fields }: PacketFields): PacketFields => fields;
    return printPacket(frame, { interface: interfaceName, link: this.#link, detail }).replace(/^\S+ < /, '');
  }
}

function line(text: string): PacketLine {
  try {
    return parsePacketLine(text);
  } catch (error) {
    if (!(error instanceof PacketLineError)) throw error;
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    throw new ConfigError('packet', `${text}:${error.start + 1}`, `${error.message}${hint}`);
  }
}
