// At which interface does a captured packet enter the router? In order of belief: `--in`, a pcapng interface named like
// a router interface, then the source address: the interface whose connected subnet holds it, else the default route's.
// A packet of a virtual interface (VLAN, bridge, PPPoE) enters at the device below it, wrapped as it was on that wire.
import { be16, be32, putBe16 } from '../base/columns.ts';
import type { Interface, Interfaces } from '../net/interfaces.ts';
import type { RouterSpec } from '../net/spec.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_PPPOE,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
} from '../packet/decode.ts';

interface Subnet4 {
  address: number;
  mask: number;
  device: Interface;
}
interface Subnet6 {
  address: Uint32Array;
  prefix: number;
  device: Interface;
}

/** PPPoE session that frames get which were captured without one. */
const DEFAULT_SESSION = 1;

/** Decides, and wraps in place; one object for a replay. */
export class Ingress {
  /** First octet of the frame after enter(): wrapping moves it forward. */
  start = 0;
  readonly #interfaces: Interfaces;
  readonly #subnets4: Subnet4[] = [];
  readonly #subnets6: Subnet6[] = [];
  readonly #fallback: Interface;
  /** An inferred router has no VLAN or PPPoE devices of its own: tags that nobody knows are taken off. */
  readonly #stripUnknown: boolean;
  /** Frames whose unknown tags were taken off. */
  stripped = 0;

  constructor(spec: RouterSpec, interfaces: Interfaces, stripUnknown: boolean) {
    this.#interfaces = interfaces;
    this.#stripUnknown = stripUnknown;
    for (const device of interfaces.list) {
      if (device.kind === 'loopback') continue;
      for (const row of device.addresses4) {
        const mask = row.prefix === 0 ? 0 : (-1 << (32 - row.prefix)) >>> 0;
        this.#subnets4.push({ address: (row.address & mask) >>> 0, mask, device });
      }
      for (const row of device.addresses6) this.#subnets6.push({ address: row.address, prefix: row.prefix, device });
    }
    this.#subnets4.sort((a, b) => b.mask - a.mask);
    this.#subnets6.sort((a, b) => b.prefix - a.prefix);
    const route = spec.routes.find((row) => /^(0\.0\.0\.0|::)\/0$/.test(row.dst) && row.dev !== undefined);
    const physical = interfaces.list.filter((row) => row.kind === 'physical');
    const named = route?.dev === undefined ? undefined : interfaces.byName(route.dev);
    this.#fallback = named ?? physical[physical.length - 1] ?? interfaces.at(1);
  }

  /**
   * The physical interface that the Ethernet frame data[start, end) enters at. `named` is the router interface that the
   * user or the capture names, if any. Sets `start` (headers may have been pushed in front, or tags taken off).
   */
  enter(data: Uint8Array, start: number, end: number, named: Interface | undefined): Interface {
    this.start = start;
    const isTagged = end - start >= 18 && isTag(be16(data, start + 12));
    const network = isTagged ? innerNetwork(data, start, end) : start + 14;
    const logical = named ?? this.#bySource(data, innerType(data, network), network, end) ?? this.#fallback;
    // Too short to be a frame: nothing to wrap.
    if (end - start < 14) return lowest(logical);
    if (!isTagged) return this.#wrap(data, logical);
    const known = this.#deviceOfTags(data, start, logical);
    if (known !== undefined) return known;
    if (!this.#stripUnknown) return lowest(logical);
    this.#strip(data, start, network);
    return this.#wrap(data, logical);
  }

  /** Interface whose connected subnet holds the source address (ARP: the sender's). */
  #bySource(data: Uint8Array, etherType: number, network: number, end: number): Interface | undefined {
    if (etherType === ETHERTYPE_IPV4 && network + 20 <= end) return this.#find4(be32(data, network + 12));
    if (etherType === ETHERTYPE_ARP && network + 28 <= end) return this.#find4(be32(data, network + 14));
    if (etherType === ETHERTYPE_IPV6 && network + 40 <= end) return this.#find6(data, network + 8);
    return undefined;
  }

