// What real captures through real rulesets showed first, as scenes of our own.
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { ether, ip, udp } from '../../src/packet/build.ts';
import { TOPOLOGY } from '../datapath/scenes.ts';
import { bytes, type Row, TcpTalk } from './selftest-scenes/talk.ts';

const LAN = '192.168.1.10';
const EVERY_HOOK = `table inet t {
	chain p {
		type filter hook prerouting priority 0; policy accept;
		ct state new counter
	}
	chain i {
		type filter hook input priority 0; policy accept;
		meta pkttype multicast counter
		counter
	}
	chain f {
		type filter hook forward priority 0; policy accept;
		counter
	}
}`;

/** An IGMP message with the router alert that hosts give it. */
function igmp(src: string, dst: string, type: number, hasAlert = true): Row {
  const message = new Uint8Array(8);
  message[0] = type;
  message[2] = ~type & 0xff;
  message[3] = 0xff;
  const options = hasAlert ? { options: Uint8Array.of(0x94, 4, 0, 0) } : {};
  return [
    'lan0',
    ether({ dst: '01:00:5e:00:00:01' }, ip({ src, dst, ttl: 1, ...options }, { protocol: 2, bytes: message })),
  ];
}
const multicast = (src: string, dst: string): Row => [
  'lan0',
  ether({ dst: '01:00:5e:00:00:01' }, ip({ src, dst, ttl: 4 }, udp({ sport: 5353, dport: 5353 }, bytes(20)))),
];

function scene(
  name: string,
  rows: Row[],
  sysctl: Record<string, number> = {},
  ruleset: string = EVERY_HOOK,
): KernelScene {
  return {
    name,
    ruleset,
    router: JSON.stringify({ ...TOPOLOGY, sysctl }),
    frames: rows.map(([device, octets], i) => ({ device, octets, timeNs: i * 20e6 })),
  };
}

const groups: Row[] = [
  igmp(LAN, '224.0.0.1', 0x11),
  igmp(LAN, '224.0.0.1', 0x11, false),
  igmp(LAN, '224.0.0.22', 0x22),
  igmp(LAN, '224.0.0.2', 0x17),
  igmp(LAN, '239.255.255.250', 0x16),
  multicast(LAN, '224.0.0.1'),
  multicast(LAN, '224.0.0.251'),
  multicast(LAN, '239.255.255.250'),
];
const sources: Row[] = [
  '0.0.0.0',
  '0.1.2.3',
  '127.0.0.1',
  '192.168.1.1',
  '203.0.113.1',
  '203.0.113.9',
  '192.168.1.255',
  '8.8.8.8',
].flatMap((src): Row[] => [multicast(src, '224.0.0.1'), igmp(src, '224.0.0.1', 0x11)]);

const HELPERS = ['irc', 'netbios-ns', 'pptp', 'sane', 'sip', 'snmp', 'tftp', 'ftp'];
const DATAGRAMS = ['netbios-ns', 'sip', 'snmp', 'tftp'];
/** Ports 7001 and on, a helper each. */
const ASSIGNED = `table inet t {
${HELPERS.map((name) => `	ct helper ${name} {\n		type "${name}" protocol ${DATAGRAMS.includes(name) ? 'udp' : 'tcp'};\n	}`).join('\n')}
	chain p {
		type filter hook prerouting priority 0; policy accept;
${HELPERS.map((name, i) => `		th dport ${7001 + i} ct helper set "${name}" counter`).join('\n')}
	}
}`;
const helped: Row[] = HELPERS.flatMap((name, i) =>
  [
    [LAN, '198.51.100.7'],
    ['fd00:1::10', '2001:db8:99::7'],
  ].flatMap(([src = '', dst = '']): Row[] => {
    const [sport, dport] = [40_000, 7001 + i];
    return DATAGRAMS.includes(name)
      ? [['lan0', ether({}, ip({ src, dst }, udp({ sport, dport }, bytes(4))))]]
      : new TcpTalk({ device: 'lan0', ip: src, port: sport }, { device: 'wan0', ip: dst, port: dport }).open();
  }),
);

export const FOUND_SCENES: KernelScene[] = [
  scene('multicast: of the groups only that of all hosts is the router in, IGMP is no exception', groups),
  scene('multicast: sources that are the router itself, loopback or a broadcast are martians, zero is not', sources),
  scene('multicast: the reverse path filter asks for sources of multicast too', sources, {
    'net.ipv4.conf.all.rp_filter': 1,
  }),
  scene('multicast: accept_local and route_localnet', sources, {
    'net.ipv4.conf.lan0.accept_local': 1,
    'net.ipv4.conf.lan0.route_localnet': 1,
  }),
  scene('helpers: those for IPv4 alone are listed so and are none of connections over IPv6', helped, {}, ASSIGNED),
];
