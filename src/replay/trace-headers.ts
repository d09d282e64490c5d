// The headers that the kernel sends along when a base chain first says something of a packet (nf_trace_fill_pkt_info of
// nf_tables_trace.c): 40 octets of the network header, 20 of the transport header, the link-layer header with its tag.
import { putBe16, u32 } from '../base/columns.ts';
import { ARPHRD_PPP, type Interfaces } from '../net/interfaces.ts';
import { type Evaluation, HOOK_EGRESS } from '../netfilter/evaluate/evaluation.ts';
import type { Packet } from '../packet/packet.ts';
import type { TracedHeaders } from './trace-steps.ts';

const ETHERNET_HEADER = 14;
const NETWORK_OCTETS = 40;
const TRANSPORT_OCTETS = 20;

/** The packet of an evaluation as the kernel would show it. */
export function tracedHeaders(run: Evaluation, interfaces: Interfaces): TracedHeaders {
  const { packet, end } = run;
  const { data, network } = packet;
  const headers: TracedHeaders = { nfproto: run.pf, iiftype: interfaces.list[run.iif]?.type ?? 0 };
  if (run.iif !== 0) headers.iif = interfaces.at(run.iif).name;
  if (run.oif !== 0) headers.oif = interfaces.at(run.oif).name;
  if (network < 0) return headers;
  const networkEnd = run.hasTransport ? Math.min(run.transport, end) : end;
  const networkLength = Math.min(networkEnd - network, NETWORK_OCTETS);
  if (networkLength > 0) headers.network = data.slice(network, network + networkLength);
  if (run.hasTransport) {
    const length = Math.min(end - run.transport, TRANSPORT_OCTETS);
    if (length > 0) headers.transport = data.slice(run.transport, run.transport + length);
  }
  const link = linkHeader(run, interfaces);
  if (link !== undefined) headers.link = link;
  return headers;
}

/** Behind a PPP device, at egress, and of the router's own datagrams there is none. */
function linkHeader(run: Evaluation, interfaces: Interfaces): Uint8Array | undefined {
  const { packet, hook } = run;
  if (hook === HOOK_EGRESS || packet.isGenerated) return undefined;
  if (interfaces.list[packet.iif]?.type === ARPHRD_PPP) return undefined;
  if (packet.encapsulationCount !== 0) return taggedHeader(packet);
  const from = packet.network - ETHERNET_HEADER;
  return from < packet.start ? undefined : packet.data.slice(from, packet.network);
}

/** struct vlan_ethhdr: the tag stands beside the packet. */
function taggedHeader(packet: Packet): Uint8Array {
  const header = new Uint8Array(18);
  header.set(packet.data.subarray(packet.start, packet.start + 12));
  const tag = u32(packet.encapsulation, 0);
  putBe16(header, 12, tag >>> 16);
  putBe16(header, 14, tag & 0xffff);
  putBe16(header, 16, packet.etherType);
  return header;
}
