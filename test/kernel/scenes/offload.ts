// Scenes of the flowtable: what ends a flow and what it leaves behind, counting, NAT, hooks, routes; and those of entry.
// Device paths (VLAN, bridge, PPPoE) stand in offload-path.ts.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, udp } from '../../../src/packet/build.ts';
import { nft, padded, SERVER, SERVER6, type Sent, talk } from './interface.ts';
import { ENTRY, FALLBACKS } from './offload-entry.ts';
import {
  answer,
  ask,
  BACK,
  DNAT,
  down,
  HOST,
  HOST6,
  lan,
  MASQUERADE,
  NOPS,
  OPEN,
  OUT,
  payload,
  ROUTER,
  router,
  scene,
  timed,
  UDP_OPEN,
  up,
  WAN_IP,
  wan,
  wan1,
} from './offload-frames.ts';

const ENDINGS: KernelScene[] = [
  timed(
    'FIN ends the flow, and conntrack goes on from where it was',
    talk(lan, wan, HOST, HOST, SERVER).map((frame, i): [number, Sent] => [i / 10, frame]),
    20,
  ),
  timed(
    'a FIN without an answer leaves FIN_WAIT',
    [...OPEN, up('PA', 1001, 5001, 10), up('FA', 1011, 5001)].map((frame, i): [number, Sent] => [i / 10, frame]),
    30,
  ),
  timed(
    'RST ends the flow and the connection',
    [...OPEN, up('PA', 1001, 5001, 10), down('A', 5001, 1011), down('R', 5001, 0)].map((frame, i): [number, Sent] => [
      i / 10,
      frame,
    ]),
    5,
  ),
  timed(
    'after a RST that conntrack ignores the connection enters again',
    [
      ...OPEN,
      up('PA', 1001, 5001, 10),
      down('A', 5001, 1011),
      down('R', 900_000, 0),
      up('A', 1011, 5001, 5),
      up('A', 1016, 5001, 5),
      down('A', 5001, 1021),
    ].map((frame, i): [number, Sent] => [i / 10, frame]),
    3,
  ),
  timed(
    'a connection that was closed opens and enters again',
    [...talk(lan, wan, HOST, HOST, SERVER), ...talk(lan, wan, HOST, HOST, SERVER)].map((frame, i): [number, Sent] => [
      i / 10,
      frame,
    ]),
    1,
  ),
  timed(
    'an idle TCP flow ends after 30 s, its connection keeps the rest of its day',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
      [29, down('PA', 5001, 1011, 10)],
      [58, up('A', 1011, 5011)],
      [90, up('PA', 1011, 5011, 10)],
      [91, down('A', 5011, 1021)],
    ],
    45,
  ),
  timed(
    'an idle TCP flow keeps its connection offloaded for 29 s',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
    ],
    28,
  ),
  timed(
    'an idle UDP flow ends after 30 s, its connection after its own timeout',
    [
      [0, OUT],
      [0.1, BACK],
      [0.2, OUT],
      [0.3, BACK],
    ],
    60,
  ),
  timed(
    'a UDP connection that was offloaded one way keeps no time',
    [
      [0, OUT],
      [0.1, OUT],
      [0.2, OUT],
    ],
    33,
  ),
  timed(
    'UDP flows kept busy stay for minutes',
    Array.from({ length: 12 }, (_, i): [number, Sent] => [i * 20, i % 2 ? BACK : OUT]),
    10,
  ),
  timed(
    'nf_flowtable_tcp_timeout and nf_flowtable_udp_timeout',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
      [0.4, OUT],
      [0.5, BACK],
      [2, OUT],
      [4.2, OUT],
      [4.4, up('A', 1011, 5001)],
      [9, OUT],
      [14, up('A', 1011, 5001)],
    ],
    8,
    {},
    router('', ', net.netfilter.nf_flowtable_tcp_timeout: 5, net.netfilter.nf_flowtable_udp_timeout: 3'),
  ),
  timed(
    'timeouts of conntrack shorter than the flow leave nothing',
    [
      [0, OUT],
      [0.1, BACK],
      [0.2, OUT],
      [20, OUT],
      [55, OUT],
    ],
    2,
    {},
    router('', ', net.netfilter.nf_conntrack_udp_timeout: 10, net.netfilter.nf_conntrack_udp_timeout_stream: 20'),
  ),
  timed(
    'slow packets shorten an offloaded connection, the collector makes it long again',
    [
      [0, OUT],
      [0.1, BACK],
      [0.2, OUT],
      [0.5, lan(HOST, SERVER, ask(), NOPS)],
      [10, OUT],
      [20, BACK],
      [40, OUT],
      [60, OUT],
      [80, OUT],
      [100, OUT],
    ],
    20,
    {},
    router('', ', net.netfilter.nf_conntrack_udp_timeout: 8'),
  ),
  timed(
    'slow segments of an offloaded connection do too',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
      [0.5, up('A', 1011, 5001, 0, NOPS)],
      [20, up('PA', 1011, 5001, 10)],
      [40, down('A', 5001, 1021)],
    ],
    10,
    {},
    router('', ', net.netfilter.nf_conntrack_tcp_timeout_established: 15'),
  ),
  timed(
    'an unanswered segment on the slow path leaves 300 s until the collector comes',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10, NOPS)],
      [0.4, up('PA', 1011, 5001, 10, NOPS)],
    ],
    50,
  ),
  timed(
    'a half-closed connection enters no more',
    [
      [0, OPEN[0] as Sent],
      [0.1, OPEN[1] as Sent],
      [0.2, OPEN[2] as Sent],
      [0.3, up('PA', 1001, 5001, 10)],
      [0.4, down('FA', 5001, 1011)],
      [0.5, up('A', 1011, 5002)],
      [0.6, up('PA', 1011, 5002, 10)],
      [10, up('PA', 1021, 5002, 10)],
      [66, up('PA', 1031, 5002, 10)],
    ],
    5,
  ),
];

