// A router as iproute2 describes it: a folder with what scripts/snapshot.sh collects on it (link.json, addr.json,
// route.json, rule.json, rule6.json, neigh.json, pppoe.txt, vlan.json, sysctl.txt), turned into a router file's contents.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { readText } from '../base/yaml-file.ts';
import { type NeighbourRow, neighboursOf, type RouteRow, type RuleRow, routesOf, rulesOf } from './ip-json.ts';

const MAX_FILE_OCTETS = 64 * 1024 * 1024;

/** The files, with the command that writes each. */
export const SNAPSHOT_FILES = {
  'link.json': 'ip -j -d link',
  'addr.json': 'ip -j addr',
  'route.json': 'ip -j route show table all',
  'rule.json': 'ip -j rule',
  'rule6.json': 'ip -j -6 rule',
  'neigh.json': 'ip -j neigh',
  'pppoe.txt': 'cat /proc/net/pppoe',
  'vlan.json': 'bridge -j vlan',
  'sysctl.txt': 'sysctl -a -r "^net\\."',
} as const;

/** Rows of `ip -j -d link` as far as they are read. */
interface LinkRow {
  ifname: string;
  flags?: string[];
  mtu?: number;
  link?: string;
  master?: string;
  address?: string;
  link_type?: string;
  linkinfo?: { info_kind?: string; info_data?: { id?: number; protocol?: string; vlan_filtering?: number } };
}

/** Rows of `bridge -j vlan`. */
interface VlanRow {
  ifname: string;
  vlans?: { vlan?: number; vlanEnd?: number; flags?: string[] }[];
}

interface AddressRow {
  ifname: string;
  addr_info?: { local?: string; prefixlen?: number; scope?: string; tentative?: boolean }[];
}

/** What a folder says: a router file as an object, and sentences about what it cannot say. */
export interface RouterFolder {
  input: Record<string, unknown>;
  notes: string[];
}

/** Kinds whose frames nftreplay does not make: they stand as interfaces that nothing enters or leaves. */
const TUNNELS = new Set([
  'wireguard',
  'tun',
  'gre',
  'gretap',
  'ip6gre',
  'ipip',
  'sit',
  'vxlan',
  'geneve',
  'vti',
  'xfrm',
]);

/** Reads a snapshot. Throws ConfigError naming the file that is missing or not what `ip -j` prints. */
export function readRouterFolder(folder: string): RouterFolder {
  const notes: string[] = [];
  const links = rows<LinkRow>(folder, 'link.json', true).filter((row) => row.ifname !== 'lo');
  const addresses = new Map(rows<AddressRow>(folder, 'addr.json', true).map((row) => [row.ifname, row]));
  const sessions = pppoeSessions(folder);
  const up = links.filter((row) => {
    const isUp = row.flags?.includes('UP') ?? true;
    if (!isUp) notes.push(`${row.ifname} is down and left out`);
    return isUp;
  });
  const known = new Set(up.map((row) => row.ifname));
  const vlans = new Map(rows<VlanRow>(folder, 'vlan.json', false).map((row) => [row.ifname, row]));
  const interfaces = up.map((row) => interfaceOf(row, up, addresses.get(row.ifname), sessions, vlans, notes));
  const routes = routesOf(rows<RouteRow>(folder, 'route.json', true), known, notes);
  const rules = [
    ...rulesOf(rows<RuleRow>(folder, 'rule.json', false), 'ip', notes),
    ...rulesOf(rows<RuleRow>(folder, 'rule6.json', false), 'ip6', notes),
  ];
  const neighbours = neighboursOf(rows<NeighbourRow>(folder, 'neigh.json', false), known);
  return { input: { interfaces, routes, rules, neighbours, sysctl: sysctls(folder) }, notes };
}

function rows<T>(folder: string, name: keyof typeof SNAPSHOT_FILES, isNeeded: boolean): T[] {
  const file = join(folder, name);
  if (!existsSync(file)) {
    if (!isNeeded) return [];
    throw new ConfigError(folder, name, `is missing: on the router, ${SNAPSHOT_FILES[name]} > ${name} writes it`);
  }
  const text = readText(file, MAX_FILE_OCTETS, 'snapshot');
  let value: unknown;
  try {
    value = JSON.parse(text.trim() === '' ? '[]' : text);
  } catch (error) {
    throw new ConfigError(file, '', `is not JSON (${(error as Error).message}): ${SNAPSHOT_FILES[name]} writes it`);
  }
  if (!Array.isArray(value) || value.some((row) => typeof row !== 'object' || row === null)) {
    throw new ConfigError(file, '', `is not a list of objects: ${SNAPSHOT_FILES[name]} writes it`);
  }
  return value as T[];
}

