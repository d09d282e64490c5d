// nft_nat.sh: a router between two hosts that translates: masquerade (plain and fully-random), redirect, DNAT, stateless
// translation, shadowed ports and what helps against them; in families ip, ip6 and inet. Its DNAT of what the router itself
// sends is turned into DNAT of what passes it: our router starts nothing by itself.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { datagram, type End, echo, later, type Row, scene, TcpTalk } from './talk.ts';

/** Inside of the router's veth0 and veth1. */
const ONE = { 4: '10.0.1.99', 6: 'dead:1::99' } as const;
const TWO = { 4: '10.0.2.99', 6: 'dead:2::99' } as const;
/** The router's address towards ONE and TWO. */
const AT_ONE = { 4: '10.0.1.1', 6: 'dead:1::1' } as const;
const AT_TWO = { 4: '10.0.2.1', 6: 'dead:2::1' } as const;

const ROUTER = {
  interfaces: [
    { name: 'veth0', mac: '02:00:00:00:00:01', addresses: [`${AT_ONE[4]}/24`, `${AT_ONE[6]}/64`] },
    { name: 'veth1', mac: '02:00:00:00:00:02', addresses: [`${AT_TWO[4]}/24`, `${AT_TWO[6]}/64`] },
  ],
  sysctl: { 'net.netfilter.nf_conntrack_acct': 1 },
};

/** Named counters by address, as maps of counter objects, on all ways through the router. */
const COUNTERS = (() => {
  const names = ['in', 'out', 'fwd'].flatMap((way) =>
    ['ns0', 'ns1', 'ns2'].flatMap((ns) => [`${ns}${way}`, `${ns}${way}6`]),
  );
  const map = (way: string, six: '' | '6'): string => {
    const family = six === '' ? 4 : 6;
    const rows = [
      [AT_ONE[family], 'ns0'],
      [AT_TWO[family], 'ns0'],
      [ONE[family], 'ns1'],
      [TWO[family], 'ns2'],
    ].map(([address, ns]) => `${address} : "${ns}${way}${six}"`);
    return `	map by${way}${six} {
		type ipv${six === '' ? 4 : 6}_addr : counter
		elements = { ${rows.join(', ')} }
	}`;
  };
  const chain = (hook: string, way: string, field: string): string => `	chain ${hook} {
		type filter hook ${hook} priority 0; policy accept;
		counter name ip ${field} map @by${way}
		icmpv6 type { echo-request, echo-reply } counter name ip6 ${field} map @by${way}6
	}`;
  return [
    'table inet filter {',
    ...names.map((name) => `	counter ${name} {\n	}`),
    ...['in', 'out', 'fwd'].flatMap((way) => [map(way, ''), map(way, '6')]),
    chain('input', 'in', 'saddr'),
    chain('output', 'out', 'daddr'),
    chain('forward', 'fwd', 'saddr'),
    '}',
  ].join('\n');
})();

const natTable = (family: string, hook: string, rule: string): string => `table ${family} nat {
	chain ${hook} {
		type nat hook ${hook} priority 0; policy accept;
		${rule}
	}
}`;

interface PingInput {
  family: 4 | 6;
  /** Whom the answer comes from and to whom, as it arrives. */
  answer?: { device: string; src: string; dst: string };
  id?: number;
}

/** TWO pings ONE. */
function ping({ family, answer, id = 0x04d20001 }: PingInput): Row[] {
  const request = echo('request', 'veth1', TWO[family], ONE[family], { id });
  const back = answer ?? { device: 'veth0', src: ONE[family], dst: TWO[family] };
  return [request, echo('reply', back.device, back.src, back.dst, { id })];
}

const one = (name: string, ruleset: string, rows: Row[]): KernelScene =>
  scene({ name: `nft_nat: ${name}`, router: ROUTER, ruleset: `${COUNTERS}\n${ruleset}`, rows });

/** Family of the table, of the addresses, and the word between `dnat` and `to`. */
const FAMILIES = [
  ['ip', 4, ''],
  ['ip6', 6, ''],
  ['inet', 4, 'ip'],
  ['inet', 6, 'ip6'],
] as const;
const label = (table: string, family: number): string => (table === 'inet' ? `inet, IPv${family}` : table);

const plain = one('hosts reach the router and each other', '', [
  ...([4, 6] as const).flatMap((family) => [
    echo('request', 'veth0', ONE[family], AT_ONE[family]),
    echo('request', 'veth1', TWO[family], AT_TWO[family]),
    echo('request', 'veth1', TWO[family], AT_ONE[family]),
    ...ping({ family }),
  ]),
]);

const dnats = FAMILIES.map(([table, family, word]) =>
  one(
    `DNAT to another host, ${label(table, family)}`,
    natTable(
      table,
      'prerouting',
      `${family === 4 ? 'ip' : 'ip6'} daddr ${AT_TWO[family]} dnat ${word} to ${ONE[family]}`,
    ),
    [
      echo('request', 'veth1', TWO[family], AT_TWO[family]),
      echo('reply', 'veth0', ONE[family], TWO[family]),
      echo('request', 'veth1', TWO[family], AT_ONE[family]),
    ],
  ),
);

/** Back to where it came from: the sender must be translated too, or the answer passes the router by. */
const hairpin = one(
  'DNAT back to the sender network without SNAT',
  natTable('ip', 'prerouting', `ip daddr ${ONE[4]} dnat to ${TWO[4]}`),
  [echo('request', 'veth1', TWO[4], ONE[4]), echo('request', 'veth0', ONE[4], TWO[4])],
);

