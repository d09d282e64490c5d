// Evaluation of a rule: every statement in turn, then what nft does to the whole: it drops matches that say nothing and joins
// equality matches of fields that lie beside each other into one (nftables' src/rule.c, stmt_reduce).
import type { Family } from '../bytecode/ruleset.ts';
import type { PayloadExpr, RelationalExpr, RuleNode, Stmt, ValueExpr } from './ast.ts';
import { BASES, type Context, fail, noExpectation, ProtocolContext, type RulesetScope } from './evaluate-context.ts';
import { evaluateExpression } from './evaluate-expression.ts';
import { declareImplicitSet } from './evaluate-set.ts';
import { evaluateStatement, isTerminal } from './evaluate-statement.ts';
import { isProtocolKey, rawPayload, value } from './expressions.ts';
import type { Sources } from './source.ts';

/** A fresh context for something in a table of the family. */
export function newContext(sources: Sources, family: Family, ruleset: RulesetScope): Context {
  return {
    sources,
    family,
    ruleset,
    evaluate: evaluateExpression,
    evaluateStatement,
    declareSet: declareImplicitSet,
    expected: noExpectation(),
    statementLength: 0,
    protocols: new ProtocolContext(family),
    innerProtocols: new ProtocolContext('bridge'),
    inner: undefined,
    statements: [],
    statement: undefined,
    set: undefined,
    listDepth: 0,
    binaryDepth: 0,
  };
}

/** The statements of a rule, evaluated, dependencies included. Throws NftError. */
export function evaluateRule(context: Context, rule: RuleNode): Stmt[] {
  context.statements = [...rule.statements];
  let terminal: Stmt | undefined;
  const { faults } = context.sources;
  let well = true;
  for (const statement of rule.statements) {
    // One statement may be wrong, and another as well.
    const went = faults.attempt(() => {
      if (terminal !== undefined) throw fail(context, statement, 'Statement after terminal statement has no effect');
      context.statement = statement;
      evaluateStatement(context, statement);
    });
    well &&= went;
    if (isTerminal(statement)) terminal ??= statement;
    context.inner = undefined;
    context.set = undefined;
    context.expected = noExpectation();
  }
  if (!well) throw context.sources.consequence(rule.span);
  return reduceStatements(context.family, context.statements);
}

type Match = Extract<Stmt, { kind: 'match' }>;
interface FieldMatch {
  statement: Match;
  rel: RelationalExpr;
  left: PayloadExpr;
  right: ValueExpr;
  /** Announces a protocol: matches of that protocol must not come before it. */
  isKey: boolean;
}

/** Drops `meta protocol ip` in tables of ip, and merges matches of adjacent fields between other statements. */
function reduceStatements(family: Family, statements: Stmt[]): Stmt[] {
  const removed = new Set<Stmt>();
  let run: FieldMatch[] = [];
  for (const [index, statement] of statements.entries()) {
    if (statement.kind !== 'match') {
      mergeFields(run, removed);
      run = [];
      continue;
    }
    const rel = statement.expr;
    if (rel.kind !== 'relational' || rel.right.kind !== 'value' || (rel.op !== 'eq' && rel.op !== 'implicit')) continue;
    const { left, right } = rel;
    if (left.kind === 'payload') run.push({ statement, rel, left, right, isKey: isProtocolKey(left) });
    else if (
      left.kind === 'meta' &&
      left.key === 'protocol' &&
      left.inner === undefined &&
      index < statements.length - 1
    ) {
      if ((family === 'ip' && right.value === 0x0800n) || (family === 'ip6' && right.value === 0x86ddn))
        removed.add(statement);
    }
  }
  mergeFields(run, removed);
  return statements.filter((statement) => !removed.has(statement));
}

function mergeFields(run: FieldMatch[], removed: Set<Stmt>): void {
  if (run.length < 2) return;
  const sorted = [...run].sort(
    (a, b) => BASES.indexOf(a.left.base) - BASES.indexOf(b.left.base) || a.left.offset - b.left.offset,
  );
  let last = sorted[0] as FieldMatch;
  for (const match of sorted.slice(1)) {
    if (!canMerge(last.left, match.left)) {
      last = match;
      continue;
    }
    const [kept, gone] = match.isKey ? [match, last] : [last, match];
    const left = joinFields(last.left, match.left);
    const right = value(
      (last.right.value << BigInt(match.left.length)) | match.right.value,
      'invalid',
      'big',
      left.length,
      kept.right.span,
    );
    kept.rel.left = left;
    kept.rel.right = right;
    kept.isKey = last.isKey || match.isKey;
    kept.left = left;
    kept.right = right;
    removed.add(gone.statement);
    last = kept;
  }
}

function joinFields(first: PayloadExpr, second: PayloadExpr): PayloadExpr {
  const joined = rawPayload(first.base, first.offset, first.length + second.length, first.span);
  joined.protocol = '';
  joined.field = '';
  joined.datatype = 'invalid';
  if (first.inner !== undefined) joined.inner = first.inner;
  return joined;
}

/** Adjacent whole octets that one register holds, unless two short loads are the faster way. */
function canMerge(first: PayloadExpr, second: PayloadExpr): boolean {
  if (first.inner !== second.inner || first.base !== second.base) return false;
  if (first.offset + first.length !== second.offset) return false;
  for (const expr of [first, second]) if (expr.offset % 8 !== 0 || expr.length % 8 !== 0) return false;
  const total = first.length + second.length;
  if (total > 128) return false;
  return total <= 32 || first.base === 'link' || first.length > 32 || second.length > 32;
}
