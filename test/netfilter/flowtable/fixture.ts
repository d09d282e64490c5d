// A flowtable on a small router with a real connection table, and services that only take notes.
import type { Flowtable as FlowtableSpec } from '../../../src/bytecode/ruleset.ts';
import { Recorder } from '../../../src/event/recorder.ts';
import { REFUSALS } from '../../../src/event/refusals.ts';
import { argumentOf, EVENTS, kindOf } from '../../../src/event/vocabulary.ts';
import { Fib } from '../../../src/net/fib.ts';
import { type Interface, Interfaces, words } from '../../../src/net/interfaces.ts';
import { Neighbours } from '../../../src/net/neighbours.ts';
import type { InterfaceSpec, RouterSpec } from '../../../src/net/spec.ts';
import type { Sysctl } from '../../../src/net/sysctl.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_SEEN_REPLY } from '../../../src/netfilter/conntrack/status.ts';
import { ConntrackTable } from '../../../src/netfilter/conntrack/table.ts';
import { TCP_ESTABLISHED } from '../../../src/netfilter/conntrack/tcp-states.ts';
import { TUPLE_WORDS } from '../../../src/netfilter/conntrack/tuple.ts';
import { Flowtable, type OffloadMode } from '../../../src/netfilter/flowtable/flowtable.ts';
import type { HardwareModel } from '../../../src/netfilter/flowtable/hardware.ts';
import type { RouterServices } from '../../../src/netfilter/services.ts';
import { parseAddress } from '../../../src/packet/address.ts';
import { decodeNetwork } from '../../../src/packet/decode.ts';
import { HEADROOM, Packet } from '../../../src/packet/packet.ts';

export const LAN_HOST = '192.168.1.10';
export const SERVER = '198.51.100.7';
export const WAN = '203.0.113.1';

function device(name: string, number: number, addresses: string[], more: Partial<InterfaceSpec> = {}): InterfaceSpec {
  const mac = `02:00:00:00:00:0${number}`;
  return { name, mac, addresses, mtu: 1500, type: 'physical', linkLocal: false, ...more };
}

