// Is a segment within the windows that both hosts announced? (tcp_in_window of nf_conntrack_proto_tcp.c, after Guido
// van Rooij's "Real Stateful TCP Packet Filtering".) Each direction has
//   end     highest sequence number sent: max(seq + len)
//   maxEnd  how far it may send: max(sack + window) that the other announced
//   maxWin  largest window it announced, plus what it SACKed
// and a segment passes when  I. seq <= sender.maxEnd   II. seq + len >= sender.end - receiver.maxWin
//   III. sack <= receiver.end   IV. sack >= receiver.end - max(66000, sender.maxWin).
import { u32 } from '../../base/columns.ts';
import type { ConntrackTable } from './table.ts';
import { PROTOCOL_WORDS } from './table.ts';
import type { TcpSegment } from './tcp-segment.ts';
import {
  after,
  before,
  FLAG_BE_LIBERAL,
  FLAG_DATA_UNACKNOWLEDGED,
  FLAG_MAXACK_SET,
  FLAG_SACK_PERM,
  FLAG_WINDOW_SCALE,
} from './tcp-segment.ts';
import { KIND_ACK, TCP_ACK, TCP_RST, TCP_SYN, TCP_SYN_RECV, TCP_SYN_SENT } from './tcp-states.ts';

// Words of an entry in table.protocol (struct ip_ct_tcp): two directions of six, then what the last segment was.
export const SEEN_WORDS = 6;
export const SEEN_END = 0;
export const SEEN_MAXEND = 1;
export const SEEN_MAXWIN = 2;
export const SEEN_MAXACK = 3;
export const SEEN_SCALE = 4;
export const SEEN_FLAGS = 5;
export const LAST_SEQ = 12;
export const LAST_ACK = 13;
export const LAST_END = 14;
export const LAST_WINDOW = 15;
export const LAST_DIRECTION = 16;
export const LAST_KIND = 17;
export const LAST_SCALE = 18;
export const LAST_FLAGS = 19;
export const RETRANSMISSIONS = 20;

/** The segment is wrong, but what it may be the sign of is not to be hindered: it passes and changes nothing. */
export const WINDOW_IGNORE = 0;
export const WINDOW_INVALID = 1;
export const WINDOW_ACCEPT = 2;

const MIN_ACK_WINDOW = 66000;

/** Offset in table.protocol of one direction of an entry. */
export function seenAt(entry: number, direction: number): number {
  return entry * PROTOCOL_WORDS + direction * SEEN_WORDS;
}

/**
 * Notes the options of a SYN for one direction (tcp_options). Without any option the direction stays as it is;
 * else scale and flags start anew, but for be-liberal.
 */
export function noteSynOptions(words: Uint32Array, seen: number, segment: TcpSegment): void {
  if (!segment.hasOptions) return;
  segment.readSynOptions();
  let flags = u32(words, seen + SEEN_FLAGS) & FLAG_BE_LIBERAL;
  if (segment.hasSackPermitted) flags |= FLAG_SACK_PERM;
  if (segment.hasScale) flags |= FLAG_WINDOW_SCALE;
  words[seen + SEEN_SCALE] = segment.scale;
  words[seen + SEEN_FLAGS] = flags;
}

/** tcp_init_sender: starts a direction from its SYN or SYN/ACK. */
function initSender(
  words: Uint32Array,
  sender: number,
  receiver: number,
  segment: TcpSegment,
  direction: number,
): void {
  words[sender + SEEN_END] = segment.end;
  words[sender + SEEN_MAXEND] = segment.end;
  words[sender + SEEN_MAXWIN] = segment.window === 0 ? 1 : segment.window;
  noteSynOptions(words, sender, segment);
  // RFC 1323: both must offer window scaling.
  const both = u32(words, sender + SEEN_FLAGS) & u32(words, receiver + SEEN_FLAGS) & FLAG_WINDOW_SCALE;
  if (direction === 1 && both === 0) {
    words[sender + SEEN_SCALE] = 0;
    words[receiver + SEEN_SCALE] = 0;
  }
}

