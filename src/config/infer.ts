// A router for a capture when nobody described one: interfaces from the ruleset's device names, subnets from the
// addresses that the capture shows. Every guess is a sentence in `assumptions`, for the report.
import type { InterfaceSpec, NeighbourSpec, RouterSpec } from '../net/spec.ts';
import { formatAddress, inPrefix, parseAddress, parsePrefix } from '../packet/address.ts';
import type { DeviceHints } from './devices.ts';
import { DEFAULT_NEIGHBOUR_MAC } from './router-file.ts';

/** How often addresses occur in (the beginning of) the captures. Keys are lower-case hex of the octets. */
export interface AddressSurvey {
  sources: Map<string, number>;
  destinations: Map<string, number>;
  /** A PPPoE session was seen. */
  hasPppoe: boolean;
  /** VLAN ids seen on the wire. */
  vlanIds: Set<number>;
  packets: number;
  /** Hardware address that an address was last seen sending from: text of both; for inside hosts. */
  senders: Map<string, string>;
  /** IPv4 'source>destination', hex. */
  pairs: Map<string, number>;
}

export interface InferredRouter {
  spec: RouterSpec;
  assumptions: string[];
}

const WAN_NAME = /wan|ppp|inet|internet|ext|uplink|isp|outside|public/i;
const WAN_ADDRESS4 = '203.0.113.1/24';
const WAN_GATEWAY4 = '203.0.113.254';
const WAN_ADDRESS6 = '2001:db8:ffff::1/64';
const WAN_GATEWAY6 = '2001:db8:ffff::fe';
/** More inside subnets than this are not told apart: the rest is routed to the outside. */
const MAX_SUBNETS = 64;

/** Makes the router; deterministic in its inputs. */
export function inferRouter(hints: DeviceHints, survey: AddressSurvey): InferredRouter {
  const assumptions: string[] = [];
  const roles = assignRoles(hints, assumptions);
  const interfaces = layOut(hints, roles, survey, assumptions);
  giveSubnets(interfaces, roles, survey, assumptions);
  const wan = interfaces.find((row) => row.name === roles.wan);
  const own = outsideAddress(survey);
  const address4 = own === undefined ? WAN_ADDRESS4 : `${own}/32`;
  wan?.addresses.push(address4, WAN_ADDRESS6);
  const why = own === undefined ? '' : ', which answers to inside hosts go to';
  assumptions.push(
    `everything else lies beyond ${roles.wan}, which has ${address4}${why} and ${WAN_ADDRESS6} (default routes there)`,
  );
  return {
    spec: {
      interfaces,
      routes: [
        { dst: '0.0.0.0/0', ...(own === undefined ? { via: WAN_GATEWAY4 } : {}), dev: roles.wan, type: 'unicast' },
        { dst: '::/0', via: WAN_GATEWAY6, dev: roles.wan, type: 'unicast' },
      ],
      neighbours: knownNeighbours(interfaces, roles, survey),
      sysctl: {},
      defaultNeighbourMac: DEFAULT_NEIGHBOUR_MAC,
    },
    assumptions,
  };
}

interface Roles {
  wan: string;
  /** Inside interfaces, the first one gets the first subnets. */
  lans: string[];
}

/** Flowtable devices that no rule names are taken as ports below the interfaces that rules do name. */
function assignRoles(hints: DeviceHints, assumptions: string[]): Roles {
  const lower = lowerDevices(hints);
  const candidates = hints.names.filter((name) => !lower.includes(name));
  const named = candidates.find((name) => hints.translated.has(name) && WAN_NAME.test(name));
  const wan = named ?? candidates.find((name) => isOutside(hints, name));
  const chosen = wan ?? (candidates.length > 1 ? candidates[candidates.length - 1] : undefined) ?? 'wan0';
  const others = candidates.filter((name) => name !== chosen);
  const lans = others.filter((name) => !isOutside(hints, name));
  if (lans.length === 0) lans.push(...(others.length > 0 ? others.slice(0, 1) : ['lan0']));
  const why = hints.translated.has(chosen)
    ? 'the ruleset translates sources there'
    : WAN_NAME.test(chosen)
      ? 'by its name'
      : 'the last device that the ruleset names';
  assumptions.push(`outside is ${chosen} (${why}), inside ${lans.length === 1 ? 'is' : 'are'} ${lans.join(', ')}`);
  return { wan: chosen, lans };
}

