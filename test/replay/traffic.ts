// Random traffic between a few hosts of both sides of fixture.ts's router: TCP with handshakes and ends, UDP both ways,
// echo, ICMP errors that quote, fragments, ARP and junk, at random times.
import fc from 'fast-check';
import { arp, ether, fragmentIpv4, icmp, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import type { Shot } from './fixture.ts';

/** One step of one of a few conversations. */
export interface Step {
  host: number;
  server: number;
  port: number;
  isIpv6: boolean;
  kind:
    | 'syn'
    | 'synack'
    | 'ack'
    | 'fin'
    | 'rst'
    | 'udp'
    | 'answer'
    | 'ping'
    | 'error'
    | 'fragments'
    | 'expired'
    | 'arp'
    | 'junk';
  waitSeconds: number;
}

const KINDS: Step['kind'][] = [
  'syn',
  'syn',
  'synack',
  'synack',
  'ack',
  'ack',
  'fin',
  'rst',
  'udp',
  'udp',
  'answer',
  'ping',
  'error',
  'fragments',
  'expired',
  'arp',
  'junk',
];

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    host: fc.integer({ min: 10, max: 15 }),
    server: fc.integer({ min: 1, max: 4 }),
    port: fc.constantFrom(22, 53, 80, 443, 5000),
    isIpv6: fc.boolean(),
    kind: fc.constantFrom(...KINDS),
    waitSeconds: fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom(0, 0.000001, 0.01, 0.4) },
      fc.constantFrom(5, 31, 125, 700),
    ),
  }),
  { maxLength: 120 },
);

/** The steps as frames; time goes on by each step's wait. */
export function shots(list: Step[]): Shot[] {
  let seconds = 0;
  return list.flatMap((step) => {
    seconds += step.waitSeconds;
    return frames(step).map((frame) => ({ seconds, frame }));
  });
}

function frames(step: Step): Uint8Array[] {
  const inside = step.isIpv6 ? `2001:db8:1::${step.host}` : `192.168.1.${step.host}`;
  const outside = step.isIpv6 ? `2001:db8:9::${step.server}` : `198.51.100.${step.server}`;
  const sport = 40_000 + step.host;
  const out = (inner: Layer4, ttl = 64): Uint8Array =>
    ether({ src: '02:ee:00:00:00:10' }, ip({ src: inside, dst: outside, ttl }, inner));
  const back = (inner: Layer4): Uint8Array =>
    ether({ dst: '02:00:00:00:00:02', src: '02:ee:00:00:00:fe' }, ip({ src: outside, dst: inside, ttl: 57 }, inner));
  const asked = { sport, dport: step.port };
  const answered = { sport: step.port, dport: sport };
  switch (step.kind) {
    case 'syn':
      return [out(tcp({ ...asked, flags: 'S', seq: 100 }))];
    case 'synack':
      return [
        back(tcp({ ...answered, flags: 'SA', seq: 500, ack: 101 })),
        out(tcp({ ...asked, flags: 'A', seq: 101, ack: 501 })),
      ];
    case 'ack':
      return [back(tcp({ ...answered, flags: 'A', seq: 501, ack: 101 }, new Uint8Array(step.host * 20)))];
    case 'fin':
      return [out(tcp({ ...asked, flags: 'FA', seq: 101, ack: 501 }))];
    case 'rst':
      return [back(tcp({ ...answered, flags: 'R', seq: 501 }))];
    case 'udp':
      return [out(udp(asked, new Uint8Array(60)))];
    case 'answer':
      return [back(udp(answered, new Uint8Array(200)))];
    case 'ping':
      return [
        ether({}, ip({ src: `192.168.1.${step.host}`, dst: `198.51.100.${step.server}` }, icmp(8, 0, step.port << 16))),
      ];
    case 'error':
      return [
        ether({}, ip({ src: '203.0.113.200', dst: `192.168.1.${step.host}` }, icmp(3, 1, 0, quoted(step, sport)))),
      ];
    case 'fragments': {
      const whole = ip(
        { src: `192.168.1.${step.host}`, dst: `198.51.100.${step.server}` },
        udp(asked, new Uint8Array(1200)),
      );
      return fragmentIpv4(whole, 600)
        .slice(0, step.port === 53 ? 2 : 3)
        .map((fragment) => ether({}, fragment));
    }
    case 'expired':
      return [out(udp(asked, new Uint8Array(10)), 1)];
    case 'arp':
      return [
        ether(
          {},
          arp(
            1,
            { mac: '02:ee:00:00:00:10', ip: inside.includes(':') ? '192.168.1.9' : inside },
            { mac: '00:00:00:00:00:00', ip: '192.168.1.1' },
          ),
          0x0806,
        ),
      ];
    case 'junk':
      return [ether({}, new Uint8Array(step.port % 64).fill(0x45))];
  }
}

function quoted(step: Step, sport: number): Uint8Array {
  return ip(
    { src: `192.168.1.${step.host}`, dst: `198.51.100.${step.server}` },
    udp({ sport, dport: step.port }, new Uint8Array(60)),
  );
}
