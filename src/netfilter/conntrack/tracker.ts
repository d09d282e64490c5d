// What every protocol's tracker gets to work with.
import type { Recorder } from '../../event/recorder.ts';
import type { Sysctl } from '../../net/sysctl.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Accounting } from './accounting.ts';
import type { SequenceAdjust } from './sequence-adjust.ts';
import type { ConntrackTable } from './table.ts';
import type { Timeouts } from './timeouts.ts';

export interface TrackerContext {
  table: ConntrackTable;
  timeouts: Timeouts;
  accounting: Accounting;
  recorder: Recorder;
  sysctl: Sysctl;
  sequence: SequenceAdjust;
  /** net.netfilter.nf_conntrack_checksum. */
  verifyChecksums: boolean;
}

/** A protocol's state machine. */
export interface Tracker {
  /** Moves `entry` by a packet of `direction` at `hook` (HOOK_NAMES index); returns TRACK_*. */
  packet(packet: Packet, entry: number, direction: number, hook: number): number;
}

export const HOOK_PREROUTING = 0;
export const HOOK_INPUT = 1;
export const HOOK_FORWARD = 2;
export const HOOK_OUTPUT = 3;
export const HOOK_POSTROUTING = 4;
