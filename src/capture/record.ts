// What every capture reader presents: one record at a time in public fields of a reused object, so that
// reading a packet costs no allocation and no copy. The loop of a user is
//   for (;;) { while (reader.next()) use(reader); if (!(await reader.fill())) break; }
// Record octets may be edited, and so may HEADROOM octets before them (records already consumed or spare
// room); octets at `end` and after belong to the records that follow.
import type { CaptureError } from '../base/errors.ts';

/** Octets before a frame's first octet that may be overwritten, also after link.ts made it an Ethernet frame. */
export const HEADROOM = 64;
/** Spare octets before the first record of a block: HEADROOM and an Ethernet header pushed by link.ts. */
export const BLOCK_ROOM = HEADROOM + 16;
/** Largest captured length of one packet (MAXIMUM_SNAPLEN of libpcap, WTAP_MAX_PACKET_SIZE_STANDARD of Wireshark). */
export const MAX_CAPTURED_LENGTH = 262_144;
/** `packetType` of a record whose capture says nothing about direction. */
export const PACKET_TYPE_UNKNOWN = -1;

/** One captured packet. Valid until the next next() or fill(). */
export interface CaptureRecord {
  /** Plain Uint8Array that holds the packet (and others). */
  data: Uint8Array;
  /** First octet of the packet. */
  start: number;
  /** One past the last captured octet. */
  end: number;
  /** Octets that the packet had on the wire, never less than end - start. */
  wireLength: number;
  /** Integer seconds since 1970; can be negative only by a pcapng if_tsoffset. */
  timestampSeconds: number;
  /** 0 … 999,999,999. */
  timestampNanos: number;
  /** Index in the reader's `interfaces`: pcapng interfaces of all sections in file order; 0 in other formats. */
  interfaceIndex: number;
  /** LINKTYPE_ number of the packet's interface. */
  linkType: number;
  /** Byte offset of the record in the file, decompressed when it is gzip. */
  fileOffset: number;
  /** Packet type of linux/if_packet.h (0 host … 4 outgoing) when the capture says it, else PACKET_TYPE_UNKNOWN. */
  packetType: number;
  /** Interface index on the capturing host (cooked v2, modified pcap), else 0. */
  hostIfindex: number;
}

/** An interface that the capture describes. */
export interface CaptureInterface {
  /** pcapng if_name, the live device, or '' when the capture does not say. */
  name: string;
  linkType: number;
  /** Whether linktype.ts knows how to read its packets; if not, they are counted in `skipped`, not delivered. */
  supported: boolean;
  snaplen: number;
  skipped: number;
}

/** A source of records: file, pipe or live interface. */
export interface CaptureReader extends CaptureRecord {
  /** As the user named it. */
  readonly path: string;
  readonly interfaces: CaptureInterface[];
  /** Set when the capture ended before its end: cut, corrupt or unreadable. Everything before was delivered. */
  damage: CaptureError | undefined;
  /** Simple packet blocks carry no time; they got the time of the packet before. How many. */
  readonly untimed: number;
  /** Packets that a live capture lost because they came faster than they were replayed. */
  readonly lost: number;
  /** Octets consumed so far, as stored (compressed ones for gzip). */
  readonly readBytes: number;
  /** Octets in all, or undefined for pipes. */
  readonly totalBytes: number | undefined;
  /** Moves to the next record that is loaded; false when fill() must load more, or at the end. Never throws. */
  next(): boolean;
  /** Loads more octets; false when the capture has ended. Never throws: what goes wrong becomes `damage`. */
  fill(): Promise<boolean>;
  close(): Promise<void>;
}
