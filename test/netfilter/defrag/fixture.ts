// A Defrag with a routing table that knows what is local, and packets from datagrams.

import { Recorder } from '../../../src/event/recorder.ts';
import { Fib } from '../../../src/net/fib.ts';
import type { Interface } from '../../../src/net/interfaces.ts';
import { Interfaces } from '../../../src/net/interfaces.ts';
import type { RouterSpec } from '../../../src/net/spec.ts';
import type { Sysctl } from '../../../src/net/sysctl.ts';
import { Defrag } from '../../../src/netfilter/defrag/defrag.ts';
import type { RouterServices } from '../../../src/netfilter/services.ts';
import { ether } from '../../../src/packet/build.ts';
import { decodeNetwork } from '../../../src/packet/decode.ts';
import { HEADROOM, Packet } from '../../../src/packet/packet.ts';

export const SPEC: RouterSpec = {
  interfaces: [
    device('lan0', '02:00:00:00:00:01', ['192.168.1.1/24', 'fd00:1::1/64']),
    device('wan0', '02:00:00:00:00:02', ['203.0.113.1/24', '2001:db8:2::1/64']),
  ],
  routes: [
    { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0', type: 'unicast' },
    { dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0', type: 'unicast' },
  ],
  neighbours: [],
  sysctl: {},
  defaultNeighbourMac: '02:ee:00:00:00:01',
};

function device(name: string, mac: string, addresses: string[]): RouterSpec['interfaces'][number] {
  return { name, mac, addresses, mtu: 1500, type: 'physical', linkLocal: false };
}

export interface IcmpError {
  version: number;
  type: number;
  code: number;
  source: number[];
}

export interface Bench {
  defrag: Defrag;
  errors: IcmpError[];
  /** Sends a datagram in at prerouting; returns the verdict and the packet as it is afterwards. */
  send(datagram: Uint8Array, timeNs?: number, captured?: number): { verdict: number; packet: Packet };
}

export function bench(sysctl: Sysctl = {}): Bench {
  const interfaces = new Interfaces(SPEC);
  const errors: IcmpError[] = [];
  const services: RouterServices = {
    sendTcpReset: () => {},
    sendIcmpError: (packet, version, type, code) => {
      const at = packet.network + (version === 4 ? 12 : 8);
      errors.push({ version, type, code, source: [...packet.data.slice(at, at + (version === 4 ? 4 : 16))] });
    },
    reroute: () => true,
    flowTransmit: (_packet: Packet, _oif: Interface) => {},
    duplicate: () => {},
    forwardTo: () => {},
  };
  const defrag = new Defrag({ sysctl, recorder: new Recorder(), fib: new Fib(SPEC, interfaces), services });
  return {
    defrag,
    errors,
    send(datagram, timeNs = 0, captured = datagram.length) {
      const frame = ether({}, datagram);
      const data = new Uint8Array(HEADROOM + frame.length);
      data.set(frame, HEADROOM);
      const packet = new Packet();
      const end = HEADROOM + 14 + captured;
      packet.attach(data, HEADROOM, end, frame.length);
      packet.timeNs = timeNs;
      packet.iif = interfaces.byName('lan0')?.index ?? 0;
      packet.network = HEADROOM + 14;
      packet.etherType = (datagram[0] ?? 0) >>> 4 === 6 ? 0x86dd : 0x0800;
      decodeNetwork(packet);
      return { verdict: defrag.gather(packet, 0), packet };
    },
  };
}

/** The IP datagram of a packet. */
export function datagramOf(packet: Packet): Uint8Array {
  return packet.data.slice(packet.network, packet.networkEnd);
}
