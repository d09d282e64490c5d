// The ruleset while commands are applied to it, in the order in which nft sends them to the kernel, so that handles come out as
// `nft -a list ruleset` shows them after loading into an empty system.
import type { ObjectType } from '../bytecode/expression.ts';
import type { BaseChain, Family, StatefulObject, Table } from '../bytecode/ruleset.ts';
import type { Span, Stmt } from './ast.ts';
import type { DraftSet, RulesetScope } from './evaluate-context.ts';
import type { LinearExpression } from './linear.ts';

export interface DraftRule {
  handle: number;
  expressions: LinearExpression[];
  comment?: string;
  span: Span;
}

export interface DraftChain {
  name: string;
  handle: number;
  base?: BaseChain;
  comment?: string;
  rules: DraftRule[];
  span: Span;
}

export type DraftObject = StatefulObject & { span: Span };
export interface DraftFlowtable {
  name: string;
  handle: number;
  priority: number;
  devices: string[];
  offload: boolean;
  counter: boolean;
  span: Span;
}

/** A table under construction, and what evaluation asks of it. */
export class DraftTable implements RulesetScope {
  readonly family: Family;
  readonly name: string;
  readonly handle: number;
  readonly flags = new Set<Table['flags'][number]>();
  comment: string | undefined;
  readonly chains = new Map<string, DraftChain>();
  readonly sets = new Map<string, DraftSet>();
  readonly objects: DraftObject[] = [];
  readonly flowtables = new Map<string, DraftFlowtable>();
  readonly #interfaces: Interfaces;
  #handles = 0;
  #subchains = 0;
  /** Adds the rules of `jump { … }`. */
  subchainRules: ((chain: DraftChain, statement: Extract<Stmt, { kind: 'chain' }>) => void) | undefined;

  constructor(family: Family, name: string, handle: number, interfaces: Interfaces) {
    this.family = family;
    this.name = name;
    this.handle = handle;
    this.#interfaces = interfaces;
  }

  nextHandle(): number {
    return ++this.#handles;
  }

  findSet(name: string): DraftSet | undefined {
    return this.sets.get(name);
  }
  setNames(): string[] {
    return [...this.sets.keys()];
  }
  findChain(name: string): boolean {
    return this.chains.has(name);
  }
  chainNames(): string[] {
    return [...this.chains.keys()];
  }
  findObject(type: ObjectType, name: string): boolean {
    return this.objects.some((object) => object.type === type && object.name === name);
  }
  objectNames(type: ObjectType): string[] {
    return this.objects.filter((object) => object.type === type).map((object) => object.name);
  }
  findFlowtable(name: string): boolean {
    return this.flowtables.has(name);
  }
  flowtableNames(): string[] {
    return [...this.flowtables.keys()];
  }
  interfaceIndex(name: string): number {
    return this.#interfaces.index(name);
  }

  /** Names an anonymous set with the lowest free number, as the kernel does. */
  addSet(set: DraftSet, template: string): void {
    if (template.startsWith('__')) {
      let number = 0;
      while (this.sets.has(`${template}${number}`)) number++;
      set.name = `${template}${number}`;
    } else set.name = template;
    set.handle = this.nextHandle();
    this.sets.set(set.name, set);
  }

  addSubchain(statement: Extract<Stmt, { kind: 'chain' }>): string {
    const name = `__chain${this.#subchains++}`;
    const span = statement.span ?? { source: 0, start: 0, end: 0 };
    const chain: DraftChain = { name, handle: this.nextHandle(), rules: [], span };
    this.chains.set(name, chain);
    this.subchainRules?.(chain, statement);
    return name;
  }

  /** Drops anonymous sets that no rule refers to any more. */
  dropUnusedSets(): void {
    const used = new Set<string>();
    for (const chain of this.chains.values()) {
      for (const rule of chain.rules)
        for (const expression of rule.expressions) if ('set' in expression) used.add(expression.set);
    }
    for (const [name, set] of this.sets) if (set.anonymous && !used.has(name)) this.sets.delete(name);
  }
}

/**
 * Numbers for interface names, in order of appearance; 1 is `lo`. SIMPLIFIED: interface-exists: nft refuses `iif`, `oif`, `dup` and
 * `fwd` to an interface that the machine lacks; here any name is taken, and the router decides.
 */
export class Interfaces {
  readonly names: string[] = ['', 'lo'];

  index(name: string): number {
    const known = this.names.indexOf(name, 1);
    return known > 0 ? known : this.names.push(name) - 1;
  }
}

/** All tables, by family and name. */
export class DraftRuleset {
  readonly tables: DraftTable[] = [];
  readonly interfaces = new Interfaces();
  #handles = 0;

  find(family: Family, name: string): DraftTable | undefined {
    return this.tables.find((table) => table.family === family && table.name === name);
  }

  add(family: Family, name: string): DraftTable {
    const table = new DraftTable(family, name, ++this.#handles, this.interfaces);
    this.tables.push(table);
    return table;
  }

  remove(table: DraftTable): void {
    const index = this.tables.indexOf(table);
    if (index >= 0) this.tables.splice(index, 1);
  }
}
