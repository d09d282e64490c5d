// Rulesets drawn from nft's grammar for property tests: tables of every family with sets, maps, objects and rules of most
// expressions and statements. A rule may contradict itself (tcp and udp, ip and ip6): then both we and nft must refuse it.
import fc, { type Arbitrary } from 'fast-check';

export const FAMILIES = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'] as const;
export type Family = (typeof FAMILIES)[number];

/** A table: what it declares, and rules for its chain `c`. */
export interface GeneratedTable {
  family: Family;
  declarations: string[];
  rules: string[];
}

const { constantFrom, integer, tuple, oneof, array, constant } = fc;
const text = (...parts: (string | Arbitrary<string>)[]): Arbitrary<string> =>
  tuple(...parts.map((part) => (typeof part === 'string' ? constant(part) : part))).map((words) => words.join(''));
const number = (min: number, max: number): Arbitrary<string> =>
  oneof(
    integer({ min, max }).map(String),
    integer({ min, max }).map((value) => `0x${value.toString(16)}`),
  );
const decimal = (min: number, max: number): Arbitrary<string> => integer({ min, max }).map(String);
const list = (item: Arbitrary<string>, min: number, max: number, delimiter = ', '): Arbitrary<string> =>
  fc
    .uniqueArray(item, {
      minLength: min,
      maxLength: max,
      selector: (one) => (/^(0x[0-9a-f]+|\d+)$/.test(one) ? Number(one) : one),
    })
    .map((items) => items.join(delimiter));

const ip4Number = integer({ min: 0x01000000, max: 0xdfffffff });
const dotted = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
const ip4 = ip4Number.map(dotted);
const ip4Prefix = tuple(ip4Number, integer({ min: 1, max: 31 })).map(
  ([value, length]) => `${dotted((value & (-1 << (32 - length))) >>> 0)}/${length}`,
);
const ip4Range = tuple(ip4Number, integer({ min: 1, max: 100_000 })).map(
  ([from, size]) => `${dotted(from)}-${dotted(Math.min(from + size, 0xffffffff))}`,
);
const group = integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
const ip6 = oneof(
  tuple(group, group).map(([a, b]) => `2001:db8:${a}::${b}`),
  tuple(group, group, group).map(([a, b, c]) => `fd00:${a}:${b}::${c}`),
  constantFrom('::1', 'fe80::1', 'ff02::1'),
);
const ip6Prefix = tuple(group, integer({ min: 16, max: 48 })).map(([, length]) => `2001:db8::/${Math.max(length, 32)}`);
const ip6Range = text('2001:db8::', '1-2001:db8::', oneof(constant('ff'), constant('9:1')));
const mac = fc
  .tuple(...Array.from({ length: 6 }, () => integer({ min: 0, max: 255 })))
  .map((octets) => octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':'));
const port = oneof(decimal(1, 65535), constantFrom('ssh', 'http', 'https', 'domain'));
const portRange = tuple(integer({ min: 1, max: 30000 }), integer({ min: 1, max: 30000 })).map(
  ([from, size]) => `${from}-${from + size}`,
);
const ifname = constantFrom('"eth0"', '"wan"', '"br-lan"', '"eth1.7"');

