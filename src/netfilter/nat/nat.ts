// Network address translation (nf_nat_inet_fn, nf_nat_setup_info, nf_nat_packet of nf_nat_core.c; nf_nat_proto.c,
// nf_nat_masquerade.c, nf_nat_redirect.c): a new connection gets its translation from the first statement of the nat chains
// that wants to, or a null binding; then every packet of it is rewritten by what the connection says.
//
// Hooks: prerouting and output change destinations, postrouting and input sources.
// Events: nat-lookup, nat-setup, nat-mangle. Verdicts: ACCEPT; DROP with reason nat-failed, conntrack-invalid or no-route.
//
// SIMPLIFIED: ipsec: no policy check after translation.
import { be32, u32 } from '../../base/columns.ts';
import { Random } from '../../base/random.ts';
import { reasonIndex } from '../../event/reasons.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind } from '../../event/vocabulary.ts';
import type { Fib } from '../../net/fib.ts';
import type { Interface, Interfaces } from '../../net/interfaces.ts';
import type { Packet } from '../../packet/packet.ts';
import { CT_NEW, CT_RELATED } from '../../packet/packet.ts';
import {
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_NAT_DONE_MASK,
  IPS_NAT_MASK,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
  ORIGINAL,
  REPLY,
} from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { ENTRY_TUPLE_WORDS } from '../conntrack/table.ts';
import type { Conntrack } from '../conntrack/track.ts';
import { HOOK_INPUT, HOOK_OUTPUT, HOOK_POSTROUTING, HOOK_PREROUTING } from '../conntrack/tracker.ts';
import {
  addressEqual,
  invertTuple,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  TUPLE_DESTINATION,
  TUPLE_SOURCE,
  TUPLE_WORDS,
  tupleEqual,
} from '../conntrack/tuple.ts';
import { hasGoodChecksum, transportLength } from '../conntrack/verify.ts';
import type { RouterServices } from '../services.ts';
import { NF_ACCEPT, NF_DROP } from '../verdict.ts';
import { ExpectedNat } from './expected.ts';
import { mangleError, manglePacket } from './mangle.ts';
import { MANIP_DESTINATION, MANIP_SOURCE, NatRange, NF_NAT_RANGE_NETMAP } from './range.ts';
import { type RandomSource, UniqueTuple } from './unique-tuple.ts';

const NAT_LOOKUP = eventKind('nat-lookup');
const NAT_SETUP = eventKind('nat-setup');
const NAT_MANGLE = eventKind('nat-mangle');

const NAT_FAILED = reasonIndex('nat-failed');
const REFUSED = reasonIndex('conntrack-invalid');
const NO_ROUTE = reasonIndex('no-route');

const ICMP_REDIRECT = 5;
const ICMPV6_REDIRECT = 137;
const LOOPBACK4 = 0x7f000001;

export interface NatOptions {
  conntrack: Conntrack;
  interfaces: Interfaces;
  fib: Fib;
  recorder: Recorder;
  services: RouterServices;
  /** Of the random choice of ports. */
  seed: number;
  /** Instead of the seed: where random numbers come from. */
  random?: RandomSource;
}

/**
 * Runs the nat base chains of a hook for a packet: each chain whose verdict is not ACCEPT ends it, and so does the
 * first after which Nat.isInitialized() says yes.
 */
export type NatChains = (packet: Packet, hook: number) => number;

/** Source or destination: what the hook translates (HOOK2MANIP). */
export function manipOf(hook: number): number {
  return hook === HOOK_POSTROUTING || hook === HOOK_INPUT ? MANIP_SOURCE : MANIP_DESTINATION;
}

/** The translations of a router. */
export class Nat {
  readonly #conntrack: Conntrack;
  readonly #table: ConntrackTable;
  readonly #interfaces: Interfaces;
  readonly #fib: Fib;
  readonly #recorder: Recorder;
  readonly #services: RouterServices;
  readonly #unique: UniqueTuple;
  readonly #current = new Uint32Array(TUPLE_WORDS);
  readonly #range = new NatRange();
  readonly #words = new Uint32Array(4);

