// A rule's evaluated statements as bytecode: registers are handed out as nft does, so that the result is what
// `nft --debug=netlink` prints (nftables' src/netlink_linearize.c). Statements are in linearize-statement.ts.
import type { Expression } from '../bytecode/expression.ts';
import type { BinaryExpr, Expr, HashExpr, MapExpr, MetaExpr, PayloadExpr, RelationalExpr } from './ast.ts';
import { constantOctets, numberOctets } from './constant-octets.ts';
import type { DraftSet } from './evaluate-context.ts';
import { baseType, bitmask, isConstant, isFlagType, octets, prefixMask } from './expressions.ts';
import type { LinearExpression } from './linear.ts';

const REGISTER_UNITS = 16;
const UNITS_PER_REGISTER = 4;

/** The instructions of one rule while they are made. */
export class Linearizer {
  readonly expressions: LinearExpression[] = [];
  readonly findSet: (name: string) => DraftSet | undefined;
  /** Throws: what the rule asks for does not fit the registers. */
  readonly refuse: (message: string, expr: Expr) => never;
  /** Units of 4 octets in use. */
  #used = 0;

  constructor(findSet: (name: string) => DraftSet | undefined, refuse: (message: string, expr: Expr) => never) {
    this.findSet = findSet;
    this.refuse = refuse;
  }

  add(expression: LinearExpression): void {
    this.expressions.push(expression);
  }