/** A datatype: single values, and what may stand for several (prefixes, ranges). */
interface Type {
  one: Arbitrary<string>;
  several?: Arbitrary<string>;
  /** Compares with < and the like. */
  ordered?: boolean;
  /** Flags: never in sets here. */
  flags?: boolean;
}
const numeric = (max: number): Type => ({ one: number(0, max), several: range(max), ordered: true });
function range(max: number): Arbitrary<string> {
  return tuple(integer({ min: 0, max: max >> 1 }), integer({ min: 1, max: max >> 1 || 1 })).map(
    ([from, size]) => `${from}-${Math.min(from + size, max)}`,
  );
}
const words = (...names: string[]): Type => ({ one: constantFrom(...names) });
const TYPES = {
  ip4: { one: ip4, several: oneof(ip4Prefix, ip4Range) },
  ip6: { one: ip6, several: oneof(ip6Prefix, ip6Range) },
  port: { one: port, several: portRange, ordered: true },
  mac: { one: mac },
  ifname: { one: ifname },
  wildcard: { one: constantFrom('"wan*"', '"eth*"') },
  mark: { one: number(0, 0xffffffff) },
  u1: words('0', '1'),
  u3: numeric(7),
  u4: numeric(15),
  u8: numeric(255),
  u12: numeric(4095),
  u16: numeric(65535),
  u20: numeric(0xfffff),
  u32: numeric(0x7fffffff),
  dscp: words('cs0', 'cs1', 'af11', 'af41', 'ef', '0x20'),
  ecn: words('not-ect', 'ect0', 'ect1', 'ce'),
  l4proto: words('tcp', 'udp', 'icmp', 'ipv6-icmp', 'sctp', 'gre', '89'),
  etherType: words('ip', 'ip6', 'arp', '8021q', '0x88a8'),
  icmp: words('echo-request', 'echo-reply', 'destination-unreachable', 'time-exceeded', 'redirect'),
  icmp6: words('echo-request', 'nd-neighbor-solicit', 'nd-router-advert', 'packet-too-big', 'mld-listener-query'),
  arpOp: words('request', 'reply', 'rrequest'),
  ctState: { one: constantFrom('new', 'established', 'related', 'invalid', 'untracked'), flags: true },
  ctStatus: { one: constantFrom('assured', 'snat', 'dnat', 'confirmed', 'seen-reply'), flags: true },
  ctDirection: words('original', 'reply'),
  tcpFlags: { one: constantFrom('syn', 'ack', 'fin', 'rst', 'psh', 'urg'), flags: true },
  pktType: words('host', 'broadcast', 'multicast', 'other'),
  nfproto: words('ipv4', 'ipv6'),
  boolean: words('exists', 'missing'),
  addrType: words('local', 'unicast', 'broadcast', 'multicast'),
  day: words('"Monday"', '"Friday"', '"Sunday"'),
  time: words('10s', '1h30m', '2d'),
} satisfies Record<string, Type>;
type TypeName = keyof typeof TYPES;

