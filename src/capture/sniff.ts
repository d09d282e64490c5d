// What a file that is not a capture looks like, so that the refusal can say what to do with it.

interface Look {
  magic: readonly number[];
  offset?: number;
  what: string;
  remedy: string;
}

const CONVERT = 'convert it: editcap -F pcapng IN OUT';

const LOOKS: readonly Look[] = [
  { magic: ascii('PK\x03\x04'), what: 'a zip archive', remedy: 'unpack it: unzip FILE' },
  { magic: ascii('7z\xbc\xaf\x27\x1c'), what: 'a 7z archive', remedy: 'unpack it: 7z x FILE' },
  { magic: ascii('Rar!'), what: 'a rar archive', remedy: 'unpack it' },
  { magic: ascii('ustar'), offset: 257, what: 'a tar archive', remedy: 'unpack it: tar xf FILE' },
  { magic: ascii('BZh'), what: 'bzip2 data', remedy: 'decompress it: bunzip2 FILE' },
  { magic: ascii('\xfd7zXZ\0'), what: 'xz data', remedy: 'decompress it: unxz FILE' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], what: 'zstd data', remedy: 'decompress it: unzstd FILE' },
  { magic: [0x04, 0x22, 0x4d, 0x18], what: 'lz4 data', remedy: 'decompress it: unlz4 FILE' },
  { magic: [0x1f, 0x9d], what: 'compress data', remedy: 'decompress it: uncompress FILE' },
  { magic: [0x1f, 0x8b], what: 'gzip data within gzip data', remedy: 'decompress it once: gunzip FILE' },
  { magic: ascii('snoop\0\0\0'), what: 'a Sun snoop capture', remedy: CONVERT },
  { magic: ascii('LOGG'), what: 'a Vector BLF log', remedy: CONVERT },
  { magic: ascii('TRSNIFF data    \x1a'), what: 'a Sniffer capture', remedy: CONVERT },
  { magic: ascii('XCP\0'), what: 'a NetXRay or Sniffer capture', remedy: CONVERT },
  { magic: ascii('RTSS'), what: 'a Microsoft Network Monitor 1 capture', remedy: CONVERT },
  { magic: ascii('GMBU'), what: 'a Microsoft Network Monitor 2 capture', remedy: CONVERT },
  { magic: ascii('ObserverPktBuffe'), what: 'a Network Instruments Observer capture', remedy: CONVERT },
  { magic: ascii('\x7fver'), what: 'an OmniPeek capture', remedy: CONVERT },
  { magic: ascii('iptrace '), what: 'an AIX iptrace capture', remedy: CONVERT },
  { magic: ascii('btsnoop\0'), what: 'a Bluetooth snoop capture', remedy: 'it holds no IP packets' },
  { magic: [0xa1, 0xb2, 0x34, 0xcd], what: 'a pcap variant of libpcap 0.x by F. Mesquita', remedy: CONVERT },
  { magic: [0xcd, 0x34, 0xb2, 0xa1], what: 'a pcap variant of libpcap 0.x by F. Mesquita', remedy: CONVERT },
  { magic: [0x1c, 0x00, 0x01, 0xac], what: 'an Ixia lcap capture', remedy: CONVERT },
  { magic: [0x1c, 0x00, 0x01, 0xab], what: 'an Ixia lcap capture', remedy: CONVERT },
  { magic: [0xac, 0x01, 0x00, 0x1c], what: 'an Ixia lcap capture', remedy: CONVERT },
  { magic: [0xab, 0x01, 0x00, 0x1c], what: 'an Ixia lcap capture', remedy: CONVERT },
  { magic: ascii('version https://git-lfs'), what: 'a Git LFS pointer', remedy: 'fetch the file: git lfs pull' },
  { magic: ascii('\x7fELF'), what: 'a program', remedy: 'name a pcap or pcapng file' },
  { magic: ascii('%PDF'), what: 'a PDF document', remedy: 'name a pcap or pcapng file' },
  { magic: ascii('SQLite format 3'), what: 'an SQLite database', remedy: 'name a pcap or pcapng file' },
];

/** Octets that describe() wants to see. */
export const SNIFF_BYTES = 512;

/** The sentence that refuses a file by its first octets and its name. */
export function describe(head: Uint8Array, path: string): string {
  const name = path === '-' ? 'FILE' : path;
  for (const { magic, offset = 0, what, remedy } of LOOKS) {
    if (magic.every((octet, i) => head[offset + i] === octet)) {
      return `is not a pcap or pcapng capture but ${what}: ${remedy.replace('FILE', name)}`;
    }
  }
  if (isErf(head)) return `is not a pcap or pcapng capture but looks like an Endace ERF capture: ${CONVERT}`;
  if (isText(head)) return 'is not a pcap or pcapng capture but text: name a pcap or pcapng file (text2pcap makes one)';
  const magic = [...head.subarray(0, 4)].map((octet) => octet.toString(16).padStart(2, '0')).join(' ');
  return `is not a pcap or pcapng capture (it starts with ${magic}): name one, or convert it with editcap`;
}

// ERF has no magic: a record's type is 1 … 48, its length fits, and the next record's type is the same.
function isErf(head: Uint8Array): boolean {
  const type = (head[8] ?? 0) & 0x7f;
  const length = ((head[10] ?? 0) << 8) | (head[11] ?? 0);
  if (type === 0 || type > 48 || length < 16 || length + 9 > head.length) return false;
  const nextLength = ((head[length + 10] ?? 0) << 8) | (head[length + 11] ?? 0);
  return ((head[length + 8] ?? 0) & 0x7f) === type && nextLength >= 16;
}

function isText(head: Uint8Array): boolean {
  if (head.some((octet) => octet < 0x20 && octet !== 9 && octet !== 10 && octet !== 13)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
