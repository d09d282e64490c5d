// How fragments become datagrams: orders, overlaps, what tells datagrams apart, times and limits. Each scene is named by what
// the kernel does; times are in milliseconds.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { BIG, BIG6, type Piece, part, part6, rows, time, tracked, whole } from './fragment-frames.ts';
import { ROUTER, type Row, spoiled } from './talk.ts';

/** The same orders and overlaps for both families. */
const OVERLAPS: [string, Piece[]][] = [
  [
    'in order',
    [
      [0, 800],
      [800, 1600],
      [1600, 2000, true],
    ],
  ],
  [
    'the last first',
    [
      [1600, 2000, true],
      [800, 1600],
      [0, 800],
    ],
  ],
  [
    'the middle last',
    [
      [0, 800],
      [1600, 2000, true],
      [800, 1600],
    ],
  ],
  [
    'a duplicate of the first is dropped',
    [
      [0, 800],
      [0, 800],
      [800, 2000, true],
    ],
  ],
  [
    'a duplicate of the last is dropped',
    [
      [800, 2000, true],
      [800, 2000, true],
      [0, 800],
    ],
  ],
  [
    'a part within a part is dropped',
    [
      [0, 800],
      [8, 400],
      [800, 2000, true],
    ],
  ],
  [
    'a duplicate of several parts is dropped',
    [
      [0, 400],
      [400, 800],
      [0, 800],
      [800, 2000, true],
    ],
  ],
  [
    'an overlap of the tail spoils the datagram',
    [
      [0, 800],
      [792, 1600],
      [800, 1600],
      [1600, 2000, true],
    ],
  ],
  [
    'an overlap of the head spoils the datagram',
    [
      [800, 1600],
      [0, 808],
      [0, 800],
      [1600, 2000, true],
    ],
  ],
  [
    'one that holds another spoils the datagram',
    [
      [400, 800],
      [0, 1600],
      [0, 400],
      [800, 2000, true],
    ],
  ],
  [
    'an overlap of the last spoils the datagram',
    [
      [1600, 2000, true],
      [800, 1608],
      [0, 800],
      [800, 1600],
    ],
  ],
  [
    'one that closes a gap with an overlap spoils the datagram',
    [
      [0, 800],
      [1600, 2000, true],
      [792, 1608],
      [800, 1600],
    ],
  ],
  [
    'a second last with another end is dropped',
    [
      [1600, 2000, true],
      [1600, 1904, true],
      [0, 1600],
    ],
  ],
  [
    'one beyond the end is dropped',
    [
      [1600, 1904, true],
      [1904, 2000],
      [0, 1600],
    ],
  ],
  [
    'a last one before what is there is dropped',
    [
      [800, 1600],
      [400, 800, true],
      [0, 800],
      [1600, 2000, true],
    ],
  ],
  [
    'parts of eight octets',
    [
      [0, 8],
      [8, 16],
      [16, 24],
      [24, 2000, true],
    ],
  ],
  [
    'after a spoiled datagram its parts begin anew',
    [
      [0, 800],
      [792, 1600],
      [0, 800],
      [800, 1600],
      [1600, 2000, true],
    ],
  ],
];

