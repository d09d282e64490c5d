import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** What a folder of src may import besides itself: the table of ARCHITECTURE.md. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  packet: ['base'],
  capture: ['base'],
  event: ['base'],
  bytecode: ['base', 'packet'],
  nft: ['base', 'packet', 'bytecode'],
  net: ['base', 'packet', 'event'],
  netfilter: ['base', 'packet', 'event', 'bytecode', 'net'],
  datapath: ['base', 'packet', 'event', 'bytecode', 'net', 'netfilter'],
  cost: ['base', 'event'],
  config: ['base', 'packet', 'bytecode', 'nft', 'net', 'cost'],
  replay: ['base', 'packet', 'capture', 'event', 'bytecode', 'nft', 'net', 'netfilter', 'datapath', 'cost', 'config'],
  compare: ['base', 'packet', 'capture', 'event', 'bytecode', 'nft', 'net', 'cost', 'config', 'replay'],
  suite: ['base', 'packet', 'capture', 'event', 'bytecode', 'nft', 'net', 'cost', 'config', 'replay'],
  plan: ['base', 'packet', 'capture', 'event', 'bytecode', 'nft', 'net', 'cost', 'config', 'replay'],
  report: [
    'base',
    'packet',
    'capture',
    'event',
    'bytecode',
    'nft',
    'net',
    'cost',
    'replay',
    'compare',
    'suite',
    'plan',
  ],
  // Beside the command line: matchers for vitest.
  vitest: ['base', 'report', 'suite'],
  cli: [
    'base',
    'packet',
    'capture',
    'event',
    'bytecode',
    'nft',
    'net',
    'netfilter',
    'datapath',
    'cost',
    'config',
    'replay',
    'compare',
    'suite',
    'plan',
    'report',
    // The library's public face: the command line uses nothing else for its work.
    'index.ts',
  ],
};

interface Import {
  from: string;
  to: string;
  isType: boolean;
}

const files = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name));

const imports: Import[] = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s+(type\s+)?[^'"]*?from\s+'(\.[^']+)'/gms)].map(
    (match) => ({
      from: relative(ROOT, file),
      to: relative(ROOT, resolve(dirname(file), match[2] ?? '')),
      isType: match[1] !== undefined,
    }),
  ),
);

const layerOf = (path: string): string => path.split('/')[1] ?? '';

describe('layers', () => {
  it('every folder of src has a row', () => {
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(Object.keys(MAY_IMPORT)).toEqual(expect.arrayContaining(folders.map((entry) => entry.name)));
  });

  it('a folder imports only what stands in its row', () => {
    const wrong = imports.filter(({ from, to }) => {
      const layer = layerOf(from);
      const target = layerOf(to);
      return from.split('/').length > 2 && target !== layer && !(MAY_IMPORT[layer] ?? []).includes(target);
    });
    expect(wrong.map((row) => `${row.from} imports ${row.to}`)).toEqual([]);
  });

  it('there is no import cycle', () => {
    const edges = new Map<string, string[]>();
    for (const row of imports) if (!row.isType) edges.set(row.from, [...(edges.get(row.from) ?? []), row.to]);
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, trail: string[]): void => {
      if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(' > '));
      if (done.has(file) || trail.includes(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of edges.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('only src/index.ts re-exports', () => {
    const barrels = files.filter(
      (file) => relative(ROOT, file) !== 'src/index.ts' && /^export \* from/m.test(readFileSync(file, 'utf8')),
    );
    expect(barrels.map((file) => relative(ROOT, file))).toEqual([]);
  });

  it('nothing below src/cli asks the clock or for unseeded randomness', () => {
    const wrong = files.filter(
      (file) =>
        !relative(ROOT, file).startsWith('src/cli') &&
        /Date\.now\(|Math\.random\(|new Date\(\)/.test(readFileSync(file, 'utf8')),
    );
    expect(wrong.map((file) => relative(ROOT, file))).toEqual([]);
  });
});
