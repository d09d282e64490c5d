// What each kind of expression means in its place: selectors set the type that constants beside them are read in,
// concatenations type their parts one by one, matches join both sides (nftables' src/evaluate.c, `expr_evaluate`).
import type {
  ConcatExpr,
  CtExpr,
  Expr,
  ExthdrExpr,
  HashExpr,
  MetaExpr,
  NumgenExpr,
  PayloadExpr,
  RtExpr,
  VariableExpr,
  VerdictExpr,
} from './ast.ts';
import { datatype as findType } from './datatypes.ts';
import { resolveCtAddress, resolveExthdr, resolvePayload, resolveTunnel } from './dependencies.ts';
import { evaluateBinary, evaluateBits } from './evaluate-binary.ts';
import {
  type Context,
  expect,
  expectType,
  fail,
  padded,
  protocolsOf,
  typeByteorder,
  typeLength,
} from './evaluate-context.ts';
import { evaluateMap, evaluateMapping } from './evaluate-map.ts';
import { evaluateRelational } from './evaluate-relational.ts';
import { evaluateElement, evaluateSet, evaluateSetReference } from './evaluate-set.ts';
import { evaluateList, evaluatePrefix, evaluateRange, evaluateSymbol, evaluateValue } from './evaluate-value.ts';
import { cloneExpr, describeType, kindName } from './expressions.ts';
import { nearest } from './suggest.ts';

const MAX_CONCAT_BITS = 512;

/** Evaluates an expression and returns what replaces it. Throws NftError. */
export function evaluateExpression(context: Context, expr: Expr): Expr {
  switch (expr.kind) {
    case 'symbol':
      return evaluateSymbol(context, expr);
    case 'variable':
      return evaluateVariable(context, expr);
    case 'value':
      return evaluateValue(context, expr);
    case 'verdict':
      return evaluateVerdict(context, expr);
    case 'prefix':
      return evaluatePrefix(context, expr);
    case 'range':
      return evaluateRange(context, expr);
    case 'payload':
      return evaluatePayload(context, expr);
    case 'exthdr':
      resolveExthdr(context, expr);
      return evaluateExthdr(context, expr);
    case 'meta':
      return evaluateMeta(context, expr);
    case 'ct':
      return evaluateCt(context, expr);
    case 'rt':
      return evaluateRt(context, expr);
    case 'socket':
      expect(
        context,
        expr.datatype,
        expr.byteorder,
        expr.length,
        expr.key === 'transparent' || expr.key === 'wildcard' ? 1 : 0,
      );
      return expr;
    case 'fib':
    case 'osf':
      return primary(context, expr);
    case 'xfrm': {
      const { family } = protocolsOf(context);
      if (family !== 'ip' && family !== 'ip6' && family !== 'inet') {
        throw fail(context, expr, 'ipsec expression is only valid in ip/ip6/inet tables');
      }
      return primary(context, expr);
    }
    case 'numgen':
      return evaluateNumgen(context, expr);
    case 'hash':
      return evaluateHash(context, expr);
    case 'concat':
      return evaluateConcat(context, expr);
    case 'list':
      return evaluateList(context, expr);
    case 'set':
      return evaluateSet(context, expr);
    case 'setref':
      return evaluateSetReference(context, expr);
    case 'element':
      return evaluateElement(context, expr);
    case 'catchall':
      if (context.set !== undefined) expr.length = context.set.key.length;
      return expr;
    case 'mapping':
      return evaluateMapping(context, expr);
    case 'map':
      return evaluateMap(context, expr);
    case 'unary':
      return expr;
    case 'binary':
      return evaluateBinary(context, expr);
    case 'relational':
      return evaluateRelational(context, expr);
  }
}

/** What a name stands for, in its place. */
function evaluateVariable(context: Context, expr: VariableExpr): Expr {
  const result = context.evaluate(context, cloneExpr(expr.value));
  context.sources.spend(result.kind === 'set' ? result.items.length + 1 : 1, expr.span);
  return result;
}

/** A verdict; the chain it names must be there already. */
function evaluateVerdict(context: Context, expr: VerdictExpr): Expr {
  if (expr.chain !== undefined) {
    const chain =
      expr.chain.kind === 'variable'
        ? { ...cloneExpr(expr.chain.value), ...(expr.chain.span && { span: expr.chain.span }) }
        : expr.chain;
    if (chain.kind !== 'symbol') throw fail(context, expr.chain, 'not a value expression');
    if (!context.ruleset.findChain(chain.text)) {
      const meant = nearest(chain.text, context.ruleset.chainNames());
      const what = `chain '${chain.text}' in this table`;
      throw context.sources.missing('chain', chain.text, what, chain.span, meant && `chain '${meant}'`);
    }
    expr.chain = chain;
  }
  expr.datatype = 'verdict';
  return primary(context, expr);
}

