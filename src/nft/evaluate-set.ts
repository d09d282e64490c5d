// Sets and their elements: literal sets, references, anonymous sets of matches and maps, elements that join a named set.
import type { ConcatExpr, ElementExpr, Expr, MappingExpr, SetExpr, SetRefExpr } from './ast.ts';
import { type Context, type DraftSet, expect, expectType, fail, type ImplicitSet } from './evaluate-context.ts';
import { widenData } from './evaluate-map-data.ts';
import {
  cloneExpr,
  compatibleDatatype,
  describeType,
  isConstant,
  isSingleton,
  kindName,
  untyped,
} from './expressions.ts';
import { addIntervals, elementOf, removeIntervals } from './intervals.ts';
import { nearest } from './suggest.ts';

/** `{ … }`: all members evaluated, nested sets and variables laid flat. */
export function evaluateSet(context: Context, set: SetExpr): Expr {
  const items: Expr[] = [];
  const depth = context.listDepth + 1;
  let well = true;
  for (const item of set.items) {
    // Several members may be wrong.
    const went = context.sources.faults.attempt(() => {
      context.listDepth = depth;
      const member = context.evaluate(context, item);
      context.listDepth = depth - 1;
      addMember(context, items, member);
    });
    well &&= went;
  }
  context.listDepth = depth - 1;
  if (!well) throw context.sources.consequence(set.span);
  set.items = items;
  set.datatype = context.expected.datatype ?? 'invalid';
  set.length = context.expected.length;
  return set;
}

function addMember(context: Context, items: Expr[], member: Expr): void {
  const element = elementOf(member);
  if (element?.key.kind === 'setref') throw fail(context, member, 'Set reference cannot be part of another set');
  if (member.kind === 'mapping' && element?.key.kind === 'set') {
    for (const key of element.key.items) {
      const mapping: MappingExpr = { ...member, key: cloneExpr(key), value: cloneExpr(member.value) };
      addMember(context, items, mapping);
    }
    return;
  }
  if (member.kind === 'element' && member.key.kind === 'set') {
    for (const item of member.key.items) items.push(item);
    return;
  }
  if (!isConstant(member)) throw fail(context, member, 'Set member is not constant');
  if (member.kind === 'set') for (const item of member.items) items.push(item);
  else items.push(member);
}

export function evaluateElement(context: Context, element: ElementExpr): Expr {
  const { set } = context;
  if (set !== undefined) {
    refuseStatements(context, set, element);
    expect(context, set.key.datatype, set.key.byteorder, set.key.length);
    context.expected.key = set.key;
  }
  element.key = context.evaluate(context, element.key);
  const { key } = element;
  if (set !== undefined && !set.anonymous && !set.interval) refuseRange(context, set, key);
  if (
    set !== undefined &&
    key.kind !== 'catchall' &&
    key.kind !== 'set' &&
    !compatibleDatatype(set.key.datatype, typeOf(key))
  ) {
    throw fail(
      context,
      element,
      `Element mismatches ${kindOf(set)} definition, expected ${describeType(set.key.datatype)}, not '${describeType(typeOf(key))}'`,
    );
  }
  element.datatype = key.datatype;
  element.length = key.length;
  return element;
}

function typeOf(key: Expr): string {
  return key.kind === 'range' ? key.from.datatype : key.datatype;
}
function kindOf(set: DraftSet): string {
  return set.mapTo === undefined ? 'set' : 'map';
}

function refuseStatements(context: Context, set: DraftSet, element: ElementExpr): void {
  const [first] = element.statements;
  if (first === undefined) return;
  if (set.statements.length === 0) {
    if (!set.anonymous && !set.dynamic) throw fail(context, first, `missing statement in ${kindOf(set)} declaration`);
    return;
  }
  if (set.statements.length !== element.statements.length) {
    const counts = `set expects ${set.statements.length} but element has ${element.statements.length}`;
    throw fail(context, element, `number of statements mismatch, ${counts}`);
  }
  for (const [index, statement] of element.statements.entries()) {
    const declared = set.statements[index];
    if (declared !== undefined && declared.kind !== statement.kind) {
      throw fail(
        context,
        statement,
        `statement mismatch, element expects ${statement.kind}, but ${kindOf(set)} has type ${declared.kind}`,
      );
    }
  }
}

function refuseRange(context: Context, set: DraftSet, key: Expr): void {
  for (const part of key.kind === 'concat' ? key.parts : [key]) {
    if (part.kind !== 'prefix' && part.kind !== 'range') continue;
    throw fail(
      context,
      part,
      `You must add 'flags interval' to your ${kindOf(set)} declaration if you want to add ${kindName(part)} elements`,
    );
  }
}

/** `@name`: what follows is typed by its key. */
export function evaluateSetReference(context: Context, ref: SetRefExpr): Expr {
  const set = context.ruleset.findSet(ref.name);
  if (set === undefined) {
    const meant = nearest(
      ref.name,
      context.ruleset.setNames().filter((name) => !name.startsWith('__')),
    );
    throw context.sources.missing(
      'set',
      ref.name,
      `set or map '${ref.name}' in this table`,
      ref.span ?? context.statement?.span,
      meant === undefined ? undefined : `'${meant}'`,
    );
  }
  expectType(context, set.key.datatype, set.key.length);
  context.expected.key = set.key;
  ref.datatype = set.key.datatype;
  return ref;
}

