// Types of the npm package pcap-parser 0.2.1, as far as piped-pcap-reader.ts uses it.
declare module 'pcap-parser' {
  import type { EventEmitter } from 'node:events';

  export interface PcapParserPacket {
    header: {
      timestampSeconds: number;
      timestampMicroseconds: number;
      capturedLength: number;
      originalLength: number;
    };
    data: Buffer;
  }

  /** Reads from a stream; emits 'packet' with a PcapParserPacket, 'error' and 'end'. */
  export function parse(stream: EventEmitter & { pause(): void; resume(): void }): EventEmitter;
}
