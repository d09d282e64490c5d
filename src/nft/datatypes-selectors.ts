// biome-ignore-all format: a key a row reads best
// What `meta KEY`, `ct KEY`, `rt KEY` and the other selectors that load no packet octets yield: nft's word for the key,
// datatype, width and byte order. Sources: nftables src/meta.c, ct.c, rt.c, fib.c, socket.c.
import type { CtKey, MetaKey } from '../bytecode/expression.ts';
import type { ByteOrder, DatatypeName } from './datatypes.ts';

/** A selector's row. */
export interface Selector {
  /** nft's word, as listed. */
  readonly word: string;
  readonly datatype: DatatypeName;
  readonly bits: number;
  readonly byteOrder: ByteOrder;
  /** `meta` may be left out, and is in listings (iifname, oif, …). */
  readonly unqualified?: boolean;
}

type Row = readonly [word: string, datatype: DatatypeName, bits: number, byteOrder: ByteOrder, unqualified?: 'unqualified'];
function selectors<Key extends string>(rows: Record<Key, Row>): Readonly<Record<Key, Selector>> {
  const table = {} as Record<Key, Selector>;
  for (const key of Object.keys(rows) as Key[]) {
    const [word, datatype, bits, byteOrder, unqualified] = rows[key];
    table[key] = { word, datatype, bits, byteOrder, unqualified: unqualified !== undefined };
  }
  return table;
}

/** `meta` keys. */
export const META_SELECTORS = selectors<MetaKey>({
  len: ['length', 'integer', 32, 'host'],
  protocol: ['protocol', 'ether_type', 16, 'big'],
  priority: ['priority', 'classid', 32, 'host'],
  mark: ['mark', 'mark', 32, 'host'],
  iif: ['iif', 'iface_index', 32, 'host', 'unqualified'],
  oif: ['oif', 'iface_index', 32, 'host', 'unqualified'],
  iifname: ['iifname', 'ifname', 128, 'big', 'unqualified'],
  oifname: ['oifname', 'ifname', 128, 'big', 'unqualified'],
  iftype: ['iiftype', 'iface_type', 16, 'host'],
  oiftype: ['oiftype', 'iface_type', 16, 'host'],
  skuid: ['skuid', 'uid', 32, 'host'],
  skgid: ['skgid', 'gid', 32, 'host'],
  nftrace: ['nftrace', 'integer', 1, 'host'],
  rtclassid: ['rtclassid', 'realm', 32, 'host'],
  secmark: ['secmark', 'integer', 32, 'host'],
  nfproto: ['nfproto', 'nf_proto', 8, 'host'],
  l4proto: ['l4proto', 'inet_proto', 8, 'host'],
  bri_iifname: ['ibrname', 'ifname', 128, 'big'],
  bri_oifname: ['obrname', 'ifname', 128, 'big'],
  pkttype: ['pkttype', 'pkt_type', 8, 'host'],
  cpu: ['cpu', 'integer', 32, 'host'],
  iifgroup: ['iifgroup', 'devgroup', 32, 'host', 'unqualified'],
  oifgroup: ['oifgroup', 'devgroup', 32, 'host', 'unqualified'],
  cgroup: ['cgroup', 'integer', 32, 'host'],
  random: ['random', 'integer', 32, 'big'],
  secpath: ['ipsec', 'boolean', 8, 'host'],
  iifkind: ['iifkind', 'ifname', 128, 'big'],
  oifkind: ['oifkind', 'ifname', 128, 'big'],
  bri_iifpvid: ['ibrpvid', 'integer', 16, 'host'],
  bri_iifvproto: ['ibrvproto', 'ether_type', 16, 'big'],
  time: ['time', 'time', 64, 'host'],
  day: ['day', 'day', 8, 'host'],
  hour: ['hour', 'hour', 32, 'host'],
  sdif: ['sdif', 'iface_index', 32, 'host'],
  sdifname: ['sdifname', 'ifname', 128, 'big'],
  bri_broute: ['broute', 'integer', 8, 'host'],
});

/** `ct` keys. `src` and `dst` take their type from the family that stands before them; ports from the protocol. */
export const CT_SELECTORS = selectors<CtKey>({
  state: ['state', 'ct_state', 32, 'host'],
  direction: ['direction', 'ct_dir', 8, 'host'],
  status: ['status', 'ct_status', 32, 'host'],
  mark: ['mark', 'mark', 32, 'host'],
  secmark: ['secmark', 'integer', 32, 'host'],
  expiration: ['expiration', 'duration', 32, 'host'],
  helper: ['helper', 'string', 128, 'big'],
  l3proto: ['l3proto', 'nf_proto', 8, 'host'],
  src: ['saddr', 'invalid', 0, 'big'],
  dst: ['daddr', 'invalid', 0, 'big'],
  protocol: ['protocol', 'inet_proto', 8, 'big'],
  proto_src: ['proto-src', 'inet_service', 16, 'big'],
  proto_dst: ['proto-dst', 'inet_service', 16, 'big'],
  labels: ['label', 'ct_label', 128, 'host'],
  pkts: ['packets', 'integer', 64, 'host'],
  bytes: ['bytes', 'integer', 64, 'host'],
  avgpkt: ['avgpkt', 'integer', 64, 'host'],
  zone: ['zone', 'integer', 16, 'host'],
  event: ['event', 'ct_event', 32, 'host'],
  src_ip: ['ip saddr', 'ipv4_addr', 32, 'big'],
  dst_ip: ['ip daddr', 'ipv4_addr', 32, 'big'],
  src_ip6: ['ip6 saddr', 'ipv6_addr', 128, 'big'],
  dst_ip6: ['ip6 daddr', 'ipv6_addr', 128, 'big'],
  id: ['id', 'integer', 32, 'big'],
});

/** `rt` keys. */
export const RT_SELECTORS = selectors<'classid' | 'nexthop4' | 'nexthop6' | 'tcpmss' | 'ipsec'>({
  classid: ['classid', 'realm', 32, 'host'],
  nexthop4: ['ip nexthop', 'ipv4_addr', 32, 'big'],
  nexthop6: ['ip6 nexthop', 'ipv6_addr', 128, 'big'],
  tcpmss: ['mtu', 'integer', 16, 'host'],
  ipsec: ['ipsec', 'boolean', 8, 'host'],
});

/** `fib … oif|oifname|type`. */
export const FIB_SELECTORS = selectors<'oif' | 'oifname' | 'type'>({
  oif: ['oif', 'iface_index', 32, 'host'],
  oifname: ['oifname', 'ifname', 128, 'big'],
  type: ['type', 'fib_addrtype', 32, 'host'],
});
