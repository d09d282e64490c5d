// Wrong usage and unusable input: exit code 2, one clear line (a ruleset's place with a caret), no stack trace.
import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { capture, type Ended, MAIN, nftreplay, ROUTER, RULESET, withFolder } from './program.ts';

const DNS = capture('dns.pcap');

/** Ends as wrong usage does, with one line. */
function expectOneLine(ended: Ended, line: RegExp): void {
  expect(ended.stderr).toMatch(line);
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(ended.stderr).not.toMatch(/internal error|\n\s+at /);
  expect(ended.stdout).toBe('');
  expect(ended.code).toBe(2);
}

describe.concurrent('wrong usage', () => {
  it.each<[string, string[], RegExp]>([
    ['a command that is none', ['bogus'], /there is no command "bogus" \(there are run, .*completion\)/],
    ['a command mistyped', ['rum', RULESET, DNS], /did you mean "run"\?/],
    ['run without anything', ['run'], /name a ruleset and at least one capture .*run --help/],
    ['no capture', ['run', RULESET], /name at least one capture, or --in IFACE=FILE/],
    ['an option that is none', ['run', RULESET, DNS, '--bogus'], /there is no option --bogus/],
    ['an option mistyped', ['run', RULESET, DNS, '--offlod=off'], /no option --offlod; did you mean --offload\?/],
    ['an option without its value', ['run', RULESET, DNS, '--workers'], /--workers needs a value/],
    ['an option given twice', ['run', RULESET, DNS, '-o', '/tmp/a', '-o', '/tmp/b'], /--output: is given twice/],
    ['a number given twice', ['run', RULESET, DNS, '--workers', '1', '--workers', '2'], /--workers: is given twice/],
    ['no threads', ['run', RULESET, DNS, '--workers', '0'], /--workers: needs a number of threads, 1 to \d+/],
    ['too many threads', ['run', RULESET, DNS, '--workers', '100000'], /--workers: needs a number of threads/],
    ['a fraction of threads', ['run', RULESET, DNS, '--workers', '1.5'], /--workers: needs a whole number/],
    ['threads that are no number', ['run', RULESET, DNS, '--workers', 'many'], /--workers: needs a whole number/],
    ['a seed that is no number', ['run', RULESET, DNS, '--seed', 'x'], /--seed: needs a whole number/],
    [
      'a choice that is none',
      ['run', RULESET, DNS, '--offload', 'maybe'],
      /--offload: "maybe" is none of "as-ruled", "off"/,
    ],
    ['a format that is none', ['run', RULESET, DNS, '--format', 'xml'], /--format: "xml" is none of "text", "json"/],
    [
      'an unknown profile',
      ['run', RULESET, DNS, '--profile', 'nosuch'],
      /no profile is called 'nosuch' \(there are: generic-x86-64/,
    ],
    ['a profile mistyped', ['run', RULESET, DNS, '--profile', 'generic-arm'], /did you mean 'generic-arm64'\?/],
    ['a profile to show mistyped', ['profiles', 'generic-amr64'], /did you mean 'generic-arm64'\?/],
    ['--in without an interface', ['run', RULESET, '--in', DNS], /--in: .* is IFACE=FILE, e\.g\./],
    ['--in without a file', ['run', RULESET, '--in', 'wan='], /--in: wan=: is IFACE=FILE/],
    [
      '--in with an interface of nobody',
      ['run', RULESET, '--in', `eth9=${DNS}`, '--router', ROUTER],
      /--in: eth9: the router has no such interface \(it has lan1, br-lan, wan/,
    ],
    ['standard input twice', ['run', RULESET, '-', '-'], /standard input is one capture/],
    ['an empty name', ['run', RULESET, ''], /is an empty name/],
    ['an empty ruleset name', ['run', '', DNS], /is an empty name/],
    ['an empty option', ['run', RULESET, DNS, '--router', ''], /--router: needs a value that is not empty/],
  ])('%s', async (_, args, line) => {
    expectOneLine(await nftreplay(args), line);
  });

  it('nothing at all shows the commands', async () => {
    const ended = await nftreplay([]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/nftreplay run RULESET/);
    expect(ended.stderr).toMatch(/nftreplay: name a command: run, .*completion/);
  });
});

describe.concurrent('unusable input', () => {
  it.each<[string, string[], RegExp]>([
    ['a capture that is not there', ['run', RULESET, '/nosuch/a.pcap'], /\/nosuch\/a\.pcap: .*there is no such file/],
    ['a folder as capture', ['run', RULESET, '/'], /\/: .*is a directory/],
    ['a ruleset that is not there', ['run', '/nosuch.nft', DNS], /Could not open file "\/nosuch\.nft"/],
    ['a folder as ruleset', ['run', '/', DNS], /Not a regular file: "\/"/],
    [
      'a router file that is not there',
      ['run', RULESET, DNS, '--router', '/nosuch.yaml'],
      /\/nosuch\.yaml: there is no such file/,
    ],
    ['a router file without an end', ['run', RULESET, DNS, '--router', '/dev/zero'], /\/dev\/zero: larger than 16 MiB/],
    ['a ruleset as router file', ['run', RULESET, DNS, '--router', RULESET], /home-router\.nft: .*line \d+/],
    ['a ruleset as capture', ['run', RULESET, RULESET], /is not a pcap or pcapng capture but text/],
    ['an empty capture', ['run', RULESET, '/dev/null'], /\/dev\/null: .*is empty/],
    ['zeros as capture', ['run', RULESET, '/dev/zero'], /is not a pcap or pcapng capture/],
    ['empty standard input', ['run', RULESET, '-'], /-: .*is empty/],
  ])('%s', async (_, args, line) => {
    expectOneLine(await nftreplay(args), line);
  });

  it.each<[string, string, RegExp]>([
    ['an unknown key', 'interfaces: [{name: a, speed: 10}]', /interfaces\[0\]\.speed: unknown key/],
    ['an unknown key at the top', 'interfaces: [{name: a}]\nsetup: x', /setup: unknown key/],
    ['a MAC address that is none', 'interfaces: [{name: a, mac: "zz"}]', /interfaces\[0\]\.mac/],
    ['a route to nowhere', 'interfaces: [{name: a}]\nroutes: [{dst: 0.0.0.0/0, dev: b}]', /routes\[0\]/],
    ['no YAML', '{{{', /router\.yaml: /],
    ['nothing', '', /router\.yaml: /],
  ])('a router file with %s', async (_, text, line) => {
    await withFolder(async (folder) => {
      const path = join(folder, 'router.yaml');
      writeFileSync(path, text);
      expectOneLine(await nftreplay(['run', RULESET, DNS, '--router', path]), line);
    });
  });

  it.each<[string, string, string, string]>([
    ['a syntax error', 'table inet t {\n\tchain c {\n\t\ttcp dport 80 acept\n\t}\n}\n', '3:16', 'acept'],
    [
      'a name that nobody declared',
      'table inet t {\n\tchain c {\n\t\tip saddr @nobody drop\n\t}\n}\n',
      '3:12',
      '@nobody',
    ],
    ['a device without an end quote', 'table inet t {\n\tchain c { iifname "eth0\n\t}\n}\n', '2:', '"eth0'],
  ])('a ruleset with %s: file, line, column, and a caret below', async (_, text, place, marked) => {
    await withFolder(async (folder) => {
      const path = join(folder, 'fw.nft');
      writeFileSync(path, text);
      const ended = await nftreplay(['run', path, DNS]);
      const [message = '', line = '', caret = ''] = ended.stderr.split('\n');
      expect(message.startsWith(`${path}:${place}`)).toBe(true);
      expect(line).toContain(marked);
      expect(line.slice(caret.indexOf('^'))).toContain(marked[0] ?? '');
      expect(caret).toMatch(/^\s*\^[~^]*$/);
      expect(ended.stderr).not.toMatch(/\n\s+at /);
      expect([ended.code, ended.stdout]).toEqual([2, '']);
    });
  });
});

describe.concurrent('outputs are looked at before the run', () => {
  const OPTIONS = ['-o', '--packets-out', '--events', '--ruleset-out', '--conntrack-out'];

  it.each(OPTIONS)('%s into a folder that is not there', async (option) => {
    expectOneLine(
      await nftreplay(['run', RULESET, DNS, option, '/nosuch/x']),
      /\/nosuch\/x: there is no folder \/nosuch/,
    );
  });

  it.each(OPTIONS)('%s onto a folder', async (option) => {
    expectOneLine(await nftreplay(['run', RULESET, DNS, option, '/tmp']), /\/tmp: is a directory/);
  });

  it.each(OPTIONS)('%s - is no file', async (option) => {
    expectOneLine(await nftreplay(['run', RULESET, DNS, option, '-']), /name a file/);
  });

  it('two outputs into one file, by whatever names', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'x');
      const link = join(folder, 'link');
      symlinkSync(folder, link);
      for (const other of [path, `${folder}/./x`, join(link, 'x')]) {
        const ended = await nftreplay(['run', RULESET, DNS, '-o', path, '--events', other]);
        expectOneLine(ended, /--events: .*: --output is the same file/);
      }
    });
  });

  it('an output over its own input', async () => {
    await withFolder(async (folder) => {
      const ruleset = join(folder, 'fw.nft');
      writeFileSync(ruleset, 'table inet t { }\n');
      const ended = await nftreplay(['run', ruleset, DNS, '--ruleset-out', ruleset]);
      expectOneLine(ended, /--ruleset-out: .*RULESET is the same file/);
    });
  });

  it('a file that may not be written', async () => {
    if (process.getuid?.() === 0) return;
    await withFolder(async (folder) => {
      const path = join(folder, 'x');
      writeFileSync(path, '');
      chmodSync(path, 0o400);
      expectOneLine(await nftreplay(['run', RULESET, DNS, '-o', path]), /may not be written/);
    });
  });

  it.each(OPTIONS)('%s on a full disk is told with the file', async (option) => {
    const report = option === '-o' ? [] : ['-o', '/dev/null'];
    const ended = await nftreplay(['run', RULESET, DNS, ...report, option, '/dev/full']);
    expectOneLine(ended, /\/dev\/full: .*cannot be written: ENOSPC/);
  });
});

