// The names that nft knows for values: one table per datatype, in nft's own order, because a listing takes the first
// row with the value and the parser the first with the name. Values are numbers as a reader writes them, whatever the
// byte order in a register. Sources: `nft describe TYPE` of nftables 1.0.6 and nft(8); the kernel's uapi headers.

/** One name for one value. */
export type SymbolRow = readonly [name: string, value: number];
/** The names of a datatype. */
export type SymbolTable = readonly SymbolRow[];

export const NF_PROTO: SymbolTable = [
  ['ipv4', 2],
  ['ipv6', 10],
];

export const ETHER_TYPE: SymbolTable = [
  ['ip', 0x0800],
  ['arp', 0x0806],
  ['ip6', 0x86dd],
  ['8021q', 0x8100],
  ['8021ad', 0x88a8],
  ['vlan', 0x8100],
];

export const CT_STATE: SymbolTable = [
  ['invalid', 1],
  ['new', 8],
  ['established', 2],
  ['related', 4],
  ['untracked', 64],
];

export const CT_DIR: SymbolTable = [
  ['original', 0],
  ['reply', 1],
];

export const CT_STATUS: SymbolTable = [
  ['expected', 1],
  ['seen-reply', 2],
  ['assured', 4],
  ['confirmed', 8],
  ['snat', 16],
  ['dnat', 32],
  ['dying', 512],
];

export const CT_EVENT: SymbolTable = [
  ['new', 1 << 0],
  ['related', 1 << 1],
  ['destroy', 1 << 2],
  ['reply', 1 << 3],
  ['assured', 1 << 4],
  ['protoinfo', 1 << 5],
  ['helper', 1 << 6],
  ['mark', 1 << 7],
  ['seqadj', 1 << 8],
  ['secmark', 1 << 9],
  ['label', 1 << 10],
];

export const ICMP_TYPE: SymbolTable = [
  ['echo-reply', 0],
  ['destination-unreachable', 3],
  ['source-quench', 4],
  ['redirect', 5],
  ['echo-request', 8],
  ['router-advertisement', 9],
  ['router-solicitation', 10],
  ['time-exceeded', 11],
  ['parameter-problem', 12],
  ['timestamp-request', 13],
  ['timestamp-reply', 14],
  ['info-request', 15],
  ['info-reply', 16],
  ['address-mask-request', 17],
  ['address-mask-reply', 18],
];

export const ICMPV6_TYPE: SymbolTable = [
  ['destination-unreachable', 1],
  ['packet-too-big', 2],
  ['time-exceeded', 3],
  ['parameter-problem', 4],
  ['echo-request', 128],
  ['echo-reply', 129],
  ['mld-listener-query', 130],
  ['mld-listener-report', 131],
  ['mld-listener-done', 132],
  ['mld-listener-reduction', 132],
  ['nd-router-solicit', 133],
  ['nd-router-advert', 134],
  ['nd-neighbor-solicit', 135],
  ['nd-neighbor-advert', 136],
  ['nd-redirect', 137],
  ['router-renumbering', 138],
  ['ind-neighbor-solicit', 141],
  ['ind-neighbor-advert', 142],
  ['mld2-listener-report', 143],
];

export const ICMP_CODE: SymbolTable = [
  ['net-unreachable', 0],
  ['host-unreachable', 1],
  ['prot-unreachable', 2],
  ['port-unreachable', 3],
  ['net-prohibited', 9],
  ['host-prohibited', 10],
  ['admin-prohibited', 13],
  ['frag-needed', 4],
];

export const ICMPV6_CODE: SymbolTable = [
  ['no-route', 0],
  ['admin-prohibited', 1],
  ['addr-unreachable', 3],
  ['port-unreachable', 4],
  ['policy-fail', 5],
  ['reject-route', 6],
];

export const ICMPX_CODE: SymbolTable = [
  ['port-unreachable', 1],
  ['admin-prohibited', 3],
  ['no-route', 0],
  ['host-unreachable', 2],
];

export const TCP_FLAG: SymbolTable = [
  ['fin', 0x01],
  ['syn', 0x02],
  ['rst', 0x04],
  ['psh', 0x08],
  ['ack', 0x10],
  ['urg', 0x20],
  ['ecn', 0x40],
  ['cwr', 0x80],
];

export const DSCP: SymbolTable = [
  ['cs0', 0x00],
  ['cs1', 0x08],
  ['cs2', 0x10],
  ['cs3', 0x18],
  ['cs4', 0x20],
  ['cs5', 0x28],
  ['cs6', 0x30],
  ['cs7', 0x38],
  ['df', 0x00],
  ['be', 0x00],
  ['lephb', 0x01],
  ['af11', 0x0a],
  ['af12', 0x0c],
  ['af13', 0x0e],
  ['af21', 0x12],
  ['af22', 0x14],
  ['af23', 0x16],
  ['af31', 0x1a],
  ['af32', 0x1c],
  ['af33', 0x1e],
  ['af41', 0x22],
  ['af42', 0x24],
  ['af43', 0x26],
  ['va', 0x2c],
  ['ef', 0x2e],
];

