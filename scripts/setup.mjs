// Makes a checkout ready to run: installs the packages that are missing, compiles what changed. Plain JavaScript,
// because it runs before anything is installed or compiled. Every npm script that needs either calls it first.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'dist', '.built');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`nftreplay needs Node.js 20.19 or newer; this is ${process.version}`);
  process.exit(2);
}
if (isOlder(join(root, 'node_modules', '.package-lock.json'), [join(root, 'package-lock.json')])) {
  // Not `npm ci`: it refuses a lock file that lacks optional packages of other platforms (Biome ships one for each).
  console.error('installing packages (npm install) ...');
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
}
const sources = ['src', 'workers', 'scripts'].flatMap((folder) => files(join(root, folder)));
if (isOlder(stamp, [...sources, join(root, 'tsconfig.json'), join(root, 'package-lock.json')])) {
  console.error('compiling (tsc) ...');
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'scripts/tsconfig.build.json']);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, '');
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (result.status !== 0) {
    console.error(`${command} ${args.join(' ')} failed${result.error ? `: ${result.error.message}` : ''}`);
    process.exit(result.status ?? 1);
  }
}

function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function isOlder(target, inputs) {
  if (!existsSync(target)) return true;
  const built = statSync(target).mtimeMs;
  return inputs.some((input) => existsSync(input) && statSync(input).mtimeMs > built);
}
