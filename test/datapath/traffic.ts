// Random traffic between two hosts and two servers for the comparison with the kernel: TCP of all flags, UDP, echo, ICMP errors
// about what was sent, fragments, other protocols, TTLs that run out, padding, wrong checksums.
import { Random } from '../../src/base/random.ts';
import {
  ether,
  fragmentIpv4,
  fragmentIpv6,
  type IpFields,
  icmp,
  icmpv6,
  ip,
  type Layer4,
  tcp,
  udp,
} from '../../src/packet/build.ts';

const FLAGS = ['S', 'SA', 'A', 'A', 'A', 'PA', 'FA', 'R', 'RA', 'F', 'SF', ''];

/** Frames by the interface that they enter at (lan0, wan0 of TOPOLOGY). */
export class Traffic {
  readonly frames: [iface: string, frame: Uint8Array][] = [];
  readonly #random: Random;
  /** With translation: answers from outside go to the router's address, and only where somebody asked. */
  readonly #isTranslated: boolean;
  readonly #asked = new Set<string>();
  readonly #sent: { six: boolean; datagram: Uint8Array }[] = [];

  constructor(seed: number, count: number, isTranslated: boolean) {
    this.#random = new Random(seed);
    this.#isTranslated = isTranslated;
    while (this.frames.length < count) this.#next();
    this.frames.length = count;
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random.below(values.length)] as T;
  }

  #octets(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.below(256));
  }

  #next(): void {
    const random = this.#random;
    const six = random.below(4) === 0;
    const isFromLan = random.below(2) === 0;
    const odd = random.below(2);
    const host = six ? `fd00:1::1${odd}` : `192.168.1.1${odd}`;
    const server = six
      ? this.#pick(['2001:db8:99::7', '2001:db8:99::8'])
      : this.#pick(['198.51.100.7', '198.51.100.8']);
    const [inside, outside] = six ? ['fd00:1::1', '2001:db8:2::1'] : ['192.168.1.1', '203.0.113.1'];
    const src = isFromLan ? host : server;
    const inward = this.#isTranslated && !six ? [outside] : [host, host, host, outside];
    const dst = isFromLan ? this.#pick([server, server, server, server, inside, outside]) : this.#pick(inward);
    const near = this.#pick([40000 + odd, 5000 + odd]);
    const far = this.#pick([80, 53, 443]);
    const [sport, dport] = isFromLan ? [near, far] : [far, near];
    const flow = `${dst} ${dport} ${src} ${sport}`;
    if (isFromLan) this.#asked.add(`${outside} ${sport} ${dst} ${dport}`);
    else if (this.#isTranslated && !six && !this.#asked.has(flow)) return;
    const ttl = random.below(12) === 0 ? 1 : this.#pick([64, 2, 128]);
    const tos = this.#pick([0, 0, 0xb8, 2]);
    const fields = { src, dst, ttl, tos, id: random.below(65536), dontFragment: random.below(3) === 0 };
    this.#send(isFromLan ? 'lan0' : 'wan0', six, fields, sport, dport, odd);
  }

  #send(iface: string, six: boolean, fields: IpFields, sport: number, dport: number, odd: number): void {
    const random = this.#random;
    const kind = random.below(20);
    if (kind === 18) {
      const whole = ip(
        { ...fields, dontFragment: false },
        udp({ sport, dport }, this.#octets(1480 + random.below(2000))),
      );
      const parts = six ? fragmentIpv6(whole, 1280, random.next()) : fragmentIpv4(whole, this.#pick([576, 1300]));
      for (const part of parts) this.frames.push([iface, ether({}, part)]);
      return;
    }
    const layer4 = this.#layer4(kind, six, sport, dport, odd);
    if (layer4 === undefined) return;
    const datagram = ip(fields, layer4);
    this.#sent.push({ six, datagram });
    if (this.#sent.length > 30) this.#sent.shift();
    const frame = ether({}, datagram);
    const last = frame.length - 1;
    if (random.below(25) === 0) frame[last] = (frame[last] ?? 0) ^ 0x5a;
    const isPadded = frame.length < 60 && random.below(2) === 0;
    const padded = new Uint8Array(isPadded ? 60 : frame.length);
    padded.set(frame);
    this.frames.push([iface, padded]);
  }

  #layer4(kind: number, six: boolean, sport: number, dport: number, odd: number): Layer4 | undefined {
    const random = this.#random;
    const payload = this.#octets(this.#pick([0, 1, 10, 100, 700, 1300]));
    if (kind < 9) {
      const seq = 1000 + random.below(3) * 100;
      const ack = 1000 + random.below(3) * 100;
      return tcp({ sport, dport, seq, ack, flags: this.#pick(FLAGS), window: this.#pick([0, 1000, 65535]) }, payload);
    }
    if (kind < 15) return udp({ sport, dport }, payload);
    if (kind < 17) {
      const rest = 0x10001 + odd * 0x10000;
      return six ? icmpv6(this.#pick([128, 129]), 0, rest, payload) : icmp(this.#pick([8, 0]), 0, rest, payload);
    }
    if (kind !== 17) return { protocol: this.#pick([47, 50, 132, 200]), bytes: payload };
    if (this.#sent.length === 0) return undefined;
    const about = this.#pick(this.#sent);
    if (about.six !== six) return undefined;
    const quoted = about.datagram.slice(0, six ? 200 : 28 + random.below(40));
    // SIMPLIFIED in our router: it does not learn path MTUs from errors about its own packets, so none are sent over IPv6.
    return six
      ? icmpv6(this.#pick([1, 3]), this.#pick([0, 4]), 0, quoted)
      : icmp(this.#pick([3, 11]), this.#pick([0, 1, 3, 4]), 1400, quoted);
  }
}
