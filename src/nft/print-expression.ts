// Expressions to the text that `nft list` prints for them (nftables src/expression.c, datatype.c and the print function of
// each selector). Where nft 1.0.6 and 1.1.4 differ, `dialect` says which of them is followed.
import type {
  BinaryExpr,
  ElementExpr,
  Expr,
  ExthdrExpr,
  PayloadExpr,
  RelationalExpr,
  SetExpr,
  ValueExpr,
} from './ast.ts';
import { datatype, flagNames, formatValue } from './datatypes.ts';
import { CT_SELECTORS, META_SELECTORS, RT_SELECTORS } from './datatypes-selectors.ts';
import { formatDurationMs, formatHour, formatTimestamp } from './datatypes-time.ts';
import { isBitmask } from './delinearize-values.ts';
import { printStateful } from './print-stateful.ts';
import { type PrintOptions, quoted, safeText } from './print-text.ts';

/** The text of an expression. */
export function printExpression(expr: Expr, options: PrintOptions): string {
  switch (expr.kind) {
    case 'symbol':
      return expr.quoted ? quoted(expr.text) : safeText(expr.text);
    case 'variable':
      return `$${expr.name}`;
    case 'value':
      return printValue(expr, options);
    case 'verdict':
      return expr.chain === undefined ? expr.code : `${expr.code} ${printExpression(expr.chain, options)}`;
    case 'prefix':
      return `${printExpression(expr.base, options)}/${expr.prefixLength}`;
    case 'range': {
      const numeric = { ...options, numeric: true };
      return `${printExpression(expr.from, numeric)}-${printExpression(expr.to, numeric)}`;
    }
    case 'payload':
      return `${expr.inner === undefined || expr.inner === expr.protocol ? '' : `${expr.inner} `}${field(expr)}`;
    case 'exthdr':
      return printExthdr(expr);
    case 'meta': {
      const selector = META_SELECTORS[expr.key];
      return selector.unqualified === true ? selector.word : `meta ${selector.word}`;
    }
    case 'ct': {
      const direction = expr.direction === undefined ? '' : `${expr.direction} `;
      const family = expr.family !== undefined && (expr.key === 'src' || expr.key === 'dst') ? `${expr.family} ` : '';
      return `ct ${direction}${family}${CT_SELECTORS[expr.key].word}`;
    }
    case 'rt':
      return `rt ${expr.key === 'nexthop' ? 'nexthop' : RT_SELECTORS[expr.key].word}`;
    case 'socket':
      return expr.key === 'cgroupv2' ? `socket cgroupv2 level ${expr.level}` : `socket ${expr.key}`;
    case 'osf': {
      const ttl = expr.ttl === 'strict' ? '' : `ttl ${expr.ttl} `;
      return `osf ${ttl}${expr.version ? 'version' : 'name'}`;
    }
    case 'fib':
      return `fib ${FIB_ORDER.filter((flag) => expr.flags.includes(flag)).join(' . ')} ${fibResult(expr, options)}`;
    case 'xfrm':
      return `ipsec ${expr.direction} ${expr.spnum === 0 ? '' : `spnum ${expr.spnum} `}${XFRM_WORDS[expr.key]}`;
    case 'numgen': {
      const mode = expr.mode === 'incremental' ? 'inc' : 'random';
      return `numgen ${mode} mod ${expr.modulus}${expr.offset === 0 ? '' : ` offset ${expr.offset}`}`;
    }
    case 'hash': {
      const head = expr.input === undefined ? 'symhash' : `jhash ${printExpression(expr.input, options)}`;
      const seed = expr.seed === undefined ? '' : ` seed 0x${expr.seed.toString(16)}`;
      return `${head} mod ${expr.modulus}${seed}${expr.offset === 0 ? '' : ` offset ${expr.offset}`}`;
    }
    case 'concat':
      return expr.parts.map((part) => printExpression(part, options)).join(' . ');
    case 'list':
      return expr.items.map((item) => printExpression(item, options)).join(',');
    case 'set':
      return printSet(expr, options);
    case 'setref':
      return `@${safeText(expr.name)}`;
    case 'element':
      return printElement(expr, options);
    case 'catchall':
      return '*';
    case 'mapping':
      return `${printExpression(expr.key, options)} : ${printExpression(expr.value, options)}`;
    case 'map': {
      const word = expr.datatype === 'verdict' ? 'vmap' : 'map';
      return `${printExpression(expr.key, options)} ${word} ${printExpression(expr.mappings, options)}`;
    }
    case 'unary':
      return printExpression(expr.operand, options);
    case 'binary':
      return printBinary(expr, options);
    case 'relational':
      return printRelational(expr, options);
  }
}

