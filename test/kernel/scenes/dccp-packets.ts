// DCCP packets for scenes, with 48 bits of sequence numbers and right checksums.
import { putBe16, putBe32 } from '../../../src/base/columns.ts';
import { ip } from '../../../src/packet/build.ts';
import { internetChecksum } from '../../../src/packet/checksum.ts';
import { LAN, type Row, SERVER } from './talk.ts';

export const DCCP = {
  request: 0,
  response: 1,
  data: 2,
  ack: 3,
  dataAck: 4,
  closeReq: 5,
  close: 6,
  reset: 7,
  sync: 8,
  syncAck: 9,
};
export function dccp(src: string, dst: string, type: number, seq: number, ack?: number): Uint8Array {
  const isToServer = src === LAN;
  const octets = new Uint8Array(28);
  putBe16(octets, 0, isToServer ? 7000 : 7001);
  putBe16(octets, 2, isToServer ? 7001 : 7000);
  octets[4] = 7;
  octets[8] = (type << 1) | 1;
  putBe32(octets, 12, seq);
  if (ack !== undefined) putBe32(octets, 20, ack);
  const datagram = ip({ src, dst }, { protocol: 33, bytes: octets });
  const pseudo = new Uint8Array(12 + 28);
  pseudo.set(datagram.subarray(12, 20));
  pseudo[9] = 33;
  pseudo[11] = 28;
  pseudo.set(octets, 12);
  putBe16(datagram, 26, internetChecksum(pseudo, 0, pseudo.length));
  return datagram;
}
export const dccpTo = (ms: number, type: number, seq: number, ack?: number): Row => [
  ms,
  'lan0',
  dccp(LAN, SERVER, type, seq, ack),
];
export const dccpFrom = (ms: number, type: number, seq: number, ack?: number): Row => [
  ms,
  'wan0',
  dccp(SERVER, LAN, type, seq, ack),
];
