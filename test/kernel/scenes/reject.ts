// Scenes of `reject`, of every kind, family and hook, each named by what the kernel does (nf_reject_ipv4.c, nf_reject_ipv6.c,
// nft_reject_inet.c, nft_reject_bridge.c, nft_reject_netdev.c).
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { icmp, icmpv6, type Layer4, tcp, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import {
  ask,
  ask6,
  at,
  bytes,
  chain,
  echo,
  echo6,
  from,
  LAN,
  LAN_ROUTER,
  LAN_ROUTER6,
  LAN6,
  patched,
  type Row,
  SERVER,
  scene,
  segment,
  segment6,
  snat,
} from './rows.ts';

const ICMP = [
  'net-unreachable',
  'host-unreachable',
  'prot-unreachable',
  'port-unreachable',
  'net-prohibited',
  'host-prohibited',
  'admin-prohibited',
];
const ICMP6 = ['no-route', 'admin-prohibited', 'addr-unreachable', 'port-unreachable', 'policy-fail', 'reject-route'];
const ICMPX = ['port-unreachable', 'no-route', 'host-unreachable', 'admin-prohibited'];
const HOOKS = ['prerouting', 'input', 'forward', 'output'] as const;

/** A rule for each kind, by UDP port from 1 on. */
const kinds = (family: string, names: string[], first = 1): string[] =>
  names.map((name, i) => `udp dport ${first + i} counter reject with ${family} ${name}`);
const ports = (names: string[], first = 1): number[] => names.map((_, i) => first + i);

const base = (hook: string): string => `filter hook ${hook} priority 0`;
/** Where a packet has to go to meet a hook. */
const toward = (hook: string, dst: string, own: string): string => (hook === 'input' ? own : dst);

/** Everything that a reject answers, or does not. */
function provocations(dst: string, dst6: string): Row[] {
  return [
    ask({ dst }, {}, 40),
    ask({ dst, tos: 0xb9 }, {}, 1000),
    segment('S', { dst }),
    segment('A', { dst }, { ack: 9 }, 20),
    segment('R', { dst }),
    echo({ dst }),
    from('lan0', { src: LAN, dst }, icmp(3, 3, 0, bytes(28))),
    from('lan0', { src: LAN, dst }, { protocol: 47, bytes: bytes(16) }),
    patched(ask({ dst }), 26, 0x1234),
    patched(segment('S', { dst }), 36, 0x1234),
    from('lan0', { src: LAN, dst, fragmentOffset: 80 }, udp({ sport: 1, dport: 2 })),
    ask6({ dst: dst6 }, {}, 40),
    ask6({ dst: dst6, tos: 0xb9 }, {}, 1400),
    segment6('S', { dst: dst6 }),
    segment6('FA', { dst: dst6 }, { ack: 9 }, 20),
    segment6('R', { dst: dst6 }),
    echo6({ dst: dst6 }),
    from('lan0', { src: LAN6, dst: dst6 }, icmpv6(1, 3, 0, bytes(48))),
    patched(ask6({ dst: dst6 }), 46, 0x1234),
    patched(segment6('S', { dst: dst6 }), 56, 0x1234),
  ];
}

const RESET_OR_REJECT = ['meta l4proto tcp counter reject with tcp reset', 'counter reject'];

const HOOKED: KernelScene[] = HOOKS.filter((hook) => hook !== 'output').flatMap((hook) => [
  scene(
    `reject with icmp of every kind from ${hook}`,
    chain('ip', base(hook), kinds('icmp type', ICMP)),
    ports(ICMP).map((dport) => ask({ dst: toward(hook, SERVER, LAN_ROUTER) }, { dport })),
  ),
  scene(
    `reject with icmpv6 of every kind from ${hook}`,
    chain('ip6', base(hook), kinds('icmpv6 type', ICMP6)),
    ports(ICMP6).map((dport) => ask6({ dst: toward(hook, '2001:db8:99::7', LAN_ROUTER6) }, { dport })),
  ),
  scene(`reject with icmpx of every kind from ${hook}`, chain('inet', base(hook), kinds('icmpx type', ICMPX)), [
    ...ports(ICMPX).map((dport) => ask({ dst: toward(hook, SERVER, LAN_ROUTER) }, { dport })),
    ...ports(ICMPX).map((dport) => ask6({ dst: toward(hook, '2001:db8:99::7', LAN_ROUTER6) }, { dport })),
  ]),
  scene(
    `what is answered, and what is not, from ${hook}`,
    chain('inet', base(hook), RESET_OR_REJECT),
    provocations(toward(hook, SERVER, LAN_ROUTER), toward(hook, '2001:db8:99::7', LAN_ROUTER6)),
  ),
]);

const SPECIAL: KernelScene[] = [
  scene(
    'rejects of the output hook are for the router itself, and end there',
    chain('inet', base('output'), [
      'icmp type echo-reply counter reject',
      'icmpv6 type echo-reply counter reject',
      'tcp flags rst counter reject with tcp reset',
      'counter reject',
    ]),
    [
      echo({ dst: LAN_ROUTER }),
      echo6({ dst: LAN_ROUTER6 }),
      segment('S', { dst: LAN_ROUTER }),
      ask({ dst: LAN_ROUTER }),
      ask({ ttl: 1 }),
    ],
  ),
  scene('broadcasts and multicasts are not answered', chain('inet', base('prerouting'), RESET_OR_REJECT), [
    ask({ dst: '192.168.1.255' }),
    ask({ dst: '255.255.255.255' }),
    ask({ dst: '224.0.0.1' }),
    segment('S', { dst: '192.168.1.255' }),
    segment('S', { dst: '224.0.0.1' }),
    ask6({ dst: 'ff02::1' }),
    segment6('S', { dst: 'ff02::1' }),
  ]),
  scene('broadcasts are not answered from input', chain('inet', base('input'), RESET_OR_REJECT), [
    ask({ dst: '192.168.1.255' }),
    segment('S', { dst: '192.168.1.255' }),
    ask({ dst: '224.0.0.1' }),
    ask6({ dst: 'ff02::1' }),
    segment6('S', { dst: 'ff02::1' }),
  ]),
  scene(
    'the reset of a segment without ACK acknowledges what it carried',
    chain('inet', base('forward'), ['reject with tcp reset']),
    [
      segment('S', {}, { seq: 0xfffffff0 }, 40),
      segment('SF', {}, { seq: 5 }, 3),
      segment('', {}, { seq: 5 }, 3),
      segment('A', {}, { seq: 5, ack: 0 }, 3),
      segment('S', {}, { options: Uint8Array.of(2, 4, 5, 180, 1, 1, 4, 2) }, 7),
      segment6('S', {}, { options: Uint8Array.of(2, 4, 5, 180, 1, 1, 4, 2) }, 7),
    ],
  ),
  scene(
    'the connection of a reset segment is closing',
    `${chain('inet', base('forward'), ['tcp dport 80 ct state new accept', 'tcp dport 80 counter reject with tcp reset'])}`,
    [
      segment('S'),
      at(
        'wan0',
        from('', { src: SERVER, dst: LAN }, tcp({ sport: 80, dport: 40000, seq: 70, ack: 1001, flags: 'SA' })),
      ),
      segment('A', {}, { seq: 1001, ack: 71 }),
    ],
  ),
  scene(
    'a reset that a masqueraded connection gets comes from whom it asked',
    `${snat('inet', 'oifname "wan0" masquerade')}${chain('inet', base('forward'), ['iifname "wan0" counter reject with tcp reset', 'udp dport 9 counter reject'])}`,
    [
      segment('S'),
      at(
        'wan0',
        from(
          '',
          { src: SERVER, dst: '203.0.113.1' },
          tcp({ sport: 80, dport: 40000, seq: 70, ack: 1001, flags: 'SA' }),
        ),
      ),
      ask({}, { dport: 9 }),
    ],
  ),
  scene(
    'untracked packets are rejected alike',
    `${chain('inet', 'filter hook prerouting priority -300', ['notrack'])}${chain('inet', base('forward'), RESET_OR_REJECT, 'u')}`,
    [ask(), segment('S'), ask6(), segment6('S')],
  ),
  scene(
    'the error passes the output hook, the next rule does not see the packet',
    `${chain('inet', base('output'), ['icmp type destination-unreachable counter', 'tcp flags rst counter ip ttl set 33'], 'o')}${chain('inet', base('forward'), [...RESET_OR_REJECT, 'counter'], 'f')}`,
    [ask(), segment('S')],
  ),
  scene('IPv4 options are not part of a reset, but are quoted', chain('inet', base('forward'), RESET_OR_REJECT), [
    from('lan0', { src: LAN, dst: SERVER, options: Uint8Array.of(1, 1, 1, 0) }, udp({ sport: 1, dport: 2 }, bytes(4))),
    from(
      'lan0',
      { src: LAN, dst: SERVER, options: Uint8Array.of(0x94, 4, 0, 0) },
      tcp({ sport: 1, dport: 2, flags: 'S' }),
    ),
  ]),
  scene('IPv6 extension headers are quoted', chain('inet', base('forward'), RESET_OR_REJECT), [
    extended({ protocol: 17, bytes: udp({ sport: 1, dport: 2 }, bytes(4)).bytes }),
    extended({ protocol: 6, bytes: tcp({ sport: 1, dport: 2, flags: 'S' }).bytes }),
  ]),
];

/** With destination options in front of it; its checksum is wrong where the pseudo header counts. */
function extended(inner: Layer4): Row {
  const header = Uint8Array.of(inner.protocol, 0, 1, 4, 0, 0, 0, 0);
  const plain = from('lan0', { src: LAN6, dst: '2001:db8:99::7' }, inner)[1];
  const whole = new Uint8Array(plain.length + 8);
  whole.set(plain.subarray(0, 40));
  whole.set(header, 40);
  whole.set(plain.subarray(40), 48);
  whole[5] = (whole[5] ?? 0) + 8;
  whole[6] = 60;
  return ['lan0', whole];
}

const zeroSum = (row: Row): Row => patched(row, 26, 0);
const BRIDGE = {
  interfaces: [
    { name: 'lan1', mac: '02:00:00:00:00:01' },
    { name: 'lan2', mac: '02:00:00:00:00:03' },
    TOPOLOGY.interfaces[1],
    {
      name: 'br0',
      type: 'bridge',
      mac: '02:00:00:00:00:09',
      ports: ['lan1', 'lan2'],
      addresses: ['192.168.1.1/24', 'fd00:1::1/64'],
    },
  ],
};
const bridged = (rows: Row[]): Row[] => rows.map((row) => at('lan1', row));

/** Octets behind the datagram, as Ethernet pads short frames. */
const padded = (row: Row, octets: number): Row => {
  const whole = new Uint8Array(row[1].length + octets);
  whole.set(row[1]);
  return [row[0], whole];
};
const INGRESS = 'filter hook ingress device "lan0" priority 0';

const LINK: KernelScene[] = [
  scene(
    'inet ingress answers as prerouting does',
    chain('inet', INGRESS, [
      'meta l4proto tcp counter reject with tcp reset',
      'counter reject with icmpx type admin-prohibited',
    ]),
    provocations(SERVER, '2001:db8:99::7'),
  ),
  scene(
    'inet ingress: Ethernet padding counts as payload',
    chain('inet', INGRESS, ['meta l4proto tcp counter reject with tcp reset', 'counter reject']),
    [
      padded(ask({}, {}, 4), 14),
      padded(segment('S'), 6),
      padded(echo(), 10),
      padded(zeroSum(ask()), 8),
      padded(ask6(), 5),
    ],
  ),
  scene(
    'bridge prerouting answers at the link: every kind',
    chain('bridge', base('prerouting'), kinds('icmpx type', ICMPX)),
    bridged([...ports(ICMPX).map((dport) => ask({}, { dport })), ...ports(ICMPX).map((dport) => ask6({}, { dport }))]),
    { router: BRIDGE },
  ),
  scene(
    'bridge prerouting: what is answered, and what is not',
    chain('bridge', base('prerouting'), [
      'meta l4proto tcp counter reject with tcp reset',
      'ether type { ip, ip6 } counter reject',
    ]),
    bridged([
      ...provocations(SERVER, '2001:db8:99::7'),
      padded(ask({}, {}, 4), 14),
      padded(segment('S'), 6),
      padded(ask6(), 5),
    ]),
    { router: BRIDGE },
  ),
  scene(
    'bridge input: what is answered, and what is not',
    chain('bridge', base('input'), [
      'meta l4proto tcp counter reject with tcp reset',
      'ether type { ip, ip6 } counter reject',
    ]),
    bridged(provocations(LAN_ROUTER, LAN_ROUTER6)),
    { router: BRIDGE },
  ),
];

export const REJECT_SCENES: KernelScene[] = [HOOKED, SPECIAL, LINK].flat();