  constructor(options: NatOptions) {
    this.#conntrack = options.conntrack;
    this.#table = options.conntrack.table;
    this.#interfaces = options.interfaces;
    this.#fib = options.fib;
    this.#recorder = options.recorder;
    this.#services = options.services;
    const random = options.random ?? new Random(options.seed);
    this.#unique = new UniqueTuple(this.#table, random);
    const expected = new ExpectedNat(this.#conntrack, random, (entry, range, manip) => this.#bind(entry, range, manip));
    this.#conntrack.helpers.nat = expected;
    this.#conntrack.onExpected = (entry, expectation) => expected.followMaster(entry, expectation);
  }

  /** The nat hook at prerouting, input, output and postrouting; `runChains` is called for new connections only. */
  hook(packet: Packet, hook: number, runChains: NatChains): number {
    if (packet.ct < 0) return NF_ACCEPT;
    this.#recorder.event(NAT_LOOKUP, 0);
    const verdict = isIcmpError(packet) ? this.#translateError(packet, hook) : this.#translate(packet, hook, runChains);
    if (verdict !== NF_ACCEPT || hook !== HOOK_OUTPUT) return verdict;
    return this.#reroute(packet);
  }

  /** nf_nat_initialized: whether the connection has its translation for this hook's side. */
  isInitialized(entry: number, hook: number): boolean {
    const bit = manipOf(hook) === MANIP_SOURCE ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
    return (u32(this.#table.status, entry) & bit) !== 0;
  }

  /** `snat`. `range.flags` must hold the bits of what the statement gives. */
  snat(packet: Packet, range: NatRange): number {
    if ((range.flags & NF_NAT_RANGE_NETMAP) !== 0) netmap(packet, range, MANIP_SOURCE);
    return this.#setup(packet, range, MANIP_SOURCE);
  }

  /** `dnat`. */
  dnat(packet: Packet, range: NatRange): number {
    if ((range.flags & NF_NAT_RANGE_NETMAP) !== 0) netmap(packet, range, MANIP_DESTINATION);
    return this.#setup(packet, range, MANIP_DESTINATION);
  }

  /** `masquerade`: snat to the address of the way out. Addresses of `range` are overwritten. */
  masquerade(packet: Packet, range: NatRange): number {
    const { data, network } = packet;
    const entry = packet.ct;
    const out = this.#interfaces.list[packet.oif] as Interface;
    if (packet.ipVersion === 4) {
      // 0.0.0.0: a packet of the router's own that is not to be masqueraded.
      if (this.#table.tuples[entry * ENTRY_TUPLE_WORDS] === 0) return NF_ACCEPT;
      const destination = be32(data, network + 16);
      const route = this.#fib.lookup4(destination, packet.mark, packet.oif, this.#fib.keyOf(packet));
      const nexthop = route === undefined || route.gateway4 === 0 ? destination : route.gateway4;
      const source = this.#fib.sourceAddress4(out, nexthop);
      if (source === 0) return this.#drop(packet, NAT_FAILED);
      range.setAddress4(source);
    } else {
      for (let i = 0; i < 4; i++) this.#words[i] = be32(data, network + 24 + i * 4);
      const source = this.#fib.sourceAddress6(out, this.#words, 0);
      if (source === undefined) return this.#drop(packet, NAT_FAILED);
      range.setAddress(source, 0);
    }
    this.#table.masqueradeIndex[entry] = packet.oif;
    return this.#setup(packet, range, MANIP_SOURCE);
  }

  /** `redirect`: dnat to the router itself, by the input interface's first address. Addresses of `range` are overwritten. */
  redirect(packet: Packet, hook: number, range: NatRange): number {
    const isLocal = hook === HOOK_OUTPUT;
    const input = this.#interfaces.list[packet.iif];
    if (packet.ipVersion === 4) {
      const address = isLocal ? LOOPBACK4 : (input?.addresses4[0]?.address ?? 0);
      if (address === 0) return this.#drop(packet, NAT_FAILED);
      range.setAddress4(address);
      return this.#setup(packet, range, MANIP_DESTINATION);
    }
    if (isLocal) {
      this.#words.fill(0);
      this.#words[3] = 1;
      range.setAddress(this.#words, 0);
      return this.#setup(packet, range, MANIP_DESTINATION);
    }
    for (let i = 0; i < 4; i++) this.#words[i] = be32(packet.data, packet.network + 24 + i * 4);
    const address = input === undefined ? undefined : firstAddress6(input, addressScope6(this.#words));
    if (address === undefined) return this.#drop(packet, NAT_FAILED);
    range.setAddress(address, 0);
    return this.#setup(packet, range, MANIP_DESTINATION);
  }

  /** nf_nat_inet_fn. */
  #translate(packet: Packet, hook: number, runChains: NatChains): number {
    const entry = packet.ct;
    const isNew = packet.ctInfo === CT_NEW || packet.ctInfo === CT_RELATED;
    if (isNew && !this.isInitialized(entry, hook)) {
      const verdict = runChains(packet, hook);
      if (verdict !== NF_ACCEPT) return verdict;
      if (!this.isInitialized(entry, hook)) this.#bindNull(packet, hook);
    } else if (this.#leavesElsewhere(packet, hook)) {
      this.#conntrack.accounting.count(entry, packet.ctDirection, packet.networkLength);
      this.#table.kill(entry);
      return this.#drop(packet, REFUSED);
    }
    const manip = manipOf(hook);
    if (!this.#needs(packet, manip)) return NF_ACCEPT;
    this.#recorder.event(NAT_MANGLE, packet.protocol & 0xff);
    return manglePacket(packet, this.#table.tuples, this.#otherTuple(packet), manip)
      ? NF_ACCEPT
      : this.#drop(packet, NAT_FAILED);
  }

  /** nf_nat_icmp_reply_translation, nf_nat_icmpv6_reply_translation. */
  #translateError(packet: Packet, hook: number): number {
    const status = u32(this.#table.status, packet.ct);
    const type = packet.data[packet.transport] as number;
    // NAT looks at the checksum even if conntrack does not.
    const isUnverified = hook === HOOK_PREROUTING && !this.#conntrack.verifyChecksums;
    if (isUnverified && !hasGoodChecksum(packet, transportLength(packet), this.#recorder)) {
      return this.#drop(packet, NAT_FAILED);
    }
    if (type === (packet.ipVersion === 4 ? ICMP_REDIRECT : ICMPV6_REDIRECT)) {
      const isUntouched = (status & IPS_NAT_DONE_MASK) === IPS_NAT_DONE_MASK && (status & IPS_NAT_MASK) === 0;
      return isUntouched ? NF_ACCEPT : this.#drop(packet, NAT_FAILED);
    }
    const manip = manipOf(hook);
    if (!this.#needs(packet, manip)) return NF_ACCEPT;
    this.#recorder.event(NAT_MANGLE, packet.protocol & 0xff);
    return mangleError(packet, this.#table.tuples, this.#otherTuple(packet), manip)
      ? NF_ACCEPT
      : this.#drop(packet, NAT_FAILED);
  }

  /** nf_nat_packet: whether the connection rewrites this side of packets of this direction. */
  #needs(packet: Packet, manip: number): boolean {
    const isSource = (manip === MANIP_SOURCE) === (packet.ctDirection === ORIGINAL);
    return (u32(this.#table.status, packet.ct) & (isSource ? IPS_SRC_NAT : IPS_DST_NAT)) !== 0;
  }

  /** Where the tuple of the other direction stands. */
  #otherTuple(packet: Packet): number {
    return packet.ct * ENTRY_TUPLE_WORDS + (packet.ctDirection === ORIGINAL ? TUPLE_WORDS : 0);
  }

  /** nf_nat_oif_changed: a masqueraded connection whose way out is another interface now. */
  #leavesElsewhere(packet: Packet, hook: number): boolean {
    const out = this.#table.masqueradeIndex[packet.ct] as number;
    return out !== 0 && hook === HOOK_POSTROUTING && packet.ctDirection !== REPLY && out !== packet.oif;
  }

  /** nf_nat_alloc_null_binding: the connection keeps its addresses; its port changes if the reply tuple is taken. */
  #bindNull(packet: Packet, hook: number): void {
    const range = this.#range;
    const manip = manipOf(hook);
    const reply = packet.ct * ENTRY_TUPLE_WORDS + TUPLE_WORDS;
    range.flags = 0;
    range.setAddress(this.#table.tuples, reply + (manip === MANIP_SOURCE ? TUPLE_DESTINATION : TUPLE_SOURCE));
    this.#setup(packet, range, manip);
  }

  /** nf_nat_setup_info. */
  #setup(packet: Packet, range: NatRange, manip: number): number {
    return this.#bind(packet.ct, range, manip) ? NF_ACCEPT : this.#drop(packet, NAT_FAILED);
  }

  /** False: the connection has its translation of this side. */
  #bind(entry: number, range: NatRange, manip: number): boolean {
    const table = this.#table;
    let status = u32(table.status, entry);
    const done = manip === MANIP_SOURCE ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
    if ((status & IPS_CONFIRMED) !== 0) return true;
    if ((status & done) !== 0) return false;
    this.#recorder.event(NAT_SETUP, 0);
    const reply = entry * ENTRY_TUPLE_WORDS + TUPLE_WORDS;
    const current = this.#current;
    invertTuple(table.tuples, reply, current, 0);
    this.#unique.choose(entry, current, range, manip);
    const chosen = this.#unique.candidate;
    if (!tupleEqual(chosen, 0, current, 0)) {
      invertTuple(chosen, 0, table.tuples, reply);
      status |= manip === MANIP_SOURCE ? IPS_SRC_NAT : IPS_DST_NAT;
    }
    if (manip === MANIP_SOURCE) table.addSource(entry);
    table.status[entry] = status | done;
    return true;
  }

  /** nf_nat_ipv4_local_fn: an output packet whose destination the connection translates is routed again. */
  #reroute(packet: Packet): number {
    const { tuples } = this.#table;
    const original = packet.ct * ENTRY_TUPLE_WORDS;
    const mine = packet.ctDirection === ORIGINAL ? original : original + TUPLE_WORDS;
    if (addressEqual(tuples, mine + TUPLE_DESTINATION, tuples, this.#otherTuple(packet) + TUPLE_SOURCE))
      return NF_ACCEPT;
    return this.#services.reroute(packet) ? NF_ACCEPT : this.#drop(packet, NO_ROUTE);
  }

  #drop(packet: Packet, reason: number): number {
    packet.reason = reason;
    return NF_DROP;
  }
}

function isIcmpError(packet: Packet): boolean {
  if (packet.ctInfo !== CT_RELATED || packet.transport < 0) return false;
  return packet.protocol === (packet.ipVersion === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);
}

/** nf_nat_redirect_ipv6: the newest address of the widest scope; of the destination's scope, if that is a limited one. */
function firstAddress6(input: Interface, scope: number): Uint32Array | undefined {
  let fallback: Uint32Array | undefined;
  for (let i = input.addresses6.length - 1; i >= 0; i--) {
    const address = input.addresses6[i]?.address;
    if (address === undefined) continue;
    const own = addressScope6(address);
    if (scope !== 0 ? (own & scope) !== 0 : own === 0) return address;
    if (scope === 0) fallback ??= address;
  }
  return fallback;
}

const SCOPE_NODE = 0x10;
const SCOPE_LINK = 0x20;
const SCOPE_SITE = 0x40;

/** ipv6_addr_scope: the bits of a limited scope, 0 for what reaches everywhere. */
function addressScope6(words: Uint32Array): number {
  const first = u32(words, 0);
  if (first >>> 24 === 0xff) {
    const scope = (first >>> 16) & 15;
    return scope === 1 ? SCOPE_NODE : scope === 2 ? SCOPE_LINK : scope === 5 ? SCOPE_SITE : 0;
  }
  if (first >>> 22 === 0x3fa) return SCOPE_LINK;
  if (first >>> 22 === 0x3fb) return SCOPE_SITE;
  return (first | u32(words, 1) | u32(words, 2)) === 0 && u32(words, 3) === 1 ? SCOPE_NODE : 0;
}

/** nft_nat_setup_netmap: the network part from the range, the host part from the packet. */
function netmap(packet: Packet, range: NatRange, manip: number): void {
  const { data, network } = packet;
  const { minAddress, maxAddress } = range;
  const isSource = manip === MANIP_SOURCE;
  const count = packet.ipVersion === 4 ? 1 : 4;
  const at = network + (count === 1 ? (isSource ? 12 : 16) : isSource ? 8 : 24);
  for (let i = 0; i < count; i++) {
    const hostMask = u32(minAddress, i) ^ u32(maxAddress, i);
    const address = (be32(data, at + i * 4) & hostMask) | (u32(minAddress, i) & ~hostMask);
    minAddress[i] = address;
    maxAddress[i] = address;
  }
}
