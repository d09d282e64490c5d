// Statements to the text that `nft list` prints for them (nftables src/statement.c, meta.c, ct.c, payload.c).
import type { Expr, Stmt } from './ast.ts';
import { CT_SELECTORS, META_SELECTORS } from './datatypes-selectors.ts';
import { printExpression, printValue } from './print-expression.ts';
import { printStateful } from './print-stateful.ts';
import { type PrintOptions, quoted, safeText } from './print-text.ts';
import { LOG_LEVEL, symbolName } from './symbols.ts';

type Of<Kind extends Stmt['kind']> = Extract<Stmt, { kind: Kind }>;

/** The text of a statement. */
export function printStatement(statement: Stmt, options: PrintOptions): string {
  const print = (expr: Expr): string => printExpression(expr, options);
  switch (statement.kind) {
    case 'match':
    case 'verdict':
      return print(statement.expr);
    case 'counter':
    case 'limit':
    case 'quota':
    case 'connlimit':
    case 'last':
      return printStateful(statement, options);
    case 'objref':
      return `${OBJREF_WORDS[statement.objectType]} ${print(statement.expr)}`;
    case 'log':
      return printLog(statement);
    case 'reject':
      return printReject(statement, options);
    case 'nat':
      return printNat(statement, options);
    case 'tproxy': {
      const family = options.family === 'inet' && statement.family !== undefined ? ` ${statement.family}` : '';
      const address = statement.address === undefined ? '' : ` ${bracketed(statement.address, options)}`;
      const port = statement.port === undefined ? '' : `${address === '' ? ' ' : ''}:${print(statement.port)}`;
      return `tproxy${family} to${address}${port}`;
    }
    case 'synproxy': {
      const mss = statement.mss === undefined ? '' : ` mss ${statement.mss}`;
      const wscale = statement.wscale === undefined ? '' : ` wscale ${statement.wscale}`;
      return `synproxy${mss}${wscale}${statement.timestamp ? ' timestamp' : ''}${statement.sackPerm ? ' sack-perm' : ''}`;
    }
    case 'notrack':
      return 'notrack';
    case 'flow':
      return `flow add @${safeText(statement.flowtable)}`;
    case 'payload-set':
    case 'exthdr-set':
      return `${print(statement.target)} set ${print(statement.value)}`;
    case 'exthdr-reset':
      return `reset ${print(statement.target)}`;
    case 'meta-set': {
      const { word, unqualified } = META_SELECTORS[statement.key];
      return `${unqualified === true ? '' : 'meta '}${word} set ${print(statement.value)}`;
    }
    case 'ct-set':
      return printCtSet(statement, options);
    case 'queue': {
      const flags = [statement.bypass ? 'bypass' : '', statement.fanout ? 'fanout' : ''].filter((flag) => flag !== '');
      const to = statement.from === undefined ? '0' : print(statement.from);
      return `queue${flags.length === 0 ? '' : ` flags ${flags.join(',')}`} to ${to}`;
    }
    case 'dup':
      return `dup to ${print(statement.to)}${statement.device === undefined ? '' : ` device ${print(statement.device)}`}`;
    case 'fwd':
      if (statement.address === undefined) return `fwd to ${print(statement.device)}`;
      return `fwd ${statement.family ?? 'ip'} to ${print(statement.address)} device ${print(statement.device)}`;
    case 'set':
      return printSetStatement(statement, options);
    case 'meter':
      return `meter ${safeText(statement.name)} size ${statement.size ?? 65535} { ${print(statement.key)} ${printStatement(statement.statement, { ...options, stateless: true })} }`;
    case 'chain':
      return `${statement.code} { ${statement.statements.map((rule) => rule.statements.map((inner) => printStatement(inner, options)).join(' ')).join('; ')} }`;
  }
}

const OBJREF_WORDS = {
  counter: 'counter name',
  quota: 'quota name',
  limit: 'limit name',
  synproxy: 'synproxy name',
  'ct helper': 'ct helper set',
  'ct timeout': 'ct timeout set',
  'ct expectation': 'ct expectation set',
  secmark: 'meta secmark set',
} as const;

const LOG_WARNING = 4;
const LOG_ALL_FLAGS = 0x2f;

