// `numgen` and `hash` (nft_numgen.c, nft_hash.c): numbers to spread packets with.

import { be32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { simplificationIndex } from '../../event/simplifications.ts';
import { jhash } from '../jhash.ts';
import { NFT_CONTINUE } from './codes.ts';
import type { Evaluation } from './evaluation.ts';
import type { Engine, Of, PrepareContext, PreparedExpression } from './prepared.ts';

const HASH_SEED = simplificationIndex('hash-seed');

/** Counts up, or draws, below a modulus. */
export function prepareNumgen(expression: Of<'numgen'>, context: PrepareContext): PreparedExpression {
  const { type, modulus, offset } = expression;
  const to = registerOffset(expression.dreg) >>> 2;
  const shape = { cost: 'numgen', size: type === 'random' ? 0 : 1 } as const;
  const { random } = context.engine;
  if (type === 'random') {
    return {
      evaluate: (run) => {
        run.words[to] = scale(random.next(), modulus) + offset;
        return NFT_CONTINUE;
      },
      shape,
    };
  }
  let last = modulus - 1;
  return {
    evaluate: (run) => {
      last = last + 1 < modulus ? last + 1 : 0;
      run.words[to] = last + offset;
      return NFT_CONTINUE;
    },
    shape,
  };
}

/**
 * jhash of register octets, or a hash of the packet's connection that is the same both ways.
 * SIMPLIFIED: hash-seed: a seed that the ruleset leaves out is random in the kernel, 0 here; the symmetric hash is keyed
 * at boot there, so which of the values a flow gets differs, the spread does not.
 */
export function prepareHash(expression: Of<'hash'>, engine: Engine): PreparedExpression {
  const { type, modulus, offset, length, seed = 0 } = expression;
  const to = registerOffset(expression.dreg) >>> 2;
  const shape = { cost: 'hash', size: length } as const;
  if (type === 'symmetric') {
    return {
      evaluate: (run) => {
        engine.recorder.simplified(HASH_SEED);
        run.words[to] = scale(symmetricHash(run), modulus) + offset;
        return NFT_CONTINUE;
      },
      shape,
    };
  }
  const from = registerOffset(expression.sreg ?? 1);
  return {
    evaluate: (run) => {
      run.words[to] = scale(jhash(run.bytes, from, length, seed), modulus) + offset;
      return NFT_CONTINUE;
    },
    shape,
  };
}

/** reciprocal_scale: a 32-bit value to 0 … bound - 1. */
function scale(value: number, bound: number): number {
  return Math.floor((value / 4294967296) * bound);
}

/** __skb_get_hash_symmetric: addresses and ports in either order. */
function symmetricHash(run: Evaluation): number {
  const { packet } = run;
  const { data, network } = packet;
  let hash = run.protocol;
  if (packet.ipVersion === 4) hash ^= be32(data, network + 12) ^ be32(data, network + 16);
  else if (packet.ipVersion === 6) hash = symmetricAddresses(run, hash);
  if (run.hasTransport && !run.isLaterFragment) hash ^= (packet.sourcePort ^ packet.destinationPort) << 8;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function symmetricAddresses(run: Evaluation, protocol: number): number {
  const { data, network } = run.packet;
  let hash = protocol;
  for (let i = 8; i < 24; i += 4) {
    hash = Math.imul(hash ^ be32(data, network + i) ^ be32(data, network + i + 16), 0x01000193);
  }
  return hash;
}
