// `meta` and `meta set` (nft_meta.c): what is known of a packet beside its octets.
import { u32 } from '../../base/columns.ts';
import type { MetaKey } from '../../bytecode/expression.ts';
import { registerOffset } from '../../bytecode/registers.ts';
import { PACKET_OTHERHOST } from '../../packet/packet.ts';
import { NFT_BREAK, NFT_CONTINUE } from './codes.ts';
import {
  type Evaluation,
  HOOK_EGRESS,
  HOOK_FORWARD,
  HOOK_INGRESS,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  PF_BRIDGE,
} from './evaluation.ts';
import { metaTime } from './meta-time.ts';
import type { Engine, Evaluate, Of, PrepareContext, PreparedExpression } from './prepared.ts';

/** nft_meta_store_ifindex. */
function isIndex(key: Of<'meta'>['key']): boolean {
  return key === 'iif' || key === 'oif';
}

/** Loads one key into a register; breaks when the packet has no such thing. */
export function prepareMeta(expression: Of<'meta'>, context: PrepareContext): PreparedExpression {
  const to = registerOffset(expression.dreg) >>> 2;
  return {
    evaluate: loader(expression.key, to, context.engine),
    shape: { cost: isIndex(expression.key) ? 'meta-index' : 'meta', size: lengthOf(expression.key) },
  };
}

/** Octets that a key fills (nft_meta_get_init). */
function lengthOf(key: MetaKey): number {
  if (key.endsWith('name') || key.endsWith('kind')) return 16;
  if (key === 'time') return 8;
  if (key === 'protocol' || key === 'iftype' || key === 'oiftype') return 2;
  return key === 'nfproto' || key === 'l4proto' || key === 'pkttype' || key === 'day' || key === 'secpath' ? 1 : 4;
}

/** The closure of a number: the common case. */
function number(to: number, get: (run: Evaluation) => number): Evaluate {
  return (run) => {
    run.words[to] = get(run);
    return NFT_CONTINUE;
  };
}

function loader(key: MetaKey, to: number, engine: Engine): Evaluate {
  switch (key) {
    case 'len':
      return number(to, (run) => run.length);
    case 'protocol':
      return number(to, (run) => ((run.packet.etherType & 0xff) << 8) | (run.packet.etherType >>> 8));
    case 'nfproto':
      return number(to, (run) => run.pf);
    case 'l4proto':
      return (run) => {
        if (!run.hasTransport) return NFT_BREAK;
        run.words[to] = run.protocol;
        return NFT_CONTINUE;
      };
    case 'priority':
      return number(to, (run) => run.packet.priority);
    case 'mark':
      return number(to, (run) => run.packet.mark);
    case 'iif':
      return number(to, (run) => run.iif);
    case 'oif':
      return number(to, (run) => run.oif);
    case 'pkttype':
      return number(to, (run) => run.packet.packetType);
    case 'random':
      return number(to, () => engine.random.next());
    // One CPU, no security path, no VRF.
    case 'cpu':
    case 'secpath':
    case 'sdif':
    case 'secmark':
      return number(to, () => 0);
    case 'rtclassid':
      return (run) => {
        if (run.hook === HOOK_PREROUTING || run.hook === HOOK_INGRESS) return NFT_BREAK;
        run.words[to] = 0;
        return NFT_CONTINUE;
      };
    case 'nftrace':
      return number(to, (run) => (run.packet.nftrace ? 1 : 0));
    case 'time':
    case 'day':
    case 'hour':
      return metaTime(key, to, engine);
    default:
      return interfaceLoader(key, to, engine);
  }
}

function interfaceLoader(key: MetaKey, to: number, engine: Engine): Evaluate {
  const { list } = engine.interfaces;
  const names = engine.interfaceNames;
  switch (key) {
    case 'iifname':
      return (run) => copyName(run, names, run.iif, to);
    case 'oifname':
      return (run) => copyName(run, names, run.oif, to);
    case 'sdifname':
      return (run) => copyName(run, names, 0, to);
    case 'iftype':
      return (run) => {
        const device = holdingDevice(run);
        return store(run, to, device, list[device]?.type);
      };
    case 'oiftype':
      return (run) => store(run, to, run.oif, list[run.oif]?.type);
    case 'iifgroup':
      return (run) => store(run, to, run.iif, list[run.iif]?.group);
    case 'oifgroup':
      return (run) => store(run, to, run.oif, list[run.oif]?.group);
    case 'iifkind':
      return kindLoader(to, engine, (run) => run.iif);
    case 'oifkind':
      return kindLoader(to, engine, (run) => run.oif);
    case 'bri_iifname':
      return (run) => copyMasterName(run, names, list[run.iif]?.master?.index, to);
    case 'bri_oifname':
      return (run) => copyMasterName(run, names, list[run.oif]?.master?.index, to);
    // Without VLAN filtering a bridge has neither.
    case 'bri_iifpvid':
      return (run) => {
        const filter = list[run.iif]?.master?.vlanFilter === undefined ? undefined : list[run.iif]?.vlanFilter;
        return filter === undefined ? NFT_BREAK : store(run, to, run.iif, filter.pvid);
      };
    case 'bri_iifvproto':
      return (run) =>
        list[run.iif]?.master?.vlanFilter === undefined ? NFT_BREAK : store(run, to, run.iif, BIG_ENDIAN_VLAN);
    // There is no socket of the router's own, so user, group and cgroup are never known.
    default:
      return () => NFT_BREAK;
  }
}