  #find4(address: number): Interface | undefined {
    for (let i = 0; i < this.#subnets4.length; i++) {
      const row = this.#subnets4[i] as Subnet4;
      if ((address & row.mask) >>> 0 === row.address) return row.device;
    }
    return undefined;
  }

  #find6(data: Uint8Array, offset: number): Interface | undefined {
    for (let i = 0; i < this.#subnets6.length; i++) {
      const row = this.#subnets6[i] as Subnet6;
      if (inPrefix6(data, offset, row.address, row.prefix)) return row.device;
    }
    return undefined;
  }

  /** The physical device under the router's own VLAN or PPPoE device that these tags belong to. */
  #deviceOfTags(data: Uint8Array, start: number, logical: Interface): Interface | undefined {
    const type = be16(data, start + 12);
    const id = be16(data, start + 14) & 0xfff;
    let found: Interface | undefined;
    for (let i = 1; i < this.#interfaces.list.length; i++) {
      const row = this.#interfaces.at(i);
      const isMatch =
        type === ETHERTYPE_PPPOE
          ? row.kind === 'pppoe'
          : row.kind === 'vlan' && row.vlanId === id && row.vlanProtocol === type && row.link?.kind !== 'vlan';
      if (!isMatch) continue;
      // The same tag on several ports: the one under the interface that the source address points to.
      if (found === undefined || lowest(row) === lowest(logical)) found = lowest(row);
    }
    return found;
  }

  /** Pushes what the wire below `logical` had around the packet; returns the physical device. */
  #wrap(data: Uint8Array, logical: Interface): Interface {
    let device = logical;
    while (device.kind !== 'physical') {
      if (device.kind === 'vlan' && device.link !== undefined) {
        this.#push(data, 4);
        putBe16(data, this.start + 12, device.vlanProtocol);
        putBe16(data, this.start + 14, device.vlanId);
        device = device.link;
      } else if (device.kind === 'pppoe' && device.link !== undefined) {
        this.#pushPppoe(data, device.pppoeSession || DEFAULT_SESSION);
        device = device.link;
      } else if (device.kind === 'bridge' && device.ports[0] !== undefined) {
        device = device.ports[0];
      } else {
        break;
      }
    }
    return device;
  }

  /** Moves the two MAC addresses `octets` forward. */
  #push(data: Uint8Array, octets: number): void {
    data.copyWithin(this.start - octets, this.start, this.start + 12);
    this.start -= octets;
  }

  #pushPppoe(data: Uint8Array, session: number): void {
    const type = be16(data, this.start + 12);
    // Only IP travels in the session; ARP and others of its device do not.
    if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return;
    const network = this.start + 14;
    const length = type === ETHERTYPE_IPV6 ? be16(data, network + 4) + 40 : be16(data, network + 2);
    this.#push(data, 8);
    putBe16(data, this.start + 12, ETHERTYPE_PPPOE);
    putBe16(data, this.start + 14, 0x1100);
    putBe16(data, this.start + 16, session);
    putBe16(data, this.start + 18, length + 2);
    putBe16(data, this.start + 20, type === ETHERTYPE_IPV6 ? 0x0057 : 0x0021);
  }

  #strip(data: Uint8Array, start: number, network: number): void {
    const type = innerType(data, network);
    data.copyWithin(network - 14, start, start + 12);
    putBe16(data, network - 2, type);
    this.start = network - 14;
    this.stripped++;
  }
}

function isTag(type: number): boolean {
  return type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ || type === ETHERTYPE_PPPOE;
}

/** First octet behind VLAN tags and a PPPoE header. */
export function innerNetwork(data: Uint8Array, start: number, end: number): number {
  let at = start + 12;
  while (at + 6 <= end && (be16(data, at) === ETHERTYPE_VLAN || be16(data, at) === ETHERTYPE_QINQ)) at += 4;
  return be16(data, at) === ETHERTYPE_PPPOE && at + 10 <= end ? at + 10 : at + 2;
}

/** EtherType of what starts at `network`: the two octets before it, or by PPP protocol. */
export function innerType(data: Uint8Array, network: number): number {
  const type = be16(data, network - 2);
  if (type === 0x0021) return ETHERTYPE_IPV4;
  if (type === 0x0057) return ETHERTYPE_IPV6;
  return type;
}

function lowest(device: Interface): Interface {
  let row = device;
  for (;;) {
    const below: Interface | undefined = row.link ?? row.ports[0];
    if (below === undefined) return row;
    row = below;
  }
}

function inPrefix6(data: Uint8Array, offset: number, address: Uint32Array, prefix: number): boolean {
  const wholeWords = prefix >>> 5;
  for (let i = 0; i < wholeWords; i++) if (be32(data, offset + i * 4) !== address[i]) return false;
  const rest = prefix & 31;
  if (rest === 0) return true;
  return (be32(data, offset + wholeWords * 4) ^ (address[wholeWords] as number)) >>> (32 - rest) === 0;
}
