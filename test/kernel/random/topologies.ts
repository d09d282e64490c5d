// Routers of the random scenes, and who lives behind which interface.

/** Somebody who sends and answers. */
export interface Host {
  /** lan: behind the router; wan: outside; dmz: a third network. */
  net: 'lan' | 'wan' | 'dmz';
  /** The physical interface that it is heard at, and the tags there. */
  device: string;
  vlans: number[];
  /** PPPoE session. */
  pppoe?: number;
  mac: string;
  v4: string;
  v6: string;
}

export interface Topology {
  name: string;
  router: { interfaces: object[]; routes: object[]; neighbours: object[]; rules?: object[]; strictMac?: boolean };
  hosts: Host[];
  /** Interfaces with addresses, by network. */
  lan: string;
  wan: string;
  dmz?: string;
  /** Lists for `devices = { }` of a flowtable, good and bad. */
  flowDevices: string[][];
  /** The router's own addresses, seen from lan and wan. */
  inside: [v4: string, v6: string];
  outside: [v4: string, v6: string];
  hasBridge: boolean;
  /** Marks that policy rules look at. */
  hasPolicy: boolean;
}

const INSIDE: [string, string] = ['192.168.1.1', 'fd00:1::1'];
const OUTSIDE: [string, string] = ['203.0.113.1', '2001:db8:2::1'];

