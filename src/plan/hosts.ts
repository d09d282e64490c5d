// Other addresses for inside hosts: of the same connected subnet, on the same side of every address that the ruleset
// names, used by nobody yet. A host that the ruleset names itself keeps its address, and so does one without such room.
import { be32 } from '../base/columns.ts';
import type { CloneNames } from '../capture/clone-frame.ts';
import type { RouterSpec } from '../net/spec.ts';
import { inPrefix, parseAddress, parsePrefix } from '../packet/address.ts';
import { between, between6, type NamedConstants } from './constants.ts';

interface Subnet {
  /** The router's own address in it. */
  own: Uint8Array;
  address: Uint8Array;
  length: number;
}

/** Subnets behind the router: those connected but not by the default route's interface (all, when there is no such route). */
export function insideSubnets(router: RouterSpec): Inside {
  const outside = new Set(router.routes.filter((row) => /^(0\.0\.0\.0|::)\/0$/.test(row.dst)).map((row) => row.dev));
  const subnets: Subnet[] = [];
  for (const row of router.interfaces) {
    if (row.type === 'loopback' || outside.has(row.name)) continue;
    for (const text of row.addresses) {
      const parsed = parsePrefix(text);
      const own = parseAddress(text.split('/')[0] ?? '');
      if (parsed !== undefined && own !== undefined) subnets.push({ own, ...parsed });
    }
  }
  return new Inside(subnets);
}

class Inside {
  readonly subnets: readonly Subnet[];
  constructor(subnets: Subnet[]) {
    this.subnets = subnets;
  }

  /** Adds source and destination (at `at`) to the hosts if they are inside. */
  note4(data: Uint8Array, at: number, hosts: Set<number>, most: number): void {
    for (const offset of [at, at + 4]) {
      if (hosts.size >= most || hosts.has(be32(data, offset))) continue;
      if (this.#find(data.subarray(offset, offset + 4)) !== undefined) hosts.add(be32(data, offset));
    }
  }

  note6(data: Uint8Array, at: number, hosts: Set<string>, most: number): void {
    for (const offset of [at, at + 16]) {
      if (hosts.size >= most) return;
      const address = data.subarray(offset, offset + 16);
      if (this.#find(address) === undefined) continue;
      hosts.add(Buffer.from(address).toString('hex'));
    }
  }

  /** The subnet of a host; not for the router's own address and the subnet's ends. */
  #find(address: Uint8Array): Subnet | undefined {
    return this.subnets.find(
      (row) =>
        row.own.length === address.length &&
        inPrefix(address, row) &&
        !row.own.every((octet, index) => octet === address[index]),
    );
  }

  of(address: Uint8Array): Subnet | undefined {
    return this.#find(address);
  }
}

/** Names for the IPv4 hosts of one clone after the other. */
export class HostNames4 {
  readonly #hosts: { address: number; from: number; to: number; at: number }[] = [];
  readonly #taken: Set<number>;

  constructor(router: RouterSpec, constants: NamedConstants, hosts: number[]) {
    const inside = insideSubnets(router);
    this.#taken = new Set(hosts);
    for (const row of inside.subnets) if (row.own.length === 4) this.#taken.add(be32(row.own, 0));
    for (const row of router.neighbours) {
      const address = parseAddress(row.ip);
      if (address?.length === 4) this.#taken.add(be32(address, 0));
    }
    for (const address of hosts) {
      const subnet = inside.of(Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address));
      if (subnet === undefined) continue;
      const size = 2 ** (32 - subnet.length);
      const lowest = Math.floor(address / size) * size;
      // Without the subnet's own address and its broadcast.
      const [from, to] = between(constants.edges4, address, lowest + 1, lowest + size - 1);
      if (to > from) this.#hosts.push({ address, from, to, at: address });
    }
  }

  next(): Map<number, number> {
    const names = new Map<number, number>();
    for (const host of this.#hosts) {
      const name = this.#free(host);
      if (name !== undefined) names.set(host.address, name);
    }
    return names;
  }

  /** The next free address upwards from the last one, around the end. */
  #free(host: { from: number; to: number; at: number }): number | undefined {
    for (let tries = Math.min(host.to - host.from, 70_000); tries > 0; tries--) {
      host.at = host.at + 1 < host.to ? host.at + 1 : host.from;
      if (this.#taken.has(host.at)) continue;
      this.#taken.add(host.at);
      return host.at;
    }
    return undefined;
  }
}

const STEP6 = 0x1_0000n;

/** The same for IPv6. */
export class HostNames6 {
  readonly #hosts: { address: bigint; from: bigint; to: bigint }[] = [];
  readonly #taken = new Set<bigint>();
  #clone = 0n;

  constructor(router: RouterSpec, constants: NamedConstants, hosts: string[]) {
    const inside = insideSubnets(router);
    for (const row of inside.subnets) if (row.own.length === 16) this.#taken.add(value6(row.own));
    for (const row of router.neighbours) {
      const address = parseAddress(row.ip);
      if (address?.length === 16) this.#taken.add(value6(address));
    }
    for (const hex of hosts) {
      const octets = Uint8Array.from(Buffer.from(hex, 'hex'));
      const subnet = inside.of(octets);
      const address = value6(octets);
      this.#taken.add(address);
      if (subnet === undefined) continue;
      const size = 1n << BigInt(128 - subnet.length);
      const lowest = (address / size) * size;
      const [from, to] = between6(constants.edges6, address, lowest + 1n, lowest + size);
      if (to > from) this.#hosts.push({ address, from, to });
    }
  }

  next(): CloneNames['hosts6'] {
    this.#clone++;
    const names: CloneNames['hosts6'] = new Map();
    for (const host of this.#hosts) {
      const name = host.from + ((host.address - host.from + this.#clone * STEP6) % (host.to - host.from));
      if (this.#taken.has(name)) continue;
      this.#taken.add(name);
      const from = words6(host.address);
      const key = (from[0] as number) ^ (from[1] as number) ^ (from[2] as number) ^ (from[3] as number);
      names.set(key, [...(names.get(key) ?? []), { from, to: words6(name) }]);
    }
    return names;
  }
}

function value6(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString('hex')}`);
}

function words6(value: bigint): Uint32Array {
  return Uint32Array.from([96n, 64n, 32n, 0n], (shift) => Number((value >> shift) & 0xffffffffn));
}
