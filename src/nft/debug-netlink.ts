// Bytecode in the form of `nft --debug=netlink` (libnftnl's snprintf functions): each rule's instructions, and before it the
// anonymous sets that it brings. Octets are printed as 32-bit words of a little-endian host.
import type { Limit, ObjectType, PayloadBase } from '../bytecode/expression.ts';
import type { NftSet, Rule, Ruleset, SetElement, Table } from '../bytecode/ruleset.ts';
import type { LinearExpression } from './linear.ts';

/** The bytecode of all rules, in nft's text form. */
export function printNetlink(ruleset: Ruleset): string {
  const lines: string[] = [];
  for (const table of ruleset.tables) {
    const shown = new Set<string>();
    for (const set of table.sets) if (!set.anonymous) lines.push(...printSet(set, table));
    for (const chain of table.chains)
      for (const rule of chain.rules) lines.push(...printRule(rule, chain.name, table, shown));
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function printRule(rule: Rule, chain: string, table: Table, shown: Set<string>): string[] {
  const lines: string[] = [];
  for (const expression of rule.expressions) {
    if (!('set' in expression) || shown.has(expression.set)) continue;
    const set = table.sets.find((candidate) => candidate.name === expression.set);
    if (set?.anonymous !== true) continue;
    shown.add(set.name);
    lines.push(...printSet(set, table));
  }
  lines.push(
    `${table.family} ${table.name} ${chain}`,
    ...rule.expressions.map((expression) => `  ${printExpression(expression)}`),
    '',
  );
  return lines;
}

const ANONYMOUS = 1;
const CONSTANT = 2;
const INTERVAL = 4;
const MAP = 8;
const TIMEOUT = 0x10;
const EVAL = 0x20;
const OBJECT = 0x40;
const CONCAT = 0x80;
const EXPRESSIONS = 0x100;

function setFlags(set: NftSet): number {
  let flags = 0;
  if (set.anonymous) flags |= ANONYMOUS;
  if (set.constant) flags |= CONSTANT;
  if (set.interval) flags |= INTERVAL;
  if (set.mapTo === 'value' || set.mapTo === 'verdict') flags |= MAP;
  else if (set.mapTo !== undefined) flags |= OBJECT;
  if (set.timeout) flags |= TIMEOUT;
  if (set.dynamic) flags |= EVAL;
  if (set.interval && set.keyTypes.length > 1) flags |= CONCAT;
  if (set.elementExpressions.length > 1) flags |= EXPRESSIONS;
  return flags;
}

/** The declaration and the elements of a set. */
export function printSet(set: NftSet, table: Table): string[] {
  const name = set.anonymous ? set.name.replace(/\d+$/, '%d') : set.name;
  const elements = printElements(set);
  const size = set.anonymous && elements.length > 0 ? ` size ${elements.length}` : '';
  const lines = [`${name} ${table.name} ${setFlags(set).toString(16)}${size}`];
  if (elements.length > 0)
    lines.push(`${name} ${table.name} 0`, `\t${elements.map((element) => `element ${element}`).join('\t')}`);
  return lines;
}

/** Elements as netlink has them: ranges are two, the second with the first value that is out. */
export function printElements(set: NftSet): string[] {
  if (!set.interval || set.keyTypes.length > 1) {
    return set.elements.map((element) => {
      const end = set.interval && set.keyTypes.length > 1 ? `  - ${words(element.keyEnd ?? element.key)}` : '';
      if (element.catchAll === true) return ` : ${printData(element)}2 [end]`;
      return `${words(element.key)}${end}  : ${printData(element)}0 [end]`;
    });
  }
  const result: string[] = [];
  const ranges = set.elements.filter((element) => element.catchAll !== true);
  for (const [index, element] of ranges.entries()) {
    if (index === 0 && element.key.some((octet) => octet !== 0))
      result.push(`${words(new Uint8Array(element.key.length))}  : 1 [end]`);
    const past = successor(element.keyEnd ?? element.key);
    // An open end is marked in the element's user data.
    const open = past === undefined ? '  userdata = { \\x01\\x04\\x01\\x00\\x00\\x00 }' : '';
    result.push(`${words(element.key)}  : ${printData(element)}0 [end]${open}`);
    const next = ranges[index + 1];
    if (past === undefined || (next !== undefined && equal(past, next.key))) continue;
    result.push(`${words(past)}  : 1 [end]`);
  }
  for (const element of set.elements) if (element.catchAll === true) result.push(` : ${printData(element)}2 [end]`);
  return result;
}

/** The next greater big-endian number; undefined after the greatest. */
function successor(octets: Uint8Array): Uint8Array | undefined {
  const next = octets.slice();
  for (let i = next.length - 1; i >= 0; i--) {
    next[i] = ((next[i] as number) + 1) & 0xff;
    if (next[i] !== 0) return next;
  }
  return undefined;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}

function printData(element: SetElement): string {
  const { verdict, data, dataEnd } = element;
  if (verdict !== undefined)
    return `${verdict.chain === undefined ? verdict.code : `${verdict.code} -> ${verdict.chain}`} `;
  if (data === undefined) return '';
  return `${words(data)}${dataEnd === undefined ? '' : ` ${words(dataEnd)}`} `;
}

/** Octets as little-endian words of 32 bits. */
function words(octets: Uint8Array): string {
  const result: string[] = [];
  for (let i = 0; i < octets.length; i += 4) {
    const octet = (at: number): number => octets[i + at] ?? 0;
    result.push(
      ((octet(3) * 0x1000000 + (octet(2) << 16) + (octet(1) << 8) + octet(0)) >>> 0).toString(16).padStart(8, '0'),
    );
  }
  return result.join(' ');
}
function hexWords(octets: Uint8Array): string {
  return words(octets)
    .split(' ')
    .map((word) => `0x${word}`)
    .join(' ');
}

const BASES: Record<PayloadBase, string> = {
  link: 'link header',
  network: 'network header',
  transport: 'transport header',
  inner: 'inner header',
};
const OBJECT_NUMBERS: Record<ObjectType, number> = {
  counter: 1,
  quota: 2,
  'ct helper': 3,
  limit: 4,
  'ct timeout': 7,
  secmark: 8,
  'ct expectation': 9,
  synproxy: 10,
};
const META_NAMES: Record<string, string> = { random: 'prandom', bri_broute: 'broute', iftype: 'iiftype' };
const LOG_FLAG_NAMES = [
  [1, 'tcpseq'],
  [2, 'tcpopt'],
  [4, 'ipopt'],
  [8, 'uid'],
  [32, 'macdecode'],
] as const;
const FIB_FLAG_NAMES = ['saddr', 'daddr', 'mark', 'iif', 'oif'] as const;
const LINK_FLAGS = (flags: number): string => (flags === 0 ? '' : ` flags 0x${flags.toString(16)}`);

/** One instruction, in brackets. */
export function printExpression(expression: LinearExpression): string {
  return `[ ${printBody(expression)} ]`;
}

function printBody(e: LinearExpression): string {
  switch (e.kind) {
    case 'payload':
      return `payload load ${e.length}b @ ${BASES[e.base]} + ${e.offset} => reg ${e.dreg}`;
    case 'payload-set':
      return `payload write reg ${e.sreg} => ${e.length}b @ ${BASES[e.base]} + ${e.offset} csum_type ${e.checksumType} csum_off ${e.checksumOffset} csum_flags 0x${e.checksumFlags.toString(16)}`;
    case 'exthdr':
      return `exthdr load ${exthdrOp(e.op)}${e.length}b @ ${e.type} + ${e.offset}${e.present ? ' present' : ''} => reg ${e.dreg}`;
    case 'exthdr-set':
      return `exthdr write tcpopt reg ${e.sreg} => ${e.length}b @ ${e.type} + ${e.offset}`;
    case 'exthdr-reset':
      return `exthdr reset tcpopt ${e.type}`;
    case 'cmp':
      return `cmp ${e.op} reg ${e.sreg} ${hexWords(e.data)}`;
    case 'range':
      return `range ${e.op} reg ${e.sreg} ${hexWords(e.from)} ${hexWords(e.to)}`;
    case 'bitwise':
      return printBitwise(e);
    case 'byteorder':
      return `byteorder reg ${e.dreg} = ${e.op}(reg ${e.sreg}, ${e.size}, ${e.length})`;
    case 'immediate':
      return `immediate reg ${e.dreg} ${hexWords(e.data)}`;
    case 'verdict':
      return `immediate reg 0 ${e.verdict.chain === undefined ? e.verdict.code : `${e.verdict.code} -> ${e.verdict.chain}`}`;
    case 'lookup':
      return `lookup reg ${e.sreg} set ${setName(e.set)}${e.dreg === undefined ? '' : ` dreg ${e.dreg}`}${e.invert ? ' 0x1' : ''}`;
    case 'dynset':
      return printDynset(e);
    case 'meta':
      return `meta load ${META_NAMES[e.key] ?? e.key} => reg ${e.dreg}`;
    case 'meta-set':
      return `meta set ${META_NAMES[e.key] ?? e.key} with reg ${e.sreg}`;
    case 'ct':
      return `ct load ${ctName(e.key)} => reg ${e.dreg}${e.direction === undefined ? '' : ` , dir ${e.direction}`}`;
    case 'ct-set':
      return `ct set ${ctName(e.key)} with reg ${e.sreg}${e.direction === undefined ? '' : ` , dir ${e.direction}`}`;
    case 'counter':
      return `counter pkts ${e.packets} bytes ${e.bytes}`;
    case 'limit':
      return printLimit(e.limit);
    case 'quota':
      return `quota bytes ${e.bytes} consumed ${e.consumedBytes} flags ${e.invert ? 1 : 0}`;
    case 'connlimit':
      return `connlimit count ${e.count} flags ${e.invert ? 1 : 0}`;
    case 'last':
      return e.usedMs === undefined ? 'last never' : `last ${e.usedMs}`;
    case 'log':
      return printLog(e);
    case 'reject':
      return `reject type ${{ icmp: 0, 'tcp-reset': 1, icmpx: 2 }[e.type]} code ${e.code}`;
    case 'nat':
      return `nat ${e.type} ${e.family}${natRegister(' addr_min', e.addressMin)}${natRegister(' addr_max', e.addressMax)}${natRegister(' proto_min', e.portMin)}${natRegister(' proto_max', e.portMax)}${LINK_FLAGS(e.flags)}`;
    case 'masquerade':
      return `masq${natRegister(' proto_min', e.portMin)}${natRegister(' proto_max', e.portMax)}${LINK_FLAGS(e.flags)}`;
    case 'redirect':
      return `redir${natRegister(' proto_min', e.portMin)}${natRegister(' proto_max', e.portMax)}${LINK_FLAGS(e.flags)}`;
    case 'notrack':
      return 'notrack';
    case 'flow-offload':
      return `flow_offload flowtable ${e.flowtable}`;
    case 'rt':
      return `rt load ${e.key === 'classid' ? 'classid' : e.key} => reg ${e.dreg}`;
    case 'fib':
      return printFib(e);
    case 'numgen':
      return `numgen reg ${e.dreg} = ${e.type === 'incremental' ? 'inc' : 'random'} mod ${e.modulus}${e.offset === 0 ? '' : ` offset ${e.offset}`}`;
    case 'hash':
      return printHash(e);
    case 'objref':
      return `objref type ${OBJECT_NUMBERS[e.objectType]} name ${e.name}`;
    case 'objref-map':
      return `objref sreg ${e.sreg} set ${setName(e.set)}`;
    case 'dup':
      return `dup${natRegister(' sreg_addr', e.addressRegister, '')}${natRegister(' sreg_dev', e.deviceRegister, '')}`;
    case 'fwd':
      return `fwd${natRegister(' sreg_dev', e.deviceRegister, '')}${natRegister(' sreg_addr', e.addressRegister, '')}${e.family === undefined ? '' : ` nfproto ${e.family === 'ip' ? 2 : 10}`}`;
    case 'queue':
      return printQueue(e);
    default:
      return printForeign(e);
  }
}

function printForeign(
  e: Extract<LinearExpression, { kind: 'inner' | 'socket' | 'osf' | 'xfrm' | 'tproxy' | 'synproxy' }>,
): string {
  switch (e.kind) {
    case 'inner': {
      const body =
        e.tunnelHeader && e.expression.kind === 'payload'
          ? printBody(e.expression).replace('inner header', 'tunnel header')
          : printBody(e.expression);
      return `inner type ${innerType(e.type)} hdrsize ${e.headerSize} flags ${e.flags.toString(16)} [ ${body} ]`;
    }
    case 'socket':
      return `socket load ${e.key}${e.key === 'cgroupv2' ? ` level ${e.level}` : ''} => reg ${e.dreg}`;
    case 'osf':
      return `osf dreg ${e.dreg}`;
    case 'xfrm':
      return `xfrm load ${e.direction} ${e.spnum} ${XFRM_NAMES[e.key] ?? e.key} => reg ${e.dreg}`;
    case 'tproxy':
      return `tproxy${e.family === undefined ? '' : ` ${e.family}`}${natRegister(' addr', e.addressRegister)}${natRegister(' port', e.portRegister)}`;
    case 'synproxy':
      return `synproxy mss ${e.mss} wscale ${e.wscale}`;
  }
}

const XFRM_NAMES: Record<string, string> = { daddr: 'daddr4', saddr: 'saddr4' };

function innerType(type: number): string {
  return String(type);
}

function setName(name: string): string {
  return /^__(set|map|objmap)\d+$/.test(name) ? name.replace(/\d+$/, '%d') : name;
}

function natRegister(label: string, number: number | undefined, reg = ' reg'): string {
  return number === undefined ? '' : `${label}${reg} ${number}`;
}

function exthdrOp(op: string): string {
  return op === 'sctp' || op === 'dccp' ? '' : `${op} `;
}

function ctName(key: string): string {
  const names: Record<string, string> = { labels: 'label', pkts: 'packets', l3proto: 'l3protocol' };
  return names[key] ?? key;
}

function printBitwise(e: Extract<LinearExpression, { kind: 'bitwise' }>): string {
  switch (e.op) {
    case 'mask-xor':
      return `bitwise reg ${e.dreg} = ( reg ${e.sreg} & ${hexWords(e.mask)} ) ^ ${hexWords(e.xor)}`;
    case 'lshift':
    case 'rshift':
      return `bitwise reg ${e.dreg} = ( reg ${e.sreg} ${e.op === 'lshift' ? '<<' : '>>'} 0x${e.shift.toString(16).padStart(8, '0')} )`;
    default:
      return `bitwise reg ${e.dreg} = ( reg ${e.sreg} ${{ and: '&', or: '|', xor: '^' }[e.op]} reg ${e.sreg2} )`;
  }
}

function printDynset(e: Extract<LinearExpression, { kind: 'dynset' }>): string {
  const data = e.sregData === undefined ? '' : ` sreg_data ${e.sregData}`;
  const timeout = e.timeoutMs === undefined ? '' : ` timeout ${e.timeoutMs}ms`;
  const inner =
    e.expressions.length === 0
      ? ''
      : ` expr ${e.expressions.map((expression) => `[ ${printBody(expression)} ]`).join(' ')}`;
  return `dynset ${e.op} reg_key ${e.sregKey} set ${setName(e.set)}${data}${timeout}${inner}`;
}

function printLimit(limit: Limit): string {
  return `limit rate ${limit.rate}/${limit.unit} burst ${limit.burst} type ${limit.type === 'packets' ? 'packets' : 'bytes'} flags 0x${limit.invert ? 1 : 0}`;
}

function printLog(e: Extract<LinearExpression, { kind: 'log' }>): string {
  const parts: string[] = [];
  if (e.prefix !== undefined) parts.push(`prefix ${e.prefix}`);
  if (e.group !== undefined)
    parts.push(`group ${e.group}`, `snaplen ${e.snaplen ?? 0}`, `qthreshold ${e.queueThreshold ?? 0}`);
  else {
    if (e.level !== undefined) parts.push(`level ${e.level}`);
    for (const [bit, name] of LOG_FLAG_NAMES) if ((e.flags & bit) !== 0) parts.push(name);
  }
  return ['log', ...parts].join(' ');
}

function printFib(e: Extract<LinearExpression, { kind: 'fib' }>): string {
  const flags = FIB_FLAG_NAMES.filter((flag) => e.flags.includes(flag)).join(' . ');
  return `fib ${flags} ${e.result}${e.present ? ' present' : ''} => reg ${e.dreg}`;
}

function printHash(e: Extract<LinearExpression, { kind: 'hash' }>): string {
  const offset = e.offset === 0 ? '' : ` offset ${e.offset}`;
  if (e.type === 'symmetric') return `hash reg ${e.dreg} = symhash() % mod ${e.modulus}${offset}`;
  return `hash reg ${e.dreg} = jhash(reg ${e.sreg}, ${e.length}, 0x${(e.seed ?? 0).toString(16)}) % mod ${e.modulus}${offset}`;
}

function printQueue(e: Extract<LinearExpression, { kind: 'queue' }>): string {
  const flags = `${(e.flags & 1) !== 0 ? ' bypass' : ''}${(e.flags & 2) !== 0 ? ' fanout' : ''}`;
  if (e.register !== undefined) return `queue sreg_qnum ${e.register}${flags}`;
  return `queue num ${e.from}${e.total > 1 ? `-${e.from + e.total - 1}` : ''}${flags}`;
}
