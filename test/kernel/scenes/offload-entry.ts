// Scenes of the flowtable: which packets enter a connection into it, and which take it.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, fragmentIpv6, icmp, ip, tcp } from '../../../src/packet/build.ts';
import { writeIpv4Checksum } from '../../../src/packet/checksum.ts';
import { padded, SERVER, SERVER6, type Sent, talk } from './interface.ts';
import {
  answer,
  ask,
  BACK,
  changed,
  down,
  extension,
  fragments,
  gre,
  HOST,
  HOST6,
  lan,
  MASQUERADE,
  NOPS,
  OPEN,
  OUT,
  payload,
  router,
  scene,
  sctp,
  timed,
  UDP_OPEN,
  up,
  WAN_IP,
  wan,
} from './offload-frames.ts';

export const ENTRY: KernelScene[] = [
  scene('TCP enters with the ACK of its handshake, not before; FIN is slow', talk(lan, wan, HOST, HOST, SERVER)),
  scene(
    'the rest of a rule is skipped until the connection enters',
    [...OPEN, up('A', 1001, 5001, 9), down('A', 5001, 1010)],
    {
      rules: 'flow add @ft counter; counter; ct state established flow add @ft counter; counter',
    },
  ),
  scene('UDP enters with its second packet, whichever way it goes', [OUT, OUT, OUT, BACK, OUT]),
  scene('UDP enters with its answer', [OUT, BACK, OUT, BACK]),
  scene('segments with RST or FIN do not enter', [
    up('S', 1000, 0),
    down('SA', 5000, 1001),
    up('FA', 1001, 5001),
    down('A', 5001, 1002),
    down('PA', 5001, 1002, 20),
    up('A', 1002, 5021),
  ]),
  scene('a connection picked up in the middle enters when both ends have spoken', [
    up('A', 1001, 5001, 10),
    up('A', 1011, 5001, 10),
    down('A', 5001, 1021, 10),
    up('A', 1021, 5011, 10),
    down('A', 5011, 1031),
    up('A', 1031, 5011, 1),
  ]),
  scene('ICMP, SCTP and other protocols do not enter', [
    lan(HOST, SERVER, icmp(8, 0, 0x10001, payload(20))),
    wan(SERVER, HOST, icmp(0, 0, 0x10001, payload(20))),
    lan(HOST, SERVER, icmp(8, 0, 0x10001, payload(20))),
    lan(HOST, SERVER, sctp),
    lan(HOST, SERVER, { protocol: 99, bytes: payload(20) }),
    wan(SERVER, HOST, { protocol: 99, bytes: payload(20) }),
    lan(HOST, SERVER, { protocol: 99, bytes: payload(20) }),
  ]),
  scene('GRE of version 0 enters, keys or not', [
    lan(HOST, SERVER, gre()),
    wan(SERVER, HOST, gre()),
    lan(HOST, SERVER, gre()),
    lan(HOST, SERVER, gre(0, true)),
    wan(SERVER, HOST, gre(0, true)),
    lan(HOST, SERVER, gre(1)),
  ]),
  scene(
    'translated GRE does not enter',
    [lan(HOST, SERVER, gre()), wan(SERVER, WAN_IP, gre()), lan(HOST, SERVER, gre())],
    {
      more: MASQUERADE,
    },
  ),
  timed(
    'an offloaded GRE connection expires within a tick of the collector',
    [
      [0, lan(HOST, SERVER, gre())],
      [0.1, wan(SERVER, HOST, gre())],
      [0.2, lan(HOST, SERVER, gre())],
      [5, lan(HOST, SERVER, gre())],
    ],
    3,
  ),
  scene('untracked packets do not enter', [OUT, BACK, OUT], {
    before: 'chain raw { type filter hook prerouting priority -300; udp dport 53 notrack; }',
  }),
  scene(
    'a connection with a helper does not enter',
    [...talk((src, dst, layer4, fields) => changed(lan(src, dst, layer4, fields), () => {}), wan, HOST, HOST, SERVER)],
    {
      before:
        'ct helper ftp { type "ftp" protocol tcp; }\n\tchain help { type filter hook prerouting priority 0; tcp dport 443 ct helper set "ftp"; }',
    },
  ),
  scene('an FTP session does not enter, its data connection does', ftp(), {
    before:
      'ct helper ftp { type "ftp" protocol tcp; }\n\tchain help { type filter hook prerouting priority 0; tcp dport 21 ct helper set "ftp"; }',
    rules: 'flow add @ft; ct state related counter; ct helper "ftp" counter; counter',
  }),
  scene('a reassembled IPv6 datagram enters, its fragments stay slow', [
    lan(HOST6, SERVER6, ask()),
    ...fragmentIpv6(ip({ src: HOST6, dst: SERVER6 }, ask(2000)), 1400, 9).map(
      (part): Sent => ['lan0', ether({}, part)],
    ),
    lan(HOST6, SERVER6, ask()),
    ...fragmentIpv6(ip({ src: HOST6, dst: SERVER6 }, ask(2000)), 1400, 10).map(
      (part): Sent => ['lan0', ether({}, part)],
    ),
    wan(SERVER6, HOST6, answer()),
  ]),
  scene('packets with IP options neither enter nor take the fast path', [
    lan(HOST, SERVER, ask(), NOPS),
    lan(HOST, SERVER, ask(), NOPS),
    OUT,
    lan(HOST, SERVER, ask(), NOPS),
    OUT,
    BACK,
    wan(SERVER, HOST, answer(), NOPS),
  ]),
  scene('a reassembled datagram enters, its fragments stay slow', [
    OUT,
    ...fragments(ip({ src: HOST, dst: SERVER, id: 9 }, ask(2000))),
    OUT,
    ...fragments(ip({ src: HOST, dst: SERVER, id: 10 }, ask(2000))),
    BACK,
  ]),
  scene('IPv6 enters as IPv4 does; extension headers are slow', [
    lan(HOST6, SERVER6, ask()),
    wan(SERVER6, HOST6, answer()),
    lan(HOST6, SERVER6, ask()),
    lan(HOST6, SERVER6, extension(ask(), 60)),
    lan(HOST6, SERVER6, extension(ask(), 0)),
    wan(SERVER6, HOST6, answer()),
    lan(HOST6, SERVER6, ask(), { ttl: 1 }),
    lan(HOST6, SERVER6, ask(), { ttl: 2 }),
  ]),
  scene(
    'a flowtable of the ip family passes IPv6 by',
    [...UDP_OPEN, lan(HOST6, SERVER6, ask()), wan(SERVER6, HOST6, answer()), lan(HOST6, SERVER6, ask())],
    {
      family: 'ip',
    },
  ),
  scene(
    'a flowtable of the ip6 family passes IPv4 by',
    [
      ...UDP_OPEN,
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, HOST6, answer()),
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, HOST6, answer()),
    ],
    {
      family: 'ip6',
    },
  ),
  scene(
    'only the rule decides: meta l4proto and ct state as OpenWrt has them',
    [...OPEN, up('PA', 1001, 5001, 10), ...UDP_OPEN],
    {
      rules:
        'meta l4proto { tcp, udp } flow add @ft; ct state vmap { established : accept, related : accept, invalid : drop }; counter',
    },
  ),
  scene(
    'a second flow add of an offloaded connection breaks its rule',
    [OUT, BACK, lan(HOST, SERVER, ask(), NOPS), OUT],
    {
      rules: 'flow add @ft counter; flow add @ft counter; udp dport 53 flow add @ft accept; counter',
    },
  ),
];

