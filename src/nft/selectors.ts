// Making the selectors that load no header field of the packet: `socket`, `osf`, `fib`, `ipsec`, `numgen`, `jhash`, `symhash`. Datatypes
// and widths are those of nftables' src/socket.c, osf.c, fib.c, xfrm.c, numgen.c, hash.c.
import type { Expr, FibExpr, HashExpr, NumgenExpr, OsfExpr, SocketExpr, Span, XfrmExpr } from './ast.ts';
import { untyped } from './expressions.ts';

const SOCKET_SHAPES = {
  transparent: ['integer', 8],
  mark: ['mark', 32],
  wildcard: ['integer', 8],
  cgroupv2: ['cgroupsv2', 64],
} as const;
export const SOCKET_KEYS = Object.keys(SOCKET_SHAPES) as SocketExpr['key'][];

export function socket(key: SocketExpr['key'], level: number, span?: Span): SocketExpr {
  const [datatype, length] = SOCKET_SHAPES[key];
  return { ...untyped(span), kind: 'socket', key, level, datatype, length, byteorder: 'host' };
}

export function osf(ttl: OsfExpr['ttl'], version: boolean, span?: Span): OsfExpr {
  return { ...untyped(span), kind: 'osf', ttl, version, datatype: 'string', length: 128, byteorder: 'host' };
}

export const FIB_FLAGS = ['saddr', 'daddr', 'mark', 'iif', 'oif'] as const;
const FIB_SHAPES = {
  oif: ['iface_index', 32],
  oifname: ['ifname', 128],
  type: ['fib_addrtype', 32],
  check: ['boolean', 32],
} as const;
export type FibResult = keyof typeof FIB_SHAPES;
export const FIB_RESULTS = Object.keys(FIB_SHAPES) as FibResult[];

/** What is wrong with the flags of a `fib`; undefined when nothing is. */
export function fibFlagsProblem(given: ReadonlySet<string>): string | undefined {
  if (!given.has('saddr') && !given.has('daddr')) return 'fib: need either saddr or daddr';
  if (given.has('saddr') && given.has('daddr')) return 'fib: saddr and daddr are mutually exclusive';
  return given.has('iif') && given.has('oif') ? 'fib: iif and oif are mutually exclusive' : undefined;
}

/** `check` asks only whether there is a route. */
export function fib(given: ReadonlySet<string>, result: FibResult, span: Span): FibExpr {
  const [datatype, length] = FIB_SHAPES[result];
  return {
    ...untyped(span),
    kind: 'fib',
    flags: FIB_FLAGS.filter((name) => given.has(name)),
    present: result === 'check',
    result: result === 'check' ? 'oif' : result,
    datatype,
    length,
    byteorder: 'host',
  };
}

const XFRM_SHAPES: Record<XfrmExpr['key'], readonly [string, number, 'big' | 'host']> = {
  spi: ['integer', 32, 'big'],
  reqid: ['integer', 32, 'host'],
  saddr: ['ipv4_addr', 32, 'big'],
  daddr: ['ipv4_addr', 32, 'big'],
  saddr6: ['ipv6_addr', 128, 'big'],
  daddr6: ['ipv6_addr', 128, 'big'],
};

export function xfrm(key: XfrmExpr['key'], direction: 'in' | 'out', spnum: number, span?: Span): XfrmExpr {
  const [datatype, length, byteorder] = XFRM_SHAPES[key];
  return { ...untyped(span), kind: 'xfrm', key, direction, spnum, datatype, length, byteorder };
}

/** What `mod N [seed N] [offset N]` says. */
export interface Modulus {
  modulus: number;
  seed?: number;
  offset: number;
}

const NUMBER = { datatype: 'integer', length: 32, byteorder: 'host' } as const;

export function numgen(mode: NumgenExpr['mode'], { modulus, offset }: Modulus, span: Span): NumgenExpr {
  return { ...untyped(span), kind: 'numgen', mode, modulus, offset, ...NUMBER };
}

export function jhash(input: Expr, modulus: Modulus, span: Span): HashExpr {
  return { ...untyped(span), kind: 'hash', mode: 'jenkins', input, ...modulus, ...NUMBER };
}

export function symhash({ modulus, offset }: Modulus, span: Span): HashExpr {
  return { ...untyped(span), kind: 'hash', mode: 'symmetric', modulus, offset, ...NUMBER };
}