export const ECN: SymbolTable = [
  ['not-ect', 0],
  ['ect1', 1],
  ['ect0', 2],
  ['ce', 3],
];

export const PKT_TYPE: SymbolTable = [
  ['host', 0],
  ['unicast', 0],
  ['broadcast', 1],
  ['multicast', 2],
  ['other', 3],
];

export const IFACE_TYPE: SymbolTable = [
  ['ether', 1],
  ['ppp', 512],
  ['ipip', 768],
  ['ipip6', 769],
  ['loopback', 772],
  ['sit', 776],
  ['ipgre', 778],
];

export const ARP_OP: SymbolTable = [
  ['request', 1],
  ['reply', 2],
  ['rrequest', 3],
  ['rreply', 4],
  ['inrequest', 8],
  ['inreply', 9],
  ['nak', 10],
];

export const FIB_ADDRTYPE: SymbolTable = [
  ['unspec', 0],
  ['unicast', 1],
  ['local', 2],
  ['broadcast', 3],
  ['anycast', 4],
  ['multicast', 5],
  ['blackhole', 6],
  ['unreachable', 7],
  ['prohibit', 8],
];

export const BOOLEAN: SymbolTable = [
  ['exists', 1],
  ['missing', 0],
];

export const IGMP_TYPE: SymbolTable = [
  ['membership-query', 0x11],
  ['membership-report-v1', 0x12],
  ['membership-report-v2', 0x16],
  ['membership-report-v3', 0x22],
  ['leave-group', 0x17],
];

export const DCCP_PKTTYPE: SymbolTable = [
  ['request', 0],
  ['response', 1],
  ['data', 2],
  ['ack', 3],
  ['dataack', 4],
  ['closereq', 5],
  ['close', 6],
  ['reset', 7],
  ['sync', 8],
  ['syncack', 9],
];

export const MH_TYPE: SymbolTable = [
  ['binding-refresh-request', 0],
  ['home-test-init', 1],
  ['careof-test-init', 2],
  ['home-test', 3],
  ['careof-test', 4],
  ['binding-update', 5],
  ['binding-acknowledgement', 6],
  ['binding-error', 7],
  ['fast-binding-update', 8],
  ['fast-binding-acknowledgement', 9],
  ['fast-binding-advertisement', 10],
  ['experimental-mobility-header', 11],
  ['home-agent-switch-message', 12],
];

export const DAY: SymbolTable = [
  ['Sunday', 0],
  ['Monday', 1],
  ['Tuesday', 2],
  ['Wednesday', 3],
  ['Thursday', 4],
  ['Friday', 5],
  ['Saturday', 6],
];

export const MPTCP_SUBTYPE: SymbolTable = [
  ['mp-capable', 0],
  ['mp-join', 1],
  ['dss', 2],
  ['add-addr', 3],
  ['remove-addr', 4],
  ['mp-prio', 5],
  ['mp-fail', 6],
  ['mp-fastclose', 7],
  ['mp-tcprst', 8],
];

/** Kinds of TCP options, as `tcp option NAME exists` and `reset tcp option NAME` take them. */
export const TCP_OPTION_KIND: SymbolTable = [
  ['eol', 0],
  ['nop', 1],
  ['maxseg', 2],
  ['window', 3],
  ['sack-perm', 4],
  ['sack', 5],
  ['timestamp', 8],
  ['md5sig', 19],
  ['mptcp', 30],
  ['fastopen', 34],
];

/** What iproute2 ships in /etc/iproute2/group and rt_realms. */
export const DEVGROUP: SymbolTable = [['default', 0]];
export const REALM: SymbolTable = [['cosmos', 0]];

/** `log level`, syslog's numbers. */
export const LOG_LEVEL: SymbolTable = [
  ['emerg', 0],
  ['alert', 1],
  ['crit', 2],
  ['err', 3],
  ['warn', 4],
  ['notice', 5],
  ['info', 6],
  ['debug', 7],
  ['audit', 8],
];

/** `log flags`: NF_LOG_* of linux/netfilter/nf_log.h. */
export const LOG_FLAG: SymbolTable = [
  ['tcp sequence', 1],
  ['tcp options', 2],
  ['ip options', 4],
  ['skuid', 8],
  ['ether', 32],
];

/** The value of a name, in a table. */
export function symbolValue(table: SymbolTable, name: string): number | undefined {
  for (const row of table) if (row[0] === name) return row[1];
  return undefined;
}

/** The first name of a value, in a table. */
export function symbolName(table: SymbolTable, value: number): string | undefined {
  for (const row of table) if (row[1] === value) return row[0];
  return undefined;
}
