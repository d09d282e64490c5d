// Rulesets of others against nft's verdict on them (manifest.json), and the bogus files of nftables' own tests, none of which may load.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NftError } from '../../src/base/errors.ts';
import { translate } from '../../src/nft/compile.ts';
import { formatNftError } from '../../src/nft/errors.ts';

const CORPORA = '/work/shared/corpora';
const BOGONS = process.env.BOGONS ?? `${CORPORA}/nftables/tests/shell/testcases/bogons`;
const FOLDERS = ['fw4', 'wild'].map((name) => `${CORPORA}/${name}`);

/** Refused by nft 1.0.6, accepted by 1.1.4 and here. */
const NEWER: Record<string, string> = {
  'alexswilliams_home-iac__playbooks_files_router_nftables_nftables-pre-up.nft': 'destroy',
  'basis-optiplex.nft': 'destroy',
  'vimsyntax-tp-add-flowtable.tp.nft': 'destroy',
  'ctags-nftables-limits.nft': 'several statements in a set',
  'shakibamoshiri_vit__nftables-mine_load-balancer.nft': 'priority dstnat at output',
  'shakibamoshiri_vit__nftables-mine_port-forwarding.nft': 'priority dstnat at output',
  'docker-hp-false_int-false_icc-true_masq-true_snat-false_gwm-nat_bindlh-true__ip.nft': 'priority dstnat at output',
  'docker-hp-false_int-false_icc-true_masq-true_snat-false_gwm-nat-unprotected_bindlh-true_wsl2mirrored-true__ip.nft':
    'priority dstnat at output',
  'docker-hp-true_int-false_icc-false_masq-true_snat-false_gwm-nat-unprotected_bindlh-true__ip6.nft':
    'priority dstnat at output',
  'docker-hp-true_int-false_icc-false_masq-true_snat-false_gwm-routed_bindlh-true__ip.nft': 'priority dstnat at output',
  'docker-hp-true_int-false_icc-true_masq-true_snat-true_gwm-routed_bindlh-true__ip6.nft': 'priority dstnat at output',
};

/** Where nft met a missing object or kernel feature, and the ruleset is wrong by itself all the same. */
const WRONG_ANYWAY: Record<string, RegExp> = {
  'ft-csf-ddos-baseline.nft': /'flow add' may stand only at hooks forward/,
  'ctags-nftables-define_sets_and_maps.nft': /did you mean|No such file|there is no table/,
  'calico-foreign-nixos-kube-tailscale.nft': /there is no table/,
  'thayburt_dynamic-nftables__00-core.nft': /there is no table/,
  'unman_3isec-tor__filter_ip4.nft': /there is no table/,
};

interface Entry {
  file: string;
  nft_c_1_0_6: { result: string };
}

/** What is wrong with a file; undefined when nothing is. Anything but an NftError is thrown on. */
function refusal(path: string): NftError | undefined {
  try {
    translate({ path }, false);
    return undefined;
  } catch (error) {
    if (error instanceof NftError) return error;
    throw error;
  }
}

const FAULTS = new Set(['syntax', 'evaluation', 'undefined-symbol', 'unresolved-name', 'include-missing']);

describe.skipIf(!existsSync(CORPORA))("nft's verdict on rulesets of others", () => {
  for (const folder of FOLDERS.filter((name) => existsSync(name))) {
    const entries = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8')) as Entry[];
    test.each(entries.map((entry) => [entry.file, entry] as const))('%s', (file, entry) => {
      const { result } = entry.nft_c_1_0_6;
      const found = refusal(`${folder}/${file}`);
      if (file in WRONG_ANYWAY) expect(found?.message).toMatch(WRONG_ANYWAY[file] as RegExp);
      else if (FAULTS.has(result) && !(file in NEWER)) expect(found).toBeInstanceOf(NftError);
      else expect(found?.message).toBeUndefined();
    });
  }

  test('the exceptions are in the corpus', () => {
    const files = new Set(FOLDERS.flatMap((folder) => readdirSync(folder)));
    for (const name of [...Object.keys(NEWER), ...Object.keys(WRONG_ANYWAY)]) expect(files).toContain(name);
  });
});

describe.skipIf(!existsSync(BOGONS))('bogus files of nftables are refused, with a place', () => {
  const files = existsSync(BOGONS) ? readdirSync(BOGONS, { recursive: true, encoding: 'utf8' }) : [];
  const bogus = files.filter((name) => name.startsWith('nft-') && statSync(`${BOGONS}/${name}`).isFile()).sort();
  test.each(bogus)('%s', (name) => {
    const found = refusal(`${BOGONS}/${name}`);
    expect(found).toBeInstanceOf(NftError);
    expect(formatNftError(found as NftError)).toMatch(/:\d+:\d+: /);
    expect(found?.code).not.toBe('unsupported');
  });
});

test('the corpora are there, or their absence is said', () => {
  if (!existsSync(CORPORA)) console.log(`skipped: ${CORPORA} is absent`);
  expect(Object.keys(NEWER).length).toBeGreaterThan(0);
});