/**
 * Judges a segment of an entry and notes it; `liberal` is the sysctl tcp_be_liberal, `ackShift` how far a helper moved what
 * it acknowledges (nf_ct_seq_offset). Returns WINDOW_*.
 */
export function judgeWindow(
  table: ConntrackTable,
  entry: number,
  direction: number,
  kind: number,
  segment: TcpSegment,
  liberal: boolean,
  ackShift: number,
): number {
  const words = table.protocol;
  const sender = seenAt(entry, direction);
  const receiver = seenAt(entry, 1 - direction);
  const state = table.tcpState[entry] as number;
  const { flags, end } = segment;
  const isSyn = (flags & TCP_SYN) !== 0;
  let seq = segment.seq;
  let last = end;
  let ack = segment.ack;
  let sack = (u32(words, receiver + SEEN_FLAGS) & FLAG_SACK_PERM) !== 0 ? segment.sackEdge() : ack;
  if (ackShift !== 0) {
    ack = (ack - ackShift) >>> 0;
    sack = (sack - ackShift) >>> 0;
  }
  let window = segment.window;

  if (u32(words, sender + SEEN_MAXWIN) === 0) {
    if (isSyn) {
      initSender(words, sender, receiver, segment, direction);
      if ((flags & TCP_ACK) === 0) return WINDOW_ACCEPT; // Simultaneous open.
    } else {
      // The middle of a connection whose history is lost: believe the segment.
      const scaled = shifted(window, u32(words, sender + SEEN_SCALE));
      words[sender + SEEN_END] = end;
      words[sender + SEEN_MAXWIN] = scaled === 0 ? 1 : scaled;
      words[sender + SEEN_MAXEND] = end + u32(words, sender + SEEN_MAXWIN);
      if (u32(words, receiver + SEEN_MAXWIN) === 0) {
        words[receiver + SEEN_END] = sack;
        words[receiver + SEEN_MAXEND] = sack;
      } else if (sack === (u32(words, receiver + SEEN_END) + 1) >>> 0) {
        // Likely the answer to a keep-alive; needed for III.
        words[receiver + SEEN_END] = u32(words, receiver + SEEN_END) + 1;
      }
    }
  } else if (isSyn && after(end, u32(words, sender + SEEN_END)) && (state === TCP_SYN_SENT || state === TCP_SYN_RECV)) {
    // A TCP that starts again uses higher sequence numbers (RFC 793).
    initSender(words, sender, receiver, segment, direction);
    if (direction === 1 && (flags & TCP_ACK) === 0) return WINDOW_ACCEPT;
  }

  if ((flags & TCP_ACK) === 0 || ((flags & TCP_RST) !== 0 && ack === 0)) {
    // No ACK, or that of stacks which put ACK 0 into a RST: pretend a right one.
    ack = u32(words, receiver + SEEN_END);
    sack = ack;
  }
  if ((flags & TCP_RST) !== 0 && seq === 0 && state === TCP_SYN_SENT) {
    seq = u32(words, sender + SEEN_END);
    last = seq;
  }

  const senderFlags = u32(words, sender + SEEN_FLAGS);
  const wrong = judgeSequence(words, sender, receiver, seq, last, sack);
  if (wrong !== WINDOW_ACCEPT) {
    return liberal || (senderFlags & FLAG_BE_LIBERAL) !== 0 ? WINDOW_ACCEPT : wrong;
  }

  if (!isSyn) window = shifted(window, u32(words, sender + SEEN_SCALE));
  noteSender(words, sender, flags, last, ack, (window + sack - ack) >>> 0);
  noteReceiver(words, sender, receiver, last, ack, sack, window);
  if (kind === KIND_ACK) noteRetransmission(words, entry * PROTOCOL_WORDS, direction, seq, ack, last, segment.window);
  return WINDOW_ACCEPT;
}

