// Our bytecode against the real nft's, rule by rule and for whole rulesets of fw4; handles against those of a loaded ruleset.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, translate } from '../../src/nft/compile.ts';
import { printNetlink } from '../../src/nft/debug-netlink.ts';
import { debugNetlink, instructions, listJson, nftVersion } from './nft-command.ts';

const version = nftVersion();
const FW4 = '/work/shared/corpora/fw4';

const PRELUDE = `
  set addresses { type ipv4_addr; }
  set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.9 } }
  set names { type ifname; elements = { "eth0", "eth1" } }
  set seen { type ipv4_addr; flags dynamic,timeout; timeout 5m; size 1000; }
  set pairs { type ipv4_addr . inet_service; flags interval; }
  map ports { type inet_service : verdict; elements = { 22 : accept, 23 : drop } }
  map marks { type ipv4_addr : mark; }
  counter hits { }
  limit slow { rate 10/minute; }
  quota month { over 10 mbytes; }
  chain other { }
`;

/**
 * Rules by family; every statement that home routers use, and what nft adds to it. Left out because nft 1.0.6 differs from 1.1.4:
 * writes to UDP headers (checksum by another way), `ct original proto-dst` (refused by 1.0.6 without a transport match).
 */
const RULES: Record<string, string[]> = {
  inet: [
    'tcp dport 22 accept',
    'tcp dport != 22',
    'tcp dport 22-23',
    'tcp dport { 22, 80, 443 } accept',
    'tcp dport { 1-10, 20 }',
    'udp sport domain',
    'ip saddr 1.2.3.4',
    'ip saddr 10.0.0.0/8 drop',
    'ip saddr 10.0.0.0/9',
    'ip saddr != 10.1.2.0/23',
    'ip6 saddr fe80::/10',
    'ip6 daddr ::1',
    'ip saddr 1.1.1.1 ip daddr 2.2.2.2',
    'ip saddr . tcp dport { 1.1.1.1 . 80, 2.0.0.0/8 . 1-5 }',
    'ip saddr @nets',
    'ip saddr @addresses counter',
    'iifname "eth0"',
    'iifname "eth*"',
    'iifname { "eth0", "wl*" }',
    'oifname @names',
    'iif "lo" accept',
    'oif != "lo"',
    'meta mark 0x10',
    'meta mark and 0xff == 0x1',
    'meta mark & 0xf0 != 0',
    'meta mark set 0x1',
    'meta mark set meta mark or 0x10',
    'meta mark set ct mark',
    'ct mark set meta mark',
    'ct mark set ct mark & 0xffff0000 | 0x5',
    'ct state established,related accept',
    'ct state new',
    'ct state invalid drop',
    'ct state { new, untracked }',
    'ct state vmap { established : accept, invalid : drop }',
    'ct status dnat',
    'ct direction original',
    'ct mark 1-5',
    'ct original ip saddr 1.2.3.4',
    'meta l4proto { tcp, udp } th dport 53',
    'meta l4proto tcp',
    'meta l4proto 6-17',
    'meta nfproto ipv4 tcp dport 22',
    'tcp flags syn',
    'tcp flags & (fin|syn|rst|ack) == syn',
    'tcp flags ! syn',
    'tcp flags { syn, ack }',
    'tcp flags syn / syn,ack',
    'tcp flags != syn,ack',
    'tcp dport 22 tcp sport 1024',
    'udp length 100',
    'icmp type echo-request',
    'icmpv6 type { nd-router-advert, echo-request }',
    'icmp type . icmp code { 3 . 4 }',
    'icmp id 5',
    'ip protocol tcp',
    'ip6 nexthdr udp',
    'ip dscp cs1',
    'ip dscp set 0x10',
    'ip6 dscp set ef',
    'ip ecn ce',
    'ip ttl 1',
    'ip ttl set 64',
    'ip6 hoplimit 64',
    'ip frag-off & 0x1fff != 0',
    'ip version 4',
    'ip6 flowlabel 5',
    'frag more-fragments 1',
    'exthdr frag exists',
    'tcp option maxseg size 1-1000',
    'tcp option maxseg size set rt mtu',
    'tcp option maxseg size set 1360',
    'tcp option sack-perm exists',
    'ether saddr 00:11:22:33:44:55',
    'vlan id 5',
    'ether type ip',
    '@th,16,16 22',
    '@nh,96,32 0x01020304',
    '@ll,0,48 0x001122334455',
    'counter',
    'counter name hits',
    'limit rate 5/second',
    'limit rate over 10/minute burst 20 packets',
    'limit rate 10 mbytes/second burst 1 mbytes',
    'limit name slow',
    'quota over 5 mbytes drop',
    'quota name month drop',
    'log',
    'log prefix "x: " level info',
    'log group 3 snaplen 100',
    'log flags ip options',
    'ct count over 5 drop',
    'reject',
    'reject with icmpx admin-prohibited',
    'reject with tcp reset',
    'tcp dport 22 reject with tcp reset',
    'ip saddr 1.1.1.1 reject',
    'reject with icmp host-unreachable',
    'tcp dport vmap @ports',
    'tcp dport vmap { 22 : accept, 80-90 : drop }',
    'meta mark set ip saddr map { 1.1.1.1 : 1, 2.2.2.2 : 2 }',
    'meta mark set ip saddr map @marks',
    'jump other',
    'goto other',
    'return',
    'notrack',
    'add @seen { ip saddr timeout 10s }',
    'update @seen { ip saddr limit rate 5/second } accept',
    'ip saddr . tcp dport @pairs',
    'fib saddr . iif oif missing drop',
    'fib daddr type local accept',
    'rt classid 5',
    'numgen inc mod 4 == 1',
    'meta mark set jhash ip saddr . tcp dport mod 4',
    'meta pkttype broadcast',
    'meta length 100-200',
    'meta skuid 1000',
    'meta priority 1:2',
    'meta iiftype ether',
    'meta cpu 1',
    'ct bytes > 1000',
    'ct avgpkt 5',
    'meta hour "10:00"-"12:00"',
    'meta day "Monday"',
    'tcp dport set 80',
    'ct zone set 5',
    'ct helper "ftp"',
    'ct expiration 10s',
    'ct label 5',
    'ip saddr 1.1.1.1-1.1.1.9 tcp dport 1-2',
    'meter m { ip saddr limit rate 5/second } drop',
    'ip daddr { 1.1.1.1, 2.2.2.2 } drop comment "c"',
    'ip saddr vmap { 1.1.1.1 : jump other, * : drop }',
    'dccp type request',
    'sctp dport 5',
    'ah spi 5',
    'esp spi 6',
    'comp cpi 7',
    'udplite dport 1',
    'igmp type membership-query',
    'meta protocol ip6',
  ],
  ip: [
    'ip saddr 1.2.3.4 tcp dport 22',
    'udp dport 53',
    'icmp type echo-reply',
    'reject',
    'ether saddr 00:11:22:33:44:55',
    'ct original saddr 1.2.3.4',
    'dup to 1.2.3.4',
    'rt nexthop 1.2.3.4',
    'ip option rr exists',
  ],
  ip6: [
    'ip6 saddr fd00::/8',
    'icmpv6 type nd-neighbor-solicit',
    'tcp dport 22',
    'reject',
    'srh flags 1',
    'mh type binding-update',
  ],
  bridge: [
    'ether saddr 00:11:22:33:44:55',
    'ip saddr 1.2.3.4',
    'vlan id 5 ip saddr 1.2.3.4',
    'vlan type arp',
    'arp operation request',
    'tcp dport 22',
    'ether type 8021q',
  ],
  arp: [
    'arp operation request',
    'arp saddr ip 1.2.3.4',
    'arp daddr ether 00:11:22:33:44:55',
    'arp htype 1 arp ptype ip',
  ],
};
const NAT_RULES: Record<string, string[]> = {
  prerouting: [
    'tcp dport 22 dnat ip to 1.2.3.4',
    'ip saddr 1.1.1.1 dnat to 1.2.3.4',
    'tcp dport 22 dnat ip to 1.2.3.4:80',
    'tcp dport 22 dnat ip6 to [fd00::1]:80',
    'dnat ip to 1.2.3.4-1.2.3.9',
    'tcp dport 22 dnat ip to 1.2.3.4:80-90 random',
    'udp dport 53 redirect to :53',
    'redirect',
    'dnat ip to ip saddr map { 1.1.1.1 : 2.2.2.2 }',
    'dnat ip to 10.0.0.0/8 persistent',
    'dnat ip to tcp dport map { 80 : 1.1.1.1 . 8080, 443 : 2.2.2.2 . 8443 }',
    'tcp dport 80 dnat to :8080',
    'tcp dport 22 redirect to 2222 fully-random',
    'dnat ip prefix to ip daddr map { 10.0.0.0/24 : 192.168.0.0/24 }',
  ],
  postrouting: [
    'masquerade',
    'masquerade random,persistent',
    'meta l4proto tcp masquerade to :1024-2048',
    'snat ip to 1.2.3.4',
    'snat ip6 to fd00::1-fd00::9',
    'oifname "wan" snat ip to 1.2.3.4 fully-random',
  ],
};

