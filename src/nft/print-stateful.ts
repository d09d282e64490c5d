// Stateful statements to text: those of rules, of sets and of their elements (nftables src/statement.c).
import type { LimitUnit } from '../bytecode/expression.ts';
import type { LimitSpec, Stmt } from './ast.ts';
import { formatDurationMs } from './datatypes-time.ts';
import type { PrintOptions } from './print-text.ts';

/** The text of a counter, limit, quota, connection limit or last; '' for another statement. */
export function printStateful(statement: Stmt, options: PrintOptions): string {
  switch (statement.kind) {
    case 'counter':
      return options.stateless ? 'counter' : `counter packets ${statement.packets} bytes ${statement.bytes}`;
    case 'limit':
      return `limit ${limitText(statement.limit, options)}`;
    case 'quota':
      return `quota ${quotaText(statement.bytes, statement.usedBytes, statement.invert, options)}`;
    case 'connlimit':
      return `ct count ${statement.invert ? 'over ' : ''}${statement.count}`;
    case 'last':
      if (options.stateless) return 'last';
      return `last used ${statement.usedMs === undefined ? 'never' : formatDurationMs(statement.usedMs)}`;
    default:
      return '';
  }
}

/** `rate [over] n/unit [burst …]`. nft 1.0.6 leaves out the default burst of 5 packets. */
export function limitText(limit: LimitSpec, options: PrintOptions): string {
  const over = limit.invert ? 'over ' : '';
  const unit: LimitUnit = limit.unit;
  if (limit.type === 'packets') {
    const isDefault = limit.burst === 0 || (limit.burst === 5 && options.dialect === '1.0.6');
    return `rate ${over}${limit.rate}/${unit}${isDefault ? '' : ` burst ${limit.burst} packets`}`;
  }
  return `rate ${over}${dataText(limit.rate)}/${unit}${limit.burst === 0 ? '' : ` burst ${dataText(limit.burst)}`}`;
}

/** `[over] n unit [used n unit]`. */
export function quotaText(bytes: number, usedBytes: number, invert: boolean, options: PrintOptions): string {
  const used = options.stateless || usedBytes === 0 ? '' : ` used ${dataText(usedBytes)}`;
  return `${invert ? 'over ' : ''}${dataText(bytes)}${used}`;
}

/** A number of octets in the largest of bytes, kbytes, mbytes that it is a whole multiple of. */
export function dataRate(octets: number): { value: number; unit: 'bytes' | 'kbytes' | 'mbytes' } {
  const units = ['bytes', 'kbytes', 'mbytes'] as const;
  let value = octets;
  let index = 0;
  while (value !== 0 && index < 2 && value % 1024 === 0) {
    value /= 1024;
    index++;
  }
  return { value, unit: units[index] ?? 'bytes' };
}

function dataText(octets: number): string {
  const { value, unit } = dataRate(octets);
  return `${value} ${unit}`;
}
