// SCTP packets for scenes.
import { putBe16, putBe32 } from '../../../src/base/columns.ts';
import type { Layer4 } from '../../../src/packet/build.ts';
import { sctpChecksum } from '../../../src/packet/checksum.ts';
import { bytes, type Row, type Talk, V4 } from './talk.ts';

export type Chunk = [type: number, flags?: number, body?: number[]];
export const word = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
export const init = (type: number, tag: number): Chunk => [
  type,
  0,
  [...word(tag), ...word(1500), 0, 1, 0, 1, ...word(9)],
];
export function sctp(sport: number, dport: number, tag: number, chunks: Chunk[]): Layer4 {
  const body = chunks.flatMap(([type, flags = 0, data = []]) => {
    const length = 4 + data.length;
    return [type, flags, length >>> 8, length & 255, ...data, ...new Array((4 - (length & 3)) & 3).fill(0)];
  });
  const octets = new Uint8Array(12 + body.length);
  putBe16(octets, 0, sport);
  putBe16(octets, 2, dport);
  putBe32(octets, 4, tag);
  octets.set(body, 12);
  putBe32(octets, 8, sctpChecksum(octets, 0, octets.length));
  return { protocol: 132, bytes: octets };
}
export const sctpOf = ({ send, reply }: Talk) => ({
  to: (ms: number, tag: number, ...chunks: Chunk[]): Row => send(ms, sctp(3000, 36412, tag, chunks)),
  from: (ms: number, tag: number, ...chunks: Chunk[]): Row => reply(ms, sctp(36412, 3000, tag, chunks)),
});
export const { to, from } = sctpOf(V4);
export const DATA = 0;
export const INIT = 1;
export const INIT_ACK = 2;
export const SACK = 3;
export const HEARTBEAT = 4;
export const HEARTBEAT_ACK = 5;
export const ABORT = 6;
export const SHUTDOWN = 7;
export const SHUTDOWN_ACK = 8;
export const ERROR = 9;
export const ECHO = 10;
export const COOKIE_ACK = 11;
export const SHUTDOWN_COMPLETE = 14;
export const FLAG_T = 1;
/** The association: the client's tag is 0xaa, the server's 0xbb. */
export const association = (words = sctpOf(V4)): Row[] => [
  words.to(0, 0, init(INIT, 0xaa)),
  words.from(10, 0xaa, init(INIT_ACK, 0xbb)),
  words.to(20, 0xbb, [ECHO, 0, [1, 2, 3, 4]]),
  words.from(30, 0xaa, [COOKIE_ACK]),
];

export function bytesOf(n: number): number[] {
  return [...bytes(n)];
}
