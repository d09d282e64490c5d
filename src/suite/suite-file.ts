// A suite file to checked cases: schema, packet lines, settings of the suite under those of its cases.
import type { z as Zod } from 'zod';
import { readText } from '../base/yaml-file.ts';
import { nearest } from '../nft/suggest.ts';
import type { PacketLine } from './packet-line.ts';
import { PacketLineError } from './packet-tokens.ts';
import { parsePacketLine } from './parse-packet.ts';
import {
  type CaseInput,
  type FlowExpectation,
  type PacketExpectation,
  type Settings,
  type SuiteInput,
  suiteSchema,
  type TotalsExpectation,
} from './schema.ts';
import { type KeyPath, SuiteSource } from './suite-source.ts';

/** A suite larger than this is not one. */
const MAX_FILE_OCTETS = 64 * 1024 * 1024;

export interface Suite {
  file: string;
  name: string | undefined;
  source: SuiteSource;
  cases: SuiteCase[];
}

export interface SuiteCase {
  name: string;
  path: KeyPath;
  settings: Settings;
  skip: string | undefined;
  packets: PacketStep[] | undefined;
  captures: { file: string; in?: string }[] | undefined;
  match: string | undefined;
  flows: FlowCheck[];
  expect: TotalsExpectation | undefined;
}

export interface PacketStep {
  line: PacketLine;
  path: KeyPath;
  expect: PacketExpectation | undefined;
  /** Of the expectation; a verdict alone stands there itself. */
  expectPath: KeyPath;
  isShorthand: boolean;
}

export interface FlowCheck {
  /** Of both directions. */
  flow: PacketLine | undefined;
  match: string | undefined;
  path: KeyPath;
  expect: FlowExpectation;
}

/** Reads a suite. Throws ConfigError when the file cannot be read, NftError (with file:line:column) when it is wrong. */
export function loadSuite(file: string): Suite {
  return parseSuite(readText(file, MAX_FILE_OCTETS, 'suite'), file);
}

/** The same for text already at hand. */
export function parseSuite(text: string, file: string): Suite {
  const source = new SuiteSource(text, file);
  const input = checked(source);
  const { cases, name, $schema: _, ...settings } = input;
  const names = new Set<string>();
  return {
    file,
    name,
    source,
    cases: cases.map((row, index) => {
      if (names.has(row.name)) {
        throw source.error(['cases', index, 'name'], `another case has this name`, 'results go by name');
      }
      names.add(row.name);
      return suiteCase(row, index, settings, source);
    }),
  };
}

function checked(source: SuiteSource): SuiteInput {
  const parsed = suiteSchema().safeParse(source.value());
  if (parsed.success) return parsed.data;
  const issue = deepest(parsed.error.issues);
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code !== 'unrecognized_keys') throw source.error(path, messageOf(issue, path));
  const key = issue.keys[0] ?? '';
  const meant = nearest(key, knownKeys(path));
  throw source.keyError(
    path,
    key,
    `unknown key '${key}'`,
    meant === undefined ? undefined : `did you mean '${meant}'?`,
  );
}

/** Of a union's alternatives the issue that got furthest: what the user meant. */
function deepest(issues: readonly Zod.core.$ZodIssue[]): Zod.core.$ZodIssue {
  let best = issues[0] as Zod.core.$ZodIssue;
  let depth = -1;
  const visit = (rows: readonly Zod.core.$ZodIssue[], prefix: readonly PropertyKey[]): void => {
    for (const row of rows) {
      const path = [...prefix, ...row.path];
      if (row.code === 'invalid_union' && row.errors.length > 0) {
        for (const alternative of row.errors) visit(alternative, path);
        if (path.length <= depth) continue;
      }
      // At equal depth an unknown key says more than a wrong type.
      const isBetter = path.length > depth || (path.length === depth && row.code === 'unrecognized_keys');
      if (!isBetter) continue;
      depth = path.length;
      best = { ...row, path: [...path] };
    }
  };
  visit(issues, []);
  return best;
}

function messageOf(issue: Zod.core.$ZodIssue, path: KeyPath): string {
  const where = path.length === 0 ? '' : `${keyText(path)}: `;
  if (issue.code === 'invalid_union') return `${where}not what may stand here`;
  return `${where}${issue.message.replace(/^Invalid (input|option): /, '')}`;
}

