// Applies a ruleset's commands in nft's order: of a table block first its chains, then objects, sets with their elements,
// flowtables, and at last the rules. Checks what nft's cache and the kernel check: that what is named exists.
import type { ObjectType } from '../bytecode/expression.ts';
import { applyChain, applyFlowtable, refuseLongName } from './apply-chain.ts';
import { applyObject } from './apply-object.ts';
import type { RuleNode, Span } from './ast.ts';
import type { ChainBlock, Command, Name, SetBlock, TableBlock, Target } from './ast-commands.ts';
import { type DraftChain, type DraftRule, DraftRuleset, type DraftTable } from './draft-ruleset.ts';
import { evaluateRule, newContext } from './evaluate.ts';
import type { Context, DraftSet } from './evaluate-context.ts';
import { changeElements } from './evaluate-set.ts';
import { declareSet } from './evaluate-set-declaration.ts';
import { describeType, sameDatatype } from './expressions.ts';
import type { LinearExpression } from './linear.ts';
import { Linearizer } from './linearize.ts';
import { linearizeStatement } from './linearize-statement.ts';
import type { Sources } from './source.ts';
import { nearest } from './suggest.ts';

/** The tables that the commands leave. What is wrong is kept in `sources.faults`. */
export function applyCommands(sources: Sources, commands: readonly Command[]): DraftRuleset {
  const applier = new Applier(sources);
  for (const command of commands) sources.faults.attempt(() => applier.apply(command));
  // nft shows after it has read all: what a later command removed cannot be shown.
  for (const command of commands) sources.faults.attempt(() => applier.findShown(command));
  return applier.ruleset;
}

