// What the kernel is asked: a ruleset, a router, frames at their times. And the shell scripts that make the guest's network
// namespace that router.
import { parseRouter } from '../../src/config/router-file.ts';
import type { InterfaceSpec, PolicyRuleSpec, RouterSpec, RouteSpec } from '../../src/net/spec.ts';
import { formatAddress, parseAddress, parsePrefix } from '../../src/packet/address.ts';

/** A frame that arrives at a physical interface. */
export interface SceneFrame {
  device: string;
  /** Nanoseconds since the first frame. */
  timeNs: number;
  octets: Uint8Array;
}

export interface KernelScene {
  name: string;
  ruleset: string;
  /** A router file's text (YAML or JSON). */
  router: string;
  frames: SceneFrame[];
  /** The clock at the first frame; absent: 2023-11-14 22:13:20 UTC. */
  epochSeconds?: number;
  /**
   * Chains ('netdev d c1') whose rules the kernel runs without a word of its trace: those of egress for frames whose tag
   * stands beside them (nf_trace_fill_ll_header gives up).
   */
  untraced?: string[];
  /** How long to wait after the last frame before state is read. */
  tailNs?: number;
  /** Somebody else's ruleset: of its listing only what packets change is kept and compared (foreign.ts). */
  isForeign?: boolean;
}

/** ip_error() has a limit that all network namespaces share: set before the scene's own begins. */
export const ERROR_COST = 'net.ipv4.route.error_cost';
const EPOCH_SECONDS = 1_700_000_000;
const TAIL_NS = 2e6;
/** Long enough for interfaces to have said what they say when they come up. */
const QUIET_SECONDS = 3;
/** The judge's own table: traces every packet. Left out of what is compared. */
export const TRACE_TABLE = 'nftreplay_judge';

/** Before every chain that a ruleset may have. */
const TRACE_PRIORITY = -1_000_000;

/** Modules that rulesets do not load by themselves. */
const LOADED = [
  'tun',
  '8021q',
  'bridge',
  'pppoe',
  'nf_tables',
  'nf_conntrack',
  'nf_conntrack_netlink',
  'nf_nat',
  'nft_chain_nat',
  'nf_flow_table',
  'nf_flow_table_inet',
  'nft_flow_offload',
  'nf_conntrack_ftp',
  'nf_nat_ftp',
  'nf_conntrack_tftp',
  'nf_nat_tftp',
  // Helpers that rulesets of OpenWrt declare.
  'nf_conntrack_amanda',
  'nf_conntrack_h323',
  'nf_conntrack_irc',
  'nf_conntrack_netbios_ns',
  'nf_conntrack_pptp',
  'nf_conntrack_sane',
  'nf_conntrack_sip',
  'nf_conntrack_snmp',
  'nf_conntrack_bridge',
  'nf_log_syslog',
  'dummy',
];

/** The files of a job for these scenes. */
export function jobFiles(scenes: KernelScene[]): Map<string, Uint8Array | string> {
  const files = new Map<string, Uint8Array | string>();
  const run = [`for module in ${LOADED.join(' ')}; do modprobe $module 2>/dev/null; done`];
  scenes.forEach((scene, index) => {
    const spec = parseRouter(scene.router, scene.name);
    const at = (name: string): string => `${index}/${name}`;
    files.set(at('ruleset.nft'), `${scene.ruleset}\n${traceTable(spec, scene.ruleset)}`);
    files.set(at('frames'), frameFile(scene, spec));
    files.set(at('links'), linkLines(spec));
    files.set(at('devices'), lines(upLines(spec)));
    files.set(at('addresses'), addressFile(spec, scene));
    files.set(at('setup.sh'), setupScript(spec, index));
    files.set(at('after.sh'), afterScript(index, scene.ruleset));
    const command = `guest replay /job/${index}/frames /job/${index}/setup.sh /job/${index}/after.sh`;
    run.push(`echo ${spec.sysctl[ERROR_COST] ?? 0} > /proc/sys/net/ipv4/route/error_cost`);
    const shared = Object.entries(spec.sysctl).filter(([name]) => SHARED_SYSCTLS.includes(name));
    for (const [name, value] of shared) {
      run.push(`saved_${name.replaceAll('.', '_')}=$(cat ${sysctlPath(name)})`, sysctlLine(name, value));
    }
    run.push(`unshare -n ${command} >/errors 2>&1; echo "status $?" >>/errors; guest emit ${index}.errors </errors`);
    for (const [name] of shared) run.push(`echo $saved_${name.replaceAll('.', '_')} > ${sysctlPath(name)}`);
  });
  files.set('run.sh', `${run.join('\n')}\n`);
  return files;
}

