// Instructions per feature on mips: those of arm64 times one ratio. Nobody measured a MIPS kernel packet by packet.
import { ARM64_WEIGHTS } from './arm64.ts';
import type { Weight, WeightTable } from './weights.ts';

/**
 * MIPS32r2 instructions for one of arm64: the sizes of the machine code of 25 objects of net/ipv4, net/ipv6 and
 * net/netfilter of linux-source-6.12 (both have instructions of 4 octets), gcc 12.2 -O2, SMP and tracing off:
 * 236,396 / 181,784 octets. By object between 1.02 and 1.65. What is executed may differ from what is there.
 */
export const MIPS_RATIO = 1.3;

/** Counted in words of 64 bits: MIPS32 has twice as many. */
const WORDS: ReadonlySet<string> = new Set(['expr.lookup-pipapo.word', 'expr.lookup-pipapo.scan']);

const rows: Record<string, Weight> = Object.fromEntries(
  Object.entries(ARM64_WEIGHTS.rows).map(([name, row]) => [
    name,
    { ...row, instructions: Math.round(row.instructions * MIPS_RATIO * (WORDS.has(name) ? 2 : 1) * 10) / 10 },
  ]),
);

export const MIPS_WEIGHTS: WeightTable = {
  instructionSet: 'mips',
  source: `estimate: arm64 x ${MIPS_RATIO}, the ratio of machine code of 25 kernel objects (gcc 12.2 -O2, Linux 6.12)`,
  scenarios: 0,
  medianError: ARM64_WEIGHTS.medianError,
  worstError: ARM64_WEIGHTS.worstError,
  // Single functions scatter around the mean ratio by 0.15; a path runs those of ten objects and more, so by 0.05, beside what arm64's
  // weights are off themselves. That the mean itself may be off says the profiles' instructionRatio.
  crossValidatedRms: Math.hypot(0.05, ARM64_WEIGHTS.crossValidatedRms),
  rows,
};
