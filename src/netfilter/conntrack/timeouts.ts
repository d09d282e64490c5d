// How long a connection lives in each state, from sysctls and `ct timeout` policies: one row per timeout
// (the *_timeouts arrays of nf_conntrack_proto_*.c, nf_conntrack_standalone.c; policies: nfnetlink_cttimeout.c).
import { f64 } from '../../base/columns.ts';
import type { Sysctl } from '../../net/sysctl.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import {
  PROTOCOL_DCCP,
  PROTOCOL_GRE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PROTOCOL_UDPLITE,
} from './tuple.ts';

/** Slots that a protocol has in a set of timeouts: TCP's states up to TCP_TIMEOUT_UNACK. */
const SLOTS = 14;
export const TCP_TIMEOUT_RETRANS = 12;
export const TCP_TIMEOUT_UNACK = 13;
/** UDP, UDP-Lite, GRE: nothing came back yet, or something did (for UDP: and it lasts). */
export const UNREPLIED = 0;
export const REPLIED = 1;
/** IP protocol number that stands for all that have no tracker of their own. */
const GENERIC = 255;

interface TimeoutRow {
  protocol: number;
  slot: number;
  /** Name in a `ct timeout` policy. */
  policy: string;
  /** After net.netfilter.nf_conntrack_; empty: no sysctl. */
  sysctl: string;
  seconds: number;
}

/** Defaults of Linux 6.12. */
export const TIMEOUTS: readonly TimeoutRow[] = [
  { protocol: GENERIC, slot: 0, policy: 'timeout', sysctl: 'generic_timeout', seconds: 600 },
  { protocol: PROTOCOL_ICMP, slot: 0, policy: 'timeout', sysctl: 'icmp_timeout', seconds: 30 },
  { protocol: PROTOCOL_ICMPV6, slot: 0, policy: 'timeout', sysctl: 'icmpv6_timeout', seconds: 30 },
  { protocol: PROTOCOL_UDP, slot: UNREPLIED, policy: 'unreplied', sysctl: 'udp_timeout', seconds: 30 },
  { protocol: PROTOCOL_UDP, slot: REPLIED, policy: 'replied', sysctl: 'udp_timeout_stream', seconds: 120 },
  { protocol: PROTOCOL_UDPLITE, slot: UNREPLIED, policy: 'unreplied', sysctl: 'udp_timeout', seconds: 30 },
  { protocol: PROTOCOL_UDPLITE, slot: REPLIED, policy: 'replied', sysctl: 'udp_timeout_stream', seconds: 120 },
  { protocol: PROTOCOL_GRE, slot: UNREPLIED, policy: 'unreplied', sysctl: 'gre_timeout', seconds: 30 },
  { protocol: PROTOCOL_GRE, slot: REPLIED, policy: 'replied', sysctl: 'gre_timeout_stream', seconds: 180 },
  // Slots are TCP states.
  { protocol: PROTOCOL_TCP, slot: 1, policy: 'syn_sent', sysctl: 'tcp_timeout_syn_sent', seconds: 120 },
  { protocol: PROTOCOL_TCP, slot: 2, policy: 'syn_recv', sysctl: 'tcp_timeout_syn_recv', seconds: 60 },
  { protocol: PROTOCOL_TCP, slot: 3, policy: 'established', sysctl: 'tcp_timeout_established', seconds: 432000 },
  { protocol: PROTOCOL_TCP, slot: 4, policy: 'fin_wait', sysctl: 'tcp_timeout_fin_wait', seconds: 120 },
  { protocol: PROTOCOL_TCP, slot: 5, policy: 'close_wait', sysctl: 'tcp_timeout_close_wait', seconds: 60 },
  { protocol: PROTOCOL_TCP, slot: 6, policy: 'last_ack', sysctl: 'tcp_timeout_last_ack', seconds: 30 },
  { protocol: PROTOCOL_TCP, slot: 7, policy: 'time_wait', sysctl: 'tcp_timeout_time_wait', seconds: 120 },
  { protocol: PROTOCOL_TCP, slot: 8, policy: 'close', sysctl: 'tcp_timeout_close', seconds: 10 },
  { protocol: PROTOCOL_TCP, slot: 9, policy: 'syn_sent2', sysctl: '', seconds: 120 },
  { protocol: PROTOCOL_TCP, slot: 12, policy: 'retrans', sysctl: 'tcp_timeout_max_retrans', seconds: 300 },
  { protocol: PROTOCOL_TCP, slot: 13, policy: 'unack', sysctl: 'tcp_timeout_unacknowledged', seconds: 300 },
  // Slots are SCTP states.
  { protocol: PROTOCOL_SCTP, slot: 1, policy: 'closed', sysctl: 'sctp_timeout_closed', seconds: 10 },
  { protocol: PROTOCOL_SCTP, slot: 2, policy: 'cookie_wait', sysctl: 'sctp_timeout_cookie_wait', seconds: 3 },
  { protocol: PROTOCOL_SCTP, slot: 3, policy: 'cookie_echoed', sysctl: 'sctp_timeout_cookie_echoed', seconds: 3 },
  { protocol: PROTOCOL_SCTP, slot: 4, policy: 'established', sysctl: 'sctp_timeout_established', seconds: 210 },
  { protocol: PROTOCOL_SCTP, slot: 5, policy: 'shutdown_sent', sysctl: 'sctp_timeout_shutdown_sent', seconds: 3 },
  { protocol: PROTOCOL_SCTP, slot: 6, policy: 'shutdown_recd', sysctl: 'sctp_timeout_shutdown_recd', seconds: 3 },
  {
    protocol: PROTOCOL_SCTP,
    slot: 7,
    policy: 'shutdown_ack_sent',
    sysctl: 'sctp_timeout_shutdown_ack_sent',
    seconds: 3,
  },
  { protocol: PROTOCOL_SCTP, slot: 8, policy: 'heartbeat_sent', sysctl: 'sctp_timeout_heartbeat_sent', seconds: 30 },
  // Slots are DCCP states.
  { protocol: PROTOCOL_DCCP, slot: 1, policy: 'request', sysctl: 'dccp_timeout_request', seconds: 240 },
  { protocol: PROTOCOL_DCCP, slot: 2, policy: 'respond', sysctl: 'dccp_timeout_respond', seconds: 480 },
  { protocol: PROTOCOL_DCCP, slot: 3, policy: 'partopen', sysctl: 'dccp_timeout_partopen', seconds: 480 },
  { protocol: PROTOCOL_DCCP, slot: 4, policy: 'open', sysctl: 'dccp_timeout_open', seconds: 43200 },
  { protocol: PROTOCOL_DCCP, slot: 5, policy: 'closereq', sysctl: 'dccp_timeout_closereq', seconds: 64 },
  { protocol: PROTOCOL_DCCP, slot: 6, policy: 'closing', sysctl: 'dccp_timeout_closing', seconds: 64 },
  { protocol: PROTOCOL_DCCP, slot: 7, policy: 'timewait', sysctl: 'dccp_timeout_timewait', seconds: 240 },
];

