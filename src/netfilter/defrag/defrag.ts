// The defragmentation hook of conntrack at priority -400 of prerouting and output: later hooks see whole datagrams
// (net/ipv4/netfilter/nf_defrag_ipv4.c, net/ipv6/netfilter/nf_defrag_ipv6_hooks.c; expiry: ip_expire of ip_fragment.c,
// ip6frag_expire_frag_queue of include/net/ipv6_frag.h).
//
// Uses: network fields, iif, timeNs. Sets: on the last fragment the packet is the datagram, fragMaxSize set; else verdict
// and reason. Verdicts: accept, stolen (the fragment waits), drop. Events: defrag-queue, defrag-reassemble.

import { be16, u8 } from '../../base/columns.ts';
import { reasonIndex } from '../../event/reasons.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind, HOOK_NAMES } from '../../event/vocabulary.ts';
import type { Fib } from '../../net/fib.ts';
import type { Sysctl } from '../../net/sysctl.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import { decodeNetwork, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../packet/decode.ts';
import { CT_UNTRACKED, Packet, VERDICT_CONSUMED, VERDICT_DROP } from '../../packet/packet.ts';
import type { RouterServices } from '../services.ts';
import { NF_ACCEPT, NF_DROP, NF_STOLEN } from '../verdict.ts';
import { QueueDirectory } from './directory.ts';
import { DROPPED, Ipv4Reassembly, PASSED, REASSEMBLED } from './ipv4.ts';
import { Ipv6Reassembly } from './ipv6.ts';
import { FIRST_IN, type FragmentQueue } from './queue.ts';
import { ReassemblyBuffer } from './reassemble.ts';

export interface DefragOptions {
  sysctl: Sysctl;
  recorder: Recorder;
  fib: Fib;
  services: RouterServices;
  /** Conntrack zone that a rule before this hook gave the packet; absent: there are none. */
  zoneOf?: (packet: Packet) => number;
}

/** NEXTHDR_FRAGMENT. */
const FRAGMENT_HEADER = 44;
const IPV6_HEADER = 40;
const AUTHENTICATION = 51;
/** ipv6_ext_hdr. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, FRAGMENT_HEADER, AUTHENTICATION, 59, 60]);
const DEFRAG_QUEUE = eventKind('defrag-queue');
const DEFRAG_REASSEMBLE = eventKind('defrag-reassemble');
const FRAGMENT = reasonIndex('fragment');
const FRAGMENT_WAITS = reasonIndex('fragment-waits');
const PREROUTING = HOOK_NAMES.indexOf('prerouting');

/** IP_DEFRAG_CONNTRACK_IN, IP_DEFRAG_CONNTRACK_OUT. */
const USER_IN = 0;
const USER_OUT = 1;

const HIGH_THRESHOLD = 4 * 1024 * 1024;
/** Whatever the sysctl says, not more than this is kept. */
const HARD_MAXIMUM = 256 * 1024 * 1024;
const ICMP_TIME_EXCEEDED = 11;
const ICMPV6_TIME_EXCEEDED = 3;
const FRAGMENT_TIME = 1;

/** Conntrack's defragmentation of both families. */
export class Defrag {
  /** Fragments met, datagrams completed, fragments and datagrams given up, datagrams whose time was over (SNMP Reasm*). */
  requests = 0;
  reassembled = 0;
  failed = 0;
  timedOut = 0;
  readonly #recorder: Recorder;
  readonly #fib: Fib;
  readonly #services: RouterServices;
  readonly #zoneOf: ((packet: Packet) => number) | undefined;
  readonly #ipv4: Ipv4Reassembly;
  readonly #ipv6: Ipv6Reassembly;
  /** The first fragment of a datagram that timed out, for the ICMP error about it. */
  readonly #head = new Packet();

