// The IPv4 options of an ICMP answer: recorded routes and timestamps of the packet that it answers, with this router in
// them (__ip_options_echo and ip_options_build, net/ipv4/ip_options.c). SIMPLIFIED: source-route: none is sent back.
import { be32, putBe32, u8 } from '../base/columns.ts';
import type { Packet } from '../packet/packet.ts';
import { compiled } from './ip-options.ts';
import type { Stack } from './stack.ts';

const MAX_OPTIONS = 40;
const PRESPECIFIED = 3;

/** The options, echoedOptions() octets of them. */
export const echoed = new Uint8Array(MAX_OPTIONS);

/** Offsets in `echoed`, -1: nothing to fill in. */
let addressAt = -1;
let stampAddressAt = -1;
let stampTimeAt = -1;

/**
 * Puts what an answer to `about` echoes into `echoed`; returns its length, a multiple of 4, or -1: no answer can be made.
 * Options that were not looked at yet, before routing, are not echoed.
 */
export function echoedOptions(stack: Stack, about: Packet): number {
  addressAt = -1;
  stampAddressAt = -1;
  stampTimeAt = -1;
  if (!about.hasOptions || compiled.packet !== about || compiled.number !== about.number) return 0;
  let length = 0;
  if (compiled.record !== 0) length = echoRecord(about);
  if (length >= 0 && compiled.timestamp !== 0) length = echoTimestamp(stack, about, length);
  while (length > 0 && (length & 3) !== 0) echoed[length++] = 0;
  return length;
}

/** ip_options_build: `source` is the answer's own address. Writes the options at `own[at]`. */
export function buildOptions(
  stack: Stack,
  own: Uint8Array,
  at: number,
  length: number,
  source: number,
  timeNs: number,
): void {
  for (let i = 0; i < length; i++) own[at + i] = echoed[i] as number;
  if (addressAt >= 0) putBe32(own, at + addressAt, source);
  if (stampAddressAt >= 0) putBe32(own, at + stampAddressAt, source);
  if (stampTimeAt >= 0) putBe32(own, at + stampTimeAt, stack.millisecondsOfDay(timeNs));
}

function echoRecord(about: Packet): number {
  const length = copyOption(about, compiled.record, 0);
  const pointer = u8(echoed, 2);
  if (!compiled.recordNeedsAddress || pointer > length) return length;
  if (pointer + 3 > length) return -1;
  addressAt = pointer - 1;
  echoed[2] = pointer + 4;
  return length;
}

function echoTimestamp(stack: Stack, about: Packet, at: number): number {
  const length = copyOption(about, compiled.timestamp, at);
  let pointer = u8(echoed, at + 2);
  if (pointer > length) return at + length;
  if (compiled.stampNeedsAddress) {
    if (pointer + 3 > length) return -1;
    stampAddressAt = at + pointer - 1;
    pointer += 4;
  }
  if (compiled.stampNeedsTime) {
    if (pointer + 3 > length) return -1;
    if ((u8(echoed, at + 3) & 15) !== PRESPECIFIED) {
      stampTimeAt = at + pointer - 1;
      pointer += 4;
    } else if (pointer + 7 <= length && stack.fib.addressType4(be32(echoed, at + pointer - 1)) !== 'unicast') {
      stampTimeAt = at + pointer + 3;
      pointer += 8;
    }
  }
  echoed[at + 2] = pointer;
  return at + length;
}

function copyOption({ data, network }: Packet, offset: number, at: number): number {
  const length = u8(data, network + offset + 1);
  for (let i = 0; i < length; i++) echoed[at + i] = u8(data, network + offset + i);
  return length;
}
