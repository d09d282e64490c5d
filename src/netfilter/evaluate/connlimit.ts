// `ct count` (nft_connlimit.c, nf_conncount.c): how many connections came by here that still live. A list for each
// instance; those that ended or were never confirmed leave it when the list is looked at, nine at a time.

import { f64, i32, u8, u32 } from '../../base/columns.ts';
import { simplificationIndex } from '../../event/simplifications.ts';
import type { Packet } from '../../packet/packet.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_DYING } from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { ENTRY_TUPLE_WORDS } from '../conntrack/table.ts';
import { NF_DROP } from '../verdict.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import type { Engine, Of } from './prepared.ts';
import type { Stateful } from './stateful.ts';

/** CONNCOUNT_GC_MAX_COLLECT: a pass ends after more than so many evictions. */
const MAX_COLLECT = 8;
/** A jiffy of HZ=250: a list is not collected twice in one. */
const JIFFY_NS = 4e6;
/** already_closed: TCP_CONNTRACK_TIME_WAIT, TCP_CONNTRACK_CLOSE. */
const TCP_TIME_WAIT = 7;
const TCP_CLOSE = 8;
const TCP = 6;
const CONNLIMIT = simplificationIndex('connlimit');

/** State: number of the instance's list + 1 (0: none yet). */
export function prepareConnlimit(expression: Of<'connlimit'>, engine: Engine): Stateful {
  const { count, invert } = expression;
  const lists: ConnectionList[] = [];
  const free: number[] = [];
  return {
    kind: 'connlimit',
    start(state, at) {
      const list = free.pop() ?? lists.push(new ConnectionList()) - 1;
      state[at] = list + 1;
    },
    evaluate(run, state, at) {
      const list = lists[f64(state, at) - 1];
      const { conntrack } = engine;
      // SIMPLIFIED: connlimit: a packet without a connection is dropped as the kernel does when it has no tuple; the kernel would
      // find the tuple of an untracked packet and count that.
      if (list === undefined || run.packet.ct < 0) {
        engine.recorder.simplified(CONNLIMIT);
        return NF_DROP;
      }
      list.add(conntrack, run.packet);
      return list.length > count === invert ? NFT_CONTINUE : NFT_BREAK;
    },
    isGivenUp(state, at, nowNs) {
      const list = lists[f64(state, at) - 1];
      return list?.isEmptied(engine.conntrack, nowNs) === true;
    },
    release(state, at) {
      const index = f64(state, at) - 1;
      lists[index]?.clear();
      free.push(index);
      state[at] = 0;
    },
    listed: () => expression,
  };
}

/** struct nf_conncount_list: connections by entry and flow number, since entries are used again. */
class ConnectionList {
  length = 0;
  #entries = new Int32Array(4);
  #flows = new Float64Array(4);
  #collectedAt = -1;
  #lengthThen = 0;

  clear(): void {
    this.length = 0;
    this.#collectedAt = -1;
    this.#lengthThen = 0;
  }

  /** __nf_conncount_add, and nf_conncount_gc_list for a connection that is assured already. */
  add(table: ConntrackTable, packet: Packet): void {
    const entry = packet.ct;
    const status = u32(table.status, entry);
    const jiffy = Math.floor(packet.timeNs / JIFFY_NS);
    if ((status & (IPS_CONFIRMED | IPS_ASSURED)) === (IPS_CONFIRMED | IPS_ASSURED)) {
      if (jiffy !== this.#collectedAt) this.#collect(table, -1, jiffy);
      return;
    }
    const skipCheck =
      (status & IPS_CONFIRMED) === 0 && jiffy === this.#collectedAt && this.length - this.#lengthThen < MAX_COLLECT;
    if (!skipCheck && this.#collect(table, entry, jiffy)) return;
    this.#push(entry, f64(table.flowNumber, entry));
  }

  /** nf_conncount_gc_list: evicts what ended; true when nothing is left. */
  isEmptied(table: ConntrackTable, nowNs: number): boolean {
    const jiffy = Math.floor(nowNs / JIFFY_NS);
    if (jiffy === this.#collectedAt) return false;
    this.#collect(table, -1, jiffy);
    return this.length === 0;
  }

  /** Evicts what ended; true when `entry` is in the list. */
  #collect(table: ConntrackTable, entry: number, jiffy: number): boolean {
    let kept = 0;
    let collected = 0;
    let at = 0;
    let found = false;
    for (; at < this.length && collected <= MAX_COLLECT; at++) {
      const other = i32(this.#entries, at);
      const flow = f64(this.#flows, at);
      if (isAlive(table, other, flow)) {
        if (other === entry) {
          found = true;
          break;
        }
        if (!isClosed(table, other)) {
          this.#entries[kept] = other;
          this.#flows[kept++] = flow;
          continue;
        }
      }
      collected++;
    }
    for (; at < this.length; at++) {
      this.#entries[kept] = i32(this.#entries, at);
      this.#flows[kept++] = f64(this.#flows, at);
    }
    this.length = kept;
    if (found) return true;
    this.#collectedAt = jiffy;
    this.#lengthThen = kept;
    return false;
  }

  #push(entry: number, flow: number): void {
    if (this.length === this.#entries.length) {
      const entries = new Int32Array(this.length * 2);
      const flows = new Float64Array(this.length * 2);
      entries.set(this.#entries);
      flows.set(this.#flows);
      this.#entries = entries;
      this.#flows = flows;
    }
    this.#entries[this.length] = entry;
    this.#flows[this.length++] = flow;
  }
}

function isAlive(table: ConntrackTable, entry: number, flow: number): boolean {
  return (
    f64(table.flowNumber, entry) === flow &&
    (u32(table.status, entry) & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED &&
    f64(table.expiresNs, entry) > table.nowNs
  );
}

function isClosed(table: ConntrackTable, entry: number): boolean {
  if ((u32(table.tuples, entry * ENTRY_TUPLE_WORDS + 9) & 0xff) !== TCP) return false;
  const state = u8(table.tcpState, entry);
  return state === TCP_TIME_WAIT || state === TCP_CLOSE;
}
