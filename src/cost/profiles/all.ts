// All built-in profiles in the order in which they are listed.
import type { Profile } from '../profile.ts';
import { BCM2711, IPQ807X, MT7622, MT7981, MT7986, RK3328 } from './arm64.ts';
import { GENERIC_ARM64, GENERIC_X86_64 } from './generic.ts';
import { MT7621 } from './mips.ts';
import { INTEL_N100, XEON_E5_1650V4 } from './x86.ts';

export const PROFILES: readonly Profile[] = [
  GENERIC_X86_64,
  GENERIC_ARM64,
  XEON_E5_1650V4,
  INTEL_N100,
  MT7986,
  MT7981,
  MT7622,
  IPQ807X,
  BCM2711,
  RK3328,
  MT7621,
];
