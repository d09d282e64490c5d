// Everything but TCP of the random traffic: UDP, echo, SCTP, GRE, protocols without ports, groups and broadcasts,
// neighbours that ask.
import { putBe32 } from '../../../src/base/columns.ts';
import { parseAddress } from '../../../src/packet/address.ts';
import { arp, icmp, icmpv6, type Layer4, udp } from '../../../src/packet/build.ts';
import { datagramOf, type Ends, QUIET_OPTIONS, sctp } from './datagrams.ts';
import { pattern } from './draw.ts';
import { fragments, type Shot, type Sides, type Stage, type Talk } from './talk.ts';
import { PAUSES } from './tcp-talk.ts';
import type { Host } from './topologies.ts';

/** Questions and answers. */
export function* udpTalk(sides: Sides): Talk {
  const { draw } = sides.stage;
  const isLarge = draw.oneIn(5);
  const payload = (): Uint8Array => pattern(isLarge ? draw.between(1200, 3000) : draw.pick([0, 1, 12, 40, 300, 1400]));
  for (let rounds = draw.between(1, 5); rounds > 0; rounds--) {
    const rare = draw.oneIn(12) && !sides.six ? { options: draw.pick(QUIET_OPTIONS) } : {};
    const shot = sides.out(udp(sides.ends, payload()), isLarge ? { dontFragment: false } : rare);
    yield* send(sides, noChecksum(sides, shot));
    if (draw.oneIn(4)) continue;
    const answer = sides.back((ends) => udp(ends, payload()), isLarge ? { dontFragment: false } : {});
    if (answer !== undefined) yield* send(sides, answer);
  }
}

/** IPv4 knows UDP without a checksum. */
function noChecksum(sides: Sides, shot: Shot): Shot {
  if (sides.six || !sides.stage.draw.oneIn(8)) return shot;
  const datagram = shot.datagram.slice();
  const transport = ((datagram[0] ?? 0) & 15) * 4;
  datagram.fill(0, transport + 6, transport + 8);
  return { ...shot, datagram };
}

/** A shot, in fragments where it is large, after a pause now and then. */
function* send(sides: Sides, shot: Shot): Talk {
  const { draw } = sides.stage;
  const seconds = draw.oneIn(5) ? { seconds: draw.pick(PAUSES) } : {};
  const isLarge = shot.datagram.length > 1500;
  if (!isLarge && !(shot.datagram.length > 700 && draw.oneIn(6))) {
    sides.note(yield { ...shot, ...seconds });
    return;
  }
  const whole = shot.datagram.slice();
  if (!sides.six) whole[6] = 0;
  for (const datagram of fragments(draw, whole)) sides.note(yield { ...shot, datagram });
}

/** Echo requests and replies. */
export function* echoTalk(sides: Sides): Talk {
  const { draw } = sides.stage;
  const make = sides.six ? icmpv6 : icmp;
  const [request, reply] = sides.six ? [128, 129] : [8, 0];
  for (let sequence = 1; sequence <= draw.between(1, 4); sequence++) {
    const payload = pattern(draw.pick([0, 8, 56, 56, 1600]));
    const more = payload.length > 1000 ? { dontFragment: false } : {};
    yield* send(sides, sides.out(make(request, 0, sides.ends.sport * 65_536 + sequence, payload), more));
    if (draw.oneIn(5)) continue;
    const answer = sides.back((ends) => make(reply, 0, ends.dport * 65_536 + sequence, payload), more);
    if (answer !== undefined) yield* send(sides, answer);
  }
  if (draw.oneIn(5))
    yield sides.out(make(draw.pick([0, 13, 15, 17, 129, 133, 200]), draw.below(3), draw.word(), pattern(12)));
}

/** An association, from INIT to SHUTDOWN. */
export function* sctpTalk(sides: Sides): Talk {
  const { draw } = sides.stage;
  const [mine, theirs] = [draw.word(), draw.word()];
  const init = (tag: number): Uint8Array => {
    const body = pattern(16);
    putBe32(body, 0, tag);
    return body;
  };
  const steps: [isOut: boolean, tag: number, chunks: [number, Uint8Array][]][] = [
    [true, 0, [[1, init(mine)]]],
    [false, mine, [[2, init(theirs)]]],
    [true, theirs, [[10, pattern(8)]]],
    [false, mine, [[11, pattern(0)]]],
    [true, theirs, [[0, pattern(20)]]],
    [false, mine, [[3, pattern(12)]]],
    [draw.oneIn(2), theirs, [[4, pattern(8)]]],
    [false, mine, [[5, pattern(8)]]],
    draw.oneIn(2) ? [true, theirs, [[6, pattern(0)]]] : [true, theirs, [[7, pattern(4)]]],
    [false, mine, [[8, pattern(0)]]],
    [true, theirs, [[14, pattern(0)]]],
  ];
  for (const [isOut, tag, chunks] of steps) {
    if (draw.oneIn(8)) continue;
    const wrong = draw.oneIn(15) ? 1 : 0;
    const make = (ends: Ends): Layer4 => sctp(ends.sport, ends.dport, (tag + wrong) >>> 0, chunks);
    const shot = isOut ? sides.out(make(sides.ends)) : sides.back(make);
    if (shot !== undefined) yield* send(sides, shot);
  }
}

