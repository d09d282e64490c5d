// `nftreplay check` from end to end: what users see, forms for programs, exit codes, standard input.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { nftreplay, RULESET, withFolder } from './program.ts';

const BROKEN =
  'table inet fw {\n\tchain input {\n\t\ttype filter hook inptu priority filter; policy drop;\n\t\ttpc dport 22 accpet\n\t\tjump forwrad\n\t}\n\tchain forward {\n\t}\n}\n';
const REGRETTED =
  'table inet fw {\n\tchain input {\n\t\ttype filter hook input priority filter\n\t\tdrop\n\t\ttcp dport 22 accept\n\t}\n}\n';
const NEW =
  'table inet fw {\n\tchain input {\n\t\ttype filter hook input priority filter\n\t\tip saddr vmap { 10.0.0.1 : accept, * : drop }\n\t}\n}\n';

/** Runs check in a folder with these files. */
function check(files: Record<string, string>, args: string[], input?: string) {
  return withFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return nftreplay(['check', ...args], input === undefined ? undefined : Readable.from([input]), folder);
  });
}

describe.concurrent('check', () => {
  it('a broken ruleset: all errors with their lines, exit code 2', async () => {
    const ended = await check({ 'fw.nft': BROKEN }, ['fw.nft']);
    expect(ended.stdout).toBe(`fw.nft:3:20: error: unknown chain hook
    type filter hook inptu priority filter; policy drop;
                     ^^^^^
    -> did you mean 'input'?

fw.nft:4:3: error: syntax error, unexpected 'tpc', expecting a match or statement
    tpc dport 22 accpet
    ^^^
    -> did you mean 'tcp'?

fw.nft:4:16: error: syntax error, unexpected 'accpet', expecting a match or statement
    tpc dport 22 accpet
                 ^^^^^^
    -> did you mean 'accept'?

fw.nft:5:8: error: there is no chain 'forwrad' in this table
    jump forwrad
         ^^^^^^^
    -> did you mean chain 'forward'?

fw.nft: 4 errors
`);
    expect(ended.stderr).toBe('');
    expect(ended.code).toBe(2);
  });

  it('a ruleset that loads: what it holds, what will be regretted', async () => {
    const ended = await check({ 'fw.nft': REGRETTED }, ['fw.nft']);
    expect(ended.stdout).toBe(`fw.nft: 1 table, 1 chain, 2 rules

table inet fw
  chain  input  filter, hook input, priority filter, policy accept  2 rules

fw.nft:5:3: warning: no packet reaches this rule in chain 'input': a rule before drops every packet
    [check/unreachable-rule]
    tcp dport 22 accept
    ^^^^^^^^^^^^^^^^^^^
    fw.nft:4: this rule drops every packet
      drop
    -> move it up, or take it out

no errors, 1 warning, no notes
`);
    expect(ended.code).toBe(0);
    expect((await check({ 'fw.nft': REGRETTED }, ['fw.nft', '--fail-on', 'warning'])).code).toBe(1);
  });

  it('what the kernel lacks is an error with exit code 1, what it has is none', async () => {
    const old = await check({ 'fw.nft': NEW }, ['fw.nft', '--kernel', '5.10', '--requires']);
    expect(old.stdout).toContain("fw.nft:4:3: error: the kernel lacks catch-all element '*': it needs 5.13 or later");
    expect(old.stdout).toMatch(/5\.13 +0\.9\.9 +catch-all element '\*' +line 4 +kmod-nft-core +! not in 5\.10/);
    expect(old.stdout).toContain('needs Linux 5.13 or later, nft 0.9.9 or later');
    expect(old.code).toBe(1);
    expect((await check({ 'fw.nft': NEW }, ['fw.nft', '--kernel', '6.12'])).code).toBe(0);
    const wrong = await check({ 'fw.nft': NEW }, ['fw.nft', '--kernel', 'newest']);
    expect(wrong.stderr).toBe('nftreplay: --kernel: newest: is no version: write for example 5.15\n');
    expect(wrong.code).toBe(2);
  });

  it('standard input, and several rulesets at once', async () => {
    const ended = await check({ 'a.nft': REGRETTED, 'b.nft': NEW }, ['a.nft', '-', 'b.nft'], BROKEN);
    expect(ended.stdout).toContain('a.nft: 1 table');
    expect(ended.stdout).toContain("-:5:8: error: there is no chain 'forwrad'");
    expect(ended.stdout).toContain('-: 4 errors');
    expect(ended.stdout).toContain('b.nft: 1 table');
    expect(ended.code).toBe(2);
    expect((await check({}, ['-', '-'])).stderr).toMatch(/standard input is one ruleset/);
  });

  it('prints the ruleset, its JSON and its bytecode', async () => {
    const listed = await check({ 'fw.nft': NEW }, ['fw.nft', '--list']);
    expect(listed.stdout).toBe(NEW.replace('priority filter', 'priority filter; policy accept;'));
    const json = await check({ 'fw.nft': NEW }, ['fw.nft', '--json']);
    expect(JSON.parse(json.stdout).nftables[1]).toEqual({ table: { family: 'inet', name: 'fw', handle: 1 } });
    const bytecode = await check({ 'fw.nft': REGRETTED }, ['fw.nft', '--debug', 'netlink']);
    expect(bytecode.stdout).toContain('inet fw input\n  [ immediate reg 0 drop ]\n');
    const broken = await check({ 'fw.nft': BROKEN }, ['fw.nft', '--list']);
    expect(broken.stdout).toBe('');
    expect(broken.stderr).toContain('fw.nft: 4 errors');
    expect(broken.code).toBe(2);
  });

  it('findings for programs', async () => {
    const json = JSON.parse((await check({ 'fw.nft': BROKEN }, ['fw.nft', '--format', 'json'])).stdout);
    expect(json.schema).toBe('nftreplay.check/1');
    expect(json.findings).toHaveLength(4);
    expect(json.findings[0]).toEqual({
      rule: 'check/semantic',
      level: 'error',
      message: 'unknown chain hook',
      file: 'fw.nft',
      line: 3,
      column: 20,
      help: "did you mean 'input'?",
    });
    const sarif = JSON.parse((await check({ 'fw.nft': REGRETTED }, ['fw.nft', '--format', 'sarif'])).stdout);
    expect(sarif.runs[0].results[0].ruleId).toBe('check/unreachable-rule');
    expect(sarif.runs[0].tool.driver.rules[0].shortDescription.text).toBe('no packet reaches a rule');
    const github = await check({ 'fw.nft': REGRETTED }, ['fw.nft', '--format', 'github']);
    expect(github.stdout).toMatch(/^::warning file=fw\.nft,line=5,.*no packet reaches this rule/);
    const markdown = await check({ 'fw.nft': REGRETTED }, ['fw.nft', '--format', 'markdown', '-o', 'report.md']);
    expect(markdown.stdout).toBe('');
  });

  it('a bundled ruleset has no errors and no warnings', async () => {
    const ended = await nftreplay(['check', RULESET, '--requires']);
    expect(ended.stdout).toContain('kmod-nft-offload brings kmod-nf-flow and kmod-nft-nat');
    expect(ended.stdout).toContain('no errors, no warnings');
    expect(ended.code).toBe(0);
  });

  it('includes stay in the folder', async () => {
    const files = { 'rules/fw.nft': 'include "../x.nft"\n', 'x.nft': 'table ip x { }\n' };
    const outside = await check(files, ['rules/fw.nft']);
    expect(outside.stdout).toContain("lies outside the ruleset's folder and the include paths");
    expect(outside.code).toBe(2);
    expect((await check(files, ['rules/fw.nft', '-I', '.'])).code).toBe(0);
    expect((await check(files, ['rules/fw.nft', '--allow-absolute-includes'])).code).toBe(0);
  });

  it('hostile names reach no terminal', async () => {
    const ended = await check(
      { 'fw.nft': 'table ip t { chain c { jump \x1b[31mx\u202e; }; comment "\x1b]0;x\x07" }\n' },
      ['fw.nft'],
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(ended.stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
    expect(ended.code).toBe(2);
  });

  it('a file that is not there, and none at all', async () => {
    const missing = await check({}, ['nosuch.nft']);
    expect(missing.stdout).toContain('nosuch.nft:1:1: error: Could not open file "nosuch.nft"');
    expect(missing.code).toBe(2);
    expect((await check({}, [])).stderr).toMatch(/name at least one ruleset/);
  });
});
