// The rule ids of audit's findings: what each means, for SARIF viewers and docs/CI.md.
import type { FindingRule } from './findings.ts';

export const AUDIT_RULES = [
  {
    id: 'audit/traffic-passes',
    name: 'TrafficPasses',
    level: 'error',
    title: 'Offload lets traffic through that a rule stops',
    text: 'Without offload a rule or policy stops these packets; on the fast path they never meet it.',
  },
  {
    id: 'audit/traffic-stopped',
    name: 'TrafficStopped',
    level: 'error',
    title: 'Offload stops traffic that passes without it',
    text: 'Without offload these packets pass; with it a rule, policy or the kernel stops them.',
  },
  {
    id: 'audit/rule-stopped',
    name: 'RuleStopped',
    level: 'warning',
    title: 'A rule stops acting on offloaded traffic',
    text: 'Packets on the fast path skip every hook after ingress: counters freeze, limits, marks, logs and rewrites stop.',
  },
  {
    id: 'audit/frames-changed',
    name: 'FramesChanged',
    level: 'warning',
    title: 'Frames leave the router different',
    text: 'Frames of the same packets differ between replays without and with offload, and no rule that was missed explains it.',
  },
  {
    id: 'audit/accounting',
    name: 'AccountingFreezes',
    level: 'warning',
    title: 'Conntrack accounting freezes',
    text: 'Packets on the fast path are counted into conntrack only when the flowtable has `counter`.',
  },
  {
    id: 'audit/connections',
    name: 'ConnectionsChange',
    level: 'note',
    title: 'Connections have other timeouts or states',
    text: 'Offload keeps connections alive by itself and fixes their timeout up when it lets them go.',
  },
  {
    id: 'audit/devices',
    name: 'DeviceMissing',
    level: 'warning',
    title: 'A device is missing in the flowtable',
    text: 'Frames are found in the flowtable only at the ingress of its devices; others take the slow path for good.',
  },
  {
    id: 'audit/nothing-offloaded',
    name: 'NothingOffloaded',
    level: 'warning',
    title: 'The flowtable is there and nothing is offloaded',
    text: 'Not one packet of the capture took the fast path, though the ruleset has a flowtable.',
  },
  {
    id: 'audit/passed-over',
    name: 'PassedOver',
    level: 'warning',
    title: 'TCP and UDP that never comes to flow add',
    text: 'A rule before `flow add` accepts these connections, or the matches of its rule leave them out.',
  },
  {
    id: 'audit/not-offloaded',
    name: 'NotOffloaded',
    level: 'note',
    title: 'Connections that are not offloaded',
    text: 'A condition of the kernel keeps these connections on the slow path.',
  },
  {
    id: 'audit/short-flows',
    name: 'ShortFlowsLose',
    level: 'note',
    title: 'Short connections cost more with offload',
    text: 'Setting a flow up is dear; connections that end soon do not earn it back.',
  },
  {
    id: 'audit/hardware-only',
    name: 'HardwareSkipsMore',
    level: 'note',
    title: 'Hardware offload would skip this rule too',
    text: 'Software offload still runs netdev ingress and egress chains; hardware forwards without the CPU.',
  },
] as const satisfies readonly FindingRule[];

export type AuditRuleId = (typeof AUDIT_RULES)[number]['id'];
