// A router as its owner describes it: the checked contents of a router file. src/config reads or infers it,
// src/net builds interfaces, routes and neighbours from it. Plain data, structured-cloneable.

export interface InterfaceSpec {
  name: string;
  /** 'aa:bb:cc:dd:ee:ff', lower case. */
  mac: string;
  /** '192.168.1.1/24', 'fd00::1/64'. */
  addresses: string[];
  mtu: number;
  /** physical: frames enter and leave here. */
  type: 'physical' | 'vlan' | 'bridge' | 'pppoe' | 'dummy' | 'loopback';
  /** vlan, pppoe: the device below. */
  link?: string;
  /** vlan: tag; pppoe: session (0 or absent: learned from the capture). */
  id?: number;
  /** pppoe: hardware address of the access concentrator; absent: learned from the capture. */
  peer?: string;
  /** vlan: 0x8100 or 0x88a8. */
  protocol?: number;
  /** bridge: its ports. */
  ports?: string[];
  linkLocal: boolean;
  /** bridge: it filters VLANs, these are let through; absent: it does not. */
  vlans?: BridgeVlanSpec[];
}

/** A row of `bridge vlan`. */
export interface BridgeVlanSpec {
  /** A port, or the bridge itself. */
  port: string;
  id: number;
  /** Frames without a tag belong to it. */
  pvid: boolean;
  /** Its frames leave without a tag. */
  untagged: boolean;
}

export interface RouteSpec {
  /** '10.0.0.0/8', '0.0.0.0/0', '::/0'. */
  dst: string;
  via?: string;
  dev?: string;
  type: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw';
  mtu?: number;
  metric?: number;
  /** Routing table; absent: 254, main. */
  table?: number;
  /** Preferred source address. */
  src?: string;
  /** Multipath: instead of `via` and `dev`. */
  nexthops?: NexthopSpec[];
}

export interface NexthopSpec {
  via?: string;
  dev?: string;
  /** 1 to 256. */
  weight: number;
}

/** A row of `ip rule`. What is absent matches everything. */
export interface PolicyRuleSpec {
  family: 4 | 6;
  priority: number;
  not?: boolean;
  /** '10.0.0.0/8'. */
  from?: string;
  to?: string;
  fwmark?: number;
  fwmask?: number;
  iif?: string;
  oif?: string;
  /** DS field octet; IPv4 compares only the old TOS bits unless isWholeDscp. */
  tos?: number;
  isWholeDscp?: boolean;
  protocol?: number;
  /** Lowest and highest port. */
  sport?: [number, number];
  dport?: [number, number];
  action: 'lookup' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit';
  /** lookup: the table. */
  table?: number;
  /** goto: the priority to go on at. */
  goto?: number;
  suppressPrefixLength?: number;
}

export interface NeighbourSpec {
  dev: string;
  ip: string;
  mac: string;
}

/** Somebody who does not answer when asked for: `state: failed`. */
export interface SilentNeighbourSpec {
  dev: string;
  ip: string;
}

export interface RouterSpec {
  interfaces: InterfaceSpec[];
  routes: RouteSpec[];
  /** All policy rules of both families, the defaults included; absent: only the defaults. */
  rules?: PolicyRuleSpec[];
  neighbours: NeighbourSpec[];
  /** Addresses that nobody has; absent: none. */
  silentNeighbours?: SilentNeighbourSpec[];
  /** Without the file's variations: dots as separators, values as numbers where they are. */
  sysctl: Record<string, number | string>;
  /** Frames for other hardware addresses are other hosts': as a real router takes them. Absent: every unicast frame is its own. */
  strictMac?: boolean;
  /** Any neighbour that `neighbours` does not name answers with this address. */
  defaultNeighbourMac: string;
  /** What the description could not say or was left out, a sentence each. */
  notes?: string[];
}
