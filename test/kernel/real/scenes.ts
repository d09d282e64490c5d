// Real captures through real rulesets, both of ../shared/corpora, which other people own: they are read from there, and the kept
// answers hold what the kernel said, not what they are made of. Each of PAIRS forwards
// something.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { type RealScene, realScene } from './build.ts';
import { PAIRS, STRANGE_PAIRS } from './pairs.ts';

const CORPORA = fileURLToPath(new URL('../../../../shared/corpora', import.meta.url));
/** Whether this machine has them. */
export const HAS_CORPORA = existsSync(join(CORPORA, 'captures'));

/** With what each capture lost on the way. */
export const REAL: RealScene[] = HAS_CORPORA
  ? await Promise.all(
      [...PAIRS, ...STRANGE_PAIRS].map(([ruleset, capture]) =>
        realScene(
          `real ${ruleset.replace(/^.*\//, '').replace(/\.nft$/, '')}: ${capture}`,
          join(CORPORA, ruleset),
          join(CORPORA, 'captures', capture),
        ),
      ),
    )
  : [];

export const REAL_SCENES: KernelScene[] = REAL.map(({ scene }) => scene);
