// `npm run diff-corpora [-- COUNT]`: `diff A A` must be empty for every ruleset and capture of ../shared/corpora. Pairs go
// round both lists, so that COUNT pairs meet as many different rulesets and captures; all: every ruleset with every capture.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NftreplayError } from '../src/base/errors.ts';
import { diffRulesets } from '../src/compare/diff.ts';
import { profile } from '../src/cost/profiles.ts';
import { compile } from '../src/nft/compile.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CORPORA = join(ROOT, '..', 'shared', 'corpora');
/** Larger captures only go with a few rulesets. */
const LARGE = 2_000_000;
const PROFILE = profile('generic-x86-64');

if (!existsSync(CORPORA)) console.log('../shared/corpora is absent: nothing to compare');
else await run(process.argv[2] ?? '400');

async function run(count: string): Promise<void> {
  const rulesets = ['fw4', 'wild'].flatMap((name) => files(join(CORPORA, name), /\.nft$/)).flatMap(load);
  const captures = files(join(CORPORA, 'captures'), /\.(pcap|pcapng)(\.gz|\.\d+)?$/);
  const total = count === 'all' ? rulesets.length * captures.length : Number(count);
  const tally = { pairs: 0, empty: 0, refused: 0, different: 0, packets: 0 };
  for (let i = 0; i < total; i++) {
    const row = rulesets[count === 'all' ? Math.floor(i / captures.length) : i % rulesets.length];
    const capture = captures[(i * (count === 'all' ? 1 : 7)) % captures.length];
    if (row === undefined || capture === undefined) continue;
    if (statSync(capture).size > LARGE && i % 50 !== 0) continue;
    tally.pairs++;
    try {
      const { ruleset } = row;
      const diff = await diffRulesets({
        old: ruleset,
        new: ruleset,
        replay: { captures: [{ path: capture }] },
        profile: PROFILE,
      });
      tally.packets += diff.before.packets;
      if (diff.changedPackets === 0 && diff.otherwiseDecided === 0) tally.empty++;
      else {
        tally.different++;
        console.log(`DIFFERENT: ${row.path} with itself over ${capture}: ${diff.changedPackets} packets`);
      }
    } catch (error) {
      if (!(error instanceof NftreplayError)) throw error;
      tally.refused++;
    }
  }
  console.log(
    `${tally.pairs} pairs of ${rulesets.length} rulesets and ${captures.length} captures, ${tally.packets} packets: ` +
      `${tally.empty} empty, ${tally.refused} refused with a message, ${tally.different} different`,
  );
  if (tally.different > 0) process.exitCode = 1;
}

function files(folder: string, name: RegExp): string[] {
  return readdirSync(folder)
    .filter((file) => name.test(file))
    .sort()
    .map((file) => join(folder, file));
}

function load(path: string) {
  try {
    return [{ path, ruleset: compile({ path }).ruleset }];
  } catch (error) {
    if (error instanceof NftreplayError) return [];
    throw error;
  }
}
