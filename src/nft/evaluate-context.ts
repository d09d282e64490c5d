// What the evaluation of a rule or set carries along: the type that the place expects, the protocols known so far, the set in
// hand. Follows `struct eval_ctx`, `struct expr_ctx` and `struct proto_ctx` of nftables.
import type { NftError } from '../base/errors.ts';
import type { ObjectType, PayloadBase } from '../bytecode/expression.ts';
import type { Family } from '../bytecode/ruleset.ts';
import type { Byteorder, Expr, SetRefExpr, Span, Stmt } from './ast.ts';
import type { SetBlock } from './ast-commands.ts';
import { datatype as findType } from './datatypes.ts';
import { octets } from './expressions.ts';
import { findProtocol, LINK_PROTOCOLS, NFPROTO_PROTOCOLS, TRANSPORT_PROTOCOLS } from './headers.ts';
import type { Sources } from './source.ts';

/** What the place expects of an expression. */
export interface Expected {
  /** Undefined: nothing is known. */
  datatype: string | undefined;
  byteorder: Byteorder;
  /** Bits. */
  length: number;
  /** Greatest value allowed; 0: what the length allows. */
  maximum: number;
  /** The key whose parts type the parts of a concatenation. */
  key: Expr | undefined;
}

export interface ConcatField {
  datatype: string;
  /** Octets, unpadded. */
  length: number;
}

/** A set or map while the ruleset is compiled: its elements are expressions still. */
export interface DraftSet {
  name: string;
  block: SetBlock | undefined;
  handle: number;
  anonymous: boolean;
  constant: boolean;
  interval: boolean;
  dynamic: boolean;
  timeout: boolean;
  autoMerge: boolean;
  /** Elements are ranges of concatenations. */
  concat: boolean;
  mapTo?: 'verdict' | 'value' | ObjectType;
  key: Expr;
  data?: Expr;
  /** Data are ranges: two values each. */
  dataInterval: boolean;
  keyTypeof?: string;
  dataTypeof?: string;
  timeoutMs?: number;
  gcIntervalMs?: number;
  size?: number;
  policy?: 'performance' | 'memory';
  comment?: string;
  statements: Stmt[];
  /** Elements in kernel order, evaluated. */
  elements: Expr[];
  span: Span;
}

/** What evaluation asks of the ruleset that it is part of. */
export interface RulesetScope {
  findSet(name: string): DraftSet | undefined;
  setNames(): string[];
  findChain(name: string): boolean;
  chainNames(): string[];
  findObject(type: ObjectType, name: string): boolean;
  objectNames(type: ObjectType): string[];
  findFlowtable(name: string): boolean;
  flowtableNames(): string[];
  /** Adds an anonymous set (or a meter's) to the table, before the rule in hand. */
  addSet(set: DraftSet, template: string): void;
  /** Adds an unnamed chain with rules for `jump { … }`; returns its name. */
  addSubchain(statement: Extract<Stmt, { kind: 'chain' }>): string;
  /** The number that stands for an interface's name. */
  interfaceIndex(name: string): number;
}

/** State of one evaluation. */
export interface Context {
  readonly sources: Sources;
  readonly family: Family;
  readonly ruleset: RulesetScope;
  /** Evaluates an expression in this context and returns what replaces it. */
  readonly evaluate: (context: Context, expr: Expr) => Expr;
  readonly evaluateStatement: (context: Context, statement: Stmt) => void;
  /** Declares the anonymous set that a match or map has in braces. */
  readonly declareSet: (context: Context, declaration: ImplicitSet) => { ref: SetRefExpr; set: DraftSet };
  expected: Expected;
  /** Bits of a statement's target, for operators in its value; 0: none. */
  statementLength: number;
  readonly protocols: ProtocolContext;
  /** Protocols of the packet that a tunnel carries. */
  readonly innerProtocols: ProtocolContext;
  inner: string | undefined;
  /** Statements of the rule; dependencies are added to it. */
  statements: Stmt[];
  statement: Stmt | undefined;
  set: DraftSet | undefined;
  listDepth: number;
  binaryDepth: number;
}

export interface ImplicitSet {
  template: string;
  key: Expr;
  data?: Expr;
  elements: Expr;
  isMap: boolean;
  objectType?: ObjectType;
  interval: boolean;
  dynamic?: boolean;
}

export function noExpectation(): Expected {
  return { datatype: undefined, byteorder: 'invalid', length: 0, maximum: 0, key: undefined };
}

/** Sets what is expected, all of it. */
export function expect(
  context: Context,
  datatype: string | undefined,
  byteorder: Byteorder,
  length: number,
  maximum = 0,
): void {
  context.expected = { datatype, byteorder, length, maximum, key: undefined };
}
/** As expect, with the datatype's own byte order. */
export function expectType(context: Context, datatype: string | undefined, length: number): void {
  expect(context, datatype, datatype === undefined ? 'invalid' : typeByteorder(datatype), length);
}

