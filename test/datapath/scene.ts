// Replays a scene (topology, rules, frames at interfaces) through our router and gives what the kernel oracle gives:
// per packet a verdict and the frames that left, as hex.

import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { parseRouter } from '../../src/config/router-file.ts';
import { Router } from '../../src/datapath/router.ts';
import { REASONS } from '../../src/event/reasons.ts';
import { Recorder } from '../../src/event/recorder.ts';
import type { RouterSpec } from '../../src/net/spec.ts';
import { HEADROOM, Packet, VERDICTS } from '../../src/packet/packet.ts';

/** A frame that enters at an interface. */
export interface SceneFrame {
  iface: string;
  frame: Uint8Array;
  /** Nanoseconds since the first packet. */
  timeNs: number;
}

export interface SceneOutput {
  iface: string;
  hex: string;
}

export interface SceneOutcome {
  verdict: string;
  reason: string;
  outputs: SceneOutput[];
}

/** The oracle's kernel sends no redirects and has no limits on ICMP errors. */
function asTheOracle(spec: RouterSpec): RouterSpec {
  return {
    ...spec,
    sysctl: {
      'net.ipv4.conf.all.send_redirects': 0,
      'net.ipv4.conf.default.send_redirects': 0,
      'net.ipv4.icmp_ratelimit': 0,
      'net.ipv4.icmp_msgs_per_sec': 1_000_000,
      'net.ipv4.icmp_msgs_burst': 1_000_000,
      'net.ipv4.route.error_cost': 0,
      'net.ipv6.icmp.ratelimit': 0,
      ...spec.sysctl,
    },
  };
}

/** A router that frames enter one after the other. */
export class Scene {
  readonly router: Router;
  readonly #recorder = new Recorder();
  readonly #packet = new Packet();
  #outputs: SceneOutput[] = [];
  #number = 0;

  /** `topology` is the oracle's JSON. */
  constructor(topology: object, ruleset: Ruleset) {
    const { setup: _setup, ...description } = topology as Record<string, unknown>;
    this.router = new Router({
      spec: asTheOracle(parseRouter(JSON.stringify(description), 'topology')),
      ruleset,
      recorder: this.#recorder,
      sink: {
        frame: (ifindex, data, start, end) => {
          this.#outputs.push({ iface: this.router.interfaces.at(ifindex).name, hex: hex(data.slice(start, end)) });
        },
      },
      seed: 1,
      epochNs: 0n,
      offload: 'as-ruled',
    });
  }

  send(iface: string, frame: Uint8Array, timeNs: number): SceneOutcome {
    this.#outputs = [];
    const packet = this.#packet;
    const buffer = new Uint8Array(HEADROOM + frame.length + 64);
    buffer.set(frame, HEADROOM);
    packet.attach(buffer, HEADROOM, HEADROOM + frame.length, frame.length);
    packet.number = ++this.#number;
    packet.timeNs = timeNs;
    this.#recorder.begin();
    const dev = this.router.interfaces.byName(iface);
    if (dev === undefined) throw new Error(`no interface ${iface}`);
    this.router.process(packet, dev.index);
    this.#recorder.end(packet.pathClass, packet.verdict, frame.length, packet.number);
    return {
      verdict: VERDICTS[packet.verdict] ?? '',
      reason: REASONS[packet.reason]?.name ?? '',
      outputs: this.#outputs,
    };
  }
}

/** Runs all frames of a scene. */
export function replayScene(topology: object, ruleset: Ruleset, frames: SceneFrame[]): SceneOutcome[] {
  const scene = new Scene(topology, ruleset);
  return frames.map(({ iface, frame, timeNs }) => scene.send(iface, frame, timeNs));
}

/** Frames by interface: the oracle collects them from one interface after the other. */
export function byInterface(outputs: SceneOutput[]): SceneOutput[] {
  return [...outputs].sort((a, b) => (a.iface < b.iface ? -1 : a.iface > b.iface ? 1 : 0));
}

/** Hex text of octets. */
export function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

/** Octets of hex text. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** Neither DF nor a fragment (fragments of a forwarded datagram look to the oracle as if the router had made them). */
function isWhole(data: Uint8Array, net: number): boolean {
  return (data[net + 6] ?? 0) === 0 && (data[net + 7] ?? 0) === 0;
}

/**
 * A frame with what is random in the kernel blanked: the identification (and header checksum) of IPv4 datagrams without
 * DF that the router made, and of IPv6 fragments.
 */
export function masked(text: string, isGenerated: boolean): string {
  const data = octets(text);
  let at = 12;
  while (data[at] === 0x81 || data[at] === 0x88) at += 4;
  const type = ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  const net = at + 2;
  if (type === 0x0800 && isGenerated && (data[net + 9] === 1 || isWhole(data, net))) {
    data.fill(0, net + 4, net + 6);
    data.fill(0, net + 10, net + 12);
  }
  if (type === 0x86dd && data[net + 6] === 44) data.fill(0, net + 44, net + 48);
  return hex(data);
}
