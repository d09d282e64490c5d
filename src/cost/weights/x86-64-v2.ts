// Instructions per feature on x86-64 processors without AVX2 (psABI level v2: Goldmont Plus and older Celerons): the kernel's
// nft_set_pipapo_avx2.c is not used there, so a look-up in a concatenation with ranges runs the C code that arm64 runs.
import { ARM64_WEIGHTS } from './arm64.ts';
import type { Weight, WeightTable } from './weights.ts';
import { X86_64_WEIGHTS } from './x86-64.ts';

const SCANS: Record<string, Weight> = Object.fromEntries(
  Object.entries(ARM64_WEIGHTS.rows)
    .filter(([name]) => name.startsWith('expr.lookup-pipapo'))
    .map(([name, row]) => [name, { ...row, basis: 'estimate', note: 'the C code as measured on arm64' }]),
);

export const X86_64_V2_WEIGHTS: WeightTable = {
  ...X86_64_WEIGHTS,
  instructionSet: 'x86-64-v2',
  source: `${X86_64_WEIGHTS.source}; pipapo as arm64`,
  rows: { ...X86_64_WEIGHTS.rows, ...SCANS },
};