export const FALLBACKS: KernelScene[] = [
  scene('TTL 1 is slow and answered, TTL 2 is fast', [
    ...UDP_OPEN,
    lan(HOST, SERVER, ask(), { ttl: 2 }),
    lan(HOST, SERVER, ask(), { ttl: 1 }),
    wan(SERVER, HOST, answer(), { ttl: 1 }),
    OUT,
  ]),
  scene(
    'what exceeds the MTU of the way out is slow: cut, or answered',
    [
      ...UDP_OPEN,
      lan(HOST, SERVER, ask(1372)),
      lan(HOST, SERVER, ask(1373)),
      lan(HOST, SERVER, ask(1373), { dontFragment: true }),
      wan(SERVER, HOST, answer(1472)),
      lan(HOST6, SERVER6, ask()),
      wan(SERVER6, HOST6, answer()),
      lan(HOST6, SERVER6, ask(1352)),
      lan(HOST6, SERVER6, ask(1353)),
    ],
    {},
    router('', '', ', mtu: 1400'),
  ),
  scene(
    'the MTU of a route holds for IPv4 flows',
    [
      lan(HOST, '10.9.0.7', ask()),
      wan('10.9.0.7', HOST, answer()),
      lan(HOST, '10.9.0.7', ask(1172)),
      lan(HOST, '10.9.0.7', ask(1173)),
      lan(HOST, '10.9.0.7', ask(1173), { dontFragment: true }),
    ],
    {},
    router('  - { dst: 10.9.0.0/16, via: 203.0.113.254, dev: wan0, mtu: 1200 }\n'),
  ),
  scene('padding counts towards the MTU of no flow but stays on the frame', [
    ...UDP_OPEN,
    changed(lan(HOST, SERVER, ask(2)), () => {}),
    ['lan0', padded(lan(HOST, SERVER, ask(2))[1])],
    ['wan0', padded(wan(SERVER, HOST, answer(1))[1])],
  ]),
  scene(
    'checksums are not looked at on the fast path',
    [
      ...UDP_OPEN,
      changed(OUT, (octets) => {
        octets[41] = (octets[41] ?? 0) ^ 0x55;
      }),
      changed(OUT, (octets) => {
        octets[24] = (octets[24] ?? 0) ^ 0x55;
      }),
      changed(BACK, (octets) => {
        octets[50] = (octets[50] ?? 0) ^ 0x55;
      }),
    ],
    { more: '' },
  ),
  scene(
    'wrong checksums stay wrong by as much through NAT',
    [
      OUT,
      wan(SERVER, WAN_IP, answer()),
      changed(OUT, (octets) => {
        octets[41] = (octets[41] ?? 0) ^ 0x55;
      }),
      changed(wan(SERVER, WAN_IP, answer()), (octets) => {
        octets[24] = (octets[24] ?? 0) ^ 0x55;
      }),
      // UDP without a checksum.
      changed(OUT, (octets) => {
        octets[40] = 0;
        octets[41] = 0;
      }),
    ],
    { more: MASQUERADE },
  ),
  scene('a SYN of an offloaded connection is any segment to the fast path', [
    ...OPEN,
    up('A', 1001, 5001, 10),
    up('S', 9000, 0),
    down('SA', 7000, 9001),
    up('A', 1011, 5001, 10),
  ]),
  scene(
    'segments far outside of the window pass, fast and slow',
    [
      ...OPEN,
      up('A', 1001, 5001, 10),
      up('A', 900_001, 5001, 10),
      up('A', 1_900_001, 5001, 10, NOPS),
      down('A', 3_000_000, 77, 10, NOPS),
    ],
    { rules: 'flow add @ft; ct state invalid counter; counter' },
  ),
  scene(
    'an ICMP error about an offloaded connection is slow and related',
    [
      ...OPEN,
      up('A', 1001, 5001, 10),
      wan('198.51.100.1', HOST, icmp(3, 4, 1400, up('A', 1001, 5001, 10)[1].slice(14, 14 + 28))),
      up('A', 1011, 5001, 10),
    ],
    { rules: 'flow add @ft; ct state related counter; counter' },
  ),
  scene('an IPv4 header that lies about its length goes by on the fast path', [
    ...UDP_OPEN,
    changed(OUT, (octets) => {
      octets[17] = 200;
      writeIpv4Checksum(octets, 14);
    }),
    changed(OUT, (octets) => {
      octets[17] = 30;
      writeIpv4Checksum(octets, 14);
    }),
    // Too short for its UDP header.
    ['lan0', OUT[1].slice(0, 40)],
  ]),
];

