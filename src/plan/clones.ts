// "Three times the users": who the clones of a capture's users are. Inside hosts get other addresses of their subnet, client
// ports others of their range, in both directions and on both sides of a translation alike; starts are spread over the capture's time. A new
// address or port lies on the same side of every address and port that the ruleset names, so that the rules which
// the user meets, the clone meets; where there is no such room, the name stays and the client's port tells them apart.
import { Random } from '../base/random.ts';
import type { Ruleset } from '../bytecode/ruleset.ts';
import type { Clone } from '../capture/clone.ts';
import { type CloneNames, clientSide, frameEnds } from '../capture/clone-frame.ts';
import { CaptureMerge } from '../capture/merge.ts';
import type { NeighbourSpec, RouterSpec } from '../net/spec.ts';
import { formatAddress, formatIpv4, parseAddress } from '../packet/address.ts';
import type { CaptureSource } from '../replay/task.ts';
import { namedConstants } from './constants.ts';
import { HostNames4, HostNames6, insideSubnets } from './hosts.ts';

const PORTS = 65_536;
/** A server's port is asked for; a port that the ruleset names is one too. */
const NAMED_RANK = 1 << 30;
const PRIVILEGED_RANK = 1 << 29;
const MAX_HOSTS = 4096;

/** What the captures' users are: read once, good for any number of clones. */
export interface Users {
  packets: number;
  octets: number;
  /** Integer seconds since 1970 of the first packet; nanoseconds from the first to the last. */
  originSeconds: number;
  durationNs: number;
  /** Inside hosts: addresses as numbers, or as 32 hex digits. */
  hosts4: number[];
  hosts6: string[];
  /** Client ports that occur, ascending. */
  clientPorts: number[];
  serverRank: Uint32Array;
}

/** Reads all captures. Throws CaptureError when one is unusable. */
export async function surveyUsers(captures: CaptureSource[], ruleset: Ruleset, router: RouterSpec): Promise<Users> {
  const inside = insideSubnets(router);
  const serverRank = new Uint32Array(PORTS);
  const pairs = new Set<number>();
  const hosts4 = new Set<number>();
  const hosts6 = new Set<string>();
  const users: Users = {
    packets: 0,
    octets: 0,
    originSeconds: 0,
    durationNs: 0,
    hosts4: [],
    hosts6: [],
    clientPorts: [],
    serverRank,
  };
  const merge = new CaptureMerge(captures.map(({ path }) => ({ path })));
  await merge.open();
  let originNanos = 0;
  try {
    for (;;) {
      while (merge.next()) {
        if (users.packets++ === 0) {
          users.originSeconds = merge.timestampSeconds;
          originNanos = merge.timestampNanos;
        }
        users.octets += merge.wireLength;
        const sinceNs = (merge.timestampSeconds - users.originSeconds) * 1e9 + merge.timestampNanos - originNanos;
        users.durationNs = Math.max(users.durationNs, sinceNs);
        frameEnds(merge.data, merge.start, merge.end, (version, source, protocol, sport, dport, flags) => {
          const { data } = merge;
          if (version === 4) inside.note4(data, source, hosts4, MAX_HOSTS);
          else inside.note6(data, source, hosts6, MAX_HOSTS);
          if (sport < 0) return;
          if (protocol === 6 && (flags & 0x12) === 0x02)
            serverRank[dport] = Math.min(PRIVILEGED_RANK - 1, (serverRank[dport] as number) + 1);
          pairs.add(sport * PORTS + dport);
        });
      }
      if (!(await merge.fill())) break;
    }
  } finally {
    await merge.close();
  }
  for (let port = 0; port < 1024; port++) serverRank[port] = PRIVILEGED_RANK;
  for (const port of namedConstants(ruleset).ports) serverRank[port] = NAMED_RANK;
  const clients = new Set<number>();
  for (const pair of pairs) {
    const source = Math.floor(pair / PORTS);
    const side = clientSide(source, pair % PORTS, serverRank);
    if (side >= 0) clients.add(side === 0 ? source : pair % PORTS);
  }
  users.hosts4 = [...hosts4].sort((a, b) => a - b);
  users.hosts6 = [...hosts6].sort();
  users.clientPorts = [...clients].sort((a, b) => a - b);
  return users;
}

