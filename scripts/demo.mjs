// `npm run demo`: the bundled home router, then what to type for one's own files. scripts/setup.mjs ran before.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const command = [
  'run',
  'captures/home-router.nft',
  'captures/home-router.pcapng.gz',
  '--router',
  'captures/home-router.yaml',
];
const profiles = ['--profile', 'generic-arm64'];
const result = spawnSync(process.execPath, [join('dist', 'src', 'cli', 'main.js'), ...command, ...profiles], {
  cwd: root,
  stdio: 'inherit',
});
if (result.status !== 0) process.exit(result.status ?? 1);
console.log(`
That was:  npx nftreplay ${[...command, ...profiles].join(' ')}

With your own files (nft list ruleset > fw.nft; tcpdump -i any -w capture.pcap):
  npx nftreplay run fw.nft capture.pcap`);
