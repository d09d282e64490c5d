// Trackers without states of their own: any IP protocol, ICMP and ICMPv6 queries, and GRE
// (generic_packet of nf_conntrack_core.c, nf_conntrack_proto_icmp.c, _icmpv6.c, _gre.c).
import { u32 } from '../../base/columns.ts';
import type { Packet } from '../../packet/packet.ts';
import { TRACK_ACCEPT, TRACK_INVALID } from './outcome.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_NAT_CLASH, IPS_SEEN_REPLY } from './status.ts';
import { ENTRY_TUPLE_WORDS } from './table.ts';
import { REPLIED, UNREPLIED } from './timeouts.ts';
import type { Tracker, TrackerContext } from './tracker.ts';
import { PROTOCOL_GRE, TUPLE_PORTS, TUPLE_PROTOCOL } from './tuple.ts';

/** Any protocol: a timeout and nothing else. */
export class GenericTracker implements Tracker {
  readonly #context: TrackerContext;
  constructor(context: TrackerContext) {
    this.#context = context;
  }

  packet(packet: Packet, entry: number, direction: number): number {
    const { table, accounting, timeouts } = this.#context;
    const protocol = u32(table.tuples, entry * ENTRY_TUPLE_WORDS + TUPLE_PROTOCOL) & 0xff;
    accounting.refresh(
      entry,
      direction,
      packet,
      timeouts.get(protocol, UNREPLIED, table.timeoutPolicy[entry] as number),
    );
    return TRACK_ACCEPT;
  }
}

/** ICMP (version 4) or ICMPv6 (version 6): only requests make a connection. */
export class IcmpTracker implements Tracker {
  readonly #generic: GenericTracker;
  readonly #context: TrackerContext;
  readonly #version: number;
  constructor(context: TrackerContext, version: 4 | 6) {
    this.#generic = new GenericTracker(context);
    this.#context = context;
    this.#version = version;
  }

  packet(packet: Packet, entry: number, direction: number): number {
    if (packet.ipVersion !== this.#version) return TRACK_INVALID;
    const { table } = this.#context;
    const type = (u32(table.tuples, entry * ENTRY_TUPLE_WORDS + TUPLE_PORTS) >>> 8) & 0xff;
    const isRequest =
      this.#version === 4
        ? type === 8 || type === 13 || type === 15 || type === 17
        : type === 128 || type === 139 || (u32(table.status, entry) & IPS_CONFIRMED) !== 0;
    return isRequest ? this.#generic.packet(packet, entry, direction) : TRACK_INVALID;
  }
}

/** GRE: assured when it was answered. */
export class GreTracker implements Tracker {
  readonly #context: TrackerContext;
  constructor(context: TrackerContext) {
    this.#context = context;
  }

  packet(packet: Packet, entry: number, direction: number): number {
    const { table, accounting, timeouts } = this.#context;
    const status = u32(table.status, entry);
    const slot = (status & IPS_SEEN_REPLY) === 0 ? UNREPLIED : REPLIED;
    const timeoutNs = timeouts.get(PROTOCOL_GRE, slot, table.timeoutPolicy[entry] as number);
    accounting.refresh(entry, direction, packet, timeoutNs);
    if (slot === REPLIED && (status & IPS_NAT_CLASH) === 0) table.status[entry] = status | IPS_ASSURED;
    return TRACK_ACCEPT;
  }
}
