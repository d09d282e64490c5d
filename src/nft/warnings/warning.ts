// What the kernel accepts and people regret, a row a kind: its stable id, how grave it is, what it means and why it is so.
// The functions beside this file find them in a compiled ruleset.
import type { SourceLocation } from '../../base/errors.ts';

export interface WarningRow {
  /** Stable: shown, and `--ignore`d, by this name. */
  id: string;
  level: 'warning' | 'note';
  title: string;
  /** Why it is regretted, with its source. */
  text: string;
}

/** All kinds. Sources: nft(8); net/netfilter of Linux 6.12; issues of the projects that met them. */
export const WARNINGS = [
  {
    id: 'unreachable-rule',
    level: 'warning',
    title: 'no packet reaches a rule',
    text: 'An earlier rule of the chain gives every packet a final verdict (nft_do_chain returns there).',
  },
  {
    id: 'shadowed-rule',
    level: 'warning',
    title: 'an earlier rule takes all packets of a rule, with another verdict',
    text: 'The earlier rule matches all that this one matches, and ends the chain for it: this one never matches.',
  },
  {
    id: 'repeated-rule',
    level: 'note',
    title: 'an earlier rule takes all packets of a rule, with the same verdict',
    text: 'The rule never matches; its counter stays at zero.',
  },
  {
    id: 'policy-unreached',
    level: 'warning',
    title: "a 'policy drop' that never applies",
    text: 'A rule accepts all that reaches the end of the chain, so that the policy is dead.',
  },
  {
    id: 'flow-add-never',
    level: 'warning',
    title: "'flow add' can never offload here",
    text: 'nft_flow_offload_eval offloads confirmed UDP and GRE, and TCP that is established: packets of other protocols or states, and rules that established packets never reach, offload nothing.',
  },
  {
    id: 'flow-add-verdict',
    level: 'warning',
    title: "a verdict behind 'flow add' that the policy overrules",
    text: "A packet that cannot be offloaded, or whose flow is offloaded already, breaks off the rule at 'flow add' (NFT_BREAK): the 'accept' behind it is not reached, and the chain's policy drops the packet.",
  },
  {
    id: 'flow-add-before-state',
    level: 'note',
    title: "'flow add' before invalid packets are dropped",
    text: "Flows are offloaded that 'ct state invalid drop' would have stopped, and packets of half-open connections are tried in vain (firewall4 pull request 20).",
  },
  {
    id: 'unused-flowtable',
    level: 'warning',
    title: 'a flowtable that no rule uses',
    text: "Without 'flow add @NAME' in a chain of the forward hook nothing is offloaded.",
  },
  {
    id: 'flowtable-no-devices',
    level: 'warning',
    title: 'a flowtable without devices',
    text: 'The flowtable is looked up at the ingress hook of its devices: without any, nothing takes the fast path.',
  },
  {
    id: 'flowtable-missing-device',
    level: 'warning',
    title: 'a device that rules forward through and the flowtable lacks',
    text: 'Only packets that come in at a device of the flowtable are looked up in it, VLAN devices at the device below them (net/netfilter/nft_flow_offload.c, nft_dev_path_info).',
  },
  {
    id: 'flowtable-upper-device',
    level: 'note',
    title: 'a bridge or tunnel device in a flowtable',
    text: 'Packets are looked up at the bridge instead of its ports: they cross the bridge first, and hardware cannot offload them; kernels before 5.13 offload nothing there (openwrt issue 9854).',
  },
  {
    id: 'flowtable-no-counter',
    level: 'note',
    title: "a flowtable without 'counter'",
    text: 'Connections that are offloaded stop counting packets and octets (nf_conntrack_acct), in conntrack -L too.',
  },
  {
    id: 'equal-priority',
    level: 'warning',
    title: 'base chains of equal priority at the same hook',
    text: 'The one that was loaded last runs first (nf_hook_entries_grow): loading again in another order changes what the ruleset does.',
  },
  {
    id: 'equal-priority-filters',
    level: 'note',
    title: 'filter chains of equal priority at the same hook, in different tables',
    text: 'Every packet must pass both, so that the order changes no verdict, but counters and logs.',
  },
  {
    id: 'unused-chain',
    level: 'warning',
    title: 'a chain with rules that nothing jumps to',
    text: 'It has no hook, and no rule or map leads to it: its rules never run.',
  },
  {
    id: 'empty-chain',
    level: 'note',
    title: 'a jump to a chain without rules',
    text: 'Costs every packet a jump and does nothing.',
  },
  {
    id: 'unused-set',
    level: 'note',
    title: 'a set or map that no rule uses',
    text: 'Its elements, and whatever fills it, have no effect.',
  },
  {
    id: 'unused-object',
    level: 'note',
    title: 'a stateful object that no rule or map uses',
    text: 'A counter, quota, limit or helper that nothing refers to does nothing.',
  },
  {
    id: 'unused-define',
    level: 'note',
    title: 'a definition that nothing uses',
    text: 'Perhaps a misspelt name, or a rule that is gone.',
  },
  {
    id: 'no-established',
    level: 'warning',
    title: "'policy drop' and no rule that lets answers in",
    text: "Packets that answer an accepted connection are dropped: 'ct state established,related accept' lets them through.",
  },
  {
    id: 'no-established-input',
    level: 'note',
    title: "an input chain with 'policy drop' that lets no answers in",
    text: 'What the router asks for itself (names, time, updates) is never answered.',
  },
  {
    id: 'invalid-accepted',
    level: 'warning',
    title: 'packets of state invalid are accepted',
    text: 'They belong to no connection: NAT does not translate them, so private addresses leak, and nothing tracks them.',
  },
  {
    id: 'log-unlimited',
    level: 'note',
    title: "'log' without a limit",
    text: 'A flood of packets fills the log and slows the router: limit rate 10/minute before it.',
  },
  {
    id: 'nat-chain-drop',
    level: 'warning',
    title: 'packets are dropped in a nat chain',
    text: 'A chain of type nat sees only the first packet of a connection: what is dropped there is not filtered later (nf_nat_inet_fn).',
  },
  {
    id: 'dormant-table',
    level: 'note',
    title: 'a dormant table',
    text: 'None of its chains is registered: its rules do not run.',
  },
  {
    id: 'iif-dynamic',
    level: 'warning',
    title: "'iif' or 'oif' with a device that comes and goes",
    text: "They compare the device's number: the ruleset does not load while the device is missing, and matches no more once it was made anew. 'iifname' and 'oifname' compare its name.",
  },
  {
    id: 'refused-by-nft',
    level: 'warning',
    title: 'a spelling that nft refuses',
    text: 'nftreplay reads it, the router does not.',
  },
  {
    id: 'old-spelling',
    level: 'note',
    title: 'an old spelling',
    text: 'nft still reads it, and lists it in the new way.',
  },
] as const satisfies readonly WarningRow[];

export type WarningId = (typeof WARNINGS)[number]['id'];

/** One finding in a ruleset. */
export interface RulesetWarning {
  id: WarningId;
  message: string;
  location?: SourceLocation;
  /** What to write instead. */
  help?: string;
  related?: { message: string; location: SourceLocation }[];
}

export type Report = (warning: RulesetWarning) => void;

/** Spreads a place into a warning when there is one. */
export function at(location: SourceLocation | undefined): { location?: SourceLocation } {
  return location === undefined ? {} : { location };
}
