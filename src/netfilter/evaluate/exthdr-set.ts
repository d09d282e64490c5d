// `tcp option … set` and `reset` (nft_exthdr_tcp_set_eval, nft_exthdr_tcp_strip_eval of nft_exthdr.c): rewrites an
// option in place, or overwrites it with NOPs, and keeps the TCP checksum. A maximum segment size is only ever lowered.
import { be16, be32, putBe16, putBe32, u8 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { adjustChecksum16, adjustChecksum32 } from '../../packet/checksum.ts';
import { NF_DROP } from '../verdict.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import type { Evaluation } from './evaluation.ts';
import { tcpHeaderLength, tcpOptionLength } from './exthdr.ts';
import type { Of, PreparedExpression } from './prepared.ts';

const MAXIMUM_SEGMENT_SIZE = 2;
const NO_OPERATION = 1;
/** Offset of the checksum in a TCP header. */
const CHECKSUM = 16;

/** Goes on when there is no such option; breaks when the packet is not whole TCP. */
export function prepareExthdrSet(expression: Of<'exthdr-set'>): PreparedExpression {
  const { type, offset, length } = expression;
  const from = registerOffset(expression.sreg);
  return {
    evaluate: (run) => {
      const header = tcpHeaderLength(run);
      if (header === 0) return NFT_BREAK;
      const { data } = run.packet;
      const end = run.transport + header;
      for (let at = run.transport + 20; at < end - 1; at += tcpOptionLength(run, at)) {
        if (u8(data, at) !== type) continue;
        const octets = tcpOptionLength(run, at);
        if (at + octets > end || offset + length > octets) return NFT_BREAK;
        if (length === 2) set16(run, at + offset, be16(run.bytes, from), type);
        else if (length === 4) set32(run, at + offset, be32(run.bytes, from));
        return NFT_CONTINUE;
      }
      return NFT_CONTINUE;
    },
    shape: { cost: 'exthdr-set', size: length },
  };
}

function set16(run: Evaluation, at: number, value: number, type: number): void {
  const { packet } = run;
  const { data } = packet;
  const old = be16(data, at);
  // A larger segment size than offered would stall the connection.
  if (old === value || (type === MAXIMUM_SEGMENT_SIZE && old <= value)) return;
  putBe16(data, at, value);
  if (packet.checksumPartial) return;
  const field = run.transport + CHECKSUM;
  // At an odd offset the sum comes out wrong, as it does in the kernel (inet_proto_csum_replace2 knows no offset).
  putBe16(data, field, adjustChecksum16(be16(data, field), old, value));
}

function set32(run: Evaluation, at: number, value: number): void {
  const { packet } = run;
  const { data } = packet;
  const old = be32(data, at);
  if (old === value) return;
  putBe32(data, at, value);
  if (packet.checksumPartial) return;
  const field = run.transport + CHECKSUM;
  putBe16(data, field, adjustChecksum32(be16(data, field), old, value));
}

/** Overwrites every octet of the option with NOP. */
export function prepareExthdrReset(expression: Of<'exthdr-reset'>): PreparedExpression {
  const { type } = expression;
  return {
    evaluate: (run) => {
      const header = tcpHeaderLength(run);
      if (header === 0) return NFT_BREAK;
      const { data } = run.packet;
      const end = run.transport + header;
      for (let at = run.transport + 20; at < end - 1; at += tcpOptionLength(run, at)) {
        if (u8(data, at) !== type) continue;
        const octets = tcpOptionLength(run, at);
        if (at + octets > end) return NF_DROP;
        for (let i = 0; i < octets; i++) strip(run, at + i);
        return NFT_CONTINUE;
      }
      return NFT_CONTINUE;
    },
    shape: { cost: 'exthdr-set', size: 0 },
  };
}

function strip(run: Evaluation, at: number): void {
  const { packet } = run;
  const { data } = packet;
  const shift = ((at - run.transport) & 1) === 0 ? 8 : 0;
  const field = run.transport + CHECKSUM;
  if (!packet.checksumPartial) {
    putBe16(data, field, adjustChecksum16(be16(data, field), u8(data, at) << shift, NO_OPERATION << shift));
  }
  data[at] = NO_OPERATION;
}