/**
 * The scene with every unicast frame addressed to the router, as the emulated one takes it; at a bridge's port only those
 * for an address that nobody in the scene has. With strictMac the frames stay as they are.
 */
export function addressed(scene: KernelScene): KernelScene {
  const spec = parseRouter(scene.router, scene.name);
  if (spec.strictMac) return scene;
  const bridgeOf = new Map(spec.interfaces.flatMap((row) => (row.ports ?? []).map((port) => [port, row] as const)));
  const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
  const senders = new Set(scene.frames.map((frame) => hex(frame.octets.subarray(6, 12))));
  const frames = scene.frames.map((frame) => {
    const bridge = bridgeOf.get(frame.device);
    const mac = (bridge ?? spec.interfaces.find((row) => row.name === frame.device))?.mac;
    const first = frame.octets[0];
    if (mac === undefined || first === undefined || (first & 1) !== 0) return frame;
    if (bridge !== undefined && senders.has(hex(frame.octets.subarray(0, 6)))) return frame;
    const octets = frame.octets.slice();
    octets.set(mac.split(':').map((part) => Number.parseInt(part, 16)));
    return { ...frame, octets };
  });
  return { ...scene, frames };
}

/** Physical interfaces: those that the guest makes as TAP devices. */
function physical(spec: RouterSpec): InterfaceSpec[] {
  return spec.interfaces.filter((row) => row.type === 'physical');
}

/** Where the kernel's packets get their trace: as early as the ruleset has chains of that kind. */
function traceTable(spec: RouterSpec, ruleset: string): string {
  const table = (family: string, hooks: string[], device = ''): string => {
    const chains = hooks.map(
      (hook) => `chain ${hook} { type filter hook ${hook} ${device}priority ${TRACE_PRIORITY}; meta nftrace set 1; }`,
    );
    return `table ${family} ${TRACE_TABLE} { ${chains.join('\n')}\n}`;
  };
  const tables = [table('inet', ['prerouting', 'output'])];
  const isBridged = spec.interfaces.some((row) => row.type === 'bridge') && /table bridge/.test(ruleset);
  if (isBridged) tables.push(table('bridge', ['prerouting', 'output']));
  // A reply is a packet of its own: nothing else would trace its way out.
  if (/table arp|hook egress/.test(ruleset)) tables.push(table('arp', ['input', 'output']));
  if (/type filter hook (ingress|egress)/.test(ruleset)) {
    const devices = spec.interfaces.filter((row) => row.type !== 'loopback').map((row) => `"${row.name}"`);
    tables.push(table('netdev', ['ingress'], `devices = { ${devices.join(', ')} } `));
  }
  return `${tables.join('\n')}\n`;
}

/** As guest.c reads it. */
function frameFile(scene: KernelScene, spec: RouterSpec): Uint8Array {
  const devices = physical(spec);
  const parts: Buffer[] = [];
  const word = (value: number): Buffer => {
    const octets = Buffer.alloc(4);
    octets.writeUInt32LE(value >>> 0);
    return octets;
  };
  const long = (value: number): Buffer => Buffer.concat([word(value % 2 ** 32), word(Math.floor(value / 2 ** 32))]);
  parts.push(word(devices.length));
  for (const device of devices) parts.push(Buffer.concat([Buffer.from(device.name), Buffer.alloc(16)]).subarray(0, 16));
  parts.push(word(scene.epochSeconds ?? EPOCH_SECONDS), word(0), word(scene.frames.length));
  for (const { device, timeNs, octets } of scene.frames) {
    const index = devices.findIndex((row) => row.name === device);
    if (index < 0) throw new Error(`${scene.name}: no physical interface is called ${device}`);
    parts.push(long(timeNs), word(index), word(octets.length), Buffer.from(octets));
  }
  parts.push(long(scene.tailNs ?? TAIL_NS));
  return Buffer.concat(parts);
}

