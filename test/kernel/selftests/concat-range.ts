// nft_concat_range.sh: sets of concatenated ranges, one scene a type of set. Elements of growing ranges are in the set from
// the beginning (a third of them not: they were deleted); packets at the ends, in the middle and just outside of each.
// Its timeouts are elements that run out during the scene; what it does to races and speed is not a capture's business.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, icmp, icmpv6, ip, type Layer4, udp } from '../../../src/packet/build.ts';
import { bytes, type Row, scene } from './talk.ts';

type Field = 'addr4' | 'addr6' | 'port' | 'mac' | 'proto';

interface SetType {
  name: string;
  type: string;
  chain: string;
  dst: Field[];
  src: Field[];
  protocol?: 'icmp';
  count?: number;
}

/** nft 1.0.6 gets `meta l4proto` in a concatenation wrong: the header's field stands in its place. */
const TYPES: SetType[] = [
  {
    name: 'net,port',
    type: 'ipv4_addr . inet_service',
    chain: 'ip daddr . udp dport',
    dst: ['addr4', 'port'],
    src: [],
  },
  {
    name: 'port,net',
    type: 'inet_service . ipv4_addr',
    chain: 'udp dport . ip daddr',
    dst: ['port', 'addr4'],
    src: [],
  },
  {
    name: 'net6,port',
    type: 'ipv6_addr . inet_service',
    chain: 'ip6 daddr . udp dport',
    dst: ['addr6', 'port'],
    src: [],
  },
  {
    name: 'port,proto',
    type: 'inet_service . inet_proto',
    chain: 'udp dport . ip protocol',
    dst: ['port', 'proto'],
    src: [],
  },
  {
    name: 'net6,port,mac',
    type: 'ipv6_addr . inet_service . ether_addr',
    chain: 'ip6 daddr . udp dport . ether saddr',
    dst: ['addr6', 'port'],
    src: ['mac'],
  },
  {
    name: 'net6,port,mac,proto',
    type: 'ipv6_addr . inet_service . ether_addr . inet_proto',
    chain: 'ip6 daddr . udp dport . ether saddr . ip6 nexthdr',
    dst: ['addr6', 'port'],
    src: ['mac', 'proto'],
  },
  {
    name: 'net,port,net',
    type: 'ipv4_addr . inet_service . ipv4_addr',
    chain: 'ip daddr . udp dport . ip saddr',
    dst: ['addr4', 'port'],
    src: ['addr4'],
  },
  {
    name: 'net6,port,net6,port',
    type: 'ipv6_addr . inet_service . ipv6_addr . inet_service',
    chain: 'ip6 daddr . udp dport . ip6 saddr . udp sport',
    dst: ['addr6', 'port'],
    src: ['addr6', 'port'],
  },
  {
    name: 'net,port,mac,proto,net',
    type: 'ipv4_addr . inet_service . ether_addr . inet_proto . ipv4_addr',
    chain: 'ip daddr . udp dport . ether saddr . ip protocol . ip saddr',
    dst: ['addr4', 'port'],
    src: ['mac', 'proto', 'addr4'],
  },
  { name: 'net,mac', type: 'ipv4_addr . ether_addr', chain: 'ip daddr . ether saddr', dst: ['addr4'], src: ['mac'] },
  { name: 'mac,net', type: 'ether_addr . ipv4_addr', chain: 'ether saddr . ip saddr', dst: [], src: ['mac', 'addr4'] },
  {
    name: 'net,mac - ICMP',
    type: 'ipv4_addr . ether_addr',
    chain: 'ip daddr . ether saddr',
    dst: ['addr4'],
    src: ['mac'],
    protocol: 'icmp',
  },
  {
    name: 'net6,mac - ICMPv6',
    type: 'ipv6_addr . ether_addr',
    chain: 'ip6 daddr . ether saddr',
    dst: ['addr6'],
    src: ['mac'],
    protocol: 'icmp',
    count: 20,
  },
  {
    name: 'net,port,proto,net',
    type: 'ipv4_addr . inet_service . inet_proto . ipv4_addr',
    chain: 'ip daddr . udp dport . ip protocol . ip saddr',
    dst: ['addr4', 'port', 'proto'],
    src: ['addr4'],
  },
];

