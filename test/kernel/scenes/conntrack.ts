// All scenes of connection tracking: two groups, for the guest's sake.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { DCCP_SCENES } from './conntrack-dccp.ts';
import { ICMP_SCENES } from './conntrack-icmp.ts';
import { PROTOCOL_SCENES } from './conntrack-protocol.ts';
import { RANDOM_CONNECTION_SCENES } from './conntrack-random.ts';
import { RULE_SCENES } from './conntrack-rule.ts';
import { SCTP_SCENES } from './conntrack-sctp.ts';
import { TABLE_SCENES } from './conntrack-table.ts';
import { TCP_SCENES } from './conntrack-tcp.ts';
import { TCP_STATE_SCENES } from './conntrack-tcp-state.ts';

/** What protocols do to connections. */
export const CONNTRACK_SCENES: KernelScene[] = [
  ...TCP_SCENES,
  ...TCP_STATE_SCENES,
  ...PROTOCOL_SCENES,
  ...ICMP_SCENES,
  ...SCTP_SCENES,
  ...DCCP_SCENES,
  ...RANDOM_CONNECTION_SCENES,
];
/** What rules and the table do to them. */
export const CONNTRACK_RULE_SCENES: KernelScene[] = [...RULE_SCENES, ...TABLE_SCENES];
