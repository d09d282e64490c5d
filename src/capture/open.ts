// Opens a capture whatever it is: classic pcap or pcapng, gzip of either, a file, a pipe, standard input or a live
// interface. Throws a CaptureError for what cannot be used at all; later damage is the reader's `damage`.
import type { Readable } from 'node:stream';
import { CaptureError } from '../base/errors.ts';
import { BLOCK_BYTES, Block } from './block.ts';
import { GzipSource, isGzip } from './gzip.ts';
import { type LiveOptions, openLive } from './live.ts';
import { PCAP_HEADER, parsePcapHeader, pcapMagic } from './pcap-header.ts';
import { PcapReader } from './pcap-reader.ts';
import { PcapngReader } from './pcapng-reader.ts';
import { PipedPcapReader } from './piped-pcap-reader.ts';
import type { CaptureReader } from './record.ts';
import { describe, SNIFF_BYTES } from './sniff.ts';
import { type ByteSource, openSource } from './source.ts';

const LIVE = 'live:';

export interface OpenOptions {
  /** What `-` reads. */
  stdin?: Readable;
  /** Octets of a block (4 MiB); less when many captures are open at once. */
  blockBytes?: number;
  /** What `live:IFACE` needs. */
  live?: LiveOptions;
}

/** Opens a capture by the name that the user gave: a path, `-` or `live:IFACE`. */
export async function openCapture(path: string, options: OpenOptions = {}): Promise<CaptureReader> {
  if (path.startsWith(LIVE)) return openLive(path.slice(LIVE.length), options.live);
  const stored = await openSource(path, options.stdin ?? process.stdin);
  try {
    return await openFormat(path, stored, options.blockBytes ?? BLOCK_BYTES);
  } catch (error) {
    await stored.close();
    throw error;
  }
}

async function openFormat(path: string, stored: ByteSource, blockBytes: number): Promise<CaptureReader> {
  let source = stored;
  let head = await pull(source, 4);
  if (isGzip(head)) {
    source = new GzipSource(source, head);
    head = await pull(source, 4);
  }
  const isPcapng = head[0] === 0x0a && head[1] === 0x0d && head[2] === 0x0d && head[3] === 0x0a;
  if (isPcapng) return PcapngReader.open(new Block(path, source, head, blockBytes));
  if (pcapMagic(head) === undefined) await refuse(path, source, head);

  head = await pull(source, PCAP_HEADER, head);
  const format = parsePcapHeader(path, head);
  const block = new Block(path, source, head, blockBytes);
  // pcap-parser knows microseconds and today's order of the lengths only.
  if (source.isStream && format.variant === 'micro' && format.swappedLengths === 'never') {
    return new PipedPcapReader(block, format);
  }
  block.position += PCAP_HEADER;
  return new PcapReader(block, format);
}

async function refuse(path: string, source: ByteSource, start: Uint8Array): Promise<never> {
  const head = await pull(source, SNIFF_BYTES, start);
  if (source.problem !== undefined && head.length < 4) throw new CaptureError(path, head.length, source.problem);
  if (head.length === 0) throw new CaptureError(path, 0, 'is empty: there is no capture in it');
  throw new CaptureError(path, 0, describe(head, path));
}

// The first `length` octets, fewer when the source ends before.
async function pull(source: ByteSource, length: number, head: Uint8Array = new Uint8Array(0)): Promise<Uint8Array> {
  const octets = new Uint8Array(length);
  octets.set(head);
  let filled = head.length;
  while (filled < length) {
    const read = await source.read(octets, filled, length - filled);
    if (read === 0) break;
    filled += read;
  }
  return octets.subarray(0, filled);
}
