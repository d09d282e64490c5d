// Stateful statements to JSON (nftables src/json.c).
import type { LimitSpec, Stmt } from './ast.ts';
import type { Json } from './json-expression.ts';
import { dataRate } from './print-stateful.ts';
import type { PrintOptions } from './print-text.ts';

/** The JSON of a counter, limit, quota, connection limit or last; empty for another statement. */
export function jsonStateful(statement: Stmt, options: PrintOptions): { [key: string]: Json } {
  switch (statement.kind) {
    case 'counter':
      return { counter: options.stateless ? null : { packets: statement.packets, bytes: statement.bytes } };
    case 'limit':
      return { limit: jsonLimit(statement.limit) };
    case 'quota': {
      const { value, unit } = dataRate(statement.bytes);
      const root: { [key: string]: Json } = { val: value, val_unit: unit };
      if (statement.invert) root.inv = true;
      if (!options.stateless && statement.usedBytes > 0) {
        const used = dataRate(statement.usedBytes);
        root.used = used.value;
        root.used_unit = used.unit;
      }
      return { quota: root };
    }
    case 'connlimit':
      return { 'ct count': statement.invert ? { val: statement.count, inv: true } : { val: statement.count } };
    case 'last':
      return { last: options.stateless || statement.usedMs === undefined ? null : { used: statement.usedMs } };
    default:
      return {};
  }
}

function jsonLimit(limit: LimitSpec): Json {
  const isBytes = limit.type === 'bytes';
  const rate = dataRate(limit.rate);
  const burst = dataRate(limit.burst);
  const root: { [key: string]: Json } = {
    rate: isBytes ? rate.value : limit.rate,
    burst: isBytes ? burst.value : limit.burst,
    per: limit.unit,
  };
  if (limit.invert) root.inv = true;
  if (isBytes) {
    root.rate_unit = rate.unit;
    root.burst_unit = burst.unit;
  }
  return root;
}
