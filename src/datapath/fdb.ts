// What bridges have learned: which port a hardware address is behind (net/bridge/br_fdb.c).
import type { Interface } from '../net/interfaces.ts';

/** Hostile captures may hold any number of addresses. */
const MAX_ENTRIES = 1 << 16;
/** BR_DEFAULT_AGEING_TIME. */
const AGEING_NS = 300e9;

/** Forwarding database of all bridges: (bridge, hardware address) to port. */
export class Fdb {
  /** Key: 48 address bits plus the bridge's ifindex above them, exact in a double. */
  readonly #ports = new Map<number, number>();
  readonly #seenNs = new Map<number, number>();

  /** br_fdb_update: the source of a frame at `offset` is behind `port`. */
  learn(bridge: Interface, port: Interface, data: Uint8Array, offset: number, nowNs: number): void {
    if (((data[offset] as number) & 1) !== 0) return;
    const key = fdbKey(bridge, data, offset);
    if (this.#ports.size >= MAX_ENTRIES && !this.#ports.has(key)) return;
    this.#ports.set(key, port.index);
    this.#seenNs.set(key, nowNs);
  }

  /** ifindex of the port behind which an address was learned; 0: unknown. */
  find(bridge: Interface, data: Uint8Array, offset: number, nowNs: number): number {
    const key = fdbKey(bridge, data, offset);
    const port = this.#ports.get(key);
    if (port === undefined || nowNs - (this.#seenNs.get(key) as number) > AGEING_NS) return 0;
    return port;
  }
}

function fdbKey(bridge: Interface, data: Uint8Array, offset: number): number {
  const high = ((data[offset] as number) << 8) | (data[offset + 1] as number);
  const low =
    (data[offset + 2] as number) * 0x1000000 +
    ((data[offset + 3] as number) << 16) +
    ((data[offset + 4] as number) << 8) +
    (data[offset + 5] as number);
  return (bridge.index % 32) * 2 ** 48 + high * 2 ** 32 + low;
}