function field(expr: PayloadExpr): string {
  if (expr.protocol === '') return `@${BASE_WORDS[expr.base]},${expr.offset},${expr.length}`;
  return `${expr.protocol} ${expr.field}`;
}

const BASE_WORDS = { link: 'll', network: 'nh', transport: 'th', inner: 'ih' } as const;
const FIB_ORDER = ['saddr', 'daddr', 'mark', 'iif', 'oif'] as const;
const XFRM_WORDS = {
  saddr: 'ip saddr',
  daddr: 'ip daddr',
  saddr6: 'ip6 saddr',
  daddr6: 'ip6 daddr',
  reqid: 'reqid',
  spi: 'spi',
};

/** nft 1.1 says `check` for `fib … oif exists`; before, and still so written, the result's name. */
function fibResult(expr: Extract<Expr, { kind: 'fib' }>, options: PrintOptions): string {
  return expr.present && options.dialect === '1.1.4' ? 'check' : expr.result;
}

/** A value by its datatype; flags in nft's order, joined by ` | `. */
export function printValue(expr: ValueExpr, options: PrintOptions, flagDelimiter = ' | '): string {
  const type = datatype(expr.datatype);
  if (type.name === 'iface_index') return interfaceIndex(expr, options);
  if (type.name === 'time' || type.name === 'hour') return localTime(expr, type.name, options);
  if (type.name === 'boolean' && options.numeric !== true) return formatValue(type, expr.value, expr.length);
  if (type.name === 'ct_label') return bitNumbers(expr.value).join(flagDelimiter);
  if (isBitmask(expr) && expr.value !== 0n) return flagWords(expr, flagDelimiter);
  if (options.numeric === true || isUnnamed(type.name, options)) return numericValue(expr);
  return formatValue(type, expr.value, expr.length);
}

const DAY_SECONDS = 86_400n;

/** The kernel's clock is UTC: what a listing shows is the router's. */
function localTime(expr: ValueExpr, name: 'time' | 'hour', options: PrintOptions): string {
  const east = BigInt(options.timezoneSeconds ?? 0);
  if (name === 'time') return formatTimestamp(expr.value + east * 1_000_000_000n);
  const seconds = expr.value + east;
  return formatHour(seconds < 0n ? seconds + DAY_SECONDS : seconds >= DAY_SECONDS ? seconds - DAY_SECONDS : seconds);
}

function isUnnamed(name: string, options: PrintOptions): boolean {
  if (name === 'inet_proto') return options.numericProtocol === true;
  const isCode = name === 'icmp_code' || name === 'icmpv6_code';
  return isCode && options.dialect !== '1.0.6' && options.codeNames !== true;
}

function interfaceIndex(expr: ValueExpr, options: PrintOptions): string {
  const name = options.interfaceName(Number(expr.value));
  return name === undefined ? expr.value.toString() : quoted(name);
}

/** Bits that are set, by number: what a label is without /etc/connlabel.conf. */
function bitNumbers(value: bigint): string[] {
  const bits: string[] = [];
  for (let bit = 0n; value >> bit > 0n; bit++) if (((value >> bit) & 1n) === 1n) bits.push(bit.toString());
  return bits.length === 0 ? ['0'] : bits;
}

function flagWords(expr: ValueExpr, delimiter: string): string {
  const type = datatype(expr.datatype);
  return bitNumbers(expr.value)
    .map((bit) => flagNames(type, 1n << BigInt(bit))?.[0] ?? `0x${(1n << BigInt(bit)).toString(16)}`)
    .join(delimiter);
}

/** Ends of ranges: without names; a duration in seconds. */
function numericValue(expr: ValueExpr): string {
  const type = datatype(expr.datatype);
  if (type.name === 'duration') return `${expr.value / 1000n}s`;
  if (type.format !== undefined) return type.format(expr.value, expr.length);
  const { names: _names, ...unnamed } = type;
  return formatValue(unnamed, expr.value, expr.length);
}

function printExthdr(expr: ExthdrExpr): string {
  switch (expr.op) {
    case 'tcpopt':
      if (expr.present) return `tcp option ${expr.header === '' ? expr.type : expr.header}`;
      if (expr.field === '') return `tcp option @${expr.type},${expr.offset},${expr.length}`;
      return `tcp option ${expr.header} ${expr.field}`;
    case 'ipv4':
      return expr.present ? `ip option ${expr.header}` : `ip option ${expr.header} ${expr.field}`;
    case 'sctp':
      return expr.present ? `sctp chunk ${expr.header}` : `sctp chunk ${expr.header} ${expr.field}`;
    case 'dccp':
      return `dccp option ${expr.type}`;
    case 'ipv6':
      return expr.present ? `exthdr ${expr.header}` : `${expr.header} ${expr.field}`;
  }
}