/** Added to numbers of the destination to make those of the source. */
const SOURCE = 2000;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const FORMATS: Record<Exclude<Field, 'proto'>, (n: number) => string> = {
  addr4: (n) => {
    const value = n + 0x0a000005;
    return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
  },
  addr6: (n) => `2001:db8::${hex(n >>> 16, 4)}:${hex(n & 0xffff, 4)}`,
  mac: (n) => `00:01:${hex(n >>> 24, 2)}:${hex((n >>> 16) & 255, 2)}:${hex((n >>> 8) & 255, 2)}:${hex(n & 255, 2)}`,
  port: (n) => String((n % 65_534) + 1),
};

const isSix = (set: SetType): boolean => [...set.dst, ...set.src].includes('addr6');
const protoOf = (set: SetType): string =>
  (set.protocol ?? 'udp') + (set.protocol !== undefined && isSix(set) ? 'v6' : '');

function element(set: SetType, start: number, end: number): string {
  const part = (field: Field, offset: number): string =>
    field === 'proto' ? protoOf(set) : `${FORMATS[field](start + offset)}-${FORMATS[field](end + offset)}`;
  return [...set.dst.map((field) => part(field, 0)), ...set.src.map((field) => part(field, SOURCE))].join(' . ');
}

interface Range {
  start: number;
  end: number;
  isDeleted: boolean;
}

/** Ranges that grow by one, with gaps that grow too. */
function ranges(first: number, count: number): Range[] {
  const found: Range[] = [];
  let start = first;
  for (let i = 0; i <= count; i++) {
    const end = start + i + 1;
    found.push({ start, end, isDeleted: (first + i) % 3 === 0 });
    start = end + i + 2;
  }
  return found;
}

/** To number `n`, from the source that belongs to it (or to `source`). */
function packet(set: SetType, n: number, source = n): Row {
  const six = isSix(set);
  const port = Number(FORMATS.port(n));
  const sport = set.src.includes('port') ? Number(FORMATS.port(source + SOURCE)) : 40_000;
  const layer4: Layer4 =
    set.protocol === 'icmp'
      ? six
        ? icmpv6(128, 0, 0x00070001, bytes(8))
        : icmp(8, 0, 0x00070001, bytes(8))
      : udp({ sport, dport: set.dst.includes('port') ? port : 12_345 }, bytes(5));
  const src = six
    ? set.src.includes('addr6')
      ? FORMATS.addr6(source + SOURCE)
      : '2001:db8::2'
    : set.src.includes('addr4')
      ? FORMATS.addr4(source + SOURCE)
      : '10.0.0.2';
  const dst = six ? FORMATS.addr6(n) : FORMATS.addr4(n);
  return ['veth_a', ether({ src: FORMATS.mac(source + SOURCE) }, ip({ src, dst }, layer4)), 5];
}

const ROUTER = {
  interfaces: [
    { name: 'veth_a', mac: '02:00:00:00:00:01', addresses: ['192.0.2.1/24'] },
    { name: 'out', mac: '02:00:00:00:00:02', addresses: ['198.51.100.1/24'] },
  ],
  routes: [
    { dst: '0.0.0.0/0', dev: 'out' },
    { dst: '::/0', dev: 'out' },
  ],
};

function rules(set: SetType, elements: string[], flags = 'interval'): string {
  return `table inet filter {
	counter test {
	}
	set test {
		type ${set.type}
		flags ${flags}
		elements = { ${elements.join(',\n\t\t\t')} }
	}
	chain input {
		type filter hook prerouting priority 0; policy accept;
		${set.chain} @test counter name "test"
	}
}`;
}

