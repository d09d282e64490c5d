// The pages of docs show what the commands print today: every `console` block is run as it stands.
// UPDATE_DOCS=1 writes the output of today into the pages instead, for a review with git diff.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAIN } from '../cli/program.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'docs/cases');
const pages = readdirSync(FOLDER).filter((name) => name.endsWith('.md'));
/** Pages with blocks, below docs. */
const shown = [...pages.map((name) => `cases/${name}`), 'TOUR.md'];
const BLOCK = /```console\n\$ ((?:.*\\\n)*.*)\n([\s\S]*?)```/g;

function run(command: string): string {
  const script = `nftreplay() { "${process.execPath}" "${MAIN}" "$@"; }; ${command}`;
  const result = spawnSync('bash', ['-c', script], { cwd: ROOT, encoding: 'utf8' });
  return result.stdout + result.stderr;
}

/** Cycles change whenever the cost model learns: they are not compared, nor is what their width does to the layout. */
function withoutEstimates(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\d,]+ ±\d+ %/g, 'N')
    .replace(/[+-]?[\d.]+ %/g, 'N %')
    .replace(/[\d,]+ -> [\d,]+ cycles/g, 'N -> N cycles');
}

describe('docs', () => {
  it.each(shown)('%s shows what the commands print', (page) => {
    const path = join(ROOT, 'docs', page);
    const text = readFileSync(path, 'utf8');
    const blocks = [...text.matchAll(BLOCK)].map(([, command = '', output = '']) => ({ command, output }));
    if (process.env.UPDATE_DOCS !== undefined) {
      writeFileSync(
        path,
        text.replace(BLOCK, (_, command: string) => `\`\`\`console\n$ ${command}\n${run(command)}\`\`\``),
      );
      return;
    }
    for (const { command, output } of blocks) expect(withoutEstimates(run(command))).toBe(withoutEstimates(output));
  });

  it('every page but the index names the report that it reproduces and files that exist', () => {
    for (const page of pages) {
      const text = readFileSync(join(FOLDER, page), 'utf8');
      for (const [file] of text.matchAll(/captures\/cases\/[\w.-]+\b/g))
        expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
      if (page !== 'README.md') expect(text).toMatch(/https:\/\/github\.com\/[\w-]+\/[\w-]+\/(issues|pull)\/\d+/);
    }
  });
});
