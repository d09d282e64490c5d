// TCP connection states and what each kind of segment does to them (tcp_conntracks of nf_conntrack_proto_tcp.c).
// One row per direction and kind of segment, one column per state, with the reason where it is not obvious.
// The tracker stands between the hosts: it assumes that a host receives nothing that was not seen here.

export const TCP_NONE = 0;
/** A SYN was seen. */
export const TCP_SYN_SENT = 1;
/** A SYN/ACK was seen. */
export const TCP_SYN_RECV = 2;
/** The ACK of the handshake was seen, or the connection was picked up in the middle. */
export const TCP_ESTABLISHED = 3;
/** A FIN was seen. */
export const TCP_FIN_WAIT = 4;
/** An ACK after the FIN. */
export const TCP_CLOSE_WAIT = 5;
/** The second FIN. */
export const TCP_LAST_ACK = 6;
/** The last ACK. */
export const TCP_TIME_WAIT = 7;
/** Reset. */
export const TCP_CLOSE = 8;
/** A SYN from the reply direction too: simultaneous open. */
export const TCP_SYN_SENT2 = 9;
/** Not a state: the segment is invalid. */
export const TCP_MAX = 10;
/** Not a state: the segment may be right or wrong; it passes and changes nothing. */
export const TCP_IGNORE = 11;

/** Names as conntrack(8) prints them. */
export const TCP_STATE_NAMES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

/** Kinds of segments by their flags (enum tcp_bit_set). */
export const KIND_SYN = 0;
export const KIND_SYNACK = 1;
export const KIND_FIN = 2;
export const KIND_ACK = 3;
export const KIND_RST = 4;
export const KIND_NONE = 5;

const SS = TCP_SYN_SENT;
const SR = TCP_SYN_RECV;
const ES = TCP_ESTABLISHED;
const FW = TCP_FIN_WAIT;
const CW = TCP_CLOSE_WAIT;
const LA = TCP_LAST_ACK;
const TW = TCP_TIME_WAIT;
const CL = TCP_CLOSE;
const S2 = TCP_SYN_SENT2;
const IV = TCP_MAX;
const IG = TCP_IGNORE;

/** [(direction * 6 + kind) * 10 + state] = new state. */
// biome-ignore format: a table is read by columns
export const TCP_TRANSITIONS = Uint8Array.of(
  // state:        NO  SS  SR  ES  FW  CW  LA  TW  CL  S2
  // original
  // SYN: opens; again in SYN_SENT; reopens after TIME_WAIT or CLOSE (RFC 1122). Otherwise we or the client are out of
  // sync: it passes, the server's answer tells.
  /* syn */        SS, SS, IG, IG, IG, IG, IG, SS, SS, S2,
  // A client sends SYN/ACK in a simultaneous open only.
  /* synack */     IV, IV, SR, IV, IV, IV, IV, IV, IV, SR,
  // A FIN before the server's SYN/ACK is invalid; the second FIN (or the first again) waits for the last ACK.
  /* fin */        IV, IV, FW, FW, LA, LA, LA, TW, CL, IV,
  // An ACK without entry picks a connection up; one before the SYN/ACK is invalid; in LAST_ACK it ends the connection.
  /* ack */        ES, IV, ES, ES, CW, CW, TW, TW, CL, IV,
  /* rst */        IV, CL, CL, CL, CL, CL, CL, CL, CL, CL,
  /* none */       IV, IV, IV, IV, IV, IV, IV, IV, IV, IV,
  // reply
  // SYN: simultaneous open; after TIME_WAIT the roles may have changed.
  /* syn */        IV, S2, IV, IV, IV, IV, IV, SS, IV, S2,
  // SYN/ACK: the normal answer; later ones may be repeated, or answer a SYN that was ignored.
  /* synack */     IV, SR, IG, IG, IG, IG, IG, IG, IG, SR,
  /* fin */        IV, IV, FW, FW, LA, LA, LA, TW, CL, IV,
  // An ACK to a SYN: the server holds a half-open connection (it passes, the client resets it).
  /* ack */        IV, IG, SR, ES, CW, CW, TW, TW, CL, IG,
  /* rst */        IV, CL, CL, CL, CL, CL, CL, CL, CL, CL,
  /* none */       IV, IV, IV, IV, IV, IV, IV, IV, IV, IV,
);

export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_PSH = 8;
export const TCP_ACK = 16;
export const TCP_URG = 32;

/** What kind of segment these flags make. */
export function segmentKind(flags: number): number {
  if ((flags & TCP_RST) !== 0) return KIND_RST;
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0 ? KIND_SYNACK : KIND_SYN;
  if ((flags & TCP_FIN) !== 0) return KIND_FIN;
  if ((flags & TCP_ACK) !== 0) return KIND_ACK;
  return KIND_NONE;
}

/** Combinations of FIN, SYN, RST, ACK and URG that exist; PSH, ECE and CWR are always allowed (tcp_valid_flags). */
export const TCP_VALID_FLAGS = new Uint8Array(64);
for (const flags of [
  TCP_SYN,
  TCP_SYN | TCP_URG,
  TCP_SYN | TCP_ACK,
  TCP_RST,
  TCP_RST | TCP_ACK,
  TCP_FIN | TCP_ACK,
  TCP_FIN | TCP_ACK | TCP_URG,
  TCP_ACK,
  TCP_ACK | TCP_URG,
]) {
  TCP_VALID_FLAGS[flags] = 1;
}
