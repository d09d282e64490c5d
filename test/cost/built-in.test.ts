import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readProfiles } from '../../scripts/profiles/compile.ts';
import { BUILT_IN } from '../../src/cost/profiles/built-in.ts';

test('the compiled profiles are what the YAML files and the fit say', () => {
  const folder = join(dirname(fileURLToPath(import.meta.url)), '../../src/cost/profiles');
  expect(JSON.parse(JSON.stringify(readProfiles(folder)))).toEqual(JSON.parse(JSON.stringify(BUILT_IN)));
});

test('at least the devices that planning is asked for are there', () => {
  const names = BUILT_IN.flatMap((row) => [row.name, ...row.aliases]);
  expect(names).toEqual(
    expect.arrayContaining([
      'mt7620',
      'mt7621',
      'mt7622',
      'mt7986',
      'mt7988',
      'ipq4019',
      'ipq8074',
      'bcm2711',
      'rk3328',
      'xrx200',
      'x86-n100',
      'x86-server',
    ]),
  );
  expect(new Set(names).size).toBe(names.length);
});