/** Selectors: text, datatype, families (all when absent). */
const IP4: readonly Family[] = ['ip', 'inet', 'bridge', 'netdev'];
const IP6: readonly Family[] = ['ip6', 'inet', 'bridge', 'netdev'];
const INTERNET: readonly Family[] = ['ip', 'ip6', 'inet', 'bridge', 'netdev'];
const ROUTED: readonly Family[] = ['ip', 'ip6', 'inet'];
const SELECTORS: readonly (readonly [string, TypeName, (readonly Family[])?])[] = [
  ['ip saddr', 'ip4', IP4], ['ip daddr', 'ip4', IP4], ['ip protocol', 'l4proto', IP4], ['ip dscp', 'dscp', IP4],
  ['ip ecn', 'ecn', IP4], ['ip ttl', 'u8', IP4], ['ip length', 'u16', IP4], ['ip id', 'u16', IP4], ['ip hdrlength', 'u4', IP4],
  ['ip version', 'u4', IP4], ['ip option rr', 'boolean', IP4],
  ['ip6 saddr', 'ip6', IP6], ['ip6 daddr', 'ip6', IP6], ['ip6 nexthdr', 'l4proto', IP6], ['ip6 hoplimit', 'u8', IP6],
  ['ip6 dscp', 'dscp', IP6], ['ip6 flowlabel', 'u20', IP6], ['ip6 length', 'u16', IP6],
  ['frag id', 'u32', IP6], ['frag more-fragments', 'u1', IP6], ['hbh hdrlength', 'u8', IP6], ['rt type', 'u8', IP6],
  ['exthdr frag', 'boolean', IP6],
  ['tcp dport', 'port', INTERNET], ['tcp sport', 'port', INTERNET], ['tcp flags', 'tcpFlags', INTERNET],
  ['tcp window', 'u16', INTERNET], ['tcp doff', 'u4', INTERNET], ['tcp sequence', 'u32', INTERNET],
  ['tcp option maxseg size', 'u16', INTERNET], ['tcp option sack-perm', 'boolean', INTERNET],
  ['tcp option window count', 'u8', INTERNET],
  ['udp dport', 'port', INTERNET], ['udp sport', 'port', INTERNET], ['udp length', 'u16', INTERNET],
  ['th dport', 'port', INTERNET], ['sctp dport', 'port', INTERNET], ['sctp chunk init', 'boolean', INTERNET],
  ['sctp chunk data tsn', 'u32', INTERNET],
  ['dccp sport', 'port', INTERNET], ['udplite dport', 'port', INTERNET], ['esp spi', 'u32', INTERNET], ['ah spi', 'u32', INTERNET],
  ['comp cpi', 'u16', INTERNET], ['igmp mrt', 'u8', IP4], ['gre version', 'u3', INTERNET],
  ['icmp type', 'icmp', IP4], ['icmp code', 'u8', IP4], ['icmp id', 'u16', IP4], ['icmp mtu', 'u16', IP4],
  ['icmpv6 type', 'icmp6', IP6], ['icmpv6 code', 'u8', IP6], ['icmpv6 id', 'u16', IP6],
  ['ether saddr', 'mac', ['ip', 'ip6', 'inet', 'bridge', 'netdev']], ['ether type', 'etherType', ['bridge', 'netdev']],
  ['vlan id', 'u12', ['bridge', 'netdev']], ['vlan pcp', 'u3', ['bridge', 'netdev']],
  ['arp operation', 'arpOp', ['arp', 'bridge', 'netdev']], ['arp saddr ip', 'ip4', ['arp']], ['arp daddr ether', 'mac', ['arp']],
  ['arp htype', 'u16', ['arp']],
  ['meta mark', 'mark'], ['meta length', 'u32'], ['meta l4proto', 'l4proto', INTERNET], ['meta nfproto', 'nfproto', ['inet']],
  ['meta protocol', 'etherType', ['bridge', 'netdev']], ['meta pkttype', 'pktType'], ['meta cpu', 'u8'], ['meta skuid', 'u16'],
  ['meta skgid', 'u16'], ['iifname', 'ifname'], ['oifname', 'ifname'], ['iifname', 'wildcard'], ['iifgroup', 'u16'],
  ['meta day', 'day'], ['meta cgroup', 'u32'], ['meta ipsec', 'boolean', ROUTED], ['meta iifkind', 'ifname'],
  ['ct state', 'ctState', INTERNET], ['ct status', 'ctStatus', INTERNET], ['ct mark', 'mark', INTERNET],
  ['ct direction', 'ctDirection', INTERNET], ['ct expiration', 'time', INTERNET], ['ct zone', 'u16', INTERNET],
  ['ct original proto-dst', 'port', ROUTED], ['ct original ip saddr', 'ip4', ['ip', 'inet']],
  ['ct reply ip6 daddr', 'ip6', ['ip6', 'inet']], ['ct packets', 'u32', INTERNET], ['ct original bytes', 'u32', INTERNET],
  ['rt classid', 'u16', ROUTED], ['rt mtu', 'u16', ROUTED], ['socket transparent', 'u1', ROUTED], ['socket mark', 'mark', ROUTED],
  ['fib saddr type', 'addrType', ROUTED], ['fib daddr . iif type', 'addrType', ROUTED], ['fib saddr . iif oif', 'boolean', ROUTED],
  ['numgen inc mod 10', 'u3'], ['jhash ip saddr . tcp dport mod 16 seed 0xabcd', 'u4', ['ip', 'inet']],
  ['@nh,8,8', 'u8', INTERNET], ['@th,16,16', 'port', INTERNET], ['@th,160,32', 'u32', INTERNET], ['@ll,0,16', 'u16', ['bridge', 'netdev']],
]; // biome-ignore format: a table

function selectorsOf(family: Family): (readonly [string, TypeName])[] {
  return SELECTORS.filter(([, , families]) => families === undefined || families.includes(family)).map(
    ([name, type]) => [name, type] as const,
  );
}

/** `SELECTOR [OP] VALUE` in the spellings that its type has. */
function match(family: Family): Arbitrary<string> {
  return constantFrom(...selectorsOf(family)).chain(([selector, name]) => matchOf(selector, TYPES[name]));
}

