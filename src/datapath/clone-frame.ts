// Copies of frames: for the ports of a bridge, and for rules that ask for them.
import type { Packet } from '../packet/packet.ts';
import type { Stack } from './stack.ts';

/** skb_clone of the frame from packet.start on. */
export function cloneFrame(stack: Stack, packet: Packet): Packet | undefined {
  const { data, start, end } = packet;
  const headers = packet.network - start;
  const copy = stack.pool.acquire(packet, end - packet.network);
  if (copy === undefined) return undefined;
  copy.start = copy.network - headers;
  copy.data.set(data.subarray(start, end), copy.start);
  copy.end = copy.start + (end - start);
  copy.wireLength = packet.wireLength;
  const shift = copy.start - start;
  copy.etherType = packet.etherType;
  copy.encapsulationCount = packet.encapsulationCount;
  copy.encapsulation[0] = packet.encapsulation[0] as number;
  copy.transport = packet.transport < 0 ? -1 : packet.transport + shift;
  copy.ipVersion = packet.ipVersion;
  copy.protocol = packet.protocol;
  copy.networkEnd = packet.networkEnd + shift;
  copy.networkLength = packet.networkLength;
  copy.fragmentOffset = packet.fragmentOffset;
  copy.moreFragments = packet.moreFragments;
  copy.fragMaxSize = packet.fragMaxSize;
  copy.fragmentHeader = packet.fragmentHeader < 0 ? -1 : packet.fragmentHeader + shift;
  copy.hasOptions = packet.hasOptions;
  copy.iif = packet.iif;
  copy.oif = packet.oif;
  copy.physicalIif = packet.physicalIif;
  copy.packetType = packet.packetType;
  copy.mark = packet.mark;
  copy.priority = packet.priority;
  copy.nftrace = packet.nftrace;
  copy.isSuperPacket = packet.isSuperPacket;
  copy.checksumPartial = packet.checksumPartial;
  copy.isGenerated = packet.isGenerated;
  copy.ct = packet.ct;
  copy.ctInfo = packet.ctInfo;
  copy.ctDirection = packet.ctDirection;
  return copy;
}
