// What a base chain of each family and type does when a hook runs it (nft_chain_filter.c, nft_chain_route.c,
// nft_chain_nat.c): sets up an evaluation, runs the chain, and for route chains looks the route up anew.
import { be32, u8, u32 } from '../../base/columns.ts';
import { reasonIndex } from '../../event/reasons.ts';
import type { Recorder } from '../../event/recorder.ts';
import type { Packet } from '../../packet/packet.ts';
import type { HookFunction } from '../hooks.ts';
import type { RouterServices } from '../services.ts';
import type { Tracer } from '../tracer.ts';
import { NF_ACCEPT, NF_DROP } from '../verdict.ts';
import { Evaluation, PF_IPV4, PF_IPV6 } from './evaluation.ts';
import { doChain, JumpStack } from './interpreter.ts';
import { runChain } from './matched-chain.ts';
import type { PreparedChain } from './prepared.ts';

const MALFORMED = reasonIndex('malformed');
const NO_ROUTE = reasonIndex('no-route');
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
/** Words of the header that a route chain may change with effect, and the mark. */
const ROUTE_WORDS = 11;

/** One level of evaluations within evaluations. */
class Level {
  readonly run = new Evaluation();
  readonly stack = new JumpStack();
  readonly before = new Uint32Array(ROUTE_WORDS);
}

/** Makes the hook functions of base chains; they share evaluations, one for each level of nesting. */
export class BaseChains {
  readonly #recorder: Recorder;
  readonly #services: RouterServices;
  readonly #tracer: Tracer | undefined;
  readonly #levels: Level[] = [new Level(), new Level()];
  #depth = 0;

  constructor(recorder: Recorder, services: RouterServices, tracer?: Tracer) {
    this.#recorder = recorder;
    this.#services = services;
    this.#tracer = tracer;
  }

  /** A filter or nat chain at an ip or ip6 hook; `pf` PF_IPV4 or PF_IPV6. */
  inet(chain: PreparedChain, hook: number, pf: number): HookFunction {
    return (packet) => {
      const level = this.#enter();
      level.run.beginInet(packet, hook, pf);
      const verdict = this.#run(level, chain);
      this.#depth--;
      return verdict;
    };
  }

  /** A route chain: when it changed what routing looks at, the packet is routed again. */
  route(chain: PreparedChain, hook: number, pf: number): HookFunction {
    return (packet) => {
      const level = this.#enter();
      level.run.beginInet(packet, hook, pf);
      saveRouteWords(packet, pf, level.before);
      let verdict = this.#run(level, chain);
      if (verdict === NF_ACCEPT && routeWordsChanged(packet, pf, level.before) && !this.#services.reroute(packet)) {
        packet.reason = NO_ROUTE;
        verdict = NF_DROP;
      }
      this.#depth--;
      return verdict;
    };
  }

  /** A netdev, bridge or arp chain. */
  link(chain: PreparedChain, hook: number, pf: number): HookFunction {
    return (packet) => {
      const level = this.#enter();
      level.run.beginLink(packet, hook, pf);
      const verdict = this.#run(level, chain);
      this.#depth--;
      return verdict;
    };
  }

  /** An ingress chain of an inet table (nft_do_chain_inet_ingress): IP only, malformed datagrams end here. */
  inetIngress(chain: PreparedChain, hook: number): HookFunction {
    return (packet) => {
      const { etherType } = packet;
      if (etherType !== IPV4 && etherType !== IPV6) return NF_ACCEPT;
      const level = this.#enter();
      const { run } = level;
      run.beginLink(packet, hook, etherType === IPV4 ? PF_IPV4 : PF_IPV6);
      let verdict = NF_DROP;
      if (run.hasTransport) verdict = this.#run(level, chain);
      else packet.reason = MALFORMED;
      this.#depth--;
      return verdict;
    };
  }

  #run(level: Level, chain: PreparedChain): number {
    const tracer = this.#tracer;
    if (tracer === undefined) return runChain(level.run, chain, level.stack, this.#recorder);
    return doChain(level.run, chain, level.stack, this.#recorder, tracer.isActive ? tracer : undefined);
  }

  #enter(): Level {
    let level = this.#levels[this.#depth];
    if (level === undefined) {
      level = new Level();
      this.#levels.push(level);
    }
    this.#depth++;
    return level;
  }
}

function saveRouteWords(packet: Packet, pf: number, to: Uint32Array): void {
  for (let i = 0; i < ROUTE_WORDS; i++) to[i] = routeWord(packet, pf, i);
}

function routeWordsChanged(packet: Packet, pf: number, before: Uint32Array): boolean {
  for (let i = 0; i < ROUTE_WORDS; i++) if (routeWord(packet, pf, i) !== u32(before, i)) return true;
  return false;
}

/** IPv4: mark, TOS, addresses. IPv6: mark, hop limit, version and flow label, addresses. */
function routeWord(packet: Packet, pf: number, i: number): number {
  const { data, network } = packet;
  if (i === 0) return packet.mark >>> 0;
  if (pf === PF_IPV4) return i === 1 ? u8(data, network + 1) : i < 4 ? be32(data, network + 4 + i * 4) : 0;
  if (i === 1) return u8(data, network + 7);
  return i === 2 ? be32(data, network) : be32(data, network - 4 + i * 4);
}
