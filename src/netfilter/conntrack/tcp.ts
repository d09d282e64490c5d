// The TCP tracker (nf_conntrack_tcp_packet, tcp_new, tcp_error of nf_conntrack_proto_tcp.c): state by table, windows
// by tcp-window.ts, and the special cases where a segment tells that host and tracker are out of sync.
// Sets: state, windows, timeout, ASSURED. A new entry's state is NONE until its first segment has passed.
import { f64, u8, u32 } from '../../base/columns.ts';
import type { Recorder } from '../../event/recorder.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Accounting } from './accounting.ts';
import { TRACK_ACCEPT, TRACK_DROP, TRACK_INVALID, TRACK_REPEAT } from './outcome.ts';
import type { SequenceAdjust } from './sequence-adjust.ts';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  IPS_SEQ_ADJUST,
  ORIGINAL,
  REPLY,
} from './status.ts';
import type { ConntrackTable } from './table.ts';
import { PROTOCOL_WORDS } from './table.ts';
import {
  before,
  FLAG_BE_LIBERAL,
  FLAG_CHALLENGE_ACK,
  FLAG_CLOSE_INIT,
  FLAG_DATA_UNACKNOWLEDGED,
  FLAG_MAXACK_SET,
  FLAG_SACK_PERM,
  FLAG_SIMULTANEOUS_OPEN,
  FLAG_WINDOW_SCALE,
  TcpSegment,
} from './tcp-segment.ts';
import {
  KIND_ACK,
  KIND_FIN,
  KIND_NONE,
  KIND_RST,
  KIND_SYN,
  KIND_SYNACK,
  segmentKind,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT,
  TCP_IGNORE,
  TCP_LAST_ACK,
  TCP_MAX,
  TCP_RST,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_SYN_SENT2,
  TCP_TIME_WAIT,
  TCP_TRANSITIONS,
  TCP_VALID_FLAGS,
} from './tcp-states.ts';
import {
  judgeWindow,
  LAST_ACK,
  LAST_DIRECTION,
  LAST_END,
  LAST_FLAGS,
  LAST_KIND,
  LAST_SCALE,
  LAST_SEQ,
  LAST_WINDOW,
  noteSynOptions,
  RETRANSMISSIONS,
  SEEN_END,
  SEEN_FLAGS,
  SEEN_MAXACK,
  SEEN_MAXEND,
  SEEN_MAXWIN,
  SEEN_SCALE,
  seenAt,
  WINDOW_IGNORE,
  WINDOW_INVALID,
} from './tcp-window.ts';
import type { Timeouts } from './timeouts.ts';
import { TCP_TIMEOUT_RETRANS, TCP_TIMEOUT_UNACK } from './timeouts.ts';
import type { Tracker, TrackerContext } from './tracker.ts';
import { HOOK_PREROUTING } from './tracker.ts';
import { PROTOCOL_TCP } from './tuple.ts';
import { hasGoodChecksum, transportLength } from './verify.ts';

/** What a special case decided, beside TRACK_*. */
const GO_ON = 100;
const SKIP_WINDOW = 101;

const FIN_SYN_RST_ACK_URG = 0x37;

export class TcpTracker implements Tracker {
  readonly #table: ConntrackTable;
  readonly #timeouts: Timeouts;
  readonly #accounting: Accounting;
  readonly #recorder: Recorder;
  readonly #verifyChecksums: boolean;
  readonly #loose: boolean;
  readonly #liberal: boolean;
  readonly #maxRetransmissions: number;
  readonly #ignoreInvalidRst: boolean;
  readonly #segment = new TcpSegment();
  /** The state to go to, of the segment in hand: special cases change it. */
  #next = 0;
  #old = 0;

  readonly #sequence: SequenceAdjust;

  constructor(context: TrackerContext) {
    this.#sequence = context.sequence;
    this.#table = context.table;
    this.#timeouts = context.timeouts;
    this.#accounting = context.accounting;
    this.#recorder = context.recorder;
    this.#verifyChecksums = context.verifyChecksums;
    const sysctl = (key: string, fallback: number) =>
      sysctlNumber(context.sysctl, `net.netfilter.nf_conntrack_tcp_${key}`, fallback);
    this.#loose = sysctl('loose', 1) !== 0;
    this.#liberal = sysctl('be_liberal', 0) !== 0;
    this.#maxRetransmissions = sysctl('max_retrans', 3);
    this.#ignoreInvalidRst = sysctl('ignore_invalid_rst', 0) !== 0;
  }

