// What NAT did to a packet: its source and destination before and after, from the frame that came and the one that left.
import { withPort } from '../replay/trace-frame.ts';
import { type DissectedDatagram, dissect } from './dissect.ts';
import type { DatagramBody, Endpoint } from './packet-line.ts';

export interface Translation {
  snat?: string;
  dnat?: string;
}

/** The datagram of a frame; undefined when it carries none. */
export function datagramOf(frame: Uint8Array): DissectedDatagram | undefined {
  const parts = dissect(frame);
  return parts?.body.kind === 'datagram' ? { body: parts.body, fields: parts.fields } : undefined;
}

/** New source and destination, those that changed; 'none': both as they were. */
export function translation(before: DatagramBody, after: DatagramBody): Translation | 'none' {
  const source = endpointText(after.source);
  const destination = endpointText(after.destination);
  const found: Translation = {};
  if (source !== endpointText(before.source)) found.snat = source;
  if (destination !== endpointText(before.destination)) found.dnat = destination;
  return found.snat === undefined && found.dnat === undefined ? 'none' : found;
}

/** Whether `expected` ('203.0.113.1', '203.0.113.1:40000') means an endpoint. */
export function isEndpoint(expected: string | undefined, actual: string | undefined): boolean {
  if (expected === undefined || actual === undefined) return expected === actual;
  return expected === actual || actual.replace(/^\[?([^\]]*?)\]?:\d+$/, '$1') === expected;
}

function endpointText({ address, port }: Endpoint): string {
  return port === undefined ? address : withPort(address, port);
}
