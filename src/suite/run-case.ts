// One case: a fresh router, its packets or captures, its expectations. When something is not as expected, the case runs
// again and keeps the walks of the packets in question: the same inputs give the same walk.
import { type NftError, NftreplayError } from '../base/errors.ts';
import { reasonIndex } from '../event/reasons.ts';
import { VERDICT_FORWARD, VERDICT_LOCAL } from '../packet/packet.ts';
import { type Emulation, emulateCaptures } from '../replay/emulate-captures.ts';
import { EmulatedRouter, type Passage } from '../replay/emulated-router.ts';
import type { PacketTrace } from '../replay/trace-steps.ts';
import { PacketBuilder } from './build-packet.ts';
import { checkPacket } from './check-packet.ts';
import { checkState } from './check-state.ts';
import { checkTally } from './check-tally.ts';
import { clockNs, type Environment, type LoadedRuleset } from './environment.ts';
import { FlowTallies } from './flow-tallies.ts';
import { withoutIcmpLimits } from './icmp-limits.ts';
import { inferForLines } from './infer-router.ts';
import { Link } from './link.ts';
import { Checklist } from './mismatch.ts';
import type { CaseResult, Failure } from './result.ts';
import { Scene } from './scene.ts';
import type { PacketStep, Suite, SuiteCase } from './suite-file.ts';
import { Tally } from './tally.ts';

const OUTGOING = reasonIndex('outgoing');

/** A failure whose walk is still to be fetched. */
interface Found {
  failure: Failure;
  /** Number of the packet in question; 0: none. */
  packet: number;
}

/** Runs a case. Throws NftreplayError when it cannot be run at all: ruleset, router, capture. */
export async function runCase(suite: Suite, one: SuiteCase, environment: Environment): Promise<CaseResult> {
  const { source } = suite;
  const loaded = environment.ruleset(one.settings, suite.file);
  const result: CaseResult = {
    name: one.name,
    location: source.location([...one.path, 'name']),
    status: 'passed',
    ruleset: loaded.name,
    packets: 0,
    checked: 0,
    failures: [],
    assumptions: [],
    compiled: loaded.compiled.ruleset,
  };
  if (one.skip !== undefined) return { ...result, status: 'skipped', note: one.skip };
  const run = new CaseRun(suite, one, environment, loaded);
  try {
    const found = await run.run(result, undefined);
    const wanted = new Set(found.map((row) => row.packet).filter((packet) => packet > 0));
    if (wanted.size > 0) {
      await run.run({ ...result }, wanted);
      for (const { failure, packet } of found) {
        const walk = run.walks.get(packet);
        if (walk !== undefined) failure.walk = walk;
      }
    }
    result.failures = found.map((row) => row.failure);
    if (found.length > 0) result.status = 'failed';
  } catch (error) {
    if (!(error instanceof CaseError)) throw error;
    result.status = 'error';
    result.note = error.message;
    result.location = error.location.location;
  }
  return result;
}

/** What a line asks for cannot be done: an answer to nothing. */
class CaseError extends Error {
  readonly location: NftError;
  constructor(location: NftError) {
    super(location.message.replace(/^[^:]*:\d+:\d+: /, ''));
    this.location = location;
  }
}

class CaseRun {
  readonly walks = new Map<number, PacketTrace>();
  readonly #suite: Suite;
  readonly #case: SuiteCase;
  readonly #environment: Environment;
  readonly #loaded: LoadedRuleset;

  constructor(suite: Suite, one: SuiteCase, environment: Environment, loaded: LoadedRuleset) {
    this.#suite = suite;
    this.#case = one;
    this.#environment = environment;
    this.#loaded = loaded;
  }

  /** Runs it, fills in the result's counts, and returns what was not as expected; `walks`: packets whose walks are kept. */
  async run(result: CaseResult, walks: ReadonlySet<number> | undefined): Promise<Found[]> {
    const { packets } = this.#case;
    return packets === undefined ? this.#runCaptures(result, walks) : this.#runPackets(packets, result, walks);
  }

