// What people write by habit from elsewhere (iptables, pf, C, shells) and what nft calls it: hints for syntax errors.
import { own } from '../base/own.ts';
import type { Token } from './lexer.ts';
import type { Parser } from './parser.ts';

/** Options of iptables, by their text up to a blank; `*` stands for what follows. */
const IPTABLES: readonly (readonly [option: RegExp, nft: string])[] = [
  [/^-A\b|^--append\b/, "rules stand inside of 'chain NAME { … }'"],
  [/^(?:-j|--jump)\s+(ACCEPT|DROP|RETURN|REJECT|LOG|MASQUERADE|QUEUE)\b/, ''],
  [/^(?:-j|--jump)\s+DNAT\b/, "'dnat to ADDRESS'"],
  [/^(?:-j|--jump)\s+SNAT\b/, "'snat to ADDRESS'"],
  [/^(?:-j|--jump)\s+FLOWOFFLOAD\b/, "'flow add @FLOWTABLE'"],
  [/^(?:-j|--jump)\s/, "'jump CHAIN'"],
  [/^(?:-g|--goto)\s/, "'goto CHAIN'"],
  [/^--(?:dport|dports|destination-port)\b/, "'tcp dport PORT' or 'udp dport PORT', several in braces"],
  [/^--(?:sport|sports|source-port)\b/, "'tcp sport PORT' or 'udp sport PORT', several in braces"],
  [/^(?:-p|--protocol)\s/, "'meta l4proto PROTOCOL', or nothing before 'tcp dport' and the like"],
  [/^(?:-s|--source)\s/, "'ip saddr ADDRESS'"],
  [/^(?:-d|--destination)\s/, "'ip daddr ADDRESS'"],
  [/^(?:-i|--in-interface)\s/, '\'iifname "NAME"\''],
  [/^(?:-o|--out-interface)\s/, '\'oifname "NAME"\''],
  [/^--(?:ct)?state\b/, "'ct state established,related'"],
  [/^--(?:to-destination|to-source|to)\b/, "'dnat to ADDRESS' or 'snat to ADDRESS'"],
  [/^--log-prefix\b/, '\'log prefix "TEXT"\''],
  [/^--limit\b/, "'limit rate 5/second'"],
  [/^--icmp-type\b/, "'icmp type echo-request'"],
  [/^--tcp-flags\b/, "'tcp flags syn / syn,ack'"],
  [/^--reject-with\b/, "'reject with icmp port-unreachable'"],
  [/^--mac-source\b/, "'ether saddr ADDRESS'"],
  [/^--(?:set-mark|set-xmark|mark)\b/, "'meta mark set VALUE' or 'meta mark VALUE'"],
  [/^(?:-m|--match)\s/, 'matches need no module to be named'],
];

/** Words of other filters and half-remembered ones. */
const WORDS: Record<string, string> = {
  allow: "'accept'",
  permit: "'accept'",
  pass: "'accept'",
  deny: "'drop' or 'reject'",
  block: "'drop' or 'reject'",
  dport: "'tcp dport' or 'udp dport' (or 'th dport' for both)",
  sport: "'tcp sport' or 'udp sport' (or 'th sport' for both)",
  saddr: "'ip saddr' or 'ip6 saddr'",
  daddr: "'ip daddr' or 'ip6 daddr'",
  src: "'ip saddr'",
  dst: "'ip daddr'",
  from: "'ip saddr'",
  state: "'ct state'",
  protocol: "'meta l4proto'",
  proto: "'meta l4proto'",
  l4proto: "'meta l4proto'",
  nfproto: "'meta nfproto'",
  interface: "'iifname' or 'oifname'",
  iface: "'iifname' or 'oifname'",
  'in-interface': "'iifname'",
  'out-interface': "'oifname'",
  port: "'tcp dport' or 'udp dport'",
  mac: "'ether saddr'",
  masq: "'masquerade'",
  ipv4: "'ip'",
  ipv6: "'ip6'",
  addr: "'saddr' (source) or 'daddr' (destination)",
  offload: "'flow add @FLOWTABLE'",
};
const LOWER = new Set(['ACCEPT', 'DROP', 'RETURN', 'REJECT', 'LOG', 'MASQUERADE', 'QUEUE', 'REDIRECT', 'CONTINUE']);

/** What the token probably stands for; undefined when nothing is known of it. `expected` is what the grammar wants there. */
export function habitHint(p: Parser, token: Token, expected: string | undefined): string | undefined {
  if (token.kind === 'operator') {
    const line = p.sources.line(token);
    const at = p.sources.location(token).column - 1;
    // The first half of `&&` or `--` was an operator still.
    const isSecond = line[at] === line[at - 1] && !/\s/.test(line[at + 1] ?? ' ');
    const isPair = line[at] === line[at - 1] && line[at] === '&';
    return operatorHint(line.slice(isSecond || isPair ? at - 1 : at), expected);
  }
  if (token.kind !== 'word') return undefined;
  if (LOWER.has(token.text)) return `nft writes it in small letters: '${token.text.toLowerCase()}'`;
  const field = /^a field of (tcp|udp|udplite|sctp|dccp|th)$/.exec(expected ?? '')?.[1];
  if (field !== undefined && ['port', 'ports'].includes(token.text))
    return `did you mean '${field} dport' (to) or '${field} sport' (from)?`;
  if (field !== undefined && ['accept', 'drop', 'reject', 'counter', 'log'].includes(token.text))
    return `to match all of the protocol write 'meta l4proto ${field}'`;
  const family = /^a field of (ip6?)$/.exec(expected ?? '')?.[1];
  if (family !== undefined && ['src', 'source', 'from'].includes(token.text)) return `did you mean '${family} saddr'?`;
  if (family !== undefined && ['dst', 'dest', 'destination', 'to'].includes(token.text))
    return `did you mean '${family} daddr'?`;
  if (expected === undefined || !/match or statement|field of|chain, set/.test(expected)) return undefined;
  const nft = own(WORDS, token.text.toLowerCase());
  return nft === undefined || field !== undefined ? undefined : `nft writes ${nft}`;
}

function operatorHint(text: string, expected: string | undefined): string | undefined {
  if (text.startsWith('=') && expected === 'a value') return "a comparison is written '==', or with nothing at all";
  if (text.startsWith('&&')) return "matches of a rule must all hold: leave '&&' out";
  if (text.startsWith('||')) return "alternatives are written as a set: '{ a, b }'";
  if (!text.startsWith('-')) return undefined;
  for (const [option, nft] of IPTABLES) {
    const found = option.exec(text);
    if (found === null) continue;
    return `an option of iptables: nft writes ${nft === '' ? `'${(found[1] ?? '').toLowerCase()}'` : nft}`;
  }
  return /^--?[a-zA-Z]/.test(text) ? "an option of iptables? 'iptables-translate' gives the nft rule" : undefined;
}
