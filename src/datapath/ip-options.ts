// IPv4 options as a router handles them: validation, record route and timestamps on the way in (ip_options_compile,
// net/ipv4/ip_options.c), the way out's address in a recorded route on the way out (ip_forward_options).
// SIMPLIFIED: source-route: where they are accepted, they are validated but not followed. CIPSO labels are not looked at.
import { be32, putBe32, u8 } from '../base/columns.ts';
import type { Route } from '../net/fib.ts';
import { writeIpv4Checksum } from '../packet/checksum.ts';
import type { Packet } from '../packet/packet.ts';
import { simplification } from './outcome.ts';
import type { Stack } from './stack.ts';

const SOURCE_ROUTE = simplification('source-route');
const END = 0;
const NOOP = 1;
const RECORD_ROUTE = 7;
const TIMESTAMP = 0x44;
const LOOSE_SOURCE_ROUTE = 0x83;
const STRICT_SOURCE_ROUTE = 0x89;
const ROUTER_ALERT = 0x94;
const TS_ONLY = 0;
const TS_AND_ADDRESS = 1;
const TS_PRESPECIFIED = 3;

/** What the last compileOptions() found wrong: offset in the datagram of the octet that a parameter problem names. */
export let problemOffset = 0;
/** The datagram of the last compileOptions() has a source route, and its interface does not accept such. */
export let isRouteRefused = false;
/** Offset of the record-route option that wants an address on the way out, 0 when there is none. */
export let recordRoute = 0;

/** IPCB(skb)->opt: what the last compileOptions() found, for answers that echo it (ip-options-echo.ts). */
export interface CompiledOptions {
  /** Of which packet; its object serves others too. */
  packet: Packet | undefined;
  number: number;
  /** Offsets in the datagram, 0: none. */
  record: number;
  timestamp: number;
  recordNeedsAddress: boolean;
  stampNeedsAddress: boolean;
  stampNeedsTime: boolean;
}

export const compiled: CompiledOptions = {
  packet: undefined,
  number: 0,
  record: 0,
  timestamp: 0,
  recordNeedsAddress: false,
  stampNeedsAddress: false,
  stampNeedsTime: false,
};

let seenRoute = false;

/**
 * Validates the options and writes what this router has to add to them. `specDst`: the address it answers from. The
 * header's checksum is made right where the datagram is forwarded (opt->is_changed), not before: a reject sees it wrong.
 * False: malformed, see problemOffset.
 */
export function compileOptions(stack: Stack, packet: Packet, specDst: number): boolean {
  const { data, network } = packet;
  recordRoute = 0;
  isRouteRefused = false;
  seenRoute = false;
  compiled.packet = packet;
  compiled.number = packet.number;
  compiled.record = 0;
  compiled.timestamp = 0;
  compiled.recordNeedsAddress = false;
  compiled.stampNeedsAddress = false;
  compiled.stampNeedsTime = false;
  const end = network + (u8(data, network) & 15) * 4;
  let at = network + 20;
  while (at < end) {
    const type = u8(data, at);
    if (type === END) {
      data.fill(END, at, end);
      break;
    }
    if (type === NOOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? u8(data, at + 1) : 0;
    const fault = length < 2 || at + length > end ? 1 : compileOption(stack, packet, at, length, specDst);
    if (fault !== 0) {
      problemOffset = at - network + fault - 1;
      return false;
    }
    at += length;
  }
  return true;
}

/** 0, or 1 plus the offset in the option of what is wrong. */
function compileOption(stack: Stack, packet: Packet, at: number, length: number, specDst: number): number {
  const { data, network } = packet;
  const pointer = length > 2 ? u8(data, at + 2) : 0;
  switch (u8(data, at)) {
    case LOOSE_SOURCE_ROUTE:
    case STRICT_SOURCE_ROUTE:
      if (length < 3) return 2;
      if (pointer < 4) return 3;
      if (seenRoute) return 1;
      seenRoute = true;
      if (stack.settings.acceptSourceRoute[packet.iif] === 0) isRouteRefused = true;
      else stack.recorder.simplified(SOURCE_ROUTE);
      return 0;
    case RECORD_ROUTE:
      if (compiled.record !== 0) return 1;
      if (length < 3) return 2;
      if (pointer < 4) return 3;
      if (pointer <= length) {
        if (pointer + 3 > length) return 3;
        putBe32(data, at + pointer - 1, specDst);
        data[at + 2] = pointer + 4;
        recordRoute = at - network;
        compiled.recordNeedsAddress = true;
      }
      compiled.record = at - network;
      return 0;
    case TIMESTAMP: {
      if (compiled.timestamp !== 0) return 1;
      if (length < 4) return 2;
      if (pointer < 5) return 3;
      const fault = pointer <= length ? stamp(stack, packet, at, length, specDst) : overflow(data, at);
      if (fault === 0) compiled.timestamp = at - network;
      return fault;
    }
    case ROUTER_ALERT:
      return length < 4 ? 2 : 0;
    default:
      return 0;
  }
}

function stamp(stack: Stack, packet: Packet, at: number, length: number, specDst: number): number {
  const { data } = packet;
  const pointer = u8(data, at + 2);
  const flag = u8(data, at + 3) & 15;
  if (pointer + 3 > length) return 3;
  const time = stack.millisecondsOfDay(packet.timeNs);
  if (flag === TS_ONLY) {
    compiled.stampNeedsTime = true;
    putBe32(data, at + pointer - 1, time);
    data[at + 2] = pointer + 4;
    return 0;
  }
  if (flag !== TS_AND_ADDRESS && flag !== TS_PRESPECIFIED) return 0;
  if (pointer + 7 > length) return 3;
  if (flag === TS_AND_ADDRESS) {
    compiled.stampNeedsAddress = true;
    putBe32(data, at + pointer - 1, specDst);
  } else if (stack.fib.addressType4(be32(data, at + pointer - 1)) === 'unicast') return 0;
  compiled.stampNeedsTime = true;
  putBe32(data, at + pointer + 3, time);
  data[at + 2] = pointer + 8;
  return 0;
}

/** No room for one more stamp: that is counted. */
function overflow(data: Uint8Array, at: number): number {
  const field = u8(data, at + 3);
  if ((field & 15) === TS_PRESPECIFIED) return 0;
  if (field >>> 4 === 15) return 4;
  data[at + 3] = field + 16;
  return 0;
}

/** ip_forward_options: the recorded route gets the address of the way out. `record` is what recordRoute was. */
export function forwardOptions(packet: Packet, route: Route, record: number): void {
  if (!packet.hasOptions) return;
  const { data, network } = packet;
  if (record !== 0) {
    const at = network + record;
    putBe32(data, at + u8(data, at + 2) - 5, route.source4);
  }
  writeIpv4Checksum(data, network);
}

/** fib_compute_spec_dst for a datagram that is not the router's own: the source of an answer to it. */
export function specificDestination(stack: Stack, packet: Packet): number {
  const saddr = be32(packet.data, packet.network + 12);
  const route = saddr === 0 ? undefined : stack.fib.lookup4(saddr, 0, 0);
  if (route !== undefined && route.source4 !== 0) return route.source4;
  return stack.fib.sourceAddress4(stack.interfaces.at(packet.iif), saddr);
}
