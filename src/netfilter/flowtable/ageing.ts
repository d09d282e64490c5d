// What offloading does to a connection's own timeout (net/netfilter/nf_flow_table_core.c: flow_offload_add,
// nf_flow_table_extend_ct_timeout, flow_offload_fixup_ct), and how long a flow itself may be idle.
import { f64, u8, u32 } from '../../base/columns.ts';
import type { Sysctl } from '../../net/sysctl.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import { IPS_CONFIRMED, IPS_OFFLOAD, IPS_SEEN_REPLY } from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { ENTRY_TUPLE_WORDS } from '../conntrack/table.ts';
import { FLAG_BE_LIBERAL } from '../conntrack/tcp-segment.ts';
import { TCP_CLOSE_WAIT, TCP_ESTABLISHED, TCP_FIN_WAIT, TCP_LAST_ACK, TCP_TIME_WAIT } from '../conntrack/tcp-states.ts';
import { SEEN_FLAGS, SEEN_MAXWIN, seenAt } from '../conntrack/tcp-window.ts';
import { REPLIED, type Timeouts, UNREPLIED } from '../conntrack/timeouts.ts';
import { PROTOCOL_TCP, PROTOCOL_UDP, TUPLE_PROTOCOL, tupleProtocol } from '../conntrack/tuple.ts';

/** NF_CT_DAY. */
export const DAY_NS = 86400e9;
const FIVE_MINUTES_NS = 300e9;
/** NF_FLOW_TIMEOUT: flows of other protocols. */
const FLOW_TIMEOUT_NS = 30e9;
const NS = 1e9;

/** Timeouts of flows, and what they leave to the connection. */
export class Ageing {
  readonly #table: ConntrackTable;
  readonly #timeouts: Timeouts;
  readonly #tcpNs: number;
  readonly #udpNs: number;

  constructor(table: ConntrackTable, timeouts: Timeouts, sysctl: Sysctl) {
    this.#table = table;
    this.#timeouts = timeouts;
    this.#tcpNs = sysctlNumber(sysctl, 'net.netfilter.nf_flowtable_tcp_timeout', 30) * NS;
    this.#udpNs = sysctlNumber(sysctl, 'net.netfilter.nf_flowtable_udp_timeout', 30) * NS;
  }

  /** flow_offload_get_timeout: nanoseconds that a flow of this connection may be idle. */
  flowTimeoutNs(entry: number): number {
    const protocol = this.#protocol(entry);
    return protocol === PROTOCOL_TCP ? this.#tcpNs : protocol === PROTOCOL_UDP ? this.#udpNs : FLOW_TIMEOUT_NS;
  }

  /** flow_offload_ct_tcp: conntrack will miss segments, so it must not judge windows. */
  beLiberal(entry: number): void {
    const words = this.#table.protocol;
    for (let direction = 0; direction < 2; direction++) {
      const at = seenAt(entry, direction) + SEEN_FLAGS;
      words[at] = u32(words, at) | FLAG_BE_LIBERAL;
    }
  }

  /**
   * flow_offload_fixup_ct at `nowNs`: the connection gets what its state's timeout leaves when the flow's is taken off,
   * if that is less than it has; TCP windows are learned anew.
   */
  fixUp(entry: number, nowNs: number): void {
    const table = this.#table;
    const protocol = this.#protocol(entry);
    let timeout: number;
    if (protocol === PROTOCOL_TCP) {
      for (let direction = 0; direction < 2; direction++) table.protocol[seenAt(entry, direction) + SEEN_MAXWIN] = 0;
      timeout = this.#timeouts.get(PROTOCOL_TCP, u8(table.tcpState, entry), -1) - this.#tcpNs;
    } else if (protocol === PROTOCOL_UDP) {
      const slot = (u32(table.status, entry) & IPS_SEEN_REPLY) !== 0 ? REPLIED : UNREPLIED;
      timeout = this.#timeouts.get(PROTOCOL_UDP, slot, -1) - this.#udpNs;
    } else return;
    if (timeout < 0) timeout = 0;
    if (f64(table.expiresNs, entry) - nowNs > timeout) table.setExpires(entry, nowNs + timeout);
  }

  /** nf_flow_table_extend_ct_timeout at `nowNs`: an offloaded connection must not expire meanwhile. */
  extend(entry: number, nowNs: number): void {
    const table = this.#table;
    const left = f64(table.expiresNs, entry) - nowNs;
    if (left <= 0 || left >= FIVE_MINUTES_NS) return;
    const wanted = IPS_CONFIRMED | IPS_OFFLOAD;
    if ((u32(table.status, entry) & wanted) !== wanted) return;
    const protocol = this.#protocol(entry);
    // GRE gets one tick: the kernel warns and lets it expire.
    const timeout =
      protocol === PROTOCOL_UDP ? DAY_NS : protocol === PROTOCOL_TCP ? tcpExtension(u8(table.tcpState, entry)) : 4e6;
    if (timeout !== 0) table.setExpires(entry, nowNs + timeout);
  }

  #protocol(entry: number): number {
    return tupleProtocol(u32(this.#table.tuples, entry * ENTRY_TUPLE_WORDS + TUPLE_PROTOCOL));
  }
}

/** nf_flow_table_tcp_timeout; 0: leave it. */
function tcpExtension(state: number): number {
  switch (state) {
    case TCP_ESTABLISHED:
      return DAY_NS;
    case TCP_FIN_WAIT:
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
    case TCP_TIME_WAIT:
      return FIVE_MINUTES_NS;
    default:
      return 0;
  }
}

/** nf_ct_acct_add. */
export function account(table: ConntrackTable, entry: number, direction: number, packets: number, bytes: number): void {
  if (direction === 0) {
    table.packetsOriginal[entry] = f64(table.packetsOriginal, entry) + packets;
    table.bytesOriginal[entry] = f64(table.bytesOriginal, entry) + bytes;
  } else {
    table.packetsReply[entry] = f64(table.packetsReply, entry) + packets;
    table.bytesReply[entry] = f64(table.bytesReply, entry) + bytes;
  }
}
