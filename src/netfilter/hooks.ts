// Hook entries in the order in which packets meet them (nf_hook_entries_grow, nf_hook_slow of net/netfilter/core.c).
import { reasonIndex } from '../event/reasons.ts';
import type { Packet } from '../packet/packet.ts';
import { NF_ACCEPT, NF_DROP, NF_QUEUE, NF_QUEUE_ACCEPTED } from './verdict.ts';

const REASON_QUEUE = reasonIndex('queue');

/** Priorities of built-in hooks (enum nf_ip_hook_priorities). */
export const PRIORITY_DEFRAG = -400;
export const PRIORITY_CONNTRACK = -200;
export const PRIORITY_NAT_DST = -100;
export const PRIORITY_NAT_SRC = 100;
export const PRIORITY_CONFIRM = 0x7fffffff;

/** What a hook entry does with a packet: NF_*. */
export type HookFunction = (packet: Packet) => number;

export interface HookEntry {
  priority: number;
  /** For listings: 'conntrack', 'inet fw4 forward'. */
  name: string;
  run: HookFunction;
}

/** The entries of one hook of one family or device. */
export class HookEntries {
  readonly entries: HookEntry[] = [];

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /**
   * Registers an entry before the first one that has the same or a higher priority: of equals the one registered last runs
   * first. Seen on 6.12.117.
   */
  register(entry: HookEntry): void {
    let at = 0;
    while (at < this.entries.length && (this.entries[at] as HookEntry).priority < entry.priority) at++;
    this.entries.splice(at, 0, entry);
  }

  /** Runs the entries until one does not accept. User space answers at once (nf_reinject goes on with the next entry). */
  run(packet: Packet): number {
    const { entries } = this;
    for (let i = 0; i < entries.length; i++) {
      const verdict = (entries[i] as HookEntry).run(packet);
      if (verdict === NF_ACCEPT) continue;
      if (verdict === NF_QUEUE_ACCEPTED) continue;
      if (verdict !== NF_QUEUE) return verdict;
      packet.reason = REASON_QUEUE;
      return NF_DROP;
    }
    return NF_ACCEPT;
  }
}
