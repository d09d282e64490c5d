// Scenes of rules next to the wire: chains of netdev tables at ingress and egress, tags and link headers; of fields that
// stand across octets; of sets that several rules fill.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { arp, ether, icmp, ip, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import {
  type Arrival,
  answer,
  ask,
  ask6,
  every,
  forward,
  LAN,
  octets,
  out,
  ping,
  ping6,
  SERVER,
  scene,
} from './expression-frames.ts';

const VLAN_ROUTER = {
  ...TOPOLOGY,
  interfaces: [
    ...TOPOLOGY.interfaces,
    { name: 'lan0.7', type: 'vlan', link: 'lan0', id: 7, mac: '02:00:00:00:00:01', addresses: ['192.168.7.1/24'] },
  ],
};
const PLAIN: Arrival[] = [ask(0), ask6(10), out(20, 'S', { seq: 1 }), ping(30), ping6(40), answer(50)];
const netdev = (ingress: string[], egress: string[] = [], device = 'lan0', outside = 'wan0'): string =>
  `table netdev t {\n\tset seen { type ether_addr; flags dynamic; size 50\n\t}\n\tchain i {\n\t\ttype filter hook ingress device "${device}" priority 0; policy accept;\n\t\t${ingress.join('\n\t\t')}\n\t}\n\tchain e {\n\t\ttype filter hook egress device "${outside}" priority 0; policy accept;\n\t\t${egress.join('\n\t\t')}\n\t}\n}`;

/** A scene whose arrivals are whole frames. */
function wired(
  name: string,
  ruleset: string,
  frames: [ms: number, device: string, frame: Uint8Array][],
  router: object = TOPOLOGY,
): KernelScene {
  return {
    name,
    ruleset,
    router: JSON.stringify(router),
    frames: frames.map(([ms, device, frame]) => ({ device, octets: frame, timeNs: ms * 1e6 })),
  };
}

const inVlan = (id: number, dport = 53, priority = 0): Uint8Array =>
  ether(
    { vlans: [{ id, priority }] },
    ip({ src: '192.168.7.10', dst: SERVER }, udp({ sport: 5000, dport }, octets(8))),
  );
const plain = (dport = 53): Uint8Array =>
  ether({}, ip({ src: LAN, dst: SERVER }, udp({ sport: 5000, dport }, octets(8))));
const back7 = (): Uint8Array =>
  ether({}, ip({ src: SERVER, dst: '192.168.7.10' }, udp({ sport: 53, dport: 5000 }, octets(8))));

