// What a replay yields: plain data that crosses threads, merges, and is priced and reported afterwards.

import type { RulesetState } from '../bytecode/ruleset.ts';
import type { IcmpUsage } from '../datapath/icmp-rate.ts';
import type { ChecksumRow } from '../event/checksum-census.ts';
import type { PathTable } from '../event/recorder.ts';
import type { EventNames } from '../event/vocabulary.ts';
import type { ProbeCount } from '../netfilter/probe.ts';
import type { CapturedOnSummary } from './captured-on.ts';
import type { ConnectionCounts } from './connection-samples.ts';
import type { TraceResult } from './trace-collector.ts';

/** One capture file as it was read. */
export interface InputFile {
  path: string;
  /** 'Ethernet', …: for people. */
  linkTypes: string[];
  packets: number;
  /** Octets that the packets had on the wire. */
  wireOctets: number;
  /** Where and why reading stopped early. */
  damage?: { offsetBytes: number; message: string };
}

export interface InputSummary {
  files: InputFile[];
  /** What was passed over, e.g. packets of a link type that cannot carry IP. */
  notes: string[];
  packets: number;
  wireOctets: number;
  /** Time of the first packet, nanoseconds since 1970 as decimal text; absent when there was none. */
  firstTimeNs?: string;
  /** Nanoseconds from the first to the last packet. */
  durationNs: number;
  /** [ifindex] packets that entered there. */
  entered: number[];
  /** Packets cut by the capture's snap length; super-packets larger than the MTU; checksums that a sender's offload left open. */
  cut: number;
  superPackets: number;
  partialChecksums: number;
  /** Checksums that conntrack verified, by source; packets that --fix-checksums changed. */
  checksums: ChecksumRow[];
  fixedChecksums: number;
  /** Inside captures under NAT: packets whose translation was undone to what must have arrived (inferred routers only). */
  untranslated: number;
  /** Captures of both sides of a NAT, ruleset without: answers given to the inside host that asked (every part counts all). */
  retranslated: number;
  /** Packets that --match left out: they did not enter. */
  leftOut: number;
  /** Frames whose VLAN or PPPoE headers were taken off, because the inferred router has no device for them. */
  stripped: number;
}

/** Packets that ended for one reason; `detail` is the rule or chain of reasons 'rule', 'reject' and 'policy', else -1. */
export interface DropCount {
  reason: number;
  detail: number;
  packets: number;
  bytes: number;
}

/** Connections by why they were or were not offloaded (row of event/refusals.ts). */
export interface RefusalCount {
  refusal: number;
  flows: number;
  packets: number;
  bytes: number;
}

export interface FlowSummary {
  flows: number;
  byRefusal: RefusalCount[];
  /** [n] connections that were offloaded by their n-th packet; the last row counts all later ones. */
  offloadedAfter: number[];
  /** Of the offloaded connections: all packets, and those that were forwarded fast. */
  offloadedPackets: number;
  fastPackets: number;
  hardwarePackets: number;
}

/** Rows of FlowSummary.offloadedAfter. */
export const OFFLOADED_AFTER_ROWS = 33;

/** One replay, or the exact sum of several workers' parts. */
export interface ReplayResult {
  input: InputSummary;
  paths: PathTable;
  names: EventNames;
  drops: DropCount[];
  flows: FlowSummary;
  /** Frames that left, by ifindex. */
  left: { frames: number; octets: number }[];
  state: RulesetState;
  /** `conntrack -L -o extended` lines at the end, in order of creation; empty when they were not asked for. */
  conntrack: ConntrackLine[];
  connections: ConnectionCounts;
  /** There never were more connections than this: a split replay is exact only below the table's limit. */
  conntrackBound: number;
  conntrackLimit: number;
  /** [row of event/simplifications.ts] how often the run touched it. */
  simplified: number[];
  overflowPackets: number;
  /** Number of the first packet that met the second ruleset (ReplayOptions.swap); absent: none did. */
  swappedBefore?: number;
  /** Packets that rules asked about (ReplayOptions.coverage) would have matched, by who took them. */
  probes?: ProbeCount[];
  /** Walks of the packets that a trace chose. */
  trace?: TraceResult;
  /** With --captured-on: how far the emulated router sent what the capture shows. */
  capturedOn?: CapturedOnSummary;
  /** What this part of a split replay took of limits that all share; absent in a whole one. */
  icmp?: IcmpUsage;
  /** False: this part of a split replay met what ties it to the others, and stopped. */
  isExact: boolean;
}

export interface ConntrackLine {
  /** Number of the packet that made the connection. */
  firstPacket: number;
  line: string;
}
