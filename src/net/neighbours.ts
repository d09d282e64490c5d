// Neighbours: who answers at the link layer (net/core/neighbour.c, net/ipv4/arp.c arp_mc_map, net/ipv6/ndisc.c ndisc_mc_map).
// Listed ones have their own address or do not answer (datapath/resolution.ts asks for those); SIMPLIFIED: neighbours:
// everybody else answers at once, with the router file's defaultNeighbourMac.
import { ConfigError } from '../base/errors.ts';
import { parseAddress, parseMac } from '../packet/address.ts';
import type { Interface, Interfaces } from './interfaces.ts';
import { words } from './interfaces.ts';
import type { RouterSpec } from './spec.ts';

const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255);

/** Stands where the address of somebody would who does not answer. */
const SILENT = new Uint8Array(0);

/** One listed neighbour. */
interface Neighbour {
  /** First word of the address (IPv4: the only one). */
  word: number;
  rest: Uint32Array;
  mac: Uint8Array;
}

/** The neighbours of every interface. */
export class Neighbours {
  readonly #fallback: Uint8Array;
  /** By ifindex, then by the address as a signed number. */
  readonly #v4: Map<number, Uint8Array>[];
  readonly #v6: Map<number, Neighbour[]>[];
  /** Multicast addresses are computed into this: valid until the next call. */
  readonly #multicast = new Uint8Array(6);
  /** Somebody was listed who does not answer. */
  hasSilent = false;

  /** Throws ConfigError for an interface or an address that is none. */
  constructor(spec: RouterSpec, interfaces: Interfaces) {
    const fallback = parseMac(spec.defaultNeighbourMac);
    if (fallback === undefined) {
      throw new ConfigError('router', 'defaultNeighbourMac', `"${spec.defaultNeighbourMac}" is not a MAC address`);
    }
    this.#fallback = fallback;
    this.#v4 = interfaces.list.map(() => new Map());
    this.#v6 = interfaces.list.map(() => new Map());
    spec.neighbours.forEach((row, i) => {
      const dev = interfaces.byName(row.dev);
      const address = parseAddress(row.ip);
      const mac = parseMac(row.mac);
      const path = `neighbours[${i}]`;
      if (dev === undefined) throw new ConfigError('router', `${path}.dev`, `no interface is called "${row.dev}"`);
      if (address === undefined) throw new ConfigError('router', `${path}.ip`, `"${row.ip}" is not an address`);
      if (mac === undefined) throw new ConfigError('router', `${path}.mac`, `"${row.mac}" is not a MAC address`);
      this.#list(dev.index, words(address), mac);
    });
    (spec.silentNeighbours ?? []).forEach((row, i) => {
      const dev = interfaces.byName(row.dev);
      const address = parseAddress(row.ip);
      const path = `silentNeighbours[${i}]`;
      if (dev === undefined) throw new ConfigError('router', `${path}.dev`, `no interface is called "${row.dev}"`);
      if (address === undefined) throw new ConfigError('router', `${path}.ip`, `"${row.ip}" is not an address`);
      this.#list(dev.index, words(address), SILENT);
      this.hasSilent = true;
    });
  }

  /** Whether an address (4 or 16 octets) was listed as one that does not answer, and has not been learned since. */
  isSilent(dev: Interface, address: Uint8Array): boolean {
    return this.hasSilent && this.#find(dev.index, words(address)) === SILENT;
  }

  /** Somebody has answered after all. */
  learn(dev: Interface, address: Uint8Array, mac: Uint8Array): void {
    this.#list(dev.index, words(address), mac.slice());
  }

  #find(index: number, address: Uint32Array): Uint8Array | undefined {
    const word = address[address.length - 1] as number;
    if (address.length === 1) return this.#v4[index]?.get(word | 0);
    return this.#v6[index]?.get(word)?.find((row) => equal6(row.rest, address, 0))?.mac;
  }

  #list(index: number, address: Uint32Array, mac: Uint8Array): void {
    const word = address[address.length - 1] as number;
    if (address.length === 1) {
      this.#v4[index]?.set(word | 0, mac);
      return;
    }
    const table = this.#v6[index] as Map<number, Neighbour[]>;
    const row = (table.get(word) ?? []).filter((one) => !equal6(one.rest, address, 0));
    row.push({ word, rest: address, mac });
    table.set(word, row);
  }

  /**
   * Hardware address for an IPv4 next hop (32 bits, signed or not) on `oif`; `broadcast` when the route is a broadcast
   * one. The octets are valid until the next call. undefined: nobody answers.
   */
  resolve4(oif: Interface, nexthop: number, broadcast = false): Uint8Array | undefined {
    const table = this.#v4[oif.index] as Map<number, Uint8Array>;
    if (table.size !== 0) {
      const mac = table.get(nexthop | 0);
      if (mac !== undefined) return mac === SILENT ? undefined : mac;
    }
    if (broadcast || (nexthop | 0) === -1) return BROADCAST;
    if (nexthop >>> 28 === 14) {
      const mac = this.#multicast;
      mac[0] = 0x01;
      mac[1] = 0x00;
      mac[2] = 0x5e;
      mac[3] = (nexthop >>> 16) & 0x7f;
      mac[4] = nexthop >>> 8;
      mac[5] = nexthop;
      return mac;
    }
    return this.#fallback;
  }

  /** The same for an IPv6 next hop, given as four words from `offset`. */
  resolve6(oif: Interface, nexthop: Uint32Array, offset = 0): Uint8Array | undefined {
    const last = nexthop[offset + 3] as number;
    const table = this.#v6[oif.index] as Map<number, Neighbour[]>;
    if (table.size !== 0) {
      const row = table.get(last);
      if (row !== undefined) {
        for (let i = 0; i < row.length; i++) {
          const one = row[i] as Neighbour;
          if (equal6(one.rest, nexthop, offset)) return one.mac === SILENT ? undefined : one.mac;
        }
      }
    }
    if ((nexthop[offset] as number) >>> 24 === 0xff) {
      const mac = this.#multicast;
      mac[0] = 0x33;
      mac[1] = 0x33;
      mac[2] = last >>> 24;
      mac[3] = last >>> 16;
      mac[4] = last >>> 8;
      mac[5] = last;
      return mac;
    }
    return this.#fallback;
  }
}

function equal6(a: Uint32Array, b: Uint32Array, offset: number): boolean {
  return a[0] === b[offset] && a[1] === b[offset + 1] && a[2] === b[offset + 2] && a[3] === b[offset + 3];
}
