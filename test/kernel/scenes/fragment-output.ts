// How datagrams that were put together are cut again, odd fragments, and what rules see of fragments. Each scene is named by
// what the kernel does; times are in milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16 } from '../../../src/base/columns.ts';
import { fragmentIpv4, fragmentIpv6, icmp, icmpv6, ip, tcp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';
import { BIG, BIG6, part, part6, rows, TRACKED, time, tracked, whole, whole6 } from './fragment-frames.ts';
import { bytes, chain, forward, LAN, LAN6, SERVER6, scene, spoiled } from './talk.ts';

const narrow = { ...TOPOLOGY, interfaces: [TOPOLOGY.interfaces[0], { ...TOPOLOGY.interfaces[1], mtu: 1400 }] };

export const REFRAGMENT_SCENES: KernelScene[] = [
  // Cutting again.
  tracked(
    'IPv4: a datagram leaves in pieces of the largest that came',
    rows([
      ...fragmentIpv4(whole(1392, 21), 576),
      ...fragmentIpv4(whole(3000, 22), 1500),
      ...fragmentIpv4(whole(3000, 23), 1004),
    ]),
  ),
  tracked(
    'IPv4: DF on the largest fragment stays',
    rows([
      part(BIG, 0, 1200, false, 9, { dontFragment: true }),
      part(BIG, 1200, 2000, true, 9, { dontFragment: true }),
      part(whole(1992, 10), 0, 1200, false, 10, { dontFragment: true }),
      part(whole(1992, 10), 1200, 2000, true, 10),
      part(whole(1992, 11), 0, 1200, false, 11),
      part(whole(1992, 11), 1200, 2000, true, 11, { dontFragment: true }),
      part(whole(1992, 12), 0, 800, false, 12),
      part(whole(1992, 12), 800, 2000, true, 12, { dontFragment: true }),
    ]),
  ),
  tracked(
    'IPv4: fragments with DF that are too large for the way out are refused',
    rows([
      part(BIG, 0, 1480, false, 9, { dontFragment: true }),
      part(BIG, 1480, 2000, true, 9, { dontFragment: true }),
      part(whole(1992, 10), 0, 1480, false, 10),
      part(whole(1992, 10), 1480, 2000, true, 10),
    ]),
    {},
    2,
    { topology: narrow },
  ),
  tracked(
    'IPv4: a datagram put together that fits the way out still leaves in pieces',
    rows([part(whole(592, 9), 0, 200), part(whole(592, 9), 200, 600, true)]),
  ),
  tracked(
    'IPv4: options of the first fragment are copied or not',
    rows([
      ...[0, 1].flatMap((i) =>
        [
          [0, 800],
          [800, 2000],
        ].map(([from = 0, to = 0]) =>
          part(BIG, from, to, to === 2000, 30 + i, {
            options: i === 0 ? Uint8Array.of(0x94, 4, 0, 0) : Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0),
          }),
        ),
      ),
    ]),
  ),
  tracked(
    'IPv4: TTL, TOS and addresses are those of the first fragment',
    rows([
      part(BIG, 800, 2000, true, 9, { ttl: 5, tos: 0x20 }),
      part(BIG, 0, 800, false, 9, { ttl: 9, tos: 0xb8 }),
      part(whole(1992, 10), 0, 800, false, 10, { ttl: 9, tos: 0xb8 }),
      part(whole(1992, 10), 800, 2000, true, 10, { ttl: 1, tos: 0x20 }),
    ]),
  ),
  ...(
    [
      ['CE with ECT is CE', [2, 3]],
      ['ECT of both kinds is the first one', [1, 2]],
      ['CE with not-ECT is dropped', [0, 3]],
      ['ECT with not-ECT is dropped', [2, 0]],
    ] as [string, [number, number]][]
  ).flatMap(([name, [first, second]]) => [
    tracked(
      `IPv4: ECN: ${name}`,
      rows([part(BIG, 0, 800, false, 9, { tos: first }), part(BIG, 800, 2000, true, 9, { tos: second })]),
    ),
    tracked(
      `IPv6: ECN: ${name}`,
      rows([part6(BIG6, 0, 800), part6(BIG6, 800, 2000, true)]).map((row, i) =>
        spoiled(row, (data) => putBe16(data, 0, 0x6000 | ((i === 0 ? first : second) << 4))),
      ),
    ),
  ]),
  tracked(
    'IPv6: a datagram leaves in pieces of the largest that came',
    rows([
      ...fragmentIpv6(whole6(3000), 1280, 1),
      ...fragmentIpv6(whole6(3000), 1500, 2),
      ...fragmentIpv6(whole6(1300), 1300, 3),
      ...fragmentIpv6(whole6(600), 400, 4),
    ]),
  ),
  tracked(
    'IPv6: fragments too large for the way out are refused',
    rows([...fragmentIpv6(whole6(3000), 1500, 1), ...fragmentIpv6(whole6(3000), 1380, 2)]),
    {},
    2,
    { topology: narrow },
  ),
  // Odd ones.
  tracked(
    'IPv6: an atomic fragment loses its header',
    rows([part6(whole6(100), 0, 108, true), part6(whole6(100), 0, 108, true)]),
  ),
  tracked(
    'IPv4: fragments too small for ports wait as any',
    rows([part(whole(40), 0, 8), part(whole(40), 8, 48, true)]),
  ),
  tracked('IPv4: lengths that are no multiple of eight', [
    ...rows([part(BIG, 0, 804), part(BIG, 800, 2000, true)]),
    ...rows(
      [
        part(whole(1992, 10), 0, 3, false, 10),
        part(whole(1992, 10), 0, 800, false, 10),
        part(whole(1992, 10), 800, 2000, true, 10),
      ],
      100,
    ),
  ]),
  tracked('IPv6: a length that is no multiple of eight is answered', [
    ...rows([part6(BIG6, 0, 804), part6(BIG6, 800, 2000, true)]),
    ...rows([part6(BIG6, 0, 800, false, 5), part6(BIG6, 800, 1605, false, 5), part6(BIG6, 800, 2000, true, 5)], 50),
  ]),
  tracked(
    'IPv4: beyond 65,535 octets',
    rows([
      part(BIG, 0, 800),
      spoiled([0, '', part(BIG, 800, 2000, true)], (data) => putBe16(data, 6, 8191))[2],
      part(BIG, 800, 2000, true),
    ]),
  ),
  tracked(
    'IPv6: beyond 65,535 octets',
    rows([
      part6(BIG6, 0, 800),
      spoiled([0, '', part6(BIG6, 800, 2000, true)], (data) => putBe16(data, 42, 0xfff8))[2],
      part6(BIG6, 800, 2000, true),
    ]),
  ),
  tracked(
    'IPv4: fragments without any octets',
    rows([part(BIG, 0, 0), part(BIG, 800, 800, true), part(BIG, 0, 800), part(BIG, 800, 2000, true)]),
  ),
  tracked(
    'IPv6: fragments without any octets',
    rows([part6(BIG6, 0, 0), part6(BIG6, 800, 800, true), part6(BIG6, 0, 800), part6(BIG6, 800, 2000, true)]),
  ),
  tracked(
    'IPv6: a first fragment without all headers is not put together',
    rows([
      part6(whole6(40), 0, 0 + 4),
      part6(whole6(40), 8, 48, true),
      part6(ip({ src: LAN6, dst: SERVER6 }, tcp({ sport: 1, dport: 2, flags: 'S' }, bytes(8))), 0, 16),
      part6(ip({ src: LAN6, dst: SERVER6 }, tcp({ sport: 1, dport: 2, flags: 'S' }, bytes(8))), 16, 28, true),
    ]),
  ),
  tracked(
    'IPv6: headers before and behind the fragment header',
    rows([...[0, 1].map((i) => withHopByHop(part6(BIG6, i * 1200, i === 0 ? 1200 : 2000, i === 1)))]),
  ),
  tracked(
    'the router answers an echo request that came in pieces',
    rows([
      ...fragmentIpv4(ip({ src: LAN, dst: '192.168.1.1', id: 5 }, icmp(8, 0, 7, bytes(3000))), 1500),
      ...fragmentIpv6(ip({ src: LAN6, dst: 'fd00:1::1' }, icmpv6(128, 0, 7, bytes(3000))), 1280, 6),
    ]),
  ),
  tracked(
    'IPv4: a bad checksum of the whole is invalid',
    rows([
      part(BIG, 0, 800),
      spoiled([0, '', part(BIG, 800, 2000, true)], (data) => {
        data[500] = 1;
      })[2],
    ]),
  ),
  // Rules.
  scene(
    'rules before priority -400 see fragments, later ones see datagrams',
    `table inet t {
	chain a { type filter hook prerouting priority -450; policy accept;
		ip frag-off & 0x1fff != 0 counter
		ip frag-off & 0x2000 != 0 counter
		exthdr frag exists counter
		frag frag-off > 0 counter
		frag more-fragments 1 counter
		frag id 0x77 counter
		udp dport 53 counter
		meta l4proto udp counter
		meta length > 900 counter
	}
	chain b { type filter hook prerouting priority -300; policy accept;
		ip frag-off & 0x3fff != 0 counter
		exthdr frag exists counter
		udp dport 53 counter
		meta length > 1900 counter
		ct state new counter
	}
}`,
    [
      ...time(0, 4, [
        [0, 800],
        [800, 1600],
        [1600, 2000, true],
      ]),
      ...time(100, 6, [
        [1600, 2000, true],
        [0, 800],
        [800, 1600],
      ]),
    ],
  ),
  scene(
    'without connections fragments pass as they are, and only the first has ports',
    `table inet t {
	chain f { type filter hook forward priority 0; policy accept;
		ip frag-off & 0x1fff != 0 counter
		exthdr frag exists counter
		frag frag-off 0 counter
		frag reserved 0 counter
		frag reserved2 0 counter
		frag nexthdr udp counter
		udp dport 53 counter
		meta l4proto udp counter
	}
}`,
    [
      ...time(0, 4, [
        [0, 800],
        [800, 1600],
        [1600, 2000, true],
      ]),
      ...time(100, 6, [
        [1600, 2000, true],
        [0, 800],
        [800, 1600],
        [0, 800],
      ]),
    ],
  ),
  scene(
    'notrack before -400 leaves fragments alone',
    `${chain('inet r', 'prerouting', '-450', ['ip daddr 198.51.100.7 notrack', 'ip6 nexthdr 44 notrack'])}${TRACKED}`,
    [
      ...time(0, 4, [
        [0, 800],
        [800, 1600],
        [1600, 2000, true],
      ]),
      ...time(100, 6, [
        [0, 800],
        [800, 1600],
        [1600, 2000, true],
      ]),
    ],
  ),
  scene(
    'a zone set before -400 tells fragments apart',
    `${chain('inet r', 'prerouting', '-450', ['ip ttl 9 ct zone set 5', 'ip6 hoplimit 9 ct zone set 5'])}${TRACKED}`,
    [
      ...rows([
        part(BIG, 0, 800),
        part(BIG, 800, 2000, true, 9, { ttl: 9 }),
        part(BIG, 0, 800, false, 9, { ttl: 9 }),
        part(BIG, 800, 2000, true),
      ]),
      ...rows(
        [part6(BIG6, 0, 800), part6(BIG6, 800, 2000, true), part6(BIG6, 0, 800), part6(BIG6, 800, 2000, true)],
        100,
      ).map((row, i) =>
        spoiled(row, (data) => {
          if (i === 1 || i === 2) data[7] = 9;
        }),
      ),
    ],
  ),
  scene(
    "the mark of the first fragment is the datagram's",
    `${chain('inet r', 'prerouting', '-450', ['ip ttl 9 meta mark set 5', 'ip ttl 64 meta mark set 6'])}${forward('meta mark 5 counter', 'meta mark 6 counter', 'ct state new')}`,
    rows([
      part(BIG, 0, 800, false, 9, { ttl: 9 }),
      part(BIG, 800, 2000, true),
      part(whole(1992, 10), 800, 2000, true, 10, { ttl: 9 }),
      part(whole(1992, 10), 0, 800, false, 10),
    ]),
  ),
  scene(
    'fragments dropped before -400 are missed',
    `${chain('inet r', 'prerouting', '-450', ['ip frag-off & 0x1fff == 100 drop'])}${TRACKED}`,
    [
      ...time(0, 4, [
        [0, 800],
        [800, 1600],
        [1600, 2000, true],
      ]),
    ],
  ),
];

/** A hop-by-hop header before the fragment header. */
function withHopByHop(datagram: Uint8Array): Uint8Array {
  const out = new Uint8Array(datagram.length + 8);
  out.set(datagram.subarray(0, 40));
  out.set([44, 0, 1, 4, 0, 0, 0, 0], 40);
  out.set(datagram.subarray(40), 48);
  out[6] = 0;
  putBe16(out, 4, out.length - 40);
  return out;
}
