// A path as steps to read: `rx eth1`, `ct new tcp`, `fw4 forward: rules 1-7 missed, rule 8 of 9 matched, jump accept_to_wan`.
// Events that every packet has at the same place (hooks, forward, output) are left out; `trace` shows them all.
import { u32 } from '../base/columns.ts';
import { REASONS } from '../event/reasons.ts';
import type { PathTable } from '../event/recorder.ts';
import type { EventName, EventNames, RuleShape } from '../event/vocabulary.ts';
import { argumentOf, EVENTS, kindOf, RULE_MATCHED } from '../event/vocabulary.ts';

const HIDDEN: ReadonlySet<EventName> = new Set([
  'hook',
  'forward',
  'output',
  'ct-update',
  'flow-xmit',
  'nat-lookup',
] as const);

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  50: 'esp',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};

/** Readable steps of a path, in order; join them with ' > '. */
export function describePath(paths: PathTable, names: EventNames, path: number): string[] {
  return describeEvents(paths.words.subarray(u32(paths.offsets, path), u32(paths.offsets, path + 1)), names);
}

/** The same for the event words of a packet in hand (Recorder.current). */
export function describeEvents(words: Uint32Array, names: EventNames): string[] {
  const steps: string[] = [];
  const lengths = chainLengths(names);
  let chain: ChainRun | undefined;
  for (const word of words) {
    const event = EVENTS[kindOf(word)];
    if (event === undefined) continue;
    const argument = argumentOf(word);
    if (event.name === 'base-chain') {
      endChain(chain, steps);
      chain = new ChainRun(names.chains[argument] ?? `chain ${argument}`, lengths);
    } else if (event.name === 'rule') {
      chain ??= new ChainRun(names.rules[argument >>> 8]?.chain ?? 'chain', lengths);
      if (!chain.rule(names.rules[argument >>> 8], argument & 0xff)) {
        endChain(chain, steps);
        chain = new ChainRun(names.rules[argument >>> 8]?.chain ?? 'chain', lengths);
        chain.rule(names.rules[argument >>> 8], argument & 0xff);
      }
    } else if (event.name === 'jump') {
      const target = names.chains[argument] ?? `chain ${argument}`;
      chain?.say(`jump ${shortChain(target).split(' ').pop()}`);
      endChain(chain, steps);
      chain = new ChainRun(target, lengths);
    } else if (event.name === 'policy') {
      const policyOf = names.chains[argument];
      if (chain !== undefined && policyOf !== undefined && chain.name !== policyOf) {
        endChain(chain, steps);
        chain = new ChainRun(policyOf, lengths);
      }
      chain?.say('policy');
    } else if (!HIDDEN.has(event.name)) {
      endChain(chain, steps);
      chain = undefined;
      push(steps, stepText(event.step, event.argument, argument, names));
    }
  }
  endChain(chain, steps);
  return steps;
}

/** Consecutive equal steps become one: `fragment (3 times)`. */
function push(steps: string[], step: string): void {
  const last = steps[steps.length - 1];
  if (last === step) steps[steps.length - 1] = `${step} (2 times)`;
  else if (last?.startsWith(`${step} (`) && last.endsWith(' times)')) {
    const times = Number(last.slice(step.length + 2, -' times)'.length));
    steps[steps.length - 1] = `${step} (${times + 1} times)`;
  } else steps.push(step);
}

function endChain(chain: ChainRun | undefined, steps: string[]): void {
  const text = chain?.text();
  if (text !== undefined) push(steps, text);
}

function stepText(step: string, meaning: string, argument: number, names: EventNames): string {
  switch (meaning) {
    case 'interface':
      return names.interfaces[argument] ? `${step} ${names.interfaces[argument]}` : step;
    case 'family':
      return argument === 6 || argument === 10
        ? step.startsWith('ip ')
          ? `ipv6${step.slice(2)}`
          : `${step} ipv6`
        : step;
    case 'protocol':
      return `${step} ${PROTOCOLS[argument & 0xff] ?? `protocol ${argument & 0xff}`}`;
    case 'flowtable':
      return names.flowtables[argument] ? `${step} ${names.flowtables[argument]}` : step;
    case 'reason':
      return `${step}: ${REASONS[argument]?.text ?? 'no reason given'}`;
    case 'octets64':
      return step;
    default:
      return step;
  }
}

/** 'inet fw4 forward' without its family. */
function shortChain(chain: string): string {
  const blank = chain.indexOf(' ');
  return chain.indexOf(' ', blank + 1) > 0 ? chain.slice(blank + 1) : chain;
}

/** Rules of each chain by its name. */
function chainLengths(names: EventNames): Map<string, number> {
  const lengths = new Map<string, number>();
  for (const rule of names.rules) lengths.set(rule.chain, Math.max(lengths.get(rule.chain) ?? 0, rule.place));
  return lengths;
}

/** What happened in one chain from its first to its last event. */
class ChainRun {
  readonly name: string;
  readonly #rules: number;
  readonly #parts: string[] = [];
  #missedFrom = 0;
  #missedTo = 0;
  #started = false;
  constructor(name: string, lengths: Map<string, number>) {
    this.name = name;
    this.#rules = lengths.get(name) ?? 0;
  }

  /** Takes a rule's evaluation; false when the rule stands in another chain (a return was taken). */
  rule(rule: RuleShape | undefined, evaluated: number): boolean {
    if (rule === undefined || rule.chain !== this.name) return rule === undefined;
    this.#started = true;
    if (evaluated !== RULE_MATCHED) {
      if (this.#missedFrom === 0) this.#missedFrom = rule.place;
      this.#missedTo = rule.place;
      return true;
    }
    this.#endMissed();
    this.#parts.push(`rule ${rule.place} of ${this.#rules} matched`);
    return true;
  }

  say(text: string): void {
    this.#started = true;
    this.#endMissed();
    this.#parts.push(text);
  }

  /** Nothing when a jump led here and nothing was evaluated. */
  text(): string | undefined {
    this.#endMissed();
    if (!this.#started && this.#rules > 0) return undefined;
    return `${shortChain(this.name)}: ${this.#parts.length > 0 ? this.#parts.join(', ') : 'no rules'}`;
  }

  #endMissed(): void {
    if (this.#missedFrom === 0) return;
    const from = this.#missedFrom;
    const to = this.#missedTo;
    const last = to === this.#rules ? ` of ${this.#rules}` : '';
    this.#parts.push(from === to ? `rule ${from}${last} missed` : `rules ${from}-${to}${last} missed`);
    this.#missedFrom = 0;
  }
}
