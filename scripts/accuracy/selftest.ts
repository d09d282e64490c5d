// The rulesets and the packet of the kernel's nft_concat_range.sh (its "performance" tests, behind pipapo's cover letter): a netdev
// chain that drops, alone and after a look-up. pktgen sends one packet over and over, that of the last element.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapWriter } from '../../src/capture/pcap-writer.ts';
import { compile, parseRouter, replayCaptures } from '../../src/index.ts';
import { ether, ip, udp } from '../../src/packet/build.ts';
import type { Observed } from '../calibrate/observe.ts';

export const LOOKUPS = ['none', 'hash', 'rbtree', 'pipapo'] as const;
export type Lookup = (typeof LOOKUPS)[number];

/** A row of the cover letter's table: fields of the key, elements. */
export interface SelftestTable {
  fields: readonly ('net' | 'net6' | 'port' | 'mac')[];
  elements: number;
}

const TYPES = { net: 'ipv4_addr', net6: 'ipv6_addr', port: 'inet_service', mac: 'ether_addr' } as const;
const SELECTORS = { net: 'ip daddr', net6: 'ip6 daddr', port: 'udp dport', mac: 'ether daddr' } as const;
const ROUTER = parseRouter(
  JSON.stringify({ interfaces: [{ name: 'veth_a', mac: '02:00:00:00:00:01', addresses: ['192.0.2.1/24'] }] }),
  'selftest',
);

/** The path of the packet through each ruleset. */
export async function selftestPaths(table: SelftestTable): Promise<Record<Lookup, Observed>> {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-selftest-'));
  const path = join(folder, 'packet.pcap');
  const writer = new PcapWriter(path, { nanoseconds: true });
  writer.write(1_000_000_000, 0, frame(table));
  writer.close();
  const found: [Lookup, Observed][] = [];
  for (const lookup of LOOKUPS) found.push([lookup, await replayed(rulesetText(table, lookup), path)]);
  rmSync(folder, { recursive: true });
  return Object.fromEntries(found) as Record<Lookup, Observed>;
}

async function replayed(text: string, path: string): Promise<Observed> {
  const { ruleset } = compile({ path: 'selftest.nft', text });
  const measured: number[] = [];
  const { result } = await replayCaptures({
    ruleset,
    router: ROUTER,
    captures: [{ path, ingress: 'veth_a' }],
    prices: true,
    onEvents: (rows) => {
      for (const row of rows) measured.push(row.path);
    },
  });
  return { paths: result.paths, names: result.names, measured };
}

function rulesetText({ fields, elements }: SelftestTable, lookup: Lookup): string {
  // 'noconcat' has the first field only.
  const used = lookup === 'rbtree' ? fields.slice(0, 1) : fields;
  const flags = lookup === 'rbtree' || lookup === 'pipapo' ? 'flags interval;' : '';
  const type = used.map((field) => TYPES[field]).join(' . ');
  const starts = Array.from({ length: elements + 1 }, (_, row) => firstStart(fields) + 2 * row);
  const keys = starts.map((start) =>
    used.map((field) => (flags === '' ? text(field, start) : `${text(field, start)}-${text(field, start + 1)}`)),
  );
  const set = `set s { type ${type}; ${flags} elements = { ${keys.map((key) => key.join(' . ')).join(', ')} } }`;
  const look = `${used.map((field) => SELECTORS[field]).join(' . ')} @s`;
  return `table netdev perf {
  counter test { packets 0 bytes 0 }
  ${lookup === 'none' ? '' : set}
  chain test { type filter hook ingress device veth_a priority 0;
    ${lookup === 'none' ? '' : look} counter name "test" drop
  }
}`;
}

/** Where the test counts from: from 10 on a range of two addresses is one prefix, from 1 on (but for 10.0.0.5 + 1) it is two. */
function firstStart(fields: SelftestTable['fields']): number {
  return fields[0] === 'net6' ? 10 : 1;
}

function text(field: SelftestTable['fields'][number], value: number): string {
  const octetsOf = (word: number) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];
  const hex = (octet: number): string => octet.toString(16).padStart(2, '0');
  if (field === 'net') return octetsOf((10 << 24) + 5 + value).join('.');
  if (field === 'net6') return `2001:db8::${(value >>> 16).toString(16)}:${(value & 65535).toString(16)}`;
  if (field === 'port') return String((value % 65534) + 1);
  return ['00', '01', ...octetsOf(value).map(hex)].join(':');
}

/** The packet of the last element, of the size that the test asks pktgen for. */
function frame({ fields, elements }: SelftestTable): Uint8Array {
  const last = firstStart(fields) + 2 * elements;
  const isV6 = fields[0] === 'net6';
  const payload = new Uint8Array(38);
  const to = text(isV6 ? 'net6' : 'net', last);
  const from = isV6 ? '2001:db8:1::1' : '198.18.0.42';
  const layer4 = udp({ sport: 9, dport: Number(text('port', last)) }, payload);
  return ether({ src: '02:00:00:00:00:02', dst: text('mac', last) }, ip({ src: from, dst: to }, layer4));
}
