// Cuts a super-packet (captured above GRO or TSO) into the frames that were on the wire: tcp_gso_segment and
// inet_gso_segment (net/ipv4/tcp_offload.c, net/ipv4/af_inet.c). TCP only: other protocols stay whole.
// SIMPLIFIED: segment-size: it is not in a capture; it is taken as what fits both the MTU of the way in and of the way out.
import { be16, be32, putBe16, putBe32, u8 } from '../base/columns.ts';
import type { Interface } from '../net/interfaces.ts';
import { writeIpv4Checksum, writeTransportChecksum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import type { FrameSink } from './stack.ts';

const TCP = 6;
const FIN = 1;
const PSH = 8;
const CWR = 0x80;

let frame = new Uint8Array(2048);

/** Gives the segments to the sink; returns how many, 0 when the packet cannot be cut (then nothing was sent). */
export function segment(packet: Packet, dev: Interface, inputMtu: number, sink: FrameSink): number {
  const { data, start, network, transport, networkEnd } = packet;
  if (packet.protocol !== TCP || transport < 0 || transport + 20 > networkEnd) return 0;
  const headerEnd = transport + (u8(data, transport + 12) >>> 4) * 4;
  const headers = headerEnd - network;
  const mss = Math.min(inputMtu, dev.mtu) - headers;
  const payload = packet.networkLength - headers;
  if (headerEnd > networkEnd || mss < 8 || payload <= mss) return 0;
  const linkHeader = network - start;
  if (frame.length < linkHeader + headers + mss) frame = new Uint8Array(linkHeader + headers + mss + 512);
  const flags = u8(data, transport + 13);
  const sequence = be32(data, transport + 4);
  const isPppoe = linkHeader >= 22 && be16(data, network - 8) === 0x1100 && be16(data, network - 10) === 0x8864;
  let count = 0;
  for (let at = 0; at < payload; at += mss) {
    const size = Math.min(mss, payload - at);
    const kept = Math.max(0, Math.min(size, networkEnd - headerEnd - at));
    const isLast = at + size >= payload;
    copy(frame, 0, data, start, linkHeader + headers);
    copy(frame, linkHeader + headers, data, headerEnd + at, kept);
    const net = linkHeader;
    const tcp = net + transport - network;
    if (packet.ipVersion === 4) {
      putBe16(frame, net + 2, headers + size);
      putBe16(frame, net + 4, be16(data, network + 4) + count);
      writeIpv4Checksum(frame, net);
    } else {
      putBe16(frame, net + 4, headers + size - 40);
    }
    if (isPppoe) putBe16(frame, net - 4, headers + size + 2);
    putBe32(frame, tcp + 4, sequence + at);
    frame[tcp + 13] = (isLast ? flags : flags & ~(FIN | PSH)) & (at === 0 ? 0xff : ~CWR);
    const end = net + headers + kept;
    // Of a segment that the capture cut, the checksum cannot be known: it keeps the super-packet's.
    if (kept === size) writeTransportChecksum(frame, net, packet.ipVersion === 6 ? 6 : 4, TCP, tcp, end);
    sink.frame(dev.index, frame, 0, end, net + headers + size);
    count++;
  }
  return count;
}

function copy(to: Uint8Array, at: number, from: Uint8Array, start: number, length: number): void {
  for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
}
