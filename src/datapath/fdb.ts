// What bridges have learned: which port a hardware address is behind (net/bridge/br_fdb.c).
import type { Interface } from '../net/interfaces.ts';

/** Hostile captures may hold any number of addresses. */
const MAX_ENTRIES = 1 << 16;
/** BR_DEFAULT_AGEING_TIME. */
const AGEING_NS = 300e9;
const VLANS = 4096;

interface Learned {
  port: number;
  seenNs: number;
}

/** Forwarding database of all bridges: (bridge, VLAN, hardware address) to port. */
export class Fdb {
  /** By bridge and VLAN; then by address, 48 bits in a double. */
  readonly #tables = new Map<number, Map<number, Learned>>();
  #count = 0;

  /** br_fdb_update: the source of a frame at `offset` is behind `port`. */
  learn(bridge: Interface, vlan: number, port: Interface, data: Uint8Array, offset: number, nowNs: number): void {
    if (((data[offset] as number) & 1) !== 0) return;
    const table = this.#table(bridge, vlan);
    const address = addressAt(data, offset);
    const known = table.get(address);
    if (known !== undefined) {
      known.port = port.index;
      known.seenNs = nowNs;
      return;
    }
    if (this.#count >= MAX_ENTRIES) return;
    this.#count++;
    table.set(address, { port: port.index, seenNs: nowNs });
  }

  /** ifindex of the port behind which an address was learned; 0: unknown. */
  find(bridge: Interface, vlan: number, data: Uint8Array, offset: number, nowNs: number): number {
    const known = this.#tables.get(bridge.index * VLANS + vlan)?.get(addressAt(data, offset));
    return known === undefined || nowNs - known.seenNs > AGEING_NS ? 0 : known.port;
  }

  #table(bridge: Interface, vlan: number): Map<number, Learned> {
    const key = bridge.index * VLANS + vlan;
    let table = this.#tables.get(key);
    if (table === undefined) {
      table = new Map();
      this.#tables.set(key, table);
    }
    return table;
  }
}

function addressAt(data: Uint8Array, offset: number): number {
  const high = ((data[offset] as number) << 8) | (data[offset + 1] as number);
  const low =
    (data[offset + 2] as number) * 0x1000000 +
    ((data[offset + 3] as number) << 16) +
    ((data[offset + 4] as number) << 8) +
    (data[offset + 5] as number);
  return high * 2 ** 32 + low;
}
