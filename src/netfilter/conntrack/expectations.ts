// Connections that helpers expect (nf_conntrack_expect.c): who comes from there, to here, in the next minutes, belongs
// to a connection that is known. There are few of them, so they stand in a list; without any, nothing is looked at.
import { f64, u32 } from '../../base/columns.ts';
import type { Sysctl } from '../../net/sysctl.ts';
import { sysctlNumber } from '../../net/sysctl.ts';
import { IPS_CONFIRMED } from './status.ts';
import { type ConntrackTable, ENTRY_TUPLE_WORDS } from './table.ts';
import { addressEqual, TUPLE_DESTINATION, TUPLE_PORTS, TUPLE_PROTOCOL, TUPLE_SOURCE, TUPLE_WORDS } from './tuple.ts';

/** nf_conntrack_expect_max: four times the 1,024 buckets of a router with memory enough. */
const EXPECT_MAX = 4096;
/** Expectations of one connection: expect_policy.max_expected of ftp and tftp. */
export const ONE_EXPECTED = 1;

/** A connection to come. */
export interface Expectation {
  /** Its master's entry, and the number that says whether the entry is still the master's. */
  master: number;
  masterFlow: number;
  /** Source address, destination address, any port << 16 | destination port, protocol and family and zone. */
  tuple: Uint32Array;
  expiresNs: number;
  /** nf_nat_follow_master: what the expected connection is translated like. */
  nat: { direction: number; port: number } | undefined;
}

/** Why an expectation is not accepted. */
export type ExpectRefusal = 'busy' | 'full';

/** All expectations of a router. */
export class Expectations {
  readonly #table: ConntrackTable;
  readonly #maximum: number;
  #list: Expectation[] = [];

  constructor(table: ConntrackTable, sysctl: Sysctl) {
    this.#table = table;
    this.#maximum = sysctlNumber(sysctl, 'net.netfilter.nf_conntrack_expect_max', EXPECT_MAX);
  }

  get count(): number {
    return this.#list.length;
  }

  /**
   * nf_ct_expect_init: from the source of tuples[at] (the other direction's tuple of a connection) to an address and port.
   * `destination` are four words at `destinationAt`.
   */
  make(
    master: number,
    at: number,
    destination: Uint32Array,
    destinationAt: number,
    protocol: number,
    port: number,
    timeoutNs: number,
  ): Expectation {
    const { tuples, flowNumber, nowNs } = this.#table;
    const tuple = new Uint32Array(TUPLE_WORDS);
    for (let i = 0; i < 4; i++) {
      tuple[TUPLE_SOURCE + i] = u32(tuples, at + TUPLE_SOURCE + i);
      tuple[TUPLE_DESTINATION + i] = u32(destination, destinationAt + i);
    }
    tuple[TUPLE_PORTS] = port;
    tuple[TUPLE_PROTOCOL] = ((u32(tuples, at + TUPLE_PROTOCOL) & 0xffffff00) | protocol) >>> 0;
    return { master, masterFlow: f64(flowNumber, master), tuple, expiresNs: nowNs + timeoutNs, nat: undefined };
  }

  /** nf_ct_expect_related: a connection's own expectation for the same is replaced, one of another is in the way. */
  add(fresh: Expectation, maximum: number): ExpectRefusal | undefined {
    this.#collect();
    const same = this.#list.findIndex((other) => isSame(other, fresh));
    if (same >= 0) {
      if (this.#list[same]?.masterFlow !== fresh.masterFlow) return 'busy';
      this.#list.splice(same, 1);
    }
    const own = this.#list.filter((other) => other.masterFlow === fresh.masterFlow);
    const [oldest] = own;
    if (own.length >= maximum && oldest !== undefined) this.remove(oldest);
    if (this.#list.length >= this.#maximum) return 'full';
    this.#list.push(fresh);
    return undefined;
  }

  /** How many a connection expects (nf_conn_help.expecting). */
  countOf(master: number): number {
    const flow = f64(this.#table.flowNumber, master);
    return this.#list.reduce((count, row) => (row.masterFlow === flow ? count + 1 : count), 0);
  }

  /** nf_ct_unexpect_related. */
  remove(expectation: Expectation): void {
    const at = this.#list.indexOf(expectation);
    if (at >= 0) this.#list.splice(at, 1);
  }

  /** nf_ct_find_expectation: takes out what the first packet of a connection fulfils. */
  take(tuples: Uint32Array, at: number): Expectation | undefined {
    if (this.#list.length === 0) return undefined;
    this.#collect();
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const row = this.#list[i];
      if (row === undefined || !matches(row.tuple, tuples, at)) continue;
      // A master whose first packet has not left cannot have told anybody.
      if ((u32(this.#table.status, row.master) & IPS_CONFIRMED) === 0) return undefined;
      this.#list.splice(i, 1);
      return row;
    }
    return undefined;
  }

  /** Those that have run out, or whose master is gone. */
  #collect(): void {
    const { flowNumber, nowNs } = this.#table;
    if (this.#list.every((row) => row.expiresNs > nowNs && f64(flowNumber, row.master) === row.masterFlow)) return;
    this.#list = this.#list.filter((row) => row.expiresNs > nowNs && f64(flowNumber, row.master) === row.masterFlow);
  }
}

/** nf_ct_tuple_mask_cmp: the source port is free. */
function matches(expected: Uint32Array, tuples: Uint32Array, at: number): boolean {
  return (
    (u32(expected, TUPLE_PORTS) & 0xffff) === (u32(tuples, at + TUPLE_PORTS) & 0xffff) &&
    u32(expected, TUPLE_PROTOCOL) === u32(tuples, at + TUPLE_PROTOCOL) &&
    addressEqual(expected, TUPLE_SOURCE, tuples, at + TUPLE_SOURCE) &&
    addressEqual(expected, TUPLE_DESTINATION, tuples, at + TUPLE_DESTINATION)
  );
}

function isSame(a: Expectation, b: Expectation): boolean {
  return matches(a.tuple, b.tuple, 0);
}

/** Word offset of one direction's tuple of an entry. */
export function tupleAt(entry: number, direction: number): number {
  return entry * ENTRY_TUPLE_WORDS + direction * TUPLE_WORDS;
}
