// The typed tree of nft text: what the parser makes, what evaluation annotates (datatype, byteorder, length) and rewrites,
// what linearize turns into bytecode, and what the listing makes back from bytecode and prints.
// Shape follows nft(8) and the expression and statement kinds that nftables prints with `--debug=eval`.

import type { CompareOperator, CtKey, LimitUnit, MetaKey, ObjectType, PayloadBase } from '../bytecode/expression.ts';
import type { ChainType, Family, Hook } from '../bytecode/ruleset.ts';

/** A stretch of text: which source (index into Sources), and its first and past-the-end offset. */
export interface Span {
  source: number;
  start: number;
  end: number;
}

/** Order of a value's octets: `big` = network, `host` = little-endian host, `invalid` = not known yet. */
export type Byteorder = 'big' | 'host' | 'invalid';

/** What every expression carries. The three annotations are filled by evaluation (and by the listing). */
export interface ExprBase {
  span?: Span;
  /** Name of the datatype, as `nft describe` says it; concatenations read `ipv4_addr . inet_service`. */
  datatype: string;
  byteorder: Byteorder;
  /** Length in bits; 0 = not known yet. */
  length: number;
}

export type BinaryOperator = '&' | '|' | '^' | '<<' | '>>';
/** `not`: `! flag`, no bit of it set. */
export type RelationalOperator = 'implicit' | 'not' | CompareOperator;