const lan0 = { name: 'lan0', mac: '02:00:00:00:00:01', addresses: ['192.168.1.1/24', 'fd00:1::1/64'] };
const wan0 = { name: 'wan0', mac: '02:00:00:00:00:02', addresses: ['203.0.113.1/24', '2001:db8:2::1/64'] };
const dmz0 = { name: 'dmz0', mac: '02:00:00:00:00:03', addresses: ['10.9.0.1/24', 'fd00:9::1/64'] };
const OUT = [
  { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0' },
  { dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0' },
];
const GATEWAY = '02:ee:00:00:00:fe';

/** The router's address on a wire. */
export function routerMac(device: string): string {
  return `02:00:00:00:00:0${device === 'wan0' || device === 'eth1' ? 2 : device === 'dmz0' ? 3 : 1}`;
}

/** Where a host is heard. */
type Place = Pick<Host, 'device' | 'vlans' | 'pppoe'>;

function gateways(dev: string): object[] {
  return [
    { dev, ip: '203.0.113.254', mac: GATEWAY },
    { dev, ip: '2001:db8:2::fe', mac: GATEWAY },
  ];
}

function hosts(lan: Place[], wan: Place, dmz?: string): Host[] {
  const inside = [0, 1, 2].map((i): Host => {
    const place = lan[i % lan.length] ?? wan;
    return { net: 'lan', ...place, mac: `02:ee:00:00:01:1${i}`, v4: `192.168.1.1${i}`, v6: `fd00:1::1${i}` };
  });
  const outside = [7, 8, 9].map(
    (i): Host => ({ net: 'wan', ...wan, mac: GATEWAY, v4: `198.51.100.${i}`, v6: `2001:db8:99::${i}` }),
  );
  const third = [5, 6].map(
    (i): Host => ({
      net: 'dmz',
      device: dmz ?? '',
      vlans: [],
      mac: `02:ee:00:00:09:0${i}`,
      v4: `10.9.0.${i}`,
      v6: `fd00:9::${i}`,
    }),
  );
  return [...inside, ...outside, ...(dmz === undefined ? [] : third)];
}

const plain = (device: string): Place => ({ device, vlans: [] });
const tagged = (device: string, ...vlans: number[]): Place => ({ device, vlans });
const common = { inside: INSIDE, outside: OUTSIDE, hasBridge: false, hasPolicy: false, lan: 'lan0', wan: 'wan0' };

export const TOPOLOGIES: Topology[] = [
  {
    ...common,
    name: 'two',
    router: { interfaces: [lan0, wan0], routes: OUT, neighbours: gateways('wan0') },
    hosts: hosts([plain('lan0')], plain('wan0')),
    flowDevices: [['lan0', 'wan0'], ['lan0', 'wan0'], ['lan0', 'wan0'], ['wan0']],
  },
  {
    ...common,
    name: 'three',
    router: { interfaces: [lan0, wan0, dmz0], routes: OUT, neighbours: gateways('wan0') },
    hosts: hosts([plain('lan0')], plain('wan0'), 'dmz0'),
    dmz: 'dmz0',
    flowDevices: [
      ['lan0', 'wan0', 'dmz0'],
      ['lan0', 'wan0', 'dmz0'],
      ['lan0', 'dmz0'],
      ['lan0', 'wan0'],
    ],
  },
  {
    ...common,
    name: 'policy',
    router: {
      interfaces: [lan0, wan0, dmz0],
      routes: [
        ...OUT,
        { dst: '0.0.0.0/0', via: '10.9.0.254', dev: 'dmz0', table: 100 },
        { dst: '::/0', via: 'fd00:9::fe', dev: 'dmz0', table: 100 },
        { dst: '198.51.100.9/32', type: 'prohibit', table: 101 },
        { dst: '198.51.100.8/32', type: 'throw', table: 101 },
        { dst: '2001:db8:99::9/128', type: 'unreachable', table: 101 },
        { dst: '198.51.100.0/28', via: '203.0.113.254', dev: 'wan0', mtu: 1300 },
      ],
      rules: [
        { priority: 10, fwmark: '0x3', table: 100 },
        { priority: 11, fwmark: '0x3', family: 'ip6', table: 100 },
        { priority: 20, from: '192.168.1.12/32', table: 101 },
        { priority: 21, from: 'fd00:1::12/128', family: 'ip6', table: 101 },
        { priority: 30, ipproto: 'udp', dport: '500', table: 100 },
      ],
      neighbours: [
        ...gateways('wan0'),
        { dev: 'dmz0', ip: '10.9.0.254', mac: GATEWAY },
        { dev: 'dmz0', ip: 'fd00:9::fe', mac: GATEWAY },
      ],
    },
    hosts: hosts([plain('lan0')], plain('wan0'), 'dmz0'),
    dmz: 'dmz0',
    flowDevices: [
      ['lan0', 'wan0', 'dmz0'],
      ['lan0', 'wan0'],
    ],
    hasPolicy: true,
  },
  {
    ...common,
    name: 'vlan',
    router: {
      interfaces: [
        { name: 'eth0', mac: '02:00:00:00:00:01', addresses: [] },
        { name: 'lan0', type: 'vlan', link: 'eth0', id: 10, addresses: lan0.addresses },
        { name: 'dmz0', type: 'vlan', link: 'eth0', id: 20, addresses: dmz0.addresses },
        wan0,
      ],
      routes: OUT,
      neighbours: gateways('wan0'),
    },
    hosts: hosts([tagged('eth0', 10)], plain('wan0')).concat(
      [5, 6].map((i): Host => {
        const where = tagged('eth0', 20);
        return { net: 'dmz', ...where, mac: `02:ee:00:00:09:0${i}`, v4: `10.9.0.${i}`, v6: `fd00:9::${i}` };
      }),
    ),
    dmz: 'dmz0',
    flowDevices: [['eth0', 'wan0'], ['eth0', 'wan0'], ['lan0', 'wan0'], ['eth0'], ['lan0', 'dmz0', 'wan0']],
  },
  {
    ...common,
    name: 'bridge',
    router: {
      strictMac: true,
      interfaces: [
        { name: 'port1', mac: '02:00:00:00:00:11', addresses: [] },
        { name: 'port2', mac: '02:00:00:00:00:12', addresses: [] },
        {
          name: 'lan0',
          mac: '02:00:00:00:00:01',
          type: 'bridge',
          ports: ['port1', 'port2'],
          addresses: lan0.addresses,
        },
        wan0,
      ],
      routes: OUT,
      neighbours: gateways('wan0'),
    },
    hosts: hosts([plain('port1'), plain('port2')], plain('wan0')),
    flowDevices: [
      ['port1', 'port2', 'wan0'],
      ['port1', 'port2', 'wan0'],
      ['lan0', 'wan0'],
      ['port1', 'wan0'],
    ],
    hasBridge: true,
  },
  {
    ...common,
    name: 'pppoe',
    router: {
      interfaces: [
        lan0,
        { name: 'eth1', mac: '02:00:00:00:00:02', addresses: [] },
        {
          name: 'wan0',
          type: 'pppoe',
          link: 'eth1',
          session: 7,
          mtu: 1492,
          addresses: ['203.0.113.1/32', '2001:db8:2::1/64'],
          peer: GATEWAY,
        },
      ],
      routes: [
        { dst: '0.0.0.0/0', dev: 'wan0' },
        { dst: '::/0', dev: 'wan0' },
      ],
      neighbours: [],
    },
    hosts: hosts([plain('lan0')], { ...plain('eth1'), pppoe: 7 }),
    flowDevices: [
      ['lan0', 'eth1'],
      ['lan0', 'eth1'],
      ['lan0', 'wan0'],
    ],
  },
];
