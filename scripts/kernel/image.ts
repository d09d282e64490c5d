// What the guest boots: a Debian kernel, and an initramfs of busybox, nft, ip, conntrack, their libraries, the kernel's
// network modules and our own program. Everything comes from installed Debian packages; nothing is downloaded.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { Cpio } from './cpio.ts';

/** A folder with boot/vmlinuz-… and lib/modules/…: `dpkg -x` of a kernel package, for those who do not install one. */
const CACHE = process.env.NFTREPLAY_KERNEL_CACHE ?? join(homedir(), '.cache/nftreplay-kernel');
const KERNEL_FOLDER = process.env.NFTREPLAY_KERNEL ?? (existsSync(join(CACHE, 'kernel')) ? join(CACHE, 'kernel') : '/');
const KERNEL_SERIES = '6.12';
const MODULE_FOLDERS = [
  'kernel/net/netfilter',
  'kernel/net/ipv4',
  'kernel/net/ipv6',
  'kernel/net/bridge',
  'kernel/net/8021q',
  'kernel/net/802',
  'kernel/net/llc',
];
const MODULES = [
  'tun',
  'pppoe',
  'pppox',
  'ppp_generic',
  'slhc',
  'dummy',
  'veth',
  'libcrc32c',
  'crc32c_generic',
  'stp',
  'garp',
  'mrp',
];

/** What is missing, by Debian package; empty: the judge can run. */
export function missingPackages(): string[] {
  const needs: [string, boolean][] = [
    ['qemu-system-x86', find('qemu-system-x86_64') !== undefined],
    ['busybox-static', find('busybox') !== undefined],
    ['nftables', find('nft') !== undefined],
    ['iproute2', find('ip') !== undefined],
    ['conntrack', find('conntrack') !== undefined],
    ['gcc libc6-dev', find('gcc') !== undefined],
    ['xz-utils', find('xz') !== undefined],
    [
      `linux-image-${KERNEL_SERIES}*-amd64-unsigned (or NFTREPLAY_KERNEL=FOLDER with it unpacked)`,
      kernel() !== undefined,
    ],
  ];
  return needs.filter(([, isThere]) => !isThere).map(([name]) => name);
}

function find(program: string): string | undefined {
  return [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}

interface Kernel {
  version: string;
  image: string;
  modules: string;
}

function kernel(): Kernel | undefined {
  const root = KERNEL_FOLDER;
  const folder = [join(root, 'lib/modules'), join(root, 'usr/lib/modules')].find((path) => existsSync(path));
  if (folder === undefined) return undefined;
  const version = readdirSync(folder)
    .filter((name) => name.startsWith(`${KERNEL_SERIES}.`))
    .find((name) => existsSync(join(root, `boot/vmlinuz-${name}`)));
  return version === undefined
    ? undefined
    : { version, image: join(root, `boot/vmlinuz-${version}`), modules: join(folder, version) };
}

export interface Image {
  /** '6.12.117+deb12-amd64'. */
  version: string;
  kernel: string;
  /** The initramfs without a job. */
  base: Uint8Array;
}

/** Makes the image, or takes it from the cache. Throws an Error that names what is missing. */
export function guestImage(): Image {
  const missing = missingPackages();
  const found = kernel();
  if (missing.length > 0 || found === undefined) {
    throw new Error(`the kernel judge needs Debian packages that are not here: ${missing.join(', ')}`);
  }
  const source = readFileSync(new URL('guest.c', sources()), 'utf8');
  const key = createHash('sha256')
    .update(source)
    .update(readFileSync(new URL('image.ts', sources())))
    .update(found.version);
  const path = join(CACHE, `base-${found.version}-${key.digest('hex').slice(0, 12)}.cpio`);
  if (!existsSync(path)) {
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, makeBase(found));
    renameSync(`${path}.${process.pid}`, path);
  }
  return { version: found.version, kernel: found.image, base: readFileSync(path) };
}

/** The folder of the sources, from here or from dist. */
function sources(): URL {
  const here = new URL('.', import.meta.url);
  return existsSync(new URL('guest.c', here)) ? here : new URL('../../../scripts/kernel/', here);
}

