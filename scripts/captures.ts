// Makes captures/*.pcap(ng) from code, and captures/manifest.json that says what is in them. Same code, same octets:
// `npm run captures` after a change, a test compares.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { PcapWriter, type PcapWriterOptions } from '../src/capture/pcap-writer.ts';
import { PcapngWriter } from '../src/capture/pcapng-writer.ts';
import { caseCaptures } from './captures/cases.ts';
import type { Arrival } from './captures/conversation.ts';
import * as scenes from './captures/scenes.ts';

interface Capture {
  file: string;
  about: string;
  arrivals: Arrival[];
  /** pcapng: interface names; absent: classic pcap. */
  interfaces?: string[];
  pcap?: PcapWriterOptions;
  gzip?: boolean;
  /** Octets taken off the end of the file. */
  cutOctets?: number;
}

/** What stands in manifest.json for each capture. */
export interface ManifestRow {
  file: string;
  about: string;
  packets: number;
  octets: number;
  /** Of the uncompressed file. */
  sha256: string;
}

const SIDES = ['br-lan', 'wan'];

/** All bundled captures. */
export function bundledCaptures(): Capture[] {
  return [
    {
      file: 'home-router.pcapng.gz',
      about: 'a minute of a home, both sides of its router: the demo',
      arrivals: scenes.homeRouter(),
      interfaces: SIDES,
      gzip: true,
    },
    { file: 'web-nat.pcap', about: 'web browsing behind NAT', arrivals: scenes.webBrowsing(0), pcap: {} },
    {
      file: 'tcp-download.pcap.gz',
      about: 'one long TCP download',
      arrivals: scenes.longDownload(),
      pcap: {},
      gzip: true,
    },
    { file: 'udp-both-ways.pcap', about: 'UDP both ways', arrivals: scenes.udpBothWays(), pcap: {} },
    { file: 'udp-one-way.pcap', about: 'UDP one way', arrivals: scenes.udpOneWay(), pcap: {} },
    { file: 'dns.pcap', about: 'DNS lookups, one unanswered', arrivals: scenes.dns(), pcap: {} },
    {
      file: 'icmp.pcap',
      about: 'echo, and errors that quote a translated datagram',
      arrivals: scenes.icmpMessages(),
      pcap: {},
    },
    { file: 'ipv6.pcap', about: 'IPv6: TCP, UDP, echo', arrivals: scenes.ipv6(), pcap: {} },
    { file: 'vlan.pcap', about: '802.1Q, and 802.1ad over 802.1Q', arrivals: scenes.vlan(), pcap: {} },
    { file: 'pppoe.pcap', about: 'the outside is a PPPoE session', arrivals: scenes.pppoe(), pcap: {} },
    {
      file: 'fragments.pcap',
      about: 'IPv4 and IPv6 fragments: in order, reversed, incomplete',
      arrivals: scenes.fragments(),
      pcap: {},
    },
    {
      file: 'mid-stream.pcap',
      about: 'a TCP connection whose beginning is missing',
      arrivals: scenes.midStream(),
      pcap: {},
    },
    { file: 'port-scan.pcap', about: 'SYNs from outside', arrivals: scenes.portScan(0, 60), pcap: {} },
    {
      file: 'cut.pcap',
      about: 'a file that ends inside its last packet',
      arrivals: scenes.dns(),
      pcap: {},
      cutOctets: 20,
    },
    { file: 'nanosecond.pcap', about: 'nanosecond timestamps', arrivals: scenes.dns(), pcap: { nanoseconds: true } },
    {
      file: 'big-endian.pcap',
      about: 'written on a big-endian machine',
      arrivals: scenes.dns(),
      pcap: { bigEndian: true },
    },
    {
      file: 'nanosecond-big-endian.pcap',
      about: 'both',
      arrivals: scenes.dns(),
      pcap: { nanoseconds: true, bigEndian: true },
    },
    {
      file: 'two-interfaces.pcapng',
      about: 'pcapng with two named interfaces',
      arrivals: scenes.webBrowsing(0),
      interfaces: SIDES,
    },
    ...caseCaptures().map((row) => ({ ...row, gzip: true })),
  ];
}

/** Writes all captures and the manifest into a folder; returns the manifest. */
export function writeCaptures(folder: string): ManifestRow[] {
  const rows = bundledCaptures().map((capture) => writeOne(capture, folder));
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(rows, undefined, 2)}\n`);
  return rows;
}

function writeOne(capture: Capture, folder: string): ManifestRow {
  const plain = join(folder, dirname(capture.file), basename(capture.file, '.gz'));
  mkdirSync(dirname(plain), { recursive: true });
  if (capture.interfaces !== undefined) writePcapng(plain, capture.arrivals, capture.interfaces);
  else writePcap(plain, capture.arrivals, capture.pcap ?? {});
  if (capture.cutOctets !== undefined) truncateSync(plain, readFileSync(plain).length - capture.cutOctets);
  const octets = readFileSync(plain);
  if (capture.gzip) {
    writeFileSync(join(folder, capture.file), gzipSync(octets, { level: 9 }));
    rmSync(plain);
  }
  const packets = capture.arrivals.length - (capture.cutOctets === undefined ? 0 : 1);
  return { file: capture.file, about: capture.about, packets, octets: octets.length, sha256: sha256(octets) };
}

function writePcap(path: string, arrivals: Arrival[], options: PcapWriterOptions): void {
  const writer = new PcapWriter(path, options);
  for (const { timeNs, frame } of arrivals)
    writer.write(Number(timeNs / 1_000_000_000n), Number(timeNs % 1_000_000_000n), frame);
  writer.close();
}

function writePcapng(path: string, arrivals: Arrival[], interfaces: string[]): void {
  const writer = new PcapngWriter(
    path,
    interfaces.map((name) => ({ name })),
  );
  for (const { timeNs, frame, iface } of arrivals) {
    writer.write(interfaces.indexOf(iface), Number(timeNs / 1_000_000_000n), Number(timeNs % 1_000_000_000n), frame);
  }
  writer.close();
}

/** Hash of a capture file's content, uncompressed. */
export function contentHash(path: string): string {
  const octets = readFileSync(path);
  return sha256(path.endsWith('.gz') ? gunzipSync(octets) : octets);
}

function sha256(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(basename(process.argv[1]))) {
  for (const row of writeCaptures(process.argv[2] ?? 'captures')) {
    console.log(`${row.file.padEnd(28)} ${String(row.packets).padStart(5)} packets  ${row.about}`);
  }
}
