// What nft 1.0.6 does otherwise than 1.1.4, which nftreplay follows: rules whose bytecode or verdict is not compared with it.

const BITS = '(?:ip6? dscp|ip ecn|ip hdrlength|ip version|ip6 flowlabel|tcp doff|frag more-fragments|vlan id|vlan pcp)';

/** Patterns of rules, and what differs. */
export const OTHER_IN_1_0_6: readonly (readonly [RegExp, string])[] = [
  [/\bgre version/, 'gre is unknown'],
  [/proto-(src|dst)/, 'ct ports have no type'],
  [new RegExp(`${BITS} (!= )?\\{ [^}]*-`), 'the elements are shifted, not the field'],
  [new RegExp(`(${BITS} \\. )|(\\. ${BITS} )`), 'shifted fields in a concatenation are not turned to host order'],
  [
    /\b(ah|comp) .*\b(tcp|udp|udplite|sctp|dccp|esp|comp|ah|th|gre|icmp|icmpv6|igmp)\b/,
    'headers behind ah and comp may be matched',
  ],
  [/\b(tcp|udp|udplite|sctp|dccp|esp|th|icmp|icmpv6|igmp)\b.* (ah|comp) /, 'the same, the other way round'],
  [
    /(meta|ct|iifgroup|rt|socket|numgen|jhash)\b.* \. .*\{ [^}]*[-/]|\. (meta|ct|iifgroup|rt|socket|numgen|jhash)\b.*\{ [^}]*[-/]/,
    'octets of short host-order fields are turned round in pairs',
  ],
  [
    /\b(ip|ip6|icmp|icmpv6|tcp|udp|arp|sctp|th|@nh|frag|igmp|esp|ah|comp|dccp|udplite)\b.* vlan /,
    'a VLAN header is not found behind what comes above it',
  ],
  [
    /(arp|ether|ip6?|tcp|udp) .*!= .*(arp|ether|ip6?|tcp|udp) .*!= /,
    'adjacent fields are merged even where both must not match',
  ],
  [/fib .* oif \{/, 'exists and missing may not stand in braces'],
  [/(ct status|tcp flags) \{ \w+ \}/, 'one flag in braces asks for any bit, not for equality'],
];

/** Why a rule is not compared with nft 1.0.6; undefined when it is. */
export function differsIn106(rule: string): string | undefined {
  return OTHER_IN_1_0_6.find(([pattern]) => pattern.test(rule))?.[1];
}

/** Errors that the installed kernel, not nft, is the cause of. */
export function isKernelError(line: string): boolean {
  return /Error: (Could not process rule|No such file or directory; did you mean chain)/.test(line);
}

/** Rules that nft itself lists so that they do not compile to the same bytecode again; it was asked about each. */
export const LISTS_OTHERWISE: readonly (readonly [RegExp, string])[] = [
  [/@nh,8,8/, 'the octet is listed as DSCP and ECN, each compared by itself'],
  [/vlan .*(option|frag|hbh|rt type|exthdr|chunk)/, 'the type behind the VLAN tag is listed as raw octets'],
  [
    /(l4proto|ip protocol|nexthdr|nfproto|meta protocol|ether type) .*(option|frag|hbh|rt type|exthdr|chunk)/,
    'a match that the option implies is not listed',
  ],
  [
    /(l4proto|ip protocol|nexthdr|nfproto|meta protocol|ether type) .*(@|\bth\b|tcp|udp|sctp|icmp|ah|esp|comp|dccp|igmp|ip|arp)/,
    'a protocol match that a later field implies is not listed, and made again behind what lies between',
  ],
  [
    /ether .*(hbh|frag|rt type|exthdr|option|chunk)/,
    'a network protocol beside a link address is listed as raw octets',
  ],
  [/(icmp|icmpv6) (id|mtu)/, 'the type that the field implies is listed when it does not stand beside it'],
  [/option.*(l4proto|nfproto|meta protocol|ether type)/, 'the same, the other way round'],
];

/** Why the listing of a rule is not compared with the rule; undefined when it is. */
export function listsOtherwise(rule: string): string | undefined {
  return LISTS_OTHERWISE.find(([pattern]) => pattern.test(rule))?.[1];
}
