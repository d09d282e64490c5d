// `ct` (nft_ct.c): what the packet's connection is and has. Everything but the state breaks where there is none.
import { f64, u32 } from '../../base/columns.ts';
import type { CtKey } from '../../bytecode/expression.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { CT_INVALID, CT_NEW, CT_UNTRACKED } from '../../packet/packet.ts';
import { IPS_CONFIRMED } from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { LABEL_WORDS } from '../conntrack/table.ts';
import { TUPLE_WORDS } from '../conntrack/tuple.ts';
import { swap32 } from './bitwise.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { type Evaluation, PF_IPV4, PF_IPV6 } from './evaluation.ts';
import {
  cannotRun,
  type Engine,
  type Evaluate,
  type Of,
  type PrepareContext,
  type PreparedExpression,
} from './prepared.ts';

/** NF_CT_STATE_BIT by ctInfo; the direction plays no part. */
const STATE_BITS = Uint32Array.of(2, 4, 8, 1, 64);
const STATE_INVALID = 1;

/** Loads one key of the connection. */
export function prepareCt(expression: Of<'ct'>, context: PrepareContext): PreparedExpression {
  const to = registerOffset(expression.dreg) >>> 2;
  return { evaluate: loader(expression, to, context), shape: { cost: 'ct', size: 0 } };
}

function loader(expression: Of<'ct'>, to: number, context: PrepareContext): Evaluate {
  const { key, direction } = expression;
  if (key === 'state') {
    return (run) => {
      const { ct, ctInfo } = run.packet;
      // Without a connection `new` is the template of `ct zone set`.
      if (ct < 0 && ctInfo !== CT_NEW) run.words[to] = ctInfo === CT_UNTRACKED ? 64 : STATE_INVALID;
      else run.words[to] = ctInfo === CT_INVALID ? STATE_INVALID : u32(STATE_BITS, ctInfo);
      return NFT_CONTINUE;
    };
  }
  const table = context.engine.conntrack;
  const half = direction === undefined ? -1 : direction === 'original' ? 0 : 1;
  const load = connectionLoader(key, half, to, table, context);
  return (run) => (run.packet.ct < 0 ? NFT_BREAK : load(run, run.packet.ct));
}

type Load = (run: Evaluation, entry: number) => number;

/** A key that is one number. */
function number(to: number, get: (run: Evaluation, entry: number) => number): Load {
  return (run, entry) => {
    run.words[to] = get(run, entry);
    return NFT_CONTINUE;
  };
}

function connectionLoader(key: CtKey, half: number, to: number, table: ConntrackTable, context: PrepareContext): Load {
  switch (key) {
    case 'direction':
      return number(to, (run) => run.packet.ctDirection);
    case 'status':
      return number(to, (_run, entry) => u32(table.status, entry));
    case 'mark':
      return number(to, (_run, entry) => u32(table.mark, entry));
    case 'secmark':
      return number(to, () => 0);
    case 'expiration':
      return number(to, (_run, entry) => expiration(table, entry));
    case 'labels':
      return (run, entry) => {
        for (let i = 0; i < LABEL_WORDS; i++) run.words[to + i] = u32(table.labels, entry * LABEL_WORDS + i);
        return NFT_CONTINUE;
      };
    case 'pkts':
      return counter(
        to,
        half,
        () => table.packetsOriginal,
        () => table.packetsReply,
      );
    case 'bytes':
      return counter(
        to,
        half,
        () => table.bytesOriginal,
        () => table.bytesReply,
      );
    case 'avgpkt':
      return averagePacket(to, half, table);
    case 'l3proto':
      return number(to, (_run, entry) => (family(table, entry) === 4 ? PF_IPV4 : PF_IPV6));
    case 'protocol':
      return number(to, (_run, entry) => u32(table.tuples, entry * 2 * TUPLE_WORDS + 9) & 0xff);
    case 'zone':
      return number(to, (_run, entry) => zoneOf(table, entry, half));
    case 'id':
      return number(to, (_run, entry) => f64(table.flowNumber, entry));
    // The helper of the connection's master, not its own.
    case 'helper':
      return masterHelper(to, context.engine);
    case 'event':
      return cannotRun(context, '"ct event" can only be set');
    default:
      return tupleLoader(key, Math.max(0, half), to, table);
  }
}

/** nf_ct_zone_id; without a direction (half < 0) the zone's number, whichever directions it is for. */
function zoneOf(table: ConntrackTable, entry: number, half: number): number {
  const at = entry * 2 * TUPLE_WORDS + 9;
  if (half >= 0) return u32(table.tuples, at + half * TUPLE_WORDS) >>> 16;
  return u32(table.tuples, at) >>> 16 || u32(table.tuples, at + TUPLE_WORDS) >>> 16;
}

/** 16 octets of the name of what made the connection expected (NF_CT_HELPER_NAME_LEN). */
function masterHelper(to: number, { conntrack: table, helpers }: Engine): Evaluate {
  return (run) => {
    const { ct } = run.packet;
    const helper = ct < 0 ? -1 : (table.masterHelper[ct] as number);
    if (helper < 0) return NFT_BREAK;
    const name = helpers.nameOf(helper);
    for (let i = 0; i < 4; i++) {
      let word = 0;
      for (let octet = 0; octet < 4; octet++) word |= (name.charCodeAt(i * 4 + octet) || 0) << (octet * 8);
      run.words[to + i] = word;
    }
    return NFT_CONTINUE;
  };
}

