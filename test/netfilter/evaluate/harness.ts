// A router with nothing but netfilter: rulesets written as bytecode, packets handed to one hook, and what came of it.
import type { Expression, Verdict } from '../../../src/bytecode/expression.ts';
import type { BaseChain, Chain, Family, Hook, NftSet, Rule, Ruleset, Table } from '../../../src/bytecode/ruleset.ts';
import { Recorder } from '../../../src/event/recorder.ts';
import { argumentOf, EVENTS, HOOK_NAMES, kindOf, RULE_MATCHED } from '../../../src/event/vocabulary.ts';
import { Fib } from '../../../src/net/fib.ts';
import { Interfaces } from '../../../src/net/interfaces.ts';
import type { InterfaceSpec, RouterSpec } from '../../../src/net/spec.ts';
import { Netfilter } from '../../../src/netfilter/netfilter.ts';
import type { RouterServices } from '../../../src/netfilter/services.ts';
import { decodeNetwork } from '../../../src/packet/decode.ts';
import { HEADROOM, Packet } from '../../../src/packet/packet.ts';

export const IPV4 = 2;
export const IPV6 = 10;

const physical = (name: string, mac: string, addresses: string[]): InterfaceSpec => ({
  name,
  mac,
  addresses,
  mtu: 1500,
  type: 'physical',
  linkLocal: false,
});

/** lan0 = 1, wan0 = 2 (MTU 1492), lan0.10 = 3, lo = 4. */
export const SPEC: RouterSpec = {
  interfaces: [
    physical('lan0', '02:00:00:00:00:01', ['192.168.1.1/24', 'fd00:1::1/64']),
    { ...physical('wan0', '02:00:00:00:00:02', ['203.0.113.1/24', '2001:db8:2::1/64']), mtu: 1492 },
    { ...physical('lan0.10', '', ['192.168.10.1/24']), type: 'vlan', link: 'lan0', id: 10 },
  ],
  routes: [
    { dst: '0.0.0.0/0', via: '203.0.113.254', dev: 'wan0', type: 'unicast' },
    { dst: '::/0', via: '2001:db8:2::fe', dev: 'wan0', type: 'unicast' },
  ],
  neighbours: [],
  sysctl: {},
  defaultNeighbourMac: '02:ee:00:00:00:01',
};

export function rule(...expressions: Expression[]): Rule {
  return { handle: 0, expressions };
}

export function base(hook: Hook, more: Partial<BaseChain> = {}): BaseChain {
  return { type: 'filter', hook, priority: 0, policy: 'accept', devices: [], ...more };
}

export function chain(name: string, rules: Rule[], baseChain?: BaseChain): Chain {
  const plain = { name, handle: 0, rules };
  return baseChain === undefined ? plain : { ...plain, base: baseChain };
}

export function table(family: Family, chains: Chain[], more: Partial<Table> = {}): Table {
  return { family, name: 't', handle: 0, flags: [], chains, sets: [], objects: [], flowtables: [], ...more };
}

export function set(name: string, keyLength: number, more: Partial<NftSet> = {}): NftSet {
  return {
    name,
    handle: 0,
    anonymous: false,
    constant: false,
    interval: false,
    dynamic: false,
    timeout: false,
    autoMerge: false,
    keyTypes: ['x'],
    keyFieldLengths: [keyLength],
    keyLength,
    dataTypes: [],
    dataLength: 0,
    elementExpressions: [],
    elements: [],
    ...more,
  };
}

export const verdict = (code: Verdict['code'], chainName?: string): Expression => ({
  kind: 'verdict',
  verdict: chainName === undefined ? { code } : { code, chain: chainName },
});
export const counter: Expression = { kind: 'counter', packets: 0, bytes: 0 };
export const accept = verdict('accept');
export const drop = verdict('drop');

export function cmp(sreg: number, ...data: number[]): Expression {
  return { kind: 'cmp', op: 'eq', sreg, data: Uint8Array.from(data) };
}

export function immediate(dreg: number, ...data: number[]): Expression {
  return { kind: 'immediate', dreg, data: Uint8Array.from(data) };
}

/** `meta l4proto P`, then a load of the transport header. */
export function transport(protocol: number, offset: number, length: number, dreg = 1): Expression[] {
  return [
    { kind: 'meta', key: 'l4proto', dreg: 1 },
    cmp(1, protocol),
    { kind: 'payload', base: 'transport', offset, length, dreg },
  ];
}

