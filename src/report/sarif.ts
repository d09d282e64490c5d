// Findings as SARIF 2.1.0 (OASIS), which code scanning of GitHub, GitLab and editors read. Places are relative to the
// folder that the command ran in; columns count UTF-16 units, as JavaScript does.
import type { SourceLocation } from '../base/errors.ts';
import type { Finding, FindingRule, RelatedPlace } from './findings.ts';

export interface SarifOptions {
  /** nftreplay's own version. */
  version: string;
  /** Where findings without a place are shown: GitHub takes none without. */
  file: string;
  /** Meanings of rule ids; ids that are missing here are described by themselves. */
  rules?: readonly FindingRule[];
}

/** A plain object that JSON.stringify takes. */
export function sarif(findings: readonly Finding[], options: SarifOptions): object {
  const rules = describedRules(findings, options.rules ?? []);
  const indexes = new Map(rules.map((row, index) => [row.id, index]));
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'nftreplay',
            semanticVersion: options.version,
            rules: rules.map(rule),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map((row) => result(row, indexes.get(row.rule) ?? -1, options.file)),
      },
    ],
  };
}

function describedRules(findings: readonly Finding[], known: readonly FindingRule[]): FindingRule[] {
  const ids = [...new Set(findings.map((row) => row.rule))];
  return ids.map(
    (id) => known.find((row) => row.id === id) ?? { id, name: camel(id), title: id, text: id, level: 'warning' },
  );
}

function rule(row: FindingRule): object {
  return {
    id: row.id,
    name: row.name,
    shortDescription: { text: row.title },
    fullDescription: { text: row.text },
    defaultConfiguration: { level: row.level },
  };
}

function result(row: Finding, ruleIndex: number, file: string): object {
  return {
    ruleId: row.rule,
    ruleIndex,
    level: row.level,
    message: { text: row.help === undefined ? row.message : `${row.message}\n${row.help}` },
    locations: [
      { physicalLocation: row.location === undefined ? { artifactLocation: artifact(file) } : physical(row.location) },
    ],
    ...(row.related === undefined || row.related.length === 0 ? {} : { relatedLocations: row.related.map(related) }),
    ...(row.properties === undefined ? {} : { properties: row.properties }),
  };
}

function related({ message, location }: RelatedPlace): object {
  return { physicalLocation: physical(location), message: { text: message } };
}

function physical({ file, line, column, endColumn }: SourceLocation): object {
  return {
    artifactLocation: artifact(file),
    region: { startLine: line, startColumn: column, endColumn: Math.max(endColumn, column) },
  };
}

/** A relative path as a relative URI, an absolute one as a file URI. */
function artifact(file: string): object {
  const path = file
    .replace(/^(\.\/)+/, '')
    .split('/')
    .map(encodeURIComponent)
    .join('/');
  return { uri: file.startsWith('/') ? `file://${path}` : path };
}

function camel(id: string): string {
  return id
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
