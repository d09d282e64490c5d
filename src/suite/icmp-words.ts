// ICMP and ICMPv6 types and codes by nft's names, and the codes that a line may name without their type.
import { ICMP_CODE, ICMP_TYPE, ICMPV6_CODE, ICMPV6_TYPE, symbolName, symbolValue } from '../nft/symbols.ts';

const ICMP = 1;
const UNREACHABLE = { 1: 3, 58: 1 } as const;

export interface TypeAndCode {
  type: number;
  code?: number;
}

/** `echo-request`, `port-unreachable` (destination-unreachable with that code), or a number; undefined: neither. */
export function icmpType(protocol: 1 | 58, text: string): TypeAndCode | undefined {
  if (/^\d+$/.test(text) && Number(text) < 256) return { type: Number(text) };
  const type = symbolValue(protocol === ICMP ? ICMP_TYPE : ICMPV6_TYPE, text);
  if (type !== undefined) return { type };
  const code = symbolValue(protocol === ICMP ? ICMP_CODE : ICMPV6_CODE, text);
  return code === undefined ? undefined : { type: UNREACHABLE[protocol], code };
}

/** A code by name (of destination-unreachable) or number. */
export function icmpCode(protocol: 1 | 58, text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) < 256 ? Number(text) : undefined;
  return symbolValue(protocol === ICMP ? ICMP_CODE : ICMPV6_CODE, text);
}

/** `echo-request`, `port-unreachable`, `time-exceeded 1`, `200 3`: what icmpType and icmpCode read back. */
export function icmpWords(protocol: 1 | 58, type: number, code: number): string {
  if (type === UNREACHABLE[protocol]) {
    const name = symbolName(protocol === ICMP ? ICMP_CODE : ICMPV6_CODE, code);
    if (name !== undefined) return name;
  }
  const name = symbolName(protocol === ICMP ? ICMP_TYPE : ICMPV6_TYPE, type) ?? String(type);
  return code === 0 ? name : `${name} ${code}`;
}

/** All names, for suggestions. */
export function icmpNames(protocol: 1 | 58): string[] {
  const tables = protocol === ICMP ? [ICMP_TYPE, ICMP_CODE] : [ICMPV6_TYPE, ICMPV6_CODE];
  return tables.flatMap((table) => table.map(([name]) => name));
}