/** `udp dport P` or `tcp dport P`. */
export function dport(protocol: number, port: number): Expression[] {
  return [...transport(protocol, 2, 2), cmp(1, port >>> 8, port & 255)];
}

export const OUR_VERDICTS = ['drop', 'accept', 'stolen', 'queue'];

/** Everything a test may want to look at. */
export class TestRouter {
  readonly netfilter: Netfilter;
  readonly recorder = new Recorder();
  readonly interfaces = new Interfaces(SPEC);
  readonly fib = new Fib(SPEC, this.interfaces);
  /** Calls of services, as text. */
  readonly calls: string[] = [];
  readonly packet = new Packet();

  constructor(tables: Table[], options: { sysctl?: Record<string, number>; epochNs?: bigint } = {}) {
    const ruleset: Ruleset = { tables, interfaceNames: [] };
    this.netfilter = new Netfilter({
      ruleset,
      interfaces: this.interfaces,
      fib: this.fib,
      sysctl: options.sysctl ?? {},
      recorder: this.recorder,
      services: this.#services(),
      seed: 1,
      epochNs: options.epochNs ?? 0n,
      offload: 'as-ruled',
    });
  }

  /** Attaches a frame as it comes in at `iif`, decoded, routed to `oif`. */
  take(frame: Uint8Array, more: Partial<Packet> = {}): Packet {
    const data = new Uint8Array(HEADROOM + frame.length + 64);
    data.set(frame, HEADROOM);
    const { packet } = this;
    const captured = more.wireLength === undefined ? frame.length : Math.min(frame.length, more.wireLength);
    packet.attach(data, HEADROOM, HEADROOM + captured, more.wireLength ?? frame.length);
    packet.etherType = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    packet.network = HEADROOM + 14;
    packet.iif = 1;
    packet.oif = 2;
    Object.assign(packet, more);
    decodeNetwork(packet);
    this.recorder.begin();
    return packet;
  }

  /** Runs a hook for a frame: the verdict, by name. */
  run(hook: Hook, frame: Uint8Array, more: Partial<Packet> = {}): string {
    const packet = this.take(frame, more);
    const index = HOOK_NAMES.indexOf(hook);
    const result =
      hook === 'ingress'
        ? this.netfilter.runIngress(packet)
        : hook === 'egress'
          ? this.netfilter.runEgress(packet)
          : this.netfilter.run(index, packet.ipVersion === 6 ? IPV6 : IPV4, packet);
    return OUR_VERDICTS[result] ?? String(result);
  }

  /** Events of the last packet: 'rule 3 broke at 2' = rule 3, its second expression broke. */
  events(): string[] {
    return [...this.recorder.current()].map((word) => {
      const name = EVENTS[kindOf(word)]?.name ?? '?';
      const argument = argumentOf(word);
      if (name === 'rule') {
        const evaluated = argument & 255;
        return `rule ${argument >>> 8} ${evaluated === RULE_MATCHED ? 'matched' : `broke at ${evaluated}`}`;
      }
      if (name === 'hook') return `hook ${HOOK_NAMES[argument]}`;
      return `${name} ${argument}`;
    });
  }

  /** Packet counts of the counters of all rules, in order. */
  counters(): number[] {
    const packets: number[] = [];
    for (const one of this.netfilter.state().tables) {
      for (const row of one.chains) {
        for (const states of row.rules) {
          for (const state of states) if (state?.kind === 'counter') packets.push(state.packets);
        }
      }
    }
    return packets;
  }

  #services(): RouterServices {
    const { calls } = this;
    return {
      sendTcpReset: (_packet, hook) => calls.push(`reset at ${HOOK_NAMES[hook]}`),
      sendIcmpError: (_packet, version, type, code, hook) =>
        calls.push(`icmp${version} ${type}/${code} at ${HOOK_NAMES[hook]}`),
      reroute: () => calls.push('reroute') > 0,
      flowTransmit: () => calls.push('flow'),
      duplicate: (_packet, oif, version) => calls.push(`dup ${version} by ${oif}`),
      forwardTo: (_packet, oif, version) => calls.push(`fwd ${version} by ${oif}`),
    };
  }
}
