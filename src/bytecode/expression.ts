// The expressions that a rule is made of, as nft sends them to the kernel over netlink (linux/netfilter/nf_tables.h).
// This is the wall between the language (src/nft) and the engine (src/netfilter): plain data, structured-cloneable.
//
// Registers carry the numbers that `nft --debug=netlink` prints: 0 is the verdict, 1-4 are 16-byte registers,
// 8-23 are the 4-byte registers NFT_REG32_00-15 that overlay them (1 = 8..11, 2 = 12..15, …).
// Register bytes: what comes out of a packet is in network order; what the kernel computes (meta mark, iif, l4proto,
// ct state, …) is in host order, and the emulated host is little-endian, as x86-64, arm64 and the `nft` that judges us.

export type PayloadBase = 'link' | 'network' | 'transport' | 'inner';
export type CompareOperator = 'eq' | 'neq' | 'lt' | 'lte' | 'gt' | 'gte';

/** A verdict. `chain` stands only with jump and goto. */
export interface Verdict {
  code: 'accept' | 'drop' | 'continue' | 'break' | 'return' | 'jump' | 'goto' | 'queue' | 'stolen';
  chain?: string;
}

/** Keys of `meta`, by the kernel's names without NFT_META_. */
export type MetaKey =
  | 'len'
  | 'protocol'
  | 'priority'
  | 'mark'
  | 'iif'
  | 'oif'
  | 'iifname'
  | 'oifname'
  | 'iftype'
  | 'oiftype'
  | 'skuid'
  | 'skgid'
  | 'nftrace'
  | 'rtclassid'
  | 'secmark'
  | 'nfproto'
  | 'l4proto'
  | 'bri_iifname'
  | 'bri_oifname'
  | 'pkttype'
  | 'cpu'
  | 'iifgroup'
  | 'oifgroup'
  | 'cgroup'
  | 'random'
  | 'secpath'
  | 'iifkind'
  | 'oifkind'
  | 'bri_iifpvid'
  | 'bri_iifvproto'
  | 'time'
  | 'day'
  | 'hour'
  | 'sdif'
  | 'sdifname'
  | 'bri_broute';

/** Keys of `ct`, by nft's names. Directional ones need `direction`. */
export type CtKey =
  | 'state'
  | 'direction'
  | 'status'
  | 'mark'
  | 'secmark'
  | 'expiration'
  | 'helper'
  | 'l3proto'
  | 'src'
  | 'dst'
  | 'protocol'
  | 'proto_src'
  | 'proto_dst'
  | 'labels'
  | 'pkts'
  | 'bytes'
  | 'avgpkt'
  | 'zone'
  | 'event'
  | 'src_ip'
  | 'dst_ip'
  | 'src_ip6'
  | 'dst_ip6'
  | 'id';

export type LimitUnit = 'second' | 'minute' | 'hour' | 'day' | 'week';
/** Rate limit: `rate` packets or bytes per unit. */
export interface Limit {
  type: 'packets' | 'bytes';
  rate: number;
  unit: LimitUnit;
  burst: number;
  invert: boolean;
}

export type RejectType = 'icmp' | 'tcp-reset' | 'icmpx';

