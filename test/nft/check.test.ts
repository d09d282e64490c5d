// All errors of broken rulesets, as users see them: one message for one mistake, the place, and what was probably meant.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { check } from '../../src/nft/check.ts';
import { plainMessage } from '../../src/nft/errors.ts';
import { errorLines } from '../../src/report/text-check.ts';

/** 'line:column message (hint)' of every error. */
function errorsOf(text: string): string[] {
  return check({ path: 'a.nft', text }).errors.map((error) => {
    const { line, column } = error.location;
    return `${line}:${column} ${plainMessage(error)}${error.hint === undefined ? '' : ` (${error.hint})`}`;
  });
}

/** Lines of a chain at the input hook; the first is line 4. */
function inInput(...lines: string[]): string {
  const rules = lines.map((line) => `\t\t${line}`).join('\n');
  return `table inet t {\n\tchain c {\n\t\ttype filter hook input priority filter; policy drop;\n${rules}\n\t}\n}\n`;
}

describe('what was meant', () => {
  it.each<[string, string, string]>([
    [
      'a misspelt selector',
      'tpc dport 22 accept',
      "4:3 syntax error, unexpected 'tpc', expecting a match or statement (did you mean 'tcp'?)",
    ],
    ['a misspelt verdict', 'tcp dport 22 accpet', "did you mean 'accept'?"],
    ['a verdict of iptables', 'tcp dport 22 ACCEPT', "nft writes it in small letters: 'accept'"],
    ['states in capitals', 'ct state RELATED,established accept', "did you mean 'related'?"],
    ['a port without direction', 'tcp port 22 accept', "did you mean 'tcp dport' (to) or 'tcp sport' (from)?"],
    ['a port without protocol', 'dport 22 accept', "nft writes 'tcp dport' or 'udp dport' (or 'th dport' for both)"],
    ['an address without family', 'saddr 10.0.0.1 accept', "nft writes 'ip saddr' or 'ip6 saddr'"],
    ['a protocol alone', 'tcp accept', "to match all of the protocol write 'meta l4proto tcp'"],
    ['one equals sign', 'ip daddr = 10.0.0.1 accept', "a comparison is written '==', or with nothing at all"],
    ['conjunction', 'tcp dport 22 && ip saddr 10.0.0.1 accept', "leave '&&' out"],
    ['a jump of iptables', '-j ACCEPT', "an option of iptables: nft writes 'accept'"],
    ['a port of iptables', 'meta l4proto tcp --dport 22 accept', "nft writes 'tcp dport PORT'"],
    ['an IPv6 address for IPv4', 'ip saddr fe80::1 accept', "an IPv6 address: write 'ip6 saddr'"],
    ['an IPv4 address for IPv6', 'ip6 daddr 10.0.0.1 accept', "an IPv4 address: write 'ip daddr'"],
    ['an octet too large', 'ip saddr 10.0.0.300 accept', 'each of the four numbers is at most 255'],
    ['a misspelt service', 'tcp dport htpps accept', "4:13 Could not resolve service 'htpps' (did you mean 'https'?)"],
    ['a service that is none', 'tcp dport frobnicate accept', 'give its number'],
    ['a chain that is none', 'jump cc', "4:8 there is no chain 'cc' in this table (did you mean chain 'c'?)"],
    ['a set that is none', 'ip saddr @nosuch accept', "4:12 there is no set or map 'nosuch' in this table"],
    ['a variable that is none', 'iifname $WAN accept', "4:12 unknown identifier 'WAN'"],
    ['a misspelt meta key', 'meta l4prot tcp accept', "did you mean 'l4proto'?"],
    ['allow', 'tcp dport 22 allow', "nft writes 'accept'"],
  ])('%s', (_, line, expected) => {
    const errors = errorsOf(inInput(line));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(expected);
  });

  it.each<[string, string, string]>([
    ['a hook', 'type filter hook postroutin priority 0', "unknown chain hook (did you mean 'postrouting'?)"],
    ['a chain type', 'type fliter hook input priority 0', "did you mean 'filter'?"],
    ['a priority name', 'type filter hook input priority filtr', "did you mean 'filter'?"],
    [
      'a priority that the hook lacks',
      'type filter hook forward priority dstnat',
      'names at hook forward of family inet: raw, mangle, filter, security',
    ],
    ['a missing semicolon', 'type filter hook input priority 0 policy drop', "a ';' is missing before 'policy'"],
  ])('%s of a base chain', (_, line, expected) => {
    const errors = errorsOf(`table inet t {\n chain c {\n  ${line}\n  masquerade\n }\n chain d { jump c; }\n}\n`);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(expected);
  });
});