/** What the packet gives: constants beside it are of its type. */
function primary(context: Context, expr: Expr): Expr {
  expect(context, expr.datatype, expr.byteorder, expr.length);
  return expr;
}

function evaluatePayload(context: Context, expr: PayloadExpr): Expr {
  if (expr.evaluated === true) return expr;
  if (expr.inner !== undefined) {
    resolveTunnel(context, expr);
    if (expr.base !== 'inner') context.inner = expr.inner;
  }
  const { key } = context.expected;
  resolvePayload(context, expr);
  primary(context, expr);
  context.expected.key = key;
  const result = expr.offset % 8 !== 0 || expr.length % 8 !== 0 ? evaluateBits(context, expr) : expr;
  expr.evaluated = true;
  return result;
}

/** An option's field, once its network header is sure. */
export function evaluateExthdr(context: Context, expr: ExthdrExpr): Expr {
  const { key } = context.expected;
  if (expr.present) expr.datatype = 'boolean';
  primary(context, expr);
  context.expected.key = key;
  const { offset, length } = expr;
  const result = offset % 8 !== 0 || length % 8 !== 0 ? evaluateBits(context, expr) : expr;
  const limit = expr.op === 'tcpopt' ? 320 : expr.op === 'ipv4' ? 320 : Number.POSITIVE_INFINITY;
  if (offset + length > limit) {
    const header = expr.op === 'tcpopt' ? 'tcp headerlen' : 'ip option len';
    throw fail(context, expr, `offset and size ${offset + length} exceeds max ${header} (${limit})`);
  }
  return result;
}

function evaluateMeta(context: Context, expr: MetaExpr): Expr {
  if (expr.key === 'nfproto' && protocolsOf(context).family !== 'inet') {
    throw fail(context, expr, 'meta nfproto is only useful in the inet family');
  }
  if (expr.key === 'day') {
    expect(context, expr.datatype, expr.byteorder, expr.length, 6);
    return expr;
  }
  return primary(context, expr);
}

function evaluateCt(context: Context, expr: CtExpr): Expr {
  const network = protocolsOf(context).current.network;
  switch (expr.key) {
    case 'src':
    case 'dst':
      resolveCtAddress(context, expr);
      expr.family = network === 'ip6' ? 'ip6' : 'ip';
      expr.datatype = network === 'ip6' ? 'ipv6_addr' : 'ipv4_addr';
      expr.length = typeLength(expr.datatype);
      break;
    case 'src_ip':
    case 'dst_ip':
      if (network === 'ip6') throw fail(context, expr, 'conflicting protocols specified: ip6 vs. ip');
      break;
    case 'src_ip6':
    case 'dst_ip6':
      if (network === 'ip') throw fail(context, expr, 'conflicting protocols specified: ip vs. ip6');
      break;
    default:
  }
  return primary(context, expr);
}

function evaluateRt(context: Context, expr: RtExpr): Expr {
  const { family, current } = protocolsOf(context);
  if (expr.key === 'nexthop') {
    if (current.network !== 'ip' && current.network !== 'ip6') {
      throw fail(context, expr, 'cannot determine ip protocol version, use "ip nexthop" or "ip6 nexthop" instead');
    }
    expr.key = current.network === 'ip' ? 'nexthop4' : 'nexthop6';
    expr.datatype = current.network === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
    expr.length = typeLength(expr.datatype);
  }
  if (expr.key === 'nexthop4' && family === 'ip6') throw fail(context, expr, 'ip nexthop will not match');
  if (expr.key === 'nexthop6' && family === 'ip') throw fail(context, expr, 'ip6 nexthop will not match');
  return primary(context, expr);
}

/** A number of 32 bits is of the datatype that its place asks for. */
function adoptDatatype(context: Context, expr: NumgenExpr | HashExpr): void {
  const { datatype, length } = context.expected;
  if (datatype === undefined || length !== 32 || datatype === 'integer' || datatype.includes(' . ')) return;
  if (findType(datatype).base !== 'integer') return;
  expr.datatype = datatype;
  expr.length = length;
}

