// Random traffic: conversations that go on side by side, with pauses, damage and errors about what arrived. Sums of times
// keep away from the timeouts of netfilter, which are whole seconds: a tie would be for the guest's lateness to decide.
import type { SceneFrame } from '../../../scripts/kernel/scene.ts';
import { ether } from '../../../src/packet/build.ts';
import { damaged, seen } from './datagrams.ts';
import { type Draw, pattern } from './draw.ts';
import { echoTalk, groupTalk, neighbourTalk, plainTalk, sctpTalk, udpTalk } from './other-talks.ts';
import { errorAbout, type Shot, Sides, type Stage, type Talk } from './talk.ts';
import { tcpTalk } from './tcp-talk.ts';
import { type Host, routerMac, type Topology } from './topologies.ts';
import type { Arrived, Wire } from './wire.ts';

/** Fewer than a second has steps. */
const PACKETS = 44;
const STEP_NS = 20e6;
const SECOND_NS = 1e9;
/** Timers that fire late in the kernel: the flowtable's collector, fragment queues. [from, to) seconds after. */
const LATE: [number, number][] = [
  [29.9, 32.5],
  [59.9, 62.5],
  [299, 345],
];
const DAMAGE = 30;
/** Bridges forget addresses after 300 s. */
const MAX_SECONDS = { bridge: 240, other: 1500 };

/** Frames of a scene, by what the emulated router does with them. */
export function randomFrames(draw: Draw, topology: Topology, wire: Wire, wanMtu: number): SceneFrame[] {
  const stage: Stage = { draw, topology };
  const frames: SceneFrame[] = [];
  const times: number[] = [];
  let seconds = 0;

  const timeOf = (pause: number): number => {
    const most = topology.hasBridge ? MAX_SECONDS.bridge : MAX_SECONDS.other;
    if (seconds + pause < most) seconds += pause;
    const at = (): number => seconds * SECOND_NS + times.length * STEP_NS;
    const isLate = (time: number): boolean =>
      times.some((other) =>
        LATE.some(([from, to]) => time - other >= from * SECOND_NS && time - other < to * SECOND_NS),
      );
    while (isLate(at())) seconds++;
    return at();
  };
  const mtuOf = (device: string): number => {
    const isWan = topology.hosts.some((host) => host.net === 'wan' && host.device === device);
    return isWan ? wanMtu : 1500;
  };
  const fire = (shot: Shot): Arrived[] => {
    const { host } = shot;
    // What is longer than the interface takes would be a super-packet to us, not to a TAP device: it is lost on the way.
    if (shot.datagram.length > mtuOf(host.device)) return [];
    const timeNs = timeOf(shot.seconds ?? 0);
    times.push(timeNs);
    const vlans = host.vlans.map((id) => ({ id, priority: draw.oneIn(9) ? 5 : 0 }));
    const session = host.pppoe === undefined ? {} : { pppoe: host.pppoe };
    const fields = { src: host.mac, vlans, ...session, dst: shot.mac ?? routerMac(host.device) };
    const isDamaged = draw.oneIn(DAMAGE) && shot.etherType === undefined;
    const datagram = isDamaged ? damaged(draw, shot.datagram) : shot.datagram;
    const type = shot.etherType ?? ((shot.datagram[0] ?? 0) >>> 4 === 6 ? 0x86dd : 0x0800);
    const whole = ether(fields, datagram, type);
    const octets = whole.length < 60 && draw.oneIn(2) ? padded(whole, isDamaged ? 0x55 : 0) : whole;
    frames.push({ device: host.device, octets, timeNs });
    return wire.send(host.device, octets, timeNs);
  };

  if (topology.hasBridge) for (const host of topology.hosts) introduce(host, fire);
  const talks: Talk[] = [];
  const started = new Set<Talk>();
  const answers = new Map<Talk, Arrived[]>();
  while (frames.length < PACKETS) {
    while (talks.length < 3) talks.push(newTalk(stage));
    const talk = draw.pick(talks);
    const step = started.has(talk) ? talk.next(answers.get(talk) ?? []) : talk.next([]);
    started.add(talk);
    if (step.done) {
      talks.splice(talks.indexOf(talk), 1);
      continue;
    }
    const left = fire(step.value);
    answers.set(talk, left);
    const error = draw.oneIn(14) ? errorShot(stage, left) : undefined;
    if (error !== undefined) fire(error);
  }
  return frames.slice(0, PACKETS);
}