describe('one message for one mistake', () => {
  it.each<[string, string, string[]]>([
    [
      'a policy',
      'table ip t {\n chain c {\n  type filter hook input priority 0; policy reject;\n }\n}\n',
      ["3:45 syntax error, unexpected 'reject', expecting 'accept' or 'drop'"],
    ],
    [
      'a brace of a set is missing',
      inInput('tcp dport { 22, 80 accept', 'udp dport 53 accept', 'jump d'),
      [
        "4:22 syntax error, unexpected 'accept', expecting ',' or '}' (the '{' of line 4 is not closed: a '}' is missing)",
        "6:8 there is no chain 'd' in this table",
      ],
    ],
    [
      'a list over several lines goes on behind an error',
      inInput('tcp dport {', '\t22 23,', '\t80', '} accept', 'jump d'),
      ["5:7 syntax error, unexpected '23', expecting ',' or '}'", "8:8 there is no chain 'd' in this table"],
    ],
    [
      "a chain's brace is missing",
      'table inet t {\n chain a {\n  accept\n chain b {\n  jump a\n }\n}\n',
      [
        "4:2 syntax error, unexpected 'chain': chain 'a' is not closed (a '}' is missing before it; chain 'a' starts in line 2)",
      ],
    ],
    [
      'a brace too many',
      'table inet t {\n chain a {\n  accept\n }\n }\n chain b {\n  jump a\n }\n}\n',
      ["5:2 table 't' ends with this '}', yet chain 'b' follows it (one '}' too many before?)"],
    ],
    [
      'the first word of a file',
      'tabel ip t { }\ntable ip u { chain c { jump d; }; }\n',
      [
        "1:1 syntax error, unexpected 'tabel', expecting an object (did you mean 'table'?)",
        "2:29 there is no chain 'd' in this table",
      ],
    ],
    [
      'the brace of a block is missing',
      'table ip t {\n chain c\n  type filter hook input priority 0\n  accept\n  jump d\n }\n}\n',
      [
        "2:9 syntax error, unexpected newline, expecting '{' (a '{' is missing)",
        "5:8 there is no chain 'd' in this table",
      ],
    ],
    [
      'the brace of a block is in the next line',
      'table ip t {\n chain c\n {\n  accept\n }\n}\n',
      ["2:9 syntax error, unexpected newline, expecting '{' (nft wants it in the same line)"],
    ],
    [
      'the brace of a list is missing',
      inInput('tcp dport 22, 80 } accept', 'jump d'),
      [
        "4:13 Basetype of type internet network service is not bitmask (several values are written as a set: '{ a, b }')",
        "4:20 syntax error, unexpected '}' (its '{' is missing in this line)",
        "5:8 there is no chain 'd' in this table",
      ],
    ],
    [
      'the brace of elements is missing',
      'table ip t {\n set s {\n  type ipv4_addr\n  elements =\n   10.0.0.1,\n   10.0.0.2 }\n }\n chain c { jump d; }\n}\n',
      [
        "4:13 syntax error, unexpected newline, expecting '{' (a '{' is missing)",
        "8:17 there is no chain 'd' in this table",
      ],
    ],
    [
      'a brace too many in a chain: its rules are told once',
      'table ip t {\n chain c {\n  tcp dport 22 accept\n  }\n  tcp dport 23 accept\n  udp dport 53 accept\n }\n chain d {\n  accept\n }\n}\n',
      [
        "5:3 syntax error, unexpected 'tcp', expecting a chain, set, map, flowtable, object or '}' (rules stand inside of a chain: does a '}' before end it too early?)",
      ],
    ],
    [
      'a string that begins without its mark hides no chains',
      inInput('log prefix no begin" accept', 'jump d').replace(
        /\}\n$/,
        ' chain e { log prefix "x"; }\n chain f { jump e; jump d; }\n}\n',
      ),
      [
        "4:17 syntax error, unexpected 'begin', expecting a match or statement",
        "5:8 there is no chain 'd' in this table",
        "8:25 there is no chain 'd' in this table",
      ],
    ],
    ['a brace at the end', 'table inet t {\n}\n}\n', ["3:1 syntax error, unexpected '}' (one '}' too many)"]],
    [
      'the end is missing',
      'table inet t {\n chain a {\n  accept\n',
      ["4:1 syntax error, unexpected end of file, expecting '}' (not closed: table 't' (line 1), chain 'a' (line 2))"],
    ],
    [
      'a quotation mark is missing',
      inInput('log prefix "drop: counter', 'iifname "lo" accept', 'jump d'),
      [
        "4:14 syntax error after this quoted string (it goes on in the next line: is its closing '\"' missing?)",
        "6:8 there is no chain 'd' in this table",
      ],
    ],
    [
      'a definition is wrong and used',
      `define NET = { 10.0.0.1,, }\n${inInput('ip saddr $NET accept', 'ip daddr $NET drop')}`,
      ["1:25 syntax error, unexpected ',', expecting a value"],
    ],
    [
      'a set is wrong and used',
      'table ip t {\n set s {\n  type ipv4_adr\n  flags intervl\n }\n chain c {\n  ip saddr @s drop\n  ip daddr @s drop\n }\n}\n',
      [
        "3:8 unknown datatype ipv4_adr (did you mean 'ipv4_addr'?)",
        "4:9 syntax error, unexpected 'intervl', expecting a set flag (did you mean 'interval'?)",
      ],
    ],
    [
      'elements that do not fit their set, each',
      'table ip t {\n set s {\n  type ipv4_addr\n  elements = { 10.0.0.0/8, fe80::1, 10.0.0.1 }\n }\n chain c { ip saddr @s drop; }\n}\n',
      [
        "4:16 You must add 'flags interval' to your set declaration if you want to add prefix elements",
        "4:28 Invalid IPv4 address 'fe80::1' (an IPv6 address: it belongs into a set of type ipv6_addr)",
      ],
    ],
    [
      'several statements of a rule',
      inInput('ip saddr fe80::1 tcp dport htpps accept'),
      [
        "4:12 Invalid IPv4 address 'fe80::1' (an IPv6 address: write 'ip6 saddr')",
        "4:30 Could not resolve service 'htpps' (did you mean 'https'?)",
      ],
    ],
    [
      'a misspelt word does not hide the next',
      inInput('tpc dport 22 accpet'),
      [
        "4:3 syntax error, unexpected 'tpc', expecting a match or statement (did you mean 'tcp'?)",
        "4:16 syntax error, unexpected 'accpet', expecting a match or statement (did you mean 'accept'?)",
      ],
    ],
    [
      'an include is missing',
      `include "nosuch.nft"\n${inInput('iifname $WAN accept', 'ip saddr @bad drop')}`,
      ['1:1 File not found: nosuch.nft (it is searched beside the ruleset and in the include paths (-I))'],
    ],
    [
      'a part of a table',
      'chain a {\n accept\n}\nchain b {\n jump a\n}\n',
      [
        "1:1 syntax error, chains, sets and flowtables stand inside of a table (put it into 'table inet NAME { … }', or check the file that includes this one)",
      ],
    ],
    [
      'errors of several tables, in the order of the text',
      `${inInput('jump d')}table ip u {\n chain c {\n  tcp dport 70000 accept\n }\n chain e {\n  acept\n }\n}\n`,
      [
        "4:8 there is no chain 'd' in this table",
        '9:13 Service out of range',
        "12:3 syntax error, unexpected 'acept', expecting a match or statement (did you mean 'accept'?)",
      ],
    ],
    [
      'a wrong character',
      inInput('tcp dport 22 ; accept § drop', 'jump d'),
      ['4:25 unexpected character U+00A7', "5:8 there is no chain 'd' in this table"],
    ],
  ])('%s', (_, text, expected) => {
    expect(errorsOf(text)).toEqual(expected);
  });

  it('commands of a file, a line each', () => {
    const text =
      'add table ip t\nadd chain ip t c { type filter hook input priority 0; }\nadd rule ip t d accept\nadd rule ip t c tcp dprot 22\nadd rle ip t c accept\n';
    expect(errorsOf(text)).toEqual([
      "3:15 there is no chain 'd' in this table",
      "4:21 syntax error, unexpected 'dprot', expecting a field of tcp (did you mean 'dport'?)",
      "5:5 syntax error, unexpected 'rle', expecting an object (did you mean 'rule'?)",
    ]);
  });

  it('equal ones are shown together, at most 20 are shown, and all are counted', () => {
    const lines = errorLines(check({ path: 'a.nft', text: inInput(...Array.from({ length: 9 }, () => 'jump d')) }));
    expect(lines).toEqual([
      "a.nft:4:8: error: there is no chain 'd' in this table",
      '    jump d',
      '         ^',
      '    the same in line 5:8, line 6:8, line 7:8, line 8:8, line 9:8, line 10:8 and 2 more places',
      '',
      'a.nft: 9 errors',
    ]);
    const many = check({ path: 'a.nft', text: inInput(...Array.from({ length: 50 }, (_, row) => `jump d${row}`)) });
    expect(errorLines(many).at(-1)).toBe('a.nft: 50 errors; 30 more are not shown: mend these first');
  });

  it('thousands of errors end', () => {
    const text = inInput(...Array.from({ length: 5000 }, () => 'acccept'));
    expect(check({ path: 'a.nft', text }).errors).toHaveLength(1000);
  });

  it('the caret stands under wide characters and behind tabs', () => {
    const lines = errorLines(check({ path: 'a.nft', text: inInput('ip saddr 10.0.0.1 comment "日本"\tfoo') }));
    expect(lines[1]).toBe('    ip saddr 10.0.0.1 comment "日本"    foo');
    expect(lines[2]).toBe(`${' '.repeat(40)}^^^`);
  });
});