export type Expression =
  | { kind: 'payload'; base: PayloadBase; offset: number; length: number; dreg: number }
  | {
      kind: 'payload-set';
      base: PayloadBase;
      offset: number;
      length: number;
      sreg: number;
      checksumType: 0 | 1 | 2;
      checksumOffset: number;
      checksumFlags: number;
    }
  /** IPv6 extension header (`op` ipv6), TCP option, IPv4 option, SCTP/DCCP chunk. `present`: load 1 or 0 (1 byte). */
  | {
      kind: 'exthdr';
      op: 'ipv6' | 'tcpopt' | 'ipv4' | 'sctp' | 'dccp';
      type: number;
      offset: number;
      length: number;
      dreg: number;
      present: boolean;
    }
  | { kind: 'exthdr-set'; op: 'tcpopt'; type: number; offset: number; length: number; sreg: number }
  | { kind: 'exthdr-reset'; op: 'tcpopt'; type: number }
  | { kind: 'cmp'; op: CompareOperator; sreg: number; data: Uint8Array }
  | { kind: 'range'; op: 'eq' | 'neq'; sreg: number; from: Uint8Array; to: Uint8Array }
  | { kind: 'bitwise'; op: 'mask-xor'; sreg: number; dreg: number; length: number; mask: Uint8Array; xor: Uint8Array }
  | { kind: 'bitwise'; op: 'lshift' | 'rshift'; sreg: number; dreg: number; length: number; shift: number }
  | { kind: 'bitwise'; op: 'and' | 'or' | 'xor'; sreg: number; sreg2: number; dreg: number; length: number }
  | { kind: 'byteorder'; op: 'hton' | 'ntoh'; sreg: number; dreg: number; length: number; size: 2 | 4 | 8 }
  | { kind: 'immediate'; dreg: number; data: Uint8Array }
  | { kind: 'verdict'; verdict: Verdict }
  /** `set` names a set or map of the same table. `dreg` 0: the data is a verdict; absent: set membership. */
  | { kind: 'lookup'; set: string; sreg: number; dreg?: number; invert: boolean }
  | {
      kind: 'dynset';
      op: 'add' | 'update' | 'delete';
      set: string;
      sregKey: number;
      sregData?: number;
      timeoutMs?: number;
      invert: boolean;
      expressions: Expression[];
    }
  | { kind: 'meta'; key: MetaKey; dreg: number }
  | { kind: 'meta-set'; key: MetaKey; sreg: number }
  | { kind: 'ct'; key: CtKey; dreg: number; direction?: 'original' | 'reply' }
  | { kind: 'ct-set'; key: CtKey; sreg: number; direction?: 'original' | 'reply' }
  | { kind: 'counter'; packets: number; bytes: number }
  | { kind: 'limit'; limit: Limit }
  | { kind: 'quota'; bytes: number; consumedBytes: number; invert: boolean }
  | { kind: 'connlimit'; count: number; invert: boolean }
  | { kind: 'last'; usedMs?: number }
  | {
      kind: 'log';
      prefix?: string;
      group?: number;
      snaplen?: number;
      queueThreshold?: number;
      level?: number;
      flags: number;
    }
  /** icmp and icmpx: `code` as the kernel wants it (icmpx: NFT_REJECT_ICMPX_*: 0 no-route, 1 port, 2 host, 3 admin). */
  | { kind: 'reject'; type: RejectType; code: number }
  /** Registers absent: not given. `flags`: NF_NAT_RANGE_* bits (1 map-ips, 2 proto-specified, 4 random, 8 persistent, 16 fully-random, 64 netmap). */
  | {
      kind: 'nat';
      type: 'snat' | 'dnat';
      /** `inet`: no address is given, so the statement holds for both. */
      family: 'ip' | 'ip6' | 'inet';
      addressMin?: number;
      addressMax?: number;
      portMin?: number;
      portMax?: number;
      flags: number;
    }
  | { kind: 'masquerade'; portMin?: number; portMax?: number; flags: number }
  | { kind: 'redirect'; portMin?: number; portMax?: number; flags: number }
  | { kind: 'notrack' }
  /** `flow add @flowtable`. */
  | { kind: 'flow-offload'; flowtable: string }
  | { kind: 'rt'; key: 'classid' | 'nexthop4' | 'nexthop6' | 'tcpmss' | 'ipsec'; dreg: number }
  | {
      kind: 'fib';
      flags: ('saddr' | 'daddr' | 'mark' | 'iif' | 'oif')[];
      result: 'oif' | 'oifname' | 'type';
      present: boolean;
      dreg: number;
    }
  | { kind: 'numgen'; type: 'incremental' | 'random'; modulus: number; offset: number; dreg: number }
  | {
      kind: 'hash';
      type: 'jenkins' | 'symmetric';
      sreg?: number;
      length: number;
      modulus: number;
      seed?: number;
      offset: number;
      dreg: number;
    }
  /** A reference to a named stateful object by name, or through a map (`set`, `sreg`). */
  | { kind: 'objref'; objectType: ObjectType; name: string }
  | { kind: 'objref-map'; objectType: ObjectType; set: string; sreg: number }
  | { kind: 'dup'; addressRegister?: number; deviceRegister?: number }
  | { kind: 'fwd'; deviceRegister: number; addressRegister?: number; family?: 'ip' | 'ip6' }
  /** To user space; `assumed`: what the program there is taken to answer, absent: nobody has said. */
  | { kind: 'queue'; from: number; total: number; flags: number; register?: number; assumed?: QueueAnswer };

/** What user space answers to a queued packet. */
export type QueueAnswer = 'accept' | 'drop';

export type ObjectType =
  | 'counter'
  | 'quota'
  | 'limit'
  | 'ct helper'
  | 'ct timeout'
  | 'ct expectation'
  | 'secmark'
  | 'synproxy';