  packet(packet: Packet, entry: number, direction: number, hook: number): number {
    const table = this.#table;
    const segment = this.#segment;
    if (!this.#isSound(packet, hook)) return TRACK_INVALID;
    const kind = segmentKind(segment.flags);
    const isNew = (u32(table.status, entry) & IPS_CONFIRMED) === 0;
    if (isNew && !this.#start(entry, kind)) return TRACK_INVALID;

    this.#old = u8(table.tcpState, entry);
    this.#next = u8(TCP_TRANSITIONS, (direction * 6 + kind) * 10 + this.#old);
    const special = this.#specialCase(entry, direction, kind);
    if (special !== GO_ON && special !== SKIP_WINDOW) return special;
    if (special === GO_ON) {
      const isShifted = (u32(table.status, entry) & IPS_SEQ_ADJUST) !== 0;
      const shift = isShifted ? this.#sequence.offset(entry, 1 - direction, (segment.ack - 1) >>> 0) : 0;
      const judgement = judgeWindow(table, entry, direction, kind, segment, this.#liberal, shift);
      if (judgement === WINDOW_IGNORE) return TRACK_ACCEPT;
      if (judgement === WINDOW_INVALID) {
        this.#noteInvalid(entry, direction, kind);
        return TRACK_INVALID;
      }
    }
    return this.#move(packet, entry, direction, kind);
  }

  /** Whether a connection in this state may be evicted although assured, and needs no RST validation (tcp_can_early_drop). */
  static isClosing(state: number): boolean {
    return state >= TCP_FIN_WAIT && state <= TCP_CLOSE;
  }

  /** nf_conntrack_tcp_set_closing: a RST was sent in the connection's name (`reject with tcp reset`). */
  setClosing(entry: number): void {
    const table = this.#table;
    const status = u32(table.status, entry);
    const old = u8(table.tcpState, entry);
    if ((status & IPS_CONFIRMED) === 0) return;
    table.tcpState[entry] = TCP_CLOSE;
    if (old === TCP_CLOSE || (status & IPS_FIXED_TIMEOUT) !== 0) return;
    table.setExpires(entry, table.nowNs + this.#timeout(entry, TCP_CLOSE));
  }

  /** tcp_error: header, checksum, flags. */
  #isSound(packet: Packet, hook: number): boolean {
    if (!this.#segment.read(packet)) return false;
    if (
      hook === HOOK_PREROUTING &&
      this.#verifyChecksums &&
      !hasGoodChecksum(packet, transportLength(packet), this.#recorder)
    )
      return false;
    return u8(TCP_VALID_FLAGS, this.#segment.flags & FIN_SYN_RST_ACK_URG) === 1;
  }

  /** tcp_new: the first segment of an entry. */
  #start(entry: number, kind: number): boolean {
    const { protocol: words } = this.#table;
    const segment = this.#segment;
    const first = u8(TCP_TRANSITIONS, kind * 10);
    if (first >= TCP_MAX) return false;
    if (first !== TCP_SYN_SENT && !this.#loose) return false;
    const base = entry * PROTOCOL_WORDS;
    words.fill(0, base, base + PROTOCOL_WORDS);
    this.#table.tcpState[entry] = 0;
    const seen = seenAt(entry, ORIGINAL);
    const window = segment.window === 0 ? 1 : segment.window;
    words[seen + SEEN_END] = segment.end;
    words[seen + SEEN_MAXWIN] = window;
    if (first === TCP_SYN_SENT) {
      words[seen + SEEN_MAXEND] = segment.end;
      noteSynOptions(words, seen, segment);
    } else {
      // Picked up in the middle: the window scale is not known, so do not be strict.
      words[seen + SEEN_MAXEND] = segment.end + window;
      words[seen + SEEN_FLAGS] = FLAG_SACK_PERM | FLAG_BE_LIBERAL;
      words[seenAt(entry, REPLY) + SEEN_FLAGS] = FLAG_SACK_PERM | FLAG_BE_LIBERAL;
    }
    words[base + LAST_KIND] = KIND_NONE;
    return true;
  }

  /** Returns GO_ON, SKIP_WINDOW, or what packet() returns. May change #next and #old. */
  #specialCase(entry: number, direction: number, kind: number): number {
    const { protocol: words } = this.#table;
    const base = entry * PROTOCOL_WORDS;
    switch (this.#next) {
      case TCP_SYN_SENT:
        if (this.#old < TCP_TIME_WAIT) return GO_ON;
        return this.#isReopened(entry, direction) ? this.#reopen(entry) : this.#ignore(entry, direction, kind);
      case TCP_IGNORE:
        return this.#ignore(entry, direction, kind);
      case TCP_MAX:
        return TRACK_INVALID;
      case TCP_TIME_WAIT:
        // The ACK that RFC 5961 answers a SYN with does not acknowledge the last FIN.
        if (
          this.#old === TCP_LAST_ACK &&
          kind === KIND_ACK &&
          u32(words, base + LAST_DIRECTION) !== direction &&
          u32(words, base + LAST_KIND) === KIND_SYN &&
          (u32(words, base + LAST_FLAGS) & FLAG_CHALLENGE_ACK) !== 0
        ) {
          words[base + LAST_FLAGS] = u32(words, base + LAST_FLAGS) & ~FLAG_CHALLENGE_ACK;
          return TRACK_ACCEPT;
        }
        return GO_ON;
      case TCP_SYN_SENT2:
        words[base + LAST_FLAGS] = u32(words, base + LAST_FLAGS) | FLAG_SIMULTANEOUS_OPEN;
        return GO_ON;
      case TCP_SYN_RECV:
        if (
          direction === REPLY &&
          kind === KIND_ACK &&
          (u32(words, base + LAST_FLAGS) & FLAG_SIMULTANEOUS_OPEN) !== 0
        ) {
          this.#next = TCP_ESTABLISHED;
        }
        return GO_ON;
      case TCP_CLOSE:
        return kind === KIND_RST ? this.#reset(entry, direction) : GO_ON;
      default:
        return GO_ON;
    }
  }

  /** A SYN on a connection that was closed or aborted: it is a new one. */
  #isReopened(entry: number, direction: number): boolean {
    const { protocol: words } = this.#table;
    const base = entry * PROTOCOL_WORDS;
    const flags = u32(words, seenAt(entry, ORIGINAL) + SEEN_FLAGS) | u32(words, seenAt(entry, REPLY) + SEEN_FLAGS);
    return (
      (flags & FLAG_CLOSE_INIT) !== 0 ||
      (u32(words, base + LAST_DIRECTION) === direction && u32(words, base + LAST_KIND) === KIND_RST)
    );
  }

  #reopen(entry: number): number {
    return this.#table.kill(entry) ? TRACK_REPEAT : TRACK_DROP;
  }

  /**
   * A segment that may be right while the entry is not: it passes and is remembered, and the answer tells. A SYN/ACK
   * that acknowledges a SYN ignored before puts host and tracker in sync again.
   */
  #ignore(entry: number, direction: number, kind: number): number {
    const { protocol: words } = this.#table;
    const segment = this.#segment;
    const base = entry * PROTOCOL_WORDS;
    const lastDirection = u32(words, base + LAST_DIRECTION);
    if (
      kind === KIND_SYNACK &&
      u32(words, base + LAST_KIND) === KIND_SYN &&
      lastDirection !== direction &&
      segment.ack === u32(words, base + LAST_END)
    ) {
      this.#resync(entry, direction);
      return GO_ON;
    }
    words[base + LAST_KIND] = kind;
    words[base + LAST_DIRECTION] = direction;
    words[base + LAST_SEQ] = segment.seq;
    words[base + LAST_END] = segment.end;
    words[base + LAST_WINDOW] = segment.window;
    if (kind === KIND_SYN && direction === ORIGINAL) {
      let flags = 0;
      words[base + LAST_SCALE] = 0;
      if (segment.hasOptions) {
        segment.readSynOptions();
        if (segment.hasScale) {
          flags |= FLAG_WINDOW_SCALE;
          words[base + LAST_SCALE] = segment.scale;
        }
        if (segment.hasSackPermitted) flags |= FLAG_SACK_PERM;
      }
      if (this.#old === TCP_LAST_ACK) flags |= FLAG_CHALLENGE_ACK;
      words[base + LAST_FLAGS] = flags;
    }
    if (this.#old === TCP_SYN_SENT && kind === KIND_ACK && direction === REPLY) words[base + LAST_ACK] = segment.ack;
    return TRACK_ACCEPT;
  }

  #resync(entry: number, direction: number): void {
    const { protocol: words } = this.#table;
    const base = entry * PROTOCOL_WORDS;
    const other = seenAt(entry, u32(words, base + LAST_DIRECTION));
    const window = u32(words, base + LAST_WINDOW);
    this.#old = TCP_SYN_SENT;
    this.#next = TCP_SYN_RECV;
    words[base + LAST_FLAGS] = u32(words, base + LAST_FLAGS) & ~FLAG_CHALLENGE_ACK;
    words[other + SEEN_END] = u32(words, base + LAST_END);
    words[other + SEEN_MAXEND] = u32(words, base + LAST_END);
    words[other + SEEN_MAXWIN] = window === 0 ? 1 : window;
    words[other + SEEN_SCALE] = u32(words, base + LAST_SCALE);
    words[other + SEEN_FLAGS] = u32(words, base + LAST_FLAGS);
    const seen = seenAt(entry, direction);
    const liberal = u32(words, seen + SEEN_FLAGS) & FLAG_BE_LIBERAL;
    words.fill(0, seen, seen + SEEN_FLAGS);
    words[seen + SEEN_FLAGS] = liberal;
  }

  /** A RST closes only when its sequence number is what the other side expects (RFC 5961), or in answer to odd SYNs. */
  #reset(entry: number, direction: number): number {
    const table = this.#table;
    const { protocol: words } = table;
    const segment = this.#segment;
    const base = entry * PROTOCOL_WORDS;
    const other = seenAt(entry, 1 - direction);
    const state = u8(table.tcpState, entry);
    const lastKind = u32(words, base + LAST_KIND);
    const lastDirection = u32(words, base + LAST_DIRECTION);
    const lastEnd = u32(words, base + LAST_END);
    const status = u32(table.status, entry);
    // When closing, the tuple may be in use again and the windows outdated.
    if (TcpTracker.isClosing(state)) return SKIP_WINDOW;
    if ((u32(words, other + SEEN_FLAGS) & FLAG_MAXACK_SET) !== 0 && lastKind !== KIND_SYN) {
      const expected = u32(words, other + SEEN_MAXACK);
      const isEstablished = isTcpEstablished(table, entry);
      if (segment.seq === 0 && !isEstablished) return GO_ON;
      if (before(segment.seq, expected) && !this.#ignoreInvalidRst) return TRACK_INVALID;
      if (!isEstablished || segment.seq === expected) return GO_ON;
      // Right behind data that this side just sent.
      if (lastKind === KIND_ACK && lastDirection === direction && segment.seq === lastEnd) return GO_ON;
      // Not exact: stay established, the other side may challenge it.
      this.#next = this.#old;
    }
    const answersSyn = (status & IPS_SEEN_REPLY) !== 0 && lastKind === KIND_SYN && lastDirection !== direction;
    const answersHalfOpen = (status & IPS_ASSURED) === 0 && lastKind === KIND_ACK;
    if ((answersSyn || answersHalfOpen) && segment.ack === lastEnd) return SKIP_WINDOW;
    const answersChallenge = this.#old === TCP_SYN_SENT && lastKind === KIND_ACK && lastDirection === REPLY;
    return answersChallenge && segment.seq === u32(words, base + LAST_ACK) ? SKIP_WINDOW : GO_ON;
  }

  /** nf_tcp_handle_invalid: FIN or RST out of window from both sides shorten a long timeout. */
  #noteInvalid(entry: number, direction: number, kind: number): void {
    const table = this.#table;
    const { protocol: words } = table;
    if ((u32(table.status, entry) & (IPS_ASSURED | IPS_FIXED_TIMEOUT)) !== IPS_ASSURED) return;
    if (kind !== KIND_RST && kind !== KIND_FIN) return;
    const base = entry * PROTOCOL_WORDS;
    const lastKind = u32(words, base + LAST_KIND);
    if (u32(words, base + LAST_DIRECTION) !== direction && (lastKind === KIND_FIN || lastKind === KIND_RST)) {
      const leftNs = f64(table.expiresNs, entry) - table.nowNs;
      const unackNs = this.#timeout(entry, TCP_TIMEOUT_UNACK);
      if (leftNs >= 120e9 && leftNs > unackNs) table.setExpires(entry, table.nowNs + unackNs);
      return;
    }
    words[base + LAST_KIND] = kind;
    words[base + LAST_DIRECTION] = direction;
  }

  /** The segment is in window: state, timeout, ASSURED. */
  #move(packet: Packet, entry: number, direction: number, kind: number): number {
    const table = this.#table;
    const { protocol: words } = table;
    const base = entry * PROTOCOL_WORDS;
    const next = this.#next;
    const old = this.#old;
    words[base + LAST_KIND] = kind;
    words[base + LAST_DIRECTION] = direction;
    table.tcpState[entry] = next;
    if (old !== next && next === TCP_FIN_WAIT) {
      const seen = seenAt(entry, direction);
      words[seen + SEEN_FLAGS] = u32(words, seen + SEEN_FLAGS) | FLAG_CLOSE_INIT;
    }
    let timeoutNs = this.#chooseTimeout(entry, kind, next);
    const status = u32(table.status, entry);
    if ((status & IPS_SEEN_REPLY) === 0) {
      // Only a RST came back: there is no connection.
      if ((this.#segment.flags & TCP_RST) !== 0) {
        this.#accounting.count(entry, direction, packet.networkLength);
        table.kill(entry);
        return TRACK_ACCEPT;
      }
      // A repeated SYN does not keep an entry alive.
      if (kind === KIND_SYN && old === TCP_SYN_SENT) return TRACK_ACCEPT;
      // Picked up in the middle and not answered yet.
      if (next === TCP_ESTABLISHED) timeoutNs = Math.min(timeoutNs, this.#timeout(entry, TCP_TIMEOUT_UNACK));
    } else if (
      (status & IPS_ASSURED) === 0 &&
      (old === TCP_SYN_RECV || old === TCP_ESTABLISHED) &&
      next === TCP_ESTABLISHED
    ) {
      table.status[entry] = status | IPS_ASSURED;
    }
    this.#accounting.refresh(entry, direction, packet, timeoutNs);
    return TRACK_ACCEPT;
  }

  #chooseTimeout(entry: number, kind: number, next: number): number {
    const { protocol: words } = this.#table;
    const base = entry * PROTOCOL_WORDS;
    const normal = this.#timeout(entry, next);
    const retrans = this.#timeout(entry, TCP_TIMEOUT_RETRANS);
    const unack = this.#timeout(entry, TCP_TIMEOUT_UNACK);
    const flags = u32(words, base + SEEN_FLAGS) | u32(words, seenAt(entry, REPLY) + SEEN_FLAGS);
    if (u32(words, base + RETRANSMISSIONS) >= this.#maxRetransmissions && normal > retrans) return retrans;
    if (kind === KIND_RST && next === TCP_ESTABLISHED && normal > unack) return unack;
    if ((flags & FLAG_DATA_UNACKNOWLEDGED) !== 0 && normal > unack) return unack;
    if (u32(words, base + LAST_WINDOW) === 0 && normal > retrans) return retrans;
    return normal;
  }

  #timeout(entry: number, slot: number): number {
    return this.#timeouts.get(PROTOCOL_TCP, slot, this.#table.timeoutPolicy[entry] as number);
  }
}

/** nf_conntrack_tcp_established: established by state, and seen from both sides (assured). */
export function isTcpEstablished(table: ConntrackTable, entry: number): boolean {
  return u8(table.tcpState, entry) === TCP_ESTABLISHED && (u32(table.status, entry) & IPS_ASSURED) !== 0;
}
