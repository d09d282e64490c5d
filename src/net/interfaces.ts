// The router's interfaces as objects with identity: what a RouterSpec describes, linked up (VLAN to its device, bridge to
// its ports) and numbered as the kernel would (net/core/dev.c). All objects are made once; lookups allocate nothing.
import { ConfigError } from '../base/errors.ts';
import { formatAddress, parseMac, parsePrefix } from '../packet/address.ts';
import type { InterfaceSpec, RouterSpec } from './spec.ts';
import { type VlanFilter, vlanFilter } from './vlan-filter.ts';

/** ARPHRD_ETHER, ARPHRD_PPP, ARPHRD_LOOPBACK, ARPHRD_NONE (linux/if_arp.h): `meta iiftype`. */
export const ARPHRD_ETHER = 1;
export const ARPHRD_PPP = 512;
export const ARPHRD_LOOPBACK = 772;

/** An IPv4 address of an interface. */
export interface Address4 {
  /** Host-number of the big-endian value. */
  address: number;
  /** Prefix length. */
  prefix: number;
  /** The kernel never picks it as a source: another address of the same subnet came first (IFA_F_SECONDARY). */
  secondary: boolean;
}

/** An IPv6 address of an interface. */
export interface Address6 {
  /** Four big-endian words as host numbers. */
  address: Uint32Array;
  prefix: number;
}

/** A network device of the router. */
export interface Interface {
  /** ifindex, 1-based; 0 only for the placeholder. */
  index: number;
  name: string;
  kind: InterfaceSpec['type'];
  mac: Uint8Array;
  mtu: number;
  addresses4: Address4[];
  addresses6: Address6[];
  /** vlan, pppoe: the device below. */
  link: Interface | undefined;
  vlanId: number;
  vlanProtocol: number;
  /** pppoe: session; 0 until learned from the capture. Set by the receive path only. */
  pppoeSession: number;
  /** pppoe: hardware address of the access concentrator; learned with the session. */
  pppoePeer: Uint8Array;
  /** Bridge that this is a port of. */
  master: Interface | undefined;
  /** bridge: its ports. */
  ports: Interface[];
  /** VLAN and PPPoE devices on top of this one. */
  upper: Interface[];
  /** ARPHRD_*. */
  type: number;
  /** Of a bridge that filters VLANs, and of its ports. */
  vlanFilter: VlanFilter | undefined;
  /** Interface group (`meta iifgroup`); always 0. */
  group: number;
}

/** All interfaces of a router. */
export class Interfaces {
  /** By ifindex; [0] is a placeholder without name or addresses. */
  readonly list: Interface[];
  readonly loopback: Interface;
  readonly #names: Map<string, Interface>;

  /**
   * `numbered`: names whose index is fixed already (Ruleset.interfaceNames): theirs is their place there; the others
   * follow in the order of the router file. Throws ConfigError when names repeat, or links and ports name nothing.
   */
  constructor(spec: RouterSpec, numbered: readonly string[] = []) {
    this.list = numbered.length > 0 ? numbered.map((_, i) => blank(i, '', 'dummy')) : [blank(0, '', 'dummy')];
    this.#names = new Map();
    spec.interfaces.forEach((row, i) => {
      if (this.#names.has(row.name)) throw wrong(`interfaces[${i}].name`, `there are two interfaces "${row.name}"`);
      const fixed = numbered.indexOf(row.name, 1);
      this.#add(fromSpec(row, i, fixed > 0 ? fixed : this.list.length));
    });
    const index = numbered.indexOf('lo', 1);
    const lo =
      this.list.find((one) => one.kind === 'loopback') ??
      this.#add(blank(index > 0 ? index : this.list.length, 'lo', 'loopback'));
    addLoopbackAddresses(lo);
    this.loopback = lo;
    spec.interfaces.forEach((row, i) => {
      this.#connect(row, i);
    });
    for (const one of this.list) markSecondaries(one);
  }

  /** The interface of this name. */
  byName(name: string): Interface | undefined {
    return this.#names.get(name);
  }

  /** The interface of a checked ifindex. */
  at(index: number): Interface {
    return this.list[index] as Interface;
  }

  #add(one: Interface): Interface {
    this.list[one.index] = one;
    this.#names.set(one.name, one);
    return one;
  }

  #connect(row: InterfaceSpec, i: number): void {
    const self = this.#names.get(row.name) as Interface;
    if (row.type === 'vlan' || row.type === 'pppoe') {
      const link = row.link === undefined ? undefined : this.#names.get(row.link);
      if (link === undefined || link === self) {
        throw wrong(`interfaces[${i}].link`, `${row.type} "${row.name}" needs the name of the interface below it`);
      }
      self.link = link;
      link.upper.push(self);
      // A VLAN device has its parent's hardware address unless it is given its own.
      if (row.mac === '') self.mac = link.mac;
    }
    for (const name of row.ports ?? []) {
      const port = this.#names.get(name);
      if (port === undefined || port === self) {
        throw wrong(`interfaces[${i}].ports`, `bridge "${row.name}" has a port "${name}" that is no interface`);
      }
      port.master = self;
      self.ports.push(port);
      if (row.vlans !== undefined) port.vlanFilter = vlanFilter(row.vlans, name);
    }
    if (row.vlans !== undefined) self.vlanFilter = vlanFilter(row.vlans, row.name);
    if (row.type === 'bridge' && row.mac === '') self.mac = lowestMac(self);
    for (let below = self.link; below !== undefined; below = below.link) {
      if (below === self) throw wrong(`interfaces[${i}].link`, `"${row.name}" lies on top of itself`);
    }
  }
}

