// What a NAT statement asks for: addresses and ports to map into (struct nf_nat_range2).
// One object is filled for each new connection; nat expressions own one and pass it to Nat.snat(), dnat(), ….
import { copyAddress } from '../conntrack/tuple.ts';

export const NF_NAT_RANGE_MAP_IPS = 1;
export const NF_NAT_RANGE_PROTO_SPECIFIED = 2;
export const NF_NAT_RANGE_PROTO_RANDOM = 4;
export const NF_NAT_RANGE_PERSISTENT = 8;
export const NF_NAT_RANGE_PROTO_RANDOM_FULLY = 16;
export const NF_NAT_RANGE_PROTO_OFFSET = 32;
export const NF_NAT_RANGE_NETMAP = 64;
export const NF_NAT_RANGE_PROTO_RANDOM_ALL = NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PROTO_RANDOM_FULLY;

/** Source or destination manip (enum nf_nat_manip_type). */
export const MANIP_SOURCE = 0;
export const MANIP_DESTINATION = 1;

/** Addresses are four words as in tuples (IPv4 in word 0); ports are numbers in host order. */
export class NatRange {
  /** NF_NAT_RANGE_* bits. */
  flags = 0;
  readonly minAddress = new Uint32Array(4);
  readonly maxAddress = new Uint32Array(4);
  minPort = 0;
  maxPort = 0;
  /** With NF_NAT_RANGE_PROTO_OFFSET (port shifting): the first port before translation. */
  basePort = 0;

  /** Maps to one address: both ends of the range. */
  setAddress(words: Uint32Array, at: number): void {
    copyAddress(words, at, this.minAddress, 0);
    copyAddress(words, at, this.maxAddress, 0);
    this.flags |= NF_NAT_RANGE_MAP_IPS;
  }
  /** Maps to one IPv4 address. */
  setAddress4(address: number): void {
    this.minAddress.fill(0);
    this.maxAddress.fill(0);
    this.minAddress[0] = address;
    this.maxAddress[0] = address;
    this.flags |= NF_NAT_RANGE_MAP_IPS;
  }
}