/** A word, number, address or quoted string that evaluation has not given a meaning yet. */
export interface SymbolExpr extends ExprBase {
  kind: 'symbol';
  text: string;
  quoted: boolean;
}
/** `$name`, with the expression that it stood for at this place. */
export interface VariableExpr extends ExprBase {
  kind: 'variable';
  name: string;
  value: Expr;
}
/** A constant: its number (for strings: their octets read in `byteorder`). */
export interface ValueExpr extends ExprBase {
  kind: 'value';
  value: bigint;
}
export interface VerdictExpr extends ExprBase {
  kind: 'verdict';
  code: 'accept' | 'drop' | 'continue' | 'break' | 'return' | 'jump' | 'goto' | 'queue';
  /** A symbol or variable while parsed; evaluation leaves a symbol. */
  chain?: Expr;
}
export interface PrefixExpr extends ExprBase {
  kind: 'prefix';
  base: Expr;
  prefixLength: number;
}
export interface RangeExpr extends ExprBase {
  kind: 'range';
  from: Expr;
  to: Expr;
}
/** A header field, or raw bits when `protocol` is ''. */
export interface PayloadExpr extends ExprBase {
  kind: 'payload';
  protocol: string;
  field: string;
  base: PayloadBase;
  /** Bits from the base's start. */
  offset: number;
  /** Written as `@base,offset,length`. */
  raw: boolean;
  /** Tunnel protocol that this field lies in: vxlan, geneve, gre, gretap. */
  inner?: string;
  /** A dependency that nft adds by itself. */
  implicit?: boolean;
  /** Dependencies are fulfilled and the offset is final: nothing to do when met again. */
  evaluated?: boolean;
}
/** IPv6 extension header field, TCP or IP option, SCTP or DCCP chunk. */
export interface ExthdrExpr extends ExprBase {
  kind: 'exthdr';
  op: 'ipv6' | 'tcpopt' | 'ipv4' | 'sctp' | 'dccp';
  /** nft's name of header, option or chunk: `frag`, `maxseg`, `rr`, `data`; '' when raw. */
  header: string;
  field: string;
  type: number;
  /** Bits from the header's start. */
  offset: number;
  present: boolean;
  raw: boolean;
}
export interface MetaExpr extends ExprBase {
  kind: 'meta';
  key: MetaKey;
  inner?: string;
}
export interface CtExpr extends ExprBase {
  kind: 'ct';
  key: CtKey;
  direction?: 'original' | 'reply';
  /** `ct original ip saddr`: the family named. */
  family?: 'ip' | 'ip6';
}
export interface RtExpr extends ExprBase {
  kind: 'rt';
  key: 'classid' | 'nexthop' | 'nexthop4' | 'nexthop6' | 'tcpmss' | 'ipsec';
}
export interface SocketExpr extends ExprBase {
  kind: 'socket';
  key: 'transparent' | 'mark' | 'wildcard' | 'cgroupv2';
  level: number;
}
export interface OsfExpr extends ExprBase {
  kind: 'osf';
  ttl: 'strict' | 'loose' | 'skip';
  version: boolean;
}
export interface FibExpr extends ExprBase {
  kind: 'fib';
  flags: ('saddr' | 'daddr' | 'mark' | 'iif' | 'oif')[];
  result: 'oif' | 'oifname' | 'type';
  /** `fib … check`/ `exists`: only whether a route exists. */
  present: boolean;
}
export interface XfrmExpr extends ExprBase {
  kind: 'xfrm';
  key: 'saddr' | 'daddr' | 'saddr6' | 'daddr6' | 'reqid' | 'spi';
  direction: 'in' | 'out';
  spnum: number;
}
export interface NumgenExpr extends ExprBase {
  kind: 'numgen';
  mode: 'incremental' | 'random';
  modulus: number;
  offset: number;
}
export interface HashExpr extends ExprBase {
  kind: 'hash';
  mode: 'jenkins' | 'symmetric';
  input?: Expr;
  modulus: number;
  seed?: number;
  offset: number;
}
export interface ConcatExpr extends ExprBase {
  kind: 'concat';
  parts: Expr[];
}
/** `a, b, c` outside braces: flags that are or-ed, as in `ct state new,established`. */
export interface ListExpr extends ExprBase {
  kind: 'list';
  items: Expr[];
}
/** `{ … }`: elements, or mappings. */
export interface SetExpr extends ExprBase {
  kind: 'set';
  items: Expr[];
}
/** `@name`, or an anonymous set once evaluation has given it a name. */
export interface SetRefExpr extends ExprBase {
  kind: 'setref';
  name: string;
}
/** An element of a set with what may hang on it. */
export interface ElementExpr extends ExprBase {
  kind: 'element';
  key: Expr;
  timeoutMs?: number;
  expiresMs?: number;
  comment?: string;
  statements: Stmt[];
}
/** `*`. */
export interface CatchallExpr extends ExprBase {
  kind: 'catchall';
}
/** `key : value`. */
export interface MappingExpr extends ExprBase {
  kind: 'mapping';
  key: Expr;
  value: Expr;
}
/** `key map { … }`, `key map @m`, `key vmap …`. */
export interface MapExpr extends ExprBase {
  kind: 'map';
  key: Expr;
  mappings: Expr;
}
/** Byte order conversion, added by evaluation. */
export interface UnaryExpr extends ExprBase {
  kind: 'unary';
  op: 'hton' | 'ntoh';
  operand: Expr;
}
export interface BinaryExpr extends ExprBase {
  kind: 'binary';
  op: BinaryOperator;
  left: Expr;
  right: Expr;
}
/** `implicit`: no operator written. `tcp flags syn / syn,rst` becomes (flags & mask) == value. */
export interface RelationalExpr extends ExprBase {
  kind: 'relational';
  op: RelationalOperator;
  left: Expr;
  right: Expr;
  /** nft added this match by itself: dropped from listings. */
  implicit?: boolean;
}

export type Expr =
  | SymbolExpr
  | VariableExpr
  | ValueExpr
  | VerdictExpr
  | PrefixExpr
  | RangeExpr
  | PayloadExpr
  | ExthdrExpr
  | MetaExpr
  | CtExpr
  | RtExpr
  | SocketExpr
  | OsfExpr
  | FibExpr
  | XfrmExpr
  | NumgenExpr
  | HashExpr
  | ConcatExpr
  | ListExpr
  | SetExpr
  | SetRefExpr
  | ElementExpr
  | CatchallExpr
  | MappingExpr
  | MapExpr
  | UnaryExpr
  | BinaryExpr
  | RelationalExpr;