/** A bridge learns where everybody is. */
function introduce(host: Host, fire: (shot: Shot) => Arrived[]): void {
  if (host.net === 'lan') fire({ host, datagram: pattern(46), mac: 'ff:ff:ff:ff:ff:ff', etherType: 0x9000 });
}

/** Zeros behind a cut header would be a checksum of zero, which is taken as the sender's offload. */
function padded(frame: Uint8Array, filler: number): Uint8Array {
  const whole = new Uint8Array(60).fill(filler);
  whole.set(frame);
  return whole;
}

/** Somebody on the way, or the receiver, complains about what arrived. */
function errorShot({ draw, topology }: Stage, left: Arrived[]): Shot | undefined {
  const arrived = left.find(({ datagram }) => isAnswerable(datagram));
  if (arrived === undefined) return undefined;
  const six = (arrived.datagram[0] ?? 0) >>> 4 === 6;
  const there = topology.hosts.filter((host) => host.device === arrived.device);
  if (there.length === 0) return undefined;
  const from = draw.pick(there);
  const remote = from.net === 'wan' && draw.oneIn(2);
  const source = remote ? (six ? '2001:db8:77::1' : '198.51.200.1') : six ? from.v6 : from.v4;
  return errorAbout(draw, arrived.datagram, from, source);
}

/** A port that NAT searched for is the kernel's to choose: nobody can quote it. */
function isAnswerable(datagram: Uint8Array): boolean {
  const found = seen(datagram);
  if (found === undefined) return false;
  const known = (port: number): boolean => NEAR_PORTS.includes(port) || FAR_PORTS.includes(port) || port === 0;
  return known(found.sport) && known(found.dport);
}

const NEAR_PORTS = [40_000, 40_001, 5000, 1023, 50_123];
const FAR_PORTS = [80, 443, 53, 22, 8080, 500, 5060, 21];

function newTalk(stage: Stage): Talk {
  const { draw, topology } = stage;
  const client = draw.oneIn(4)
    ? draw.pick(topology.hosts)
    : draw.pick(topology.hosts.filter((one) => one.net === 'lan'));
  const kind = draw.below(40);
  if (kind === 0) return groupTalk(stage, client);
  if (kind === 1) return neighbourTalk(stage, client);
  const six = draw.oneIn(3);
  const sides = new Sides(stage, client, endsOf(stage, client, six), six);
  if (kind < 18) return tcpTalk(sides);
  if (kind < 29) return udpTalk(sides);
  if (kind < 34) return echoTalk(sides);
  if (kind < 36) return sctpTalk(sides);
  return plainTalk(sides, draw.pick([47, 50, 200, 47]));
}

function endsOf({ draw, topology }: Stage, client: Host, six: boolean): Sides['ends'] {
  const others = topology.hosts.filter((host) => host !== client && (host.net !== client.net || topology.hasBridge));
  const outward = others.filter((host) => host.net !== 'lan');
  const peer = client.net === 'lan' && !draw.oneIn(6) ? draw.pick(outward) : draw.pick(others);
  const own = six ? 1 : 0;
  const router = [topology.inside[own], topology.outside[own]] as const;
  const toRouter = client.net === 'wan' ? draw.below(10) < 4 : draw.oneIn(8);
  const dst = toRouter ? (client.net === 'wan' || draw.oneIn(2) ? router[1] : router[0]) : six ? peer.v6 : peer.v4;
  return { src: six ? client.v6 : client.v4, dst, sport: draw.pick(NEAR_PORTS), dport: draw.pick(FAR_PORTS) };
}