/** Milliseconds. A connection that is not confirmed has no moment yet: what the kernel makes of its timeout is mostly 0. */
function expiration(table: ConntrackTable, entry: number): number {
  if ((u32(table.status, entry) & IPS_CONFIRMED) === 0) return 0;
  return Math.max(0, Math.floor((f64(table.expiresNs, entry) - table.nowNs) / 1e6));
}

function family(table: ConntrackTable, entry: number): number {
  return (u32(table.tuples, entry * 2 * TUPLE_WORDS + 9) >>> 8) & 0xff;
}

/** A 64-bit count: of one direction, or (-1) of both. */
function counter(to: number, half: number, original: () => Float64Array, reply: () => Float64Array): Load {
  return (run, entry) => {
    const value = half === 0 ? f64(original(), entry) : half === 1 ? f64(reply(), entry) : both(original, reply, entry);
    store64(run, to, value);
    return NFT_CONTINUE;
  };
}

function both(original: () => Float64Array, reply: () => Float64Array, entry: number): number {
  return f64(original(), entry) + f64(reply(), entry);
}

function store64(run: Evaluation, to: number, value: number): void {
  run.words[to] = value % 4294967296;
  run.words[to + 1] = Math.floor(value / 4294967296);
}

function averagePacket(to: number, half: number, table: ConntrackTable): Load {
  return (run, entry) => {
    let packets = 0;
    let bytes = 0;
    if (half !== 1) {
      packets += f64(table.packetsOriginal, entry);
      bytes += f64(table.bytesOriginal, entry);
    }
    if (half !== 0) {
      packets += f64(table.packetsReply, entry);
      bytes += f64(table.bytesReply, entry);
    }
    store64(run, to, packets === 0 ? 0 : Math.floor(bytes / packets));
    return NFT_CONTINUE;
  };
}

/** Addresses and ports of a direction's tuple, in network order. */
function tupleLoader(key: CtKey, half: number, to: number, table: ConntrackTable): Load {
  switch (key) {
    case 'src':
    case 'src_ip':
    case 'src_ip6':
      return addressLoader(key === 'src' ? 0 : key === 'src_ip' ? 4 : 6, half, 0, to, table);
    case 'dst':
    case 'dst_ip':
    case 'dst_ip6':
      return addressLoader(key === 'dst' ? 0 : key === 'dst_ip' ? 4 : 6, half, 4, to, table);
    case 'proto_src':
      return number(to, (_run, entry) => swap16(u32(table.tuples, (entry * 2 + half) * TUPLE_WORDS + 8) >>> 16));
    default:
      return number(to, (_run, entry) => swap16(u32(table.tuples, (entry * 2 + half) * TUPLE_WORDS + 8) & 0xffff));
  }
}

/** `only`: 4 or 6 to break on the other family, 0 for either. */
function addressLoader(only: number, half: number, word: number, to: number, table: ConntrackTable): Load {
  return (run, entry) => {
    const version = family(table, entry);
    if (only !== 0 && only !== version) return NFT_BREAK;
    const at = (entry * 2 + half) * TUPLE_WORDS + word;
    const count = version === 4 ? 1 : 4;
    for (let i = 0; i < count; i++) run.words[to + i] = swap32(u32(table.tuples, at + i));
    return NFT_CONTINUE;
  };
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

/** `ct mark set` and kin; a packet without a connection goes on unchanged. */
export function prepareCtSet(expression: Of<'ct-set'>, context: PrepareContext): PreparedExpression {
  const from = registerOffset(expression.sreg) >>> 2;
  return { evaluate: setter(expression, from, context), shape: { cost: 'ct-set', size: 0 } };
}

function setter(expression: Of<'ct-set'>, from: number, context: PrepareContext): Evaluate {
  const { conntrack: table, helpers } = context.engine;
  switch (expression.key) {
    case 'mark':
      return (run) => {
        const { ct } = run.packet;
        if (ct >= 0) table.mark[ct] = u32(run.words, from);
        return NFT_CONTINUE;
      };
    case 'labels':
      return (run) => {
        const { ct } = run.packet;
        if (ct < 0) return NFT_CONTINUE;
        // nf_connlabels_replace(mask = data): bits are only ever set.
        for (let i = 0; i < LABEL_WORDS; i++) {
          const at = ct * LABEL_WORDS + i;
          table.labels[at] = u32(table.labels, at) | u32(run.words, from + i);
        }
        return NFT_CONTINUE;
      };
    case 'zone': {
      const { direction } = expression;
      return (run) => {
        if (run.packet.ct < 0) helpers.setZone(run.packet, u32(run.words, from) & 0xffff, direction);
        return NFT_CONTINUE;
      };
    }
    // Nobody listens to conntrack events; there are no security contexts.
    case 'event':
    case 'secmark':
      return () => NFT_CONTINUE;
    default:
      return cannotRun(context, `"ct ${expression.key}" cannot be set`);
  }
}

/** `notrack` (nft_notrack_eval): only before conntrack has looked. */
export function prepareNotrack(): PreparedExpression {
  return {
    evaluate: (run) => {
      const { packet } = run;
      if (packet.ct < 0 && packet.ctInfo !== CT_NEW) packet.ctInfo = CT_UNTRACKED;
      return NFT_CONTINUE;
    },
    shape: { cost: 'notrack', size: 0 },
  };
}