function interfaceOf(
  row: LinkRow,
  links: LinkRow[],
  addresses: AddressRow | undefined,
  sessions: Map<string, number>,
  vlans: Map<string, VlanRow>,
  notes: string[],
): Record<string, unknown> {
  const kind = row.linkinfo?.info_kind ?? '';
  const own = (addresses?.addr_info ?? []).filter((info) => info.local !== undefined && info.prefixlen !== undefined);
  const isEthernet = row.link_type === 'ether' && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(row.address ?? '');
  const base = {
    name: row.ifname,
    mtu: Math.min(65_535, row.mtu ?? 1500),
    ...(isEthernet ? { mac: row.address } : {}),
    addresses: own.filter((info) => info.scope !== 'link').map((info) => `${info.local}/${info.prefixlen}`),
    linkLocal: own.some((info) => info.local?.startsWith('fe80:')),
  };
  if (kind === 'vlan') {
    const { id, protocol } = row.linkinfo?.info_data ?? {};
    return { ...base, type: 'vlan', link: row.link, id, ...(protocol === undefined ? {} : { protocol }) };
  }
  if (kind === 'bridge') {
    const ports = links.filter((other) => other.master === row.ifname).map((other) => other.ifname);
    const filters = row.linkinfo?.info_data?.vlan_filtering === 1;
    if (filters && vlans.size === 0) {
      notes.push(
        `${row.ifname} filters VLANs, but ${SNAPSHOT_FILES['vlan.json']} > vlan.json is missing: it lets all pass`,
      );
    }
    const allowed = filters && vlans.size > 0 ? { vlans: vlansOf([row.ifname, ...ports], vlans) } : {};
    if (ports.length > 0) return { ...base, type: 'bridge', ports, ...allowed };
    notes.push(`${row.ifname} is a bridge without ports that are up`);
    return { ...base, type: 'dummy' };
  }
  if (kind === 'ppp' || row.link_type === 'ppp') return pppoeOf(row, base, links, sessions, notes);
  if (TUNNELS.has(kind) || (row.link_type !== undefined && row.link_type !== 'ether')) {
    notes.push(`${row.ifname} is a ${kind || row.link_type} device: nothing enters or leaves by it here`);
    return { ...base, type: 'dummy' };
  }
  return { ...base, type: kind === 'dummy' || kind === 'ifb' ? 'dummy' : 'physical' };
}

/** The VLANs of a bridge and its ports, one by one. */
function vlansOf(names: string[], vlans: Map<string, VlanRow>): Record<string, unknown>[] {
  return names.flatMap((port) =>
    (vlans.get(port)?.vlans ?? []).flatMap(({ vlan = 0, vlanEnd = vlan, flags = [] }) => {
      const count = Math.min(4094, vlanEnd) - vlan + 1;
      if (vlan < 1 || count < 1) return [];
      const untagged = flags.includes('Egress Untagged');
      return Array.from({ length: count }, (_, i) => ({ port, id: vlan + i, pvid: flags.includes('PVID'), untagged }));
    }),
  );
}

/** /proc/net/pppoe does not say which ppp device a session belongs to: with one of each there is no doubt. */
function pppoeOf(
  row: LinkRow,
  base: Record<string, unknown>,
  links: LinkRow[],
  sessions: Map<string, number>,
  notes: string[],
): Record<string, unknown> {
  const ppp = links.filter((other) => other.link_type === 'ppp').map((other) => other.ifname);
  const [device, session] = [...sessions][ppp.indexOf(row.ifname)] ?? [];
  if (device === undefined || session === undefined) {
    notes.push(`${row.ifname} is a ppp device without a PPPoE session: nothing enters or leaves by it here`);
    return { ...base, type: 'dummy' };
  }
  if (sessions.size > 1) notes.push(`${row.ifname} is taken to run over ${device}, session ${session}`);
  return { ...base, type: 'pppoe', link: device, id: session };
}

/** Lines `000001D7 aa:bb:cc:dd:ee:ff     eth1`; the session's octets stand in network order. */
function pppoeSessions(folder: string): Map<string, number> {
  const file = join(folder, 'pppoe.txt');
  const sessions = new Map<string, number>();
  if (!existsSync(file)) return sessions;
  for (const line of readText(file, MAX_FILE_OCTETS, 'snapshot').split('\n')) {
    const match = /^([0-9A-F]{8})\s+([0-9a-f:]{17})\s+(\S+)/i.exec(line.trim());
    const device = match?.[3];
    if (match === null || device === undefined) continue;
    const raw = Number.parseInt(match[1] ?? '0', 16);
    sessions.set(device, raw > 0xffff ? raw >>> 16 : raw);
  }
  return sessions;
}

/** `net.a.b = value` lines. */
function sysctls(folder: string): Record<string, string> {
  const file = join(folder, 'sysctl.txt');
  const values: Record<string, string> = {};
  if (!existsSync(file)) return values;
  for (const line of readText(file, MAX_FILE_OCTETS, 'snapshot').split('\n')) {
    const match = /^(net\.[^=\s]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match?.[1] !== undefined) values[match[1]] = match[2] ?? '';
  }
  return values;
}