/** Byte order that a datatype brings with it; integers and concatenations have none of their own. */
export function typeByteorder(datatype: string): Byteorder {
  if (datatype.includes(' . ')) return 'invalid';
  const type = findType(datatype);
  if (type.name === 'integer' || type.base === 'none') return 'invalid';
  return type.base === 'string' ? 'host' : type.byteOrder;
}

/** Width of a datatype, in bits; of a concatenation with each field padded to 32 bits. 0: variable. */
export function typeLength(datatype: string): number {
  if (!datatype.includes(' . ')) return findType(datatype).bits;
  return datatype.split(' . ').reduce((sum, part) => sum + padded(findType(part).bits), 0);
}
/** Bits rounded up to whole registers of 32. */
export function padded(bits: number): number {
  return Math.ceil(bits / 32) * 32;
}

/** Throws: an error of the ruleset's text at an expression or statement. */
export function fail(context: Context, at: { span?: Span } | undefined, message: string, hint?: string): NftError {
  return context.sources.error(message, at?.span ?? context.statement?.span, hint);
}

export const BASES: readonly PayloadBase[] = ['link', 'network', 'transport', 'inner'];
export const BASE_NAMES: Record<PayloadBase, string> = {
  link: 'link layer',
  network: 'network layer',
  transport: 'transport layer',
  inner: 'payload data',
};

const TUNNELED: ReadonlyMap<number, string> = new Map([
  [0x0800, 'ip'],
  [0x0806, 'arp'],
  [0x86dd, 'ip6'],
  [0x8100, 'vlan'],
]);

/** Which value announces which protocol above `name`. The pseudo protocols inet, netdev and inet-service stand for families. */
export function protocolsAbove(name: string): ReadonlyMap<number, string> {
  switch (name) {
    case 'inet':
      return NFPROTO_PROTOCOLS;
    case 'netdev':
      return LINK_PROTOCOLS;
    case 'inet-service':
      return TRANSPORT_PROTOCOLS;
    case 'vxlan':
    case 'geneve':
      return TUNNELED;
    default:
      return findProtocol(name)?.next ?? new Map();
  }
}

/** The number by which `lower` announces `upper`; -1 when it cannot. */
export function announcement(lower: string, upper: string): number {
  if (lower === 'udp' && (upper === 'vxlan' || upper === 'geneve')) return 0;
  if (upper === 'gretap') return ['ip', 'ip6', 'inet-service'].includes(lower) ? 47 : -1;
  for (const [number, name] of protocolsAbove(lower)) if (name === upper) return number;
  return -1;
}

/** Base of a protocol's header. */
export function baseOf(protocol: string): PayloadBase {
  if (protocol === 'inet' || protocol === 'netdev') return 'link';
  if (protocol === 'inet-service' || protocol === 'gretap') return 'transport';
  if (protocol === 'vxlan' || protocol === 'geneve') return 'inner';
  return findProtocol(protocol)?.base ?? 'link';
}

/** Octets of a header that another of the same base follows. */
export function stackedLength(protocol: string): number {
  return octets(findProtocol(protocol)?.length ?? 0) * 8;
}

const FAMILY_PROTOCOL: Record<Family, string> = {
  bridge: 'ether',
  netdev: 'netdev',
  inet: 'inet',
  ip: 'ip',
  ip6: 'ip6',
  arp: 'arp',
};

/** What is known of a packet's headers at a point in a rule. `unknown`: a protocol without a description. */
export class ProtocolContext {
  readonly family: Family;
  readonly current: Partial<Record<PayloadBase, string>> = {};
  /** All transport protocols that a match allowed. */
  readonly transports: string[] = [];
  /** Link headers before the current one. */
  readonly stacked: string[] = [];
  /** Type that an ICMP match asked for; 0: none. */
  icmpType = 0;

  constructor(family: Family) {
    this.family = family;
    this.current[this.hookBase] = this.hookProtocol;
  }

  /** The protocol that packets of the family are known to have. */
  get hookProtocol(): string {
    return FAMILY_PROTOCOL[this.family];
  }
  get hookBase(): PayloadBase {
    return baseOf(this.hookProtocol);
  }

  update(base: PayloadBase, protocol: string): void {
    if (base === 'transport' && !this.transports.includes(protocol)) this.transports.push(protocol);
    this.current[base] = protocol;
  }
}

/** The protocols that the expression in hand looks at: the packet's own, or those within a tunnel. */
export function protocolsOf(context: Context): ProtocolContext {
  return context.inner === undefined ? context.protocols : context.innerProtocols;
}

/** The expected type of a part, for messages. */
export function isConcatType(datatype: string | undefined): boolean {
  return datatype?.includes(' . ') === true;
}