function evaluateNumgen(context: Context, expr: NumgenExpr): Expr {
  adoptDatatype(context, expr);
  refuseModulus(context, expr);
  expect(context, expr.datatype, expr.byteorder, expr.length, (expr.modulus + expr.offset - 1) % 0x100000000);
  return expr;
}

function evaluateHash(context: Context, expr: HashExpr): Expr {
  adoptDatatype(context, expr);
  refuseModulus(context, expr);
  expectType(context, undefined, 0);
  if (expr.input !== undefined) expr.input = context.evaluate(context, expr.input);
  expect(context, expr.datatype, expr.byteorder, expr.length, (expr.modulus + expr.offset - 1) % 0x100000000);
  return expr;
}

/** The kernel's checks: nft leaves them to it. */
function refuseModulus(context: Context, expr: NumgenExpr | HashExpr): void {
  const minimum = expr.kind === 'hash' && expr.mode === 'jenkins' ? 2 : 1;
  if (expr.modulus < minimum)
    throw fail(
      context,
      expr,
      'Could not process rule: Numerical result out of range',
      `the modulus must be at least ${minimum}`,
    );
  if (expr.offset + expr.modulus - 1 > 0xffffffff)
    throw fail(context, expr, 'Could not process rule: Value too large for defined data type');
}

/** `a . b`: each part is typed by the part of the key (or of the concatenated datatype) that it meets. */
function evaluateConcat(context: Context, expr: ConcatExpr): Expr {
  const { datatype, key: keyExpr } = context.expected;
  const keyConcat = keyExpr?.kind === 'concat' ? keyExpr : undefined;
  const expectedTypes = datatype?.includes(' . ') === true ? datatype.split(' . ') : [];
  const types: string[] = [];
  let size = 0;
  for (const [index, part] of expr.parts.entries()) {
    if (part.kind === 'ct' && (part.key === 'src' || part.key === 'dst')) {
      throw fail(context, part, 'specify either ip or ip6 for address matching');
    }
    const keyPart = keyConcat?.parts[index];
    if (keyConcat !== undefined && keyPart === undefined)
      throw fail(context, expr, 'too many concatenation components');
    if (keyConcat === undefined && expectedTypes.length > 0 && index >= expectedTypes.length) {
      throw fail(context, part, `unexpected concat component, expecting ${describeType(datatype ?? 'invalid')}`);
    }
    let wanted = 0;
    if (keyPart !== undefined) {
      wanted = keyPart.length;
      expect(context, keyPart.datatype, keyPart.byteorder, wanted);
    } else {
      const name = expectedTypes[index] ?? 'invalid';
      wanted = typeLength(name);
      expect(context, name, typeByteorder(name), wanted);
    }
    context.expected.key = part;
    const evaluated = context.evaluate(context, part);
    refusePart(context, evaluated);
    expr.parts[index] = evaluated;
    const own = evaluated.datatype === 'integer' ? evaluated.length : typeLength(evaluated.datatype);
    if (datatype === undefined && own === 0) {
      throw fail(
        context,
        evaluated,
        `can not use variable sized data types (${evaluated.datatype}) in concat expressions`,
      );
    }
    types.push(evaluated.datatype);
    size += padded(wanted === 0 ? own : wanted);
    context.inner = undefined;
    if (size > MAX_CONCAT_BITS)
      throw fail(context, evaluated, `Concatenation of size ${size} exceeds maximum size of ${MAX_CONCAT_BITS}`);
  }
  expr.datatype = types.join(' . ');
  expr.length = size;
  if (expr.parts.length < expectedTypes.length) {
    throw fail(
      context,
      expr,
      `datatype mismatch, expected ${describeType(datatype ?? 'invalid')}, expression has type ${describeType(expr.datatype)}`,
    );
  }
  expectType(context, expr.datatype, expr.length);
  context.expected.key = keyConcat ?? expr;
  return expr;
}

function refusePart(context: Context, part: Expr): void {
  switch (part.kind) {
    case 'range':
    case 'prefix':
      if (context.listDepth > 0) return;
      break;
    case 'verdict':
    case 'symbol':
    case 'variable':
    case 'list':
    case 'set':
    case 'setref':
    case 'mapping':
    case 'catchall':
      break;
    default:
      if (part.datatype === 'invalid')
        throw fail(context, part, `cannot use ${kindName(part)} in concatenation, lacks datatype`);
      return;
  }
  throw fail(context, part, `cannot use ${kindName(part)} in concatenation`);
}
