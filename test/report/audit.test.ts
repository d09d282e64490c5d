import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditSchemaText } from '../../scripts/schema/text.ts';
import { audit } from '../../src/compare/audit/audit.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { profile } from '../../src/cost/profiles.ts';
import { compile } from '../../src/nft/compile.ts';
import { auditFindings } from '../../src/report/audit-findings.ts';
import type { AuditReport } from '../../src/report/audit-model.ts';
import { AUDIT_RULES } from '../../src/report/audit-rules.ts';
import { jsonAudit } from '../../src/report/json-audit.ts';
import { markdownAudit } from '../../src/report/markdown-audit.ts';
import { auditSchema } from '../../src/report/schema-audit.ts';
import { textAudit } from '../../src/report/text-audit.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CASES = join(ROOT, 'captures/cases');

async function report(name: string, capture = name, ruleset?: string): Promise<AuditReport> {
  const path = join(CASES, `${name}.nft`);
  const compiled = compile(ruleset === undefined ? { path } : { path, text: ruleset });
  const done = await audit({
    replay: {
      ruleset: compiled.ruleset,
      captures: [{ path: join(CASES, `${capture}.pcapng.gz`) }],
      router: loadRouter(join(CASES, `${capture}.yaml`)),
      workers: 1,
    },
    mode: 'software',
    profile: profile('generic-x86-64'),
    maxFixes: 10,
  });
  return { version: '0', rulesetPath: path, rulesetNotes: [], audit: done };
}

describe('the schema of the audit', () => {
  it('is the one in docs', () => {
    expect(readFileSync(resolve(ROOT, 'docs/audit.schema.json'), 'utf8')).toBe(auditSchemaText());
  });

  it.each(['firewall4-102', 'openwrt-10399', 'calico-13495', 'kubernetes-128392'])('holds for %s', async (name) => {
    const made = await report(name);
    const parsed = auditSchema().safeParse(JSON.parse(JSON.stringify(jsonAudit(made))));
    expect(parsed.error?.issues ?? []).toEqual([]);
    const known = new Set<string>(AUDIT_RULES.map((row) => row.id));
    for (const row of auditFindings(made.audit)) expect([row.rule, known.has(row.rule)]).toEqual([row.rule, true]);
  });
});

describe('the text of an audit', () => {
  it('says in its first line what breaks', async () => {
    const [first] = textAudit(await report('firewall4-102')).split('\n');
    expect(first).toBe('Software offload breaks one thing: a device never hits the flowtable.');
  });

  it('says in its first line when nothing does', async () => {
    const made = await report('kubernetes-128392');
    expect(textAudit(made)).toMatch(/^Nothing that matters breaks with software offload/);
    const without = await report('kubernetes-128392', 'kubernetes-128392', 'table ip t { chain c { } }');
    expect(textAudit(without)).toMatch(/^Nothing breaks: the ruleset has no flowtable/);
  });

  it.each(['firewall4-100', 'calico-13495', 'kubernetes-128392'])('fits 100 columns: %s', async (name) => {
    const lines = textAudit(await report(name)).split('\n');
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });

  it('shows hostile names as text', async () => {
    const text = readFileSync(join(CASES, 'calico-13495.nft'), 'utf8').replace(
      "the pod's DSCP",
      '\u001b[31m@all `x` | <b>',
    );
    const made = await report('calico-13495', 'calico-13495', text);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach a terminal
    expect(textAudit(made)).not.toMatch(/\u001b/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the same
    expect(markdownAudit(made)).not.toMatch(/\u001b/);
  });

  it('says a fix once', async () => {
    const text = textAudit(await report('calico-13495'));
    expect(text.match(/chain may_offload/g)).toHaveLength(1);
    expect(text.match(/the one of 1 mends this too/g)).toHaveLength(3);
  });
});