/** Programs take long to start in the guest: ip reads its lines from two files. */
function setupScript(spec: RouterSpec, index: number): string {
  const sessions = spec.interfaces.filter((row) => row.type === 'pppoe');
  return [
    ...SYSCTLS.map(([name, value]) => sysctlLine(name, value)),
    `/bin/ip -batch /job/${index}/links`,
    ...spec.interfaces.flatMap(bridgeVlanLines),
    ...spec.interfaces.filter((row) => row.type !== 'loopback' && row.type !== 'pppoe').map(linkLocalLine),
    // A session wants its device up and as it stays: a change of address or MTU ends it.
    ...(sessions.length === 0 ? [] : [`/bin/ip -batch /job/${index}/devices`]),
    ...sessions.flatMap((row) => [
      `guest pppoe ${row.link} ${row.peer ?? spec.defaultNeighbourMac} ${row.id} ${row.name} >> /run/pppoe`,
      linkLocalLine(row),
    ]),
    ...Object.entries(spec.sysctl)
      .filter(([name]) => name !== ERROR_COST && !SHARED_SYSCTLS.includes(name))
      .map(([name, value]) => sysctlLine(name, value)),
    `/bin/ip -batch /job/${index}/addresses`,
    ...(spec.rules ?? [])
      .filter((row) => row.family === 6)
      .flatMap((row) => ruleLine(row).map((line) => `/bin/ip -6 ${line}`)),
    `sleep ${QUIET_SECONDS}`,
    `nft -f /job/${index}/ruleset.nft`,
    '',
  ].join('\n');
}

function bridgeVlanLines(row: InterfaceSpec): string[] {
  return (row.vlans ?? []).map(
    ({ port, id, pvid, untagged }) =>
      `/bin/bridge vlan add dev ${port} vid ${id}${pvid ? ' pvid' : ''}${untagged ? ' untagged' : ''}${port === row.name ? ' self' : ''}`,
  );
}

function linkLocalLine(row: InterfaceSpec): string {
  return `echo ${row.linkLocal ? 0 : 1} > /proc/sys/net/ipv6/conf/${row.name}/addr_gen_mode`;
}

/** Devices on top of others, and their MAC addresses, before anything is up: link-local addresses are made from them. */
function linkLines(spec: RouterSpec): string {
  const named = spec.interfaces.filter((row) => row.type !== 'loopback' && row.type !== 'pppoe');
  return lines([
    ...spec.interfaces.flatMap(interfaceLines),
    ...named.map((row) => `link set ${row.name} address ${row.mac}`),
  ]);
}

function upLines(spec: RouterSpec): string[] {
  return spec.interfaces
    .filter((row) => row.type !== 'loopback' && row.type !== 'pppoe')
    .map((row) => `link set ${row.name} mtu ${row.mtu} up`);
}

function addressFile(spec: RouterSpec, scene: KernelScene): string {
  const sessions = spec.interfaces.filter((row) => row.type === 'pppoe');
  return lines([
    'link set lo up',
    ...(sessions.length === 0 ? upLines(spec) : sessions.map((row) => `link set ${row.name} mtu ${row.mtu} up`)),
    ...spec.interfaces.flatMap(addressLines),
    ...spec.routes.map(routeLine),
    ...(spec.rules ?? []).filter((row) => row.family === 4).flatMap(ruleLine),
    ...neighbourLines(spec, scene),
  ]);
}

function lines(rows: string[]): string {
  return rows.map((row) => `${row}\n`).join('');
}

/** A router without noise: no advertisements, no duplicate address detection, no limits on its ICMP errors. */
export const SYSCTLS: [string, number][] = [
  ['net.ipv4.ip_forward', 1],
  ['net.ipv6.conf.all.forwarding', 1],
  ['net.ipv6.conf.default.accept_ra', 0],
  ['net.ipv6.conf.default.accept_dad', 0],
  ['net.ipv6.conf.default.dad_transmits', 0],
  ['net.ipv6.conf.default.addr_gen_mode', 1],
  ['net.ipv6.auto_flowlabels', 0],
  ['net.ipv4.conf.all.rp_filter', 0],
  ['net.ipv4.conf.default.rp_filter', 0],
  ['net.ipv4.conf.all.send_redirects', 0],
  ['net.ipv4.conf.default.send_redirects', 0],
  ['net.ipv4.icmp_ratelimit', 0],
  ['net.ipv4.icmp_msgs_per_sec', 1_000_000],
  ['net.ipv4.icmp_msgs_burst', 1_000_000],
  ['net.ipv6.icmp.ratelimit', 0],
];

