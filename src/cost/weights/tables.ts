// The weights of each instruction set: x86-64 and arm64 are written by scripts/calibrate.ts, the others follow from them.
import { ARM64_WEIGHTS } from './arm64.ts';
import { MIPS_WEIGHTS } from './mips.ts';
import type { InstructionSet, WeightTable } from './weights.ts';
import { X86_64_WEIGHTS } from './x86-64.ts';
import { X86_64_V2_WEIGHTS } from './x86-64-v2.ts';

export const WEIGHTS: Record<InstructionSet, WeightTable> = {
  'x86-64': X86_64_WEIGHTS,
  'x86-64-v2': X86_64_V2_WEIGHTS,
  arm64: ARM64_WEIGHTS,
  mips: MIPS_WEIGHTS,
};
