// Captures of docs/cases: the traffic of reports that people filed, small enough to be bundled. Each stands beside its
// ruleset and router file in captures/cases.
import { type Arrival, dnsLookup, type Ends, tcpConversation, udpConversation } from './conversation.ts';
import { inOrder, WAN4 } from './scenes.ts';

const HOME: Ends = { inside: '192.168.1.10', outside: WAN4, far: '198.51.100.7', lanMac: '02:ee:00:00:00:10' };

/** openwrt/firewall4#102: iperf3 from a container behind an empty bridge, upload. */
export function firewall4x102(): Arrival[] {
  const container: Ends = {
    ...HOME,
    inside: '172.17.0.2',
    lanMac: '02:ee:00:00:00:77',
    lan: 'veth-docker',
    wan: 'wan0',
  };
  return tcpConversation(container, {
    sport: 40102,
    dport: 5201,
    start: 0,
    exchanges: [{ up: 37, down: 1 }, ...rounds(60, { up: 14_480, down: 0 })],
    rtt: 0.002,
    end: 'open',
  });
}

/** openwrt/firewall4#100 and #102: a download over PPPoE over VLAN 1234. */
export function firewall4x100(): Arrival[] {
  const home: Ends = { ...HOME, lan: 'lan1', wan: 'wan', pppoe: 0x2a };
  const arrivals = tcpConversation(home, {
    sport: 40100,
    dport: 5201,
    start: 0,
    exchanges: [
      { up: 37, down: 1 },
      { up: 40, down: 700_000 },
    ],
    rtt: 0.012,
    mss: 1440,
    end: 'open',
  });
  return arrivals.map((arrival) =>
    arrival.iface === 'wan' ? { ...arrival, frame: tagged(arrival.frame, 1234) } : arrival,
  );
}

/** An 802.1Q tag behind the addresses. */
function tagged(frame: Uint8Array, id: number): Uint8Array {
  const out = new Uint8Array(frame.length + 4);
  out.set(frame.subarray(0, 12));
  out.set([0x81, 0x00, id >>> 8, id & 255], 12);
  out.set(frame.subarray(12), 16);
  return out;
}

/** openwrt/openwrt#10399: an iperf3 download that stays open. */
export function openwrt10399(): Arrival[] {
  return tcpConversation(
    { ...HOME, lan: 'lan1' },
    {
      sport: 42984,
      dport: 5201,
      start: 0,
      exchanges: [
        { up: 37, down: 1 },
        { up: 40, down: 600_000 },
      ],
      rtt: 0.008,
      end: 'open',
    },
  );
}

/** projectcalico/calico#13495: a pod with QoS annotations and one without, both to servers beyond the node. */
export function calico13495(): Arrival[] {
  const pod: Ends = { inside: '10.65.0.2', outside: '10.65.0.2', far: '198.51.100.7', lan: 'cali11', wan: 'eth0' };
  const other: Ends = { ...pod, inside: '10.65.0.3', outside: '10.65.0.3', lan: 'cali22', lanMac: '02:ee:00:00:00:03' };
  return inOrder(
    udpConversation(pod, { sport: 40001, dport: 4000, start: 0, packets: 400, gap: 0.002, up: 200, down: 200 }),
    tcpConversation(pod, {
      sport: 40002,
      dport: 443,
      start: 0.1,
      exchanges: [{ up: 500, down: 200_000 }],
      end: 'open',
    }),
    tcpConversation(other, {
      sport: 40003,
      dport: 443,
      start: 0.2,
      exchanges: [{ up: 500, down: 400_000 }],
      end: 'open',
    }),
  );
}

/** QubesOS/qubes-issues#8212: a line a second over one connection, blocked in the middle. */
export function qubes8212(): Arrival[] {
  return tcpConversation(
    { inside: '10.137.0.20', outside: WAN4, far: '198.51.100.7', lan: 'vif1.0', wan: 'eth0' },
    {
      sport: 40212,
      dport: 1234,
      start: 0,
      exchanges: rounds(20, { up: 6, down: 6 }),
      rtt: 0.5,
      gap: 0.01,
      end: 'open',
    },
  );
}

/** openwrt/firewall4#20: web browsing, games, and a VPN over UDP. */
export function firewall4x20(): Arrival[] {
  const home: Ends = { ...HOME, lan: 'lan1' };
  return inOrder(
    ...Array.from({ length: 12 }, (_, n) =>
      tcpConversation(home, {
        sport: 43000 + n,
        dport: 443,
        start: n * 0.15,
        exchanges: [{ up: 517, down: 4200 }, ...rounds(2, { up: 120, down: 6000 })],
      }),
    ),
    udpConversation(home, { sport: 51820, dport: 51820, start: 0.2, packets: 120, gap: 0.02, up: 180, down: 900 }),
    udpConversation(
      { ...home, far: '192.0.2.9' },
      { sport: 27015, dport: 27015, start: 0.3, packets: 90, gap: 0.033, up: 60, down: 160 },
    ),
  );
}

/** kubernetes/kubernetes#128392: many short requests to services, DNS among them, and two long transfers. */
export function kubernetes128392(): Arrival[] {
  const pod: Ends = { inside: '10.244.0.8', outside: '10.244.0.8', far: '10.244.1.7', lan: 'veth8', wan: 'eth0' };
  const calls = Array.from({ length: 80 }, (_, n) =>
    tcpConversation(pod, {
      sport: 45000 + n,
      dport: 8080,
      start: n * 0.01,
      exchanges: [{ up: 200, down: 600 }],
      rtt: 0.001,
      end: 'rst',
    }),
  );
  const lookups = Array.from({ length: 160 }, (_, n) =>
    dnsLookup({ ...pod, far: '10.244.1.53' }, n * 0.005, 46000 + n, 'api.example.svc.cluster.local'),
  );
  const long = Array.from({ length: 2 }, (_, n) =>
    tcpConversation(pod, {
      sport: 52080 + n,
      dport: 5001,
      start: 0.2 + n * 0.1,
      exchanges: [{ up: 100, down: 150_000 }],
      rtt: 0.001,
      end: 'open',
    }),
  );
  return inOrder(...calls, ...lookups, ...long);
}

function rounds<T>(times: number, exchange: T): T[] {
  return Array.from({ length: times }, () => exchange);
}

/** File in captures/cases, what it holds, its frames and the interfaces that they entered at. */
export interface CaseCapture {
  file: string;
  about: string;
  arrivals: Arrival[];
  interfaces: string[];
}

/** All captures of docs/cases. */
export function caseCaptures(): CaseCapture[] {
  const row = (name: string, about: string, arrivals: Arrival[]): CaseCapture => ({
    file: `cases/${name}.pcapng.gz`,
    about,
    arrivals,
    interfaces: [...new Set(arrivals.map((arrival) => arrival.iface))],
  });
  return [
    row('firewall4-102', 'an upload from behind a bridge that the flowtable does not name', firewall4x102()),
    row('firewall4-100', 'a download over PPPoE over a VLAN', firewall4x100()),
    row('openwrt-10399', 'a download that conntrack should count', openwrt10399()),
    row('calico-13495', 'a pod with QoS and one without', calico13495()),
    row('qubes-8212', 'a connection that is blocked while it runs', qubes8212()),
    row('firewall4-20', 'web, a game and a VPN', firewall4x20()),
    row('kubernetes-128392', 'many short connections and two long ones', kubernetes128392()),
  ];
}
