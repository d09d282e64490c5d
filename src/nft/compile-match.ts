// `--match`: nft's own expressions as a choice of packets. The text is compiled as the rules of a netdev ingress chain,
// which sees frames as they arrive; a packet is meant when one of the rules matches. What a frame alone does not tell is
// refused.
import { NftError, NftSemanticError, NftSyntaxError, type SourceLocation } from '../base/errors.ts';
import type { Expression, MetaKey } from '../bytecode/expression.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import { compile } from './compile.ts';

const NAME = '--match';
/** Lines before the text: places in it are lines of the option. */
const HEAD = ['table netdev match {', 'chain match {', 'type filter hook ingress device "lo" priority 0', ''].join(
  '\n',
);
const HEAD_LINES = 3;
const FRAME_META: ReadonlySet<MetaKey> = new Set<MetaKey>([
  'len',
  'protocol',
  'nfproto',
  'l4proto',
  'pkttype',
  'iif',
  'iifname',
  'iftype',
  'iifgroup',
  'iifkind',
  'time',
  'day',
  'hour',
]);

/**
 * Compiles a match: a ruleset of one table, one chain, whose rules (one, or several between semicolons) have no
 * statements. `interfaceNames`: of the router, so that `iif` means the same. Throws NftError with its place in `text`.
 */
export function compileMatch(text: string, interfaceNames?: readonly string[]): Ruleset {
  const line = text.replace(/\r?\n|\r/g, ';');
  const place = (column: number, end: number): SourceLocation => ({ file: NAME, line: 1, column, endColumn: end });
  const refuse = (message: string): NftSemanticError => new NftSemanticError(message, place(1, line.length + 1), line);
  if (line.trim() === '') throw new NftSyntaxError('an empty match chooses nothing', place(1, 2), line);
  let ruleset: Ruleset;
  try {
    ruleset = compile({
      path: NAME,
      text: `${HEAD}${line}\n}\n}\n`,
      ...(interfaceNames === undefined ? {} : { interfaceNames }),
    }).ruleset;
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    throw moved(error, line);
  }
  const [table] = ruleset.tables;
  const [chain] = table?.chains ?? [];
  const isOne = ruleset.tables.length === 1 && table?.chains.length === 1 && (chain?.rules.length ?? 0) > 0;
  if (!isOne || table === undefined || table.objects.length > 0 || table.sets.some((set) => !set.anonymous)) {
    throw refuse('is more than matches: write those of a rule, or of several rules between semicolons');
  }
  for (const expression of chain?.rules.flatMap((rule) => rule.expressions) ?? []) {
    const why = refusal(expression);
    if (why !== undefined) throw refuse(why);
  }
  return ruleset;
}

/** The error as it stands in the option's text. */
function moved(error: NftError, text: string): NftError {
  const { location } = error;
  const prefix = `${location.file}:${location.line}:${location.column}: `;
  const message = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
  const isInText = location.line === HEAD_LINES + 1;
  const end = text.length + 1;
  const column = isInText ? Math.min(location.column, end) : end;
  const endColumn = isInText ? Math.max(column + 1, Math.min(location.endColumn, end)) : end + 1;
  const hint = /@\s*[A-Za-z_]/.test(text) && !/@(ll|nh|th|ih)\b/.test(text) ? NO_SETS : undefined;
  const place = { file: NAME, line: 1, column, endColumn };
  return error instanceof NftSyntaxError
    ? new NftSyntaxError(isInText ? message : 'the match ends too early', place, text)
    : new NftSemanticError(message, place, text, hint);
}

const NO_SETS = 'a match knows no named sets: write the elements, { … }';

/** Why an expression does not tell frames apart; undefined: it does. */
function refusal(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'payload':
    case 'exthdr':
    case 'cmp':
    case 'range':
    case 'bitwise':
    case 'byteorder':
    case 'immediate':
      return undefined;
    case 'lookup':
      return expression.dreg === 0 ? 'a verdict map decides: a match only chooses packets' : undefined;
    case 'verdict':
      return `"${expression.verdict.code}" is a verdict: a match only chooses packets, leave it out`;
    case 'meta':
      return FRAME_META.has(expression.key)
        ? undefined
        : `"meta ${expression.key}" is not known of a frame that arrives: ${WHAT_MATCHES}`;
    case 'ct':
      return `"ct ${expression.key}" is the router's state, not the frame's: ${WHAT_MATCHES}`;
    case 'fib':
    case 'rt':
      return `"${expression.kind}" asks the router's routes: ${WHAT_MATCHES}`;
    case 'numgen':
    case 'hash':
      return `"${expression.kind === 'hash' ? 'jhash" or "symhash' : 'numgen'}" is no property of a frame: ${WHAT_MATCHES}`;
    default:
      return `"${expression.kind}" is a statement: a match only chooses packets, leave it out`;
  }
}

const WHAT_MATCHES =
  'a match looks at the frame as it arrives (iifname, ether, vlan, ip, ip6, tcp, udp, icmp, th, meta length, meta time, …)';
