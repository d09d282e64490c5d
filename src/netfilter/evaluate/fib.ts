// `fib` (nft_fib.c, nft_fib_ipv4.c, nft_fib_ipv6.c): asks the routing table about one of the packet's addresses: by
// which interface it is reached (the reverse-path test), or what kind of address it is.
import { be32, u8, u32 } from '../../base/columns.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import type { Route, RouteKind } from '../../net/fib.ts';
import type { Interface } from '../../net/interfaces.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import { type Evaluation, HOOK_INGRESS, HOOK_INPUT, HOOK_PREROUTING, PF_IPV4, PF_IPV6 } from './evaluation.ts';
import {
  cannotRun,
  type Engine,
  type Evaluate,
  type Of,
  type PrepareContext,
  type PreparedExpression,
} from './prepared.ts';

/** RTN_* of linux/rtnetlink.h. */
const ROUTE_TYPES: Record<RouteKind, number> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
};
const RTN_UNSPEC = 0;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const RTN_BROADCAST = 3;
const RTN_ANYCAST = 4;
const RTN_MULTICAST = 5;
const RTN_BLACKHOLE = 6;
const RTN_UNREACHABLE = 7;
const ICMPV6 = 58;

/** Whose address, and which interface restricts the answer. */
interface Question {
  ofDestination: boolean;
  restrict: 'iif' | 'oif' | undefined;
  /** `. mark`: policy rules see the packet's mark. */
  usesMark: boolean;
}

/** Loads an interface index, its name, or an address type. */
export function prepareFib(expression: Of<'fib'>, context: PrepareContext): PreparedExpression {
  const { flags, result, present, dreg } = expression;
  if (flags.includes('saddr') === flags.includes('daddr')) cannotRun(context, '"fib" needs one of saddr and daddr');
  const question: Question = {
    ofDestination: flags.includes('daddr'),
    restrict: flags.includes('iif') ? 'iif' : flags.includes('oif') ? 'oif' : undefined,
    usesMark: flags.includes('mark'),
  };
  const to = registerOffset(dreg) >>> 2;
  const { engine } = context;
  const evaluate =
    result === 'type' ? typeLoader(question, to, engine) : interfaceLoader(question, result, present, to, engine);
  return { evaluate, shape: { cost: 'fib', size: 0 } };
}

function typeLoader(question: Question, to: number, engine: Engine): Evaluate {
  return (run) => {
    const version = versionOf(run);
    if (version === 0) return NFT_BREAK;
    const only = restriction(run, question);
    run.words[to] = version === 4 ? type4(run, question, only, engine) : type6(run, question, only, engine);
    return NFT_CONTINUE;
  };
}

/** inet_dev_addr_type: with a device, an address of another device is not local but unicast. */
function type4(run: Evaluation, question: Question, only: number, engine: Engine): number {
  const address = be32(run.packet.data, run.packet.network + (question.ofDestination ? 16 : 12));
  // ipv4_is_zeronet and ipv4_is_lbcast.
  if (address >>> 24 === 0 || address === 0xffffffff) return RTN_BROADCAST;
  if (address >>> 28 === 14) return RTN_MULTICAST;
  const route = engine.fib.local4(address);
  if (route === undefined) return RTN_UNICAST;
  return question.restrict === undefined || route.oif.index === only ? ROUTE_TYPES[route.kind] : RTN_UNICAST;
}

/** __nft_fib6_eval_type. */
function type6(run: Evaluation, question: Question, only: number, engine: Engine): number {
  const { data, network } = run.packet;
  const at = network + (question.ofDestination ? 24 : 8);
  const isLinkLocal = u8(data, at) === 0xfe && (u8(data, at + 1) & 0xc0) === 0x80;
  if (u8(data, at) === 0xff) return RTN_MULTICAST;
  const route = engine.fib.lookup6At(data, at, 0, isLinkLocal ? only || run.packet.iif : 0);
  const own = only === 0 ? undefined : engine.interfaces.at(only);
  if (own !== undefined && hasAddress6(own, data, at)) return RTN_LOCAL;
  if (route === undefined) return RTN_UNREACHABLE;
  if (route.kind === 'unreachable' || route.kind === 'prohibit' || route.kind === 'blackhole') {
    return ROUTE_TYPES[route.kind];
  }
  if (route.anycast) return RTN_ANYCAST;
  if (route.kind === 'local' && own === undefined) return RTN_LOCAL;
  return isUnspecified(data, at) ? RTN_UNSPEC : RTN_UNICAST;
}

