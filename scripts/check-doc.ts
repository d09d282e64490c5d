// Writes docs/CHECK.md: the use of `nftreplay check`, and the tables of what it warns of and what constructs need.
// `npm run build && node dist/scripts/check-doc.js`
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OFFLOAD_DEVICES, REQUIREMENTS, type RequirementRow } from '../src/nft/requirements/table.ts';
import { WARNINGS } from '../src/nft/warnings/warning.ts';

const HEAD = `# nftreplay check

<!-- Written by scripts/check-doc.ts: change the text there and the tables in src/nft/{warnings,requirements}. -->

\`nftreplay check RULESET...\` says what a ruleset holds, or all that is wrong with it, each with \`file:line:column\`, the line and
what was probably meant; what loads but will be regretted; and what it needs of a router. \`-\` reads standard input:
\`nft list ruleset | nftreplay check -\`.

| option | does |
|---|---|
| \`--list\`, \`--json\` | print the ruleset as \`nft list ruleset\` and \`nft -j list ruleset\` do |
| \`--debug netlink\` | print the bytecode as \`nft --debug=netlink\` does |
| \`--notes\` | show notes too: what is odd rather than wrong |
| \`--requires\` | what a router needs to load the ruleset and to offload |
| \`--kernel 5.15\` | constructs that this version of Linux lacks are errors |
| \`--format json\\|sarif\\|github\\|markdown\` | findings for programs, code scanning, annotations, merge requests |
| \`--fail-on warning\\|error\\|change\\|never\` | exit code 1 when there is one of these (\`error\` unless told) |
| \`-I FOLDER\`, \`--allow-absolute-includes\` | where \`include\` may look besides the ruleset's own folder |
| \`--assume queue=accept\` | what user space answers to \`queue\` (\`accept\`, \`drop\`), or \`absent\`: no program listens there |

Exit code 0: nothing found; 1: what \`--fail-on\` names, or what \`--kernel\` lacks; 2: the ruleset has errors.

Reading goes on behind an error, at the next statement; what is wrong only because something else is (a rule that uses a
set whose declaration has an error) is not told. At most 20 different errors are shown, all are counted.
`;

/** The whole page. */
export function checkDocument(): string {
  return [HEAD, '## Warnings and notes', '', ...warnings(), '', '## Requirements', '', ...requirements(), ''].join(
    '\n',
  );
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function warnings(): string[] {
  const rows = WARNINGS.map(({ id, level, title, text }) => [`\`check/${id}\``, level, cell(title), cell(text)]);
  return table(['id', 'level', 'what', 'why'], rows);
}

function requirements(): string[] {
  const all: readonly RequirementRow[] = REQUIREMENTS;
  const rows = all.map((row) => [
    cell(row.construct),
    row.kernel,
    row.nft ?? '',
    (row.options ?? []).map((option) => `\`CONFIG_${option}\``).join(' '),
    (row.packages ?? ['kmod-nft-core']).map((name) => (name === 'none' ? '(in none)' : `\`${name}\``)).join(' '),
    cell(row.source),
  ]);
  const devices = OFFLOAD_DEVICES.map((row) => [`\`${row.driver}\``, cell(row.devices), row.kernel, cell(row.source)]);
  return [
    'Versions are those of kernel.org; stable and vendor kernels may have a feature earlier. Options are those of Linux 6.12.',
    "Sources: files of the kernel, commits, `features/…` of nftables' tests/shell, packages of OpenWrt's netfilter.mk.",
    '',
    ...table(['construct', 'Linux', 'nft', 'options', 'OpenWrt package', 'source'], rows),
    '',
    '`flags offload` needs devices whose driver takes flows (`TC_SETUP_FT`); with others the ruleset does not load:',
    '',
    ...table(['driver', 'devices', 'Linux', 'source'], devices),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync('docs/CHECK.md', checkDocument());
}