function matchOf(selector: string, type: Type): Arbitrary<string> {
  const spellings: Arbitrary<string>[] = [text(`${selector} `, type.one), text(`${selector} != `, type.one)];
  if (type.flags === true) {
    const several = list(type.one, 2, 3, ',');
    spellings.push(text(`${selector} `, several), text(`${selector} == `, type.one), text(`${selector} ! `, type.one));
    spellings.push(text(`${selector} & (`, list(type.one, 2, 3, ' | '), ') != 0'));
    if (selector === 'tcp flags') spellings.push(text(`${selector} & (fin | syn | rst | ack) == `, type.one));
    spellings.push(text(`${selector} { `, type.one, ' }'));
    return oneof(...spellings);
  }
  spellings.push(
    text(`${selector} { `, list(type.one, 1, 4), ' }'),
    text(`${selector} != { `, list(type.one, 2, 4), ' }'),
  );
  if (type.several !== undefined) {
    spellings.push(text(`${selector} `, type.several), text(`${selector} != `, type.several));
    spellings.push(
      text(`${selector} { `, type.several, ' }'),
      text(`${selector} { `, type.several, ', ', type.one, ' }'),
    );
  }
  if (type.ordered === true) spellings.push(text(`${selector} `, constantFrom('<', '>', '<=', '>='), ' ', type.one));
  if (type === TYPES.mark) {
    spellings.push(text(`${selector} & `, number(1, 0xffffff), constantFrom(' == ', ' != '), number(0, 255)));
    spellings.push(
      text(`${selector} | `, number(1, 255), ' == ', number(0, 0xffff)),
      text(`${selector} ^ 0xff == `, number(0, 255)),
    );
  }
  return oneof(...spellings);
}

/** Concatenated selectors with anonymous sets or verdict maps. */
function concatenation(family: Family): Arbitrary<string> {
  const usable = selectorsOf(family).filter(([name, type]) => {
    const shape: Type = TYPES[type];
    return shape.flags !== true && type !== 'wildcard' && type !== 'boolean' && !name.includes('mod');
  });
  return tuple(constantFrom(...usable), constantFrom(...usable)).chain(([[a, first], [b, second]]) => {
    const one: Type = TYPES[first];
    const two: Type = TYPES[second];
    const item = text(one.one, ' . ', two.one);
    const wide = text(one.several ?? one.one, ' . ', two.several ?? two.one);
    return oneof(
      text(`${a} . ${b} { `, list(item, 1, 3), ' }'),
      text(`${a} . ${b} { `, wide, ' }'),
      text(`${a} . ${b} vmap { `, item, ' : ', verdict, ' }'),
    );
  });
}

const verdict = constantFrom('accept', 'drop', 'return', 'continue', 'jump sub', 'goto sub');
const unit = constantFrom('second', 'minute', 'hour', 'day');
const comment = fc.stringMatching(/^[A-Za-z0-9 _.,:/-]{1,20}$/);