const COUNTING: KernelScene[] = [
  scene('without counter the connection counts its slow packets only', [...UDP_OPEN, OUT, BACK], { flowtable: '' }),
  scene('with counter and padding the connection counts what was on the wire', [
    ...UDP_OPEN,
    ['lan0', padded(lan(HOST, SERVER, ask(1))[1])],
  ]),
  scene(
    'without accounting nothing is counted',
    [...UDP_OPEN, OUT],
    {},
    router('', ', net.netfilter.nf_conntrack_acct: 0').replace('nf_conntrack_acct: 1, net.netfilter.', ''),
  ),
];

const NAT: KernelScene[] = [
  scene('masquerade both ways on the fast path', talk(lan, wan, HOST, WAN_IP, SERVER), { more: MASQUERADE }),
  scene(
    'DNAT both ways on the fast path',
    [
      wan(SERVER, WAN_IP, udp({ sport: 7000, dport: 8080 }, payload(10))),
      lan(HOST, SERVER, udp({ sport: 80, dport: 7000 }, payload(10))),
      wan(SERVER, WAN_IP, udp({ sport: 7000, dport: 8080 }, payload(11))),
      lan(HOST, SERVER, udp({ sport: 80, dport: 7000 }, payload(12))),
    ],
    { more: DNAT },
  ),
  scene(
    'hairpin: DNAT and SNAT at once, in and out by one device',
    [
      lan('192.168.1.9', WAN_IP, udp({ sport: 7000, dport: 8080 }, payload(10))),
      lan(HOST, '192.168.1.1', udp({ sport: 80, dport: 7000 }, payload(10))),
      lan('192.168.1.9', WAN_IP, udp({ sport: 7000, dport: 8080 }, payload(11))),
      lan(HOST, '192.168.1.1', udp({ sport: 80, dport: 7000 }, payload(12))),
    ],
    { more: DNAT },
  ),
  scene(
    'IPv6 is masqueraded on the fast path',
    [
      ...talk(lan, wan, HOST6, '2001:db8:2::1', SERVER6),
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, '2001:db8:2::1', answer()),
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, '2001:db8:2::1', answer()),
    ],
    { more: MASQUERADE },
  ),
  scene(
    'SNAT to a port range',
    [OUT, wan(SERVER, '203.0.113.7', answer(30, 6000)), OUT, wan(SERVER, '203.0.113.7', answer(30, 6000))],
    {
      more: 'table ip n {\n\tchain post { type nat hook postrouting priority 100; oifname "wan0" udp dport 53 snat to 203.0.113.7:6000; }\n}',
    },
  ),
];

