// Captures are mostly taken inside: an answer has the address of the host that asked. At the outside of a router that
// masquerades it had the router's: it is given that, when the question was seen before. The port stays: the first to ask from a
// port keeps it.
import { be16, be32, putBe16, putBe32 } from '../../../src/base/columns.ts';
import type { RouterSpec } from '../../../src/net/spec.ts';
import { parseAddress } from '../../../src/packet/address.ts';
import { adjustChecksum32 } from '../../../src/packet/checksum.ts';

const ICMP = 1;
const TCP = 6;
const UDP = 17;

export class Masqueraded {
  readonly #own: number | undefined;
  readonly #outside: string;
  readonly #asked = new Set<string>();

  constructor(spec: RouterSpec, isMasquerading: boolean) {
    const route = spec.routes.find((row) => row.dst === '0.0.0.0/0');
    const wan = spec.interfaces.find((row) => row.name === route?.dev);
    this.#outside = wan?.link ?? wan?.ports?.[0] ?? wan?.name ?? '';
    const address = wan?.addresses
      .map((text) => parseAddress(text.split('/')[0] ?? ''))
      .find((one) => one?.length === 4);
    this.#own = isMasquerading && address !== undefined ? be32(address, 0) : undefined;
  }

  /** Rewrites the destination of an answer that enters outside. IPv4 only, plain or in a PPPoE session. */
  undo(frame: Uint8Array, device: string): void {
    const network = networkOf(frame);
    if (this.#own === undefined || network < 0 || frame.length < network + 28) return;
    const transport = network + ((frame[network] as number) & 15) * 4;
    const protocol = frame[network + 9] as number;
    if (
      (be16(frame, network + 6) & 0x1fff) !== 0 ||
      ![ICMP, TCP, UDP].includes(protocol) ||
      transport + 8 > frame.length
    )
      return;
    const source = be32(frame, network + 12);
    const destination = be32(frame, network + 16);
    const [sport, dport] =
      protocol === ICMP
        ? [be16(frame, transport + 4), be16(frame, transport + 4)]
        : [be16(frame, transport), be16(frame, transport + 2)];
    if (device !== this.#outside) {
      this.#asked.add(`${protocol} ${source} ${sport} ${destination} ${dport}`);
      return;
    }
    if (!this.#asked.has(`${protocol} ${destination} ${dport} ${source} ${sport}`)) return;
    putBe32(frame, network + 16, this.#own);
    putBe16(frame, network + 10, adjustChecksum32(be16(frame, network + 10), destination, this.#own));
    const field = protocol === TCP ? transport + 16 : protocol === UDP ? transport + 6 : -1;
    if (field < 0 || field + 2 > frame.length || (protocol === UDP && be16(frame, field) === 0)) return;
    putBe16(frame, field, adjustChecksum32(be16(frame, field), destination, this.#own));
  }
}

/** Of the IPv4 header; -1: none. */
function networkOf(frame: Uint8Array): number {
  if (frame.length < 24) return -1;
  if (be16(frame, 12) === 0x0800) return 14;
  return be16(frame, 12) === 0x8864 && be16(frame, 20) === 0x0021 ? 22 : -1;
}
