// Stateful objects and flowtables as `nft list ruleset` prints them (nftables src/rule.c).
import type { ExpressionState, Flowtable, StatefulObject } from '../bytecode/ruleset.ts';
import { formatDurationMs } from './datatypes-time.ts';
import { priorityText } from './listing-priority.ts';
import { INET_PROTOCOL } from './names.ts';
import { limitText, quotaText } from './print-stateful.ts';
import { type PrintOptions, quoted, safeText } from './print-text.ts';
import { symbolName } from './symbols.ts';

/** Lines of an object, without what a table's indentation adds: the declaration, its body, its end. */
export function listObject(
  object: StatefulObject,
  state: ExpressionState | null | undefined,
  options: PrintOptions,
  handle: string,
): string {
  const lines = objectLines(object, state, options);
  if (object.comment !== undefined) lines.unshift(`comment ${quoted(object.comment)}`);
  return `\t${object.type} ${safeText(object.name)} {${handle}\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

function objectLines(
  object: StatefulObject,
  state: ExpressionState | null | undefined,
  options: PrintOptions,
): string[] {
  switch (object.type) {
    case 'counter': {
      const { packets, bytes } = state?.kind === 'counter' ? state : object;
      return options.stateless ? [] : [`packets ${packets} bytes ${bytes}`];
    }
    case 'quota': {
      const used = state?.kind === 'quota' ? state.consumedBytes : object.consumedBytes;
      return [quotaText(object.bytes, used, object.invert, options)];
    }
    case 'limit':
      return [limitText(object.limit, { ...options, dialect: '1.0.6' })]; // both leave out the default burst here
    case 'ct helper':
      return [
        `type ${quoted(object.helper)} protocol ${protocolName(object.protocol)}`,
        `l3proto ${object.l3proto ?? 'ip'}`,
      ];
    case 'ct timeout': {
      const policy = Object.entries(timeoutPolicy(object)).map(
        ([name, seconds]) => `${name} : ${timeoutText(seconds, options)}`,
      );
      return [
        `protocol ${protocolName(object.protocol)}`,
        `l3proto ${object.l3proto ?? 'ip'}`,
        `policy = { ${policy.join(', ')} }`,
      ];
    }
    case 'ct expectation':
      return [
        `protocol ${protocolName(object.protocol)}`,
        `dport ${object.dport}`,
        `timeout ${formatDurationMs(object.timeoutMs)}`,
        `size ${object.size}`,
        `l3proto ${object.l3proto ?? 'ip'}`,
      ];
    case 'secmark':
      return [quoted(object.context)];
    case 'synproxy':
      return synproxyLines(object);
  }
}

/** Timeouts that nft assumes, by protocol: only others are listed (nftables src/rule.c). */
const DEFAULT_TIMEOUTS: Record<number, Record<string, number>> = {
  6: {
    syn_sent: 120,
    syn_recv: 60,
    established: 432000,
    fin_wait: 120,
    close_wait: 60,
    last_ack: 30,
    time_wait: 120,
    close: 10,
    syn_sent2: 120,
    retrans: 300,
    unack: 300,
  },
  17: { unreplied: 30, replied: 120 },
};

/** The timeouts of a policy that are not nft's defaults, in seconds. */
export function timeoutPolicy(object: Extract<StatefulObject, { type: 'ct timeout' }>): Record<string, number> {
  const defaults = DEFAULT_TIMEOUTS[object.protocol] ?? {};
  return Object.fromEntries(Object.entries(object.policy).filter(([name, seconds]) => defaults[name] !== seconds));
}

/** Seconds; nft 1.1 writes them as durations. */
function timeoutText(seconds: number, options: PrintOptions): string {
  return options.dialect === '1.0.6' ? `${seconds}` : formatDurationMs(seconds * 1000);
}

function synproxyLines(object: Extract<StatefulObject, { type: 'synproxy' }>): string[] {
  const lines: string[] = [];
  if ((object.flags & 1) !== 0) lines.push(`mss ${object.mss}`);
  if ((object.flags & 2) !== 0) lines.push(`wscale ${object.wscale}`);
  const words = [(object.flags & 8) !== 0 ? 'timestamp' : '', (object.flags & 4) !== 0 ? 'sack-perm' : ''];
  if (words.some((word) => word !== '')) lines.push(words.join(' '));
  return lines;
}

/** Protocol name of a number, as /etc/protocols has it. */
export function protocolName(number: number): string {
  return symbolName(INET_PROTOCOL, number) ?? String(number);
}

/** A flowtable. */
export function listFlowtable(flowtable: Flowtable, options: PrintOptions, handle: string): string {
  const priority = priorityText(flowtable.priority, 'netdev', 'ingress');
  const quote = (device: string): string => (options.dialect === '1.0.6' ? safeText(device) : quoted(device));
  const devices = [...flowtable.devices].sort().map(quote).join(', ');
  const lines = [`hook ingress priority ${priority}`];
  if (flowtable.devices.length > 0) lines.push(`devices = { ${devices} }`);
  if (flowtable.offload) lines.push('flags offload');
  if (flowtable.counter) lines.push('counter');
  return `\tflowtable ${safeText(flowtable.name)} {${handle}\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}
