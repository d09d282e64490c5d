// A router file (YAML or JSON) to a checked RouterSpec. The format is the one the kernel judge takes as topology,
// without `setup`. Unknown keys and wrong values are errors that name the key's path.
import { statSync } from 'node:fs';
import type { z as Zod } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { onDemand, zod } from '../base/on-demand.ts';
import { parseYaml, readText } from '../base/yaml-file.ts';
import type { InterfaceSpec, RouterSpec, RouteSpec } from '../net/spec.ts';
import { parseAddress, parseMac, parsePrefix } from '../packet/address.ts';
import { isRulePrefix, policyRules, TableNames } from './policy-rules.ts';
import { readRouterFolder } from './router-folder.ts';

/** What answers for every neighbour that the file does not name (the kernel judge's default). */
export const DEFAULT_NEIGHBOUR_MAC = '02:ee:00:00:00:01';
/** As `ip neigh` names them; those that nobody answered for come without an address. */
const NEIGHBOUR_STATES = [
  'permanent',
  'noarp',
  'reachable',
  'stale',
  'delay',
  'probe',
  'incomplete',
  'failed',
] as const;
const SILENT_STATES: readonly string[] = ['incomplete', 'failed'];
/** A router file larger than this is not one. */
const MAX_FILE_OCTETS = 16 * 1024 * 1024;

const schema = onDemand(() => {
  const { z } = zod();
  const mac = z.string().refine((text) => parseMac(text) !== undefined, 'not a MAC address (aa:bb:cc:dd:ee:ff)');
  const address = z.string().refine((text) => parseAddress(text) !== undefined, 'not an IPv4 or IPv6 address');
  const prefix = z
    .string()
    .refine((text) => parsePrefix(text) !== undefined, 'not an address with a prefix length (192.168.1.1/24)');
  const destination = z
    .string()
    .refine((text) => text === 'default' || parsePrefix(text) !== undefined, "not a prefix (10.0.0.0/8) or 'default'");
  const name = z
    .string()
    .min(1)
    .max(15)
    .regex(/^[^\s/:]+$/, 'not an interface name (1 to 15 characters, no blanks, slashes or colons)');

  const interfaceSchema = z.strictObject({
    name,
    mac: mac.optional(),
    addresses: z.array(prefix).default([]),
    mtu: z.number().int().min(68).max(65_535).default(1500),
    peerMtu: z.number().int().optional(),
    type: z.enum(['veth', 'physical', 'vlan', 'bridge', 'pppoe', 'dummy']).default('physical'),
    link: name.optional(),
    id: z.number().int().min(0).max(65_535).optional(),
    session: z.number().int().min(0).max(65_535).optional(),
    peer: mac.optional(),
    protocol: z.enum(['802.1Q', '802.1ad', '802.1q']).optional(),
    ports: z.array(name).optional(),
    linkLocal: z.boolean().default(false),
    vlans: z
      .array(
        z.strictObject({
          port: name,
          id: z.number().int().min(1).max(4094),
          pvid: z.boolean().default(false),
          untagged: z.boolean().default(false),
        }),
      )
      .max(65_536)
      .optional(),
  });

  const tableName = z.union([z.number().int().min(1).max(0xffffffff), z.string().min(1).max(64)]);
  const numberOrText = z.union([z.number(), z.string()]);
  const rulePrefix = z.string().refine(isRulePrefix, "not a prefix (10.0.0.0/8), an address or 'all'");
  const ruleSchema = z.strictObject({
    priority: z.number().int().min(0).max(0xffffffff),
    family: z.enum(['ip', 'ip6']).optional(),
    not: z.boolean().optional(),
    from: rulePrefix.optional(),
    to: rulePrefix.optional(),
    fwmark: numberOrText.optional(),
    iif: name.optional(),
    oif: name.optional(),
    tos: numberOrText.optional(),
    dscp: z.number().int().min(0).max(63).optional(),
    ipproto: numberOrText.optional(),
    sport: numberOrText.optional(),
    dport: numberOrText.optional(),
    table: tableName.optional(),
    action: z.enum(['lookup', 'goto', 'nop', 'blackhole', 'unreachable', 'prohibit']).optional(),
    goto: z.number().int().min(0).max(0xffffffff).optional(),
    suppress_prefixlength: z.number().int().min(0).max(128).optional(),
  });

  return z.strictObject({
    interfaces: z.array(interfaceSchema).min(1).max(4096),
    routes: z
      .array(
        z.strictObject({
          dst: destination,
          via: address.optional(),
          dev: name.optional(),
          type: z.enum(['unicast', 'blackhole', 'unreachable', 'prohibit', 'throw']).default('unicast'),
          mtu: z.number().int().min(68).max(65_535).optional(),
          metric: z.number().int().min(0).optional(),
          table: tableName.optional(),
          src: address.optional(),
          nexthops: z
            .array(
              z.strictObject({
                via: address.optional(),
                dev: name.optional(),
                weight: z.number().int().min(1).max(256).default(1),
              }),
            )
            .min(1)
            .max(256)
            .optional(),
        }),
      )
      .max(1_000_000)
      .default([]),
    rules: z.array(ruleSchema).max(32_768).default([]),
    neighbours: z
      .array(
        z.strictObject({ dev: name, ip: address, mac: mac.optional(), state: z.enum(NEIGHBOUR_STATES).optional() }),
      )
      .default([]),
    sysctl: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
    defaultNeighbourMac: mac.optional(),
    strictMac: z.boolean().optional(),
  });
});

