// Boots the guest under qemu for one job. Virtual time (`-icount shift=0,sleep=off`): an instruction is a nanosecond and
// waiting costs nothing, so that an hour of a capture passes in seconds and every run is like the one before.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cpio } from './cpio.ts';
import { guestImage } from './image.ts';

const APPEND = 'console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off nokaslr audit=0 rdinit=/init';
const MEGABYTES = 1024;
/** What a guest may say. The file has holes where nothing was said. */
const SHARED_MEGABYTES = 256;

export interface GuestRun {
  /** What the job emitted, by name. */
  sections: Map<string, Uint8Array>;
  /** The kernel's console. */
  console: string;
  kernel: string;
}

/** Runs /job/run.sh of these files. Throws an Error when the guest does not come to its end within `timeoutMs`. */
export async function runGuest(files: Map<string, Uint8Array | string>, timeoutMs: number): Promise<GuestRun> {
  const image = guestImage();
  const job = new Cpio();
  for (const [path, content] of files) job.file(`job/${path}`, content);
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-guest-'));
  try {
    const at = (name: string): string => join(folder, name);
    writeFileSync(at('initrd'), Buffer.concat([image.base, job.bytes()]));
    await boot(image.kernel, at, timeoutMs);
    const console = existsSync(at('console')) ? readFileSync(at('console'), 'utf8') : '';
    const sections = parseSections(emitted(at));
    if (!sections.has('end')) throw new Error(`the guest did not come to its end:\n${console.slice(-2000)}`);
    return { sections, console, kernel: image.version };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the guest said: in the memory that it shares with us, or on its debug port. */
function emitted(at: (name: string) => string): Buffer {
  const file = openSync(at('shared'), 'r');
  try {
    const head = Buffer.alloc(8);
    readSync(file, head, 0, 8, 0);
    const octets = Buffer.alloc(Number(head.readBigUInt64LE(0)));
    readSync(file, octets, 0, octets.length, 8);
    return octets.length > 0 ? octets : readFileSync(at('out'));
  } finally {
    closeSync(file);
  }
}

function boot(kernel: string, at: (name: string) => string, timeoutMs: number): Promise<void> {
  const args = [
    ...['-machine', 'pc,accel=tcg', '-cpu', 'max', '-m', String(MEGABYTES), '-smp', '1'],
    ...['-icount', 'shift=0,sleep=off', '-rtc', 'clock=vm'],
    ...['-kernel', kernel, '-initrd', at('initrd'), '-append', APPEND],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-serial', `file:${at('console')}`],
    ...['-chardev', `file,id=out,path=${at('out')}`, '-device', 'isa-debugcon,iobase=0xe9,chardev=out'],
    ...['-object', `memory-backend-file,id=shared,size=${SHARED_MEGABYTES}M,mem-path=${at('shared')},share=on`],
    ...['-device', 'ivshmem-plain,memdev=shared'],
  ];
  return new Promise((resolve, reject) => {
    const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    qemu.stderr.on('data', (text) => {
      said += text;
    });
    const timer = setTimeout(() => {
      qemu.kill('SIGKILL');
      const log = existsSync(at('console')) ? readFileSync(at('console'), 'utf8').slice(-2000) : '';
      reject(new Error(`the guest took longer than ${timeoutMs / 1000} s${log === '' ? '' : `:\n${log}`}`));
    }, timeoutMs);
    qemu.on('error', reject);
    qemu.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve();
      else reject(new Error(`qemu ended with ${code}: ${said}`));
    });
  });
}

/** Sections: a line `@@ NAME LENGTH`, then that many octets. */
function parseSections(octets: Buffer): Map<string, Uint8Array> {
  const sections = new Map<string, Uint8Array>();
  for (let at = octets.indexOf('@@ '); at >= 0; ) {
    const end = octets.indexOf('\n', at);
    const [, name = '', length = '0'] = octets.toString('utf8', at, end < 0 ? octets.length : end).split(' ');
    const from = (end < 0 ? octets.length : end) + 1;
    sections.set(name, octets.subarray(from, from + Number(length)));
    at = octets.indexOf('\n@@ ', from + Number(length));
    if (at >= 0) at++;
  }
  return sections;
}
