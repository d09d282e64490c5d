// What a route is asked for besides the destination: struct flowi4 and flowi6 (include/net/flow.h). Only policy rules and
// multipath routes look at it; without them nobody fills one in (Fib.usesKey).
import { be16, be32, u8 } from '../base/columns.ts';
import type { Packet } from '../packet/packet.ts';

const TCP = 6;
const UDP = 17;
const SCTP = 132;
const DCCP = 33;

/** Reused: valid until the next one is asked for. */
export class FlowKey {
  /** Source address: one word for IPv4, four for IPv6; zeros: none yet. */
  readonly saddr = new Uint32Array(4);
  mark = 0;
  /** flowi_iif: the interface that it came in at; the loopback's for what the router sends. */
  iif = 0;
  /** DSCP, without the ECN bits: 8 bits. */
  tos = 0;
  protocol = 0;
  sport = 0;
  dport = 0;

  /** A key that says nothing but the mark, of a packet that the router sends. */
  reset(mark: number, loopback: number): this {
    this.saddr.fill(0);
    this.mark = mark >>> 0;
    this.iif = loopback;
    this.tos = 0;
    this.protocol = 0;
    this.sport = 0;
    this.dport = 0;
    return this;
  }

  /** ip_route_input_slow, ip6_route_input, ip_route_me_harder: the key of a packet. */
  ofPacket(packet: Packet, loopback: number): this {
    const { data, network } = packet;
    this.mark = packet.mark >>> 0;
    this.iif = packet.isGenerated ? loopback : packet.iif;
    this.protocol = packet.protocol;
    if (packet.ipVersion === 4) {
      this.saddr[0] = be32(data, network + 12);
      this.saddr.fill(0, 1);
      this.tos = u8(data, network + 1) & 0xfc;
    } else {
      for (let i = 0; i < 4; i++) this.saddr[i] = be32(data, network + 8 + 4 * i);
      this.tos = (be16(data, network) >>> 4) & 0xfc;
    }
    this.#ports(packet);
    return this;
  }

  /** __fib_validate_source, nft_fib4_eval: the way to the packet's destination, or back to its source. */
  asked(packet: Packet, mark: number, loopback: number, isBack: boolean): this {
    this.ofPacket(packet, loopback);
    this.mark = mark >>> 0;
    this.iif = loopback;
    if (!isBack) return this;
    const { data, network } = packet;
    if (packet.ipVersion === 4) this.saddr[0] = be32(data, network + 16);
    else for (let i = 0; i < 4; i++) this.saddr[i] = be32(data, network + 24 + 4 * i);
    const { sport } = this;
    this.sport = this.dport;
    this.dport = sport;
    return this;
  }

  #ports(packet: Packet): void {
    const { protocol, transport, data } = packet;
    const hasPorts = protocol === TCP || protocol === UDP || protocol === SCTP || protocol === DCCP;
    const known = hasPorts && transport >= 0 && packet.fragmentOffset === 0 && transport + 4 <= packet.end;
    this.sport = known ? be16(data, transport) : 0;
    this.dport = known ? be16(data, transport + 2) : 0;
  }
}
