// Connection tracking of a packet (nf_conntrack_in, resolve_normal_ct, init_conntrack, __nf_conntrack_confirm of
// nf_conntrack_core.c): finds or makes the packet's connection, lets the protocol's tracker judge it, and
// puts new connections into the table when their first packet has come through.
//
// Uses: the packet after defragmentation. Sets: packet.ct, ctInfo, ctDirection, checksumPartial.
// Verdicts: ACCEPT, also of invalid packets; DROP when the table is full or a clash cannot be resolved.
// Events: ct-lookup, ct-new, ct-update, ct-invalid, ct-untracked, ct-confirm, ct-account, ct-checksum.
import { f64, u32 } from '../../base/columns.ts';
import { reasonIndex } from '../../event/reasons.ts';
import type { Recorder } from '../../event/recorder.ts';
import { eventKind } from '../../event/vocabulary.ts';
import type { Sysctl } from '../../net/sysctl.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import type { Packet } from '../../packet/packet.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED } from '../../packet/packet.ts';
import { NF_ACCEPT, NF_DROP } from '../verdict.ts';
import { Accounting } from './accounting.ts';
import { collect, nextPassNs } from './collector.ts';
import { DccpTracker } from './dccp.ts';
import { type Expectation, Expectations } from './expectations.ts';
import { GenericTracker, GreTracker, IcmpTracker } from './generic.ts';
import { HELPER_NAMES, Helpers } from './helpers.ts';
import { ICMP_DONE, ICMP_INVALID, IcmpErrors } from './icmp-error.ts';
import { TRACK_ACCEPT, TRACK_DROP, TRACK_REPEAT } from './outcome.ts';
import { SctpTracker } from './sctp.ts';
import { SequenceAdjust } from './sequence-adjust.ts';
import {
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HELPER,
  IPS_NAT_CLASH,
  IPS_NAT_MASK,
  IPS_SEEN_REPLY,
  IPS_SEQ_ADJUST,
  ORIGINAL,
  REPLY,
} from './status.ts';
import type { ConntrackTable } from './table.ts';
import { ENTRY_TUPLE_WORDS, HELPER_EMPTY, NO_HELPER } from './table.ts';
import { TcpTracker } from './tcp.ts';
import { Timeouts } from './timeouts.ts';
import type { Tracker, TrackerContext } from './tracker.ts';
import { HOOK_OUTPUT } from './tracker.ts';
import {
  invertTuple,
  PROTOCOL_DCCP,
  PROTOCOL_GRE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PROTOCOL_UDPLITE,
  readTuple,
  TUPLE_PROTOCOL,
  TUPLE_WORDS,
  tupleEqual,
} from './tuple.ts';
import { UdpTracker } from './udp.ts';

const CT_LOOKUP = eventKind('ct-lookup');
const CT_NEW_EVENT = eventKind('ct-new');
const CT_INVALID_EVENT = eventKind('ct-invalid');
const CT_UNTRACKED_EVENT = eventKind('ct-untracked');
const CT_UPDATE = eventKind('ct-update');
const CT_CONFIRM = eventKind('ct-confirm');

const FULL = reasonIndex('conntrack-full');
const REFUSED = reasonIndex('conntrack-invalid');
const NAT_FAILED = reasonIndex('nat-failed');

const CLASH_TIMEOUT_NS = 1e9;
const NO_NEXT_HEADER = 59;
const NO_ENTRY = -1;
const TABLE_FULL = -2;

export interface ConntrackOptions {
  table: ConntrackTable;
  sysctl: Sysctl;
  recorder: Recorder;
}

/** The tracker of all packets of a router. */
export class Conntrack {
  readonly table: ConntrackTable;
  readonly timeouts: Timeouts;
  readonly accounting: Accounting;
  readonly tcp: TcpTracker;
  /** net.netfilter.nf_conntrack_checksum. */
  readonly verifyChecksums: boolean;
  /** Told which connection a packet is judged by, before the protocol does: a trace. */
  onJudge: ((entry: number, direction: number) => void) | undefined = undefined;
  readonly expectations: Expectations;
  readonly helpers: Helpers;
  readonly sequence: SequenceAdjust;
  /** Told of an expected connection that is to be translated like its master. */
  onExpected: ((entry: number, expectation: Expectation) => void) | undefined = undefined;
  /** [number of a helper's name] row of HELPER_NAMES. */
  readonly #helperKinds: number[] = [];
  readonly #recorder: Recorder;
  /** By IP protocol number. */
  readonly #trackers: Tracker[];
  readonly #icmpErrors: IcmpErrors;
  /** The packet's tuple, then its inverse. */
  readonly #tuples = new Uint32Array(2 * TUPLE_WORDS);
  /** Zones that `ct zone set` gave the packet numbered #zonePacket before it is tracked (a template in the kernel). */
  #zonePacket = -1;
  #templateOriginal = 0;
  #templateReply = 0;
  /** Zones of the packet in hand, by direction. */
  #zone = 0;
  #replyZone = 0;

