// Translation that helpers need: an announced connection comes to where the packet goes, at a port that is free there, and
// is translated like its master (nf_nat_helper.c, nf_nat_ftp.c).
import { be32, u32 } from '../../base/columns.ts';
import { formatAddress } from '../../packet/address.ts';
import type { Packet } from '../../packet/packet.ts';
import { type Expectation, ONE_EXPECTED, tupleAt } from '../conntrack/expectations.ts';
import { type FtpCommand, ftpNumbers } from '../conntrack/ftp-commands.ts';
import type { HelperNat } from '../conntrack/helpers.ts';
import type { Conntrack } from '../conntrack/track.ts';
import { TUPLE_DESTINATION, TUPLE_PORTS, TUPLE_SOURCE } from '../conntrack/tuple.ts';
import { MANIP_DESTINATION, MANIP_SOURCE, NatRange, NF_NAT_RANGE_PROTO_SPECIFIED } from './range.ts';
import { replacePayload } from './replace-payload.ts';
import type { RandomSource } from './unique-tuple.ts';

const MAX_PORT_ATTEMPTS = 128;

/** nf_nat_setup_info of a connection; false: it has its translation of this side. */
export type Bind = (entry: number, range: NatRange, manip: number) => boolean;

/** The translations of expected connections. */
export class ExpectedNat implements HelperNat {
  readonly #conntrack: Conntrack;
  readonly #random: RandomSource;
  readonly #bind: Bind;
  readonly #range = new NatRange();

  constructor(conntrack: Conntrack, random: RandomSource, bind: Bind) {
    this.#conntrack = conntrack;
    this.#random = random;
    this.#bind = bind;
  }

  /**
   * nf_nat_ftp: the data connection comes to where the packet goes, at a port that is free there; the packet says so.
   * False: no port is free, or the packet cannot grow.
   */
  announce(packet: Packet, command: FtpCommand, expectation: Expectation): boolean {
    const { tuples } = this.#conntrack.table;
    const other = tupleAt(packet.ct, 1 - packet.ctDirection);
    expectation.nat = { direction: 1 - packet.ctDirection, port: command.port };
    const port = this.#expectPort(expectation, command.port);
    if (port === 0) return false;
    const seq = be32(packet.data, packet.transport + 4);
    const text = ftpNumbers(command.kind, addressText(tuples, other + TUPLE_DESTINATION, packet.ipVersion), port);
    const growth = replacePayload(packet, command.from, command.length, text);
    if (growth === undefined) {
      this.#conntrack.expectations.remove(expectation);
      return false;
    }
    this.#conntrack.sequence.set(packet.ct, packet.ctDirection, seq, growth);
    return true;
  }

  /** nf_nat_exp_find_port: the same port, else random ones above it; 0: none is free. */
  #expectPort(expectation: Expectation, wanted: number): number {
    const { expectations } = this.#conntrack;
    const range = 0xffff - wanted;
    let port = wanted;
    for (let left = Math.min(range, MAX_PORT_ATTEMPTS); ; ) {
      expectation.tuple[TUPLE_PORTS] = port;
      const refusal = expectations.add(expectation, ONE_EXPECTED);
      if (refusal === undefined) return port;
      if (refusal !== 'busy' || --left < 0) return 0;
      port = wanted + Math.floor((this.#random.next() / 2 ** 32) * range);
    }
  }

  /** nf_nat_follow_master. */
  followMaster(entry: number, { master, nat }: Expectation): void {
    if (nat === undefined) return;
    const { tuples } = this.#conntrack.table;
    const other = tupleAt(master, 1 - nat.direction);
    const range = this.#range;
    range.flags = 0;
    range.setAddress(tuples, other + TUPLE_DESTINATION);
    this.#bind(entry, range, MANIP_SOURCE);
    range.flags = NF_NAT_RANGE_PROTO_SPECIFIED;
    range.setAddress(tuples, other + TUPLE_SOURCE);
    range.minPort = nat.port;
    range.maxPort = nat.port;
    this.#bind(entry, range, MANIP_DESTINATION);
  }
}

/** %pI4 and %pI6c of a tuple's address. */
function addressText(tuples: Uint32Array, at: number, version: number): string {
  const octets = new Uint8Array(version === 4 ? 4 : 16);
  const view = new DataView(octets.buffer);
  for (let i = 0; i < octets.length / 4; i++) view.setUint32(i * 4, u32(tuples, at + i));
  return version === 4 ? formatAddress(octets) : fullAddress6(octets);
}

/** %pI6: eight groups of four digits. */
function fullAddress6(octets: Uint8Array): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) {
    groups.push((((octets[i] as number) << 8) | (octets[i + 1] as number)).toString(16).padStart(4, '0'));
  }
  return groups.join(':');
}
