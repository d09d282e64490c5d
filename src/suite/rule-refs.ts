// How a suite names rules: by place in the file, comment, handle, place in the chain, or nft text; and `policy CHAIN`. Names
// that a rule moved by an edit keeps come first when a suite is recorded: comment, then text.
import type { Ruleset } from '../bytecode/ruleset.ts';
import { printRule } from '../nft/listing.ts';
import { nearest } from '../nft/suggest.ts';
import { type PlacedChain, type PlacedRule, RulePlaces } from '../replay/trace-rules.ts';

/** What a name means, as global indexes. */
export interface Meant {
  rules: ReadonlySet<number>;
  /** Base chains whose policy is meant. */
  policies: ReadonlySet<number>;
}

export class RuleRefs {
  readonly #ruleset: Ruleset;
  readonly #rules: readonly PlacedRule[];
  readonly #chains: readonly PlacedChain[];
  readonly #texts = new Map<number, string>();
  readonly #meant = new Map<string, Meant>();

  constructor(ruleset: Ruleset) {
    this.#ruleset = ruleset;
    const places = new RulePlaces(ruleset);
    this.#rules = places.rules;
    this.#chains = places.chains;
  }

  /** The rules that a name means; undefined: none. */
  meant(name: string): Meant | undefined {
    const known = this.#meant.get(name);
    if (known !== undefined) return known;
    const found = this.#find(name.trim());
    if (found.rules.size === 0 && found.policies.size === 0) return undefined;
    this.#meant.set(name, found);
    return found;
  }

  /** Chains that a name means: 'forward_lan', 'fw4 forward_lan' or 'inet fw4 forward_lan'. */
  chains(name: string): Set<number> {
    const found = new Set<number>();
    this.#chains.forEach((row, index) => {
      const full = `${row.table.family} ${row.table.name} ${row.chain.name}`;
      if (full === name || full.endsWith(` ${name}`)) found.add(index);
    });
    return found;
  }

  /** A base chain that filters: its verdict is the packet's fate, that of a nat chain is not. */
  isFilter(index: number): boolean {
    return this.#chains[index]?.chain.base?.type === 'filter';
  }

  /** 'inet fw4 forward'. */
  chainName(index: number): string {
    const row = this.#chains[index];
    return row === undefined ? `chain ${index}` : `${row.table.family} ${row.table.name} ${row.chain.name}`;
  }

  /** The shortest name of a rule that means only it: comment, text, chain and text, chain and place. */
  name(index: number): string {
    const row = this.#rules[index];
    if (row === undefined) return `rule ${index}`;
    const { comment } = row.rule;
    const chain = row.chain.name;
    const candidates = [
      ...(comment === undefined ? [] : [comment]),
      this.text(index),
      `${chain}: ${this.text(index)}`,
      `${chain} rule ${row.place}`,
      `${row.table.family} ${row.table.name} ${chain} rule ${row.place}`,
    ];
    const unique = candidates.find((name) => {
      const meant = this.meant(name);
      return meant?.rules.size === 1 && meant.rules.has(index) && meant.policies.size === 0;
    });
    return unique ?? `handle ${row.rule.handle}`;
  }

  /** 'policy forward', with the table when another has such a chain. */
  policyName(index: number): string {
    const row = this.#chains[index];
    const short = `policy ${row?.chain.name ?? index}`;
    return this.meant(short)?.policies.size === 1 ? short : `policy ${this.chainName(index)}`;
  }

  /** nft's text of a rule, without the values of counters and its comment. */
  text(index: number): string {
    let text = this.#texts.get(index);
    if (text !== undefined) return text;
    const row = this.#rules[index];
    text = row === undefined ? '' : plain(printRule(this.#ruleset, row.table, row.chain, row.rule));
    this.#texts.set(index, text);
    return text;
  }

  /** 'home-router.nft:71: ip saddr 192.168.1.66 counter drop' for messages. */
  describe(index: number): string {
    const row = this.#rules[index];
    if (row === undefined) return `rule ${index}`;
    const { location } = row.rule;
    const place =
      location === undefined ? `${row.chain.name} rule ${row.place}` : `${base(location.file)}:${location.line}`;
    return `${place} (${this.text(index)})`;
  }

  /** A comment or chain that was probably meant. */
  suggestion(name: string): string | undefined {
    const comments = this.#rules.flatMap(({ rule }) => (rule.comment === undefined ? [] : [rule.comment]));
    return nearest(name, [...comments, ...this.#chains.map((row) => `policy ${row.chain.name}`)]);
  }

  #find(name: string): { rules: Set<number>; policies: Set<number> } {
    const none = new Set<number>();
    const comments = this.#where(({ rule }) => rule.comment === name);
    if (comments.size > 0) return { rules: comments, policies: none };
    const policy = /^(?:policy (.+)|(.+) policy)$/.exec(name);
    if (policy !== null) {
      const chains = [...this.chains((policy[1] ?? policy[2] ?? '').trim())];
      const bases = new Set(chains.filter((index) => this.#chains[index]?.chain.base !== undefined));
      if (bases.size > 0) return { rules: none, policies: bases };
    }
    return { rules: this.#byPlace(name) ?? this.#byText(name), policies: none };
  }

  #byPlace(name: string): Set<number> | undefined {
    const line = /^(\S+):(\d+)$/.exec(name);
    if (line !== null) {
      const [, file = '', number] = line;
      return this.#where(
        ({ rule: { location } }) =>
          location?.line === Number(number) && (location.file === file || location.file.endsWith(`/${file}`)),
      );
    }
    const handle = /^handle (\d+)$/.exec(name);
    if (handle !== null) return this.#where(({ rule }) => rule.handle === Number(handle[1]));
    const place = /^(.+?) (?:rule )?(\d+)$/.exec(name);
    if (place === null) return undefined;
    const chains = this.chains(place[1] ?? '');
    if (chains.size === 0) return undefined;
    const holders = new Set([...chains].map((index) => this.#chains[index]?.chain));
    return this.#where((row) => row.place === Number(place[2]) && holders.has(row.chain));
  }

  /** 'TEXT' or 'CHAIN: TEXT': the whole rule, else rules with that text in them. */
  #byText(name: string): Set<number> {
    const colon = name.indexOf(': ');
    const chains = colon > 0 ? this.chains(name.slice(0, colon)) : new Set<number>();
    const holders = new Set([...chains].map((index) => this.#chains[index]?.chain));
    const text = spaces(chains.size > 0 ? name.slice(colon + 2) : name);
    const isThere = (row: PlacedRule): boolean => chains.size === 0 || holders.has(row.chain);
    const whole = this.#where((row, index) => isThere(row) && this.text(index) === text);
    if (whole.size > 0) return whole;
    // Half a word would mean rules by accident.
    return this.#where((row, index) => isThere(row) && ` ${this.text(index)} `.includes(` ${text} `));
  }

  #where(test: (row: PlacedRule, index: number) => boolean): Set<number> {
    const found = new Set<number>();
    this.#rules.forEach((row, index) => {
      if (test(row, index)) found.add(index);
    });
    return found;
  }
}

function plain(text: string): string {
  return spaces(
    text
      .replace(/ comment "(?:[^"\\]|\\.)*"$/, '')
      .replace(/\bcounter packets \d+ bytes \d+/g, 'counter')
      .replace(/ used \d+ \w+/g, ''),
  );
}

function spaces(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

function base(file: string): string {
  return file.split('/').pop() ?? file;
}