function isUnspecified(data: Uint8Array, at: number): boolean {
  return be32(data, at) === 0 && be32(data, at + 4) === 0 && be32(data, at + 8) === 0 && be32(data, at + 12) === 0;
}

function hasAddress6(one: Interface, data: Uint8Array, at: number): boolean {
  for (let i = 0; i < one.addresses6.length; i++) {
    const words = one.addresses6[i]?.address;
    if (words === undefined) continue;
    let same = true;
    for (let j = 0; j < 4 && same; j++) same = u32(words, j) === be32(data, at + j * 4);
    if (same) return true;
  }
  return false;
}

function interfaceLoader(
  question: Question,
  result: 'oif' | 'oifname' | 'type',
  present: boolean,
  to: number,
  engine: Engine,
): Evaluate {
  return (run) => {
    const version = versionOf(run);
    if (version === 0) return NFT_BREAK;
    if (run.packet.network + (version === 4 ? 20 : 40) > run.end) return NFT_BREAK;
    const found = findInterface(run, question, version, engine);
    if (present) run.words[to] = found !== 0 ? 1 : 0;
    else if (result === 'oif') run.words[to] = found;
    else for (let i = 0; i < 4; i++) run.words[to + i] = u32(engine.interfaceNames, found * 4 + i);
    return NFT_CONTINUE;
  };
}

/** nft_fib4_eval, nft_fib6_eval: the interface, or 0. */
function findInterface(run: Evaluation, question: Question, version: 4 | 6, engine: Engine): number {
  const { packet } = run;
  const { data, network } = packet;
  const isInput = run.hook === HOOK_PREROUTING || run.hook === HOOK_INPUT || run.hook === HOOK_INGRESS;
  // nft_fib_can_skip: what comes back over the loopback.
  if (isInput && engine.interfaces.list[run.iif]?.kind === 'loopback') return run.iif;
  const only = restriction(run, question);
  const mark = question.usesMark ? packet.mark : 0;
  let route: Route | undefined;
  if (version === 4) {
    const saddr = be32(data, network + 12);
    const daddr = be32(data, network + 16);
    // DHCP and kin: nothing to route back to.
    if (saddr >>> 24 === 0 && (daddr === 0xffffffff || daddr >>> 8 === 0xe00000)) return packet.iif;
    route = engine.fib.lookup4(
      question.ofDestination ? daddr : saddr,
      mark,
      0,
      engine.fib.keyAsked(packet, mark, !question.ofDestination),
    );
  } else {
    const at = network + (question.ofDestination ? 24 : 8);
    if (isNeighbourSolicitation(run)) return run.iif;
    const isLinkLocal = u8(data, at) === 0xfe && (u8(data, at + 1) & 0xc0) === 0x80;
    const oif = isLinkLocal ? only || packet.iif : 0;
    route = engine.fib.lookup6At(data, at, mark, oif, engine.fib.keyAsked(packet, mark, !question.ofDestination));
    if (route?.anycast) return 0;
  }
  if (route === undefined || route.kind === 'local' || ROUTE_TYPES[route.kind] >= RTN_BLACKHOLE) return 0;
  if (question.restrict === undefined) return route.oif.index;
  return route.oif.index === only ? only : 0;
}

/** nft_fib_v6_skip_icmpv6: duplicate address detection comes from ::. */
function isNeighbourSolicitation(run: Evaluation): boolean {
  if (run.protocol !== ICMPV6) return false;
  const { data, network } = run.packet;
  for (let i = 8; i < 24; i++) if (u8(data, network + i) !== 0) return false;
  return u8(data, network + 24) === 0xfe && (u8(data, network + 25) & 0xc0) === 0x80;
}

function restriction(run: Evaluation, question: Question): number {
  return question.restrict === 'iif' ? run.iif : question.restrict === 'oif' ? run.oif : 0;
}

/** In inet and netdev chains the packet's own protocol decides. */
function versionOf(run: Evaluation): 0 | 4 | 6 {
  if (run.pf === PF_IPV4) return 4;
  return run.pf === PF_IPV6 ? 6 : run.packet.ipVersion;
}
