// Mutated rulesets for fuzzing: a seed text with octets changed and tokens removed, doubled, moved and replaced. The same number gives
// the same text.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/base/random.ts';

const MAX_SEED = 20_000;

/** Words of the language and of JavaScript's objects, values at the edges of their types, brackets that nest. */
export const VOCABULARY: readonly string[] = (
  'table chain set map flowtable counter quota limit ct helper timeout expectation secmark synproxy inet ip ip6 arp bridge netdev type typeof hook ' +
  'ingress egress prerouting input forward output postrouting priority filter policy accept drop continue return jump goto queue reject log prefix ' +
  'group snaplen level flags tcp udp sctp dccp icmp icmpv6 igmp gre vxlan geneve gretap ah esp comp th ether vlan saddr daddr sport dport protocol ' +
  'option maxseg sack timestamp chunk data frag hbh rt srh exthdr exists missing meta mark iif oifname l4proto nfproto ct state new established mark ' +
  'fib saddr . iif oif check numgen inc random mod offset jhash symhash seed socket cgroupv2 level osf ttl loose name ipsec in out spnum reqid spi ' +
  'dnat snat masquerade redirect to prefix tproxy dup fwd device notrack flow add @ft update delete meter last used never vmap include define redefine ' +
  'undefine $x elements interval dynamic constant timeout auto-merge size gc-interval comment insert replace rename flush reset destroy list ruleset ' +
  'handle position index 0 1 255 256 65535 65536 4294967295 4294967296 18446744073709551615 18446744073709551616 -1 0x0 08 1.2.3.4 255.255.255.255 ' +
  '0.0.0.0/0 1.2.3.4/33 10.0.0.0-10.0.0.255 ::1 ::/0 fe80::1%lo ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 00:11:22:33:44:55 1w2d3h4m5s 24:00 "2024-02-30" ' +
  '"eth*" "*" "" \\* eth* @nh,0,8 @th,0,513 @ll,65535,512 == != < > <= >= ! & | ^ << >> { } ( ) [ ] ; , : = - + / * # " \\ \n constructor toString ' +
  '__proto__ hasOwnProperty valueOf'
).split(' ');

/** Fragments of JSON rulesets. */
const JSON_VOCABULARY: readonly string[] = [
  '{', '}', '[', ']', ',', ':', '"', 'null', 'true', 'false', '0', '-1', '1e9', '1.5', '18446744073709551616', '"@x"', '"*"', '"\\u0000"',
  '"\\ud800"', '"constructor"', '"__proto__"', '"nftables"', '"add"', '"table"', '"chain"', '"rule"', '"set"', '"map"', '"elem"', '"expr"', '"match"', '"left"',
  '"right"', '"op"', '"concat"', '"prefix"', '"range"', '"payload"', '"meta"', '"key"', '"vmap"', '"data"', '"mangle"', '"limit"', '"family"', '"inet"',
]; // biome-ignore format: a list

