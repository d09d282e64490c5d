// What is in each bundled capture: one function a scene, no clock and no randomness but a fixed seed.
import { Random } from '../../src/base/random.ts';
import { arp, ether, fragmentIpv4, fragmentIpv6, icmp, ip, tcp, udp } from '../../src/packet/build.ts';
import {
  type Arrival,
  at,
  dnsLookup,
  type Ends,
  fromOutside,
  payload,
  ping,
  tcpConversation,
  udpConversation,
} from './conversation.ts';

export const WAN4 = '203.0.113.1';
const LAPTOP: Ends = { inside: '192.168.1.10', outside: WAN4, far: '198.51.100.7', lanMac: '02:ee:00:00:00:10' };
const PHONE: Ends = { ...LAPTOP, inside: '192.168.1.23', lanMac: '02:ee:00:00:00:23' };
const TV: Ends = { ...LAPTOP, inside: '192.168.1.40', lanMac: '02:ee:00:00:00:40' };
const LAPTOP6: Ends = {
  inside: '2001:db8:1::10',
  outside: '2001:db8:1::10',
  far: '2001:db8:99::7',
  lanMac: '02:ee:00:00:00:10',
};

/** All conversations in the order of time; ties keep the order given. */
export function inOrder(...parts: Arrival[][]): Arrival[] {
  return parts
    .flat()
    .map((arrival, index) => ({ arrival, index }))
    .sort((a, b) =>
      a.arrival.timeNs < b.arrival.timeNs ? -1 : a.arrival.timeNs > b.arrival.timeNs ? 1 : a.index - b.index,
    )
    .map((row) => row.arrival);
}

/** A minute of a home: DNS, web, a long download, a video call, IPv6, pings, and a port scan from outside. */
export function homeRouter(): Arrival[] {
  const dns: Ends = { ...LAPTOP, far: '9.9.9.9' };
  return inOrder(
    arpExchange(0.0),
    dnsLookup(dns, 0.5, 40001, 'www.example.org'),
    dnsLookup({ ...dns, inside: PHONE.inside, lanMac: '02:ee:00:00:00:23' }, 0.6, 40002, 'call.example.net'),
    dnsLookup(dns, 0.7, 40003, 'never.example.com', false),
    webBrowsing(1.0),
    tcpConversation({ ...TV, far: '198.51.100.80' }, download(3.0, 1200)),
    udpConversation(
      { ...PHONE, far: '192.0.2.55' },
      { sport: 50004, dport: 3478, start: 5, packets: 400, gap: 0.02, up: 180, down: 1100 },
    ),
    udpConversation(
      { ...TV, far: '192.0.2.99' },
      { sport: 51413, dport: 6881, start: 8, packets: 12, gap: 0.5, up: 90, down: 0 },
    ),
    tcpConversation(LAPTOP6, {
      sport: 41000,
      dport: 443,
      start: 6,
      exchanges: [{ up: 600, down: 120_000 }],
      mss: 1428,
    }),
    ping(LAPTOP, 10, 77, 4),
    ping(LAPTOP6, 11, 78, 3),
    portScan(20, 60),
    tcpConversation(
      { ...LAPTOP, far: '198.51.100.22' },
      { sport: 42000, dport: 22, start: 15, exchanges: keystrokes(), rtt: 0.04 },
    ),
    tcpConversation(
      { ...PHONE, far: '198.51.100.44' },
      { sport: 42100, dport: 443, start: 25, exchanges: [{ up: 300, down: 2000 }], end: 'rst' },
    ),
  );
}

/** Several short connections of a browser. */
export function webBrowsing(start: number): Arrival[] {
  const parts: Arrival[][] = [];
  for (let n = 0; n < 8; n++) {
    const far = n % 2 === 0 ? '198.51.100.7' : '198.51.100.8';
    const plan = {
      sport: 43000 + n,
      dport: n === 0 ? 80 : 443,
      start: start + n * 0.11,
      exchanges: [{ up: 500, down: 4000 + n * 3000 }],
    };
    parts.push(tcpConversation({ ...LAPTOP, far }, plan));
  }
  return inOrder(...parts);
}

function download(start: number, segments: number): Parameters<typeof tcpConversation>[1] {
  return { sport: 44000, dport: 443, start, exchanges: [{ up: 700, down: segments * 1448 }], gap: 0.004, rtt: 0.018 };
}

function keystrokes(): { up: number; down: number }[] {
  return Array.from({ length: 30 }, (_, n) => ({ up: 36, down: n % 10 === 9 ? 1200 : 36 }));
}

/** SYNs from one outside host to many ports of the router. */
export function portScan(start: number, ports: number): Arrival[] {
  const random = new Random(7);
  const scanner: Ends = { ...LAPTOP, far: '192.0.2.200', farTtl: 49 };
  const out: Arrival[] = [];
  for (let n = 0; n < ports; n++) {
    const fields = { sport: 61000 + n, dport: 1 + random.below(10_000), seq: random.next(), flags: 'S', window: 1024 };
    out.push(fromOutside(scanner, start + n * 0.003, tcp(fields), 54321));
  }
  return out;
}