type RouterInput = Zod.infer<ReturnType<typeof schema>>;
type InterfaceInput = RouterInput['interfaces'][number];

/**
 * Reads a router file, or a folder with what scripts/snapshot.sh collected. Throws ConfigError (path in the file) when it
 * is unreadable, not YAML or JSON, or wrong.
 */
export function loadRouter(file: string): RouterSpec {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    const { input, notes } = readRouterFolder(file);
    const spec = parseRouter(JSON.stringify(input), file);
    return notes.length === 0 ? spec : { ...spec, notes };
  }
  return parseRouter(readText(file, MAX_FILE_OCTETS, 'router file'), file);
}

/** The same for text already at hand; `file` names it in errors. */
export function parseRouter(text: string, file: string): RouterSpec {
  const input = parseYaml<RouterInput>(text, file, schema(), (issue) =>
    issue.code === 'unrecognized_keys' && issue.keys[0] === 'setup'
      ? 'shell commands are not run here; write routes and neighbours instead'
      : undefined,
  );
  let physical = 0;
  const interfaces = input.interfaces.map((row, index) => {
    if (row.type === 'physical' || row.type === 'veth') physical++;
    return interfaceSpec(row, index, physical, file);
  });
  checkNames(input.interfaces, interfaces, file);
  const tables = new TableNames();
  const routes = input.routes.map((route, index) => routeSpec(route, index, interfaces, tables, file));
  const rules = policyRules(input.rules, tables, file);
  input.neighbours.forEach((neighbour, index) => {
    requireDevice(interfaces, neighbour.dev, `neighbours[${index}].dev`, file);
    if (neighbour.mac === undefined && !isSilent(neighbour)) {
      throw new ConfigError(file, `neighbours[${index}].mac`, "needs the hardware address, or 'state: failed'");
    }
  });
  const silent = input.neighbours.filter(isSilent).map(({ dev, ip }) => ({ dev, ip }));
  return {
    interfaces,
    routes,
    ...(rules.length === 0 ? {} : { rules }),
    neighbours: input.neighbours.flatMap(({ dev, ip, mac, state }) =>
      mac === undefined || isSilent({ state }) ? [] : [{ dev, ip, mac: mac.toLowerCase() }],
    ),
    ...(silent.length === 0 ? {} : { silentNeighbours: silent }),
    sysctl: normaliseSysctl(input.sysctl),
    defaultNeighbourMac: input.defaultNeighbourMac ?? DEFAULT_NEIGHBOUR_MAC,
    ...(input.strictMac === true ? { strictMac: true } : {}),
  };
}