const BUILT_IN: readonly string[] = [
  'define lan = { eth0, eth1 }\ntable inet t {\n  set s { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 1-1024 }; }\n' +
    '  map m { type inet_service : verdict; elements = { 22 : jump ssh, 80 : accept }; }\n  chain ssh {\n    ct state new limit rate 5/minute burst 3 packets accept\n  }\n' +
    '  flowtable ft { hook ingress priority 0; devices = $lan; }\n  chain f {\n    type filter hook forward priority filter; policy drop;\n' +
    '    iifname $lan tcp dport vmap @m\n    ip saddr . tcp dport @s counter log prefix "in: " accept\n    ct state established flow add @ft\n' +
    '    tcp flags & (syn | ack) == syn tcp option maxseg size set rt mtu\n    meta mark set numgen inc mod 4 map { 0 : 1, 1 : 2 }\n  }\n}\n',
  'add table ip n\nadd chain ip n p { type nat hook prerouting priority dstnat; }\nadd rule ip n p tcp dport 80 dnat to 192.168.0.1:8080 comment "web"\n' +
    'insert rule ip n p ip saddr != { 10.0.0.0/8, 192.168.0.1-192.168.0.9 } counter\nflush chain ip n p\n',
  '{"nftables": [{"metainfo": {"json_schema_version": 1}}, {"table": {"family": "inet", "name": "t", "handle": 1}}, {"chain": {"family": "inet", "table": "t", ' +
    '"name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}, {"set": {"family": "inet", "table": "t", "name": "s", "type": ["ipv4_addr", ' +
    '"inet_service"], "flags": ["interval"], "elem": [{"concat": [{"prefix": {"addr": "10.0.0.0", "len": 8}}, {"range": [1, 9]}]}]}}, {"rule": {"family": "inet", ' +
    '"table": "t", "chain": "c", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [22, "http"]}}}, ' +
    '{"counter": {"packets": 0, "bytes": 0}}, {"accept": null}]}}]}\n',
];

/** Texts to start from: the built-in ones, and every ruleset of the corpora that is there and not too long. */
export function seedTexts(corpora = '/work/shared/corpora'): string[] {
  const texts = [...BUILT_IN];
  if (!existsSync(corpora)) return texts;
  for (const name of readdirSync(corpora, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(nft|json-nft|t)$|bogons\/nft-/.test(name)) continue;
    try {
      const text = readFileSync(join(corpora, name), 'utf8');
      if (text.length <= MAX_SEED) texts.push(name.endsWith('.t') ? rulesOf(text) : text);
    } catch {
      // A folder.
    }
  }
  return texts;
}

/** Rules of nftables' tests/py as a chain. */
function rulesOf(text: string): string {
  const rules = text.split('\n').filter((line) => /;ok(;|$)/.test(line) && !/^[#:*!?%-]/.test(line));
  return `table inet t {\n chain c {\n${rules.map((line) => `  ${line.split(';')[0]}\n`).join('')} }\n}\n`;
}

/** The mutated text of a number. */
export function mutant(seeds: readonly string[], number: number): string {
  const random = new Random(number);
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)] as T;
  let text = pick(seeds);
  const words = text.startsWith('{') ? JSON_VOCABULARY : VOCABULARY;
  for (let edits = 1 + random.below(4); edits > 0; edits--) {
    const at = random.below(text.length + 1);
    const length = random.below(30);
    switch (random.below(8)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(at, at + length).repeat(1 + random.below(4)) + text.slice(at);
        break;
      case 2:
        text =
          text.slice(0, at) +
          String.fromCharCode(random.below(random.below(4) === 0 ? 0x2100 : 128)) +
          text.slice(at + 1);
        break;
      case 3: {
        const other = pick(seeds);
        const from = random.below(other.length + 1);
        text = text.slice(0, at) + other.slice(from, from + random.below(200)) + text.slice(at);
        break;
      }
      case 4: {
        const from = random.below(text.length + 1);
        text = text.slice(0, at) + text.slice(from, from + length) + text.slice(at);
        break;
      }
      default: {
        // A whole token gives way to another, or one comes between.
        const token = tokenAt(text, at);
        const replaced = random.below(3) === 0 ? '' : pick(words);
        text = `${text.slice(0, token.start)}${replaced} ${random.below(2) === 0 ? '' : text.slice(token.start, token.end)}${text.slice(token.end)}`;
      }
    }
  }
  return text;
}

function tokenAt(text: string, at: number): { start: number; end: number } {
  const isWord = (index: number): boolean => /[\w.:/@"-]/.test(text.charAt(index));
  let start = Math.min(at, text.length);
  while (start > 0 && isWord(start - 1)) start--;
  let end = start;
  while (end < text.length && isWord(end)) end++;
  return { start, end: Math.max(end, Math.min(start + 1, text.length)) };
}
