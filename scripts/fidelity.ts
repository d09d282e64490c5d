// `npm run fidelity`: writes the table of src/event/simplifications.ts into docs/FIDELITY.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { SIMPLIFICATIONS } from '../src/event/simplifications.ts';

const FILE = 'docs/FIDELITY.md';
const text = readFileSync(FILE, 'utf8');
const head = text.indexOf('|---|---|\n', text.indexOf('## SIMPLIFIED')) + '|---|---|\n'.length;
const tail = text.indexOf('\n## Other differences');
const rows = SIMPLIFICATIONS.map((row) => `| ${row.name} | ${row.effect} |\n`).join('');
writeFileSync(FILE, text.slice(0, head) + rows + text.slice(tail));
