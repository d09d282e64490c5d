// The devices doctor: at which interfaces of the router can frames hit the flowtable? A flow's frames are looked up with the
// device at the bottom of the way (below bridge, VLAN, PPPoE) if that one is in `devices = { }`, else with the interface
// that the route names (nft_dev_forward_path of net/netfilter/nft_flow_offload.c); in between, nothing is ever found.
import { u8, u16, u32 } from '../../base/columns.ts';
import type { Ruleset } from '../../bytecode/ruleset.ts';
import type { InterfaceSpec, RouterSpec } from '../../net/spec.ts';
import { PATH_SLOW, VERDICT_FORWARD } from '../../packet/packet.ts';
import type { ColumnReplay } from '../columns.ts';
import { Paths } from './paths.ts';

/** NF_FLOW_TABLE_ENCAP_MAX and NET_DEVICE_PATH_STACK_MAX. */
const ENCAP_MAX = 2;
const STACK_MAX = 5;

/** One way into the router: an interface with addresses, and a physical device below it (or itself). */
export interface DeviceWay {
  /** From the interface that routes name down to the device that carries the frames: ['br-lan', 'lan1']. */
  stack: string[];
  /** Device at whose ingress flows are found; absent: nowhere. */
  hitsAt?: string;
  /** A flow that enters here can be bound by an engine. */
  hardware: boolean;
  why: string;
  /** Packets that entered here and were forwarded. */
  packets: number;
  /** Those of them that were of an offloaded connection, yet never met the flowtable. */
  passedBy: number;
}

export interface DeviceReport {
  flowtable: string;
  devices: string[];
  ways: DeviceWay[];
  /** The list that lets every way with traffic hit, when it is another one. */
  wanted?: string[];
}

/** One report for each flowtable. `on`: the replay with offload. */
export function deviceReports(ruleset: Ruleset, router: RouterSpec, on: ColumnReplay): DeviceReport[] {
  const traffic = trafficBelow(on);
  return ruleset.tables.flatMap((table) =>
    table.flowtables.map(({ name, devices }) => {
      const ways = stacks(router).map((stack) => judge(stack, new Set(devices), router, traffic));
      const missing = ways.filter(
        (way) => way.hitsAt === undefined && way.packets > 0 && mayDescend(way.stack, router),
      );
      const added = missing.map(toName);
      const wanted = [...new Set([...devices, ...added])];
      return {
        flowtable: `${table.family} ${table.name} ${name}`,
        devices: [...devices],
        ways,
        ...(wanted.length > devices.length ? { wanted } : {}),
      };
    }),
  );
}

/** The device at the bottom serves hardware too; ports that come and go stand for their bridge. */
function toName({ stack }: DeviceWay): string {
  const bottom = stack[stack.length - 1] as string;
  return /^(veth|tap|vnet)/.test(bottom) ? (stack[0] as string) : bottom;
}

/** Packets of offloaded connections that entered at these devices and that no flowtable looked at. */
export function unseenPackets(on: ColumnReplay, devices: ReadonlySet<string | undefined>): number {
  const { unseen } = trafficBelow(on);
  return [...unseen].reduce((sum, [name, packets]) => sum + (devices.has(name) ? packets : 0), 0);
}

interface Traffic {
  packets: Map<string, number>;
  /** Of offloaded connections on the slow path; `unseen`: no flowtable looked at them. */
  slow: Map<string, number>;
  unseen: Map<string, number>;
}

/** By the device where frames entered: forwarded packets, and those of offloaded flows that no flowtable looked at. */
function trafficBelow({ columns, result }: ColumnReplay): Traffic {
  const paths = new Paths(result.paths);
  const offloaded = new Set<number>();
  const traffic: Traffic = { packets: new Map(), slow: new Map(), unseen: new Map() };
  const { interfaces } = result.names;
  for (let at = 0; at < columns.packets; at++) {
    if (u8(columns.verdict, at) !== VERDICT_FORWARD) continue;
    const name = interfaces[u16(columns.ifindex, at)] ?? '';
    add(traffic.packets, name);
    if (u8(columns.pathClass, at) !== PATH_SLOW) continue;
    const facts = paths.facts(u32(columns.path, at));
    const flow = u32(columns.flow, at);
    if (offloaded.has(flow)) add(traffic.slow, name);
    if (offloaded.has(flow) && !facts.missedFlowtable) add(traffic.unseen, name);
    if (facts.addsFlow) offloaded.add(flow);
  }
  return traffic;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** All ways down from interfaces that carry addresses, or that nothing is stacked upon. */
function stacks({ interfaces }: RouterSpec): string[][] {
  const below = new Set(
    interfaces.flatMap((row) => [...(row.link === undefined ? [] : [row.link]), ...(row.ports ?? [])]),
  );
  return interfaces
    .filter((row) => row.type !== 'loopback' && row.type !== 'dummy')
    .filter((row) => !below.has(row.name) || row.addresses.length > 0)
    .flatMap((row) => waysDown(row, interfaces, []));
}

function waysDown(row: InterfaceSpec, interfaces: InterfaceSpec[], above: string[]): string[][] {
  const stack = [...above, row.name];
  const next = row.type === 'bridge' ? (row.ports ?? []) : row.link === undefined ? [] : [row.link];
  if (next.length === 0 || above.length > 8) return [stack];
  return next.flatMap((name) => {
    const device = interfaces.find((other) => other.name === name);
    return device === undefined || stack.includes(name) ? [] : waysDown(device, interfaces, stack);
  });
}

function judge(stack: string[], devices: Set<string>, router: RouterSpec, traffic: Traffic): DeviceWay {
  const top = stack[0] as string;
  const bottom = stack[stack.length - 1] as string;
  const middle = stack.slice(1, -1).filter((name) => devices.has(name));
  const packets = traffic.packets.get(bottom) ?? 0;
  const hits = { stack, packets, passedBy: traffic.unseen.get(bottom) ?? 0 };
  const isPhysical = router.interfaces.find((row) => row.name === bottom)?.type === 'physical';
  if (devices.has(bottom) && mayDescend(stack, router))
    return { ...hits, hitsAt: bottom, hardware: isPhysical, why: '' };
  if (devices.has(top)) {
    return { ...hits, hitsAt: top, hardware: false, why: top === bottom ? '' : `hardware needs ${bottom}` };
  }
  const never = { stack, packets, passedBy: traffic.slow.get(bottom) ?? 0, hardware: false };
  if (!mayDescend(stack, router)) return { ...never, why: `needs ${top}: too much lies between it and ${bottom}` };
  const useless = middle.length > 0 ? `; ${middle.join(', ')} in between does not help` : '';
  return { ...never, why: `needs ${top === bottom ? top : `${bottom} or ${top}`}${useless}` };
}

/** Can the kernel follow the way to its bottom, and does the frame's encapsulation fit a flow? */
function mayDescend(stack: string[], { interfaces }: RouterSpec): boolean {
  const types = stack.map((name) => interfaces.find((row) => row.name === name)?.type);
  const encapsulations = types.filter((type) => type === 'vlan' || type === 'pppoe').length;
  const bridges = types.filter((type) => type === 'bridge').length;
  return encapsulations <= ENCAP_MAX && bridges <= 1 && stack.length <= STACK_MAX;
}