function printLog(log: Of<'log'>): string {
  const parts = ['log'];
  if (log.prefix !== undefined) parts.push(`prefix ${quoted(log.prefix)}`);
  if (log.group !== undefined) parts.push(`group ${log.group}`);
  if (log.snaplen !== undefined) parts.push(`snaplen ${log.snaplen}`);
  if (log.queueThreshold !== undefined) parts.push(`queue-threshold ${log.queueThreshold}`);
  if (log.level !== undefined && log.level !== LOG_WARNING)
    parts.push(`level ${symbolName(LOG_LEVEL, log.level) ?? 'unknown'}`);
  parts.push(...logFlagWords(log.flags));
  return parts.join(' ');
}

function logFlagWords(flags: number): string[] {
  if ((flags & LOG_ALL_FLAGS) === LOG_ALL_FLAGS) return ['flags all'];
  const words: string[] = [];
  const tcp = [(flags & 1) !== 0 ? 'sequence' : '', (flags & 2) !== 0 ? 'options' : ''].filter((word) => word !== '');
  if (tcp.length > 0) words.push(`flags tcp ${tcp.join(',')}`);
  if ((flags & 4) !== 0) words.push('flags ip options');
  if ((flags & 8) !== 0) words.push('flags skuid');
  if ((flags & 32) !== 0) words.push('flags ether');
  return words;
}

const ICMP_PORT_UNREACHABLE = 3n;
const ICMPV6_PORT_UNREACHABLE = 4n;
const ICMPX_PORT_UNREACHABLE = 1n;

/** The default answer is not spelled out where the table's family leaves no doubt. */
function printReject(reject: Of<'reject'>, options: PrintOptions): string {
  if (reject.type === 'tcp-reset') return 'reject with tcp reset';
  if (reject.type === undefined || reject.code === undefined) return 'reject';
  const code = reject.code.kind === 'value' ? reject.code.value : undefined;
  const isIpFamily = options.family === 'ip' || options.family === 'ip6';
  const isDefault =
    (reject.type === 'icmpx' && code === ICMPX_PORT_UNREACHABLE) ||
    (isIpFamily && reject.type === 'icmp' && code === ICMP_PORT_UNREACHABLE) ||
    (isIpFamily && reject.type === 'icmpv6' && code === ICMPV6_PORT_UNREACHABLE);
  return isDefault
    ? 'reject'
    : `reject with ${reject.type} ${printExpression(reject.code, { ...options, codeNames: true })}`;
}

/** IPv6 addresses stand in brackets before a port. */
function bracketed(address: Expr, options: PrintOptions): string {
  if (address.kind === 'value' && address.datatype === 'ipv6_addr') return `[${printExpression(address, options)}]`;
  if (address.kind === 'range' && address.from.datatype === 'ipv6_addr') {
    return `[${printExpression(address.from, options)}]-[${printExpression(address.to, options)}]`;
  }
  return printExpression(address, options);
}

function printNat(nat: Of<'nat'>, options: PrintOptions): string {
  let text: string = nat.type;
  if (nat.address !== undefined || nat.port !== undefined) {
    text += `${nat.family === undefined ? '' : ` ${nat.family}`}${nat.prefix === true ? ' prefix' : ''} to`;
  }
  if (nat.address !== undefined) {
    text += ` ${nat.port === undefined ? printExpression(nat.address, options) : bracketed(nat.address, options)}`;
  }
  if (nat.port !== undefined) text += `${nat.address === undefined ? ' ' : ''}:${printExpression(nat.port, options)}`;
  const flags = [nat.random ? 'random' : '', nat.fullyRandom ? 'fully-random' : '', nat.persistent ? 'persistent' : ''];
  const given = flags.filter((flag) => flag !== '');
  return given.length === 0 ? text : `${text} ${given.join(',')}`;
}

function printCtSet(statement: Of<'ct-set'>, options: PrintOptions): string {
  const direction = statement.direction === undefined ? '' : `${statement.direction} `;
  const { value } = statement;
  const text =
    statement.key === 'event' && value.kind === 'value'
      ? printValue(value, options, ',')
      : printExpression(value, options);
  return `ct ${direction}${CT_SELECTORS[statement.key].word} set ${text}`;
}

function printSetStatement(statement: Of<'set'>, options: PrintOptions): string {
  const stateless = { ...options, stateless: true };
  const parts = [printExpression(statement.key, stateless)];
  for (const inner of statement.statements) parts.push(printStatement(inner, stateless));
  if (statement.data !== undefined) parts.push(`: ${printExpression(statement.data, stateless)}`);
  return `${statement.op} ${printExpression(statement.set, options)} { ${parts.join(' ')} }`;
}
