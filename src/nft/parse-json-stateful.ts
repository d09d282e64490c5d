// Stateful statements from JSON: counter, limit, quota, ct count, last (nftables src/parser_json.c).
import type { LimitUnit } from '../bytecode/expression.ts';
import type { LimitSpec, Stmt } from './ast.ts';
import type { JsonInput } from './json-input.ts';
import type { JsonNode, JsonObjectNode } from './json-reader.ts';

const UNITS = ['second', 'minute', 'hour', 'day', 'week'] as const;
const DATA_UNITS = { bytes: 1, kbytes: 1024, mbytes: 1024 ** 2 } as const;
const DATA_UNIT_WORDS = ['bytes', 'kbytes', 'mbytes'] as const;
const SAFE = Number.MAX_SAFE_INTEGER;
const DEFAULT_BURST = 5;
const NAMES = new Set(['counter', 'quota', 'limit', 'last', 'ct count']);

/** Whether a property holds a stateful statement. */
export function isStatefulName(name: string): boolean {
  return NAMES.has(name);
}

/** Whether a node is the statement itself, not a reference to a named object. */
export function isInline(name: string, node: JsonNode): boolean {
  switch (name) {
    case 'counter':
      return (
        node.kind === 'null' || (node.kind === 'object' && node.members.has('packets') && node.members.has('bytes'))
      );
    case 'quota':
      return node.kind === 'object' && node.members.has('val');
    case 'limit':
      return node.kind === 'object' && node.members.has('rate') && node.members.has('per');
    default:
      return true;
  }
}

/** The stateful statement of the name. Throws NftError. */
export function readStateful(input: JsonInput, name: string, node: JsonNode): Stmt {
  const { span } = node;
  if (node.kind === 'null' && name === 'counter') return { kind: 'counter', packets: 0, bytes: 0, span };
  if (node.kind === 'null' && name === 'last') return { kind: 'last', span };
  const object = input.asObject(node, `'${name}'`);
  switch (name) {
    case 'counter':
      return {
        kind: 'counter',
        packets: input.integer(object, 'packets', "'counter'", SAFE),
        bytes: input.integer(object, 'bytes', "'counter'", SAFE),
        span,
      };
    case 'quota':
      return {
        kind: 'quota',
        bytes: readBytes(input, object, 'val', 'val_unit') ?? 0,
        usedBytes: readBytes(input, object, 'used', 'used_unit') ?? 0,
        invert: input.optionalBoolean(object, 'inv'),
        span,
      };
    case 'limit':
      return { kind: 'limit', limit: readLimit(input, object, true), span };
    case 'last': {
      const used = input.integer(object, 'used', "'last'", SAFE, -1);
      return used < 0 ? { kind: 'last', span } : { kind: 'last', usedMs: used, span };
    }
    default:
      return {
        kind: 'connlimit',
        count: input.integer(object, 'val', "'ct count'", 0xffffffff),
        invert: input.optionalBoolean(object, 'inv'),
        span,
      };
  }
}

/** A number of octets with a unit beside it. */
function readBytes(input: JsonInput, object: JsonObjectNode, key: string, unitKey: string): number | undefined {
  const count = input.optionalInteger(object, key, `a number of bytes`, SAFE);
  const unit = input.optionalWord(object, unitKey, 'a number of bytes', DATA_UNIT_WORDS) ?? 'bytes';
  return count === undefined ? undefined : count * DATA_UNITS[unit];
}

/** `{"rate": N, "per": UNIT [, "rate_unit": …] [, "burst": N] [, "burst_unit": …] [, "inv": true]}` */
export function readLimit(input: JsonInput, object: JsonObjectNode, inRule: boolean): LimitSpec {
  const rate = input.integer(object, 'rate', "'limit'", SAFE);
  const unit: LimitUnit = input.word(object, 'per', "'limit'", UNITS);
  const rateUnit = input.optionalWord(object, 'rate_unit', "'limit'", ['packets', ...DATA_UNIT_WORDS]) ?? 'packets';
  const invert = input.optionalBoolean(object, 'inv');
  if (rateUnit === 'packets') {
    const burst = input.optionalInteger(object, 'burst', "'limit'", 0xffffffff) ?? 0;
    return { type: 'packets', rate, unit, burst: burst === 0 && inRule ? DEFAULT_BURST : burst, invert };
  }
  const burst = readBytes(input, object, 'burst', 'burst_unit') ?? 0;
  return { type: 'bytes', rate: rate * DATA_UNITS[rateUnit], unit, burst, invert };
}
