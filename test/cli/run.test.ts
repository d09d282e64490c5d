// `nftreplay run` from end to end: where captures come from, what the output files are, damage, hostile names.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { ether, ip, tcp, udp } from '../../src/packet/build.ts';
import { writeCapture } from '../replay/fixture.ts';
import { capture, MAIN, nftreplay, ROUTER, RULESET, withFolder } from './program.ts';

const HOME = capture('home-router.pcapng.gz');

/** The report of a run but for the words that name its input. */
async function packetsOf(args: string[], input?: string): Promise<unknown> {
  const ended = await nftreplay(['run', RULESET, ...args, '--format', 'json'], input);
  expect([ended.code, ended.stderr]).toEqual([0, '']);
  const { input: read, split: _, ...report } = JSON.parse(ended.stdout);
  const { files, ...counts } = read;
  return { ...report, counts, files: files.map(({ path: _path, ...file }: { path: string }) => file) };
}

describe.concurrent('standard input', () => {
  it.each([
    'dns.pcap',
    'big-endian.pcap',
    'nanosecond.pcap',
    'nanosecond-big-endian.pcap',
    'two-interfaces.pcapng',
    'tcp-download.pcap.gz',
    'home-router.pcapng.gz',
  ])('is read as the file would be: %s', async (name) => {
    const file = await packetsOf([capture(name), '--router', ROUTER]);
    expect(await packetsOf(['-', '--router', ROUTER], capture(name))).toEqual(file);
    expect(await packetsOf(['-', '--router', ROUTER, '--workers', '4'], capture(name))).toEqual(file);
  });

  it('goes without a router file', async () => {
    const ended = await nftreplay(['run', RULESET, '-'], capture('dns.pcap'));
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toMatch(/7 packets/);
  });

  it('goes beside files, and with an interface', async () => {
    const ended = await nftreplay(
      ['run', RULESET, capture('icmp.pcap'), '--in', 'wan=-', '--format', 'json', '--router', ROUTER],
      capture('dns.pcap'),
    );
    const report = JSON.parse(ended.stdout);
    expect(report.input.files.map((file: { packets: number }) => file.packets)).toEqual([11, 7]);
  });
});

it('a named pipe is read once', async () => {
  await withFolder(async (folder) => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', `cat "${capture('dns.pcap')}" > "${pipe}"`]);
    const ended = await nftreplay(['run', RULESET, pipe]);
    writer.kill();
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toMatch(/7 packets/);
  });
});

describe.concurrent('a damaged capture', () => {
  it('is replayed up to the damage; report, stderr and exit code say so', async () => {
    await withFolder(async (folder) => {
      const events = join(folder, 'events');
      const ended = await nftreplay(['run', RULESET, capture('cut.pcap'), '--events', events]);
      expect(ended.code).toBe(2);
      expect(ended.stderr).toMatch(/^nftreplay: .*cut\.pcap: byte 620: the capture is cut inside this record.*\n$/);
      expect(ended.stdout).toMatch(/DAMAGED: .*byte 620/s);
      const packets = Number(/cut\.pcap: (\d+) packets/.exec(ended.stdout)?.[1]);
      expect(packets).toBeGreaterThan(3);
      expect(readFileSync(events, 'utf8').trimEnd().split('\n')).toHaveLength(packets);
    });
  });

  it('from a pipe too', async () => {
    const ended = await nftreplay(['run', RULESET, '-'], capture('cut.pcap'));
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^nftreplay: -: byte 620: the capture is cut/);
    expect(ended.stdout).toMatch(/DAMAGED/);
  });
});