export function longDownload(): Arrival[] {
  return tcpConversation(LAPTOP, download(0, 400));
}
export function udpBothWays(): Arrival[] {
  return udpConversation(PHONE, { sport: 50004, dport: 3478, start: 0, packets: 60, gap: 0.02, up: 160, down: 160 });
}
export function udpOneWay(): Arrival[] {
  return udpConversation(PHONE, { sport: 50005, dport: 5004, start: 0, packets: 60, gap: 0.02, up: 160, down: 0 });
}
export function dns(): Arrival[] {
  const ends: Ends = { ...LAPTOP, far: '9.9.9.9' };
  const names = ['www.example.org', 'mail.example.org', 'cdn.example.net', 'a.example.com'];
  return inOrder(...names.map((name, n) => dnsLookup(ends, n * 0.2, 40100 + n, name, n !== 3)));
}

/** Echo, an answer "port unreachable" that quotes a translated datagram, and a time exceeded. */
export function icmpMessages(): Arrival[] {
  const far: Ends = { ...LAPTOP, far: '198.51.100.9' };
  const asked = udpConversation(far, { sport: 40200, dport: 33434, start: 6, packets: 1, gap: 1, up: 32, down: 0 });
  const quoted = ip(
    { src: WAN4, dst: far.far, ttl: 3, id: 1, dontFragment: true },
    udp({ sport: 40200, dport: 33434 }, payload(32)),
  );
  const unreachable = fromOutside(far, 6.02, icmp(3, 3, 0, quoted.subarray(0, 36)));
  const hop: Ends = { ...LAPTOP, far: '198.51.100.1' };
  const exceeded = fromOutside(hop, 6.5, icmp(11, 0, 0, quoted.subarray(0, 28)));
  return inOrder(ping(LAPTOP, 0, 77, 4), asked, [unreachable, exceeded]);
}

export function ipv6(): Arrival[] {
  return inOrder(
    tcpConversation(LAPTOP6, { sport: 41000, dport: 443, start: 0, exchanges: [{ up: 400, down: 14_000 }], mss: 1428 }),
    udpConversation(LAPTOP6, { sport: 41001, dport: 53, start: 0.5, packets: 3, gap: 0.3, up: 40, down: 80 }),
    ping(LAPTOP6, 1, 78, 2),
  );
}

/** 802.1Q from the inside, and one double-tagged frame (802.1ad over 802.1Q). */
export function vlan(): Arrival[] {
  const tagged: Ends = { ...LAPTOP, inside: '192.168.10.10', vlans: [{ id: 10 }], lan: 'eth0', wan: 'eth1' };
  const double = { ...tagged, inside: '192.168.20.10', vlans: [{ id: 100, protocol: 0x88a8 }, { id: 20 }] };
  return inOrder(
    tcpConversation(tagged, { sport: 45000, dport: 443, start: 0, exchanges: [{ up: 300, down: 9000 }] }),
    udpConversation(double, { sport: 45001, dport: 123, start: 0.2, packets: 1, gap: 1, up: 48, down: 0 }),
  );
}

/** The outside is a PPPoE session on eth1. */
export function pppoe(): Arrival[] {
  const ends: Ends = { ...LAPTOP, lan: 'eth0', wan: 'eth1', pppoe: 0x0042 };
  return tcpConversation(ends, { sport: 46000, dport: 443, start: 0, exchanges: [{ up: 300, down: 9000 }], mss: 1440 });
}

/** UDP datagrams in pieces, in order and out of order, IPv4 and IPv6, and one whose last piece never comes. */
export function fragments(): Arrival[] {
  const big = ip({ src: LAPTOP.inside, dst: LAPTOP.far, id: 4242 }, udp({ sport: 47000, dport: 9000 }, payload(3000)));
  const lost = ip({ src: LAPTOP.inside, dst: LAPTOP.far, id: 4243 }, udp({ sport: 47001, dport: 9000 }, payload(3000)));
  const big6 = ip({ src: LAPTOP6.inside, dst: LAPTOP6.far }, udp({ sport: 47002, dport: 9000 }, payload(3000)));
  const frames = [
    ...fragmentIpv4(big, 1500),
    ...fragmentIpv4(
      big.map((octet, i) => (i === 5 ? octet + 7 : octet)),
      1500,
    ).reverse(),
    ...fragmentIpv4(lost, 1500).slice(0, 2),
    ...fragmentIpv6(big6, 1500, 0x1234_5678),
  ];
  return frames.map((datagram, n) => ({
    timeNs: at(n * 0.001),
    iface: 'br-lan',
    frame: ether({ src: '02:ee:00:00:00:10', dst: '02:00:00:00:00:01' }, datagram),
  }));
}

export function midStream(): Arrival[] {
  return tcpConversation(LAPTOP, {
    sport: 48000,
    dport: 443,
    start: 0,
    exchanges: [
      { up: 200, down: 9000 },
      { up: 200, down: 4000 },
    ],
    midStream: true,
  });
}

function arpExchange(start: number): Arrival[] {
  const host = { mac: '02:ee:00:00:00:10', ip: '192.168.1.10' };
  const asked = arp(1, host, { mac: '00:00:00:00:00:00', ip: '192.168.1.1' });
  return [
    { timeNs: at(start), iface: 'br-lan', frame: ether({ src: host.mac, dst: 'ff:ff:ff:ff:ff:ff' }, asked, 0x0806) },
  ];
}