/** 'cases[0].expect.rules'. */
export function keyText(path: KeyPath): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${part}`))
    .join('');
}

/** Keys that the schema has at a path, for suggestions. */
function knownKeys(path: KeyPath): string[] {
  let schemas: Zod.core.$ZodType[] = [suiteSchema()];
  for (const part of path) schemas = schemas.flatMap((schema) => stepInto(schema, part));
  return schemas.flatMap(alternatives).flatMap((schema) => {
    const { def } = schema._zod as {
      def: { type: string; shape?: object; keyType?: { _zod: { values?: Set<unknown> } } };
    };
    if (def.type === 'record') return [...(def.keyType?._zod.values ?? [])].map(String);
    return def.type === 'object' ? Object.keys(def.shape ?? {}) : [];
  });
}

function alternatives(schema: Zod.core.$ZodType): Zod.core.$ZodType[] {
  const def = schema._zod.def as unknown as {
    type: string;
    innerType?: Zod.core.$ZodType;
    options?: Zod.core.$ZodType[];
  };
  if (def.type === 'optional' && def.innerType !== undefined) return alternatives(def.innerType);
  if (def.type === 'union') return (def.options ?? []).flatMap(alternatives);
  return [schema];
}

function stepInto(schema: Zod.core.$ZodType, part: string | number): Zod.core.$ZodType[] {
  return alternatives(schema).flatMap((one) => {
    const def = one._zod.def as unknown as {
      type: string;
      shape?: Record<string, Zod.core.$ZodType>;
      element?: Zod.core.$ZodType;
      valueType?: Zod.core.$ZodType;
    };
    const found =
      typeof part === 'number' ? def.element : Object.hasOwn(def.shape ?? {}, part) ? def.shape?.[part] : def.valueType;
    return found === undefined ? [] : [found];
  });
}

function suiteCase(input: CaseInput, index: number, suiteSettings: Settings, source: SuiteSource): SuiteCase {
  const path: KeyPath = ['cases', index];
  const { name, skip, packets, captures, match, flows = [], expect, ...own } = input;
  const settings: Settings = { ...suiteSettings, ...own };
  if (settings.ruleset === undefined) {
    throw source.error(
      path,
      `the case '${name}' has no ruleset`,
      "give 'ruleset' at the top of the suite or in the case",
    );
  }
  return {
    name,
    path,
    settings,
    skip,
    packets: packets?.map((step, at) => packetStep(step, [...path, 'packets', at], source)),
    captures: captures?.map((row) => (typeof row === 'string' ? { file: row } : row)),
    match,
    flows: flows.map((row, at): FlowCheck => {
      const own: KeyPath = [...path, 'flows', at];
      return {
        // Read as a packet that enters anywhere.
        flow: row.flow === undefined ? undefined : parseLine(`x < ${row.flow}`, [...own, 'flow'], source, 4),
        match: row.match,
        path: own,
        expect: row.expect,
      };
    }),
    expect,
  };
}

function packetStep(step: NonNullable<CaseInput['packets']>[number], path: KeyPath, source: SuiteSource): PacketStep {
  if (typeof step === 'string') {
    return { line: parseLine(step, path, source), path, expect: undefined, expectPath: path, isShorthand: false };
  }
  const isShorthand = typeof step.expect === 'string';
  const expect = typeof step.expect === 'string' ? { verdict: step.expect } : step.expect;
  return {
    line: parseLine(step.packet, [...path, 'packet'], source),
    path: [...path, 'packet'],
    expect,
    expectPath: [...path, 'expect'],
    isShorthand,
  };
}

function parseLine(text: string, path: KeyPath, source: SuiteSource, shift = 0): PacketLine {
  try {
    return parsePacketLine(text);
  } catch (error) {
    if (!(error instanceof PacketLineError)) throw error;
    const { message, hint } = error;
    const place = { start: Math.max(0, error.start - shift), end: Math.max(1, error.end - shift) };
    throw source.lineError(path, new PacketLineError(message, place, hint));
  }
}
