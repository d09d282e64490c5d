// Random traffic through many rulesets, ours against a live kernel: KERNEL_FUZZ=seed[,packets] npx vitest run … kernel-fuzz.
// Every frame, verdict, connection after every packet and counter. Where a translation meets a clash the kernel draws a port
// by lot: from there on the case is not compared any more.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileText } from './compile.ts';
import { comparePacket } from './oracle-compare.ts';
import { type OracleCase, oracleCounters, ourCounters } from './oracle-result.ts';
import { writePcaps } from './pcap.ts';
import { Scene } from './scene.ts';
import { TOPOLOGY } from './scenes.ts';
import { Traffic } from './traffic.ts';

const ORACLE = process.env.ORACLE_DIR ?? '/work/shared/kernel-oracle';
const FW4 = process.env.FW4_DIR ?? '/work/shared/corpora/fw4';
const [SEED = 0, PACKETS = 250] = (process.env.KERNEL_FUZZ ?? '')
  .split(',')
  .filter((text) => text !== '')
  .map(Number);

const FORWARD = 'type filter hook forward priority 0; policy';
const POST = 'chain post {\n type nat hook postrouting priority 100; policy accept;\n';
const RULESETS: Record<string, string> = {
  none: '',
  stateful: `table inet f {\n chain c {\n ${FORWARD} drop;\n ct state invalid counter drop\n ct state established,related counter accept\n iifname "lan0" counter accept\n counter reject\n }\n chain o {\n type filter hook output priority 0; policy accept;\n ct state related counter\n ct state established counter\n ct state new counter\n }\n}\n`,
  masquerade: `table inet f {\n chain c {\n ${FORWARD} accept;\n ct state invalid counter drop\n ct status snat counter\n ct status dnat counter\n }\n ${POST} oifname "wan0" meta nfproto ipv4 counter masquerade\n }\n chain pre {\n type nat hook prerouting priority -100; policy accept;\n iifname "wan0" tcp dport 40001 dnat ip to 192.168.1.11:80\n }\n}\n`,
  flowtable: `table inet f {\n flowtable ft {\n hook ingress priority 0; devices = { "lan0", "wan0" };\n counter\n }\n chain c {\n ${FORWARD} accept;\n meta l4proto { tcp, udp } flow add @ft\n counter\n }\n ${POST} oifname "wan0" meta nfproto ipv4 masquerade\n }\n}\n`,
  reject: `table inet f {\n chain c {\n ${FORWARD} accept;\n ct state established tcp dport 443 counter reject with tcp reset\n udp dport 443 counter reject with icmpx type admin-prohibited\n ct state new tcp dport 53 reject with tcp reset\n }\n chain i {\n type filter hook input priority 0; policy accept;\n tcp dport 443 counter reject\n udp dport 53 counter drop\n }\n}\n`,
};

/** The rulesets of a real firewall generator, its first two devices being ours. */
function fw4Rulesets(): Record<string, string> {
  if (!existsSync(FW4)) return {};
  const files = readdirSync(FW4).filter((name) => name.endsWith('.nft'));
  return Object.fromEntries(
    files.map((name) => {
      const text = readFileSync(join(FW4, name), 'utf8');
      const devices = [
        ...new Set(Array.from(text.matchAll(/[io]ifname (?:\{ )?"([^"*]+)"/g), (match) => match[1] ?? '')),
      ];
      const [first = 'lan0', second = 'wan0'] = devices.filter((device) => device !== 'lo');
      return [name, text.replaceAll(`"${first}"`, '"lan0"').replaceAll(`"${second}"`, '"wan0"')];
    }),
  );
}

test.skipIf(SEED === 0 || !existsSync(ORACLE))(
  'random traffic fares as it does in Linux 6.12',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'nftreplay-fuzz-'));
    const topology = {
      ...TOPOLOGY,
      interfaces: [TOPOLOGY.interfaces[0], { ...TOPOLOGY.interfaces[1], mtu: 1400 }],
      sysctl: { 'net.netfilter.nf_conntrack_acct': 1 },
      // The router's own multicast reports are over when the rules are loaded.
      setup: ['sleep 6'],
    };
    const rulesets = { ...RULESETS, ...fw4Rulesets() };
    const batch = Object.entries(rulesets).map(([id, text], i) => {
      const { frames } = new Traffic(SEED * 1000 + i, PACKETS, !['none', 'stateful', 'reject'].includes(id));
      return { id, ruleset_text: text, topology, pcaps: writePcaps(folder, String(i), frames), ct_each: true };
    });
    writeFileSync(join(folder, 'batch.json'), JSON.stringify(batch));
    const out = join(folder, 'out.json');
    try {
      execFileSync(join(ORACLE, 'run'), ['--batch', join(folder, 'batch.json'), '--out', out], { stdio: 'inherit' });
    } catch {
      // Cases that its nft or kernel refuses are not ok; the others are there.
    }
    const results = (JSON.parse(readFileSync(out, 'utf8')) as OracleCase[]).filter((result) => result.ok);
    expect(results.length).toBeGreaterThanOrEqual(Object.keys(RULESETS).length);
    const differences = results.flatMap((result) => compareCase(result, topology, rulesets[result.id] ?? ''));
    expect(differences.join('\n')).toBe('');
  },
  600_000,
);

function compareCase(result: OracleCase, topology: object, text: string): string[] {
  const ruleset = compileText(text);
  const scene = new Scene(topology, ruleset);
  for (const [i, packet] of result.packets.entries()) {
    if (packet.verdict === 'not_sent') continue;
    const differences = comparePacket(scene, packet, i);
    if (differences.length === 0) continue;
    return isDrawnPort(differences) ? [] : [result.id, ...differences];
  }
  const ours = ourCounters(ruleset, scene.router.netfilter.state());
  const theirs = oracleCounters(result.ruleset);
  return ours.join() === theirs.join() ? [] : [result.id, 'kernel counters', ...theirs, 'our counters', ...ours];
}

/** The same frames but for source ports and checksums (and what of the connections follows from it). */
function isDrawnPort(differences: string[]): boolean {
  const frames = (who: string): string[] =>
    differences.filter((line) => line.startsWith(`${who} `) && /^\S+ +\S+ [0-9a-f]+$/.test(line)).map(blankPorts);
  const theirs = frames('kernel');
  return theirs.length > 0 && theirs.join() === frames('ours').join();
}

function blankPorts(line: string): string {
  const [, iface = '', frame = ''] = line.split(/ +/);
  return `${iface} ${frame.slice(0, 68)}${frame.slice(76, 80)}${frame.length}`;
}
