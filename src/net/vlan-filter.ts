// Which VLANs a bridge that filters them lets through at one of its ports, or at itself (`bridge vlan`).
import type { BridgeVlanSpec } from './spec.ts';

/** The VLAN is allowed; frames of it leave without a tag. */
export const VLAN_ALLOWED = 1;
export const VLAN_UNTAGGED = 2;
const VLANS = 4096;

export interface VlanFilter {
  /** VLAN of frames without a tag; 0: they are dropped. */
  pvid: number;
  /** By VLAN: VLAN_* bits. */
  flags: Uint8Array;
}

/** The filter of the port (or bridge) `name`. */
export function vlanFilter(rows: readonly BridgeVlanSpec[], name: string): VlanFilter {
  const filter: VlanFilter = { pvid: 0, flags: new Uint8Array(VLANS) };
  for (const row of rows) {
    if (row.port !== name) continue;
    filter.flags[row.id] = VLAN_ALLOWED | (row.untagged ? VLAN_UNTAGGED : 0);
    if (row.pvid) filter.pvid = row.id;
  }
  return filter;
}