function correctness(set: SetType): KernelScene {
  const rows: Row[] = [];
  const all = ranges(isSix(set) ? 10 : 1, set.count ?? 5);
  for (const { start, end } of all) {
    const middle = start + ((end - start) >>> 1);
    for (const n of new Set([start, middle, end])) rows.push(packet(set, n));
    rows.push(packet(set, start - 1), packet(set, end + 1));
    // Right in one part only.
    rows.push(packet(set, start, end + 1));
  }
  const elements = all.filter((row) => !row.isDeleted).map(({ start, end }) => element(set, start, end));
  return scene({ name: `nft_concat_range: ${set.name}`, router: ROUTER, ruleset: rules(set, elements), rows });
}

/** Elements that live 30 s, packets before and after. */
function timeout(set: SetType): KernelScene {
  const all = ranges(isSix(set) ? 10 : 1, 3);
  const elements = all.map(({ start, end }, i) => `${element(set, start, end)} timeout ${i === 0 ? '3h' : '30s'}`);
  const rows = [1, 15_000, 30_000].flatMap((pause) =>
    all.flatMap(({ start, end }, i): Row[] => {
      const [device, frame] = packet(set, start);
      return [[device, frame, i === 0 ? pause : 5], packet(set, end)];
    }),
  );
  return scene({
    name: `nft_concat_range: ${set.name}, elements with timeouts`,
    router: ROUTER,
    ruleset: rules(set, elements, 'interval,timeout'),
    rows,
  });
}

// ---- reported bugs

const MATCH: SetType = {
  name: 'net,port,proto',
  type: 'ipv4_addr . inet_service . inet_proto',
  chain: 'ip daddr . udp dport . ip protocol',
  dst: ['addr4', 'port', 'proto'],
  src: [],
};
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
const manyElements = numbers(10).flatMap((i) => numbers(20).map((j) => `10.${i}.${j}.0/24 . ${i}1-${i + 1}0 . 6-17`));
const manyRows: Row[] = numbers(10).flatMap((i) =>
  [1, 10, 20, 21].flatMap((j): Row[] =>
    [Number(`${i}1`), Number(`${i + 1}0`), Number(`${i + 1}1`)].map(
      (dport): Row => [
        'veth_a',
        ether({}, ip({ src: '192.0.2.9', dst: `10.${i}.${j}.77` }, udp({ sport: 40_000, dport }, bytes(3)))),
        5,
      ],
    ),
  ),
);
const READDED: SetType = {
  ...MATCH,
  type: 'ipv4_addr . inet_service',
  chain: 'ip daddr . udp dport',
  dst: ['addr4', 'port'],
};
const readdedRows: Row[] = [9, 10, 15, 20, 21, 22, 23, 25, 26].map(
  (dport): Row => [
    'veth_a',
    ether({}, ip({ src: '192.0.2.9', dst: '10.0.0.1' }, udp({ sport: 40_000, dport }, bytes(3)))),
    5,
  ],
);
const RELOADED = TYPES.find((set) => set.name === 'net,mac') ?? MATCH;

const reported: KernelScene[] = [
  scene({
    name: 'nft_concat_range: two hundred elements of three ranges',
    router: ROUTER,
    ruleset: rules(MATCH, manyElements),
    rows: manyRows,
  }),
  scene({
    name: 'nft_concat_range: flushed and filled again in another order',
    router: ROUTER,
    ruleset: `${rules(READDED, ['10.0.0.1 . 22-25', '10.0.0.1 . 10-20'])}
flush set inet filter test
add element inet filter test { 10.0.0.1 . 10-20, 10.0.0.1 . 22-25 }`,
    rows: readdedRows,
  }),
  scene({
    name: 'nft_concat_range: a set that is flushed and reloaded as it was',
    router: ROUTER,
    ruleset: `${rules(
      RELOADED,
      ranges(1, 1).map(({ start, end }) => element(RELOADED, start, end)),
    )}
flush set inet filter test
add element inet filter test { ${ranges(1, 1)
      .map(({ start, end }) => element(RELOADED, start, end))
      .join(', ')} }`,
    rows: ranges(1, 1).flatMap(({ start, end }) => [
      packet(RELOADED, start),
      packet(RELOADED, end),
      packet(RELOADED, end + 1),
    ]),
  }),
];

export const CONCAT_RANGE_SELFTESTS: KernelScene[] = [...TYPES.map(correctness), ...TYPES.map(timeout), ...reported];
