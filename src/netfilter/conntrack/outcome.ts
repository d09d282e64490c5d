// What a protocol's tracker says of a packet (the return values of nf_conntrack_*_packet).

/** The packet belongs to the entry. */
export const TRACK_ACCEPT = 1;
/** Drop the packet. */
export const TRACK_DROP = 0;
/** The packet is not part of the connection: it goes on as invalid (-NF_ACCEPT). */
export const TRACK_INVALID = -1;
/** The entry was killed: look up again, make a new one (-NF_REPEAT). */
export const TRACK_REPEAT = -4;
