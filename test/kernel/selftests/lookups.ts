// nft_fib.sh, rpath.sh and nft_meta.sh: what the fib expression says of sources that the routes contradict, with and without
// policy routing, and the interface selectors of meta. VRF devices are out of model; what nft_meta.sh sends over the loopback
// device comes from a host instead.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { echo, type Row, scene } from './talk.ts';

// ---- nft_fib

interface FibShape {
  /** Addresses that hosts behind veth0 stole from veth1's network. */
  more?: string[];
  routes?: object[];
  rules?: object[];
  hasDefault?: boolean;
}

function fibRouter({ more = [], routes = [], rules = [] }: FibShape = {}): object {
  return {
    interfaces: [
      { name: 'veth0', mac: '02:00:00:00:00:01', addresses: ['10.0.1.1/24', 'dead:1::1/64', ...more] },
      { name: 'veth1', mac: '02:00:00:00:00:02', addresses: ['10.0.2.1/24', 'dead:2::1/64'] },
    ],
    routes,
    rules,
  };
}

const REVERSE = `table inet filter {
	chain prerouting {
		type filter hook prerouting priority 0; policy accept;
		fib saddr . iif oif missing counter drop
	}
}`;
const REVERSE_TO = `table inet filter {
	chain prerouting {
		type filter hook prerouting priority 0; policy accept;
		ip daddr 1.1.1.1 fib saddr . iif oif missing counter drop
		ip6 daddr 1c3::c01d fib saddr . iif oif missing counter drop
	}
}`;
const BY_POLICY = `table inet filter {
	chain forward {
		type filter hook forward priority raw;
		fib saddr . iif oif gt 0 counter accept
		counter drop
	}
}`;

const honest: Row[] = [
  echo('request', 'veth0', '10.0.1.99', '10.0.2.1'),
  echo('request', 'veth0', 'dead:1::99', 'dead:2::1'),
  echo('request', 'veth0', '10.0.1.99', '10.0.2.99'),
  echo('reply', 'veth1', '10.0.2.99', '10.0.1.99'),
  echo('request', 'veth0', 'dead:1::99', 'dead:2::99'),
  echo('reply', 'veth1', 'dead:2::99', 'dead:1::99'),
];
const moved: Row[] = [
  echo('request', 'veth0', '10.0.2.99', '1.1.1.1'),
  ...[1, 2, 3].map((sequence) => echo('request', 'veth0', 'dead:2::99', '1c3::c01d', { id: 0x00050000 | sequence })),
  echo('request', 'veth0', '10.0.2.99', '10.0.1.1'),
  echo('request', 'veth0', 'dead:2::99', 'dead:1::1'),
  echo('request', 'veth0', '10.0.1.99', '1.1.1.1'),
];
/** Main is asked last; the rules of IPv4 know each network by one table. */
const POLICY: FibShape = {
  routes: [
    { dst: '10.0.1.0/24', dev: 'veth0', table: 128 },
    { dst: '10.0.2.0/24', dev: 'veth1', table: 129 },
  ],
  rules: [
    { priority: 10, table: 128 },
    { priority: 9, iif: 'veth0', table: 129 },
  ],
};

const fibs: KernelScene[] = [
  scene({ name: 'nft_fib: honest sources have a way back', router: fibRouter(), ruleset: REVERSE, rows: honest }),
  scene({
    name: 'nft_fib: sources of another link have none',
    router: fibRouter({ more: ['dead:2::1/64'] }),
    ruleset: REVERSE_TO,
    rows: moved,
  }),
  scene({
    name: 'nft_fib: sources of another link have none, without the second prefix',
    router: fibRouter(),
    ruleset: REVERSE,
    rows: moved,
  }),
  scene({
    name: 'nft_fib: a check in the forward chain follows policy routing',
    router: fibRouter(POLICY),
    ruleset: BY_POLICY,
    rows: honest,
  }),
];

// ---- rpath

