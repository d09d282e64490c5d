// `bitwise` and `byteorder` (nft_bitwise.c, nft_byteorder.c): arithmetic on register words.
import { u32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { hostWord } from './cmp.ts';
import { NFT_CONTINUE } from './codes.ts';
import type { Evaluate, Of, PreparedExpression } from './prepared.ts';

/** dreg = (sreg & mask) ^ xor, shifts over several words, or two registers combined. */
export function prepareBitwise(expression: Of<'bitwise'>): PreparedExpression {
  return { evaluate: bitwise(expression), shape: { cost: 'bitwise', size: expression.length } };
}

function bitwise(expression: Of<'bitwise'>): Evaluate {
  const from = registerOffset(expression.sreg) >>> 2;
  const to = registerOffset(expression.dreg) >>> 2;
  const count = (expression.length + 3) >>> 2;
  switch (expression.op) {
    case 'mask-xor': {
      const mask = wordsOf(expression.mask, count);
      const xor = wordsOf(expression.xor, count);
      if (count === 1) {
        const mask0 = u32(mask, 0);
        const xor0 = u32(xor, 0);
        return (run) => {
          run.words[to] = (u32(run.words, from) & mask0) ^ xor0;
          return NFT_CONTINUE;
        };
      }
      return (run) => {
        const { words } = run;
        for (let i = 0; i < count; i++) words[to + i] = (u32(words, from + i) & u32(mask, i)) ^ u32(xor, i);
        return NFT_CONTINUE;
      };
    }
    case 'lshift':
      return leftShift(from, to, count, expression.shift);
    case 'rshift':
      return rightShift(from, to, count, expression.shift);
    default:
      return combine(expression.op, from, registerOffset(expression.sreg2) >>> 2, to, count);
  }
}

function leftShift(from: number, to: number, count: number, shift: number): Evaluate {
  return (run) => {
    const { words } = run;
    let carry = 0;
    for (let i = count - 1; i >= 0; i--) {
      const word = u32(words, from + i);
      words[to + i] = (word << shift) | carry;
      carry = shift === 0 ? 0 : word >>> (32 - shift);
    }
    return NFT_CONTINUE;
  };
}

function rightShift(from: number, to: number, count: number, shift: number): Evaluate {
  return (run) => {
    const { words } = run;
    let carry = 0;
    for (let i = 0; i < count; i++) {
      const word = u32(words, from + i);
      words[to + i] = carry | (word >>> shift);
      carry = shift === 0 ? 0 : word << (32 - shift);
    }
    return NFT_CONTINUE;
  };
}

function combine(op: 'and' | 'or' | 'xor', from: number, other: number, to: number, count: number): Evaluate {
  return (run) => {
    const { words } = run;
    for (let i = 0; i < count; i++) {
      const a = u32(words, from + i);
      const b = u32(words, other + i);
      words[to + i] = op === 'and' ? a & b : op === 'or' ? a | b : a ^ b;
    }
    return NFT_CONTINUE;
  };
}

function wordsOf(data: Uint8Array, count: number): Uint32Array {
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) words[i] = hostWord(data, i * 4);
  return words;
}

/** Swaps octets between host and network order; the emulated host is little-endian, so both directions are one. */
export function prepareByteorder(expression: Of<'byteorder'>): PreparedExpression {
  const from = registerOffset(expression.sreg) >>> 2;
  const to = registerOffset(expression.dreg) >>> 2;
  const shape = { cost: 'byteorder', size: expression.length } as const;
  switch (expression.size) {
    case 2:
      return {
        evaluate: (run) => {
          const word = u32(run.words, from);
          run.words[to] = ((word & 0xff) << 8) | ((word >>> 8) & 0xff);
          return NFT_CONTINUE;
        },
        shape,
      };
    case 4:
      return {
        evaluate: (run) => {
          run.words[to] = swap32(u32(run.words, from));
          return NFT_CONTINUE;
        },
        shape,
      };
    default:
      return {
        evaluate: (run) => {
          const low = u32(run.words, from);
          const high = u32(run.words, from + 1);
          run.words[to] = swap32(high);
          run.words[to + 1] = swap32(low);
          return NFT_CONTINUE;
        },
        shape,
      };
  }
}

/** The octets of a word in the other order. */
export function swap32(word: number): number {
  return ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word & 0xff00) << 8) | (word << 24)) >>> 0;
}