  constructor(options: ConntrackOptions) {
    const { table, sysctl, recorder } = options;
    this.table = table;
    this.#recorder = recorder;
    this.timeouts = new Timeouts(sysctl);
    const acct = sysctlNumber(sysctl, 'net.netfilter.nf_conntrack_acct', 0) !== 0;
    this.accounting = new Accounting(table, recorder, acct);
    table.onPass = () => collect(table);
    this.verifyChecksums = sysctlNumber(sysctl, 'net.netfilter.nf_conntrack_checksum', 1) !== 0;
    this.expectations = new Expectations(table, sysctl);
    this.helpers = new Helpers(table, this.expectations);
    this.sequence = new SequenceAdjust(table);
    const context: TrackerContext = {
      table,
      sequence: this.sequence,
      timeouts: this.timeouts,
      accounting: this.accounting,
      recorder,
      sysctl,
      verifyChecksums: this.verifyChecksums,
    };
    this.tcp = new TcpTracker(context);
    this.#icmpErrors = new IcmpErrors(context);
    const trackers: Tracker[] = new Array(256).fill(new GenericTracker(context));
    trackers[PROTOCOL_TCP] = this.tcp;
    trackers[PROTOCOL_UDP] = new UdpTracker(context, PROTOCOL_UDP);
    trackers[PROTOCOL_UDPLITE] = new UdpTracker(context, PROTOCOL_UDPLITE);
    trackers[PROTOCOL_ICMP] = new IcmpTracker(context, 4);
    trackers[PROTOCOL_ICMPV6] = new IcmpTracker(context, 6);
    trackers[PROTOCOL_GRE] = new GreTracker(context);
    trackers[PROTOCOL_SCTP] = new SctpTracker(context);
    trackers[PROTOCOL_DCCP] = new DccpTracker(context);
    this.#trackers = trackers;
  }

  /** The conntrack hook at prerouting and output (nf_conntrack_in). */
  in(packet: Packet, hook: number): number {
    if (packet.timeNs > this.table.nowNs) this.table.advance(packet.timeNs);
    if (packet.ct >= 0) return NF_ACCEPT;
    if (packet.ctInfo === CT_UNTRACKED) {
      this.#recorder.event(CT_UNTRACKED_EVENT, 0);
      return NF_ACCEPT;
    }
    packet.ctInfo = CT_INVALID;
    // A fragment that was not reassembled (IP_NODEFRAG) or the quoted half of nothing.
    if (hook === HOOK_OUTPUT && packet.ipVersion === 4 && (packet.moreFragments || packet.fragmentOffset !== 0))
      return NF_ACCEPT;
    const protocol = packet.protocol;
    if (protocol < 0 || packet.fragmentOffset !== 0) return this.#invalid(packet);
    if (packet.transport < 0 && !this.#needsNoHeader(packet)) return this.#invalid(packet);
    this.#takeZones(packet);
    const isIcmp = packet.ipVersion === 4 ? protocol === PROTOCOL_ICMP : protocol === PROTOCOL_ICMPV6;
    if (isIcmp) {
      const sorted = this.#icmpErrors.sort(packet, hook, this.#zone);
      if (sorted === ICMP_INVALID) return this.#invalid(packet);
      if (sorted === ICMP_DONE) {
        if (packet.ctInfo === CT_UNTRACKED) this.#recorder.event(CT_UNTRACKED_EVENT, 0);
        return NF_ACCEPT;
      }
    }
    return this.#track(packet, hook, protocol);
  }

  /** An IPv6 extension header that says to be longer than the datagram: to protocols without ports that is no fault. */
  #needsNoHeader(packet: Packet): boolean {
    const { protocol } = packet;
    if (packet.ipVersion !== 6 || packet.networkEnd - packet.network < packet.networkLength) return false;
    const isExtension = protocol === 0 || protocol === 43 || protocol === 44 || protocol === 51 || protocol === 60;
    return !isExtension && protocol !== NO_NEXT_HEADER && this.#trackers[protocol] instanceof GenericTracker;
  }

