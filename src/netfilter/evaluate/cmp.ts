// `cmp` and `range` (nft_cmp.c, nft_range.c, the fast variants of nf_tables_core.c): compare register octets with
// constants as memcmp does, hence numbers must stand in network order for anything but equality.
import { be32, f64, u8, u32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import type { Engine, Evaluate, Of, PreparedExpression } from './prepared.ts';
import { WorkCount } from './work.ts';

/** Goes on when the comparison holds, else breaks. */
export function prepareCmp(expression: Of<'cmp'>): PreparedExpression {
  const { op, data } = expression;
  const at = registerOffset(expression.sreg);
  const isEquality = op === 'eq' || op === 'neq';
  if (isEquality && data.length <= 4) {
    return { evaluate: fastCmp(at, data, op === 'neq'), shape: { cost: 'cmp', size: data.length } };
  }
  if (isEquality && data.length <= 16) {
    return { evaluate: fastCmp16(at, data, op === 'neq'), shape: { cost: 'cmp16', size: data.length } };
  }
  return { evaluate: ordered(at, op, data), shape: { cost: 'cmp-generic', size: data.length } };
}

function fastCmp(at: number, data: Uint8Array, isInverted: boolean): Evaluate {
  const word = at >>> 2;
  const mask = maskWord(data.length);
  const value = hostWord(data, 0);
  if (isInverted) return (run) => ((u32(run.words, word) & mask) >>> 0 === value ? NFT_BREAK : NFT_CONTINUE);
  return (run) => ((u32(run.words, word) & mask) >>> 0 === value ? NFT_CONTINUE : NFT_BREAK);
}

function fastCmp16(at: number, data: Uint8Array, isInverted: boolean): Evaluate {
  const word = at >>> 2;
  const full = data.length >>> 2;
  const values = new Uint32Array(4);
  for (let i = 0; i < data.length; i += 4) values[i >>> 2] = hostWord(data, i);
  const mask = maskWord(data.length & 3);
  const same = isInverted ? NFT_BREAK : NFT_CONTINUE;
  const other = isInverted ? NFT_CONTINUE : NFT_BREAK;
  return (run) => {
    const { words } = run;
    for (let i = 0; i < full; i++) if (u32(words, word + i) !== u32(values, i)) return other;
    if (mask !== 0 && (u32(words, word + full) & mask) >>> 0 !== u32(values, full)) return other;
    return same;
  };
}

function ordered(at: number, op: Of<'cmp'>['op'], data: Uint8Array): Evaluate {
  const equal = op === 'eq' || op === 'lte' || op === 'gte' ? NFT_CONTINUE : NFT_BREAK;
  const less = op === 'neq' || op === 'lt' || op === 'lte' ? NFT_CONTINUE : NFT_BREAK;
  const greater = op === 'neq' || op === 'gt' || op === 'gte' ? NFT_CONTINUE : NFT_BREAK;
  return (run) => {
    const difference = compareOctets(run.bytes, at, data);
    return difference === 0 ? equal : difference < 0 ? less : greater;
  };
}

/** Goes on when the register's octets lie within (`eq`) or outside (`neq`) of the two ends, both inclusive. */
export function prepareRange(expression: Of<'range'>, engine: Engine): PreparedExpression {
  const { op, from, to } = expression;
  const at = registerOffset(expression.sreg);
  const inside = op === 'eq' ? NFT_CONTINUE : NFT_BREAK;
  const outside = op === 'eq' ? NFT_BREAK : NFT_CONTINUE;
  const shape = { cost: 'range', size: from.length } as const;
  if (engine.countsWork === true) return countedRange(expression, at);
  if (from.length === 4) {
    const low = be32(from, 0);
    const high = be32(to, 0);
    return {
      evaluate: (run) => {
        const value = be32(run.bytes, at);
        return value >= low && value <= high ? inside : outside;
      },
      shape,
    };
  }
  return {
    evaluate: (run) =>
      compareOctets(run.bytes, at, from) >= 0 && compareOctets(run.bytes, at, to) <= 0 ? inside : outside,
    shape,
  };
}

/** The same, counting how often the upper end is looked at. */
function countedRange({ op, from, to }: Of<'range'>, at: number): PreparedExpression {
  const isEquality = op === 'eq';
  const work = new WorkCount('range');
  return {
    evaluate: (run) => {
      const isAbove = compareOctets(run.bytes, at, from) >= 0;
      work.times++;
      if (isAbove || !isEquality) work.amounts[0] = f64(work.amounts, 0) + 1;
      const isInside = isAbove && compareOctets(run.bytes, at, to) <= 0;
      return isInside === isEquality ? NFT_CONTINUE : NFT_BREAK;
    },
    shape: { cost: 'range', size: from.length },
    work: () => work.sum(),
  };
}

/** memcmp of register octets with a constant. */
export function compareOctets(bytes: Uint8Array, at: number, data: Uint8Array): number {
  for (let i = 0; i < data.length; i++) {
    const difference = u8(bytes, at + i) - u8(data, i);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Up to four octets as the word that a register holds (little-endian host). */
export function hostWord(data: Uint8Array, at: number): number {
  let word = 0;
  for (let i = 0; i < 4 && at + i < data.length; i++) word |= u8(data, at + i) << (8 * i);
  return word >>> 0;
}

/** The mask of a word's first `length` octets (0-4). */
function maskWord(length: number): number {
  return length === 4 ? 0xffffffff : (1 << (8 * length)) - 1;
}
