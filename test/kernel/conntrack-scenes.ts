// All scenes of connection tracking: two groups, for the guest's sake.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { DCCP_SCENES } from './conntrack-dccp-scenes.ts';
import { ICMP_SCENES } from './conntrack-icmp-scenes.ts';
import { PROTOCOL_SCENES } from './conntrack-protocol-scenes.ts';
import { RANDOM_CONNECTION_SCENES } from './conntrack-random-scenes.ts';
import { RULE_SCENES } from './conntrack-rule-scenes.ts';
import { SCTP_SCENES } from './conntrack-sctp-scenes.ts';
import { TABLE_SCENES } from './conntrack-table-scenes.ts';
import { TCP_SCENES } from './conntrack-tcp-scenes.ts';
import { TCP_STATE_SCENES } from './conntrack-tcp-state-scenes.ts';

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
