// The registers of a rule that is being read back, and what they hold when a lookup takes its key from them.
import type { NftSet, Table } from '../bytecode/ruleset.ts';
import type { Expr, SetExpr } from './ast.ts';
import type { RuleContext } from './delinearize-context.ts';
import { completeExpression, unmask } from './delinearize-expressions.ts';
import { delinearizeSet, keyTypes, mapKeys } from './delinearize-sets.ts';
import { concat, constantOf, rawValue, typeOnly, type ValueType } from './delinearize-values.ts';

/** What a rule's expressions refer to, and the registers while it is read. */
export interface RuleReader {
  readonly table: Table;
  readonly context: RuleContext;
  /** What is known of the packet inside a tunnel; shares the statements. */
  readonly inner: RuleContext;
  /** What each 4-octet register holds the start of. */
  readonly registers: (Expr | undefined)[];
}

function slotOf(register: number): number {
  return register <= 4 ? (register - 1) * 4 : register - 8;
}

/** What is known of the packet that an expression looks into: the one inside a tunnel, or the packet itself. */
export function contextOf(reader: RuleReader, expr: Expr): RuleContext {
  const isInner = looksInside(expr);
  (isInner ? reader.context : reader.inner).previous = undefined;
  return isInner ? reader.inner : reader.context;
}

function looksInside(expr: Expr): boolean {
  switch (expr.kind) {
    case 'payload':
    case 'meta':
      return expr.inner !== undefined;
    case 'binary':
      return looksInside(expr.left);
    case 'unary':
      return looksInside(expr.operand);
    case 'concat':
      return expr.parts.some(looksInside);
    default:
      return false;
  }
}

/** completeExpression in the context of what the expression looks into. */
export function completeLoaded(reader: RuleReader, expr: Expr): Expr {
  return completeExpression(contextOf(reader, expr), expr);
}

/** What a register holds; octets of nothing when the bytecode never loaded it. */
export function registerExpr(reader: RuleReader, register: number): Expr {
  return reader.registers[slotOf(register)] ?? rawValue(new Uint8Array(4));
}

/** What `octets` from a register on hold: one expression, or a concatenation when the first is shorter. */
export function registerKey(reader: RuleReader, register: number, octets: number, fields: number): Expr {
  const first = registerExpr(reader, register);
  if (fields <= 1 && first.length >= octets * 8) return first;
  const parts: Expr[] = [];
  let slot = slotOf(register);
  for (let left = octets; left > 0; ) {
    const part = reader.registers[slot];
    if (part === undefined) break;
    const slots = Math.max(1, Math.ceil(part.length / 32));
    parts.push(part);
    slot += slots;
    left -= slots * 4;
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : concat(parts);
}

/** Notes what a load put into a register. */
export function setRegister(reader: RuleReader, register: number, expr: Expr): void {
  reader.registers[slotOf(register)] = expr;
}

/** The set of a name. Throws nothing: an unknown one is listed as an empty set of integers. */
export function setNamed(reader: RuleReader, name: string): NftSet | undefined {
  return reader.table.sets.find((set) => set.name === name);
}

/** The key and elements of a map lookup, the key's field cut out and the elements shifted to match. */
export function mapping(reader: RuleReader, set: NftSet, register: number): { key: Expr; mappings: Expr } {
  const left = registerKey(reader, register, set.keyLength, set.keyTypes.length);
  const context = contextOf(reader, left);
  const { expr, shift } = unmask(context, completeExpression(context, left));
  return { key: bare(expr), mappings: setOperand(set, expr, shift) };
}

/** `@name`, or the elements of an anonymous set, typed as what they are compared with. */
export function setOperand(set: NftSet, shown: Expr, shift: number): Expr {
  if (!set.anonymous) return { kind: 'setref', name: set.name, ...typeOnly(shown) };
  const own = keyTypes(set);
  const parts = shown.kind === 'concat' ? shown.parts : [shown];
  const types = parts.map((part, index): ValueType => {
    const length = own.length === parts.length ? (own[index]?.length ?? part.length) : Math.ceil(part.length / 8) * 8;
    return { ...typeOnly(part), byteorder: set.interval ? 'big' : part.byteorder, length };
  });
  const elements = delinearizeSet(set, set.elements, types);
  return shift === 0 ? elements : shiftKeys(elements, shift, shown);
}

function shiftKeys(set: SetExpr, shift: number, type: ValueType): SetExpr {
  const shifted = (expr: Expr): Expr => {
    if (expr.kind === 'value') return constantOf(expr.value >> BigInt(shift), type);
    return expr.kind === 'range' ? { ...expr, from: shifted(expr.from), to: shifted(expr.to) } : expr;
  };
  return mapKeys(set, shifted);
}

/** An expression without the byte order conversion that nft put around it. */
export function bare(expr: Expr): Expr {
  return expr.kind === 'unary' ? expr.operand : expr;
}