function portOnly(family: 4 | 6): KernelScene {
  const near: End = { device: 'veth1', ip: TWO[family], port: 40_000, peer: { ip: ONE[family], port: 2222 } };
  const talk = new TcpTalk(near, { device: 'veth0', ip: ONE[family], port: 2000 });
  return one(`DNAT of the port alone, IPv${family}`, natTable('inet', 'prerouting', 'meta l4proto tcp dnat to :2000'), [
    ...talk.open(),
    ...talk.data('far', 12),
    ...talk.close(),
  ]);
}

const masquerades = ['', 'fully-random'].flatMap((flags) =>
  FAMILIES.map(([table, family]) => {
    const dst = AT_ONE[family];
    // The identifier stays: nobody else has it, and fully-random is about ports only when there are any to choose.
    const answer = { device: 'veth0', src: ONE[family], dst };
    const rows =
      flags === ''
        ? [
            ...ping({ family, answer }),
            ...ping({ family, answer, id: 0x04d30001 }),
            ...ping({ family, answer, id: 0x04d20002 }),
          ]
        : ping({ family, answer: { device: 'veth0', src: ONE[family], dst: TWO[family] } });
    return one(
      `masquerade${flags === '' ? '' : ` ${flags}`}, ${label(table, family)}`,
      natTable(table, 'postrouting', `meta oif veth0 masquerade ${flags}`),
      rows,
    );
  }),
);

const redirects = FAMILIES.map(([table, family]) =>
  one(
    `redirect, ${label(table, family)}`,
    natTable(
      table,
      'prerouting',
      `meta iif veth1 meta l4proto ${family === 4 ? 'icmp ip' : 'icmpv6 ip6'} saddr ${TWO[family]} ${family === 4 ? 'ip' : 'ip6'} daddr ${ONE[family]} redirect`,
    ),
    [
      echo('request', 'veth1', TWO[family], ONE[family]),
      echo('request', 'veth1', TWO[family], ONE[family], { id: 0x04d20002 }),
      echo('request', 'veth0', ONE[family], TWO[family]),
    ],
  ),
);

// Port shadowing: TWO, masqueraded, sends from the port of a service of the router; later ONE asks for that service.
const MASQUERADE = natTable('ip', 'postrouting', 'meta oif veth0 masquerade');
const SERVICE = 1405;
const HIGH = 41_404;
const shadow: Row[] = [
  ...datagram({ device: 'veth1', ip: TWO[4], port: SERVICE }, { ip: ONE[4], port: HIGH }),
  ...datagram({ device: 'veth0', ip: ONE[4], port: HIGH }, { ip: AT_ONE[4], port: SERVICE }),
  ...datagram({ device: 'veth1', ip: TWO[4], port: SERVICE }, { ip: ONE[4], port: HIGH }),
];
const shadows = [
  one('a port of the router is shadowed by a masqueraded client', MASQUERADE, shadow),
  one(
    'a filter against shadowed ports',
    `${MASQUERADE}
table ip guard {
	chain forward {
		type filter hook forward priority 0; policy accept;
		meta iif veth1 udp sport ${SERVICE} drop
	}
}`,
    shadow,
  ),
  one(
    'notrack against shadowed ports',
    `${MASQUERADE}
table ip raw {
	chain prerouting {
		type filter hook prerouting priority -300; policy accept;
		meta iif veth0 udp dport ${SERVICE} notrack
	}
	chain output {
		type filter hook output priority -300; policy accept;
		meta oif veth0 udp sport ${SERVICE} notrack
	}
}`,
    shadow,
  ),
  one(
    'another source port against shadowed ports',
    `${MASQUERADE}
table ip pat {
	chain postrouting {
		type nat hook postrouting priority -1; policy accept;
		meta iif veth1 udp sport <= ${SERVICE} masquerade to : 1406-65535 random
	}
}`,
    shadow,
  ),
];

const STATELESS = `table ip stateless {
	map outward {
		typeof meta iifname . ip saddr . ip daddr : ip daddr
		elements = { "veth1" . ${TWO[4]} . ${ONE[4]} : 10.0.2.2 }
	}
	map inward {
		typeof meta iifname . ip saddr . ip daddr : ip daddr
		elements = { "veth0" . ${ONE[4]} . 10.0.2.2 : ${TWO[4]} }
	}
	chain prerouting {
		type filter hook prerouting priority -400; policy accept;
		ip saddr set meta iifname . ip saddr . ip daddr map @outward
		ip daddr set meta iifname . ip saddr . ip daddr map @inward
	}
}`;
const large: End = { device: 'veth1', ip: TWO[4], port: 33_000, mtu: 1500 };
const stateless = [
  one(
    'stateless translation by maps',
    STATELESS,
    ping({ family: 4, answer: { device: 'veth0', src: ONE[4], dst: '10.0.2.2' } }),
  ),
  one('stateless translation of fragments that conntrack puts together', STATELESS, [
    ...datagram(large, { ip: ONE[4], port: 4233 }, 4096),
    ...later(
      50,
      datagram({ ...large, device: 'veth0', ip: ONE[4], port: 4233 }, { ip: '10.0.2.2', port: 33_000 }, 4096),
    ),
  ]),
];

export const NAT_SELFTESTS: KernelScene[] = [
  plain,
  ...dnats,
  hairpin,
  portOnly(4),
  portOnly(6),
  ...masquerades,
  ...redirects,
  ...shadows,
  ...stateless,
];