function isOutside(hints: DeviceHints, name: string): boolean {
  return hints.translated.has(name) || WAN_NAME.test(name);
}

/** Below a device that rules name on the same side; when they name only one side, the flowtable names the other one. */
function lowerDevices(hints: DeviceHints): string[] {
  const matched = [...hints.matched];
  const sides = new Set(matched.map((name) => isOutside(hints, name)));
  const lower = hints.flowtableDevices.filter((name) => !hints.matched.has(name) && sides.has(isOutside(hints, name)));
  return hints.names.length - lower.length < 2 ? [] : lower;
}

/** One InterfaceSpec a name; bridges and PPPoE over the devices below when the flowtable has such. */
function layOut(hints: DeviceHints, roles: Roles, survey: AddressSurvey, assumptions: string[]): InterfaceSpec[] {
  const names = [...new Set([...roles.lans, roles.wan, ...hints.names])];
  const lower = lowerDevices(hints);
  const interfaces = names.map((name, index) => plainInterface(name, index));
  const byName = (name: string): InterfaceSpec | undefined => interfaces.find((row) => row.name === name);
  const wan = byName(roles.wan);
  const lan = byName(roles.lans[0] ?? '');
  const below = [...lower];
  const wanPort = below.length > 1 || !lan?.name.startsWith('br') ? below.pop() : undefined;
  if (wan !== undefined && wanPort !== undefined && (/ppp/i.test(wan.name) || survey.hasPppoe)) {
    wan.type = 'pppoe';
    wan.link = wanPort;
    wan.mtu = 1492;
    assumptions.push(`${wan.name} is a PPPoE session over ${wanPort}, a device of the flowtable`);
  } else if (wan !== undefined && wanPort !== undefined) {
    makeBridge(wan, [wanPort], assumptions);
  }
  if (lan !== undefined && below.length > 0) makeBridge(lan, below, assumptions);
  addVlans(interfaces);
  return interfaces;
}

