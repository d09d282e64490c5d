// `nftreplay coverage` as text: the window that was looked at, how much was reached, and what was not, with the reason.
// `annotate` lists the ruleset files with marks in the margin.
import type { SetCover } from '../compare/coverage.ts';
import {
  type CoverageReport,
  elementsOf,
  reasonText,
  ruleName,
  type STATE_TEXTS,
  sightText,
  tally,
} from './coverage-model.ts';
import { columns, count, cut, duration, octets, percent, utcTime, visible, wrap } from './format.ts';

const WIDTH = 100;
const MAX_ROWS = 60;
const MAX_ELEMENTS = 8;

/** The whole report, ending in a newline. */
export function textCoverage(report: CoverageReport, annotate: boolean): string {
  const sections = [
    window(report),
    summary(report),
    ...(annotate ? annotated(report) : []),
    beforeOffload(report),
    deadRules(report),
    deadElements(report),
    notes(report),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** What was looked at: what was not in it, this report cannot know. */
function window({ coverage, rulesetPath, routerPath }: CoverageReport): string[] {
  const { result, router } = coverage.replay;
  const { input } = result;
  const lines: string[] = [];
  const field = (name: string, text: string): void => {
    lines.push(...wrap(text, WIDTH, name.padEnd(9), ' '.repeat(9)));
  };
  field('Ruleset', visible(rulesetPath));
  for (const file of input.files) {
    field('Capture', `${visible(file.path)}: ${count(file.packets)} packets, ${octets(file.wireOctets)}`);
    if (file.damage) field('', `DAMAGED: ${visible(file.damage.message)}; everything before was replayed`);
  }
  const names = router.interfaces.map((row) => visible(row.name)).join(', ');
  field('Router', `${routerPath === undefined ? 'inferred (see Assumptions)' : visible(routerPath)}: ${names}`);
  const since = input.firstTimeNs === undefined ? '' : `${utcTime(BigInt(input.firstTimeNs)).slice(0, 19)} UTC, `;
  const size = `${count(input.packets - input.leftOut)} packets of ${count(result.flows.flows)} connections`;
  field('Window', `${since}${duration(input.durationNs)} long: ${size}. What is not in it is not covered.`);
  return lines;
}

function summary({ coverage }: CoverageReport): string[] {
  const { elements, branches } = elementsOf(coverage.sets);
  const rows: [string, ReturnType<typeof tally>][] = [
    ['rules', tally(coverage.rules)],
    ['chains', tally(coverage.chains)],
    ['set elements', tally(elements)],
    ['verdict map branches', tally(branches)],
  ];
  const table = rows
    .filter(([, row]) => row.all > 0)
    .map(([name, row]) => [
      name,
      count(row.all),
      count(row.reached),
      count(row['before-offload']),
      count(row.never),
      percent((row.all - row.never) / row.all),
    ]);
  return columns([['', 'all', 'reached', 'only before offload', 'never', 'covered'], ...table], 'lrrrrr', '  ');
}

/** Rules whose connections went past them afterwards: the reader should know which rules see a part only. */
function beforeOffload({ coverage }: CoverageReport): string[] {
  const rows = coverage.rules.filter((row) => row.state === 'before-offload');
  if (rows.length === 0) return [];
  const lines = ['Reached only before offload: these rules saw the first packets of connections only'];
  for (const row of rows.slice(0, MAX_ROWS)) {
    lines.push(...item(ruleName(row.rule, coverage.book), sightText(row)));
  }
  return [...lines, ...more(rows.length - MAX_ROWS, 'rule')];
}

function deadRules({ coverage }: CoverageReport): string[] {
  const rows = coverage.rules.filter((row) => row.state === 'never');
  if (rows.length === 0) return [];
  const lines = ['Never reached'];
  for (const row of rows.slice(0, MAX_ROWS)) {
    const reason = row.reason === undefined ? '' : reasonText(row.reason, coverage.book);
    lines.push(...item(ruleName(row.rule, coverage.book), reason));
  }
  return [...lines, ...more(rows.length - MAX_ROWS, 'rule')];
}

function deadElements({ coverage }: CoverageReport): string[] {
  const rows = coverage.sets
    .map((row) => ({ row, dead: row.elements.filter((element) => element.state === 'never') }))
    .filter(({ row, dead }) => dead.length > 0 && row.rules.some((rule) => (coverage.rules[rule]?.evaluated ?? 0) > 0));
  if (rows.length === 0) return [];
  const lines = ['Set elements and branches that no lookup found'];
  for (const { row, dead } of rows.slice(0, MAX_ROWS)) {
    const shown = dead.slice(0, MAX_ELEMENTS).map((element) => visible(element.text));
    if (dead.length > MAX_ELEMENTS) shown.push(`${count(dead.length - MAX_ELEMENTS)} more`);
    lines.push(
      ...item(
        setName(row, coverage.book),
        `${count(dead.length)} of ${count(row.elements.length)}: ${shown.join(', ')}`,
      ),
    );
  }
  return [...lines, ...more(rows.length - MAX_ROWS, 'set')];
}

function setName({ set, rules }: SetCover, book: CoverageReport['coverage']['book']): string {
  const [first] = rules;
  if (set.anonymous) return first === undefined ? 'a set' : ruleName(first, book);
  const place = set.location === undefined ? '' : `line ${set.location.line} `;
  return `${place}${set.mapTo === undefined ? 'set' : 'map'} ${visible(set.name)}`;
}

function item(what: string, why: string): string[] {
  const lines = wrap(what, WIDTH, '  ', '    ');
  return why === '' ? lines : [...lines, ...wrap(why, WIDTH, '      ', '        ')];
}

function more(n: number, noun: string): string[] {
  return n > 0 ? [`  and ${count(n)} more ${noun}${n === 1 ? '' : 's'} (--format json has them all)`] : [];
}

/** The files with, before each line: packets matched; '#####' never; '~' only before offload. */
function annotated(report: CoverageReport): string[][] {
  const { coverage, sources } = report;
  const marks = new Map<string, Map<number, string>>();
  const put = (location: { file: string; line: number } | undefined, mark: string): void => {
    if (location === undefined) return;
    const file = marks.get(location.file) ?? new Map<number, string>();
    marks.set(location.file, file);
    const known = file.get(location.line);
    file.set(location.line, known === undefined ? mark : `${known.replace(' …', '')} …`);
  };
  const mark = (state: keyof typeof STATE_TEXTS, hits: number): string =>
    state === 'never' ? '#####' : `${state === 'before-offload' ? '~' : ''}${count(hits)}`;
  for (const row of coverage.chains) put(coverage.book.chains[row.chain]?.chain.location, mark(row.state, row.entered));
  for (const row of coverage.rules) put(coverage.book.location(row.rule), mark(row.state, row.matched));
  return [...sources].map(([name, text]) => {
    const file = marks.get(name) ?? new Map<number, string>();
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    const digits = String(lines.length).length;
    const legend = 'packets matched or entered; ##### never; ~ only before offload; … several on the line';
    return [
      ...wrap(`${visible(name)}: ${legend}`, WIDTH, '', '  '),
      ...lines.map((line, index) => {
        const margin = `${(file.get(index + 1) ?? '').padStart(10)} |${String(index + 1).padStart(digits)} `;
        return cut(`${margin}${visible(line.replaceAll('\t', '    '))}`.trimEnd(), WIDTH);
      }),
    ];
  });
}

function notes({ coverage }: CoverageReport): string[] {
  const { assumptions } = coverage.replay;
  if (assumptions.length === 0) return [];
  return ['Assumptions', ...assumptions.flatMap((note) => wrap(visible(note), WIDTH, '  - ', '    '))];
}