  /**
   * The confirm hook, last of input and postrouting (nf_confirm, __nf_conntrack_confirm). A clash with a connection
   * that came first is resolved for protocols that allow it, else the packet is dropped.
   */
  confirm(packet: Packet): number {
    const { table } = this;
    const entry = packet.ct;
    if (entry < 0) return NF_ACCEPT;
    const status = u32(table.status, entry);
    if ((status & (IPS_HELPER | IPS_SEQ_ADJUST)) !== 0 && !this.#help(packet, status)) {
      packet.reason = REFUSED;
      return NF_DROP;
    }
    if ((status & IPS_CONFIRMED) !== 0 || packet.ctDirection !== ORIGINAL) return NF_ACCEPT;
    this.#recorder.event(CT_CONFIRM, 0);
    if ((status & IPS_DYING) !== 0) {
      packet.reason = REFUSED;
      return NF_DROP;
    }
    const at = entry * ENTRY_TUPLE_WORDS;
    let node = table.lookup(table.tuples, at);
    if (node < 0) node = table.lookup(table.tuples, at + TUPLE_WORDS);
    if (node >= 0) return this.#resolveClash(packet, node);
    table.confirm(entry);
    return NF_ACCEPT;
  }

  /** nf_confirm: helper and sequence numbers. False: the packet is to be dropped. ICMP errors about it are left alone. */
  #help(packet: Packet, status: number): boolean {
    const { table } = this;
    const own = u32(table.tuples, packet.ct * ENTRY_TUPLE_WORDS + TUPLE_PROTOCOL) & 0xff;
    if (packet.protocol !== own) return true;
    const kind = this.#helperKinds[table.helper[packet.ct] as number] ?? 0;
    if (kind !== 0 && this.helpers.help(packet, kind) !== NF_ACCEPT) return false;
    // A packet that a helper made longer itself stands at the position from where on others move.
    return (status & IPS_SEQ_ADJUST) === 0 || own !== PROTOCOL_TCP || this.sequence.adjust(packet);
  }

  /**
   * Ends a packet's hold on its connection: frees an entry that was never confirmed (its packet was dropped) or that is
   * dying. To be called once for each packet when the router is done with it.
   */
  release(packet: Packet): void {
    const entry = packet.ct;
    if (entry < 0) return;
    const { table } = this;
    const status = u32(table.status, entry);
    if ((status & IPS_CONFIRMED) === 0 || (status & IPS_DYING) !== 0) {
      table.free(entry);
      packet.ct = -1;
    }
  }

  /** Connections::flowOf of the datapath. */
  flowOf(entry: number): number {
    return f64(this.table.flowNumber, entry);
  }

  /** Gives a packet that the router makes about another one the connection of that one, as RELATED (nf_conntrack_attach). */
  attach(generated: Packet, cause: Packet): void {
    if (cause.ct < 0) return;
    generated.ct = cause.ct;
    generated.ctDirection = 1 - cause.ctDirection;
    generated.ctInfo = CT_RELATED;
  }

  /** `notrack`: the packet passes without a connection (only before it has one). */
  untrack(packet: Packet): void {
    if (packet.ct < 0 && packet.ctInfo !== CT_NEW) packet.ctInfo = CT_UNTRACKED;
  }

  /**
   * `ct zone set`, before the packet is tracked; `direction` -1 stands for both. The template that it leaves on the packet
   * is new, undoes a `notrack` before it, and keeps later ones of either kind away.
   */
  setZone(packet: Packet, zone: number, direction: number): void {
    if (packet.ct >= 0 || packet.ctInfo === CT_NEW) return;
    packet.ctInfo = CT_NEW;
    this.#zonePacket = packet.number;
    this.#templateOriginal = direction === REPLY ? 0 : zone;
    this.#templateReply = direction === ORIGINAL ? 0 : zone;
  }

  /** The zone that `ct zone set` gave a packet that is not tracked yet. */
  zoneOf(packet: Packet): number {
    return this.#zonePacket === packet.number ? this.#templateOriginal : 0;
  }

  /** What stands behind the number of a helper's name. */
  defineHelper(name: number, text: string): void {
    this.#helperKinds[name] = Math.max(0, (HELPER_NAMES as readonly string[]).indexOf(text));
  }

  /** `ct helper set`: only for a connection that is not confirmed and has none. `name` is the number of its name. */
  assignHelper(entry: number, name: number): void {
    const { table } = this;
    const status = u32(table.status, entry);
    if ((status & (IPS_CONFIRMED | IPS_HELPER)) !== 0 || table.helper[entry] === HELPER_EMPTY) return;
    table.helper[entry] = name;
    table.status[entry] = status | IPS_HELPER;
  }

  /** `ct timeout set`: only for a connection that is not confirmed. `policy` comes from timeouts.addPolicy(). */
  assignTimeoutPolicy(entry: number, policy: number): void {
    if ((u32(this.table.status, entry) & IPS_CONFIRMED) === 0) this.table.timeoutPolicy[entry] = policy;
  }

  /** Frees the connections that have expired by then. */
  advance(nowNs: number): void {
    this.table.advance(nowNs);
  }

  #invalid(packet: Packet): number {
    packet.ct = -1;
    packet.ctInfo = CT_INVALID;
    this.#recorder.event(CT_INVALID_EVENT, familyProtocol(packet));
    return NF_ACCEPT;
  }

  #track(packet: Packet, hook: number, protocol: number): number {
    const { table } = this;
    const event = familyProtocol(packet);
    // Once more when a SYN reopens a closed connection.
    for (let attempt = 0; attempt < 2; attempt++) {
      const node = this.#resolve(packet, event);
      if (node === TABLE_FULL) {
        packet.reason = FULL;
        if (table.passNs === Number.POSITIVE_INFINITY) table.passNs = nextPassNs(table);
        return NF_DROP;
      }
      if (node === NO_ENTRY) return this.#invalid(packet);
      const entry = node >> 1;
      const direction = node & 1;
      this.#recorder.event(CT_UPDATE, event);
      if (this.onJudge !== undefined) this.onJudge(entry, direction);
      const outcome = (this.#trackers[protocol & 0xff] as Tracker).packet(packet, entry, direction, hook);
      if (outcome === TRACK_ACCEPT) return this.#accept(packet, entry, direction);
      if ((u32(table.status, entry) & IPS_CONFIRMED) === 0 || outcome === TRACK_REPEAT) table.free(entry);
      if (outcome === TRACK_REPEAT) continue;
      if (outcome === TRACK_DROP) {
        packet.reason = REFUSED;
        return NF_DROP;
      }
      return this.#invalid(packet);
    }
    return this.#invalid(packet);
  }

  #accept(packet: Packet, entry: number, direction: number): number {
    const { table } = this;
    const status = u32(table.status, entry);
    packet.ct = entry;
    packet.ctDirection = direction;
    if (direction === REPLY) {
      packet.ctInfo = CT_ESTABLISHED;
      table.status[entry] = status | IPS_SEEN_REPLY;
    } else if ((status & IPS_SEEN_REPLY) !== 0) packet.ctInfo = CT_ESTABLISHED;
    else packet.ctInfo = (status & IPS_EXPECTED) !== 0 ? CT_RELATED : CT_NEW;
    table.seenPackets[entry] = f64(table.seenPackets, entry) + 1;
    table.seenBytes[entry] = f64(table.seenBytes, entry) + packet.networkLength;
    return NF_ACCEPT;
  }

  /** resolve_normal_ct: entry * 2 + direction, NO_ENTRY (no tuple) or TABLE_FULL. */
  #resolve(packet: Packet, event: number): number {
    const { table } = this;
    const tuples = this.#tuples;
    const { data, network, transport, networkEnd, ipVersion } = packet;
    if (!readTuple(data, network, transport, networkEnd, ipVersion, packet.protocol, tuples, 0)) return NO_ENTRY;
    const node = this.#find(tuples);
    if (node >= 0) {
      this.#recorder.event(CT_LOOKUP, event);
      return node;
    }
    if (!invertTuple(tuples, 0, tuples, TUPLE_WORDS)) return NO_ENTRY;
    setZone(tuples, TUPLE_WORDS, this.#replyZone);
    this.#recorder.event(CT_NEW_EVENT, event);
    const entry = table.alloc(tuples, 0, tuples, TUPLE_WORDS, packet.number);
    if (entry < 0) return TABLE_FULL;
    if (this.expectations.count > 0) this.#fulfil(entry);
    return entry * 2;
  }

  /** init_conntrack: a connection that somebody expects is RELATED to its master, and marked like it. */
  #fulfil(entry: number): void {
    const { table } = this;
    const expectation = this.expectations.take(table.tuples, entry * ENTRY_TUPLE_WORDS);
    if (expectation === undefined) return;
    const { master } = expectation;
    table.status[entry] = u32(table.status, entry) | IPS_EXPECTED;
    table.mark[entry] = u32(table.mark, master);
    table.masterHelper[entry] = Math.max(NO_HELPER, table.helper[master] as number);
    if (expectation.nat !== undefined) this.onExpected?.(entry, expectation);
  }

  /** Looks the tuple up in the zone of its direction; leaves the zone of the original direction in it. */
  #find(tuples: Uint32Array): number {
    const zone = this.#zone;
    if (zone === this.#replyZone) {
      setZone(tuples, 0, zone);
      return this.table.lookup(tuples, 0);
    }
    setZone(tuples, 0, this.#replyZone);
    const reply = this.table.lookup(tuples, 0);
    setZone(tuples, 0, zone);
    const original = this.table.lookup(tuples, 0);
    if (original >= 0 && (original & 1) === ORIGINAL) return original;
    return reply >= 0 && (reply & 1) === REPLY ? reply : -1;
  }

  #takeZones(packet: Packet): void {
    const isMine = this.#zonePacket === packet.number;
    this.#zone = isMine ? this.#templateOriginal : 0;
    this.#replyZone = isMine ? this.#templateReply : 0;
    this.#zonePacket = -1;
  }

  /** nf_ct_resolve_clash: `node` stands in the table for one of the tuples of the packet's new entry. */
  #resolveClash(packet: Packet, node: number): number {
    const { table } = this;
    const entry = packet.ct;
    const at = entry * ENTRY_TUPLE_WORDS;
    const protocol = u32(table.tuples, at + TUPLE_PROTOCOL) & 0xff;
    if (ALLOW_CLASH[protocol] === 0) return this.#refuseClash(packet);
    const winner = table.lookup(table.tuples, at);
    const other = table.lookup(table.tuples, at + TUPLE_WORDS);
    if (this.#isSame(entry, node >> 1)) return this.#join(packet, node >> 1);
    if (other >= 0 && this.#isSame(entry, other >> 1)) return this.#join(packet, other >> 1);
    if (other >= 0 || winner < 0) return this.#refuseClash(packet);
    // Only the original tuple clashes: keep the entry for a second, for the replies.
    table.status[entry] = u32(table.status, entry) | IPS_FIXED_TIMEOUT | IPS_NAT_CLASH;
    table.setExpires(entry, table.nowNs + CLASH_TIMEOUT_NS);
    table.confirmReplyOnly(entry);
    return NF_ACCEPT;
  }

  /** nf_ct_can_merge: both are the same connection, perhaps seen from the other side. */
  #isSame(entry: number, other: number): boolean {
    const { tuples } = this.table;
    const a = entry * ENTRY_TUPLE_WORDS;
    const b = other * ENTRY_TUPLE_WORDS;
    const reply = TUPLE_WORDS;
    return (
      (tupleEqual(tuples, a, tuples, b) && tupleEqual(tuples, a + reply, tuples, b + reply)) ||
      (tupleEqual(tuples, a, tuples, b + reply) && tupleEqual(tuples, a + reply, tuples, b))
    );
  }

  #join(packet: Packet, winner: number): number {
    const { table } = this;
    const loser = packet.ct;
    packet.ct = winner;
    table.seenPackets[winner] = f64(table.seenPackets, winner) + f64(table.seenPackets, loser);
    table.seenBytes[winner] = f64(table.seenBytes, winner) + f64(table.seenBytes, loser);
    this.accounting.count(winner, packet.ctDirection, packet.networkLength);
    table.free(loser);
    return NF_ACCEPT;
  }

  #refuseClash(packet: Packet): number {
    const isTranslated = (u32(this.table.status, packet.ct) & IPS_NAT_MASK) !== 0;
    packet.reason = isTranslated ? NAT_FAILED : REFUSED;
    return NF_DROP;
  }
}

/** Protocols whose connections may clash at confirm: allow_clash of nf_conntrack_l4proto; here 0 = may not. */
const ALLOW_CLASH = new Uint8Array(256).fill(1);
for (const protocol of [PROTOCOL_TCP, PROTOCOL_SCTP, PROTOCOL_DCCP, PROTOCOL_ICMP, PROTOCOL_ICMPV6]) {
  ALLOW_CLASH[protocol] = 0;
}

function setZone(tuples: Uint32Array, at: number, zone: number): void {
  tuples[at + TUPLE_PROTOCOL] = ((u32(tuples, at + TUPLE_PROTOCOL) & 0xffff) | (zone << 16)) >>> 0;
}

/** The packet's protocol and family as the argument of conntrack's events. */
function familyProtocol(packet: Packet): number {
  return (packet.protocol & 0xff) | (packet.ipVersion << 8);
}