  /** Room for an expression: whole registers, but concatenations take what they need. Returns the first unit. */
  take(expr: Expr | undefined): number {
    const units = unitsOf(expr);
    if (this.#used + units > REGISTER_UNITS)
      this.refuse('the rule needs more registers than the kernel has', expr as Expr);
    const unit = this.#used;
    this.#used += units;
    return unit;
  }

  release(expr: Expr | undefined): void {
    this.#used -= unitsOf(expr);
  }
}

function unitsOf(expr: Expr | undefined): number {
  return expr?.kind === 'concat' ? spaceOf(expr.length) : UNITS_PER_REGISTER;
}
/** Units of 4 octets that so many bits take. */
export function spaceOf(bits: number): number {
  return Math.ceil(bits / 32);
}

/** The number that a register has by its first unit: 1-4 where 16 octets are aligned, else 8 and up. */
export function register(unit: number): number {
  return unit % UNITS_PER_REGISTER === 0 ? 1 + unit / UNITS_PER_REGISTER : 8 + unit;
}

/** Instructions that load an expression into the register that starts at `unit`. */
export function load(out: Linearizer, expr: Expr, unit: number): void {
  const dreg = register(unit);
  switch (expr.kind) {
    case 'value':
      out.add({ kind: 'immediate', dreg, data: constantOctets(expr) });
      return;
    case 'element':
      load(out, expr.key, unit);
      return;
    case 'concat':
      loadConcat(out, expr, unit);
      return;
    case 'map':
      loadMap(out, expr, unit);
      return;
    case 'unary':
      load(out, expr.operand, unit);
      out.add({
        kind: 'byteorder',
        op: expr.op,
        sreg: dreg,
        dreg,
        length: octets(expr.length),
        size: conversionSize(expr.operand.length),
      });
      return;
    case 'binary':
      loadBinary(out, expr, unit);
      return;
    case 'payload':
      loadPayload(out, expr, dreg);
      return;
    case 'exthdr':
      out.add({
        kind: 'exthdr',
        op: expr.op,
        type: expr.type,
        offset: Math.floor(expr.offset / 8),
        length: octets(expr.length),
        dreg,
        present: expr.present,
      });
      return;
    case 'meta':
      loadMeta(out, expr, dreg);
      return;
    case 'ct': {
      const direction = expr.direction;
      out.add(
        direction === undefined ? { kind: 'ct', key: expr.key, dreg } : { kind: 'ct', key: expr.key, dreg, direction },
      );
      return;
    }
    case 'rt':
      out.add({ kind: 'rt', key: expr.key === 'nexthop' ? 'nexthop4' : expr.key, dreg });
      return;
    case 'numgen':
      out.add({ kind: 'numgen', type: expr.mode, modulus: expr.modulus, offset: expr.offset, dreg });
      return;
    case 'hash':
      loadHash(out, expr, dreg);
      return;
    case 'fib':
      out.add({ kind: 'fib', flags: expr.flags, result: expr.result, present: expr.present, dreg });
      return;
    case 'socket':
      out.add({ kind: 'socket', key: expr.key, level: expr.level, dreg });
      return;
    case 'osf':
      out.add({ kind: 'osf', ttl: { strict: 0, loose: 1, skip: 2 }[expr.ttl], version: expr.version, dreg });
      return;
    case 'xfrm':
      out.add({ kind: 'xfrm', key: expr.key, direction: expr.direction, spnum: expr.spnum, dreg });
      return;
    default:
      out.refuse(`unexpected ${expr.kind} expression`, expr);
  }
}

function conversionSize(bits: number): 2 | 4 | 8 {
  return bits % 64 === 0 ? 8 : bits % 32 === 0 ? 4 : 2;
}

function loadConcat(out: Linearizer, expr: Extract<Expr, { kind: 'concat' }>, unit: number): void {
  let at = unit;
  for (const part of expr.parts) {
    load(out, part, at);
    at += spaceOf(part.length);
  }
}

/** Header sizes and flags by which the kernel knows a tunnel (NFT_INNER_*). */
const TUNNELS: Record<string, { type: number; flags: number; headerSize: number }> = {
  vxlan: { type: 1, flags: 0xf, headerSize: 8 },
  geneve: { type: 2, flags: 0xf, headerSize: 8 },
  gre: { type: 3, flags: 0xc, headerSize: 4 },
  gretap: { type: 4, flags: 0xe, headerSize: 4 },
};

function loadInner(
  out: Linearizer,
  tunnel: string,
  expression: Extract<Expression, { kind: 'payload' | 'meta' }>,
  tunnelHeader: boolean,
): void {
  const shape = TUNNELS[tunnel] ?? { type: 0, flags: 0, headerSize: 0 };
  out.add({ kind: 'inner', ...shape, expression, tunnelHeader });
}

function loadPayload(out: Linearizer, expr: PayloadExpr, dreg: number): void {
  const expression: Expression = {
    kind: 'payload',
    base: expr.base,
    offset: Math.floor(expr.offset / 8),
    length: octets(expr.length),
    dreg,
  };
  if (expr.inner === undefined) out.add(expression);
  else loadInner(out, expr.inner, expression, expr.base === 'inner');
}

function loadMeta(out: Linearizer, expr: MetaExpr, dreg: number): void {
  const expression: Expression = { kind: 'meta', key: expr.key, dreg };
  if (expr.inner === undefined) out.add(expression);
  else loadInner(out, expr.inner, expression, false);
}

function loadHash(out: Linearizer, expr: HashExpr, dreg: number): void {
  const { mode, modulus, offset, seed, input } = expr;
  const hash: Extract<Expression, { kind: 'hash' }> = { kind: 'hash', type: mode, length: 0, modulus, offset, dreg };
  if (seed !== undefined) hash.seed = seed;
  if (input !== undefined) {
    const unit = out.take(input);
    load(out, input, unit);
    out.release(input);
    hash.sreg = register(unit);
    hash.length = octets(input.length);
  }
  out.add(hash);
}

/** A lookup whose data go to the key's own register, or to the verdict. */
function loadMap(out: Linearizer, expr: MapExpr, unit: number): void {
  if (expr.mappings.kind !== 'setref') return;
  load(out, expr.key, unit);
  out.add({ kind: 'lookup', set: expr.mappings.name, sreg: register(unit), dreg: register(unit), invert: false });
}

/** `… vmap …`: the verdict that the map gives. */
export function lookupVerdict(out: Linearizer, expr: MapExpr): void {
  if (expr.mappings.kind !== 'setref') return;
  const unit = out.take(expr.key);
  load(out, expr.key, unit);
  out.add({ kind: 'lookup', set: expr.mappings.name, sreg: register(unit), dreg: 0, invert: false });
  out.release(expr.key);
}

function loadBinary(out: Linearizer, expr: BinaryExpr, unit: number): void {
  if (expr.op === '<<' || expr.op === '>>') {
    load(out, expr.left, unit);
    const shift = expr.right.kind === 'value' ? Number(expr.right.value) : 0;
    const reg = register(unit);
    out.add({
      kind: 'bitwise',
      op: expr.op === '<<' ? 'lshift' : 'rshift',
      sreg: reg,
      dreg: reg,
      length: octets(expr.length),
      shift,
    });
  } else if (isConstant(expr.right)) loadMaskXor(out, expr, unit);
  else {
    const reg = register(unit);
    load(out, expr.left, unit);
    const second = out.take(expr.right);
    load(out, expr.right, second);
    out.release(expr.right);
    const op = expr.op === '&' ? 'and' : expr.op === '|' ? 'or' : 'xor';
    out.add({ kind: 'bitwise', op, sreg: reg, sreg2: register(second), dreg: reg, length: octets(expr.length) });
  }
}

/** A chain of &, | and ^ with constants is one (x & mask) ^ xor. */
function loadMaskXor(out: Linearizer, expr: BinaryExpr, unit: number): void {
  const chain: BinaryExpr[] = [];
  let operand: Expr = expr;
  while (operand.kind === 'binary' && operand.op !== '<<' && operand.op !== '>>' && isConstant(operand.right)) {
    chain.push(operand);
    operand = operand.left;
  }
  load(out, operand, unit);
  const all = bitmask(expr.length);
  let mask = all;
  let xor = 0n;
  for (const { op, right } of chain.reverse()) {
    const constant = right.kind === 'value' ? right.value : 0n;
    const keep = op === '&' ? constant : op === '|' ? all & ~constant : all;
    const flip = op === '&' ? 0n : constant;
    xor = flip ^ (xor & keep);
    mask &= keep;
  }
  const length = octets(expr.length);
  const reg = register(unit);
  out.add({
    kind: 'bitwise',
    op: 'mask-xor',
    sreg: reg,
    dreg: reg,
    length,
    mask: numberOctets(mask, expr, length),
    xor: numberOctets(xor, expr, length),
  });
}

/** A match: load, then compare or look up. */
export function linearizeMatch(out: Linearizer, rel: RelationalExpr): void {
  switch (rel.right.kind) {
    case 'range':
      linearizeRange(out, rel);
      return;
    case 'setref': {
      const unit = out.take(rel.left);
      load(out, rel.left, unit);
      out.add({ kind: 'lookup', set: rel.right.name, sreg: register(unit), invert: rel.op === 'neq' });
      out.release(rel.left);
      return;
    }
    case 'prefix':
      linearizePrefix(out, rel);
      return;
    default:
      if ((rel.op === 'implicit' || rel.op === 'not') && isFlagType(rel.right.datatype)) linearizeFlags(out, rel);
      else {
        const unit = out.take(rel.left);
        load(out, rel.left, unit);
        out.add({ kind: 'cmp', op: compareOf(rel), sreg: register(unit), data: constantOctets(rel.right) });
        out.release(rel.left);
      }
  }
}

function compareOf(rel: RelationalExpr): 'eq' | 'neq' | 'lt' | 'lte' | 'gt' | 'gte' {
  return rel.op === 'implicit' || rel.op === 'not' ? 'eq' : rel.op;
}

function linearizeRange(out: Linearizer, rel: RelationalExpr): void {
  if (rel.right.kind !== 'range') return;
  const unit = out.take(rel.left);
  load(out, rel.left, unit);
  const { from, to } = rel.right;
  out.add({
    kind: 'range',
    op: rel.op === 'neq' ? 'neq' : 'eq',
    sreg: register(unit),
    from: constantOctets(from),
    to: constantOctets(to),
  });
  out.release(rel.left);
}

/** A prefix of whole octets is a shorter load; any other is masked. */
function linearizePrefix(out: Linearizer, rel: RelationalExpr): void {
  const prefix = rel.right;
  if (prefix.kind !== 'prefix') return;
  const unit = out.take(rel.left);
  const reg = register(unit);
  const isText = baseType(rel.left.datatype) === 'string';
  const data = constantOctets(prefix.base);
  if (!isText && (prefix.byteorder !== 'big' || prefix.prefixLength === 0 || prefix.prefixLength % 8 !== 0)) {
    const length = octets(prefix.length);
    load(out, rel.left, unit);
    const mask = numberOctets(prefixMask(prefix.length, prefix.prefixLength), prefix, length);
    out.add({ kind: 'bitwise', op: 'mask-xor', sreg: reg, dreg: reg, length, mask, xor: new Uint8Array(length) });
    out.add({ kind: 'cmp', op: compareOf(rel), sreg: reg, data });
  } else {
    load(out, { ...rel.left, length: prefix.prefixLength }, unit);
    out.add({ kind: 'cmp', op: compareOf(rel), sreg: reg, data: data.subarray(0, octets(prefix.prefixLength)) });
  }
  out.release(rel.left);
}

/** `tcp flags syn`: any of the bits set; `! syn`: none. */
function linearizeFlags(out: Linearizer, rel: RelationalExpr): void {
  const unit = out.take(rel.left);
  const reg = register(unit);
  load(out, rel.left, unit);
  const length = octets(rel.left.length);
  const zero = new Uint8Array(length);
  const data = constantOctets(rel.right);
  if (rel.left.kind === 'binary') out.add({ kind: 'cmp', op: 'eq', sreg: reg, data });
  else {
    out.add({ kind: 'bitwise', op: 'mask-xor', sreg: reg, dreg: reg, length, mask: data, xor: zero });
    out.add({ kind: 'cmp', op: rel.op === 'not' ? 'eq' : 'neq', sreg: reg, data: zero });
  }
  out.release(rel.left);
}
