// Why a connection was not offloaded, in the order of the kernel's own tests (nft_flow_offload_eval,
// nf_flow_offload_ip_hook, nf_flow_table_offload.c). Closed list: column `offloadRefusal` of conntrack, the report, audit.

/** Rows never move: their index is stored in conntrack entries. */
export const REFUSALS = [
  { name: 'offloaded', text: 'offloaded' },
  { name: 'no-rule', text: 'no packet of it reached a `flow add`' },
  { name: 'not-confirmed', text: 'only its first packet reached `flow add`, before it was confirmed' },
  { name: 'tcp-not-established', text: 'TCP was not established' },
  { name: 'tcp-closing', text: 'only FIN or RST reached `flow add`' },
  { name: 'helper', text: 'a conntrack helper watches it' },
  { name: 'sequence-adjustment', text: 'its sequence numbers are adjusted' },
  { name: 'ip-options', text: 'IP options' },
  { name: 'protocol', text: 'neither TCP nor UDP (nor plain GRE)' },
  { name: 'no-route', text: 'no route for one of its directions' },
  { name: 'device-not-in-flowtable', text: 'offloaded, but no packet entered at a device of the flowtable' },
  { name: 'fragment', text: 'offloaded, but its packets are fragments' },
  { name: 'ttl', text: 'offloaded, but its packets arrive with TTL 1' },
  { name: 'mtu', text: 'offloaded, but its packets exceed the MTU' },
  { name: 'hardware-refused', text: 'in software: the hardware cannot take it' },
  { name: 'table-full', text: 'the hardware table is full' },
  { name: 'local', text: 'ends at the router itself' },
  { name: 'dropped', text: 'its packets were dropped' },
] as const satisfies readonly { name: string; text: string }[];

export type RefusalName = (typeof REFUSALS)[number]['name'];

const INDEX = new Map<string, number>(REFUSALS.map((row, index) => [row.name, index]));

/** The row of a refusal, to be looked up once at module level. */
export function refusalIndex(name: RefusalName): number {
  return INDEX.get(name) as number;
}
