// conntrack_tcp_unreplied.sh, conntrack_reverse_clash.sh, nf_nat_edemux.sh, conntrack_sctp_collision.sh,
// nft_conntrack_helper.sh, conntrack_ipip_mtu.sh (its router in the middle): connections that wait, clash, cross, are
// watched by helpers, and that fragments belong to.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16, putBe32 } from '../../../src/base/columns.ts';
import { ether, fragmentIpv4, ip, type Layer4, udp } from '../../../src/packet/build.ts';
import { bytes, datagram, type End, later, type Row, scene, TcpTalk } from './talk.ts';

const ONE = '10.11.11.1';
const TWO = '10.11.12.2';
const VIRTUAL = '10.99.99.99';

function router(sysctl: Record<string, number> = {}): object {
  return {
    interfaces: [
      { name: 'veth1', mac: '02:00:00:00:00:01', addresses: ['10.11.11.254/24', 'dead:1::254/64'] },
      { name: 'veth2', mac: '02:00:00:00:00:02', addresses: ['10.11.12.254/24', 'dead:2::254/64'] },
    ],
    routes: [{ dst: '0.0.0.0/0', via: TWO, dev: 'veth2' }],
    sysctl,
  };
}

// ---- a SYN nobody answers, and a rule that comes later

const COUNT_REQUESTS = `table inet filter {
	counter connreq { }
	counter redir { }
	chain input {
		type filter hook input priority 0; policy accept;
		ct state new ct status dnat tcp dport 8080 counter name redir accept
	}
	chain forward {
		type filter hook forward priority 0; policy accept;
		ct state new tcp flags syn ip daddr ${VIRTUAL} tcp dport 80 counter name connreq accept
	}
}`;
const EPOCH = 1_700_000_000;
/** As if it were loaded five seconds after the first SYN. */
const REDIRECT = `table inet nat {
	chain prerouting {
		type nat hook prerouting priority 0; policy accept;
		meta time >= "2023-11-14 22:13:25" ip daddr ${VIRTUAL} tcp dport 80 redirect to :8080
	}
}`;
/** A client that sends the same SYN every `everyMs`. */
function retries(count: number, everyMs: number): Row[] {
  const near: End = { device: 'veth1', ip: ONE, port: 40_000, peer: { ip: VIRTUAL, port: 80 } };
  const talk = new TcpTalk(near, { device: 'veth2', ip: VIRTUAL, port: 80 });
  return Array.from({ length: count }, () => later(everyMs, talk.segment('near', 'S', 0, { seq: 1000 }))).flat();
}
const SYN_SENT = { 'net.netfilter.nf_conntrack_tcp_timeout_syn_sent': 10 };

const unreplied: KernelScene[] = [
  scene({
    name: 'conntrack_tcp_unreplied: an unanswered SYN times out under retransmissions, then the new rule is met',
    router: router(SYN_SENT),
    ruleset: `${COUNT_REQUESTS}\n${REDIRECT}`,
    rows: retries(16, 1013),
    epochSeconds: EPOCH,
  }),
  scene({
    name: 'conntrack_tcp_unreplied: a connection keeps the decision of its first packet while it lives',
    router: router(SYN_SENT),
    ruleset: `${COUNT_REQUESTS}\n${REDIRECT}`,
    rows: retries(5, 2400),
    epochSeconds: EPOCH,
  }),
];

// ---- crossing datagrams under a null binding

const NULL_BINDING = `table ip nat {
	chain POSTROUTING {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "nomatch" counter masquerade
	}
}`;
const LEFT: End = { device: 'veth1', ip: ONE, port: 56_789 };
const RIGHT: End = { device: 'veth2', ip: TWO, port: 56_790 };
const crossing: Row[] = Array.from({ length: 12 }, (_, i) =>
  // The entry runs out now and then, and is made anew from the other side.
  later(i % 3 === 2 ? 1500 : 100, [
    ...datagram(i % 2 === 0 ? LEFT : RIGHT, i % 2 === 0 ? RIGHT : LEFT, 512),
    ...datagram(i % 2 === 0 ? RIGHT : LEFT, i % 2 === 0 ? LEFT : RIGHT, 512),
  ]),
).flat();
const UDP_SHORT = {
  'net.netfilter.nf_conntrack_udp_timeout': 1,
  'net.netfilter.nf_conntrack_udp_timeout_stream': 1,
};

const clash = scene({
  name: 'conntrack_reverse_clash: no port is changed by a null binding',
  router: router(UDP_SHORT),
  ruleset: NULL_BINDING,
  rows: crossing,
});

// ---- three ways to one service from one port

