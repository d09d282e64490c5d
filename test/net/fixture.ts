// Router descriptions for tests: the oracle's two-armed router, and what a test adds to it.
import type { InterfaceSpec, RouterSpec } from '../../src/net/spec.ts';

/** An interface with a mac and an MTU of 1500. */
export function iface(name: string, addresses: string[] = [], more: Partial<InterfaceSpec> = {}): InterfaceSpec {
  return { name, mac: '02:00:00:00:00:09', addresses, mtu: 1500, type: 'physical', linkLocal: false, ...more };
}

/** lan0 192.168.1.1/24 fd00:1::1/64, wan0 203.0.113.1/24 2001:db8:2::1/64 and default routes, as the oracle's topo.json. */
export function routerSpec(more: Partial<RouterSpec> = {}): RouterSpec {
  return {
    interfaces: [
      iface('lan0', ['192.168.1.1/24', 'fd00:1::1/64'], { mac: '02:00:00:00:00:01' }),
      iface('wan0', ['203.0.113.1/24', '2001:db8:2::1/64'], { mac: '02:00:00:00:00:02' }),
    ],
    routes: [
      { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0', type: 'unicast' },
      { dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0', type: 'unicast' },
    ],
    neighbours: [
      { dev: 'wan0', ip: '203.0.113.254', mac: '02:ee:00:00:00:fe' },
      { dev: 'wan0', ip: '2001:db8:2::fe', mac: '02:ee:00:00:00:fe' },
    ],
    sysctl: {},
    defaultNeighbourMac: '02:ee:00:00:00:01',
    ...more,
  };
}