const RPATH_ROUTER = {
  interfaces: [
    { name: 'v0', mac: '02:00:00:00:00:01', addresses: ['192.168.23.1/24', 'fec0:23::1/64'] },
    { name: 'd0', type: 'dummy', mac: '02:00:00:00:00:0d', addresses: ['192.168.42.1/24', 'fec0:42::1/64'] },
  ],
};
const RPATH = `table inet t {
	chain c {
		type filter hook prerouting priority raw;
		ip saddr 192.168.0.0/16 icmp type echo-request fib saddr . iif oif exists counter
		ip6 saddr fec0::/16 icmpv6 type echo-request fib saddr . iif oif exists counter
		ip saddr 192.168.0.0/16 icmp type echo-request fib saddr . iif oif missing counter
		ip6 saddr fec0::/16 icmpv6 type echo-request fib saddr . iif oif missing counter
		fib saddr . iif oifname "v0" counter
		fib saddr oifname "d0" counter
	}
}`;
const rpaths: KernelScene[] = [
  ['martians do not match', '42'],
  ['regular traffic matches', '23'],
].map(([label = '', net]) =>
  scene({
    name: `rpath: ${label}`,
    router: RPATH_ROUTER,
    ruleset: RPATH,
    rows: [
      echo('request', 'v0', `192.168.${net}.2`, `192.168.${net}.1`),
      echo('request', 'v0', `fec0:${net}::2`, `fec0:${net}::1`),
    ],
  }),
);

// ---- nft_meta

const META_COUNTERS = [
  'iif',
  'iifname',
  'iifgroup',
  'iiftype',
  'nfproto4',
  'l4proto',
  'mark',
  'cpu0',
  'lastyear',
  'thisyear',
];
const META_OUT = ['oif', 'oifname', 'oifgroup', 'oiftype', 'onfproto4', 'ol4proto', 'skuid', 'skgid', 'omark'];
const META = `table inet filter {
${[...META_COUNTERS, ...META_OUT].map((name) => `	counter ${name}count {\n	}`).join('\n')}
	chain early {
		type filter hook prerouting priority -150; policy accept;
		icmp code 0 @th,64,16 7 meta mark set 42
	}
	chain input {
		type filter hook input priority 0; policy accept;
		meta iif veth0 counter name "iifcount"
		meta iifname "veth0" counter name "iifnamecount"
		meta iifgroup 0 counter name "iifgroupcount"
		meta iiftype ether counter name "iiftypecount"
		meta nfproto ipv4 counter name "nfproto4count"
		meta l4proto icmp counter name "l4protocount"
		meta mark 42 counter name "markcount"
		meta cpu 0 counter name "cpu0count"
		meta time "2022-01-01" - "2022-12-31" counter name "lastyearcount"
		meta time "2023-01-01" - "2023-12-31" counter name "thisyearcount"
	}
	chain output {
		type filter hook output priority 0; policy accept;
		meta oif veth0 counter name "oifcount" counter
		meta oifname "veth0" counter name "oifnamecount"
		meta oifgroup 0 counter name "oifgroupcount"
		meta oiftype ether counter name "oiftypecount"
		meta nfproto ipv4 counter name "onfproto4count"
		meta l4proto icmp counter name "ol4protocount"
		meta skuid 0 counter name "skuidcount"
		meta skgid 0 counter name "skgidcount"
		meta mark 42 counter name "omarkcount"
	}
}`;
const META_ROWS: Row[] = [
  echo('request', 'veth0', '10.0.1.99', '10.0.1.1', { id: 0x00070001 }),
  echo('request', 'veth0', '10.0.1.99', '10.0.1.1', { id: 0x00080001 }),
  echo('request', 'veth0', 'dead:1::99', 'dead:1::1'),
];
const metas: KernelScene[] = [0, 1].map((reflect) =>
  scene({
    name: `nft_meta: interfaces, protocols, marks, processors and times${reflect === 0 ? '' : ', marks reflected'}`,
    router: { ...fibRouter(), sysctl: { 'net.ipv4.fwmark_reflect': reflect } },
    ruleset: META,
    rows: META_ROWS,
  }),
);

export const LOOKUP_SELFTESTS: KernelScene[] = [...fibs, ...rpaths, ...metas];
