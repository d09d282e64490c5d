// Scenes of limit, quota, numgen and hashes: the kernel's arithmetic in the time of the capture. Packets come beside
// the moments at which a token is complete, since a packet takes the guest some 60 us.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { type Arrival, answer, ask, ask6, every, forward, LAN6, ping, SERVER6, scene } from './expression-frames.ts';

const at = (times: number[], n = 12): Arrival[] => times.map((ms) => ask(ms, { n }));
const steady = (count: number, step: number, n = 12): Arrival[] =>
  Array.from({ length: count }, (_, i) => ask(i * step, { n }));

export const LIMIT_SCENES: KernelScene[] = [
  scene(
    'limit: a burst of 5 packets when none is given, then one token a unit',
    forward(['limit rate 1/second counter', 'limit rate 2/second counter', 'limit rate over 1/second counter']),
    [...steady(9, 10), ...at([1150, 1160, 2300, 2310, 9500, 9510, 9520, 9530, 9540, 9550, 9560])],
  ),
  scene(
    'limit: by minute, hour, day and week',
    forward([
      'limit rate 7/minute burst 1 packets counter',
      'limit rate 41/hour burst 2 packets counter',
      'limit rate 300/day burst 1 packets counter',
      'limit rate 1200/week burst 1 packets counter',
    ]),
    at([
      ...[0, 10, 8000, 9000, 17_200, 17_300, 30_000, 40_000, 100_000],
      ...[105_000, 110_000, 340_000, 341_000, 640_000, 661_000],
    ]),
  ),
  scene(
    'limit: a rate that does not divide its unit rounds the cost of a packet down',
    forward(['limit rate 3/second burst 1 packets counter', 'limit rate 7/second burst 3 packets counter']),
    at([0, 332, 334.5, 600, 667, 670, 1002, 1004, 1340, 1345, 1680, 3000, 3010, 3020, 3030, 3172, 3175, 3330]),
  ),
  scene(
    'limit: octets, whose burst adds to the rate',
    forward([
      'limit rate 1000 bytes/second counter',
      'limit rate 1000 bytes/second burst 500 bytes counter',
      'limit rate over 1000 bytes/second counter',
    ]),
    [...steady(5, 10, 272), ...steady(6, 97, 172).map(([ms, ...rest]): Arrival => [ms + 700, ...rest])],
  ),
  scene(
    'limit: kbytes and mbytes by unit',
    forward([
      'limit rate 2 kbytes/minute burst 1 kbytes counter',
      'limit rate over 1 mbytes/hour burst 3 kbytes counter',
      'limit rate 100 kbytes/day counter',
      'limit rate 3 bytes/second burst 1 bytes counter',
    ]),
    [...steady(9, 20, 972), ...at([30_500, 30_520, 60_070, 240_000, 240_010, 700_000], 972)],
  ),
  scene(
    "limit: a packet dearer than the bucket never passes; a packet of the bucket's size does after a pause",
    forward([
      'limit rate 100 bytes/second burst 20 bytes counter',
      'limit rate over 100 bytes/second burst 20 bytes counter',
    ]),
    [
      ask(0, { n: 92 }),
      ask(10, { n: 93 }),
      ask(5000, { n: 92 }),
      ask(5010, { n: 0 }),
      ask(5400, { n: 0 }),
      ask(9000, { n: 93 }),
    ],
  ),
  scene(
    'limit: over takes no token when it matches',
    forward(['limit rate over 1/second burst 1 packets counter drop', 'counter']),
    at([0, 300, 600, 900, 1010, 1300, 1990, 2020, 2100, 5000, 5100]),
  ),
  scene(
    'limit: two rules of one chain have a bucket each, rules that a packet does not reach keep theirs',
    forward([
      'udp sport 5001 limit rate 1/second burst 1 packets counter accept',
      'limit rate 1/second burst 2 packets counter accept',
      'limit rate 1/minute burst 1 packets counter',
    ]),
    every(10, [
      (ms) => ask(ms, { sport: 5001 }),
      (ms) => ask(ms, { sport: 5001 }),
      (ms) => ask(ms),
      (ms) => ask(ms),
      (ms) => ask(ms),
      (ms) => ask(ms, { sport: 5001 }),
    ]),
  ),
  scene(
    'limit: an object is one bucket for all rules and families that use it',
    forward(
      [
        'ip ttl 64 limit name "l" counter',
        'udp sport 5001 limit name "l" counter',
        'ip6 hoplimit 64 limit name "l" counter',
        'limit name "o" counter',
      ],
      '\tlimit l { rate 5/second burst 3 packets\n\t}\n\tlimit o { rate over 200 bytes/second\n\t}\n',
    ),
    [
      ...every(10, [
        (ms) => ask(ms),
        (ms) => ask6(ms),
        (ms) => ask(ms, { sport: 5001 }),
        (ms) => ask(ms),
        (ms) => ask6(ms),
      ]),
      ask(250, { sport: 5001 }),
      ask6(460),
      ask(2000),
    ],
  ),
  scene(
    'limit: a week is a unit whose tokens take minutes',
    forward(['limit rate 2000/week burst 3 packets counter', 'limit rate 20160 bytes/week burst 200 bytes counter']),
    at([0, 10, 20, 30, 302_000, 302_500, 610_000, 610_010]),
  ),
  scene(
    'quota: until so many octets, over from then on; the last packet may pass the border',
    forward([
      'quota until 100 bytes counter',
      'quota 121 bytes counter',
      'quota over 80 bytes counter',
      'quota over 119 bytes counter',
      'quota over 120 bytes counter',
    ]),
    steady(5, 10),
  ),
  scene(
    'quota: what a ruleset says was used counts',
    forward([
      'quota 100 bytes used 60 bytes counter',
      'quota over 200 bytes used 190 bytes counter',
      'quota over 1 mbytes used 1023 kbytes counter',
    ]),
    [...steady(3, 10), ...steady(3, 30, 1000).map(([ms, ...rest]): Arrival => [ms + 100, ...rest])],
  ),
  scene(
    'quota: objects are shared, and listed with what was used',
    forward(
      [
        'ip saddr 192.168.1.10 quota name "q" counter',
        'udp sport 5001 quota name "q" counter drop',
        'quota name "most" counter drop',
      ],
      '\tquota q { 150 bytes\n\t}\n\tquota most { over 200 bytes used 40 bytes\n\t}\n',
    ),
    every(10, [
      (ms) => ask(ms),
      (ms) => ask(ms, { sport: 5001 }),
      (ms) => ask(ms),
      (ms) => ask(ms, { sport: 5001 }),
      (ms) => ask(ms),
      (ms) => ask(ms),
    ]),
  ),
  scene(
    'quota: used stops at the quota in the listing',
    forward(['quota 50 bytes counter', 'quota over 50 bytes counter']),
    steady(4, 10, 100),
  ),
  scene(
    'counter: objects by name, with what the ruleset says they had',
    forward(
      ['udp dport 53 counter name "dns"', 'counter name "total"', 'udp dport 54 counter packets 7 bytes 700'],
      '\tcounter dns { packets 10 bytes 1000\n\t}\n\tcounter total { }\n',
    ),
    [ask(0), ask(10), ask(20, { dport: 54 }), ping(30)],
  ),
  scene(
    'objects: a map from port to counter, quota and limit',
    forward(
      [
        'counter name udp dport map { 53 : "dns", 54 : "other" }',
        'quota name udp dport map @quotas counter drop',
        'limit name udp dport map { 53 : "slow", 60-70 : "fast" } counter',
      ],
      '\tcounter dns { }\n\tcounter other { }\n\tquota small { over 100 bytes\n\t}\n\tquota large { over 10 kbytes\n\t}\n\tlimit slow { rate 1/second burst 1 packets\n\t}\n\tlimit fast { rate 10/second\n\t}\n\tmap quotas { type inet_service : quota; elements = { 53 : "small", 54 : "large" }\n\t}\n',
    ),
    every(
      10,
      [53, 53, 54, 55, 53, 65, 65, 53].map((dport) => (ms) => ask(ms, { dport })),
    ),
  ),
  scene(
    'numgen: inc starts with 0 and goes round; offset comes on top',
    forward([
      'numgen inc mod 3 == 0 counter',
      'numgen inc mod 3 == 2 counter',
      'numgen inc mod 4 offset 10 == 12 counter',
      'numgen inc mod 1 == 0 counter',
      'numgen inc mod 5 < 2 counter',
      'meta mark set numgen inc mod 4 offset 100 meta mark 102 counter',
    ]),
    steady(11, 10),
  ),
  scene(
    'numgen: inc in a map and a verdict map',
    forward(
      [
        'meta mark set numgen inc mod 2 map { 0 : 7, 1 : 9 }',
        'meta mark 9 counter',
        'numgen inc mod 3 vmap { 0 : jump a, 1 : goto b, 2 : drop }',
        'counter',
      ],
      '\tchain a {\n\t\tcounter\n\t}\n\tchain b {\n\t\tcounter\n\t}\n',
    ),
    steady(8, 10),
  ),
  scene(
    'numgen: random stays below its modulus',
    forward([
      'numgen random mod 4 > 3 counter',
      'numgen random mod 2 offset 10 < 10 counter',
      'numgen random mod 1 == 0 counter',
      'numgen random mod 4 offset 4 { 4-7 } counter',
    ]),
    steady(20, 10),
  ),
  scene(
    "jhash: with a seed the kernel's very value",
    forward([
      ...Array.from({ length: 4 }, (_, i) => `jhash ip saddr mod 4 seed 0xdeadbeef == ${i} counter`),
      ...Array.from(
        { length: 3 },
        (_, i) => `jhash ip saddr . udp sport . udp dport mod 3 seed 1 offset 5 == ${i + 5} counter`,
      ),
      ...Array.from({ length: 5 }, (_, i) => `jhash ip6 saddr . ip6 daddr mod 5 seed 0x12345678 == ${i} counter`),
      'meta mark set jhash udp sport mod 65536 seed 7',
      'meta mark < 32768 counter',
      'ct mark set jhash ip saddr . ip daddr . meta l4proto mod 1000000 seed 99',
    ]),
    every(
      10,
      [5000, 5001, 5002, 5003, 6000, 6001, 6002].flatMap((sport, i) => [
        (ms: number) => ask(ms, { sport, src: `192.168.1.${20 + i}` }),
        (ms: number) => ask6(ms, { sport, src: `fd00:1::${20 + i}` }),
      ]),
    ),
  ),
  scene(
    'symhash: packets of a connection have one value, whichever way they go, other connections another',
    forward(
      [
        'meta mark set symhash mod 1000000 offset 1',
        'meta mark 0 counter',
        'ct direction original add @seen { meta mark } counter',
        'ct direction reply meta mark @seen counter delete @seen { meta mark }',
        'symhash mod 4 offset 8 { 8-11 } counter',
      ],
      '\tset seen { type mark; flags dynamic; size 100\n\t}\n',
    ),
    every(
      10,
      [5000, 5001, 5002].flatMap((sport) => [
        (ms: number) => ask(ms, { sport }),
        (ms: number) => ask6(ms, { sport }),
        (ms: number) => answer(ms, { sport }),
        (ms: number) => answer(ms, { sport, src: LAN6, dst: SERVER6 }),
      ]),
    ),
  ),
];