class Applier {
  readonly ruleset = new DraftRuleset();
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
    for (const name of sources.interfaceNames) if (name !== '') this.ruleset.interfaces.index(name);
  }

  apply(command: Command): void {
    const { op } = command;
    if (op === 'ignored') {
      this.findShown(command);
      const text = command.object === 'none' ? command.text.replace(/\s+/g, ' ').slice(0, 60) : op;
      this.#sources.note(`'${text}' was ignored: it changes nothing`, command.span);
      return;
    }
    if (op === 'flush') this.#flush(command);
    else if (op === 'delete' || op === 'destroy') this.#delete(command);
    else if (op === 'rename') this.#rename(command);
    else this.#add(command);
  }

  /** What `list`, `get` and `reset` name must exist. */
  findShown(command: Command): void {
    if (command.object !== 'none' || command.what === undefined) return;
    const table = this.#table(command.target);
    if (command.what === 'chain') this.#chain(table, command.target);
    else if (command.what === 'set') this.#set(table, command.target);
  }

  #add(command: Command): void {
    const create = command.op === 'create';
    if (command.object === 'table') {
      this.#addTable(command.target, command.block, create);
      return;
    }
    const table = this.#table(command.target);
    switch (command.object) {
      case 'chain':
        this.#addChain(table, command.target, command.block, create);
        return;
      case 'rule':
        this.#addRule(table, command);
        return;
      case 'set':
        if (command.block !== undefined) this.#addSet(table, command.block, create);
        return;
      case 'element':
        changeElements(
          newContext(this.#sources, table.family, table),
          this.#set(table, command.target),
          command.elements,
          'add',
        );
        return;
      case 'flowtable':
        if (command.block !== undefined) applyFlowtable(this.#sources, table, command.block, create);
        return;
      case 'object':
        if (command.block !== undefined) applyObject(this.#sources, table, command.block, create);
        return;
      default:
    }
  }

  #addTable(target: Target, block: TableBlock | undefined, create: boolean): void {
    const name = target.table as Name;
    refuseLongName(this.#sources, name.text, name.span);
    const existing = this.ruleset.find(target.family, name.text);
    if (existing !== undefined && create) throw this.#sources.error('Could not process rule: File exists', name.span);
    const table = existing ?? this.ruleset.add(target.family, name.text);
    table.subchainRules = (chain, statement) => {
      for (const rule of statement.statements) this.#append(table, chain, rule);
    };
    if (block === undefined) return;
    for (const flag of block.flags) table.flags.add(flag as 'dormant');
    if (block.comment !== undefined) table.comment = block.comment;
    const { faults } = this.#sources;
    const chains: { block: ChainBlock; chain: DraftChain }[] = [];
    for (const chain of block.chains) {
      faults.attempt(() => chains.push({ block: chain, chain: applyChain(this.#sources, table, chain, false) }));
    }
    for (const object of block.objects) {
      if (!faults.attempt(() => applyObject(this.#sources, table, object, false)))
        faults.markBroken('object', object.name.text);
    }
    for (const set of block.sets) faults.attempt(() => this.#addSet(table, set, false));
    for (const flowtable of block.flowtables) {
      if (!faults.attempt(() => applyFlowtable(this.#sources, table, flowtable, false)))
        faults.markBroken('flowtable', flowtable.name.text);
    }
    for (const { block: chainBlock, chain } of chains) this.#addRules(table, chain, chainBlock);
  }

  #addChain(table: DraftTable, target: Target, block: ChainBlock | undefined, create: boolean): void {
    const name = target.name as Name;
    const chain = applyChain(
      this.#sources,
      table,
      block ?? { name, offload: false, rules: [], span: name.span },
      create,
    );
    if (block !== undefined) this.#addRules(table, chain, block);
  }

  #addRules(table: DraftTable, chain: DraftChain, block: ChainBlock): void {
    if (block.offload) throw this.#sources.unsupported("chains with 'flags offload'", block.span);
    for (const rule of block.rules) this.#sources.faults.attempt(() => this.#append(table, chain, rule));
  }

  #append(table: DraftTable, chain: DraftChain, rule: RuleNode): void {
    chain.rules.push(this.#compileRule(table, rule));
  }

  #compileRule(table: DraftTable, rule: RuleNode): DraftRule {
    const context = newContext(this.#sources, table.family, table);
    const statements = evaluateRule(context, rule);
    const span: Span = rule.span ?? { source: 0, start: 0, end: 0 };
    const out = new Linearizer(
      (name) => table.findSet(name),
      (message, expr) => {
        throw this.#sources.error(message, expr?.span ?? span);
      },
    );
    for (const statement of statements) {
      linearizeStatement(out, statement, (chain) => (chain.kind === 'chain' ? table.addSubchain(chain) : ''));
    }
    const expressions: LinearExpression[] = out.expressions;
    const draft: DraftRule = { handle: table.nextHandle(), expressions, span };
    if (rule.comment !== undefined) draft.comment = rule.comment;
    return draft;
  }

  /** `add|insert|replace rule`: where it goes is said by position, handle or index. */
  #addRule(table: DraftTable, command: Extract<Command, { object: 'rule' }>): void {
    const chain = this.#chain(table, command.target);
    if (command.rule === undefined) return;
    const rules = chain.rules;
    const find = (handle: { number: number; span: Span }): number => {
      const index = rules.findIndex((rule) => rule.handle === handle.number);
      if (index < 0)
        throw this.#sources.error(
          'Could not process rule: No such file or directory',
          handle.span,
          'the chain has no rule with this handle',
        );
      return index;
    };
    let at = command.op === 'insert' ? 0 : rules.length;
    if (command.op === 'replace') {
      if (command.target.handle === undefined) throw this.#sources.error("'replace rule' needs a handle", command.span);
      at = find(command.target.handle);
    } else if (command.position !== undefined) at = find(command.position) + (command.op === 'insert' ? 0 : 1);
    else if (command.index !== undefined) {
      if (command.index.number >= rules.length) {
        throw this.#sources.error(
          'Could not process rule: No such file or directory',
          command.index.span,
          `the chain has ${rules.length} rules`,
        );
      }
      at = command.index.number + (command.op === 'insert' ? 0 : 1);
    }
    const rule = this.#compileRule(table, command.rule);
    rules.splice(at, command.op === 'replace' ? 1 : 0, rule);
  }

  #addSet(table: DraftTable, block: SetBlock, create: boolean): void {
    refuseLongName(this.#sources, block.name.text, block.name.span);
    const context = newContext(this.#sources, table.family, table);
    const declared = this.#declareSet(context, block);
    const existing = table.findSet(block.name.text);
    if (existing !== undefined) this.#refuseOtherSet(existing, declared, create);
    const set = existing ?? declared;
    if (existing === undefined) {
      set.handle = table.nextHandle();
      table.sets.set(set.name, set);
    }
    if (block.elements !== undefined) changeElements(context, set, block.elements, 'add');
  }

  #declareSet(context: Context, block: SetBlock): DraftSet {
    try {
      return declareSet(context, block);
    } catch (error) {
      this.#sources.faults.markBroken('set', block.name.text);
      throw error;
    }
  }

  #refuseOtherSet(existing: DraftSet, declared: DraftSet, create: boolean): void {
    const span = declared.span;
    const what = declared.mapTo === undefined ? 'set' : 'map';
    if (create) throw this.#sources.error('Could not process rule: File exists', span);
    if ((existing.mapTo === undefined) !== (declared.mapTo === undefined)) {
      const other = existing.mapTo === undefined ? 'set' : 'map';
      throw this.#sources.error(`Cannot merge ${what} with incompatible existing ${other} of same name`, span);
    }
    if (declared.interval && !existing.interval)
      throw this.#sources.error(`existing ${what} lacks interval flag`, span);
    for (const part of ['data', 'key'] as const) {
      const [mine, theirs] = [declared[part]?.datatype, existing[part]?.datatype];
      if (mine !== undefined && theirs !== undefined && !sameDatatype(mine, theirs)) {
        throw this.#sources.error(
          `${what} already exists with different datatype (${describeType(theirs)} vs ${describeType(mine)})`,
          span,
        );
      }
    }
    if (existing.interval !== declared.interval || existing.timeout !== declared.timeout) {
      throw this.#sources.error(
        'Could not process rule: File exists',
        span,
        `the ${what} was declared with other flags`,
      );
    }
  }

  #table(target: Target): DraftTable {
    const name = target.table as Name;
    const table = this.ruleset.find(target.family, name.text);
    if (table !== undefined) return table;
    const other = this.ruleset.tables.find((candidate) => candidate.name === name.text);
    const meant =
      other ??
      this.ruleset.tables.find(
        (candidate) =>
          candidate.name ===
          nearest(
            name.text,
            this.ruleset.tables.map((table) => table.name),
          ),
      );
    const what = `table '${name.text}' of family ${target.family}`;
    const found = meant && `table '${meant.name}' of family ${meant.family}`;
    throw this.#sources.missing('table', name.text, what, name.span, found);
  }

  #chain(table: DraftTable, target: Target): DraftChain {
    const name = target.name as Name;
    const chain = table.chains.get(name.text);
    if (chain !== undefined) return chain;
    throw this.#notFound('chain', name, table.chainNames());
  }

  #set(table: DraftTable, target: Target): DraftSet {
    const name = target.name as Name;
    const set = table.findSet(name.text);
    if (set !== undefined) return set;
    throw this.#notFound('set', name, table.setNames());
  }

  #notFound(what: string, name: Name, names: readonly string[]): Error {
    const thing = what === 'chain' || what === 'set' || what === 'flowtable' ? what : 'object';
    const meant = nearest(
      name.text,
      names.filter((candidate) => !candidate.startsWith('__')),
    );
    return this.#sources.missing(
      thing,
      name.text,
      `${what} '${name.text}' in this table`,
      name.span,
      meant && `'${meant}'`,
    );
  }

  #flush(command: Command): void {
    if (command.object === 'ruleset') {
      const { anyFamily, target } = command;
      for (const table of [...this.ruleset.tables])
        if (anyFamily || table.family === target.family) this.ruleset.remove(table);
      return;
    }
    const table = this.#table(command.target);
    if (command.object === 'table') for (const chain of table.chains.values()) chain.rules = [];
    else if (command.object === 'chain') this.#chain(table, command.target).rules = [];
    else if (command.object === 'set') this.#set(table, command.target).elements = [];
    table.dropUnusedSets();
  }

  #delete(command: Command): void {
    const mayBeMissing = command.op === 'destroy';
    const { target } = command;
    if (command.object === 'table') {
      const found =
        target.handle === undefined
          ? this.ruleset.find(target.family, (target.table as Name).text)
          : this.ruleset.tables.find((table) => table.handle === target.handle?.number);
      if (found !== undefined) this.ruleset.remove(found);
      else if (!mayBeMissing) {
        const at = target.handle?.span ?? (target.table as Name).span;
        throw this.#sources.error(
          'Could not process rule: No such file or directory',
          at,
          "write 'destroy table' when it may be missing",
        );
      }
      return;
    }
    if (mayBeMissing && this.ruleset.find(target.family, (target.table as Name).text) === undefined) return;
    const table = this.#table(target);
    if (command.object === 'element') {
      changeElements(
        newContext(this.#sources, table.family, table),
        this.#set(table, target),
        command.elements,
        'remove',
      );
    } else if (command.object === 'rule') this.#deleteRule(table, target, mayBeMissing);
    else if (!this.#deleteNamed(table, command) && !mayBeMissing) {
      throw this.#notFound(
        command.object === 'object' ? command.objectType : command.object,
        target.name ?? { text: String(target.handle?.number), span: command.span },
        this.#names(table, command),
      );
    }
    table.dropUnusedSets();
  }

  #names(table: DraftTable, command: Command): string[] {
    if (command.object === 'chain') return table.chainNames();
    if (command.object === 'set') return table.setNames();
    if (command.object === 'flowtable') return table.flowtableNames();
    return command.object === 'object' ? table.objectNames(command.objectType) : [];
  }

  #deleteRule(table: DraftTable, target: Target, mayBeMissing: boolean): void {
    const chain = this.#chain(table, target);
    const index = chain.rules.findIndex((rule) => rule.handle === target.handle?.number);
    if (index >= 0) chain.rules.splice(index, 1);
    else if (!mayBeMissing) {
      throw this.#sources.error(
        'Could not process rule: No such file or directory',
        target.handle?.span,
        'the chain has no rule with this handle',
      );
    }
  }

  #deleteNamed(table: DraftTable, command: Command): boolean {
    const { target } = command;
    const matches = (item: { name: string; handle: number }): boolean =>
      target.handle === undefined ? item.name === target.name?.text : item.handle === target.handle.number;
    const from = <T extends { name: string; handle: number }>(items: Map<string, T>): boolean => {
      const found = [...items.values()].find(matches);
      return found !== undefined && items.delete(found.name);
    };
    switch (command.object) {
      case 'chain':
        if (command.block?.devices !== undefined)
          throw this.#sources.unsupported("'delete chain' of devices", command.span);
        return from(table.chains);
      case 'set':
        return from(table.sets);
      case 'flowtable':
        if (command.block?.devices !== undefined)
          throw this.#sources.unsupported("'delete flowtable' of devices", command.span);
        return from(table.flowtables);
      case 'object': {
        const type: ObjectType = command.objectType;
        const index = table.objects.findIndex((object) => object.type === type && matches(object));
        if (index >= 0) table.objects.splice(index, 1);
        return index >= 0;
      }
      default:
        return false;
    }
  }

  #rename(command: Command): void {
    if (command.object !== 'chain' || command.newName === undefined) return;
    const table = this.#table(command.target);
    const chain = this.#chain(table, command.target);
    const to = command.newName;
    refuseLongName(this.#sources, to.text, to.span);
    if (table.chains.has(to.text)) throw this.#sources.error('Could not process rule: File exists', to.span);
    table.chains.delete(chain.name);
    chain.name = to.text;
    table.chains.set(chain.name, chain);
  }
}
