// What a netfilter hook says of a packet, with the numbers of linux/netfilter.h.

/** The packet ends here; packet.reason says why. */
export const NF_DROP = 0;
/** The packet goes on (to the next hook entry, and after the last one out of the hook). */
export const NF_ACCEPT = 1;
/** Someone else has the packet now: a queued fragment, a packet sent by the flowtable or by `fwd`. */
export const NF_STOLEN = 2;
/** To user space, which drops it. */
export const NF_QUEUE = 3;
/** To user space, which accepts it: the next hook entry has it (the kernel's NF_QUEUE with a flag). */
export const NF_QUEUE_ACCEPTED = 0x8003;