describe('help', () => {
  it.concurrent.each([[['--help']], [['run', '--help']], [['profiles', '--help']], [['run', '-h']]])(
    '%j fits 100 columns',
    async (args) => {
      const ended = await nftreplay(args);
      expect([ended.code, ended.stderr]).toEqual([0, '']);
      for (const line of ended.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    },
  );

  it('of run shows every option and examples', async () => {
    const { stdout } = await nftreplay(['run', '--help']);
    for (const option of [
      '--router',
      '--in',
      '--profile',
      '--offload',
      '--workers',
      '--format',
      '-o, --output',
      '--packets-out',
      '--events',
      '--ruleset-out',
      '--conntrack-out',
    ])
      expect(stdout).toContain(option);
    expect(stdout).toMatch(/Examples:/);
    expect(stdout).toMatch(/tcpdump -i eth0 -U -w - \| nftreplay run fw\.nft -/);
  });

  it('prints the version and a completion script', async () => {
    expect((await nftreplay(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { stdout, code } = await nftreplay(['completion']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/###-begin-nftreplay-completions-###[\s\S]*complete .*nftreplay/);
  });

  it('completes options', async () => {
    const { stdout } = await nftreplay(['--get-yargs-completions', 'nftreplay', 'run', '--off']);
    expect(stdout).toContain('--offload');
  });
});

it('a reader that has seen enough ends the program quietly', async () => {
  await withFolder(async (folder) => {
    const command = `"${process.execPath}" "${MAIN}" run "${RULESET}" "${capture('home-router.pcapng.gz')}" --format json`;
    const script = `set -o pipefail; ${command} 2>err | head -1; echo "rc=$?"; cat err`;
    expect(execFileSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' })).toBe('{\nrc=0\n');
  });
});