function statement(family: Family): Arbitrary<string> {
  const isRouted = ROUTED.includes(family);
  const isInternet = INTERNET.includes(family);
  const has4 = IP4.includes(family);
  const always = [
    constant('counter'),
    text('counter packets ', decimal(0, 99), ' bytes ', decimal(0, 9999)),
    text('limit rate ', constantFrom('', 'over '), decimal(1, 1000), '/', unit, ' burst ', decimal(1, 50), ' packets'),
    text('limit rate ', decimal(1, 100), ' kbytes/second burst ', decimal(1, 50), ' mbytes'),
    text('quota ', constantFrom('', 'over '), decimal(1, 100), ' mbytes'),
    text('log prefix "', fc.stringMatching(/^[a-z: ]{1,10}$/), '"'),
    text(
      'log level ',
      constantFrom('err', 'info', 'debug'),
      constantFrom('', ' flags skuid', ' flags tcp sequence,options'),
    ),
    text('log group ', decimal(0, 9), ' snaplen ', decimal(1, 200), ' queue-threshold ', decimal(1, 9)),
    text('meta mark set ', number(0, 0xffffffff)),
    text('meta mark set meta mark & ', number(1, 0xffff), ' | ', number(1, 255)),
    text('meta mark set meta mark ', constantFrom('<<', '>>'), ' ', decimal(1, 31)),
    text('meta priority set ', decimal(1, 9), ':', decimal(1, 9)),
    constant('meta nftrace set 1'),
    constant('counter name "cnt"'),
    constant('quota name "q"'),
    constant('limit name "lim"'),
    text('queue flags bypass to ', decimal(0, 9)),
    text('numgen random mod 4 vmap { 0 : ', verdict, ', 1 : ', verdict, ' }'),
    text('meta mark set numgen inc mod ', decimal(2, 9), ' offset ', decimal(1, 100)),
    text('meta mark set iifname map { "eth0" : ', number(0, 99), ', "wan" : ', number(0, 99), ' }'),
    text('meta mark vmap { ', decimal(1, 9), ' : ', verdict, ', ', decimal(10, 19), ' : ', verdict, ' }'),
  ];
  const internet = [
    text('ct mark set ', number(0, 0xffffffff)),
    constant('ct mark set meta mark'),
    constant('meta mark set ct mark'),
    text('ct count ', constantFrom('', 'over '), decimal(1, 99)),
    text('tcp option maxseg size set ', decimal(500, 1460)),
    text('tcp dport set ', port),
    text('tcp dport vmap { ', port, ' : ', verdict, ', ', portRange, ' : ', verdict, ' }'),
    text('udp dport vmap @vports'),
    text('tcp dport ', constantFrom('', '!= '), '@ports'),
    constant('notrack'),
    constant('reset tcp option sack-perm'),
    text('meta mark set tcp dport map { ', port, ' : ', number(0, 99), ', ', decimal(1, 9), ' : ', number(0, 99), ' }'),
    text('synproxy mss ', decimal(500, 1460), ' wscale ', decimal(1, 9), ' timestamp sack-perm'),
  ];
  const four = [
    text('ip dscp set ', TYPES.dscp.one),
    text('ip ttl set ', decimal(1, 255)),
    text('ip saddr set ', ip4),
    text('ip saddr ', constantFrom('', '!= '), '@hosts4'),
    text('ip saddr . tcp dport @pairs'),
    text('ip daddr map @marks4 meta mark set 1').map(() => 'meta mark set ip daddr map @marks4'),
    text(
      constantFrom('add', 'update'),
      ' @seen4 { ip saddr',
      constantFrom('', ' timeout 30s', ' limit rate 5/second burst 5 packets', ' counter'),
      ' }',
    ),
    text('ip saddr vmap { ', ip4, ' : ', verdict, ', ', ip4Prefix, ' : ', verdict, ' }'),
    text('ip protocol vmap { tcp : ', verdict, ', udp : ', verdict, ' }'),
  ];
  const routed = [
    constant('flow add @ft'),
    constantFrom('reject', 'reject with tcp reset'),
    text('masquerade', constantFrom('', ' random', ' fully-random,persistent')),
    text('meta l4proto tcp masquerade to :', portRange),
    text('meta l4proto udp redirect to :', decimal(1, 65535)),
    text('meta l4proto tcp tproxy ', family === 'inet' ? 'ip ' : '', 'to :', decimal(1, 65535)),
    text('ct zone set ', decimal(1, 99)),
    text('ct event set new,related'),
    text('ct label set ', decimal(1, 99)),
  ];
  const nat4 = [
    text('dnat ', constantFrom('ip '), 'to ', ip4),
    text('tcp dport ', port, ' dnat ip to ', ip4, ':', decimal(1, 65535)),
    text('snat ip to ', ip4, constantFrom('', ' random', ' persistent')),
    text('snat ip to ', ip4Range),
    text('dnat ip to ip saddr map { ', ip4, ' : ', ip4, ', ', ip4Prefix, ' : ', ip4, ' }'),
    text('dnat ip to tcp dport map { ', port, ' : ', ip4, ' . ', decimal(1, 65535), ' }'),
    text('snat ip prefix to ip saddr map { 10.1.0.0/24 : 192.168.0.0/24 }'),
  ];
  const nat6 = [
    text('dnat ip6 to ', ip6),
    text('meta l4proto tcp dnat ip6 to [', ip6, ']:', decimal(1, 65535)),
    text('ip6 saddr ', constantFrom('', '!= '), '@hosts6'),
  ];
  const choices = [...always];
  if (isInternet) choices.push(...internet);
  if (has4) choices.push(...four);
  if (isRouted) choices.push(...routed);
  if (family === 'ip' || family === 'inet') choices.push(...nat4, constant('ct helper set "ftp"'));
  if (family === 'ip6' || family === 'inet') choices.push(...nat6);
  if (family === 'inet') choices.push(text('reject with icmpx ', constantFrom('admin-prohibited', 'no-route')));
  if (family === 'ip')
    choices.push(
      text('reject with icmp ', constantFrom('host-unreachable', 'net-unreachable')),
      text('dup to ', ip4, ' device "lo"'),
    );
  if (family === 'netdev')
    choices.push(text('fwd to "lo"'), text('dup to "lo"'), text('fwd ip to ', ip4, ' device "lo"'));
  return oneof(...choices);
}