function wrong(path: string, message: string): ConfigError {
  return new ConfigError('router', path, message);
}

function blank(index: number, name: string, kind: InterfaceSpec['type']): Interface {
  return {
    index,
    name,
    kind,
    mac: new Uint8Array(6),
    mtu: kind === 'loopback' ? 65536 : 1500,
    addresses4: [],
    addresses6: [],
    link: undefined,
    vlanId: 0,
    vlanProtocol: 0,
    pppoeSession: 0,
    pppoePeer: new Uint8Array(6),
    master: undefined,
    ports: [],
    upper: [],
    vlanFilter: undefined,
    type: kind === 'loopback' ? ARPHRD_LOOPBACK : kind === 'pppoe' ? ARPHRD_PPP : ARPHRD_ETHER,
    group: 0,
  };
}

function fromSpec(row: InterfaceSpec, i: number, index: number): Interface {
  const one = blank(index, row.name, row.type);
  one.mtu = row.mtu;
  if (row.mac !== '') {
    const mac = parseMac(row.mac);
    if (mac === undefined) throw wrong(`interfaces[${i}].mac`, `"${row.mac}" is not a MAC address`);
    one.mac = mac;
  }
  if (row.type === 'vlan') {
    one.vlanId = row.id ?? 0;
    one.vlanProtocol = row.protocol ?? 0x8100;
  }
  if (row.type === 'pppoe') {
    one.pppoeSession = row.id ?? 0;
    one.pppoePeer = parseMac(row.peer ?? '') ?? one.pppoePeer;
  }
  row.addresses.forEach((text, j) => {
    addAddress(one, text, `interfaces[${i}].addresses[${j}]`);
  });
  if (row.linkLocal && row.type !== 'loopback') one.addresses6.push(linkLocal(one.mac));
  return one;
}

function addAddress(one: Interface, text: string, path: string): void {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw wrong(path, `"${text}" is not an address with a prefix length`);
  if (prefix.address.length === 4) {
    const address = words(prefix.address)[0] as number;
    one.addresses4.push({ address, prefix: prefix.length, secondary: false });
  } else {
    one.addresses6.push({ address: words(prefix.address), prefix: prefix.length });
  }
}

/** Big-endian words of an address's octets, as host numbers. */
export function words(octets: Uint8Array): Uint32Array {
  const out = new Uint32Array(octets.length / 4);
  for (let i = 0; i < octets.length; i++) {
    out[i >>> 2] = (((out[i >>> 2] as number) << 8) | (octets[i] as number)) >>> 0;
  }
  return out;
}

/** Text of an IPv6 address in words. */
export function formatWords(address: Uint32Array): string {
  const octets = new Uint8Array(16);
  for (let i = 0; i < 16; i++) octets[i] = (address[i >>> 2] as number) >>> (24 - 8 * (i & 3));
  return formatAddress(octets);
}

/** fe80::/64 with the modified EUI-64 of the hardware address. */
function linkLocal(mac: Uint8Array): Address6 {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  const high = (((a ^ 2) << 24) | (b << 16) | (c << 8) | 0xff) >>> 0;
  const low = ((0xfe << 24) | (d << 16) | (e << 8) | f) >>> 0;
  return { address: Uint32Array.of(0xfe800000, 0, high, low), prefix: 64 };
}

function addLoopbackAddresses(lo: Interface): void {
  if (!lo.addresses4.some((one) => one.address >>> 24 === 127)) {
    lo.addresses4.push({ address: 0x7f000001, prefix: 8, secondary: false });
  }
  if (!lo.addresses6.some((one) => formatWords(one.address) === '::1')) {
    lo.addresses6.push({ address: Uint32Array.of(0, 0, 0, 1), prefix: 128 });
  }
}

/** __inet_insert_ifa: a later address of the same mask and subnet is secondary. */
function markSecondaries(one: Interface): void {
  one.addresses4.forEach((row, i) => {
    row.secondary = one.addresses4.some(
      (first, j) => j < i && first.prefix === row.prefix && sameNet(first.address, row.address, row.prefix),
    );
  });
}

function sameNet(a: number, b: number, prefix: number): boolean {
  return prefix === 0 || (a ^ b) >>> (32 - prefix) === 0;
}

/** br_stp_recalculate_bridge_id: the lowest of its ports. */
function lowestMac(bridge: Interface): Uint8Array {
  let best: Uint8Array | undefined;
  for (const port of bridge.ports) {
    if (best === undefined || Buffer.compare(port.mac, best) < 0) best = port.mac;
  }
  return best ?? bridge.mac;
}
