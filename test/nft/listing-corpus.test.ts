// Rulesets of others compiled and listed back: against the dumps of nftables' own tests (1.1.4), which list unchanged,
// and against what the installed nft lists after loading the same text, where it and this kernel can load it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CompileOptions, translate } from '../../src/nft/compile.ts';
import { jsonText, list, listJson } from '../../src/nft/listing.ts';

const CORPORA = '../shared/corpora';
const SHELL = `${CORPORA}/nftables/tests/shell/testcases`;

interface Score {
  right: number;
  wrong: string[];
  refused: string[];
}

function score(): Score {
  return { right: 0, wrong: [], refused: [] };
}

function compile(options: CompileOptions): ReturnType<typeof translate> {
  return translate(options, false);
}

/** Prints `N of M`; SHOW=title also prints what went wrong. */
function report(title: string, { right, wrong, refused }: Score): void {
  console.log(`${right} of ${right + wrong.length} ${title}; ${refused.length} do not compile`);
  if (process.env.SHOW === title) console.log([...wrong, ...refused].join('\n'));
}

/** The first line in which two texts differ. */
function difference(want: string, got: string): string {
  const wanted = want.split('\n');
  const listed = got.split('\n');
  const at = wanted.findIndex((line, index) => line !== listed[index]);
  return `   want ${wanted[at] ?? '(end)'}\n   got  ${listed[at] ?? '(end)'}`;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function filesBelow(folder: string, extension: string): string[] {
  const names = readdirSync(folder, { recursive: true }).map((name) => `${folder}/${String(name)}`);
  return names.filter((name) => name.endsWith(extension)).sort();
}

/** What lists otherwise, with the reason: docs/FIDELITY.md has them too. A test fails when one disappears or a new one comes. */
const ONE_ELEMENT = 'nft makes a plain match of a set with one element: it lists so when this dump is loaded';
const DUMP_EXCEPTIONS: Record<string, string> = {
  'nft-f/dumps/sample-ruleset': ONE_ELEMENT,
  'sets/dumps/0061anonymous_automerge_0': ONE_ELEMENT,
};
const JSON_EXCEPTIONS: Record<string, string> = {
  'sets/dumps/0061anonymous_automerge_0': ONE_ELEMENT,
};
const METER = 'nft 1.0.6 hides the set of a meter; 1.1.4 lists it';
const LIVE_EXCEPTIONS: Record<string, string> = {
  'HexZoNetwork_HexTyl__config_nftables_hextyl_ddos.nft': METER,
  'rhit-schielaj_netsec_project__volumes_firewall.nft': METER,
  'yangr0_server-configs__ruleset.nft': METER,
  'ft-nixos-rfc4890-router.nft': METER,
  'dlakelan_routerperf__dscptag.nft': 'nft 1.0.6 does not find the field behind mask and shift in the key of a map',
};
const AGAIN_FLOOR = 330;

/** The files that went wrong are those of a table of exceptions, by the end of their names. */
function expectOnly({ wrong, refused }: Score, exceptions: Record<string, string>): void {
  expect(refused).toEqual([]);
  const names = wrong.map((text) => text.split('\n')[0] ?? '');
  for (const name of names)
    expect(
      Object.keys(exceptions).some((end) => name.replace(/\.(json-)?nft$/, '').endsWith(end.replace(/\.nft$/, ''))),
      name,
    ).toBe(true);
  expect(names.length).toBe(Object.keys(exceptions).length);
}

test.skipIf(!existsSync(SHELL))('the dumps of nftables tests/shell list back unchanged', () => {
  const result = score();
  for (const file of filesBelow(SHELL, '.nft')) {
    const text = readFileSync(file, 'utf8');
    try {
      const got = list(compile({ path: file, text }).ruleset, undefined, { elementCounts: true });
      if (got === text) result.right++;
      else result.wrong.push(`${file}\n${difference(text, got)}`);
    } catch (error) {
      result.refused.push(`${file}: ${message(error)}`);
    }
  }
  report('dumps of tests/shell list back as text', result);
  expectOnly(result, DUMP_EXCEPTIONS);
});

/** Without handles and metainfo, one object a line. */
function comparable(json: unknown): string {
  const objects = (json as { nftables: Record<string, unknown>[] }).nftables.filter(
    (object) => !('metainfo' in object),
  );
  return objects.map((object) => jsonText(object as never).replace(/"handle": \d+/g, '"handle": 0')).join('\n');
}

test.skipIf(!existsSync(SHELL))('the dumps of nftables tests/shell list as their JSON', () => {
  const result = score();
  for (const file of filesBelow(SHELL, '.json-nft')) {
    const source = file.replace(/\.json-nft$/, '.nft');
    if (!existsSync(source)) continue;
    try {
      const want = comparable(JSON.parse(readFileSync(file, 'utf8')));
      const got = comparable(listJson(compile({ path: source }).ruleset));
      if (got === want) result.right++;
      else result.wrong.push(`${file}\n${difference(want, got)}`);
    } catch (error) {
      result.refused.push(`${file}: ${message(error)}`);
    }
  }
  report('dumps of tests/shell list as JSON', result);
  expectOnly(result, JSON_EXCEPTIONS);
});

/** Whether a network namespace with nft can be had here. */
function canLoad(): boolean {
  try {
    execFileSync('unshare', ['-n', 'nft', 'list', 'ruleset'], { stdio: 'ignore' });
    return execFileSync('nft', ['--version'], { encoding: 'utf8' }).includes('v1.0.6');
  } catch {
    return false;
  }
}

/** This kernel has no flowtables, helpers or synproxy: they are taken out for both sides. */
function loadable(text: string): string {
  return text
    .replace(/flow (add|offload) @\w+;?/g, 'counter')
    .replace(/flow ?table \w+ \{[^{}]*(\{[^{}]*\}[^{}]*)*\}/g, '')
    .replace(/ct helper [\w.-]+ \{[^}]*\}/g, '')
    .replace(/ct helper set "?[\w.-]+"?/g, 'counter');
}