function isSilent({ state }: { state?: string | undefined }): boolean {
  return state !== undefined && SILENT_STATES.includes(state);
}

/** The kernel judge numbers the MAC addresses of physical interfaces that name none. */
function interfaceSpec(input: InterfaceInput, index: number, physical: number, file: string): InterfaceSpec {
  const type = input.type === 'veth' ? 'physical' : input.type;
  const path = `interfaces[${index}]`;
  if ((type === 'vlan' || type === 'pppoe') && input.link === undefined) {
    throw new ConfigError(file, `${path}.link`, `a ${type} interface needs the device below it`);
  }
  if (type === 'vlan' && (input.id === undefined || input.id < 1 || input.id > 4094)) {
    throw new ConfigError(file, `${path}.id`, 'a vlan interface needs its VLAN id, 1 to 4094');
  }
  if (type === 'bridge' && (input.ports ?? []).length === 0) {
    throw new ConfigError(file, `${path}.ports`, 'a bridge needs its ports');
  }
  const id = input.id ?? input.session;
  return {
    name: input.name,
    mac: (input.mac ?? `02:00:00:00:00:${physical.toString(16).padStart(2, '0')}`).toLowerCase(),
    addresses: input.addresses,
    mtu: input.mtu,
    type,
    ...(input.link === undefined ? {} : { link: input.link }),
    ...(id === undefined ? {} : { id }),
    ...(type === 'pppoe' && input.peer !== undefined ? { peer: input.peer.toLowerCase() } : {}),
    ...(type === 'vlan' ? { protocol: input.protocol?.toLowerCase() === '802.1ad' ? 0x88a8 : 0x8100 } : {}),
    ...(input.ports === undefined ? {} : { ports: input.ports }),
    linkLocal: input.linkLocal,
    ...(type === 'bridge' && input.vlans !== undefined ? { vlans: input.vlans } : {}),
  };
}

function checkNames(inputs: InterfaceInput[], interfaces: InterfaceSpec[], file: string): void {
  const seen = new Set<string>();
  interfaces.forEach((row, index) => {
    if (seen.has(row.name)) throw new ConfigError(file, `interfaces[${index}].name`, `'${row.name}' stands twice`);
    seen.add(row.name);
  });
  interfaces.forEach((row, index) => {
    if (row.link !== undefined) requireDevice(interfaces, row.link, `interfaces[${index}].link`, file);
    if (row.link === row.name)
      throw new ConfigError(file, `interfaces[${index}].link`, 'a device cannot lie on itself');
    (row.ports ?? []).forEach((port, at) => {
      requireDevice(interfaces, port, `interfaces[${index}].ports[${at}]`, file);
    });
    inheritMac(row, inputs[index]?.mac, interfaces);
  });
  checkPorts(interfaces, file);
  for (const row of interfaces) requireNoLoop(row, interfaces, file);
}

/** A VLAN or PPPoE device has the MAC address of the device below it, a bridge that of its first port. */
function inheritMac(row: InterfaceSpec, given: string | undefined, interfaces: InterfaceSpec[]): void {
  if (given !== undefined) return;
  const below = row.link ?? row.ports?.[0];
  const source = interfaces.find((other) => other.name === below);
  if (source !== undefined) row.mac = source.mac;
}

/** No device lies on itself, by links and ports; nothing is stacked deeper than 8. */
function requireNoLoop(row: InterfaceSpec, interfaces: InterfaceSpec[], file: string, depth = 0): void {
  if (depth > 8) throw new ConfigError(file, 'interfaces', `'${row.name}' is stacked more than 8 deep, or on itself`);
  for (const name of [...(row.link === undefined ? [] : [row.link]), ...(row.ports ?? [])]) {
    const below = interfaces.find((other) => other.name === name);
    if (below !== undefined) requireNoLoop(below, interfaces, file, depth + 1);
  }
}