function printElement(expr: ElementExpr, options: PrintOptions): string {
  const parts = [printExpression(expr.key, options)];
  for (const statement of expr.statements) parts.push(printStateful(statement, options));
  if (expr.timeoutMs !== undefined) parts.push(`timeout ${formatDurationMs(expr.timeoutMs)}`);
  if (expr.expiresMs !== undefined && !options.stateless) parts.push(`expires ${formatDurationMs(expr.expiresMs)}`);
  if (expr.comment !== undefined) parts.push(`comment ${quoted(expr.comment)}`);
  return parts.join(' ');
}

/** An anonymous set: in braces on one line. */
export function printSet(expr: SetExpr, options: PrintOptions): string {
  return `{ ${expr.items.map((item) => printExpression(item, options)).join(', ')} }`;
}

const PRECEDENCE = { '<<': 1, '>>': 1, '&': 2, '^': 3, '|': 4 } as const;

function printBinary(expr: BinaryExpr, options: PrintOptions): string {
  return `${binaryOperand(expr, expr.left, options)} ${expr.op} ${binaryOperand(expr, expr.right, options)}`;
}

function binaryOperand(outer: BinaryExpr, operand: Expr, options: PrintOptions): string {
  const isNumber = operand === outer.right && outer.left.kind === 'binary' && /<<|>>/.test(outer.left.op);
  const text = printExpression(operand, isNumber ? { ...options, numeric: true } : options);
  const isFlags = operand.kind === 'value' && isBitmask(operand) && text.includes(' | ') && outer.op !== '|';
  const isLooser = operand.kind === 'binary' && PRECEDENCE[outer.op] < PRECEDENCE[operand.op];
  return isFlags || isLooser ? `(${text})` : text;
}

const OPERATORS = { eq: '==', neq: '!=', lt: '<', lte: '<=', gt: '>', gte: '>=', implicit: '', not: '!' } as const;

function printRelational(expr: RelationalExpr, options: PrintOptions): string {
  const flags = printFlags(expr, options);
  if (flags !== undefined) return flags;
  const left = printExpression(expr.left, options);
  const isPlainFlags = options.dialect === '1.0.6' && expr.left.kind === 'payload' && expr.right.kind === 'value';
  const right =
    isPlainFlags && expr.right.kind === 'value'
      ? plainFlags(expr.right, options)
      : printExpression(expr.right, options);
  const isImplicit = expr.op === 'implicit' || (expr.op === 'eq' && !mustPrintEquals(expr));
  return isImplicit ? `${left} ${right}` : `${left} ${OPERATORS[expr.op]} ${right}`;
}

/** nft 1.0.6 has no names for several flags that a header field is compared with. */
function plainFlags(expr: ValueExpr, options: PrintOptions): string {
  const isSeveral = isBitmask(expr) && (expr.value & (expr.value - 1n)) !== 0n;
  return isSeveral ? `0x${expr.value.toString(16)}` : printExpression(expr, options);
}

function mustPrintEquals(expr: RelationalExpr): boolean {
  if (expr.right.kind === 'value' && isBitmask(expr.right)) return true;
  return expr.left.kind === 'binary';
}

/** How a match of flags is written: `flags a,b` any of them, `flags ! a,b` none, `flags a / a,b` these of those. */
export interface FlagMatch {
  readonly shown: Expr;
  readonly op: 'any' | 'none' | 'eq' | 'neq';
  readonly mask: ValueExpr;
  readonly value: ValueExpr;
}

/** Reads `(x & mask) == value` on flags; undefined for any other comparison. */
export function flagMatch(expr: RelationalExpr): FlagMatch | undefined {
  const { left, right, op } = expr;
  if (left.kind !== 'binary' || left.op !== '&' || left.right.kind !== 'value' || right.kind !== 'value')
    return undefined;
  if ((op !== 'eq' && op !== 'neq') || !isBitmask(left)) return undefined;
  const isZero = right.value === 0n;
  return { shown: left.left, op: isZero ? (op === 'neq' ? 'any' : 'none') : op, mask: left.right, value: right };
}

function printFlags(expr: RelationalExpr, options: PrintOptions): string | undefined {
  const match = flagMatch(expr);
  if (match === undefined) return undefined;
  const shown = printExpression(match.shown, options);
  const mask = printValue(match.mask, options, ',');
  if (match.op === 'any') return `${shown} ${mask}`;
  if (match.op === 'none') return `${shown} ! ${mask}`;
  const isSingle = (match.mask.value & (match.mask.value - 1n)) === 0n && match.mask.value === match.value.value;
  if (isSingle || options.dialect !== '1.0.6') return undefined;
  return `${shown} ${match.op === 'neq' ? '!= ' : ''}${printValue(match.value, options, ',')} / ${mask}`;
}
