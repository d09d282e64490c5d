// The UDP and UDP-Lite trackers (nf_conntrack_proto_udp.c): a connection that was answered is a stream, and assured,
// once it is still active two seconds after its first packet.
import { be16, f64, u32 } from '../../base/columns.ts';
import type { Packet } from '../../packet/packet.ts';
import { TRACK_ACCEPT, TRACK_INVALID } from './outcome.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_NAT_CLASH, IPS_SEEN_REPLY } from './status.ts';
import { REPLIED, UNREPLIED } from './timeouts.ts';
import type { Tracker, TrackerContext } from './tracker.ts';
import { HOOK_PREROUTING } from './tracker.ts';
import { PROTOCOL_UDP } from './tuple.ts';
import { hasGoodChecksum, transportLength } from './verify.ts';

const STREAM_AFTER_NS = 2e9;

/** UDP, and UDP-Lite with its checksum coverage. */
export class UdpTracker implements Tracker {
  readonly #context: TrackerContext;
  readonly #protocol: number;

  constructor(context: TrackerContext, protocol: number) {
    this.#context = context;
    this.#protocol = protocol;
  }

  packet(packet: Packet, entry: number, direction: number, hook: number): number {
    const { table, accounting, timeouts } = this.#context;
    if (!(this.#protocol === PROTOCOL_UDP ? this.#isSound(packet, hook) : this.#isSoundLite(packet, hook)))
      return TRACK_INVALID;
    const status = u32(table.status, entry);
    const policy = table.timeoutPolicy[entry] as number;
    if ((status & IPS_CONFIRMED) === 0) table.streamNs[entry] = table.nowNs + STREAM_AFTER_NS;
    if ((status & IPS_SEEN_REPLY) === 0) {
      accounting.refresh(entry, direction, packet, timeouts.get(this.#protocol, UNREPLIED, policy));
      return TRACK_ACCEPT;
    }
    // UDP-Lite is a stream from its first answer on.
    const isStream = this.#protocol !== PROTOCOL_UDP || table.nowNs > f64(table.streamNs, entry);
    accounting.refresh(entry, direction, packet, timeouts.get(this.#protocol, isStream ? REPLIED : UNREPLIED, policy));
    // What lost a clash of translations times out soon.
    if (isStream && (status & IPS_NAT_CLASH) === 0) table.status[entry] = status | IPS_ASSURED;
    return TRACK_ACCEPT;
  }

  /** udp_error. */
  #isSound(packet: Packet, hook: number): boolean {
    const { data, transport } = packet;
    if (transport + 8 > packet.networkEnd) return false;
    const total = transportLength(packet);
    const length = be16(data, transport + 4);
    if (length > total || length < 8) return false;
    if (be16(data, transport + 6) === 0) return true;
    return this.#isUnverified(hook) || hasGoodChecksum(packet, total, this.#context.recorder);
  }

  /** udplite_error: the length field says how many octets the checksum covers, and it must be there. */
  #isSoundLite(packet: Packet, hook: number): boolean {
    const { data, transport } = packet;
    if (transport + 8 > packet.networkEnd) return false;
    const total = transportLength(packet);
    let coverage = be16(data, transport + 4);
    if (coverage === 0) coverage = total;
    if (coverage < 8 || coverage > total || be16(data, transport + 6) === 0) return false;
    return this.#isUnverified(hook) || hasGoodChecksum(packet, coverage, this.#context.recorder);
  }

  #isUnverified(hook: number): boolean {
    return hook !== HOOK_PREROUTING || !this.#context.verifyChecksums;
  }
}
