// Status bits of a connection (enum ip_conntrack_status, linux/netfilter/nf_conntrack_common.h) and
// the two directions and manips. Numbers are the kernel's: `ct status` compares them.

export const IPS_EXPECTED = 1;
export const IPS_SEEN_REPLY = 2;
export const IPS_ASSURED = 4;
export const IPS_CONFIRMED = 8;
export const IPS_SRC_NAT = 16;
export const IPS_DST_NAT = 32;
export const IPS_NAT_MASK = IPS_SRC_NAT | IPS_DST_NAT;
export const IPS_SEQ_ADJUST = 64;
export const IPS_SRC_NAT_DONE = 128;
export const IPS_DST_NAT_DONE = 256;
export const IPS_NAT_DONE_MASK = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE;
export const IPS_DYING = 512;
export const IPS_FIXED_TIMEOUT = 1024;
export const IPS_TEMPLATE = 2048;
export const IPS_NAT_CLASH = 4096;
export const IPS_HELPER = 8192;
export const IPS_OFFLOAD = 16384;
export const IPS_HW_OFFLOAD = 32768;

/** Direction of the packet that made the connection. */
export const ORIGINAL = 0;
export const REPLY = 1;
