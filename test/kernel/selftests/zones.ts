// nft_nat_zones.sh: clients with the same address behind devices of their own, told apart by conntrack zone, routed back by
// mark; a NAT gateway must find another source port for each. nft_zones_many.sh: one tuple, every packet in another zone.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { datagram, type End, echo, type Row, scene, TcpTalk } from './talk.ts';

const CLIENT = '10.1.0.3';
const SERVER = '10.3.0.99';
const GATEWAY = '10.3.0.1';
const CLIENT6 = 'dead:1::3';
const SERVER6 = 'dead:3::99';

function gateway(clients: number): object {
  const numbers = Array.from({ length: clients }, (_, i) => i + 1);
  return {
    interfaces: [
      { name: 'veth0', mac: '02:00:00:00:00:01', addresses: [`${GATEWAY}/24`, 'dead:3::1/64'] },
      ...numbers.map((n) => ({
        name: `veth${n}`,
        mac: `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`,
        addresses: ['10.1.0.2/24', 'dead:1::2/64'],
      })),
    ],
    routes: numbers.flatMap((n) => [
      { dst: '10.1.0.0/24', dev: `veth${n}`, table: 1000 + n },
      { dst: 'dead:1::/64', dev: `veth${n}`, table: 1000 + n },
      { dst: '10.3.0.0/24', dev: 'veth0', table: 1000 + n },
      { dst: 'dead:3::/64', dev: 'veth0', table: 1000 + n },
    ]),
    rules: numbers.flatMap((n) => [
      { priority: 100 + n, fwmark: n, table: 1000 + n },
      { priority: 100 + n, fwmark: n, table: 1000 + n, family: 'ip6' },
    ]),
    sysctl: {
      'net.ipv4.fwmark_reflect': 1,
      'net.ipv6.fwmark_reflect': 1,
    },
  };
}

function rules(clients: number): string {
  const pairs = Array.from({ length: clients }, (_, i) => `"veth${i + 1}" : ${i + 1}`).join(', ');
  return `table inet raw {
	map iiftomark {
		type ifname : mark
		elements = { ${pairs} }
	}
	map iiftozone {
		typeof iifname : ct zone
		elements = { ${pairs} }
	}
	set inicmp {
		flags dynamic
		type ipv4_addr . ifname . ipv4_addr
	}
	set inflows {
		flags dynamic
		type ipv4_addr . inet_service . ifname . ipv4_addr . inet_service
	}
	set inflows6 {
		flags dynamic
		type ipv6_addr . inet_service . ifname . ipv6_addr . inet_service
	}
	chain prerouting {
		type filter hook prerouting priority -64000; policy accept;
		ct original zone set meta iifname map @iiftozone
		meta mark set meta iifname map @iiftomark
		tcp flags & (syn|ack) == ack add @inflows { ip saddr . tcp sport . meta iifname . ip daddr . tcp dport counter }
		add @inflows6 { ip6 saddr . tcp sport . meta iifname . ip6 daddr . tcp dport counter }
		ip protocol icmp add @inicmp { ip saddr . meta iifname . ip daddr counter }
	}
	chain nat_postrouting {
		type nat hook postrouting priority 0; policy accept;
		ct mark set meta mark meta oifname veth0 masquerade
	}
	chain mangle_prerouting {
		type filter hook prerouting priority -100; policy accept;
		ct direction reply meta mark set ct mark
	}
}`;
}

const CLIENTS = 12;

/** Different identifiers: that which NAT would have to choose is not in a capture made beforehand. */
const pings: Row[] = Array.from({ length: CLIENTS }, (_, i) => i + 1).flatMap((n) =>
  [1, 2, 3].flatMap((sequence) => [
    echo('request', `veth${n}`, CLIENT, SERVER, { id: (n << 16) | sequence }),
    echo('reply', 'veth0', SERVER, GATEWAY, { id: (n << 16) | sequence }),
  ]),
);
const pings6: Row[] = Array.from({ length: CLIENTS }, (_, i) => i + 1).flatMap((n) => [
  echo('request', `veth${n}`, CLIENT6, SERVER6, { id: (n << 16) | 1 }),
  echo('reply', 'veth0', SERVER6, 'dead:3::1', { id: (n << 16) | 1 }),
]);
const sharedPings: Row[] = Array.from({ length: CLIENTS }, (_, i) =>
  echo('request', `veth${i + 1}`, CLIENT, SERVER, { id: 0x00070001 }),
);

const client = (n: number, port: number): End => ({
  device: `veth${n}`,
  ip: CLIENT,
  port,
  peer: { ip: SERVER, port: 5201 },
});
const server = (port: number): End => ({ device: 'veth0', ip: SERVER, port: 5201, peer: { ip: GATEWAY, port } });
const connections: Row[] = Array.from({ length: CLIENTS }, (_, i) => i + 1).flatMap((n) => {
  const talk = new TcpTalk(client(n, 10_000 + n), server(10_000 + n));
  return [...talk.open(), ...talk.data('near', 30)];
});
/** Everybody from port 10000: the first keeps it, the others get one that nobody can foretell. */
const clashes: Row[] = [
  ...new TcpTalk(client(1, 10_000), server(10_000)).open(),
  ...Array.from({ length: CLIENTS - 1 }, (_, i) =>
    new TcpTalk(client(i + 2, 10_000), server(10_000)).segment('near', 'S'),
  ).flat(),
];
/** To the gateway itself, which answers to the device of the mark. */
const toGateway: Row[] = [1, 2, CLIENTS].map((n) => echo('request', `veth${n}`, CLIENT, '10.1.0.2', { id: n << 16 }));

const one = (name: string, rows: Row[]): KernelScene =>
  scene({ name: `nft_nat_zones: ${name}`, router: gateway(CLIENTS), ruleset: rules(CLIENTS), rows });

const ZONES = 250;
const MANY_ZONES = `table inet raw {
	map rndzone {
		typeof numgen inc mod ${ZONES} : ct zone
		elements = { ${Array.from({ length: ZONES }, (_, i) => `${i + 1} : ${i + 1}`).join(', ')} }
	}
	chain prerouting {
		type filter hook prerouting priority -64000; policy accept;
		udp dport 12345 ct zone set numgen inc mod 65536 map @rndzone
	}
}`;
const manyRouter = {
  interfaces: [
    { name: 'veth0', mac: '02:00:00:00:00:01', addresses: ['10.0.1.1/24'] },
    { name: 'veth1', mac: '02:00:00:00:00:02', addresses: ['10.0.2.1/24'] },
  ],
  sysctl: { 'net.netfilter.nf_conntrack_udp_timeout': 3600 },
};

export const ZONE_SELFTESTS: KernelScene[] = [
  one('clients of one address ping through zones', pings),
  one('clients of one address ping through zones, IPv6', pings6),
  one('clients of one address and identifier get others', sharedPings),
  one('clients of one address connect', connections),
  one('clients of one address and port get other ports', clashes),
  one('the gateway answers to the device of the mark', toGateway),
  scene({
    name: 'nft_zones_many: one tuple in every zone',
    router: manyRouter,
    ruleset: MANY_ZONES,
    rows: Array.from({ length: ZONES + 20 }, () =>
      datagram({ device: 'veth0', ip: '10.0.1.99', port: 12_345 }, { ip: '10.0.2.99', port: 12_345 }, 8),
    ).flat(),
  }),
];