const SERVICE = 5201;
const EDEMUX = `table ip nat {
	chain prerouting {
		type nat hook prerouting priority -100; policy accept;
		ip daddr 10.96.0.1 tcp dport 443 dnat to ${TWO}:${SERVICE}
		tcp dport { 5202, 5203 } dnat to :${SERVICE}
	}
}`;
const client = (peer: { ip: string; port: number }): End => ({ device: 'veth1', ip: ONE, port: 10_000, peer });
const service: End = { device: 'veth2', ip: TWO, port: SERVICE };
const direct = new TcpTalk(client({ ip: TWO, port: SERVICE }), service);
const edemux = scene({
  name: 'nf_nat_edemux: connections that DNAT makes equal get other source ports',
  router: router(),
  ruleset: EDEMUX,
  rows: [
    ...direct.open(),
    ...[
      { ip: '10.96.0.1', port: 443 },
      { ip: TWO, port: 5202 },
      { ip: TWO, port: 5203 },
    ].flatMap((peer) => {
      const talk = new TcpTalk(client(peer), service);
      return [...talk.segment('near', 'S'), ...talk.segment('near', 'S', 0, { seq: 1000 })];
    }),
    ...direct.data('near', 50),
  ],
});
const local = scene({
  name: 'nf_nat_edemux: redirected ports of the router itself',
  router: router(),
  ruleset: `table ip nat {
	chain prerouting {
		type nat hook prerouting priority -100; policy accept;
		tcp dport { 5202, 5203 } redirect to :${SERVICE}
	}
}`,
  rows: [SERVICE, 5202, 5203].flatMap((port) =>
    new TcpTalk(client({ ip: '10.11.11.254', port }), service).segment('near', 'S'),
  ),
});

// ---- SCTP associations that begin on both sides

const INIT = 1;
const INIT_ACK = 2;
const COOKIE_ECHO = 10;
const COOKIE_ACK = 11;
const DATA = 0;
const HEARTBEAT = 4;
const SHUTDOWN = 7;
const SHUTDOWN_ACK = 8;
const SHUTDOWN_COMPLETE = 14;

/** A packet of one chunk. `init`: the tag that INIT and INIT ACK announce. */
function sctp(vtag: number, type: number, init = 0): Layer4 {
  const packet = new Uint8Array(12 + 20);
  putBe16(packet, 0, 1234);
  putBe16(packet, 2, 1234);
  putBe32(packet, 4, vtag);
  packet[12] = type;
  putBe16(packet, 14, 20);
  putBe32(packet, 16, init);
  putBe32(packet, 20, 65_536);
  putBe32(packet, 24, 0x000a000a);
  putBe32(packet, 28, 1);
  putBe32(packet, 8, crc32c(packet));
  return { protocol: 132, bytes: packet };
}

