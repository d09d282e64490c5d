// What the language compiles to: the bytecode of src/bytecode, and the few expressions that nft sends to the kernel but the
// engine does not run yet. Those are printed by `--debug netlink` and refused by compile().
import type { Expression } from '../bytecode/expression.ts';

/** An expression that only the kernel runs. */
export type ForeignExpression =
  | {
      kind: 'inner';
      type: number;
      flags: number;
      headerSize: number;
      expression: Extract<Expression, { kind: 'payload' | 'meta' }>;
      tunnelHeader: boolean;
    }
  | { kind: 'socket'; key: 'transparent' | 'mark' | 'wildcard' | 'cgroupv2'; level: number; dreg: number }
  | { kind: 'osf'; ttl: number; version: boolean; dreg: number }
  | { kind: 'xfrm'; key: string; direction: 'in' | 'out'; spnum: number; dreg: number }
  | { kind: 'tproxy'; family: 'ip' | 'ip6' | undefined; addressRegister?: number; portRegister?: number }
  | { kind: 'synproxy'; mss: number; wscale: number; flags: number };

/** One instruction of a rule. */
export type LinearExpression = Expression | ForeignExpression;

const FOREIGN: Record<ForeignExpression['kind'], string> = {
  inner: 'matches inside a tunnel (vxlan, geneve, gre)',
  socket: 'socket',
  osf: 'osf',
  xfrm: 'ipsec',
  tproxy: 'tproxy',
  synproxy: 'synproxy',
};

/** Whether only the kernel runs the expression. */
export function isForeign(expression: LinearExpression): expression is ForeignExpression {
  return expression.kind in FOREIGN;
}

/** What the construct is called in a refusal; undefined when the engine runs it: `queue` only with an assumed answer. */
export function foreignConstruct(expression: LinearExpression): string | undefined {
  if (expression.kind === 'queue') return expression.assumed === undefined ? 'queue' : undefined;
  return expression.kind in FOREIGN ? FOREIGN[expression.kind as ForeignExpression['kind']] : undefined;
}
