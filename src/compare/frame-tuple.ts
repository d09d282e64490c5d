// What a captured frame says of itself, read off its octets: the flow that it belongs to (both directions alike) and a
// line for people. VLAN and PPPoE headers are passed over. Never reads beyond the frame, never throws.
import { be16, u8 } from '../base/columns.ts';
import { formatAddress, formatMac } from '../packet/address.ts';
import { decodeNetwork, ETHERTYPE_ARP, ETHERTYPE_PPPOE, ETHERTYPE_QINQ, ETHERTYPE_VLAN } from '../packet/decode.ts';
import { Packet } from '../packet/packet.ts';

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  50: 'esp',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};
const WITH_PORTS = new Set([6, 17, 33, 132, 136]);
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

/** Reads one frame after the other; what it says is of the last one read. */
export class FrameTuple {
  readonly packet = new Packet();

  /** Takes the frame data[start, end). */
  read(data: Uint8Array, start: number, end: number, wireLength = end - start): void {
    const { packet } = this;
    packet.attach(data, start, end, wireLength);
    let at = start + 12;
    if (at + 2 > end) return;
    let type = be16(data, at);
    at += 2;
    while ((type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ) && at + 4 <= end) {
      type = be16(data, at + 2);
      at += 4;
    }
    if (type === ETHERTYPE_PPPOE && at + 8 <= end) {
      const ppp = be16(data, at + 6);
      if (ppp === PPP_IPV4) type = 0x0800;
      else if (ppp === PPP_IPV6) type = 0x86dd;
      if (type !== ETHERTYPE_PPPOE) at += 8;
    }
    packet.etherType = type;
    packet.network = at;
    decodeNetwork(packet);
  }

  /** The same number for all packets of a flow, both directions: 53 bits of two hashes. */
  flowKey(): number {
    const { packet } = this;
    if (packet.ipVersion === 0) return key(mix(1, packet.etherType), mix(7, this.#macs()));
    const { data, network, ipVersion } = packet;
    const length = ipVersion === 4 ? 4 : 16;
    const source = network + (ipVersion === 4 ? 12 : 8);
    const hasPorts = WITH_PORTS.has(packet.protocol);
    const a = end(data, source, length, hasPorts ? packet.sourcePort : 0);
    const b = end(data, source + length, length, hasPorts ? packet.destinationPort : 0);
    const c = end2(data, source, length, hasPorts ? packet.sourcePort : 0);
    const d = end2(data, source + length, length, hasPorts ? packet.destinationPort : 0);
    return key(mix(packet.protocol + 2, (a + b) | 0), mix(packet.protocol + 3, (c + d) | 0));
  }

  /** 'tcp 192.168.1.10:40000 > 198.51.100.7:443 S', 'arp 02:00:… > ff:ff:…'. */
  text(): string {
    const { packet } = this;
    const { data, start } = packet;
    if (packet.ipVersion === 0) {
      if (start + 14 > packet.end) return 'a frame cut inside its header';
      const kind = packet.etherType === ETHERTYPE_ARP ? 'arp' : `ethertype 0x${packet.etherType.toString(16)}`;
      return `${kind} ${formatMac(data, start + 6)} > ${formatMac(data, start)}`;
    }
    const name = PROTOCOLS[packet.protocol] ?? `protocol ${packet.protocol}`;
    return `${name} ${this.source()} > ${this.destination()}${this.#detail()}`;
  }

  /** '192.168.1.10:40000', '[2001:db8::1]:443'; '' when it is not IP. */
  source(): string {
    return this.#end(0, this.packet.sourcePort);
  }
  destination(): string {
    return this.#end(1, this.packet.destinationPort);
  }

  #end(which: 0 | 1, port: number): string {
    const { data, network, ipVersion, protocol } = this.packet;
    if (ipVersion === 0) return '';
    const length = ipVersion === 4 ? 4 : 16;
    const at = network + (ipVersion === 4 ? 12 : 8) + which * length;
    const address = formatAddress(data.subarray(at, at + length), 0, length);
    if (!WITH_PORTS.has(protocol) || this.packet.transport < 0) return address;
    return ipVersion === 4 ? `${address}:${port}` : `[${address}]:${port}`;
  }

  #detail(): string {
    const { packet } = this;
    const { data, transport, end: last } = packet;
    if (packet.fragmentOffset > 0) return ` fragment at ${packet.fragmentOffset}`;
    if (packet.protocol === 6 && transport >= 0 && transport + 14 <= last)
      return ` ${tcpFlags(u8(data, transport + 13))}`;
    if ((packet.protocol === 1 || packet.protocol === 58) && transport >= 0 && transport + 2 <= last) {
      return ` type ${u8(data, transport)}`;
    }
    return '';
  }

  #macs(): number {
    const { data, start, end: last } = this.packet;
    if (start + 12 > last) return 0;
    return (end(data, start, 6, 0) + end(data, start + 6, 6, 0)) | 0;
  }
}

/** tcpdump's letters: 'S', 'SA', 'PA', …; '-' when none is set. */
function tcpFlags(octet: number): string {
  let text = '';
  for (const [bit, letter] of TCP_FLAGS) if ((octet & bit) !== 0) text += letter;
  return text || '-';
}
const TCP_FLAGS = [
  [0x02, 'S'],
  [0x01, 'F'],
  [0x04, 'R'],
  [0x08, 'P'],
  [0x10, 'A'],
  [0x20, 'U'],
] as const;

function end(data: Uint8Array, at: number, length: number, port: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ u8(data, at + i), 0x01000193);
  hash = Math.imul(hash ^ (port & 0xff), 0x01000193);
  return finish(Math.imul(hash ^ (port >>> 8), 0x01000193));
}

function end2(data: Uint8Array, at: number, length: number, port: number): number {
  let hash = 0x9747b28c;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ u8(data, at + i), 0x5bd1e995) ^ (hash >>> 13);
  return finish(Math.imul(hash ^ port, 0x5bd1e995));
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function mix(a: number, b: number): number {
  return finish(Math.imul(a, 0x9e3779b1) ^ b);
}

function key(high: number, low: number): number {
  return (high >>> 0) * 2097152 + ((low >>> 0) & 0x1fffff);
}