/** What every statement carries. */
export interface StmtBase {
  span?: Span;
}

export interface LimitSpec {
  type: 'packets' | 'bytes';
  rate: number;
  unit: LimitUnit;
  burst: number;
  invert: boolean;
}

/** A rule's statement. Numbers are those of the kernel; expressions are evaluated in place. */
export type Stmt = StmtBase &
  (
    | { kind: 'match'; expr: Expr }
    | { kind: 'verdict'; expr: Expr }
    | { kind: 'counter'; packets: number; bytes: number }
    | { kind: 'limit'; limit: LimitSpec }
    | { kind: 'quota'; bytes: number; usedBytes: number; invert: boolean }
    | { kind: 'last'; usedMs?: number }
    | { kind: 'connlimit'; count: number; invert: boolean }
    | { kind: 'objref'; objectType: ObjectType; expr: Expr }
    | {
        kind: 'log';
        prefix?: string;
        group?: number;
        snaplen?: number;
        queueThreshold?: number;
        level?: number;
        flags: number;
      }
    | { kind: 'reject'; type?: 'icmp' | 'icmpv6' | 'tcp-reset' | 'icmpx'; code?: Expr; icmpCode?: number }
    /** `prefix`: `snat ip prefix to`; `concat`: `ip addr . port to`, or a map to address and port; `interval`: such a map to ranges. */
    | {
        kind: 'nat';
        type: 'snat' | 'dnat' | 'masquerade' | 'redirect';
        family?: 'ip' | 'ip6';
        address?: Expr;
        port?: Expr;
        random: boolean;
        fullyRandom: boolean;
        persistent: boolean;
        prefix?: boolean;
        interval?: boolean;
        concat?: boolean;
      }
    | { kind: 'tproxy'; family?: 'ip' | 'ip6'; address?: Expr; port?: Expr }
    | { kind: 'synproxy'; mss?: number; wscale?: number; timestamp: boolean; sackPerm: boolean }
    | { kind: 'notrack' }
    | { kind: 'flow'; flowtable: string }
    | { kind: 'payload-set'; target: PayloadExpr; value: Expr }
    | { kind: 'exthdr-set'; target: ExthdrExpr; value: Expr }
    | { kind: 'exthdr-reset'; target: ExthdrExpr }
    | { kind: 'meta-set'; key: MetaKey; value: Expr }
    | { kind: 'ct-set'; key: CtKey; direction?: 'original' | 'reply'; value: Expr }
    | { kind: 'queue'; from?: Expr; bypass: boolean; fanout: boolean }
    | { kind: 'dup'; to: Expr; device?: Expr }
    | { kind: 'fwd'; device: Expr; address?: Expr; family?: 'ip' | 'ip6' }
    /** `add @set { key : data … stmts }`; `old` spelling `set add key @set`. */
    | { kind: 'set'; op: 'add' | 'update' | 'delete'; set: Expr; key: Expr; data?: Expr; statements: Stmt[] }
    /** `meter name size n { key stmt }`, evaluated to a `set update` on a dynamic set. */
    | { kind: 'meter'; name: string; key: Expr; statement: Stmt; size?: number }
    | { kind: 'chain'; code: 'jump' | 'goto'; statements: RuleNode[] }
  );

export interface RuleNode {
  statements: Stmt[];
  comment?: string;
  span?: Span;
}

/** The hook line of a base chain while parsed: priority may be a name with + or -. */
export interface HookSpec {
  hookSpan: Span;
  type: ChainType | string;
  hook: Hook | string;
  priority: PrioritySpec;
  devices?: Expr;
  span?: Span;
}
export interface PrioritySpec {
  /** Number, name, or variable. */
  base: Expr;
  offset: number;
  span?: Span;
}

/** What a set, map or flowtable declaration's command names: family and names as written. */
export interface Handle {
  family: Family;
  table: string;
  span?: Span;
}