/** GRE, and protocols that conntrack knows nothing of. */
export function* plainTalk(sides: Sides, protocol: number): Talk {
  const { draw } = sides.stage;
  const bytes = (): Uint8Array =>
    protocol === 47 ? Uint8Array.of(0, 0, 8, 0, ...pattern(24, 0x45)) : pattern(draw.pick([0, 4, 8, 40]));
  for (let rounds = draw.between(1, 4); rounds > 0; rounds--) {
    yield* send(sides, sides.out({ protocol, bytes: bytes() }));
    const answer = draw.oneIn(3) ? undefined : sides.back(() => ({ protocol, bytes: bytes() }));
    if (answer !== undefined) yield* send(sides, answer);
  }
}

/** Broadcasts, groups, addresses that nobody may have. */
export function* groupTalk(stage: Stage, host: Host): Talk {
  const { draw } = stage;
  const mac = 'ff:ff:ff:ff:ff:ff';
  const from = (src: string, dst: string, inner: Layer4, to?: string): Shot => {
    const datagram = datagramOf(draw, { src, dst, sport: 0, dport: 0 }, inner);
    return { host, datagram, ...(to === undefined ? {} : { mac: to }) };
  };
  const ask = udp({ sport: 5353, dport: draw.pick([53, 137, 5353]) }, pattern(20));
  const shots: (() => Shot)[] = [
    () => from(host.v4, '255.255.255.255', ask, mac),
    () => from('0.0.0.0', '255.255.255.255', udp({ sport: 68, dport: 67 }, pattern(240)), mac),
    () => from(host.v4, '192.168.1.255', ask, mac),
    () => from(host.v4, '192.168.1.255', icmp(8, 0, 0x00090001, pattern(8)), mac),
    () => from(host.v4, '224.0.0.251', ask, '01:00:5e:00:00:fb'),
    () => from(host.v4, '224.0.0.1', icmp(8, 0, 0x00090001, pattern(8)), '01:00:5e:00:00:01'),
    () => from(host.v4, '239.1.2.3', ask, '01:00:5e:01:02:03'),
    () => from(host.v6, 'ff02::fb', ask, '33:33:00:00:00:fb'),
    () => from(host.v6, 'ff02::1', icmpv6(128, 0, 0x00090001, pattern(8)), '33:33:00:00:00:01'),
    () => from(draw.pick(['127.0.0.1', '224.0.0.9', '0.0.0.0', '192.168.1.1', '255.255.255.255']), host.v4, ask),
    () => from(host.v4, draw.pick(['127.0.0.1', '0.0.0.0', '240.1.2.3', '10.99.0.1']), ask),
    () => from(draw.pick(['::', '::1', 'ff02::1', 'fd00:1::1']), '2001:db8:99::7', ask),
    () => from(host.v6, draw.pick(['::1', '::', 'ff05::99', 'fd00:77::1']), ask),
    () => from(host.v4, '198.51.100.7', ask, mac),
  ];
  for (let count = draw.between(1, 3); count > 0; count--) yield draw.pick(shots)();
}

/** A host of the LAN wants the router's address on the wire. */
export function* neighbourTalk(stage: Stage, host: Host): Talk {
  const { draw } = stage;
  const [v4, v6] = stage.topology.inside;
  if (host.net !== 'lan') return;
  if (draw.oneIn(2)) {
    const target = draw.oneIn(4) ? '192.168.1.77' : v4;
    const operation = draw.oneIn(5) ? 2 : 1;
    const datagram = arp(operation, { mac: host.mac, ip: host.v4 }, { mac: '00:00:00:00:00:00', ip: target });
    yield { host, datagram, mac: 'ff:ff:ff:ff:ff:ff', etherType: 0x0806 };
    return;
  }
  const target = parseAddress(v6) ?? new Uint8Array(16);
  const option = Uint8Array.of(1, 1, ...host.mac.split(':').map((part) => Number.parseInt(part, 16)));
  const body = Uint8Array.from([...target, ...(draw.oneIn(4) ? [] : option)]);
  const group = `ff02::1:ff00:${(target[15] ?? 0).toString(16)}`;
  const toGroup = draw.oneIn(2);
  const ends = { src: host.v6, dst: toGroup ? group : v6, sport: 0, dport: 0 };
  const datagram = datagramOf(draw, ends, icmpv6(135, 0, 0, body), { ttl: draw.oneIn(6) ? 64 : 255, tos: 0 });
  yield {
    host,
    datagram,
    ...(toGroup ? { mac: `33:33:ff:00:00:${(target[15] ?? 0).toString(16).padStart(2, '0')}` } : {}),
  };
}
