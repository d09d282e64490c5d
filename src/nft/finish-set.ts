// A compiled set as the kernel holds it: elements as octets, each key once.
import type { NftSet, SetElement } from '../bytecode/ruleset.ts';
import type { ElementExpr, Expr } from './ast.ts';
import { dataOctets, keyOctets } from './constant-octets.ts';
import type { DraftSet } from './evaluate-context.ts';
import { fieldsOf } from './evaluate-set-declaration.ts';
import { objectName } from './evaluate-statement.ts';
import { isSingleton } from './expressions.ts';
import { elementOf } from './intervals.ts';
import { statefulExpression, verdictOf } from './linearize-statement.ts';
import type { Sources } from './source.ts';

/** The set as bytecode. Throws when elements contradict each other. */
export function finishSet(set: DraftSet, sources: Sources): NftSet {
  const key = fieldsOf(set.key);
  const data = set.mapTo === 'value' && set.data !== undefined ? fieldsOf(set.data) : undefined;
  const result: NftSet = {
    name: set.name,
    handle: set.handle,
    anonymous: set.anonymous,
    constant: set.constant,
    interval: set.interval,
    dynamic: set.dynamic,
    timeout: set.timeout,
    autoMerge: set.autoMerge && !set.anonymous,
    keyTypes: key.types,
    keyFieldLengths: key.lengths,
    keyLength: key.total,
    dataTypes: set.mapTo === 'verdict' ? ['verdict'] : (data?.types ?? []),
    dataLength: data?.total ?? 0,
    elementExpressions: set.statements.map(statefulExpression),
    elements: finishElements(set, sources),
    location: sources.location(set.span),
  };
  if (set.mapTo !== undefined) result.mapTo = set.mapTo;
  if (set.comment !== undefined) result.comment = set.comment;
  if (set.keyTypeof !== undefined) result.keyTypeof = set.keyTypeof;
  if (set.dataTypeof !== undefined) result.dataTypeof = set.dataTypeof;
  if (set.size !== undefined) result.sizeElements = set.size;
  if (set.timeoutMs !== undefined) result.timeoutMs = set.timeoutMs;
  if (set.gcIntervalMs !== undefined) result.gcIntervalMs = set.gcIntervalMs;
  if (set.policy !== undefined) result.policy = set.policy;
  return result;
}

function finishElements(set: DraftSet, sources: Sources): SetElement[] {
  const elements: SetElement[] = [];
  const seen = new Map<string, SetElement>();
  for (const item of set.elements) {
    const element = elementOf(item);
    if (element === undefined) continue;
    const made = finishElement(set, item, element);
    const identity = `${latin(made.key)}|${made.keyEnd === undefined ? '' : latin(made.keyEnd)}`;
    const same = seen.get(identity);
    if (same === undefined) {
      seen.set(identity, made);
      elements.push(made);
    } else if (!sameData(same, made)) {
      throw sources.error(
        'Could not process rule: File exists',
        element.span,
        'the same key is mapped to something else before',
      );
    }
  }
  if (set.size !== undefined && !set.anonymous && !set.interval && elements.length > set.size) {
    throw sources.error(
      'Could not process rule: Too many open files in system',
      set.span,
      `${elements.length} elements, size ${set.size}`,
    );
  }
  return elements;
}

function latin(octets: Uint8Array): string {
  const [a, b, c, d] = octets;
  if (octets.length === 4) return String.fromCharCode(a as number, b as number, c as number, d as number);
  return String.fromCharCode(...octets);
}

function sameData(a: SetElement, b: SetElement): boolean {
  if (a.object !== b.object || a.verdict?.code !== b.verdict?.code || a.verdict?.chain !== b.verdict?.chain)
    return false;
  if (a.data === undefined || b.data === undefined) return a.data === b.data;
  return latin(a.data) === latin(b.data) && latin(a.dataEnd ?? a.data) === latin(b.dataEnd ?? b.data);
}

function finishElement(set: DraftSet, item: Expr, element: ElementExpr): SetElement {
  const { key } = element;
  const result: SetElement = { key: new Uint8Array(0) };
  if (key.kind === 'catchall') result.catchAll = true;
  else {
    result.key = keyOctets(key, 'low', set.interval);
    if (!isSingleton(key)) result.keyEnd = keyOctets(key, 'high', set.interval);
  }
  if (element.timeoutMs !== undefined) result.timeoutMs = Number.isFinite(element.timeoutMs) ? element.timeoutMs : 0;
  if (element.expiresMs !== undefined) result.expiresMs = element.expiresMs;
  if (element.comment !== undefined) result.comment = element.comment;
  if (element.statements.length > 0) result.expressions = element.statements.map(statefulExpression);
  else if (set.statements.length > 0) result.expressions = set.statements.map(statefulExpression);
  if (item.kind !== 'mapping') return result;
  const { value } = item;
  if (value.kind === 'verdict') result.verdict = verdictOf(value);
  else if (set.mapTo === 'value') {
    result.data = dataOctets(value, 'low');
    if (set.dataInterval) result.dataEnd = dataOctets(value, 'high');
  } else if (value.kind === 'value') result.object = objectName(value.value);
  return result;
}
