// All built-in profiles in the order in which they are listed.
import type { Profile, Quantity, QuantityKey } from '../profile.ts';
import { fallback, QUANTITIES } from '../profile.ts';
import { BCM2711, IPQ807X, MT7622, MT7981, MT7986, RK3328 } from './arm64.ts';
import { GENERIC_ARM64, GENERIC_X86_64 } from './generic.ts';
import { MT7621 } from './mips.ts';
import type { PartialProfile } from './quantity.ts';
import { INTEL_N100, XEON_E5_1650V4 } from './x86.ts';

const ROWS: readonly PartialProfile[] = [
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

export const PROFILES: readonly Profile[] = ROWS.map((row) => ({
  ...row,
  ...(Object.fromEntries(
    QUANTITIES.map(({ key }) => [key, row[key] ?? fallback(key, row.cores?.value ?? 1)]),
  ) as Record<QuantityKey, Quantity>),
}));

/** Other names that people have for them. */
export const PROFILE_ALIASES: Readonly<Record<string, string>> = {
  mt7986: 'bpi-r3',
  'filogic-830': 'bpi-r3',
  'openwrt-one': 'mt7981',
  'raspberry-pi-4': 'bcm2711',
  rpi4: 'bcm2711',
  'nanopi-r2s': 'rk3328',
  n100: 'x86-n100',
  'edgerouter-x': 'mt7621',
};
