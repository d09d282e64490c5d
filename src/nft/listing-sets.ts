// Named sets and maps as `nft list ruleset` prints them: declaration, flags, elements broken over lines as nft breaks them
// (nftables src/rule.c set_print_declaration, src/expression.c calculate_delim).
import type { NftSet, SetState, Table } from '../bytecode/ruleset.ts';
import { formatDurationMs } from './datatypes-time.ts';
import { delinearizeSet, keyTypes } from './delinearize-sets.ts';
import { statefulStatements } from './delinearize-stateful.ts';
import { printExpression } from './print-expression.ts';
import { printStateful } from './print-stateful.ts';
import { type PrintOptions, quoted, safeText } from './print-text.ts';

/** A set or map. `terse`: without its elements. */
export function listSet(
  table: Table,
  set: NftSet,
  state: SetState | null | undefined,
  options: PrintOptions,
  terse: boolean,
  handle: string,
): string {
  const elements = state?.elements ?? set.elements;
  const lines = declarationLines(table, set, elements.length, options);
  if (elements.length > 0 && !terse) lines.push(`elements = ${elementsText(set, elements, options)}`);
  const word = set.mapTo === undefined ? 'set' : 'map';
  return `\t${word} ${safeText(set.name)} {${handle}\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

function declarationLines(table: Table, set: NftSet, count: number, options: PrintOptions): string[] {
  const lines = [typeLine(set)];
  if (set.policy === 'memory') lines.push('policy memory');
  const size = setSize(table, set);
  const counted = options.elementCounts === true && count > 0 ? `\t# count ${count}` : '';
  if (size > 0) lines.push(`size ${size}${counted}`);
  const flags = setFlags(set);
  if (flags.length > 0) lines.push(`flags ${flags.join(',')}`);
  if (set.elementExpressions.length > 0) {
    const stateless = { ...options, stateless: true };
    lines.push(
      statefulStatements(set.elementExpressions)
        .map((statement) => printStateful(statement, stateless))
        .join(' '),
    );
  }
  if (set.autoMerge) lines.push('auto-merge');
  if (set.timeoutMs !== undefined && set.timeoutMs > 0) lines.push(`timeout ${formatDurationMs(set.timeoutMs)}`);
  if (set.gcIntervalMs !== undefined && set.gcIntervalMs > 0)
    lines.push(`gc-interval ${formatDurationMs(set.gcIntervalMs)}`);
  if (set.comment !== undefined) lines.push(`comment ${quoted(set.comment)}`);
  return lines;
}

/** What the kernel gives a set without a size when a rule adds to it (nft_dynset_init). */
const DYNAMIC_SET_SIZE = 65535;

/** The size that is listed; 0: none. */
export function setSize(table: Table, set: NftSet): number {
  if (set.sizeElements !== undefined && set.sizeElements > 0) return set.sizeElements;
  const isFed = table.chains.some((chain) =>
    chain.rules.some((rule) =>
      rule.expressions.some((expression) => expression.kind === 'dynset' && expression.set === set.name),
    ),
  );
  return isFed ? DYNAMIC_SET_SIZE : 0;
}

/** The flags that are listed: `timeout` alone goes without saying beside a default timeout. */
export function setFlags(set: NftSet): string[] {
  const flags = [set.constant ? 'constant' : '', set.dynamic ? 'dynamic' : '', set.interval ? 'interval' : ''];
  const given = flags.filter((flag) => flag !== '');
  if (set.timeout && (given.length > 0 || (set.timeoutMs ?? 0) === 0)) given.push('timeout');
  return given;
}

/** `type ipv4_addr . inet_service : verdict`, or `typeof` as declared. */
function typeLine(set: NftSet): string {
  const word = set.keyTypeof === undefined ? 'type' : 'typeof';
  const key = set.keyTypeof ?? set.keyTypes.join(' . ');
  if (set.mapTo === undefined) return `${word} ${key}`;
  const isInterval = set.elements.some((element) => element.dataEnd !== undefined);
  return `${word} ${key} : ${isInterval ? 'interval ' : ''}${dataType(set)}`;
}

function dataType(set: NftSet): string {
  if (set.mapTo === 'verdict') return 'verdict';
  if (set.mapTo !== 'value') return set.mapTo ?? '';
  return set.dataTypeof ?? set.dataTypes.join(' . ');
}

const FIVE_A_LINE = new Set([
  'nf_proto', 'integer', 'arp_op', 'inet_proto', 'inet_service', 'tcp_flag', 'dccp_pkttype', 'mark', 'iface_index',
  'classid', 'uid', 'gid', 'ct_dir',
]); // biome-ignore format: a list
const TWO_A_LINE = new Set(['ipv4_addr', 'ct_state', 'ct_status', 'pkt_type']);
const NEXT_LINE = ',\n\t\t\t     ';

/** How many elements nft puts on a line. nft 1.1 keeps whatever hangs on elements on lines of their own. */
function elementsPerLine(set: NftSet, elements: NftSet['elements'], options: PrintOptions): number {
  const [type, second] = set.keyTypes;
  const isLaden =
    set.mapTo !== undefined ||
    set.timeout ||
    set.elementExpressions.length > 0 ||
    elements.some((element) => element.comment !== undefined);
  if (second !== undefined || type === undefined || (isLaden && options.dialect !== '1.0.6')) return 1;
  return FIVE_A_LINE.has(type) ? 5 : TWO_A_LINE.has(type) ? 2 : 1;
}

function elementsText(set: NftSet, elements: NftSet['elements'], options: PrintOptions): string {
  const perLine = elementsPerLine(set, elements, options);
  const { items } = delinearizeSet(set, elements, keyTypes(set));
  let text = '{ ';
  for (const [index, item] of items.entries()) {
    if (index > 0) text += index % perLine === 0 ? NEXT_LINE : ', ';
    text += printExpression(item, options);
  }
  return `${text} }`;
}
