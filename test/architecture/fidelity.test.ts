import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SIMPLIFICATIONS } from '../../src/event/simplifications.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const names: string[] = SIMPLIFICATIONS.map((row) => row.name);

const comments = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .filter((entry) => !/src\/(report|event)$/.test(entry.parentPath))
  .flatMap((entry) => {
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8').replace(/\n\s*(\/\/|\*) ?/g, ' ');
    return [...text.matchAll(/SIMPLIFIED(: [a-z-]+:)?/g)].map((match) => ({
      file: entry.name,
      name: match[1]?.slice(2, -1),
    }));
  });

describe('what differs from the kernel', () => {
  it('every SIMPLIFIED comment names a row', () => {
    expect(comments.filter((row) => row.name === undefined || !names.includes(row.name))).toEqual([]);
  });

  it('every row is taken somewhere', () => {
    expect(names.filter((name) => !comments.some((row) => row.name === name))).toEqual([]);
  });

  it('docs/FIDELITY.md has every row as it is', () => {
    const text = readFileSync(join(ROOT, 'docs/FIDELITY.md'), 'utf8');
    expect(SIMPLIFICATIONS.filter((row) => !text.includes(`| ${row.name} | ${row.effect} |`))).toEqual([]);
  });
});