/** Of all network namespaces together: set outside of the scene's, and restored. */
const SHARED_SYSCTLS = ['max', 'buckets', 'expect_max'].map((name) => `net.netfilter.nf_conntrack_${name}`);

function sysctlLine(name: string, value: number | string): string {
  return `echo ${quoted(String(value))} > ${sysctlPath(name)}`;
}

function sysctlPath(name: string): string {
  // Interface names with dots have slashes in sysctl's notation.
  const parts = name.split('.').map((part) => part.replaceAll('/', '.'));
  return `/proc/sys/${parts.join('/')}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function interfaceLines(row: InterfaceSpec): string[] {
  switch (row.type) {
    case 'vlan':
      return [
        `link add link ${row.link} name ${row.name} type vlan protocol ${row.protocol === 0x88a8 ? '802.1ad' : '802.1Q'} id ${row.id}`,
      ];
    case 'bridge':
      return [
        `link add ${row.name} type bridge forward_delay 0 mcast_snooping 0${row.vlans === undefined ? '' : ' vlan_filtering 1 vlan_default_pvid 0'}`,
        ...(row.ports ?? []).map((port) => `link set ${port} master ${row.name}`),
      ];
    case 'dummy':
      return [`link add ${row.name} type dummy`];
    default:
      return [];
  }
}

function addressLines(row: InterfaceSpec): string[] {
  return row.addresses.map(
    (address) => `addr add ${address} dev ${row.name}${address.includes(':') ? ' nodad' : ' broadcast +'}`,
  );
}

function routeLine(row: RouteSpec): string {
  const hop = (one: { via?: string; dev?: string }): string =>
    `${one.via === undefined ? '' : ` via ${one.via}`}${one.dev === undefined ? '' : ` dev ${one.dev}`}`;
  const nexthops = (row.nexthops ?? []).map((one) => ` nexthop${hop(one)} weight ${one.weight}`).join('');
  const more = [
    row.metric === undefined ? '' : ` metric ${row.metric}`,
    row.table === undefined ? '' : ` table ${row.table}`,
    row.src === undefined ? '' : ` src ${row.src}`,
    row.mtu === undefined ? '' : ` mtu ${row.mtu}`,
  ].join('');
  return `route add ${row.type} ${row.dst}${nexthops === '' ? hop(row) : ''}${more}${nexthops}`;
}

function ruleLine(row: PolicyRuleSpec): string[] {
  if ([0, 32_766, 32_767].includes(row.priority)) return [];
  const selectors = [
    row.from === undefined ? '' : `from ${row.from}`,
    row.to === undefined ? '' : `to ${row.to}`,
    row.fwmark === undefined ? '' : `fwmark ${row.fwmark}/${row.fwmask ?? 0xffffffff}`,
    row.iif === undefined ? '' : `iif ${row.iif}`,
    row.oif === undefined ? '' : `oif ${row.oif}`,
    row.protocol === undefined ? '' : `ipproto ${row.protocol}`,
    row.sport === undefined ? '' : `sport ${row.sport.join('-')}`,
    row.dport === undefined ? '' : `dport ${row.dport.join('-')}`,
    row.tos === undefined ? '' : `tos 0x${row.tos.toString(16)}`,
  ].filter((text) => text !== '');
  const action =
    row.action === 'lookup' ? `table ${row.table}` : row.action === 'goto' ? `goto ${row.goto}` : row.action;
  const suppress = row.suppressPrefixLength === undefined ? '' : ` suppress_prefixlength ${row.suppressPrefixLength}`;
  return [`rule add ${row.not ? 'not ' : ''}${selectors.join(' ')} priority ${row.priority} ${action}${suppress}`];
}

/**
 * Everybody whom a packet may be sent to answers on every interface, as with the emulated router: those of the router file,
 * and every address that frames, routes or rules name.
 */
function neighbourLines(spec: RouterSpec, scene: KernelScene): string[] {
  const plain = (address: string): string => formatAddress(parseAddress(address) ?? new Uint8Array(4));
  const known = new Set(
    [...spec.neighbours, ...(spec.silentNeighbours ?? [])].map((row) => `${row.dev} ${plain(row.ip)}`),
  );
  const own = new Set(spec.interfaces.flatMap((row) => row.addresses.map((address) => address.split('/')[0])));
  const rows = spec.neighbours.map((row) => `neigh replace ${row.ip} lladdr ${row.mac} dev ${row.dev} nud permanent`);
  const named = new Set<string>([
    ...addressesIn(scene.frames),
    ...spec.routes.flatMap((row) => [row.via ?? '', ...(row.nexthops ?? []).map((hop) => hop.via ?? '')]),
    ...(scene.ruleset.match(/\b\d{1,3}(\.\d{1,3}){3}\b/g) ?? []),
    ...(scene.ruleset.match(/\b[0-9a-f]{1,4}:[0-9a-f:]*:[0-9a-f:]*\b/gi) ?? []),
  ]);
  // Nobody is asked for an address on a PPP link.
  for (const device of spec.interfaces.filter((row) => row.type !== 'loopback' && row.type !== 'pppoe')) {
    for (const address of named) {
      const place = `${device.name} ${plain(address)}`;
      if (!isSingle(address, spec) || own.has(address) || known.has(place)) continue;
      known.add(place);
      rows.push(`neigh replace ${address} lladdr ${spec.defaultNeighbourMac} dev ${device.name} nud permanent`);
    }
  }
  return rows;
}

/** An address that somebody can have: not a group, not the broadcast address of a subnet. */
function isSingle(address: string, spec: RouterSpec): boolean {
  const octets = parseAddress(address);
  const first = octets?.[0];
  if (octets === undefined || first === undefined || (octets.length === 4 ? first >= 224 : first === 0xff))
    return false;
  if (octets.length !== 4) return true;
  const value = Buffer.from(octets).readUInt32BE(0);
  return !spec.interfaces.some((row) =>
    row.addresses.some((text) => {
      const prefix = parsePrefix(text);
      if (prefix === undefined || prefix.address.length !== 4 || prefix.length > 30) return false;
      const host = 0xffffffff >>> prefix.length;
      return value === (Buffer.from(prefix.address).readUInt32BE(0) | host) >>> 0;
    }),
  );
}

/** Source and destination addresses of all frames, ARP's too. */
function addressesIn(frames: SceneFrame[]): string[] {
  const found = new Set<string>();
  for (const { octets } of frames) {
    const view = Buffer.from(octets);
    let at = 12;
    while (at + 2 <= view.length && [0x8100, 0x88a8].includes(view.readUInt16BE(at))) at += 4;
    if (at + 10 > view.length) continue;
    const isSession = view.readUInt16BE(at) === 0x8864;
    const inner = isSession ? view.readUInt16BE(at + 8) : 0;
    const type = !isSession ? view.readUInt16BE(at) : inner === 0x0021 ? 0x0800 : inner === 0x0057 ? 0x86dd : 0;
    const network = at + (isSession ? 10 : 2);
    if (type === 0x0800 && network + 20 <= view.length) {
      found.add([...view.subarray(network + 12, network + 16)].join('.'));
      found.add([...view.subarray(network + 16, network + 20)].join('.'));
    } else if (type === 0x86dd && network + 40 <= view.length) {
      for (const from of [network + 8, network + 24]) {
        const groups = Array.from({ length: 8 }, (_, i) => view.readUInt16BE(from + 2 * i).toString(16));
        found.add(groups.join(':'));
      }
    }
  }
  return [...found];
}

function afterScript(index: number, ruleset: string): string {
  // nft 1.0.6 leaves the sets of meters out of a ruleset's listing.
  const meters = /\bmeter\b/.test(ruleset) ? [`nft -j list meters | guest emit ${index}.meters`] : [];
  return [
    `guest emit ${index}.replay </replay.out`,
    `nft -j list ruleset | guest emit ${index}.ruleset`,
    ...meters,
    `conntrack -L -o extended 2>/dev/null | guest emit ${index}.conntrack`,
    'if [ -f /run/pppoe ]; then for child in $(cat /run/pppoe); do kill $child; done; busybox rm /run/pppoe; fi',
    '',
  ].join('\n');
}
