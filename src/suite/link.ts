// Hardware addresses of packet lines that name none: frames come from the neighbour that the router file names for their
// source, and go to the interface's own address, or to the group that their destination is.
import type { InterfaceSpec, RouterSpec } from '../net/spec.ts';
import { formatAddress, parseAddress } from '../packet/address.ts';
import type { PacketBody } from './packet-line.ts';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** What the lines of a case know of their router. */
export class Link {
  readonly spec: RouterSpec;
  readonly #byName: Map<string, InterfaceSpec>;
  readonly #neighbours: Map<string, string>;

  constructor(spec: RouterSpec) {
    this.spec = spec;
    this.#byName = new Map(spec.interfaces.map((row) => [row.name, row]));
    this.#neighbours = new Map(spec.neighbours.map((row) => [`${row.dev} ${canonical(row.ip)}`, row.mac]));
  }

  /** Address that reaches the router there: a port's frames are for its bridge. */
  macOf(device: string): string {
    return this.#byName.get(this.#bridgeOf(device) ?? device)?.mac ?? '02:00:00:00:00:01';
  }

  /** Source and destination of a frame that enters at `device`. */
  addresses(device: string, body: PacketBody): { from: string; to: string } {
    const own = this.macOf(device);
    if (body.kind === 'arp') {
      const from = this.#neighbour(device, body.sender.ip);
      return { from, to: body.operation === 1 ? BROADCAST : own };
    }
    if (body.kind !== 'datagram') return { from: this.spec.defaultNeighbourMac, to: own };
    return {
      from: this.#neighbour(device, body.source.address),
      to: groupAddress(body.destination.address) ?? own,
    };
  }

  #neighbour(device: string, address: string): string {
    const bridge = this.#bridgeOf(device);
    const known = this.#neighbours.get(`${device} ${address}`) ?? this.#neighbours.get(`${bridge} ${address}`);
    return known ?? this.#gateway(device) ?? this.spec.defaultNeighbourMac;
  }

  #bridgeOf(device: string): string | undefined {
    return this.spec.interfaces.find((row) => row.ports?.includes(device) === true)?.name;
  }

  /** What is not on the link comes through its gateway. */
  #gateway(device: string): string | undefined {
    const route = this.spec.routes.find((row) => row.dev === device && row.via !== undefined);
    return route?.via === undefined ? undefined : this.#neighbours.get(`${device} ${canonical(route.via)}`);
  }
}

/** Link-layer address of broadcasts and of multicast groups (RFC 1112, RFC 2464). */
function groupAddress(address: string): string | undefined {
  if (address === '255.255.255.255') return BROADCAST;
  const octets = parseAddress(address);
  if (octets === undefined) return undefined;
  const hex = (from: number, mask = 0xff): string =>
    [...octets.subarray(from)]
      .map((octet, index) => (index === 0 ? octet & mask : octet).toString(16).padStart(2, '0'))
      .join(':');
  if (octets.length === 4) return (octets[0] as number) >>> 4 === 14 ? `01:00:5e:${hex(1, 0x7f)}` : undefined;
  return octets[0] === 0xff ? `33:33:${hex(12)}` : undefined;
}

function canonical(address: string): string {
  const octets = parseAddress(address);
  return octets === undefined ? address : formatAddress(octets);
}

/** The physical interfaces below one, itself when it is physical: where its frames leave. */
export function lowestDevices(spec: RouterSpec, name: string): Set<string> {
  const found = new Set<string>();
  const visit = (one: string): void => {
    if (found.has(one)) return;
    found.add(one);
    const row = spec.interfaces.find((candidate) => candidate.name === one);
    if (row?.link !== undefined) visit(row.link);
    for (const port of row?.ports ?? []) visit(port);
  };
  visit(name);
  return found;
}