const HOOKS: KernelScene[] = [
  scene('a netdev chain before the flowtable sees every packet, one behind it the slow ones', [...UDP_OPEN, OUT], {
    more: nft(
      'table netdev d {\n\tchain early { type filter hook ingress device lan0 priority -10; counter; }\n\tchain late { type filter hook ingress device lan0 priority 10; counter; }\n\tchain out { type filter hook egress device wan0 priority 0; counter; }\n}',
    ),
  }),
  scene(
    'what a netdev chain drops before the flowtable is not looked up',
    [...UDP_OPEN, lan(HOST, SERVER, ask(33)), OUT],
    {
      more: nft(
        'table netdev d {\n\tchain early { type filter hook ingress device lan0 priority -10; meta length 61 drop; udp length 41 drop; }\n}',
      ),
    },
  ),
  scene('filter, nat and mangle chains see nothing of the fast path', [...UDP_OPEN, OUT, BACK], {
    before:
      'chain pre { type filter hook prerouting priority -300; counter; }\n\tchain post { type filter hook postrouting priority 0; counter; }\n\tchain mangle { type filter hook forward priority -150; ip dscp set cs1; }',
  }),
  scene(
    'two flowtables: the one whose device the packet enters by',
    [
      ...UDP_OPEN,
      lan(HOST, '198.18.0.7', ask()),
      wan1('198.18.0.7', HOST, answer()),
      lan(HOST, '198.18.0.7', ask()),
      wan1('198.18.0.7', HOST, answer()),
    ],
    {
      rules: 'oifname "wan1" return; iifname "wan1" return; flow add @ft; counter',
      more: nft(
        'table inet g {\n\tflowtable ft { hook ingress priority 5; devices = { wan1, lan0 }; }\n\tchain forward { type filter hook forward priority 5;\n\t\tflow add @ft\n\t\tcounter\n\t}\n}',
      ),
    },
  ),
  scene('only the way in is a device of the flowtable', [...UDP_OPEN, OUT, BACK], { devices: 'lan0' }),
  scene('only the way out is a device of the flowtable', [...UDP_OPEN, OUT, BACK], { devices: 'wan0' }),
];

const ROUTES: KernelScene[] = [
  scene(
    'answers that enter by another device than their route leaves are slow',
    [OUT, wan1(SERVER, HOST, answer()), OUT, wan1(SERVER, HOST, answer()), BACK, OUT],
    { devices: 'lan0, wan0, wan1' },
  ),
  scene(
    'the mark of the packet that enters chooses the route of both directions',
    [OUT, wan1(SERVER, HOST, answer()), OUT, wan1(SERVER, HOST, answer())],
    {
      devices: 'lan0, wan0, wan1',
      before: 'chain pre { type filter hook prerouting priority -150; iifname "lan0" meta mark set 1; }',
    },
    router('').replace('neighbours:', 'rules: [{ priority: 10, fwmark: 1, table: 100 }]\nneighbours:'),
  ),
  scene(
    'a mark set in the forward chain does not move the packet that sets it',
    [OUT, BACK, OUT, OUT, BACK],
    {
      devices: 'lan0, wan0, wan1',
      rules: 'meta mark set 1; flow add @ft; counter',
    },
    router('').replace('neighbours:', 'rules: [{ priority: 10, fwmark: 1, table: 100 }]\nneighbours:'),
  ),
  scene('a destination on the link needs no gateway', [
    lan(HOST, '203.0.113.77', ask()),
    wan('203.0.113.77', HOST, answer()),
    lan(HOST, '203.0.113.77', ask()),
    wan('203.0.113.77', HOST, answer()),
  ]),
  scene(
    'a source without a route back is taken to be on its link',
    [
      wan('10.77.0.5', HOST, ask()),
      lan(HOST, '10.77.0.5', answer()),
      wan('10.77.0.5', HOST, ask()),
      lan(HOST, '10.77.0.5', answer()),
    ],
    {},
    router('').replace('  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }\n', ''),
  ),
  scene(
    'a source whose route back is a blackhole is taken to be on its link',
    [
      wan('10.77.0.5', HOST, ask()),
      wan('10.77.0.5', HOST, ask()),
      wan('10.77.0.5', HOST, ask()),
      lan(HOST, '10.77.0.5', answer()),
    ],
    {},
    router('  - { dst: 10.77.0.0/16, type: blackhole }\n'),
  ),
  scene(
    'frames for other hosts are forwarded when their flow is known',
    [
      ['lan0', ether({ dst: '02:00:00:00:00:01' }, OUT[1].slice(14))],
      ['wan0', ether({ dst: '02:00:00:00:00:02' }, BACK[1].slice(14))],
      ['lan0', ether({ dst: '02:00:00:00:00:99' }, OUT[1].slice(14))],
      ['lan0', ether({ dst: 'ff:ff:ff:ff:ff:ff' }, OUT[1].slice(14))],
      ['lan0', ether({ dst: '02:00:00:00:00:99' }, lan(HOST, SERVER, ask(5, 5001))[1].slice(14))],
    ],
    {},
    `strictMac: true${ROUTER}`,
  ),
];

export const OFFLOAD_SCENES: KernelScene[] = [
  ...ENTRY,
  ...FALLBACKS,
  ...ENDINGS,
  ...COUNTING,
  ...NAT,
  ...HOOKS,
  ...ROUTES,
].map((one) => ({ ...one, name: `flowtable: ${one.name}` }));