/** br_add_if: a bridge is no port, and a port has one bridge. */
function checkPorts(interfaces: InterfaceSpec[], file: string): void {
  const bridgeOf = new Map<string, string>();
  interfaces.forEach((row, index) => {
    (row.ports ?? []).forEach((port, at) => {
      const path = `interfaces[${index}].ports[${at}]`;
      if (interfaces.some((other) => other.name === port && other.type === 'bridge')) {
        throw new ConfigError(file, path, `'${port}' is a bridge: a bridge cannot be a port`);
      }
      const other = bridgeOf.get(port);
      if (other !== undefined) throw new ConfigError(file, path, `'${port}' is a port of '${other}' already`);
      bridgeOf.set(port, row.name);
    });
  });
}

function requireDevice(interfaces: InterfaceSpec[], device: string, path: string, file: string): void {
  if (interfaces.some((row) => row.name === device)) return;
  const known = interfaces.map((row) => row.name).join(', ');
  throw new ConfigError(file, path, `no interface is called '${device}' (there are ${known})`);
}

function routeSpec(
  input: RouterInput['routes'][number],
  index: number,
  interfaces: InterfaceSpec[],
  tables: TableNames,
  file: string,
): RouteSpec {
  const path = `routes[${index}]`;
  input.nexthops?.forEach((hop, at) => {
    const where = `${path}.nexthops[${at}]`;
    if (hop.dev !== undefined) requireDevice(interfaces, hop.dev, `${where}.dev`, file);
    if (hop.dev === undefined && hop.via === undefined) throw new ConfigError(file, where, "needs 'via' or 'dev'");
  });
  if (input.nexthops !== undefined && (input.via !== undefined || input.dev !== undefined)) {
    throw new ConfigError(file, `${path}.nexthops`, "stands instead of 'via' and 'dev'");
  }
  if (input.dev !== undefined) requireDevice(interfaces, input.dev, `${path}.dev`, file);
  const isNowhere = input.dev === undefined && input.via === undefined && input.nexthops === undefined;
  if (input.type === 'unicast' && isNowhere) {
    throw new ConfigError(file, path, "needs 'dev', 'via' or 'nexthops', or a 'type' such as blackhole");
  }
  const gateway = input.via ?? input.nexthops?.find((hop) => hop.via !== undefined)?.via;
  const isV6 = gateway?.includes(':') ?? input.src?.includes(':') ?? false;
  const dst = input.dst === 'default' ? (isV6 ? '::/0' : '0.0.0.0/0') : input.dst;
  if (gateway !== undefined && dst.includes(':') !== isV6) {
    throw new ConfigError(file, `${path}.via`, 'the gateway is of another family than the destination');
  }
  return {
    dst,
    type: input.type,
    ...(input.via === undefined ? {} : { via: input.via }),
    ...(input.dev === undefined ? {} : { dev: input.dev }),
    ...(input.mtu === undefined ? {} : { mtu: input.mtu }),
    ...(input.metric === undefined ? {} : { metric: input.metric }),
    ...(input.table === undefined ? {} : { table: tables.number(input.table) }),
    ...(input.src === undefined ? {} : { src: input.src }),
    ...(input.nexthops === undefined
      ? {}
      : {
          nexthops: input.nexthops.map(({ via, dev, weight }) => ({
            weight,
            ...(via === undefined ? {} : { via }),
            ...(dev === undefined ? {} : { dev }),
          })),
        }),
  };
}

/** `net/ipv4/ip_forward` and `net.ipv4.ip_forward` are the same key; numbers in text become numbers. */
function normaliseSysctl(input: Record<string, number | string | boolean>): Record<string, number | string> {
  const sysctl: Record<string, number | string> = {};
  for (const [key, value] of Object.entries(input)) {
    const number = typeof value === 'boolean' ? Number(value) : Number(value);
    const isNumber = typeof value !== 'string' || /^\s*-?\d+\s*$/.test(value);
    sysctl[key.includes('/') ? key.replaceAll('.', '\u0000').replaceAll('/', '.').replaceAll('\u0000', '/') : key] =
      isNumber ? number : value;
  }
  return sysctl;
}