/** Declares an anonymous set: of a match its elements are evaluated already, of a map they are evaluated here. */
export function declareImplicitSet(context: Context, declaration: ImplicitSet): { ref: SetRefExpr; set: DraftSet } {
  const { elements, key } = declaration;
  const set: DraftSet = {
    name: '',
    block: undefined,
    handle: 0,
    anonymous: true,
    constant: declaration.dynamic !== true,
    interval: declaration.interval,
    dynamic: declaration.dynamic === true,
    timeout: false,
    autoMerge: false,
    concat: false,
    key,
    dataInterval: false,
    statements: [],
    elements: [],
    span: elements.span ?? { source: 0, start: 0, end: 0 },
  };
  if (declaration.data !== undefined) {
    set.data = declaration.data;
    set.mapTo = declaration.data.datatype === 'verdict' ? 'verdict' : 'value';
  }
  if (declaration.objectType !== undefined) set.mapTo = declaration.objectType;
  context.ruleset.addSet(set, declaration.template);
  const outer = context.set;
  let items: Expr[] = [];
  if (declaration.isMap) {
    context.set = set;
    if (elements.kind === 'set') refuseBareMembers(context, elements);
    const evaluated = context.evaluate(context, elements);
    if (evaluated.kind !== 'set') throw fail(context, evaluated, 'Expression is not a map');
    items = evaluated.items;
  } else if (elements.kind === 'set') items = elements.items;
  if (items.some((item) => !isSingleton(item))) set.interval = true;
  if (key.kind === 'concat') {
    refuseUnconcatenated(context, items);
    set.concat = set.interval;
  }
  set.autoMerge = set.interval && !set.concat;
  set.elements = set.interval && !set.concat ? addIntervals(context, set, items) : items;
  if (set.dataInterval) widenAll(context, set);
  context.set = outer;
  const ref: SetRefExpr = { ...untyped(set.span), kind: 'setref', name: set.name, datatype: key.datatype };
  return { ref, set };
}

function refuseBareMembers(context: Context, elements: SetExpr): void {
  for (const item of elements.items) {
    if (item.kind === 'element' && item.key.kind !== 'variable')
      throw fail(context, item, 'expected mapping, not set element');
  }
}

function widenAll(context: Context, set: DraftSet): void {
  for (const item of set.elements) {
    if (item.kind !== 'mapping') throw fail(context, item, `expected mapping, not ${kindName(item)}`);
    widenData(item);
  }
}

function refuseUnconcatenated(context: Context, items: readonly Expr[]): void {
  for (const item of items) {
    const key = elementOf(item)?.key;
    if (key !== undefined && key.kind !== 'concat' && key.kind !== 'catchall')
      throw fail(context, item, 'expression is not a concatenation');
  }
}

/** Evaluates elements for a named set and adds them to it, or takes them out. */
export function changeElements(context: Context, set: DraftSet, elements: Expr, change: 'add' | 'remove'): void {
  context.set = set;
  expect(context, set.key.datatype, set.key.byteorder, set.key.length);
  const evaluated = context.evaluate(context, elements);
  if (evaluated.kind !== 'set') {
    throw fail(context, evaluated, `Set ${set.name}: Unexpected initial type ${kindName(evaluated)}, missing { }?`);
  }
  for (const item of evaluated.items) {
    if (change === 'add' && set.mapTo !== undefined && item.kind !== 'mapping') {
      throw fail(context, item, `expected mapping, not ${kindName(item)}`);
    }
  }
  if (set.interval && !set.concat) {
    set.elements =
      change === 'add' ? addIntervals(context, set, evaluated.items) : removeIntervals(context, set, evaluated.items);
  } else if (change === 'add') for (const item of evaluated.items) set.elements.push(item);
  else for (const item of evaluated.items) removeElement(context, set, item);
  context.set = undefined;
}

function removeElement(context: Context, set: DraftSet, item: Expr): void {
  const wanted = fingerprint(elementOf(item)?.key);
  const index = set.elements.findIndex((element) => fingerprint(elementOf(element)?.key) === wanted);
  if (index < 0)
    throw fail(context, item, 'Could not process rule: No such file or directory', 'the set has no such element');
  set.elements.splice(index, 1);
}

/** Equal for keys that are equal. */
export function fingerprint(key: Expr | undefined): string {
  switch (key?.kind) {
    case 'value':
      return key.value.toString(16);
    case 'prefix':
      return `${fingerprint(key.base)}/${key.prefixLength}`;
    case 'range':
      return `${fingerprint(key.from)}-${fingerprint(key.to)}`;
    case 'concat':
      return (key as ConcatExpr).parts.map(fingerprint).join('.');
    default:
      return key?.kind ?? '';
  }
}