  constructor(options: DefragOptions) {
    const { sysctl } = options;
    this.#recorder = options.recorder;
    this.#fib = options.fib;
    this.#services = options.services;
    this.#zoneOf = options.zoneOf;
    const buffer = new ReassemblyBuffer();
    const limit = (name: string) => Math.min(sysctlNumber(sysctl, name, HIGH_THRESHOLD), HARD_MAXIMUM);
    this.#ipv4 = new Ipv4Reassembly(
      new QueueDirectory(limit('net.ipv4.ipfrag_high_thresh'), sysctlNumber(sysctl, 'net.ipv4.ipfrag_time', 30) * 1e9),
      buffer,
      sysctlNumber(sysctl, 'net.ipv4.ipfrag_max_dist', 64),
    );
    this.#ipv6 = new Ipv6Reassembly(
      new QueueDirectory(
        limit('net.netfilter.nf_conntrack_frag6_high_thresh'),
        sysctlNumber(sysctl, 'net.netfilter.nf_conntrack_frag6_timeout', 60) * 1e9,
      ),
      buffer,
    );
  }

  /** Octets in use for fragments, both families. */
  get memory(): number {
    return this.#ipv4.directory.memory + this.#ipv6.directory.memory;
  }

  /** Datagrams that wait for fragments, both families. */
  get waiting(): number {
    return this.#ipv4.directory.count + this.#ipv6.directory.count;
  }

  /**
   * The hook. A packet that is no fragment is accepted at once. After the last fragment the packet is attached to a buffer
   * of this object, which holds it until the next datagram is complete.
   */
  gather(packet: Packet, hook: number): number {
    if (packet.ctInfo === CT_UNTRACKED) return NF_ACCEPT;
    let outcome: number;
    if (packet.ipVersion === 4) {
      if (packet.fragmentOffset === 0 && !packet.moreFragments) return NF_ACCEPT;
      this.#expire(packet.timeNs);
      outcome = this.#ipv4.gather(packet, hook === PREROUTING ? USER_IN : USER_OUT, this.#zoneOf?.(packet) ?? 0);
    } else {
      if (packet.ipVersion !== 6 || packet.ct >= 0) return NF_ACCEPT;
      if (packet.fragmentHeader < 0) return endsInFragmentHeader(packet) ? this.#drop(packet) : NF_ACCEPT;
      this.#expire(packet.timeNs);
      outcome = this.#ipv6.gather(packet, hook === PREROUTING ? USER_IN : USER_OUT, this.#zoneOf?.(packet) ?? 0);
    }
    if (outcome === PASSED) return NF_ACCEPT;
    this.requests++;
    if (outcome === DROPPED) return this.#drop(packet);
    this.#recorder.event(DEFRAG_QUEUE, packet.ipVersion);
    if (outcome === REASSEMBLED) {
      this.reassembled++;
      this.#recorder.event(DEFRAG_REASSEMBLE, packet.ipVersion);
      return NF_ACCEPT;
    }
    packet.verdict = VERDICT_CONSUMED;
    packet.reason = FRAGMENT_WAITS;
    return NF_STOLEN;
  }

  #drop(packet: Packet): number {
    this.failed++;
    packet.verdict = VERDICT_DROP;
    packet.reason = FRAGMENT;
    return NF_DROP;
  }

  /** Gives up what has waited too long by `nowNs`, with the ICMP errors that this asks for. */
  advance(nowNs: number): void {
    this.#expire(nowNs);
  }

  #expire(nowNs: number): void {
    const v4 = this.#ipv4.directory;
    for (let queue = v4.expired(nowNs); queue !== undefined; queue = v4.expired(nowNs)) {
      this.timedOut++;
      this.failed++;
      this.#sendTimeExceeded(queue, 4);
      v4.kill(queue);
    }
    const v6 = this.#ipv6.directory;
    for (let queue = v6.expired(nowNs); queue !== undefined; queue = v6.expired(nowNs)) {
      this.timedOut++;
      this.failed++;
      this.#sendTimeExceeded(queue, 6);
      v6.kill(queue);
    }
  }

  /**
   * Only about datagrams whose first fragment came. For IPv4 that passed prerouting only when it was for the router itself
   * (frag_expire_skip_icmp); IPv6's conntrack reassembly has no such exception.
   */
  #sendTimeExceeded(queue: FragmentQueue, version: 4 | 6): void {
    const first = queue.firstRun;
    if (first === undefined || (queue.flags & FIRST_IN) === 0 || queue.iif === 0) return;
    if (version === 4) {
      const route = this.#fib.lookup4(queue.key[4] as number, first.mark, 0);
      const isIn = (queue.key[9] as number) >>> 16 === USER_IN;
      if (route === undefined || (isIn && route.kind !== 'local')) return;
    }
    const head = this.#head;
    head.attach(first.bytes, 0, first.length, first.length);
    head.timeNs = queue.expiresNs;
    head.iif = queue.iif;
    head.physicalIif = queue.iif;
    head.mark = first.mark;
    head.packetType = first.packetType;
    head.etherType = version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    head.network = first.network;
    decodeNetwork(head);
    const type = version === 4 ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEEDED;
    this.#services.sendIcmpError(head, version, type, FRAGMENT_TIME, PREROUTING);
  }
}

/**
 * The datagram, which the capture did not cut, is over within its fragment header, and that is no first fragment whose upper
 * header is missing: such a one is let on (ipv6frag_thdr_truncated, pskb_may_pull of nf_ct_frag6_gather).
 */
function endsInFragmentHeader({ data, network, networkEnd, networkLength, protocol }: Packet): boolean {
  if (protocol !== FRAGMENT_HEADER || networkEnd - network < networkLength || networkLength <= IPV6_HEADER)
    return false;
  let next = u8(data, network + 6);
  let at = network + IPV6_HEADER;
  while (next !== FRAGMENT_HEADER) {
    if (!EXTENSIONS.has(next) || at + 2 > networkEnd) return false;
    const length = next === AUTHENTICATION ? (u8(data, at + 1) + 2) * 4 : (u8(data, at + 1) + 1) * 8;
    next = u8(data, at);
    at += length;
  }
  return at + 4 > networkEnd || (be16(data, at + 2) & 0xfff8) !== 0 || EXTENSIONS.has(u8(data, at));
}
