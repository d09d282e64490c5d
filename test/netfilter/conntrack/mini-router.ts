// The smallest router around Conntrack and Nat: no rules but one translation, two interfaces, every packet accepted.
// Drives them in the kernel's order of hooks, as src/netfilter does, so that their tests need nothing else.
import { putBe16, u8 } from '../../../src/base/columns.ts';
import { Recorder } from '../../../src/event/recorder.ts';
import { Fib } from '../../../src/net/fib.ts';
import { Interfaces } from '../../../src/net/interfaces.ts';
import type { RouterSpec } from '../../../src/net/spec.ts';
import type { Sysctl } from '../../../src/net/sysctl.ts';
import { ConntrackTable } from '../../../src/netfilter/conntrack/table.ts';
import { Conntrack } from '../../../src/netfilter/conntrack/track.ts';
import type { NatChains } from '../../../src/netfilter/nat/nat.ts';
import { Nat } from '../../../src/netfilter/nat/nat.ts';
import type { RouterServices } from '../../../src/netfilter/services.ts';
import { NF_ACCEPT } from '../../../src/netfilter/verdict.ts';
import { adjustChecksum16 } from '../../../src/packet/checksum.ts';
import { decodeNetwork } from '../../../src/packet/decode.ts';
import { Packet } from '../../../src/packet/packet.ts';

export const PREROUTING = 0;
export const INPUT = 1;
export const OUTPUT = 3;
export const POSTROUTING = 4;

/** 192.168.1.1/24 on lan0, 203.0.113.1/24 on wan0, the rest behind wan0; IPv6 alike. */
export const SPEC: RouterSpec = {
  interfaces: [
    {
      name: 'lan0',
      mac: '02:00:00:00:00:01',
      addresses: ['192.168.1.1/24', 'fd00:1::1/64'],
      mtu: 1500,
      type: 'physical',
      linkLocal: false,
    },
    {
      name: 'wan0',
      mac: '02:00:00:00:00:02',
      addresses: ['203.0.113.1/24', '2001:db8:2::1/64'],
      mtu: 1500,
      type: 'physical',
      linkLocal: false,
    },
  ],
  routes: [
    { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0', type: 'unicast' },
    { dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0', type: 'unicast' },
  ],
  neighbours: [],
  sysctl: {},
  defaultNeighbourMac: '02:ee:00:00:00:01',
};

export interface MiniRouterOptions {
  sysctl?: Sysctl;
  /** Whether the nat hooks exist. */
  nat?: boolean;
  /** What the nat chains do. */
  chains?: (router: MiniRouter) => NatChains;
  /** Bound of the table. */
  maximum?: number;
  seed?: number;
  /** Instead of the seed: NAT's random numbers. */
  random?: () => number;
  /** Runs at prerouting before conntrack. */
  raw?: (router: MiniRouter) => (packet: Packet) => void;
}

/** What became of a packet: the datagram that left and where, or how it ended. */
export interface Outcome {
  verdict: 'forwarded' | 'local' | 'dropped';
  oif: string;
  datagram: Uint8Array;
}

const accept: NatChains = () => NF_ACCEPT;

export class MiniRouter {
  readonly packet = new Packet();
  readonly recorder = new Recorder();
  readonly interfaces = new Interfaces(SPEC);
  readonly fib = new Fib(SPEC, this.interfaces);
  readonly table: ConntrackTable;
  readonly conntrack: Conntrack;
  readonly nat: Nat;
  readonly #hasNat: boolean;
  readonly #chains: NatChains;
  readonly #raw: ((packet: Packet) => void) | undefined;
  #number = 0;

  constructor(options: MiniRouterOptions = {}) {
    const seed = options.seed ?? 1;
    this.table = new ConntrackTable(options.maximum ?? 262144, seed);
    this.conntrack = new Conntrack({ table: this.table, sysctl: options.sysctl ?? {}, recorder: this.recorder });
    const services: RouterServices = {
      sendTcpReset: () => {},
      sendIcmpError: () => {},
      reroute: () => true,
      flowTransmit: () => {},
      duplicate: () => {},
      forwardTo: () => {},
    };
    this.nat = new Nat({
      conntrack: this.conntrack,
      interfaces: this.interfaces,
      fib: this.fib,
      recorder: this.recorder,
      services,
      seed,
      ...(options.random === undefined ? {} : { random: { next: options.random } }),
    });
    this.#raw = options.raw?.(this);
    this.#hasNat = options.nat ?? options.chains !== undefined;
    this.#chains = options.chains?.(this) ?? accept;
  }

  /** Attaches and decodes a datagram; `timeNs` is the replay's clock. `keep` cuts it as a snaplen does. */
  load(datagram: Uint8Array, iif: string, timeNs: number, keep = datagram.length): Packet {
    const packet = this.packet;
    const data = new Uint8Array(14 + Math.min(keep, datagram.length));
    data.set(datagram.subarray(0, keep), 14);
    packet.attach(data, 0, data.length, 14 + datagram.length);
    packet.timeNs = timeNs;
    packet.number = ++this.#number;
    packet.network = 14;
    packet.etherType = u8(datagram, 0) >>> 4 === 6 ? 0x86dd : 0x0800;
    packet.iif = this.interfaces.byName(iif)?.index ?? 0;
    decodeNetwork(packet);
    this.recorder.begin();
    return packet;
  }

  /** Sends a datagram through prerouting, routing, and postrouting or input. */
  process(datagram: Uint8Array, iif: string, timeNs: number, keep = datagram.length): Outcome {
    const packet = this.load(datagram, iif, timeNs, keep);
    const outcome = this.#route(packet);
    this.conntrack.release(packet);
    return outcome;
  }

  #route(packet: Packet): Outcome {
    const dropped: Outcome = { verdict: 'dropped', oif: '', datagram: packet.data };
    this.#raw?.(packet);
    if (packet.ipVersion === 0 || this.conntrack.in(packet, PREROUTING) !== NF_ACCEPT) return dropped;
    if (this.#hasNat && this.nat.hook(packet, PREROUTING, this.#chains) !== NF_ACCEPT) return dropped;
    const route =
      packet.ipVersion === 4
        ? this.fib.lookup4(new DataView(packet.data.buffer).getUint32(packet.network + 16), 0, 0)
        : this.fib.lookup6At(packet.data, packet.network + 24, 0, 0);
    if (route === undefined) return dropped;
    // The golden ruleset drops everything at input.
    if (route.kind !== 'unicast') return { ...dropped, verdict: 'local' };
    decrementTtl(packet);
    packet.oif = route.oif.index;
    if (this.#hasNat && this.nat.hook(packet, POSTROUTING, this.#chains) !== NF_ACCEPT) return dropped;
    if (this.conntrack.confirm(packet) !== NF_ACCEPT) return dropped;
    return {
      verdict: 'forwarded',
      oif: route.oif.name,
      datagram: packet.data.subarray(packet.network, packet.network + packet.networkLength),
    };
  }
}

function decrementTtl(packet: Packet): void {
  const { data, network } = packet;
  if (packet.ipVersion === 6) {
    data[network + 7] = u8(data, network + 7) - 1;
    return;
  }
  const old = (u8(data, network + 8) << 8) | u8(data, network + 9);
  data[network + 8] = u8(data, network + 8) - 1;
  const checksum = (u8(data, network + 10) << 8) | u8(data, network + 11);
  putBe16(data, network + 10, adjustChecksum16(checksum, old, old - 0x100));
}