/** ETH_P_8021Q as a register holds it. */
const BIG_ENDIAN_VLAN = 0x0081;

/** strscpy_pad to 16 octets; no interface is an empty name. */
function copyName(run: Evaluation, names: Uint32Array, ifindex: number, to: number): number {
  const { words } = run;
  const at = ifindex * 4;
  words[to] = u32(names, at);
  words[to + 1] = u32(names, at + 1);
  words[to + 2] = u32(names, at + 2);
  words[to + 3] = u32(names, at + 3);
  return NFT_CONTINUE;
}

/** No bridge is an empty name. */
function copyMasterName(run: Evaluation, names: Uint32Array, master: number | undefined, to: number): number {
  return copyName(run, names, master ?? 0, to);
}

/** skb->dev: the output device from ip_output on, between bridge ports from the forward hook on; none in an IP output hook. */
function holdingDevice(run: Evaluation): number {
  const { hook } = run;
  const isOut = hook === HOOK_POSTROUTING || hook === HOOK_EGRESS;
  const isBridged = run.pf === PF_BRIDGE && (hook === HOOK_FORWARD || hook === HOOK_OUTPUT);
  return isOut || isBridged ? run.oif : run.iif;
}

function store(run: Evaluation, to: number, ifindex: number, value: number | undefined): number {
  if (ifindex === 0 || value === undefined) return NFT_BREAK;
  run.words[to] = value;
  return NFT_CONTINUE;
}

/** rtnl_link_ops->kind; physical devices have none. */
const KINDS: Record<string, string> = { vlan: 'vlan', bridge: 'bridge', dummy: 'dummy', pppoe: 'ppp' };

function kindLoader(to: number, engine: Engine, ifindex: (run: Evaluation) => number): Evaluate {
  const kinds = nameWords(engine.interfaces.list.map((one) => KINDS[one.kind] ?? ''));
  return (run) => {
    const index = ifindex(run);
    return u32(kinds, index * 4) === 0 ? NFT_BREAK : copyName(run, kinds, index, to);
  };
}

/** Names as registers hold them: four words each. */
export function nameWords(names: string[]): Uint32Array {
  const octets = new Uint8Array(names.length * 16);
  names.forEach((name, i) => {
    octets.set(new TextEncoder().encode(name).subarray(0, 15), i * 16);
  });
  return new Uint32Array(octets.buffer);
}

/** `meta mark set` and kin: a register into the packet. */
export function prepareMetaSet(expression: Of<'meta-set'>): PreparedExpression {
  const from = registerOffset(expression.sreg) >>> 2;
  return { evaluate: setter(expression.key, from), shape: { cost: 'meta-set', size: 0 } };
}

function setter(key: MetaKey, from: number): Evaluate {
  switch (key) {
    case 'mark':
      return (run) => {
        run.packet.mark = u32(run.words, from);
        return NFT_CONTINUE;
      };
    case 'priority':
      return (run) => {
        run.packet.priority = u32(run.words, from);
        return NFT_CONTINUE;
      };
    case 'nftrace':
      return (run) => {
        run.packet.nftrace = (u32(run.words, from) & 0xff) !== 0;
        return NFT_CONTINUE;
      };
    case 'bri_broute':
      return (run) => {
        run.packet.isBrouted = (u32(run.words, from) & 0xff) !== 0;
        return NFT_CONTINUE;
      };
    case 'pkttype':
      return (run) => {
        const type = u32(run.words, from) & 0xff;
        // skb_pkt_type_ok: only types up to otherhost may be changed, and into such.
        if (type <= PACKET_OTHERHOST && run.packet.packetType <= PACKET_OTHERHOST) run.packet.packetType = type;
        return NFT_CONTINUE;
      };
    default:
      return () => NFT_CONTINUE;
  }
}
