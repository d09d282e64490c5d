// A packet's walk as text: the lines of `nft monitor trace`, and between them, beginning with '#', what the kernel cannot
// print, with the estimated instructions of each step at the right. A diff drops those lines: grep -v '^#'.
import type { Ruleset } from '../bytecode/ruleset.ts';
import { packetCycles, price } from '../cost/pricing.ts';
import type { Profile } from '../cost/profile.ts';
import { stepInstructions } from '../cost/step-prices.ts';
import { LENGTH_CLASSES, type PathTable } from '../event/recorder.ts';
import type { EventNames } from '../event/vocabulary.ts';
import type { Dialect } from '../nft/print-text.ts';
import { PATH_CLASSES, VERDICTS } from '../packet/packet.ts';
import type { PacketTrace, TraceStep } from '../replay/trace-steps.ts';
import { count, visible, wrap } from './format.ts';
import { stepLines } from './trace-lines.ts';
import { isNftStep, nftLine, RuleTexts } from './trace-nft.ts';

const WIDTH = 100;
/** Columns of a step's instructions. */
const COST_WIDTH = 8;

export interface TraceTextOptions {
  ruleset: Ruleset;
  /** Prices steps; absent: no instructions are shown. */
  names?: EventNames;
  profile?: Profile;
  /** Only the lines that nft prints. */
  onlyNft?: boolean;
  /** Of those, only the ones that the kernel would print for the ruleset's own `meta nftrace set 1`. */
  onlyMarked?: boolean;
  /** The nft whose lines are followed; 1.1.4 unless told. */
  dialect?: Dialect;
  /** Columns at which nft's long lines are broken, for a terminal; absent: they stay whole, as nft prints them. */
  width?: number;
}

/** Prints walks; one object for all of them. */
export class TraceText {
  readonly #options: TraceTextOptions;
  readonly #rules: RuleTexts;

  constructor(options: TraceTextOptions) {
    this.#options = options;
    this.#rules = new RuleTexts(options.ruleset, options.dialect);
  }

  /** A walk's lines, each ending in a newline; a blank line goes before all but the first walk of the caller's. */
  walk(trace: PacketTrace): string {
    const lines = this.#options.onlyNft === true ? this.#nftLines(trace) : this.#allLines(trace);
    return lines.map((line) => `${line}\n`).join('');
  }

  #nftLines(trace: PacketTrace): string[] {
    const { onlyMarked } = this.#options;
    return trace.steps
      .filter(isNftStep)
      .filter((step) => (onlyMarked === true ? step.marked : !isAgain(step)))
      .map((step) => nftLine(step, trace.packet, this.#rules));
  }

  #allLines(trace: PacketTrace): string[] {
    const costs = this.#costs(trace);
    const [first = '', summary = ''] = headlines(trace);
    const lines = [`# ${first}`, ...wrap(summary, WIDTH, '#   ', '#     ')];
    if (costs !== undefined) lines[0] = withCost(lines[0] ?? '', 'instr.');
    trace.steps.forEach((step, i) => {
      if (isNftStep(step) && !isAgain(step)) lines.push(...this.#broken(nftLine(step, trace.packet, this.#rules)));
      const cost = costs?.[i];
      stepLines(step, trace.packet, this.#rules).forEach((text, row) => {
        const indent = `#${' '.repeat(1 + (text.length - text.trimStart().length))}`;
        const own = wrap(text.trimStart(), WIDTH - COST_WIDTH - 1, indent, `${indent}  `);
        if (row === 0 && cost !== undefined && cost >= 0.5) own[0] = withCost(own[0] ?? '', count(cost));
        lines.push(...own);
      });
    });
    if (trace.omitted > 0) lines.push(`# ${count(trace.omitted)} further steps are not shown`);
    lines.push(...wrap(this.#total(trace), WIDTH, '# ', '#   '));
    return lines;
  }

  #broken(line: string): string[] {
    const { width } = this.#options;
    return width === undefined || line.length <= width ? [line] : wrap(line.trimEnd(), width, '', '    ');
  }

  #costs(trace: PacketTrace): number[] | undefined {
    const { names, profile } = this.#options;
    if (names === undefined || profile === undefined) return undefined;
    const ends = trace.steps.map((step) => step.events);
    return stepInstructions(trace.words, ends, names, profile);
  }

  #total(trace: PacketTrace): string {
    const { names, profile } = this.#options;
    const outcome = outcomeText(trace);
    if (names === undefined || profile === undefined) return outcome;
    const pricing = price(onePath(trace), names, profile);
    const instructions = pricing.instructions[0] ?? 0;
    const cycles = packetCycles(pricing, 0, trace.octets);
    return `${outcome}: ${count(instructions)} instructions, ${count(cycles)} cycles (estimated, ${visible(profile.name)})`;
  }
}

function isAgain(step: TraceStep): boolean {
  return step.kind === 'packet' && step.again === true;
}

/** 'packet 5 at 0.120034 s: 74 octets received at lan1', 'tcp 192.168.1.10:40000 > 198.51.100.7:443 S'. */
function headlines({ packet, timeNs, octets, interface: device, summary }: PacketTrace): string[] {
  const seconds = (timeNs / 1e9).toFixed(6);
  return [`packet ${packet} at ${seconds} s: ${count(octets)} octets received at ${visible(device)}`, summary];
}

/** 'packet 5: forwarded in software', 'packet 6: dropped (a rule)'. */
function outcomeText(trace: PacketTrace): string {
  const words: Record<string, string> = {
    forward: 'forwarded',
    local: 'for the router itself',
    drop: 'dropped',
    consumed: 'consumed',
  };
  const way: Record<string, string> = {
    slow: 'on the slow path',
    software: 'by software offload',
    hardware: 'by hardware offload',
  };
  const verdict = words[trace.verdict] ?? trace.verdict;
  const flow = trace.flow > 0 ? `, connection ${count(trace.flow)}` : '';
  return `packet ${trace.packet}: ${trace.verdict === 'forward' ? `${verdict} ${way[trace.path] ?? ''}` : verdict}${flow}`;
}

function withCost(line: string, cost: string): string {
  return `${line.padEnd(WIDTH - COST_WIDTH)}${cost.padStart(COST_WIDTH)}`;
}

/** The walk's events as a table of one path, to be priced. */
export function onePath(trace: PacketTrace): PathTable {
  return {
    words: trace.words,
    offsets: Uint32Array.of(0, trace.words.length),
    packets: Float64Array.of(1),
    bytes: Float64Array.of(trace.octets),
    lengths: new Uint32Array(LENGTH_CLASSES),
    firstPacket: Float64Array.of(trace.packet),
    pathClass: Uint8Array.of(PATH_CLASSES.indexOf(trace.path)),
    verdict: Uint8Array.of(VERDICTS.indexOf(trace.verdict)),
  };
}