function plainInterface(name: string, index: number): InterfaceSpec {
  const number = index + 1;
  const mac = `02:00:00:00:${(number >>> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
  return { name, mac, addresses: [], mtu: 1500, type: 'physical', linkLocal: false };
}

function makeBridge(row: InterfaceSpec, ports: string[], assumptions: string[]): void {
  row.type = 'bridge';
  row.ports = ports;
  assumptions.push(`${row.name} is a bridge over ${ports.join(', ')}, which only the flowtable names`);
}

/** `eth0.10` is VLAN 10 of `eth0` when the ruleset names both. */
function addVlans(interfaces: InterfaceSpec[]): void {
  for (const row of interfaces) {
    const match = /^(.+)\.(\d{1,4})$/.exec(row.name);
    const below = interfaces.find((other) => other.name === match?.[1]);
    const id = Number(match?.[2]);
    if (below === undefined || row.type !== 'physical' || id < 1 || id > 4094) continue;
    row.type = 'vlan';
    row.link = below.name;
    row.id = id;
    row.protocol = 0x8100;
    row.mac = below.mac;
  }
}

/** Private IPv4 /24s and IPv6 /64s of the capture become the inside subnets, the busiest first. */
function giveSubnets(interfaces: InterfaceSpec[], roles: Roles, survey: AddressSurvey, assumptions: string[]): void {
  const subnets4 = insideSubnets4(survey);
  const subnets6 = insideSubnets6(survey);
  const lans = roles.lans.map((name) => interfaces.find((row) => row.name === name)).filter((row) => row !== undefined);
  const share = (subnets: string[]): void => {
    subnets.forEach((subnet, index) => {
      // The first interface takes what is left over, the others one subnet each.
      const lan = lans[index < lans.length ? index : 0];
      lan?.addresses.push(subnet);
    });
  };
  share(subnets4);
  share(subnets6);
  for (const lan of lans) {
    if (lan.addresses.length === 0) lan.addresses.push(`192.168.${200 + (lans.indexOf(lan) % 55)}.1/24`);
    assumptions.push(`${lan.name} has ${summary(lan.addresses)}`);
  }
  if (subnets4.length + subnets6.length === 0) {
    assumptions.push('the capture shows no address that looks like an inside one');
  }
}

/** Inside hosts answer with the hardware address that the capture shows them sending from. */
function knownNeighbours(interfaces: InterfaceSpec[], roles: Roles, survey: AddressSurvey): NeighbourSpec[] {
  const neighbours: NeighbourSpec[] = [];
  for (const name of roles.lans) {
    const subnets = interfaces.find((row) => row.name === name)?.addresses ?? [];
    const prefixes = subnets.map(parsePrefix).filter((row) => row !== undefined);
    for (const [ip, mac] of survey.senders) {
      const address = parseAddress(ip);
      if (address === undefined || !prefixes.some((prefix) => inPrefix(address, prefix))) continue;
      if (!subnets.some((subnet) => subnet.startsWith(`${ip}/`))) neighbours.push({ dev: name, ip, mac });
    }
  }
  return neighbours;
}

function summary(addresses: string[]): string {
  const shown = addresses.slice(0, 4).join(', ');
  return addresses.length > 4 ? `${shown} and ${addresses.length - 4} more` : shown;
}

function insideSubnets4(survey: AddressSurvey): string[] {
  const weights = new Map<string, number>();
  const busiest = { key: '', count: 0 };
  for (const [side, counts] of [survey.sources, survey.destinations].entries()) {
    for (const [key, count] of counts) {
      if (key.length !== 8 || !isUnicast4(key)) continue;
      if (count > busiest.count && side === 0) Object.assign(busiest, { key, count });
      // A private destination that never sends may lie behind another router: only senders make a subnet.
      if (isPrivate4(key) && survey.sources.has(key))
        weights.set(key.slice(0, 6), (weights.get(key.slice(0, 6)) ?? 0) + count);
    }
  }
  if (weights.size === 0 && busiest.key !== '') weights.set(busiest.key.slice(0, 6), busiest.count);
  return ranked(weights).map((net) => `${formatAddress(Buffer.from(`${net}01`, 'hex'))}/24`);
}

/**
 * A capture of both sides of a translating router shows it: the public address to which those answer that inside hosts
 * ask, though it asks nobody inside. undefined: the capture shows no such address.
 */
function outsideAddress(survey: AddressSurvey): string | undefined {
  const asked = new Set<string>();
  for (const pair of survey.pairs.keys()) {
    const [source = '', destination = ''] = pair.split('>');
    if (isPrivate4(source) && !isPrivate4(destination)) asked.add(destination);
  }
  const answers = new Map<string, number>();
  for (const [pair, packets] of survey.pairs) {
    const [source = '', destination = ''] = pair.split('>');
    if (!asked.has(source) || isPrivate4(destination) || !isUnicast4(destination) || asked.has(destination)) continue;
    answers.set(destination, (answers.get(destination) ?? 0) + packets);
  }
  const best = ranked(answers)[0];
  return best === undefined ? undefined : formatAddress(Buffer.from(best, 'hex'));
}

/** IPv6 has no private addresses that people use: unique local ones count, else the /64 that sends most. */
function insideSubnets6(survey: AddressSurvey): string[] {
  const local = new Map<string, number>();
  const all = new Map<string, number>();
  for (const counts of [survey.sources, survey.destinations]) {
    for (const [key, count] of counts) {
      if (key.length !== 32 || /^(ff|fe[89ab])/.test(key) || /^0{31}[01]$/.test(key)) continue;
      const net = key.slice(0, 16);
      all.set(net, (all.get(net) ?? 0) + count);
      if (/^f[cd]/.test(key)) local.set(net, (local.get(net) ?? 0) + count);
    }
  }
  const nets = ranked(local);
  const busiest = ranked(all).find((net) => !nets.includes(net));
  if (busiest !== undefined && nets.length < MAX_SUBNETS) nets.push(busiest);
  return nets.map((net) => `${formatAddress(Buffer.from(`${net}0000000000000001`, 'hex'), 0, 16)}/64`);
}

function ranked(weights: Map<string, number>): string[] {
  return [...weights]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, MAX_SUBNETS)
    .map(([net]) => net);
}

function isPrivate4(hex: string): boolean {
  const first = Number.parseInt(hex.slice(0, 2), 16);
  const second = Number.parseInt(hex.slice(2, 4), 16);
  return (
    first === 10 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 100 && second >= 64 && second < 128)
  );
}

function isUnicast4(hex: string): boolean {
  const first = Number.parseInt(hex.slice(0, 2), 16);
  return first > 0 && first < 224 && first !== 127;
}
