// Errors and warnings of rulesets as findings, for SARIF, annotations, Markdown and JSON.
import type { NftError } from '../base/errors.ts';
import type { CheckedRuleset } from '../nft/check.ts';
import { plainMessage } from '../nft/errors.ts';
import type { Requirement } from '../nft/requirements/find.ts';
import { type RulesetWarning, WARNINGS, type WarningRow } from '../nft/warnings/warning.ts';
import type { Finding, FindingRule } from './findings.ts';

const MAX_RELATED = 5;
const ERROR_RULES: readonly FindingRule[] = [
  row('check/syntax', 'the text is not the grammar of nft', 'nft refuses the file.', 'error'),
  row('check/semantic', 'the text means nothing, or what nft or the kernel refuses', 'nft refuses the file.', 'error'),
  row(
    'check/unsupported',
    'a construct that nftreplay cannot read yet',
    'nft accepts it; nftreplay does not.',
    'error',
  ),
  row(
    'check/cannot-run',
    'a construct that nftreplay cannot run yet',
    'nft accepts it; nftreplay run refuses it.',
    'note',
  ),
  row('check/kernel', 'a construct that the kernel lacks', 'The kernel named by --kernel refuses it.', 'error'),
];

/** Meanings of all rule ids of check. */
export const CHECK_RULES: readonly FindingRule[] = [
  ...ERROR_RULES,
  ...WARNINGS.map(({ id, level, title, text }) => row(`check/${id}`, title, text, level)),
];

const LEVELS = new Map<string, WarningRow['level']>(WARNINGS.map(({ id, level }) => [id, level]));

function row(id: string, title: string, text: string, level: FindingRule['level']): FindingRule {
  const name = id
    .split(/[^a-z]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  return { id, name, title, text, level };
}

/** Errors, warnings and notes of one ruleset. */
export function checkFindings(checked: CheckedRuleset): Finding[] {
  return [...checked.errors.map(errorFinding), ...warningFindings(checked)];
}

/** As checkFindings without what makes the ruleset unreadable: what the kernel lacks, warnings, notes. */
export function warningFindings({ warnings, foreign, requirements }: CheckedRuleset): Finding[] {
  return [
    ...requirements.flatMap(kernelFinding),
    ...warnings.map(warningFinding),
    ...foreign.map(({ construct, location, rules }): Finding => {
      const message = `nftreplay run does not take ${construct} yet (${rules === 1 ? '1 rule' : `${rules} rules`})`;
      return { rule: 'check/cannot-run', level: 'note', message, ...(location && { location }) };
    }),
  ];
}

function kernelFinding({ row, locations, refused }: Requirement): Finding[] {
  if (!refused) return [];
  const [location, ...others] = locations;
  return [
    {
      rule: 'check/kernel',
      level: 'error',
      message: `the kernel lacks ${row.construct}: it needs ${row.kernel} or later`,
      ...(location && { location }),
      related: others.slice(0, MAX_RELATED).map((place) => ({ message: 'here too', location: place })),
      properties: { kernel: row.kernel, construct: row.id },
    },
  ];
}

function errorFinding(error: NftError): Finding {
  const rule = { 'nft-syntax': 'check/syntax', unsupported: 'check/unsupported' }[error.code] ?? 'check/semantic';
  const finding: Finding = { rule, level: 'error', message: plainMessage(error), location: error.location };
  if (error.hint !== undefined) finding.help = error.hint;
  return finding;
}

function warningFinding({ id, message, location, help, related }: RulesetWarning): Finding {
  return {
    rule: `check/${id}`,
    level: LEVELS.get(id) ?? 'warning',
    message,
    ...(location && { location }),
    ...(help && { help }),
    ...(related && { related }),
  };
}