describe('the output files', () => {
  it('are what they are called', async () => {
    await withFolder(async (folder) => {
      const path = (name: string): string => join(folder, name);
      const ended = await nftreplay([
        'run',
        RULESET,
        HOME,
        '--router',
        ROUTER,
        '--format',
        'json',
        '-o',
        path('report.json'),
        '--events',
        path('events'),
        '--packets-out',
        path('out.pcapng'),
        '--ruleset-out',
        path('after.nft'),
        '--conntrack-out',
        path('conntrack'),
      ]);
      expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
      const report = JSON.parse(readFileSync(path('report.json'), 'utf8'));
      expect(report.schema).toMatch(/^nftreplay\.run\/\d+$/);
      expect(report.version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(report.input.packets).toBe(3122);

      const events = readFileSync(path('events'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(events).toHaveLength(3122);
      events.forEach((event, n) => {
        expect(Object.keys(event)).toEqual([
          'packet',
          'time',
          'in',
          'verdict',
          'path',
          'out',
          'reason',
          'flow',
          'instructions',
          'cycles',
        ]);
        expect(event.packet).toBe(n + 1);
        expect(['forward', 'local', 'drop', 'consumed']).toContain(event.verdict);
        expect(['slow', 'software', 'hardware']).toContain(event.path);
      });
      const forwarded = events.filter((event) => event.verdict === 'forward').length;
      expect(report.drops.reduce((sum: number, row: { packets: number }) => sum + row.packets, 0)).toBeLessThanOrEqual(
        3122 - forwarded,
      );
      expect(readFileSync(path('events'), 'utf8').split('\n')[0]).toMatch(/"time":\d+\.\d{9},/);

      const reader = await openCapture(path('out.pcapng'));
      let frames = 0;
      for (let last = 0; ; ) {
        while (reader.next()) {
          frames++;
          const now = (reader.timestampSeconds - 1_767_225_600) * 1e9 + reader.timestampNanos;
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
        if (!(await reader.fill())) break;
      }
      expect(reader.damage).toBeUndefined();
      expect(reader.interfaces.map((row) => row.name)).toEqual(['lan1', 'br-lan', 'wan']);
      await reader.close();
      expect(frames).toBe(
        report.interfaces.reduce((sum: number, row: { leftFrames: number }) => sum + row.leftFrames, 0),
      );

      expect(readFileSync(path('after.nft'), 'utf8')).toMatch(/^table inet fw4 \{[\s\S]*counter packets [1-9]/);
      const again = await nftreplay(['run', path('after.nft'), capture('dns.pcap'), '-o', path('report2')]);
      expect([again.code, again.stderr]).toEqual([0, '']);
      for (const line of readFileSync(path('conntrack'), 'utf8').trimEnd().split('\n')) {
        expect(line).toMatch(
          /^ipv[46] +\d+ (tcp|udp|icmp|icmpv6) +\d+ .*src=\S+ dst=\S+ .*src=\S+ dst=\S+ .*mark=0 use=\d$/,
        );
      }
    });
  });

  it('are JSON when the name says so', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'after.json');
      await nftreplay(['run', RULESET, capture('dns.pcap'), '--ruleset-out', path]);
      const { nftables } = JSON.parse(readFileSync(path, 'utf8'));
      expect(nftables[0]).toHaveProperty('metainfo');
    });
  });

  it('are written for a capture without packets too', async () => {
    await withFolder(async (folder) => {
      const empty = join(folder, 'empty.pcap');
      writeCapture(empty, []);
      const out = join(folder, 'out.pcapng');
      const ended = await nftreplay(['run', RULESET, empty, '--packets-out', out, '--events', join(folder, 'events')]);
      expect([ended.code, ended.stderr]).toEqual([0, '']);
      expect(readFileSync(join(folder, 'events'), 'utf8')).toBe('');
      expect(readFileSync(out).length).toBeGreaterThan(28);
    });
  });
});

describe('control characters', () => {
  const HOSTILE = 'a\u001b[31m\u0007b\u009bc';

  it('of comments, prefixes and names never reach the terminal', async () => {
    await withFolder(async (folder) => {
      const ruleset = join(folder, `${HOSTILE}.nft`);
      writeFileSync(
        ruleset,
        `table inet t {\n\tcomment "${HOSTILE}"\n\tchain c {\n\t\ttype filter hook forward priority 0; policy drop;\n` +
          `\t\ttcp dport 1-65535 log prefix "${HOSTILE}" counter comment "${HOSTILE}" drop\n\t}\n}\n`,
      );
      const folder2 = join(folder, HOSTILE);
      mkdirSync(folder2);
      const path = join(folder2, 'x.pcap');
      writeCapture(path, [
        {
          seconds: 0,
          frame: ether({}, ip({ src: '192.168.1.2', dst: '198.51.100.7' }, tcp({ sport: 1, dport: 2, flags: 'S' }))),
        },
        { seconds: 1, frame: ether({}, ip({ src: '192.168.1.2', dst: '198.51.100.7' }, udp({ sport: 1, dport: 2 }))) },
      ]);
      const cut = join(folder2, 'cut.pcap');
      cpSync(capture('cut.pcap'), cut);
      for (const args of [
        [ruleset, path],
        [ruleset, cut],
        [ruleset, `${folder2}/none`],
        [path, path],
        [ruleset, path, '--in', `${HOSTILE}=${path}`],
        [ruleset, path, '--profile', HOSTILE],
        [ruleset, path, '--format', 'json'],
        [ruleset, path, `--${HOSTILE}`],
        [HOSTILE, path],
        [ruleset, path, '-o', `/nosuch/${HOSTILE}`],
        [ruleset, path, '--router', ruleset],
      ]) {
        const ended = await nftreplay(['run', ...args]);
        expect(ended.stdout + ended.stderr).not.toBe('');
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
        expect(ended.stdout + ended.stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
        expect(ended.stderr).not.toMatch(/internal error|\n\s+at /);
      }
    });
  }, 60_000);
});

it('no line of the report exceeds 100 columns', async () => {
  await withFolder(async (folder) => {
    const ruleset = join(folder, `${'long'.repeat(40)}.nft`);
    const name = 'n'.repeat(120);
    writeFileSync(
      ruleset,
      `table inet ${name} {\n\tset ${name} { type ipv4_addr; elements = { 10.0.0.1 }\n\t}\n\tchain ${name}1 {\n\t\tcounter drop comment "${'x '.repeat(60)}"\n\t}\n` +
        `\tchain ${name} {\n\t\ttype filter hook forward priority 0; policy drop;\n\t\tip saddr @${name} accept\n\t\tjump ${name}1\n\t}\n}\n`,
    );
    const ended = await nftreplay([
      'run',
      ruleset,
      HOME,
      capture('icmp.pcap'),
      '--profile',
      'generic-x86-64',
      '--profile',
      'generic-arm64',
    ]);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    for (const line of ended.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
  });
});

it('an interrupt ends a run with 130 and leaves no temporary files', async () => {
  await withFolder(async (folder) => {
    const child = spawn(process.execPath, [MAIN, 'run', RULESET, '-', '--events', join(folder, 'events')], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { ...process.env, TMPDIR: folder },
    });
    const ended = new Promise<number | null>((done) => child.on('close', done));
    child.stdin.write(readFileSync(capture('dns.pcap')));
    await new Promise((done) => setTimeout(done, 1500));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(execFileSync('ls', [folder], { encoding: 'utf8' })).not.toMatch(/nftreplay-/);
  });
});

describe('damage in a capture', () => {
  it.each([
    ['run'],
    ['audit'],
    ['coverage'],
    ['trace', '--match', 'meta length > 0'],
    ['record', '-o', '/dev/null'],
    ['plan', '--profile', 'rk3328', '--no-advice'],
    ['calibrate', '--base', 'mt7621', '--point', '450Mbit cpu=63 offload=off'],
  ])('is told by %s, with exit code 2', async (command, ...options) => {
    const ended = await nftreplay([command, RULESET, capture('cut.pcap'), ...options]);
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringMatching(/cut\.pcap: byte \d+/)]);
  });
});

describe('a queue to user space', () => {
  const text = 'table inet t {\n\tchain f {\n\t\ttype filter hook forward priority 0;\n\t\tqueue to 1\n\t}\n}\n';
  it.each([
    {
      args: [],
      code: 2,
      said: 'queue.nft:4:3: nftreplay does not support queue yet (say what the program in user space',
    },
    { args: ['--assume', 'queue=perhaps'], code: 2, said: '--assume: queue=perhaps: is none of queue=accept' },
    { args: ['--assume', 'queue=drop'], code: 0, said: 'sent to user space' },
    { args: ['--assume', 'queue=accept'], code: 0, said: 'user space answers `queue` at once' },
    { args: ['--assume', 'queue=absent'], code: 0, said: 'sent to user space' },
  ])('$args', ({ args, code, said }) =>
    withFolder(async (folder) => {
      const path = join(folder, 'queue.nft');
      writeFileSync(path, text);
      const ended = await nftreplay(['run', path, HOME, '--router', ROUTER, '--workers', '1', ...args]);
      expect(ended.code).toBe(code);
      expect(`${ended.stdout}${ended.stderr}`.replace(/\s+/g, ' ')).toContain(said);
    }),
  );
});