/** One rule: matches, statements, perhaps a verdict and a comment. */
export function rule(family: Family): Arbitrary<string> {
  return tuple(
    array(oneof({ arbitrary: match(family), weight: 4 }, { arbitrary: concatenation(family), weight: 1 }), {
      maxLength: 3,
    }),
    array(statement(family), { maxLength: 2 }),
    fc.option(verdict, { nil: undefined }),
    fc.option(comment, { nil: undefined, freq: 8 }),
  ).map(([matches, statements, end, note]) => {
    const parts = [...matches, ...statements];
    if (end !== undefined || parts.length === 0) parts.push(end ?? 'accept');
    if (note !== undefined) parts.push(`comment "${note}"`);
    return parts.join(' ');
  });
}

/** What the rules refer to, with generated elements. */
function declarations(family: Family): Arbitrary<string[]> {
  const options = constantFrom('', ' timeout 1m;', ' comment "note";', ' size 100;');
  const sets = [
    text(
      'set hosts4 { type ipv4_addr; flags interval;',
      options,
      ' elements = { ',
      list(ip4, 1, 5),
      ', 240.0.0.0/28 }; }',
    ),
    text('set hosts6 { type ipv6_addr; flags interval; elements = { ', list(ip6, 1, 4), ' }; }'),
    text('set ports { type inet_service;', options, ' elements = { ', list(decimal(1, 65535), 1, 6), ' }; }'),
    text(
      'set pairs { type ipv4_addr . inet_service; flags interval; elements = { ',
      list(text(ip4, ' . ', portRange), 1, 3),
      ' }; }',
    ),
    text(
      'set seen4 { typeof ip saddr; size ',
      decimal(1, 65535),
      '; flags dynamic,timeout; timeout ',
      decimal(1, 59),
      'm; }',
    ),
    text('map marks4 { type ipv4_addr : mark; elements = { ', ip4, ' : ', number(0, 99), ' }; }'),
    text('map vports { type inet_service : verdict; elements = { 22 : ', verdict, ', * : ', verdict, ' }; }'),
    text('counter cnt { packets ', decimal(0, 9), ' bytes ', decimal(0, 9), '; }'),
    text('quota q { ', constantFrom('', 'over '), decimal(1, 99), ' mbytes; }'),
    text('limit lim { rate ', decimal(1, 99), '/', unit, '; }'),
  ];
  const helper = 'ct helper ftp { type "ftp" protocol tcp; l3proto ip; }';
  const flowtable = 'flowtable ft { hook ingress priority 0; devices = { "lo" }; }';
  const extra = family === 'ip' || family === 'inet' ? [helper, flowtable] : family === 'ip6' ? [flowtable] : [];
  return tuple(...sets).map((lines) => [...lines, ...extra]);
}

/** A table with so many rules. */
export function table(family: Family, rules = 8): Arbitrary<GeneratedTable> {
  return fc.record({
    family: constant(family),
    declarations: declarations(family),
    rules: array(rule(family), { minLength: 1, maxLength: rules }),
  });
}

export const anyTable: Arbitrary<GeneratedTable> = constantFrom(...FAMILIES).chain((family) => table(family));

/** The text of a ruleset. */
export function rulesetText({ family, declarations: declared, rules }: GeneratedTable): string {
  const lines = ['\tchain sub {', '\t}', ...declared.map((line) => `\t${line}`)];
  return `table ${family} t {\n${lines.join('\n')}\n\tchain c {\n${rules.map((line) => `\t\t${line}\n`).join('')}\t}\n}\n`;
}