/** RFC 9260 appendix A; kept least significant octet first. */
function crc32c(octets: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of octets) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  const value = ~crc >>> 0;
  return (((value & 255) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

const CLIENT_TAG = 2_017_837_359;
const SERVER_TAG = 1_187_206_187;
const LATE_TAG = 164_579_970;
const near = (afterMs: number, vtag: number, type: number, init?: number): Row => [
  'veth1',
  ether({}, ip({ src: ONE, dst: TWO }, sctp(vtag, type, init))),
  afterMs,
];
const far = (afterMs: number, vtag: number, type: number, init?: number): Row => [
  'veth2',
  ether({}, ip({ src: TWO, dst: ONE }, sctp(vtag, type, init))),
  afterMs,
];
const STATES = `table inet t {
	chain forward {
		type filter hook forward priority 0; policy accept;
		ct state invalid,untracked counter drop
		ct state new counter
		ct state established counter
	}
}`;
const collision: Row[] = [
  near(0, 0, INIT, CLIENT_TAG),
  far(700, 0, INIT, SERVER_TAG),
  near(1, SERVER_TAG, INIT_ACK, CLIENT_TAG),
  far(1, CLIENT_TAG, COOKIE_ECHO),
  near(1, SERVER_TAG, COOKIE_ACK),
  // The answer to the first INIT, long overtaken, with a tag of its own.
  far(500, CLIENT_TAG, INIT_ACK, LATE_TAG),
];
const sctpScenes: KernelScene[] = [
  scene({
    name: 'conntrack_sctp_collision: a late INIT ACK does not spoil the association',
    router: router(),
    ruleset: STATES,
    rows: [
      ...collision,
      near(1000, SERVER_TAG, DATA),
      far(20, CLIENT_TAG, DATA),
      near(30_000, SERVER_TAG, HEARTBEAT),
      near(20, SERVER_TAG, SHUTDOWN),
      far(20, CLIENT_TAG, SHUTDOWN_ACK),
      near(20, SERVER_TAG, SHUTDOWN_COMPLETE),
    ],
  }),
  scene({
    name: 'conntrack_sctp_collision: the late INIT ACK is answered by a COOKIE ECHO',
    router: router(),
    ruleset: STATES,
    rows: [
      ...collision,
      near(20, LATE_TAG, COOKIE_ECHO),
      far(20, CLIENT_TAG, COOKIE_ACK),
      near(20, LATE_TAG, DATA),
      near(20, SERVER_TAG, DATA),
    ],
  }),
  scene({
    name: 'conntrack_sctp_collision: without a collision',
    router: router(),
    ruleset: STATES,
    rows: [
      near(0, 0, INIT, CLIENT_TAG),
      far(20, CLIENT_TAG, INIT_ACK, SERVER_TAG),
      near(20, SERVER_TAG, COOKIE_ECHO),
      far(20, CLIENT_TAG, COOKIE_ACK),
      near(20, SERVER_TAG, DATA),
      far(20, 0x01020304, DATA),
    ],
  }),
];

// ---- helpers

const helperTable = (family: string): string => `table ${family} raw {
	ct helper ftp {
		type "ftp" protocol tcp
	}
	chain pre {
		type filter hook prerouting priority 0; policy accept;
		tcp dport 2121 ct helper set "ftp"
	}
}`;
function ftpTalks(port: number): Row[] {
  const four = new TcpTalk({ device: 'veth1', ip: ONE, port: 40_000 }, { device: 'veth2', ip: TWO, port });
  const six = new TcpTalk(
    { device: 'veth1', ip: 'dead:1::1', port: 40_001 },
    { device: 'veth2', ip: 'dead:2::2', port },
  );
  return [...four.open(), ...four.data('near', 6), ...six.open(), ...six.data('near', 6)];
}
const helpers: KernelScene[] = [
  ['ip', helperTable('ip')],
  ['ip6', helperTable('ip6')],
  ['ip and ip6', `${helperTable('ip')}\n${helperTable('ip6')}`],
  ['inet', helperTable('inet')],
].flatMap(([label = '', ruleset = '']) => [
  scene({ name: `nft_conntrack_helper: set by a rule of ${label}`, router: router(), ruleset, rows: ftpTalks(2121) }),
  ...(label === 'inet'
    ? [
        scene({
          name: 'nft_conntrack_helper: port 21 alone assigns none',
          router: router(),
          ruleset,
          rows: ftpTalks(21),
        }),
      ]
    : []),
]);

// ---- IPIP through a link of 1400 octets

const TUNNEL_ROUTER = {
  interfaces: [
    { name: 'veth0', mac: '02:00:00:00:00:01', addresses: ['10.2.2.254/24'], mtu: 1400 },
    { name: 'veth1', mac: '02:00:00:00:00:02', addresses: ['10.4.4.254/24'], mtu: 1400 },
  ],
};
const inner = ip({ src: '192.168.10.2', dst: '192.168.20.2', id: 9 }, udp({ sport: 40_000, dport: 5000 }, bytes(1400)));
const tunnelled = (octets: Uint8Array, dontFragment: boolean, id: number): Uint8Array =>
  ip({ src: '10.2.2.1', dst: '10.4.4.1', id, dontFragment }, { protocol: 4, bytes: octets });
const TUNNELLED: Row[] = [
  // Fragments of the inner datagram, each in a tunnel packet of its own.
  ...fragmentIpv4(inner, 1380).map((part, i): Row => ['veth0', ether({}, tunnelled(part, true, 50 + i))]),
  // The whole of it, cut outside.
  ...fragmentIpv4(tunnelled(inner, false, 60), 1400).map((part): Row => ['veth0', ether({}, part)]),
];
const tunnels: KernelScene[] = [
  [
    'without connection tracking',
    'table ip t {\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tcounter\n\t}\n}',
  ],
  [
    'with connection tracking',
    'table ip t {\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tct state new counter\n\t\tcounter\n\t}\n}',
  ],
].map(([label = '', ruleset = '']) =>
  scene({
    name: `conntrack_ipip_mtu: tunnel packets through the router in the middle, ${label}`,
    router: TUNNEL_ROUTER,
    ruleset,
    rows: TUNNELLED,
  }),
);
/** The first router puts fragments together and must cut them again for the link behind. */
const REFRAGMENT = {
  interfaces: [
    { name: 'veth1', mac: '02:00:00:00:00:01', addresses: ['192.168.10.1/24'] },
    { name: 'veth0', mac: '02:00:00:00:00:02', addresses: ['10.2.2.1/24'], mtu: 1380 },
  ],
  routes: [{ dst: '192.168.20.0/24', via: '10.2.2.254', dev: 'veth0' }],
};
const refragmented = [false, true].map((hasConntrack) =>
  scene({
    name: `conntrack_ipip_mtu: a client's fragments for a smaller link, ${hasConntrack ? 'with' : 'without'} connection tracking`,
    router: REFRAGMENT,
    ruleset: hasConntrack
      ? STATES
      : 'table ip t {\n\tchain f {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tcounter\n\t}\n}',
    rows: [
      ...fragmentIpv4(inner, 1380).map((part): Row => ['veth1', ether({}, part)]),
      ...fragmentIpv4(inner, 1420).map((part): Row => ['veth1', ether({}, part), 30]),
    ],
  }),
);

export const CONNECTION_SELFTESTS: KernelScene[] = [
  ...unreplied,
  clash,
  edemux,
  local,
  ...sctpScenes,
  ...helpers,
  ...tunnels,
  ...refragmented,
];