/** Name and text of a ruleset that the installed nft loads, with what it lists then. */
interface Loaded {
  file: string;
  text: string;
  listing: string;
  json: string;
}

function loaded(files: string[]): Loaded[] {
  const folder = mkdtempSync(join(tmpdir(), 'nftreplay-'));
  const result: Loaded[] = [];
  const script = 'ip link set lo up; nft -f "$0" && nft list ruleset && echo ===== && nft -j list ruleset';
  for (const file of files) {
    const text = loadable(readFileSync(file, 'utf8'));
    const name = join(folder, 'ruleset.nft');
    writeFileSync(name, text);
    try {
      const output = execFileSync('unshare', ['-n', 'sh', '-c', script, name], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [listing = '', json = ''] = output.split('=====\n');
      result.push({ file, text, listing, json });
    } catch {
      // The kernel or nft 1.0.6 refuses it: nothing to compare with.
    }
  }
  rmSync(folder, { recursive: true });
  return result;
}

const LIVE = [`${CORPORA}/fw4`, `${CORPORA}/wild`];

test.skipIf(!existsSync(CORPORA) || !canLoad())(
  'rulesets list as the installed nft lists them',
  () => {
    const texts = score();
    const jsons = score();
    for (const { file, text, listing, json } of loaded(LIVE.flatMap((folder) => filesBelow(folder, '.nft')))) {
      try {
        const { ruleset } = compile({ path: file, text });
        const got = list(ruleset, undefined, { dialect: '1.0.6' });
        // Time passes in the kernel while it lists.
        if (got === listing.replace(/ expires \w+/g, '')) texts.right++;
        else texts.wrong.push(`${file}\n${difference(listing, got)}`);
        const gotJson = comparable(listJson(ruleset, undefined, { dialect: '1.0.6' }));
        const wantJson = comparable(JSON.parse(json)).replace(
          /\{"elem": \{"val": (\{"concat": \[[^\]]*\]\}|"[^"]*"), "expires": \d+\}\}/g,
          '$1',
        );
        if (gotJson === wantJson) jsons.right++;
        else jsons.wrong.push(`${file}\n${difference(wantJson, gotJson)}`);
      } catch (error) {
        texts.refused.push(`${file}: ${message(error)}`);
      }
    }
    report('rulesets of fw4 and wild list as nft 1.0.6 lists them', texts);
    report('rulesets of fw4 and wild list as JSON as nft 1.0.6 lists them', jsons);
    expectOnly(texts, LIVE_EXCEPTIONS);
    expectOnly(jsons, LIVE_EXCEPTIONS);
  },
  120_000,
);

test.skipIf(!existsSync(CORPORA))('a listing compiles, and lists the same again', () => {
  const result = score();
  for (const file of [...LIVE, SHELL].flatMap((folder) => filesBelow(folder, '.nft'))) {
    try {
      const once = list(compile({ path: file }).ruleset);
      try {
        const twice = list(compile({ path: file, text: once }).ruleset);
        if (twice === once) result.right++;
        else result.wrong.push(`${file}\n${difference(once, twice)}`);
      } catch (error) {
        result.wrong.push(`${file}\n   ${message(error)}`);
      }
    } catch (error) {
      result.refused.push(`${file}: ${message(error)}`);
    }
  }
  report('listings list the same again', result);
  expect(result.right).toBeGreaterThanOrEqual(AGAIN_FLOOR);
});

test.skipIf(!existsSync(CORPORA) || !canLoad())('every ruleset of fw4 that loads lists as nft 1.0.6 lists it', () => {
  const files = loaded(filesBelow(`${CORPORA}/fw4`, '.nft'));
  for (const { file, text, listing } of files) {
    const got = list(compile({ path: file, text }).ruleset, undefined, { dialect: '1.0.6' });
    expect(got, file).toBe(listing.replace(/ expires \w+/g, ''));
  }
  console.log(`${files.length} rulesets of fw4 load here`);
});

test.skipIf(!existsSync('../shared/seed-ruleset.nft'))('the seed ruleset lists with the spellings of today', () => {
  const { ruleset } = compile({ path: '../shared/seed-ruleset.nft' });
  expect(list(ruleset, undefined, { dialect: '1.0.6' })).toBe(`table inet firewall {
	flowtable ft {
		hook ingress priority filter
		devices = { eth0, eth1 }
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		tcp flags ! fin,rst ct state established,related flow add @ft
		ct state established,related accept
	}
}
`);
});
