// A router for packet lines when the suite names none: interfaces from ruleset and lines, subnets from the addresses that
// the lines show entering there.

import type { Ruleset } from '../bytecode/ruleset.ts';
import { deviceHints } from '../config/devices.ts';
import { type AddressSurvey, inferRouter } from '../config/infer.ts';
import type { RouterSpec } from '../net/spec.ts';
import { formatAddress, inPrefix, parseAddress, parsePrefix } from '../packet/address.ts';
import type { PacketLine } from './packet-line.ts';

/** The router and what was assumed of it. */
export function inferForLines(
  ruleset: Ruleset,
  lines: readonly PacketLine[],
): { spec: RouterSpec; assumptions: string[] } {
  const hints = deviceHints(ruleset);
  for (const { interface: name } of lines) if (!hints.names.includes(name)) hints.names.push(name);
  const { spec, assumptions } = inferRouter(hints, survey(lines));
  const outside = spec.routes.find((route) => route.dst === '0.0.0.0/0')?.dev;
  for (const line of lines) {
    const device = spec.interfaces.find((row) => row.name === line.interface);
    if (device === undefined || device.name === outside || line.body.kind !== 'datagram') continue;
    const source = parseAddress(line.body.source.address);
    if (source === undefined || device.addresses.some((row) => holds(row, source))) continue;
    const own = source.slice();
    own.fill(0, source.length === 4 ? 3 : 8);
    own[own.length - 1] = 1;
    const subnet = `${formatAddress(own)}/${source.length === 4 ? 24 : 64}`;
    // Another interface was given it by the busiest-first guess: the line says where it is.
    for (const other of spec.interfaces) other.addresses = other.addresses.filter((row) => row !== subnet);
    device.addresses.push(subnet);
    assumptions.push(`${device.name} has ${subnet}: a packet line enters there from it`);
  }
  return { spec, assumptions };
}

function holds(address: string, source: Uint8Array): boolean {
  const prefix = parsePrefix(address);
  return prefix !== undefined && inPrefix(source, prefix);
}

function survey(lines: readonly PacketLine[]): AddressSurvey {
  const sources = new Map<string, number>();
  const destinations = new Map<string, number>();
  for (const { body } of lines) {
    if (body.kind !== 'datagram') continue;
    count(sources, body.source.address);
    count(destinations, body.destination.address);
  }
  return {
    sources,
    destinations,
    hasPppoe: false,
    vlanIds: new Set(),
    packets: lines.length,
    senders: new Map(),
    pairs: new Map(),
  };
}

function count(counts: Map<string, number>, address: string): void {
  const octets = parseAddress(address);
  if (octets === undefined) return;
  const key = Buffer.from(octets).toString('hex');
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