export interface ClonedCaptures {
  captures: CaptureSource[];
  /** Where the router finds the clones: at their originals' hardware addresses. */
  neighbours: NeighbourSpec[];
}

/** Captures of `count` times the users, `speed` times as fast: the first ones are the users themselves. */
export function cloneCaptures(
  captures: CaptureSource[],
  users: Users,
  ruleset: Ruleset,
  router: RouterSpec,
  options: { count: number; speed: number; seed: number },
): ClonedCaptures {
  const { count, speed, seed } = options;
  const neighbours: NeighbourSpec[] = [];
  if (count === 1 && speed === 1) return { captures, neighbours };
  const random = new Random(seed);
  const constants = namedConstants(ruleset);
  const hosts4 = new HostNames4(router, constants, users.hosts4);
  const hosts6 = new HostNames6(router, constants, users.hosts6);
  const ports = new PortNames(constants.portEdges, users.clientPorts);
  const known = new Map(router.neighbours.map((row) => [hostKey(row.ip), row]));
  const cloned = Array.from({ length: count }, (_, index) => {
    const clone: Clone = { shiftNs: 0, speed, originSeconds: users.originSeconds };
    if (index > 0) {
      // One start in each equal part of the capture's time: nobody's peak is everybody's.
      const part = (index + random.next() / 4294967296) / count;
      clone.shiftNs = Math.floor((part * users.durationNs) / speed);
      const names: CloneNames = {
        hosts4: hosts4.next(),
        hosts6: hosts6.next(),
        ports: ports.next(),
        serverRank: users.serverRank,
        identifier: (index * 257) & 0xffff,
      };
      clone.names = names;
      for (const [host, name] of hostNames(names)) {
        const row = known.get(hostKey(host));
        if (row !== undefined) neighbours.push({ ...row, ip: name });
      }
    }
    return captures.map((source) => ({ ...source, clone }));
  });
  return { captures: cloned.flat(), neighbours };
}

/** [address, the clone's address]. */
function hostNames({ hosts4, hosts6 }: CloneNames): [string, string][] {
  const text6 = (words: Uint32Array): string =>
    formatAddress(Uint8Array.from({ length: 16 }, (_, i) => (words[i >> 2] as number) >>> (24 - (i & 3) * 8)));
  return [
    ...[...hosts4].map(([host, name]): [string, string] => [formatIpv4(host), formatIpv4(name)]),
    ...[...hosts6.values()].flat().map(({ from, to }): [string, string] => [text6(from), text6(to)]),
  ];
}

/** The same for all spellings of an address. */
function hostKey(ip: string): string {
  const address = parseAddress(ip);
  return address === undefined ? ip : Buffer.from(address).toString('hex');
}

/** Other ports for the clients of one clone after the other: unused ones of the same range while there are some. */
class PortNames {
  readonly #ranges: { from: number; to: number; used: number[]; free: number[]; taken: number }[] = [];
  #clone = 0;

  /** `edges`: where the ruleset makes a difference, ascending. */
  constructor(edges: number[], clientPorts: number[]) {
    const bounds = [...new Set([0, 1024, ...edges, PORTS])].sort((a, b) => a - b);
    bounds.forEach((from, index) => {
      const to = bounds[index + 1] ?? PORTS;
      const used = clientPorts.filter((port) => port >= from && port < to);
      if (used.length === 0) return;
      const isUsed = new Set(used);
      const free: number[] = [];
      for (let port = from; port < to; port++) if (!isUsed.has(port)) free.push(port);
      this.#ranges.push({ from, to, used, free, taken: 0 });
    });
  }

  next(): Uint16Array {
    this.#clone++;
    const ports = Uint16Array.from({ length: PORTS }, (_, port) => port);
    for (const range of this.#ranges) {
      const size = range.to - range.from;
      for (const port of range.used) {
        const free = range.free[range.taken];
        if (free !== undefined) {
          ports[port] = free;
          range.taken++;
        } else {
          // More clones than ports: now and then two flows will be one.
          ports[port] = range.from + ((port - range.from + this.#clone * 7919) % size);
        }
      }
    }
    return ports;
  }
}