/** Conditions I to IV. */
function judgeSequence(
  words: Uint32Array,
  sender: number,
  receiver: number,
  seq: number,
  end: number,
  sack: number,
): number {
  const senderEnd = u32(words, sender + SEEN_END);
  const maxEnd = u32(words, sender + SEEN_MAXEND);
  const receiverEnd = u32(words, receiver + SEEN_END);
  const receiverWin = u32(words, receiver + SEEN_MAXWIN);
  const ackWindow = Math.max(u32(words, sender + SEEN_MAXWIN), MIN_ACK_WINDOW);
  const reachesReceiver = after(end, senderEnd - receiverWin - 1);
  const isRecentAck = after(sack, receiverEnd - ackWindow - 1);
  if (!before(seq, maxEnd + 1)) {
    const overshot = (end - maxEnd + 1) >>> 0;
    const isSlight = receiverWin !== 0 && reachesReceiver && isRecentAck && overshot <= receiverWin;
    if (!isSlight || !before(sack, receiverEnd + 1)) return WINDOW_INVALID;
    // Some stacks send a little more than allowed; remember it, else their peer's ACK will look wrong.
    words[sender + SEEN_END] = end;
    words[sender + SEEN_FLAGS] = u32(words, sender + SEEN_FLAGS) | FLAG_DATA_UNACKNOWLEDGED;
    return WINDOW_IGNORE;
  }
  if (!before(sack, receiverEnd + 1)) return WINDOW_INVALID;
  if (receiverWin !== 0 && !reachesReceiver) return WINDOW_IGNORE;
  return isRecentAck ? WINDOW_ACCEPT : WINDOW_IGNORE;
}

function noteSender(words: Uint32Array, sender: number, flags: number, end: number, ack: number, win: number): void {
  if (u32(words, sender + SEEN_MAXWIN) < win) words[sender + SEEN_MAXWIN] = win;
  let seenFlags = u32(words, sender + SEEN_FLAGS);
  if (after(end, u32(words, sender + SEEN_END))) {
    words[sender + SEEN_END] = end;
    seenFlags |= FLAG_DATA_UNACKNOWLEDGED;
  }
  if ((flags & TCP_ACK) !== 0) {
    if ((seenFlags & FLAG_MAXACK_SET) === 0) {
      words[sender + SEEN_MAXACK] = ack;
      seenFlags |= FLAG_MAXACK_SET;
    } else if (after(ack, u32(words, sender + SEEN_MAXACK))) words[sender + SEEN_MAXACK] = ack;
  }
  words[sender + SEEN_FLAGS] = seenFlags;
}

function noteReceiver(
  words: Uint32Array,
  sender: number,
  receiver: number,
  end: number,
  ack: number,
  sack: number,
  window: number,
): void {
  const maxEnd = u32(words, sender + SEEN_MAXEND);
  const receiverWin = u32(words, receiver + SEEN_MAXWIN);
  if (receiverWin !== 0 && after(end, maxEnd)) words[receiver + SEEN_MAXWIN] = receiverWin + (end - maxEnd);
  const allowed = (sack + window) >>> 0;
  if (after(allowed, u32(words, receiver + SEEN_MAXEND) - 1)) {
    words[receiver + SEEN_MAXEND] = window === 0 ? allowed + 1 : allowed;
  }
  if (ack === u32(words, receiver + SEEN_END)) {
    words[receiver + SEEN_FLAGS] = u32(words, receiver + SEEN_FLAGS) & ~FLAG_DATA_UNACKNOWLEDGED;
  }
}

function noteRetransmission(
  words: Uint32Array,
  base: number,
  direction: number,
  seq: number,
  ack: number,
  end: number,
  window: number,
): void {
  if (
    u32(words, base + LAST_DIRECTION) === direction &&
    u32(words, base + LAST_SEQ) === seq &&
    u32(words, base + LAST_ACK) === ack &&
    u32(words, base + LAST_END) === end &&
    u32(words, base + LAST_WINDOW) === window
  ) {
    // An octet in the kernel.
    words[base + RETRANSMISSIONS] = (u32(words, base + RETRANSMISSIONS) + 1) & 0xff;
    return;
  }
  words[base + LAST_DIRECTION] = direction;
  words[base + LAST_SEQ] = seq;
  words[base + LAST_ACK] = ack;
  words[base + LAST_END] = end;
  words[base + LAST_WINDOW] = window;
  words[base + RETRANSMISSIONS] = 0;
}

function shifted(window: number, scale: number): number {
  return (window << scale) >>> 0;
}
