// Captures on the sender show checksums before its hardware made them: zero in the IPv4 header, the pseudo header's sum in TCP
// and UDP (CHECKSUM_PARTIAL). The wire never had them: here they are filled in. Any other wrong checksum stays.
import { be16 } from '../../../src/base/columns.ts';
import { foldSum, pseudoHeaderSum, writeIpv4Checksum, writeTransportChecksum } from '../../../src/packet/checksum.ts';

const FIELDS: Record<number, number> = { 6: 16, 17: 6 };

/** Of an Ethernet frame with an IPv4 or IPv6 datagram, behind tags or not. */
export function fillChecksums(frame: Uint8Array): void {
  let network = 14;
  while (network + 4 < frame.length && [0x8100, 0x88a8].includes(be16(frame, network - 2))) network += 4;
  const type = network + 20 <= frame.length ? be16(frame, network - 2) : 0;
  if (type === 0x0800) {
    const transport = network + ((frame[network] as number) & 15) * 4;
    if (be16(frame, network + 10) === 0) writeIpv4Checksum(frame, network);
    const isFragment = (be16(frame, network + 6) & 0x3fff) !== 0;
    if (!isFragment)
      fillTransport(frame, network, 4, frame[network + 9] as number, transport, network + be16(frame, network + 2));
  } else if (type === 0x86dd && network + 40 <= frame.length) {
    const end = network + 40 + be16(frame, network + 4);
    fillTransport(frame, network, 6, frame[network + 6] as number, network + 40, end);
  }
}

function fillTransport(
  frame: Uint8Array,
  network: number,
  version: 4 | 6,
  protocol: number,
  transport: number,
  end: number,
): void {
  const field = FIELDS[protocol];
  if (field === undefined || end > frame.length || transport + field + 2 > end) return;
  const pseudo = foldSum(pseudoHeaderSum(frame, network, version, protocol, end - transport));
  if (be16(frame, transport + field) === pseudo)
    writeTransportChecksum(frame, network, version, protocol, transport, end);
}