function table(family: string, rule: string, chain: string): string {
  const prelude = family === 'inet' ? PRELUDE : '';
  return `table ${family} t {\n${prelude}\n chain c {\n  ${chain}\n  ${rule}\n }\n}\n`;
}

const CASES = [
  ...Object.entries(RULES).flatMap(([family, rules]) =>
    rules.map(
      (rule) =>
        [
          family,
          rule,
          rule === 'notrack'
            ? 'type filter hook prerouting priority raw;'
            : family === 'inet' && rule.includes('rt mtu')
              ? 'type filter hook forward priority 0;'
              : 'type filter hook input priority 0;',
        ] as const,
    ),
  ),
  ...Object.entries(NAT_RULES).flatMap(([hook, rules]) =>
    rules.map((rule) => ['inet', rule, `type nat hook ${hook} priority 0;`] as const),
  ),
];

test('the real nft is there, or its absence is said', () => {
  if (version === undefined) console.log('skipped: nft is not installed, or may not make a network namespace');
  expect(CASES.length).toBeGreaterThan(150);
});

describe.skipIf(version === undefined)('bytecode equals that of the real nft', () => {
  test.each(CASES)('%s: %s', (family, rule, chain) => {
    const text = table(family, rule, chain);
    const real = debugNetlink(text);
    expect(real.errors).toBe('');
    const { ruleset } = translate({ path: 'test.nft', text }, false);
    expect(instructions(printNetlink(ruleset))).toEqual(instructions(real.output));
  });
});

