// What was meant by an address that is none: one of the other family, or one with a slip.
import type { Expr, SymbolExpr } from './ast.ts';
import { parseIp4, parseIp6, parseMac } from './datatypes-address.ts';
import type { Context } from './evaluate-context.ts';

/** A remedy for a text that is no value of the address type `name`; undefined when it looks like no address at all. */
export function addressHint(context: Context, expr: SymbolExpr, name: string): string | undefined {
  const { text } = expr;
  switch (name) {
    case 'ipv4_addr':
      if (parseIp6(text) !== undefined) return otherFamily(context, 'IPv6', 'ip6');
      if (parseMac(text) !== undefined) return "an Ethernet address: match it with 'ether saddr' or 'ether daddr'";
      if (/^\d+(\.\d+){3}$/.test(text)) return 'each of the four numbers is at most 255';
      return /^\d+(\.\d+){0,2}$/.test(text) ? 'an IPv4 address has four numbers' : undefined;
    case 'ipv6_addr':
      if (parseIp4(text) !== undefined) return otherFamily(context, 'IPv4', 'ip');
      if (parseMac(text) !== undefined) return "an Ethernet address: match it with 'ether saddr' or 'ether daddr'";
      return undefined;
    default:
      return undefined;
  }
}

/** The selector that takes addresses of the family in its place, when the statement compares a field of the other one. */
function otherFamily(context: Context, title: string, family: 'ip' | 'ip6'): string {
  const field = addressField(context);
  const article = `an ${title} address`;
  if (field !== undefined) return `${article}: write '${family} ${field}'`;
  return context.set === undefined || context.set.anonymous
    ? `${article}: match it with '${family} saddr' or '${family} daddr'`
    : `${article}: it belongs into a set of type ${family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'}`;
}

function addressField(context: Context): string | undefined {
  const { statement } = context;
  const left: Expr | undefined = statement?.kind === 'match' ? statement.expr : undefined;
  const field = left?.kind === 'relational' && left.left.kind === 'payload' ? left.left.field : undefined;
  return field === 'saddr' || field === 'daddr' ? field : undefined;
}
