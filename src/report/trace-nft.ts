// A walk's steps as `nft monitor trace` prints them (nftables src/netlink.c, src/trace.c: trace_print_packet, trace_print_rule,
// trace_print_policy), so that the lines can be laid beside a real trace. Only trace ids differ: here the packet's number.
import type { Ruleset } from '../bytecode/ruleset.ts';
import { printRule } from '../nft/listing.ts';
import type { Dialect } from '../nft/print-text.ts';
import { RulePlaces } from '../replay/trace-rules.ts';
import type { TraceStep } from '../replay/trace-steps.ts';
import { visible } from './format.ts';
import { headerText } from './trace-packet.ts';

/** Steps that nft prints; all others are ours. */
export type NftStep = Extract<TraceStep, { kind: 'packet' | 'rule' | 'policy' }>;

/** Whether nft prints a line for a step. */
export function isNftStep(step: TraceStep): step is NftStep {
  return step.kind === 'packet' || step.kind === 'rule' || step.kind === 'policy';
}

/** Rules by global index as listings have them, each made once. */
export class RuleTexts {
  /** The nft whose way of writing is followed. */
  readonly dialect: Dialect;
  readonly #ruleset: Ruleset;
  readonly #places: RulePlaces;
  readonly #texts = new Map<number, string>();

  constructor(ruleset: Ruleset, dialect: Dialect = '1.1.4') {
    this.dialect = dialect;
    this.#ruleset = ruleset;
    this.#places = new RulePlaces(ruleset);
  }

  /** 'tcp dport 443 accept', free of control characters. */
  text(rule: number): string {
    let text = this.#texts.get(rule);
    if (text !== undefined) return text;
    const placed = this.#places.rules[rule];
    const options = { dialect: this.dialect };
    text =
      placed === undefined
        ? ''
        : visible(printRule(this.#ruleset, placed.table, placed.chain, placed.rule, undefined, options));
    this.#texts.set(rule, text);
    return text;
  }
}

/**
 * 8 digits as nft's trace ids have, read as decimal: the packet's number. Packets that the router made about it begin
 * with a letter: 'a0000042' is the first one.
 */
export function traceId(packet: number, origin: number): string {
  const letters = ['', 'a', 'b', 'c', 'd', 'e', 'f'];
  const letter = letters[Math.min(origin, letters.length - 1)] ?? '';
  return letter + String(packet).padStart(8 - letter.length, '0');
}

/** The line of a step, without its newline; the blank at the end of some is nft's. */
export function nftLine(step: NftStep, packet: number, rules: RuleTexts): string {
  const head = `trace id ${traceId(packet, step.origin)} ${step.family} ${visible(step.table)} ${visible(step.chain)} `;
  switch (step.kind) {
    case 'packet': {
      const { iif, oif } = step.headers;
      const input = iif === undefined ? '' : `iif "${visible(iif)}" `;
      const output = oif === undefined ? '' : `oif "${visible(oif)}" `;
      return `${head}packet: ${input}${output}${headerText(step.family, step.headers, rules.dialect)}`;
    }
    case 'rule':
      return `${head}rule ${rules.text(step.rule)} (verdict ${verdictText(step)})`;
    case 'policy': {
      const mark = step.mark === 0 ? '' : `meta mark 0x${step.mark.toString(16).padStart(8, '0')} `;
      return `${head}policy ${step.policy} ${mark}`;
    }
  }
}

/** 'accept', 'jump input_lan'. */
export function verdictText(step: { verdict: string; target?: string }): string {
  return step.target === undefined ? step.verdict : `${step.verdict} ${visible(step.target)}`;
}
