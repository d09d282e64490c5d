// `ct count` (nft_connlimit.c, nf_conncount.c): how many connections came by here that still live. A list for each
// instance; those that ended or were never confirmed leave it when the list is looked at, nine at a time.

import { f64, i32, u8, u32 } from '../../base/columns.ts';
import type { Packet } from '../../packet/packet.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_DYING } from '../conntrack/status.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import { ENTRY_TUPLE_WORDS } from '../conntrack/table.ts';
import { copyTuple, readTuple, TUPLE_WORDS } from '../conntrack/tuple.ts';
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
/** The packet belongs to no connection. */
const NO_NODE = -1;
const tuple = new Uint32Array(TUPLE_WORDS);

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
      if (list === undefined || !list.add(engine.conntrack, run.packet)) return NF_DROP;
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

/**
 * struct nf_conncount_list: connections by tuple. Node (entry * 2 + direction) and flow number, since entries are used again,
 * find most of them without a look-up; NO_NODE is an untracked or invalid packet. What has no connection when the list is
 * collected goes, but another connection of the same tuple may have come about.
 */
class ConnectionList {
  length = 0;
  #nodes = new Int32Array(4);
  #flows = new Float64Array(4);
  #tuples = new Uint32Array(4 * TUPLE_WORDS);
  #collectedAt = -1;
  #lengthThen = 0;

  clear(): void {
    this.length = 0;
    this.#collectedAt = -1;
    this.#lengthThen = 0;
  }

  /**
   * __nf_conncount_add, and nf_conncount_gc_list for a connection that is assured already. False: the packet has neither
   * a connection nor a tuple.
   */
  add(table: ConntrackTable, packet: Packet): boolean {
    let node = packet.ct * 2;
    if (packet.ct < 0) {
      const { data, network, transport, networkEnd, ipVersion, protocol } = packet;
      if (transport < 0 || packet.fragmentOffset !== 0) return false;
      if (!readTuple(data, network, transport, networkEnd, ipVersion, protocol, tuple, 0)) return false;
      node = table.lookup(tuple, 0);
    }
    const status = node < 0 ? 0 : u32(table.status, node >> 1);
    const jiffy = Math.floor(packet.timeNs / JIFFY_NS);
    if ((status & (IPS_CONFIRMED | IPS_ASSURED)) === (IPS_CONFIRMED | IPS_ASSURED)) {
      if (jiffy !== this.#collectedAt) this.#collect(table, NO_NODE, jiffy);
      return true;
    }
    const skipCheck =
      (status & IPS_CONFIRMED) === 0 && jiffy === this.#collectedAt && this.length - this.#lengthThen < MAX_COLLECT;
    if (!skipCheck && this.#collect(table, node, jiffy)) return true;
    if (packet.ct >= 0) copyTuple(table.tuples, node * TUPLE_WORDS, tuple, 0);
    this.#push(node, node < 0 ? 0 : f64(table.flowNumber, node >> 1));
    return true;
  }

  /** nf_conncount_gc_list: evicts what ended; true when nothing is left. */
  isEmptied(table: ConntrackTable, nowNs: number): boolean {
    const jiffy = Math.floor(nowNs / JIFFY_NS);
    if (jiffy === this.#collectedAt) return false;
    this.#collect(table, NO_NODE, jiffy);
    return this.length === 0;
  }

  /** Evicts what ended; true when `node` is in the list. */
  #collect(table: ConntrackTable, node: number, jiffy: number): boolean {
    let kept = 0;
    let collected = 0;
    let at = 0;
    let found = false;
    for (; at < this.length && collected <= MAX_COLLECT; at++) {
      const other = this.#find(table, at);
      if (other >= 0) {
        if (other === node) {
          found = true;
          break;
        }
        if (!isClosed(table, other >> 1)) {
          this.#move(at, kept++);
          continue;
        }
      }
      collected++;
    }
    for (; at < this.length; at++) this.#move(at, kept++);
    this.length = kept;
    if (found) return true;
    this.#collectedAt = jiffy;
    this.#lengthThen = kept;
    return false;
  }

  /** find_or_evict: the node of a row, -1 when its connection is gone. */
  #find(table: ConntrackTable, at: number): number {
    const node = i32(this.#nodes, at);
    if (node >= 0 && isAlive(table, node >> 1, f64(this.#flows, at))) return node;
    return table.lookup(this.#tuples, at * TUPLE_WORDS);
  }

  #move(from: number, to: number): void {
    this.#nodes[to] = i32(this.#nodes, from);
    this.#flows[to] = f64(this.#flows, from);
    copyTuple(this.#tuples, from * TUPLE_WORDS, this.#tuples, to * TUPLE_WORDS);
  }

  /** Appends the tuple in hand. */
  #push(node: number, flow: number): void {
    if (this.length === this.#nodes.length) {
      const nodes = new Int32Array(this.length * 2);
      const flows = new Float64Array(this.length * 2);
      nodes.set(this.#nodes);
      const tuples = new Uint32Array(this.length * 2 * TUPLE_WORDS);
      flows.set(this.#flows);
      tuples.set(this.#tuples);
      this.#nodes = nodes;
      this.#flows = flows;
      this.#tuples = tuples;
    }
    copyTuple(tuple, 0, this.#tuples, this.length * TUPLE_WORDS);
    this.#nodes[this.length] = node;
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