function makeBase(found: Kernel): Uint8Array {
  const cpio = new Cpio();
  for (const folder of ['proc', 'sys', 'dev', 'tmp', 'run', 'job', 'etc']) cpio.folder(folder);
  cpio.device('dev/console', 5, 1);
  cpio.file('init', compileGuest(), 0o755).link('bin/guest', '/init');
  for (const name of ['busybox', 'nft', 'ip', 'bridge', 'conntrack']) addProgram(cpio, name);
  for (const name of ['protocols', 'services']) {
    if (existsSync(`/etc/${name}`)) cpio.file(`etc/${name}`, readFileSync(`/etc/${name}`));
  }
  for (const name of [
    'sh',
    'modprobe',
    'insmod',
    'sleep',
    'cat',
    'echo',
    'unshare',
    'mkdir',
    'dmesg',
    'true',
    'sysctl',
    'ln',
  ]) {
    cpio.link(`bin/${name}`, 'busybox');
  }
  cpio.link('sbin/modprobe', '/bin/busybox');
  addModules(cpio, found);
  return cpio.bytes();
}

function compileGuest(): Uint8Array {
  const path = join(CACHE, `guest-${process.pid}`);
  execFileSync('gcc', ['-O2', '-static', '-o', path, new URL('guest.c', sources()).pathname], { stdio: 'inherit' });
  const octets = readFileSync(path);
  execFileSync('rm', [path]);
  return octets;
}

/** A program and the libraries that the dynamic linker would load for it. */
function addProgram(cpio: Cpio, name: string): void {
  const path = find(name) ?? '';
  cpio.file(`bin/${name}`, readFileSync(realpathSync(path)), 0o755);
  let listed = '';
  try {
    listed = execFileSync('ldd', [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    // Static: nothing to load.
  }
  for (const match of listed.matchAll(/(\/\S+)/g)) {
    const library = match[1] ?? '';
    if (library.endsWith(':') || ADDED.has(library)) continue;
    ADDED.add(library);
    cpio.file(library.replace(/^\/usr/, '').slice(1), readFileSync(realpathSync(library)), 0o755);
  }
}

const ADDED = new Set<string>();

/** Network modules, unpacked, with what depends on what as modprobe reads it. */
function addModules(cpio: Cpio, { version, modules }: Kernel): void {
  const wanted = new Map<string, string[]>();
  const dependencies = new Map<string, string[]>();
  for (const line of readFileSync(join(modules, 'modules.dep'), 'utf8').split('\n')) {
    const [path = '', rest = ''] = line.split(':');
    if (path !== '') dependencies.set(path, rest.trim().split(/\s+/).filter(Boolean));
  }
  const want = (path: string): void => {
    if (wanted.has(path)) return;
    const needs = dependencies.get(path) ?? [];
    wanted.set(path, needs);
    for (const needed of needs) want(needed);
  };
  for (const path of dependencies.keys()) {
    const name = basename(path).replace(/\.ko.*$/, '');
    const isNetwork = MODULE_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
    if (
      (isNetwork &&
        !/dccp_diag|tcp_(?!.*nf)|udp_diag|ipvs|ip_vs|iptable|ip6table|xt_|ipt_|ip6t_|ip_set|ebt/.test(name)) ||
      MODULES.includes(name)
    ) {
      want(path);
    }
  }
  const plain = (path: string): string => path.replace(/\.(xz|zst|gz)$/, '');
  for (const path of wanted.keys()) cpio.file(`lib/modules/${version}/${plain(path)}`, unpacked(join(modules, path)));
  const dep = [...wanted].map(([path, needs]) => `${plain(path)}: ${needs.map(plain).join(' ')}`.trim());
  cpio.file(`lib/modules/${version}/modules.dep`, `${dep.join('\n')}\n`);
  for (const name of ['modules.alias', 'modules.symbols', 'modules.builtin']) {
    if (existsSync(join(modules, name))) cpio.file(`lib/modules/${version}/${name}`, readFileSync(join(modules, name)));
  }
}

function unpacked(path: string): Uint8Array {
  if (path.endsWith('.xz')) return execFileSync('xz', ['-dc', path], { maxBuffer: 1 << 28 });
  if (path.endsWith('.zst')) return execFileSync('zstd', ['-dc', path], { maxBuffer: 1 << 28 });
  return readFileSync(path);
}