  #runPackets(steps: PacketStep[], result: CaseResult, walks: ReadonlySet<number> | undefined): Found[] {
    const { settings, path } = this.#case;
    const { ruleset } = this.#loaded.compiled;
    const given = this.#environment.router(settings, this.#suite.file);
    const { spec, assumptions } =
      given === undefined
        ? inferForLines(
            ruleset,
            steps.map((step) => step.line),
          )
        : { spec: given, assumptions: [] };
    result.assumptions = assumptions;
    const router = new EmulatedRouter({
      ruleset,
      router: withoutIcmpLimits(spec),
      offload: settings.offload ?? 'as-ruled',
      seed: settings.seed ?? 1,
      epochNs: clockNs(settings, this.#suite.source, path),
      knownConnections: settings['known-connections'] ?? false,
      walks: walks ?? false,
    });
    const scene = this.#scene(router, spec);
    const builder = new PacketBuilder(new Link(spec));
    const flows = new FlowTallies(this.#case.flows, router, this.#suite.source);
    const totals = new Tally();
    const found: Found[] = [];
    for (const [index, step] of steps.entries()) {
      const passages = this.#send(step, builder, router);
      for (const passage of passages) {
        this.#keep(passage);
        totals.add(passage, scene);
        flows.add(passage, scene);
      }
      const last = passages[passages.length - 1];
      if (step.expect === undefined || last === undefined) continue;
      const list = new Checklist();
      checkPacket(step.expect, { passages, last }, scene, list);
      result.checked += list.checked;
      for (const mismatch of list.mismatches) {
        const keys = step.isShorthand ? [] : mismatch.keys;
        found.push({
          failure: this.#failure(
            [...step.expectPath, ...keys],
            `packet ${index + 1}`,
            mismatch.keys,
            mismatch,
            step.line.text,
          ),
          packet: last.number,
        });
      }
    }
    result.packets = totals.packets;
    return [...found, ...this.#checkRest(result, scene, flows, totals)];
  }

  async #runCaptures(result: CaseResult, walks: ReadonlySet<number> | undefined): Promise<Found[]> {
    const { settings, captures = [] } = this.#case;
    const router = this.#environment.router(settings, this.#suite.file);
    let scene: Scene | undefined;
    let flows: FlowTallies | undefined;
    let totals = new Tally();
    const emulation: Emulation = await emulateCaptures(
      {
        ruleset: this.#loaded.compiled.ruleset,
        captures: this.#environment.captures(captures, this.#suite.file),
        ...(router === undefined ? {} : { router }),
        offload: settings.offload ?? 'as-ruled',
        seed: settings.seed ?? 1,
        ...(settings['known-connections'] === undefined ? {} : { knownConnections: settings['known-connections'] }),
        ...(settings['fix-checksums'] === true ? { fixChecksums: true } : {}),
        ...(this.#case.match === undefined ? {} : { match: this.#case.match }),
        walks: walks ?? false,
      },
      {
        begin: (made, spec) => {
          scene = this.#scene(made, spec);
          flows = new FlowTallies(this.#case.flows, made, this.#suite.source);
          totals = new Tally();
        },
        passage: (passage) => {
          this.#keep(passage);
          if (scene === undefined) return;
          totals.add(passage, scene);
          flows?.add(passage, scene);
        },
      },
    );
    totals.addOutgoing(emulation.outgoing, OUTGOING);
    result.packets = totals.packets;
    result.assumptions = emulation.assumptions;
    if (emulation.damages.length > 0) result.damages = emulation.damages;
    return scene === undefined || flows === undefined ? [] : this.#checkRest(result, scene, flows, totals);
  }

  /** The packets of a step, one passage each. */
  #send(step: PacketStep, builder: PacketBuilder, router: EmulatedRouter): Passage[] {
    const { line, path } = step;
    const { source } = this.#suite;
    builder.begin();
    if (router.interfaces.byName(line.interface) === undefined) {
      const known = router.interfaces.list.slice(1).map((row) => row.name);
      throw source.error(path, `the router has no interface '${line.interface}' (it has ${known.join(', ')})`);
    }
    const passages: Passage[] = [];
    const { time } = line;
    for (let n = 0; n < line.repeat; n++) {
      const startNs = router.timeNs;
      let atNs = startNs;
      if (time !== undefined && (n === 0 || time.isRelative)) atNs = time.isRelative ? startNs + time.ns : time.ns;
      try {
        for (const frame of builder.build(line)) {
          const passage = router.send(frame.octets, line.interface, atNs, frame.wireOctets);
          const isAccepted = passage.verdict === VERDICT_FORWARD || passage.verdict === VERDICT_LOCAL;
          builder.passed({ isAccepted, sent: passage.sent });
          passages.push(passage);
        }
      } catch (error) {
        if (error instanceof NftreplayError || !(error instanceof Error)) throw error;
        throw new CaseError(source.error(path, error.message));
      }
    }
    return passages;
  }

  #checkRest(result: CaseResult, scene: Scene, flows: FlowTallies, totals: Tally): Found[] {
    const found: Found[] = [];
    for (const { check, tally } of flows.rows) {
      const list = new Checklist();
      checkTally(check.expect, tally, scene, list);
      result.checked += list.checked;
      const about = `flow ${check.flow?.text.replace(/^x < /, '') ?? check.match ?? ''}`;
      for (const mismatch of list.mismatches) {
        found.push({
          failure: this.#failure([...check.path, 'expect', ...mismatch.keys], about, mismatch.keys, mismatch),
          packet: (tally.firstDropped ?? tally.last)?.number ?? 0,
        });
      }
    }
    const { expect, path } = this.#case;
    if (expect === undefined) return found;
    const list = new Checklist();
    checkTally(expect, totals, scene, list);
    checkState(expect, this.#loaded.compiled.ruleset, scene, list);
    result.checked += list.checked;
    for (const mismatch of list.mismatches) {
      found.push({
        failure: this.#failure([...path, 'expect', ...mismatch.keys], 'all packets', mismatch.keys, mismatch),
        packet: 0,
      });
    }
    return found;
  }

  #failure(
    path: (string | number)[],
    about: string,
    keys: (string | number)[],
    mismatch: { expected: string; got: string; actual?: unknown },
    line?: string,
  ): Failure {
    const failure: Failure = {
      path,
      location: this.#suite.source.location(path),
      about,
      key: keys.join('.'),
      expected: mismatch.expected,
      got: mismatch.got,
    };
    if (line !== undefined) failure.line = line;
    if (mismatch.actual !== undefined) failure.actual = mismatch.actual;
    return failure;
  }

  #scene(router: EmulatedRouter, spec: Scene['spec']): Scene {
    const profile = this.#environment.profile(this.#case.settings);
    return new Scene({ router, spec, refs: this.#loaded.refs, profile });
  }

  #keep(passage: Passage): void {
    if (passage.walk !== undefined) this.walks.set(passage.number, passage.walk);
  }
}