describe('includes', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nftreplay-check-'));
    mkdirSync(path.join(folder, 'rules'));
    writeFileSync(path.join(folder, 'outside.nft'), 'table ip outside { }\n');
    writeFileSync(path.join(folder, 'rules/inside.nft'), 'table ip inside { }\n');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Tables read from a ruleset with this text, or the first error. */
  function read(text: string, options: { includePaths?: string[]; allowAbsoluteIncludes?: boolean } = {}): string {
    const file = path.join(folder, 'rules/main.nft');
    writeFileSync(file, text);
    const { compiled, errors } = check({ path: file, ...options });
    if (compiled === undefined) return plainMessage(errors[0] as never);
    return compiled.ruleset.tables.map((table) => table.name).join(' ');
  }

  it('read files of the folder, and not those above it', () => {
    expect(read('include "inside.nft"\n')).toBe('inside');
    expect(read('include "../outside.nft"\n')).toContain("lies outside the ruleset's folder");
    expect(read(`include "${folder}/outside.nft"\n`)).toContain("lies outside the ruleset's folder");
    expect(read(`include "${folder}/outside.nft"\n`, { includePaths: [folder] })).toBe('outside');
    expect(read('include "../outside.nft"\n', { allowAbsoluteIncludes: true })).toBe('outside');
  });

  it('do not follow links out of the folder', () => {
    symlinkSync('../outside.nft', path.join(folder, 'rules/link.nft'));
    symlinkSync('..', path.join(folder, 'rules/up'));
    expect(read('include "link.nft"\n')).toContain("lies outside the ruleset's folder");
    expect(read('include "up/outside.nft"\n')).toContain("lies outside the ruleset's folder");
    expect(read('include "l*.nft"\n')).toBe('');
  });

  it('end when a file includes itself', () => {
    expect(read('include "main.nft"\n')).toContain('include nested too deeply, at most 16 levels');
  });
});
