// What the kernel oracle reports of a case, and the same of our router, so that the two can be compared field by field.
import type { Ruleset, RulesetState } from '../../src/bytecode/ruleset.ts';
import { formatWords } from '../../src/net/interfaces.ts';
import type { ConntrackTable } from '../../src/netfilter/conntrack/table.ts';
import { TCP_STATE_NAMES } from '../../src/netfilter/conntrack/tcp-states.ts';
import { formatIpv4 } from '../../src/packet/address.ts';

export interface OraclePacket {
  in_iface: string;
  in_hex: string;
  guest_ns: number;
  verdict: string;
  drop?: { reason: string };
  outputs: { iface: string; hex: string; kind: string }[];
  conntrack?: OracleConnection[];
}

export interface OracleTuple {
  src: string;
  dst: string;
  proto: number;
  sport?: number;
  dport?: number;
  [other: string]: unknown;
}

export interface OracleConnection {
  orig: OracleTuple;
  reply: OracleTuple;
  status: number;
  timeout?: number;
  mark: number;
  tcp_state?: string;
  orig_counters?: [number, number];
  reply_counters?: [number, number];
}

export interface OracleCase {
  id: string;
  ok: boolean;
  errors?: unknown;
  packets: OraclePacket[];
  conntrack: OracleConnection[];
  ruleset: Record<string, Record<string, unknown>>[];
}

/** All counters of rules in order of table, chain and rule, as 'chain packets bytes'. */
export function oracleCounters(rows: OracleCase['ruleset']): string[] {
  const out: string[] = [];
  for (const { rule } of rows) {
    for (const one of (rule?.expr as Record<string, { packets: number; bytes: number }>[] | undefined) ?? []) {
      if (one.counter?.packets === undefined) continue;
      out.push(`${rule?.table} ${rule?.chain} ${one.counter.packets} ${one.counter.bytes}`);
    }
  }
  return out;
}

/** The same of our state. */
export function ourCounters(ruleset: Ruleset, state: RulesetState): string[] {
  const out: string[] = [];
  ruleset.tables.forEach((table, t) => {
    table.chains.forEach((chain, c) => {
      for (const rule of state.tables[t]?.chains[c]?.rules ?? []) {
        for (const one of rule) {
          if (one?.kind === 'counter') out.push(`${table.name} ${chain.name} ${one.packets} ${one.bytes}`);
        }
      }
    });
  });
  return out;
}

/** A connection of the oracle as text; its timeout apart. */
export function oracleConnection(row: OracleConnection): string {
  const ports = (tuple: OracleTuple): string =>
    tuple.sport === undefined || (tuple.proto !== 6 && tuple.proto !== 17) ? '' : ` ${tuple.sport}>${tuple.dport}`;
  const side = (tuple: OracleTuple): string => `${tuple.src}>${tuple.dst}${ports(tuple)}`;
  const counters = [...(row.orig_counters ?? []), ...(row.reply_counters ?? [])].join(' ');
  const state = row.tcp_state === undefined ? '' : ` ${row.tcp_state}`;
  return `${row.orig.proto} ${side(row.orig)} | ${side(row.reply)} status ${row.status} mark ${row.mark}${state} ${counters}`;
}

const OFFLOADED = (1 << 14) | (1 << 15);

/** The connections of our table as the oracle would show them, with the seconds left. */
export function ourConnections(table: ConntrackTable, nowNs: number): { text: string; timeout: number | undefined }[] {
  const rows: { text: string; timeout: number | undefined }[] = [];
  for (let entry = 0; entry < table.status.length; entry++) {
    const status = table.status[entry] ?? 0;
    if ((status & 8) === 0 || (table.expiresNs[entry] ?? 0) <= nowNs || (status & 512) !== 0) continue;
    const at = entry * 20;
    const words = (from: number): Uint32Array => table.tuples.slice(from, from + 4);
    const protocol = (table.tuples[at + 9] ?? 0) & 0xff;
    const isSix = (((table.tuples[at + 9] ?? 0) >>> 8) & 0xff) === 6;
    const address = (from: number): string => (isSix ? formatWords(words(from)) : formatIpv4(table.tuples[from] ?? 0));
    const side = (from: number): string => {
      const ports = table.tuples[from + 8] ?? 0;
      const hasPorts = protocol === 6 || protocol === 17;
      return `${address(from)}>${address(from + 4)}${hasPorts ? ` ${ports >>> 16}>${ports & 0xffff}` : ''}`;
    };
    const isOffloaded = (status & OFFLOADED) !== 0;
    const state = protocol === 6 && !isOffloaded ? ` ${TCP_STATE_NAMES[table.tcpState[entry] ?? 0]}` : '';
    const counters = [table.packetsOriginal, table.bytesOriginal, table.packetsReply, table.bytesReply].map(
      (c) => c[entry],
    );
    rows.push({
      text: `${protocol} ${side(at)} | ${side(at + 10)} status ${status} mark ${table.mark[entry]}${state} ${counters.join(' ')}`,
      timeout: isOffloaded ? undefined : ((table.expiresNs[entry] ?? 0) - nowNs) / 1e9,
    });
  }
  return rows;
}
