// What checking a case needs to know of the router it ran on: names, prices, rules by name.
import { packetCycles, price } from '../cost/pricing.ts';
import type { Profile } from '../cost/profile.ts';
import type { RouterSpec } from '../net/spec.ts';
import type { EmulatedRouter, Passage } from '../replay/emulated-router.ts';
import { type Attribution, attribution } from './attribution.ts';
import { lowestDevices } from './link.ts';
import type { RuleRefs } from './rule-refs.ts';

export interface SceneOptions {
  router: EmulatedRouter;
  spec: RouterSpec;
  refs: RuleRefs;
  profile: Profile;
}

/** What decided over a packet: rules (with a verdict, that is by ending a base chain) or policies. */
export interface Deciders {
  rules: number[];
  policies: number[];
}

/** By path, since packets of one path met the same rules. */
interface PathFacts {
  attribution: Attribution;
}

export class Scene {
  readonly router: EmulatedRouter;
  readonly spec: RouterSpec;
  readonly refs: RuleRefs;
  readonly #profile: Profile;
  readonly #facts = new Map<number, PathFacts>();

  constructor({ router, spec, refs, profile }: SceneOptions) {
    this.router = router;
    this.spec = spec;
    this.refs = refs;
    this.#profile = profile;
  }

  attribution(passage: Passage): Attribution {
    let facts = this.#facts.get(passage.path);
    if (facts === undefined) {
      facts = { attribution: attribution(passage.words) };
      this.#facts.set(passage.path, facts);
    }
    return facts.attribution;
  }

  /** Names below an interface, itself included: frames of a bridge leave at its ports. */
  lowest(name: string): Set<string> {
    return lowestDevices(this.spec, name);
  }

  /** Estimated cycles of packets so far, by path. Prices all paths: call it once for many packets. */
  cycles(): (path: number, octets: number) => number {
    const pricing = price(this.router.paths(), this.router.names, this.#profile);
    return (path, octets) => packetCycles(pricing, path, octets);
  }
}
