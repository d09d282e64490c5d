// Walks as JSON: the typed steps, each with its estimated instructions and, where nft prints one, its line. nft itself has
// no JSON for traces: `nft -j monitor trace` prints text (1.0.6, 1.1.4).

import type { Ruleset } from '../bytecode/ruleset.ts';
import { packetCycles, price } from '../cost/pricing.ts';
import type { Profile } from '../cost/profile.ts';
import { stepInstructions } from '../cost/step-prices.ts';
import type { EventNames } from '../event/vocabulary.ts';
import type { Dialect } from '../nft/print-text.ts';
import type { TraceResult } from '../replay/trace-collector.ts';
import type { PacketTrace, TracedHeaders } from '../replay/trace-steps.ts';
import { isNftStep, nftLine, RuleTexts } from './trace-nft.ts';
import { onePath } from './trace-text.ts';

export const TRACE_SCHEMA = 'nftreplay.trace/1';

export interface TraceJsonOptions {
  ruleset: Ruleset;
  names: EventNames;
  profile: Profile;
  /** nftreplay's version. */
  version: string;
  /** The nft whose lines are followed; 1.1.4 unless told. */
  dialect?: Dialect;
}

/** The document of `nftreplay trace --format json`. */
export function traceJson(trace: TraceResult, options: TraceJsonOptions): object {
  const rules = new RuleTexts(options.ruleset, options.dialect);
  return {
    schema: TRACE_SCHEMA,
    version: options.version,
    profile: options.profile.name,
    packets: trace.walks.map((walk) => walkJson(walk, options, rules)),
    notShown: trace.more,
  };
}

function walkJson(walk: PacketTrace, { names, profile }: TraceJsonOptions, rules: RuleTexts): object {
  const { steps, words, omitted, ...rest } = walk;
  const ends = steps.map((step) => step.events);
  const instructions = stepInstructions(words, ends, names, profile);
  const pricing = price(onePath(walk), names, profile);
  return {
    ...rest,
    instructions: Math.round(pricing.instructions[0] ?? 0),
    cycles: Math.round(packetCycles(pricing, 0, walk.octets)),
    steps: steps.map((step, i) => {
      const { events: _, ...detail } = step;
      return {
        ...detail,
        ...('headers' in detail ? { headers: headersJson(detail.headers) } : {}),
        ...(isNftStep(step) ? { nft: nftLine(step, walk.packet, rules).trimEnd() } : {}),
        instructions: Math.round(instructions[i] ?? 0),
      };
    }),
    ...(omitted > 0 ? { omittedSteps: omitted } : {}),
  };
}

/** Octets as hexadecimal text. */
function headersJson({ link, network, transport, ...rest }: TracedHeaders): object {
  const hex = (octets: Uint8Array): string => [...octets].map((octet) => octet.toString(16).padStart(2, '0')).join('');
  return {
    ...rest,
    ...(link === undefined ? {} : { link: hex(link) }),
    ...(network === undefined ? {} : { network: hex(network) }),
    ...(transport === undefined ? {} : { transport: hex(transport) }),
  };
}
