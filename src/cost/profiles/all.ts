// All built-in profiles in the order in which they are listed. Devices are YAML files beside this one, compiled into
// built-in.ts by scripts/profiles.ts; the two instruction sets without a device stand in generic.ts.
import type { Profile } from '../profile.ts';
import { BUILT_IN } from './built-in.ts';
import { GENERIC_ARM64, GENERIC_X86_64 } from './generic.ts';

export const PROFILES: readonly Profile[] = [GENERIC_X86_64, GENERIC_ARM64, ...BUILT_IN];

/** Other names that people have for them. */
export const PROFILE_ALIASES: Readonly<Record<string, string>> = Object.fromEntries(
  PROFILES.flatMap((row) => row.aliases.map((alias) => [alias, row.name])),
);
