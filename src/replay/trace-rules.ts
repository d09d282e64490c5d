// Where each rule and chain of a ruleset stands, by the global numbers that events carry.
import type { Chain, Rule, Ruleset, Table } from '../bytecode/ruleset.ts';

export interface PlacedChain {
  table: Table;
  chain: Chain;
}

export interface PlacedRule extends PlacedChain {
  rule: Rule;
  /** 1-based in its chain. */
  place: number;
}

/** Rules and chains in the order of their global numbers. */
export class RulePlaces {
  readonly rules: PlacedRule[] = [];
  readonly chains: PlacedChain[] = [];
  readonly #ruleset: Ruleset;

  constructor(ruleset: Ruleset) {
    this.#ruleset = ruleset;
    for (const table of ruleset.tables) {
      for (const chain of table.chains) {
        this.chains.push({ table, chain });
        chain.rules.forEach((rule, i) => {
          this.rules.push({ table, chain, rule, place: i + 1 });
        });
      }
    }
  }

  /**
   * Base chains that a forwarded packet of an established connection would meet, in that order: those of type nat only see
   * the first packet.
   */
  forwarding(version: 4 | 6): string[] {
    const own = version === 4 ? 'ip' : 'ip6';
    return ['prerouting', 'forward', 'postrouting'].flatMap((hook) =>
      this.#ruleset.tables
        .filter((table) => (table.family === 'inet' || table.family === own) && !table.flags.includes('dormant'))
        .flatMap((table) => table.chains.map((chain) => ({ table, chain, base: chain.base })))
        .filter(({ base }) => base?.hook === hook && base.type !== 'nat')
        .sort((a, b) => (a.base?.priority ?? 0) - (b.base?.priority ?? 0))
        .map(({ table, chain }) => `${table.family} ${table.name} ${chain.name}`),
    );
  }
}