export const SPEC: RouterSpec = {
  interfaces: [
    device('lan0', 1, ['192.168.1.1/24', 'fd00:1::1/64']),
    device('wan0', 2, [`${WAN}/24`, '2001:db8:2::1/64']),
    device('lan1', 3, []),
    device('lan0.10', 4, ['10.10.0.1/24'], { type: 'vlan', link: 'lan0', id: 10, mac: '' }),
    device('br0', 5, ['10.20.0.1/24'], { type: 'bridge', ports: ['lan1'], mac: '02:00:00:00:00:05' }),
    device('lan0.30', 7, ['10.40.0.1/24'], { type: 'vlan', link: 'lan0', id: 30, protocol: 0x88a8, mac: '' }),
    device('ppp0', 6, ['10.30.0.1/32'], { type: 'pppoe', link: 'wan0', id: 77, mac: '', mtu: 1492 }),
  ],
  routes: [
    { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0', type: 'unicast' },
    { dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0', type: 'unicast' },
    { dst: '100.64.0.0/16', dev: 'ppp0', type: 'unicast' },
    { dst: '100.65.0.0/16', via: '203.0.113.254', dev: 'wan0', type: 'unicast', mtu: 1400 },
  ],
  neighbours: [{ dev: 'br0', ip: '10.20.0.5', mac: '02:ee:00:00:00:55' }],
  sysctl: {},
  defaultNeighbourMac: '02:ee:00:00:00:01',
};

export interface Connection {
  protocol?: number;
  src?: string;
  dst?: string;
  sport?: number;
  dport?: number;
  /** The reply tuple's ends, when translated. */
  replySrc?: string;
  replyDst?: string;
  replySport?: number;
  replyDport?: number;
  status?: number;
  tcpState?: number;
  expiresNs?: number;
}

export interface Sent {
  how: 'neighbour' | 'direct';
  oif: string;
  nexthop4: number;
  nexthop6: number[] | undefined;
  frame: Uint8Array;
}

export interface Options {
  devices?: string[];
  offload?: boolean;
  counter?: boolean;
  mode?: OffloadMode;
  family?: 'ip' | 'ip6' | 'inet';
  sysctl?: Sysctl;
  hardware?: HardwareModel;
  ports?: Record<string, string>;
}

export class Bench {
  readonly interfaces = new Interfaces(SPEC);
  readonly table = new ConntrackTable(0);
  readonly recorder = new Recorder();
  readonly sent: Sent[] = [];
  readonly flowtable: Flowtable;

  constructor(options: Options = {}) {
    const { interfaces, sent } = this;
    const neighbours = new Neighbours(SPEC, interfaces);
    const note = (how: Sent['how'], packet: Packet, oif: Interface, nexthop4: number, nexthop6?: Uint32Array) => {
      const frame = packet.data.slice(packet.start, packet.end);
      sent.push({ how, oif: oif.name, nexthop4, nexthop6: nexthop6 && [...nexthop6], frame });
    };
    const services: RouterServices = {
      sendTcpReset: () => {},
      sendIcmpError: () => {},
      reroute: () => true,
      flowTransmit: (packet, oif, nexthop4, nexthop6) => note('neighbour', packet, oif, nexthop4 >>> 0, nexthop6),
      duplicate: () => {},
      forwardTo: (packet, oif) => note('direct', packet, interfaces.at(oif), 0),
      neighbour: (oif, nexthop4, nexthop6) =>
        nexthop6 === undefined ? neighbours.resolve4(oif, nexthop4) : neighbours.resolve6(oif, nexthop6),
      bridgePort: (_bridge, mac) => interfaces.byName(options.ports?.[Buffer.from(mac).toString('hex')] ?? ''),
    };
    const spec: FlowtableSpec = {
      name: 'ft',
      handle: 1,
      priority: 0,
      devices: options.devices ?? ['lan0', 'wan0'],
      offload: options.offload ?? false,
      counter: options.counter ?? false,
    };
    this.flowtable = new Flowtable({
      spec,
      family: options.family ?? 'inet',
      index: 3,
      mode: options.mode ?? 'as-ruled',
      table: this.table,
      sysctl: options.sysctl ?? {},
      recorder: this.recorder,
      interfaces,
      fib: new Fib(SPEC, interfaces),
      services,
      ...(options.hardware ? { hardware: options.hardware } : {}),
    });
    this.table.onDestroy = (entry) => this.flowtable.forget(entry);
  }

  /** A confirmed connection with an answer; TCP is established and assured. */
  connect(c: Connection = {}): number {
    const protocol = c.protocol ?? 6;
    const src = c.src ?? LAN_HOST;
    const dst = c.dst ?? SERVER;
    const hasPorts = protocol === 6 || protocol === 17;
    const sport = c.sport ?? (hasPorts ? 40000 : 0);
    const dport = c.dport ?? (hasPorts ? 443 : 0);
    const tuples = new Uint32Array(TUPLE_WORDS * 2);
    tuple(tuples, 0, src, dst, sport, dport, protocol);
    const replySrc = c.replySrc ?? dst;
    tuple(tuples, TUPLE_WORDS, replySrc, c.replyDst ?? src, c.replySport ?? dport, c.replyDport ?? sport, protocol);
    const entry = this.table.alloc(tuples, 0, tuples, TUPLE_WORDS, 1);
    this.table.confirm(entry);
    this.table.status[entry] = c.status ?? IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED;
    this.table.tcpState[entry] = c.tcpState ?? (protocol === 6 ? TCP_ESTABLISHED : 0);
    this.table.seenPackets[entry] = 3;
    this.table.setExpires(entry, c.expiresNs ?? 432000e9);
    return entry;
  }

  /** A frame that enters a device (packet.iif is that device). */
  packet(frame: Uint8Array, device = 'lan0', timeNs = 0): Packet {
    const data = new Uint8Array(HEADROOM + frame.length);
    data.set(frame, HEADROOM);
    const packet = new Packet();
    packet.attach(data, HEADROOM, data.length, frame.length);
    packet.timeNs = timeNs;
    packet.iif = this.interfaces.byName(device)?.index ?? 0;
    packet.physicalIif = packet.iif;
    return packet;
  }

  /** `flow add` for a packet that goes from one device to another. */
  add(entry: number, frame: Uint8Array, iif = 'lan0', oif = 'wan0', timeNs = 0, direction = 0): boolean {
    const packet = this.packet(frame, iif, timeNs);
    this.table.advance(timeNs);
    packet.oif = this.interfaces.byName(oif)?.index ?? 0;
    packet.network = packet.start + 14;
    packet.etherType = (frame[14] ?? 0) >>> 4 === 6 ? 0x86dd : 0x0800;
    decodeNetwork(packet);
    packet.ct = entry;
    packet.ctDirection = direction;
    this.recorder.begin();
    return this.flowtable.add(packet, entry);
  }

  /** The ingress hook for a frame. */
  hit(
    frame: Uint8Array,
    device = 'lan0',
    timeNs = 0,
    change?: (packet: Packet) => void,
  ): { verdict: number; packet: Packet } {
    const packet = this.packet(frame, device, timeNs);
    change?.(packet);
    this.advance(timeNs);
    this.recorder.begin();
    return { verdict: this.flowtable.hit(packet), packet };
  }

  /** ifindex of a device. */
  index(name: string): number {
    return this.interfaces.byName(name)?.index ?? 0;
  }

  /** As the facade does: the flowtable first. */
  advance(timeNs: number): void {
    this.flowtable.advance(timeNs);
    this.table.advance(timeNs);
  }

  /** Names of the last packet's events, with arguments. */
  get events(): string[] {
    return [...this.recorder.current()].map((word) => `${EVENTS[kindOf(word)]?.name} ${argumentOf(word)}`);
  }

  refusal(entry: number): string {
    return REFUSALS[this.table.offloadRefusal[entry] ?? 0]?.name ?? '';
  }
  status(entry: number): number {
    return this.table.status[entry] ?? 0;
  }
  /** Seconds that the connection has left. */
  timeout(entry: number, nowNs: number): number {
    return ((this.table.expiresNs[entry] ?? 0) - nowNs) / 1e9;
  }
}

function tuple(out: Uint32Array, at: number, src: string, dst: string, sport: number, dport: number, protocol: number) {
  const from = words(parseAddress(src) as Uint8Array);
  const to = words(parseAddress(dst) as Uint8Array);
  out.set(from, at);
  out.set(to, at + 4);
  out[at + 8] = ((sport << 16) | dport) >>> 0;
  out[at + 9] = protocol | ((from.length === 4 ? 6 : 4) << 8);
}