export const ASSEMBLY_SCENES: KernelScene[] = [
  ...OVERLAPS.map(([name, pieces]) => tracked(`IPv4: ${name}`, time(0, 4, pieces))),
  ...OVERLAPS.map(([name, pieces]) => tracked(`IPv6: ${name}`, time(0, 6, pieces))),
  // Telling datagrams apart.
  tracked('IPv4: identification, protocol and addresses tell datagrams apart', [
    ...rows([part(whole(1000, 1), 0, 800, false, 1), part(whole(1000, 2), 0, 800, false, 2)]),
    ...rows([part(whole(1000, 2), 800, 1008, true, 2), part(whole(1000, 1), 800, 1008, true, 1)], 20),
    ...rows([part(whole(1000), 0, 800), part(whole(1000), 800, 1008, true, 9, { src: '192.168.1.11' })], 50),
    ...rows([part(whole(1000), 800, 1008, true)], 80),
  ]),
  tracked('IPv6: identification and addresses tell datagrams apart, the next header does not', [
    ...rows([part6(BIG6, 0, 800, false, 1), part6(BIG6, 0, 800, false, 2), part6(BIG6, 800, 2000, true, 2)]),
    spoiled([40, 'lan0', part6(BIG6, 800, 2000, true, 1)], (data) => {
      data[40] = 6;
    }),
  ]),
  tracked('IPv4: a fragment that comes in by another interface belongs to the datagram', [
    [0, 'lan0', part(BIG, 0, 800)],
    [10, 'wan0', part(BIG, 800, 2000, true)],
  ]),
  // Times.
  tracked(
    'IPv4: parts of what is forwarded time out without a word',
    [...time(0, 4, [[0, 800]]), ...time(29_900, 4, [[800, 1600]]), ...time(33_000, 4, [[1600, 2000, true]])],
    {},
    40_000,
  ),
  tracked(
    'IPv4: parts for the router time out with an error about the first',
    [
      ...time(
        0,
        4,
        [
          [0, 800],
          [800, 1600],
        ],
        ROUTER,
      ),
      ...time(33_000, 4, [[1600, 2000, true]], ROUTER),
    ],
    {},
    40_000,
  ),
  tracked(
    'IPv4: without the first part nothing is said of the time',
    [
      ...time(
        0,
        4,
        [
          [800, 1600],
          [1600, 2000, true],
        ],
        ROUTER,
      ),
      ...time(33_000, 4, [[0, 800]], '192.168.1.1'),
    ],
    {},
    1000,
  ),
  tracked(
    'IPv4: ipfrag_time is how long parts wait',
    [
      ...time(0, 4, [[0, 800]], ROUTER),
      ...time(4900, 4, [[800, 1600]], ROUTER),
      ...time(5600, 4, [[1600, 2000, true]], ROUTER),
    ],
    { 'net.ipv4.ipfrag_time': 5 },
    6000,
  ),
  tracked(
    'IPv6: parts time out after nf_conntrack_frag6_timeout with an error',
    [...time(0, 6, [[0, 800]]), ...time(59_000, 6, [[800, 1600]]), ...time(63_000, 6, [[1600, 2000, true]])],
    {},
    65_000,
  ),
  tracked(
    'IPv6: nf_conntrack_frag6_timeout, without the first part nothing is said',
    [
      ...time(0, 6, [[800, 1600]]),
      ...time(7000, 6, [
        [0, 800],
        [1600, 2000, true],
      ]),
    ],
    { 'net.netfilter.nf_conntrack_frag6_timeout': 6 },
    7000,
  ),
  tracked(
    'IPv6: parts for the router time out with an error',
    time(
      0,
      6,
      [
        [0, 800],
        [800, 1600],
      ],
      'fd00:1::1',
    ),
    {},
    65_000,
  ),
  // Limits.
  tracked(
    'IPv4: over ipfrag_high_thresh no new datagram is begun',
    [
      ...Array.from(
        { length: 12 },
        (_, i): Row => [i * 10, 'lan0', part(whole(1400, 100 + i), 0, 1208, false, 100 + i)],
      ),
      ...Array.from(
        { length: 12 },
        (_, i): Row => [200 + i * 10, 'lan0', part(whole(1400, 100 + i), 1208, 1408, true, 100 + i)],
      ),
    ],
    { 'net.ipv4.ipfrag_low_thresh': 10_000, 'net.ipv4.ipfrag_high_thresh': 20_000 },
  ),
  tracked(
    'IPv4: ipfrag_high_thresh 0 takes no fragment',
    time(0, 4, [
      [0, 800],
      [800, 2000, true],
    ]),
    {
      'net.ipv4.ipfrag_low_thresh': 0,
      'net.ipv4.ipfrag_high_thresh': 0,
    },
  ),
  tracked(
    'IPv6: nf_conntrack_frag6_high_thresh 0 takes no fragment',
    time(0, 6, [
      [0, 800],
      [800, 2000, true],
    ]),
    {
      'net.netfilter.nf_conntrack_frag6_low_thresh': 0,
      'net.netfilter.nf_conntrack_frag6_high_thresh': 0,
    },
  ),
  tracked(
    'IPv4: ipfrag_max_dist counts what came from the same source between',
    [
      ...rows([part(whole(1000, 1), 0, 800, false, 1)]),
      ...Array.from(
        { length: 6 },
        (_, i): Row => [10 + i * 10, 'lan0', part(whole(1000, 10 + i), 0, 800, false, 10 + i)],
      ),
      [100, 'lan0', part(whole(1000, 1), 800, 1008, true, 1)],
      [110, 'lan0', part(whole(1000, 15), 800, 1008, true, 15)],
    ],
    { 'net.ipv4.ipfrag_max_dist': 3 },
  ),
  tracked(
    'IPv4: ipfrag_max_dist 0 does not count',
    [
      ...rows([part(whole(1000, 1), 0, 800, false, 1)]),
      ...Array.from(
        { length: 6 },
        (_, i): Row => [10 + i * 10, 'lan0', part(whole(1000, 10 + i), 0, 800, false, 10 + i)],
      ),
      [100, 'lan0', part(whole(1000, 1), 800, 1008, true, 1)],
    ],
    { 'net.ipv4.ipfrag_max_dist': 0 },
  ),
];