/** Protocols with timeouts of their own; the others share GENERIC's. */
const OWN = new Uint8Array(256);
for (const row of TIMEOUTS) OWN[row.protocol] = 1;

/** Timeouts in nanoseconds, by protocol and slot. */
export class Timeouts {
  /** [protocol * SLOTS + slot]. */
  readonly #system = new Float64Array(256 * SLOTS);
  readonly #policies: Float64Array[] = [];

  constructor(sysctl: Sysctl) {
    for (const row of TIMEOUTS) {
      const name = `net.netfilter.nf_conntrack_${row.sysctl}`;
      const seconds = row.sysctl === '' ? row.seconds : sysctlNumber(sysctl, name, row.seconds);
      this.#system[row.protocol * SLOTS + row.slot] = Math.max(0, seconds) * 1e9;
    }
    for (let protocol = 0; protocol < 256; protocol++) {
      if (OWN[protocol] === 0) this.#system[protocol * SLOTS] = f64(this.#system, GENERIC * SLOTS);
    }
  }

  /** Nanoseconds for a slot of a protocol; `policy` is an entry's timeoutPolicy. */
  get(protocol: number, slot: number, policy: number): number {
    if (policy < 0) return f64(this.#system, protocol * SLOTS + slot);
    return f64(this.#policies[policy] as Float64Array, slot);
  }

  /** Adds a `ct timeout` object (seconds by state name, the sysctls for states that it does not name); returns its number. */
  addPolicy(protocol: number, seconds: Record<string, number>): number {
    const own = OWN[protocol] === 0 ? GENERIC : protocol;
    const policy = this.#system.slice(protocol * SLOTS, (protocol + 1) * SLOTS);
    for (const row of TIMEOUTS) {
      const value = row.protocol === own ? seconds[row.policy] : undefined;
      if (value !== undefined) policy[row.slot] = value * 1e9;
    }
    return this.#policies.push(policy) - 1;
  }
}