export const LINK_SCENES: KernelScene[] = [
  scene(
    'ingress and egress: protocols, interfaces, lengths and link headers there',
    netdev(
      [
        'meta protocol ip counter',
        'meta protocol ip6 counter',
        'meta l4proto udp counter',
        'meta length 40 counter',
        'meta length > 50 counter',
        'meta iifname "lan0" counter',
        'meta iiftype ether counter',
        'meta pkttype host counter',
        'ether type ip counter',
        'ether saddr 02:ee:00:00:00:01 counter',
        'ip ttl 64 counter',
        'ip6 hoplimit 64 counter',
        'udp dport 53 counter',
        'tcp flags syn counter',
        'icmp type echo-request counter',
        '@ll,0,16 0x0200 counter',
        'add @seen { ether saddr }',
        'meta mark set 3',
      ],
      [
        'meta protocol ip counter',
        'meta l4proto udp counter',
        'meta length 54 counter',
        'meta length 40 counter',
        'meta oifname "wan0" counter',
        'meta iifname "lan0" counter',
        'ether type ip counter',
        'ether saddr 02:00:00:00:00:02 counter',
        'ether daddr 02:ee:00:00:00:fe counter',
        'ip ttl 63 counter',
        'udp dport 53 counter',
        'meta mark 3 counter',
        'counter',
      ],
    ),
    PLAIN,
  ),
  scene(
    'ingress: payload is written before the router looks, with its checksums',
    netdev(
      [
        'udp dport 53 udp dport set 5353 counter',
        'ip ttl set 1 counter',
        'ip6 hoplimit set 40 counter',
        'ip dscp set cs4 counter',
        'tcp option maxseg size set 500 counter',
        'ip daddr set 198.51.100.99 counter',
      ],
      ['ip ttl set 99 counter', 'udp dport set 77 counter', 'ether saddr set 02:12:34:56:78:9a counter'],
    ).replace('ip ttl set 1 ', 'ip ttl set 9 '),
    PLAIN,
  ),
  scene(
    'ingress: jump, goto, return and policy drop',
    `table netdev t {\n\tchain s {\n\t\tudp dport 53 counter return\n\t\tudp dport 54 counter accept\n\t}\n\tchain g {\n\t\tcounter\n\t}\n\tchain i {\n\t\ttype filter hook ingress device "lan0" priority 0; policy drop;\n\t\tjump s\n\t\tudp dport 55 goto g\n\t\tudp dport 53 counter accept\n\t\tcounter\n\t}\n\tchain j {\n\t\ttype filter hook ingress device "lan0" priority 5; policy accept;\n\t\tcounter\n\t}\n}`,
    every(
      10,
      [53, 54, 55, 56].map((dport) => (ms: number) => ask(ms, { dport })),
    ),
  ),
  scene(
    'ingress: limits, quotas, sets and maps of a netdev table',
    `table netdev t {\n\tset hosts { type ipv4_addr; size 9; flags dynamic,timeout; timeout 5s\n\t}\n\tmap act { type inet_service : verdict; elements = { 54 : drop, 55 : accept }\n\t}\n\tchain i {\n\t\ttype filter hook ingress device "lan0" priority 0; policy accept;\n\t\tupdate @hosts { ip saddr limit rate over 2/second burst 1 packets } counter drop\n\t\tudp dport vmap @act\n\t\tquota over 60 bytes counter\n\t\tlimit rate 1/second burst 1 packets counter\n\t\tcounter\n\t}\n}`,
    [
      ...every(
        10,
        [53, 54, 55].map((dport) => (ms: number) => ask(ms, { dport, src: `192.168.1.${dport}` })),
      ),
      ask(40),
      ask(50),
      ask(2070),
      ask6(2080),
      ask(9000),
    ],
  ),
  wired(
    'tags: a frame of a VLAN device at its port and at the device, out as well',
    `table netdev t {\n${['lan0', 'lan0.7']
      .map(
        (device, i) =>
          `\tchain i${i} {\n\t\ttype filter hook ingress device "${device}" priority 0; policy accept;\n\t\t${['vlan id 7 counter', 'vlan pcp 5 counter', 'vlan type ip counter', 'ether type vlan counter', 'ether type ip counter', 'meta protocol ip counter', 'meta protocol vlan counter', 'ip saddr 192.168.7.10 counter', 'udp dport 53 counter', 'meta length 36 counter', 'meta length 40 counter', 'counter'].join('\n\t\t')}\n\t}\n\tchain e${i} {\n\t\ttype filter hook egress device "${device}" priority 0; policy accept;\n\t\t${['ether type ip counter', 'ether type vlan counter', 'meta protocol ip counter', 'ip daddr 192.168.7.10 counter', 'meta length 50 counter', 'meta length 54 counter', 'vlan id 7 counter', 'counter'].join('\n\t\t')}\n\t}\n`,
      )
      .join(
        '',
      )}}\ntable inet f {\n\tchain c {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tiifname "lan0.7" counter\n\t\tvlan id 7 counter\n\t\tmeta iifkind "vlan" counter\n\t}\n}`,
    [
      [0, 'lan0', inVlan(7)],
      [10, 'lan0', inVlan(7, 54, 5)],
      [20, 'lan0', inVlan(8)],
      [30, 'lan0', plain()],
      [40, 'wan0', back7()],
      [50, 'lan0', inVlan(0)],
    ],
    VLAN_ROUTER,
  ),
  wired(
    'arp: operations and addresses at input, answers at output',
    `table arp t {\n\tchain i {\n\t\ttype filter hook input priority 0; policy accept;\n\t\tarp operation request counter\n\t\tarp operation reply counter\n\t\tarp saddr ip 192.168.1.10 counter\n\t\tarp daddr ip 192.168.1.1 counter\n\t\tarp daddr ip 192.168.1.2 counter drop\n\t\tarp saddr ether 02:ee:00:00:00:01 counter\n\t\tarp htype 1 counter\n\t\tarp ptype ip counter\n\t\tarp plen 4 counter\n\t\tiifname "lan0" counter\n\t\tmeta length 28 counter\n\t}\n\tchain o {\n\t\ttype filter hook output priority 0; policy accept;\n\t\tarp operation reply counter\n\t\toifname "lan0" counter\n\t\tarp daddr ip 192.168.1.11 counter drop\n\t}\n}`,
    [10, 11, 12].flatMap((host, i): [number, string, Uint8Array][] => [
      [
        i * 20,
        'lan0',
        ether(
          { dst: 'ff:ff:ff:ff:ff:ff' },
          arp(
            1,
            { mac: '02:ee:00:00:00:01', ip: `192.168.1.${host}` },
            { mac: '00:00:00:00:00:00', ip: '192.168.1.1' },
          ),
          0x0806,
        ),
      ],
      [
        i * 20 + 10,
        'lan0',
        ether(
          { dst: 'ff:ff:ff:ff:ff:ff' },
          arp(
            1,
            { mac: '02:ee:00:00:00:01', ip: `192.168.1.${host}` },
            { mac: '00:00:00:00:00:00', ip: '192.168.1.2' },
          ),
          0x0806,
        ),
      ],
    ]),
  ),
  scene(
    'fields across octets: flow labels, DSCP of IPv6, offsets and flags, read and written',
    forward([
      'ip6 flowlabel set 0x12345 counter',
      'ip6 flowlabel 0x12345 counter',
      'ip6 dscp set cs5 counter',
      'ip6 dscp cs5 counter',
      'ip6 version 6 counter',
      'tcp doff 5 counter',
      'ip frag-off & 0x4000 == 0x4000 counter',
      'ip frag-off set ip frag-off & 0xbfff'.replace('set ip frag-off & 0xbfff', '& 0x2000 == 0 counter'),
      'ip dscp set ip dscp map { cs0 : cs1, cs1 : cs2 }'.replace('ip dscp map { cs0 : cs1, cs1 : cs2 }', 'cs2'),
      'ip ecn set ect0 counter',
      'ip dscp cs2 ip ecn ect0 counter',
    ]),
    [
      ...PLAIN,
      ask(100, { tos: 0xb9 }),
      [110, 'lan0', ip({ src: LAN, dst: SERVER, dontFragment: true }, icmp(8, 0, 7 << 16, octets(9)))],
    ],
  ),
  scene(
    'sets: rules with different statements fill one set; an element keeps those it was made with',
    forward(
      [
        'udp dport 53 add @s { ip saddr counter } counter',
        'udp dport 54 add @s { ip saddr limit rate 1/second burst 1 packets } counter',
        'udp dport 55 add @s { ip saddr } counter',
        'ip saddr @s counter',
      ],
      '\tset s { type ipv4_addr; size 9; flags dynamic\n\t}\n',
      'ip',
    ),
    every(
      10,
      [53, 54, 54, 55, 53].flatMap((dport) => [
        (ms: number) => ask(ms, { dport }),
        (ms: number) => ask(ms, { dport, src: `192.168.1.${dport}` }),
      ]),
    ),
  ),
  scene(
    'sets: elements of the ruleset count against the size, and may be deleted and come back',
    forward(
      [
        'udp dport 53 add @s { udp sport } counter',
        'udp dport 54 delete @s { udp sport } counter',
        'udp sport @s counter',
      ],
      '\tset s { type inet_service; size 3; flags dynamic; elements = { 1, 2 }\n\t}\n',
    ),
    every(
      10,
      (
        [
          [3, 53],
          [4, 53],
          [1, 54],
          [4, 53],
          [5, 53],
          [1, 53],
        ] as const
      ).map(
        ([sport, dport]) =>
          (ms: number) =>
            ask(ms, { sport, dport }),
      ),
    ),
  ),
  scene(
    'maps: delete takes the key, whatever the value; a deleted key can get another value',
    forward(
      [
        'udp dport 53 add @m { udp sport : 3 } counter',
        'udp dport 54 delete @m { udp sport : 9 } counter',
        'udp dport 55 add @m { udp sport : 5 } counter',
        'meta mark set udp sport map @m counter',
        'ct mark set meta mark',
      ],
      '\tmap m { type inet_service : mark; size 9; flags dynamic\n\t}\n',
    ),
    every(
      10,
      [53, 55, 54, 55, 53].map((dport) => (ms: number) => ask(ms, { dport })),
    ),
  ),
  scene(
    'sets: a timeout of its own for each protocol, from a map of the rule',
    forward(
      [
        'udp sport 1 add @s { ip saddr . udp sport timeout 3s }',
        'udp sport 2 update @s { ip saddr . udp sport timeout 9s }',
        'udp sport 3 add @s { ip saddr . udp sport }',
        'ip saddr . udp sport @s counter',
      ],
      '\tset s { type ipv4_addr . inet_service; size 9; flags dynamic,timeout; timeout 30s; gc-interval 2s\n\t}\n',
      'ip',
    ),
    [1, 2, 3, 1, 2, 3, 1, 2, 3].map((sport, i) => ask(i * 1700 + Math.floor(i / 3) * 3000, { sport })),
  ),
];