describe.skipIf(version === undefined || !existsSync(FW4))('rulesets of fw4', () => {
  for (const name of existsSync(FW4) ? readdirSync(FW4).filter((name) => name.endsWith('.nft')) : []) {
    test(name, () => {
      // The include names a folder of the router.
      const text = readFileSync(path.join(FW4, name), 'utf8').replace(/^.*include "\/etc.*$/gm, '');
      const real = debugNetlink(text);
      const refusal = /:(\d+):(\d+)-(\d+): Error: (transport protocol mapping.*)/.exec(real.errors);
      if (refusal !== null) {
        expect(() => compile({ path: 'test.nft', text })).toThrow(
          new RegExp(`:${refusal[1]}:${refusal[2]}: ${refusal[4]}`),
        );
        return;
      }
      expect(instructions(printNetlink(compile({ path: 'test.nft', text }).ruleset))).toEqual(
        instructions(real.output),
      );
    });
  }
});

describe.skipIf(version === undefined)('handles are those of a loaded ruleset', () => {
  test.each([
    [
      'blocks',
      `table inet t {\n${PRELUDE}\n chain a {\n  tcp dport { 1, 2 } accept\n  ip saddr vmap { 1.1.1.1 : drop }\n  counter\n }\n chain b {\n  jump a\n }\n}\n`,
    ],
    [
      'commands',
      [
        'add table ip a',
        'add chain ip a b',
        'add rule ip a b counter',
        'insert rule ip a b ip saddr 1.2.3.4 drop',
        'add rule ip a b tcp dport { 1, 2 } accept',
        'add set ip a s { type ipv4_addr ; flags timeout; }',
        'add element ip a s { 1.1.1.1 timeout 5m, 2.2.2.2 }',
        'add rule ip a b index 0 udp dport { 5-7 } drop',
        'flush chain ip a b',
        'add rule ip a b ip daddr @s drop',
        'table ip6 x { chain y { counter; }; }',
        'delete table ip6 x',
        'create table ip6 x',
      ].join('\n'),
    ],
    [
      'flush table before a block, as fw4 does',
      'table inet f\nflush table inet f\ntable inet f {\n chain c {\n  tcp dport 1-2 accept\n }\n}\n',
    ],
  ])('%s', (_, text) => {
    const real = new Set<string>();
    for (const object of listJson(text).nftables) {
      for (const [kind, item] of Object.entries(object)) {
        if (kind === 'metainfo') continue;
        real.add(
          `${kind === 'map' ? 'set' : kind} ${item.family} ${item.table ?? ''} ${kind === 'rule' ? item.chain : item.name} ${item.handle}`,
        );
      }
    }
    const mine = new Set<string>();
    for (const table of compile({ path: 'test.nft', text }).ruleset.tables) {
      const add = (kind: string, name: string, handle: number): void => {
        mine.add(`${kind} ${table.family} ${table.name} ${name} ${handle}`);
      };
      mine.add(`table ${table.family}  ${table.name} ${table.handle}`);
      for (const chain of table.chains) {
        add('chain', chain.name, chain.handle);
        for (const rule of chain.rules) add('rule', chain.name, rule.handle);
      }
      for (const set of table.sets) if (!set.anonymous) add('set', set.name, set.handle);
      for (const object of table.objects) add(object.type, object.name, object.handle);
    }
    expect([...mine].sort()).toEqual([...real].sort());
  });
});