/** A session that asks for a passive data connection, and that connection. */
function ftp(): Sent[] {
  const text = (words: string): Uint8Array => new TextEncoder().encode(`${words}\r\n`);
  const end =
    (from: boolean, sport: number, dport: number) => (flags: string, seq: number, ack: number, data?: Uint8Array) =>
      from
        ? lan(HOST, SERVER, tcp({ sport, dport, flags, seq, ack, window: 64000 }, data))
        : wan(SERVER, HOST, tcp({ sport: dport, dport: sport, flags, seq, ack, window: 64000 }, data));
  const [client, server] = [end(true, 40021, 21), end(false, 40021, 21)];
  const [reader, writer] = [end(true, 40022, 50000), end(false, 40022, 50000)];
  const passive = text('227 Entering Passive Mode (198,51,100,7,195,80)');
  return [
    client('S', 100, 0),
    server('SA', 500, 101),
    client('A', 101, 501),
    client('PA', 101, 501, text('PASV')),
    server('PA', 501, 107, passive),
    client('A', 107, 501 + passive.length),
    reader('S', 1000, 0),
    writer('SA', 5000, 1001),
    reader('A', 1001, 5001),
    writer('PA', 5001, 1001, payload(100)),
    reader('A', 1001, 5101),
    client('PA', 107, 501 + passive.length, text('NOOP')),
  ];
}
