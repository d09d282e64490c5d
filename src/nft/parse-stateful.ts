// Statements with state, which stand in rules, in set declarations and in set elements: counter, limit, quota, ct count, last.
import { own } from '../base/own.ts';
import type { LimitUnit } from '../bytecode/expression.ts';
import type { LimitSpec, Stmt } from './ast.ts';
import { parseDurationMs } from './datatypes-time.ts';
import type { Parser } from './parser.ts';

const UNITS = new Set(['second', 'minute', 'hour', 'day', 'week']);
const DATA_UNITS: Record<string, number> = { bytes: 1, kbytes: 1024, mbytes: 1024 ** 2 };

/** Whether a stateful statement starts here (not a reference to a named object). */
export function atStatefulStatement(p: Parser): boolean {
  if (p.at('counter') || p.at('quota')) return !p.at('name', 1);
  if (p.at('limit')) return p.at('rate', 1);
  return p.at('last') || (p.at('ct') && p.at('count', 1));
}

/** `counter [packets N bytes N] | limit rate … | quota … | ct count [over] N | last [used never|TIME]` */
export function parseStatefulStatement(p: Parser): Stmt {
  const start = p.peek();
  switch (start.text) {
    case 'counter':
      p.next();
      return { ...parseCounter(p), kind: 'counter', span: p.spanFrom(start) };
    case 'quota':
      p.next();
      return { ...parseQuota(p), kind: 'quota', span: p.spanFrom(start) };
    case 'limit': {
      p.next();
      const limit = parseLimit(p, true);
      return { kind: 'limit', limit, span: p.spanFrom(start) };
    }
    case 'last':
      p.next();
      return parseLast(p, start);
    default: {
      p.expect('ct');
      p.expect('count');
      const invert = p.accept('over');
      return { kind: 'connlimit', count: p.number('number', 0xffffffff), invert, span: p.spanFrom(start) };
    }
  }
}

function parseLast(p: Parser, start: Parameters<Parser['spanFrom']>[0]): Stmt {
  if (!p.accept('used')) return { kind: 'last', span: p.spanFrom(start) };
  if (p.accept('never')) return { kind: 'last', span: p.spanFrom(start) };
  return { kind: 'last', usedMs: parseTime(p), span: p.spanFrom(start) };
}

/** `[packets N] [bytes N]` */
export function parseCounter(p: Parser): { packets: number; bytes: number } {
  const counter = { packets: 0, bytes: 0 };
  for (;;) {
    if (p.accept('packets')) counter.packets = p.number();
    else if (p.accept('bytes')) counter.bytes = p.number();
    else return counter;
  }
}

/** `[over|until] N UNIT [used N UNIT]` */
export function parseQuota(p: Parser): { bytes: number; usedBytes: number; invert: boolean } {
  const invert = p.accept('over');
  if (!invert) p.accept('until');
  const bytes = parseBytes(p);
  return { bytes, usedBytes: p.accept('used') ? parseBytes(p) : 0, invert };
}

function parseBytes(p: Parser): number {
  const count = p.number();
  const unit = p.peek();
  const factor = unit.kind === 'word' ? own(DATA_UNITS, unit.text) : undefined;
  if (factor === undefined) throw p.unexpected('bytes, kbytes or mbytes', Object.keys(DATA_UNITS));
  p.next();
  return count * factor;
}

/**
 * `rate [over|until] N/UNIT [burst N packets]` or `rate [over|until] N BYTES/UNIT [burst N BYTES]`. A limit of packets in a
 * rule needs a burst above zero.
 */
export function parseLimit(p: Parser, inRule: boolean): LimitSpec {
  p.expect('rate');
  const invert = p.accept('over');
  if (!invert) p.accept('until');
  const count = p.number();
  if (p.accept('/')) {
    const unit = parseUnit(p);
    const burst = p.accept('burst') ? parseBurstPackets(p, inRule) : 5;
    return { type: 'packets', rate: count, unit, burst, invert };
  }
  const { factor, unit } = parseDataRate(p);
  let burst = 0;
  if (p.accept('burst')) burst = parseBytes(p);
  return { type: 'bytes', rate: count * factor, unit, burst, invert };
}

function parseBurstPackets(p: Parser, inRule: boolean): number {
  const at = p.peek();
  const burst = p.number('number', 0xffffffff);
  p.expect('packets');
  if (inRule && burst === 0) throw p.error('packet limit burst must be > 0', at);
  return burst;
}

/** `kbytes/second`, which the lexer takes for one word, or `bytes / second`. */
function parseDataRate(p: Parser): { factor: number; unit: LimitUnit } {
  const token = p.peek();
  const [name = '', unitName] = token.kind === 'word' ? token.text.split('/') : [];
  const factor = own(DATA_UNITS, name);
  if (factor === undefined) throw p.unexpected("'/' or a unit of bytes", Object.keys(DATA_UNITS));
  p.next();
  if (unitName === undefined) {
    p.expect('/');
    return { factor, unit: parseUnit(p) };
  }
  if (!UNITS.has(unitName)) throw p.error(`unknown time unit '${unitName}'`, token, `one of ${[...UNITS].join(', ')}`);
  return { factor, unit: unitName as LimitUnit };
}

function parseUnit(p: Parser): LimitUnit {
  if (!p.atAny(UNITS)) throw p.unexpected('second, minute, hour, day or week', UNITS);
  return p.next().text as LimitUnit;
}

/** `time_spec: 1d2h3m4s5ms`, in milliseconds. */
export function parseTime(p: Parser): number {
  const token = p.peek();
  const text = token.kind === 'word' || token.kind === 'quoted' ? token.text : undefined;
  const milliseconds = text === undefined ? undefined : parseDurationMs(text);
  if (milliseconds === undefined) throw p.unexpected('a time such as 30s or 1h30m');
  p.next();
  return milliseconds;
}
