// JSON rulesets: what they compile to, and where their errors point.
import { describe, expect, test } from 'vitest';
import { NftError } from '../../src/base/errors.ts';
import { translate } from '../../src/nft/compile.ts';
import { list } from '../../src/nft/listing.ts';

const TABLE = '{"table": {"family": "inet", "name": "t"}}';
const CHAIN =
  '{"chain": {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}';

function rule(...statements: string[]): string {
  return `{"rule": {"family": "inet", "table": "t", "chain": "c", "expr": [${statements.join(', ')}]}}`;
}

function ruleset(...commands: string[]): string {
  return `{"nftables": [\n${[TABLE, CHAIN, ...commands].join(',\n')}\n]}`;
}

function listed(text: string): string {
  return list(translate({ path: 'r.json', text }, false).ruleset);
}

function refusal(text: string): string {
  try {
    translate({ path: 'r.json', text }, false);
  } catch (error) {
    if (error instanceof NftError) return error.message;
    throw error;
  }
  return '';
}

const PORT = '{"payload": {"protocol": "tcp", "field": "dport"}}';

describe('JSON rulesets', () => {
  test.each([
    [
      `{"match": {"op": "==", "left": ${PORT}, "right": {"set": [22, "http", {"range": [1000, 2000]}]}}}`,
      'tcp dport { 22, 80, 1000-2000 }',
    ],
    [
      '{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["new", {"accept": null}], ["invalid", {"drop": null}]]}}}',
      'ct state vmap { invalid : drop, new : accept }',
    ],
    [
      '{"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"|": [{"meta": {"key": "mark"}}, 4]}}}',
      'meta mark set meta mark | 0x00000004',
    ],
    ['{"limit": {"rate": 5, "per": "second"}}', 'limit rate 5/second burst 5 packets'],
    ['{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}', 'reject with icmpx admin-prohibited'],
    ['{"queue": {"num": {"range": [1, 3]}, "flags": "bypass"}}', 'queue flags bypass to 1-3'],
  ])('%s', (statement, text) => {
    expect(listed(ruleset(rule(statement)))).toContain(`\t\t${text}\n`);
  });

  test.each([
    ['{"nftables": [{"table": ]}', "r.json:1:25: invalid JSON: unexpected ']', expecting a JSON value"],
    ['{"nftables": [{"metainfo": {"json_schema_version": 2}}]}', 'schema version 2 is not supported'],
    [ruleset(rule('{"macth": {}}')), "r.json:4:66: unknown statement 'macth' (did you mean 'match'?)"],
    [
      ruleset(rule('{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dprot"}}, "right": 1}}')),
      "unknown tcp field 'dprot' (did you mean 'dport'?)",
    ],
    [ruleset(rule('{"jump": {"target": "nowhere"}}')), 'r.json:4:'],
    [ruleset(rule('{"accept": null}').replace('"chain": "c"', '"chain": "d"')), 'r.json:4:'],
    [`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`, 'too many levels of nesting'],
    ['{"nftables": {}}', "'nftables' must be an array, not an object"],
  ])('%s is refused where it is wrong', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  test('commands that show something leave a note, what nft would pass over a warning', () => {
    const text = ruleset(
      '{"list": {"ruleset": null}}',
      '{"chain": {"family": "inet", "table": "t", "name": "d", "type": "filter", "hook": "input", "prio": "filter"}}',
    );
    const { notes, warnings } = translate({ path: 'r.json', text }, false);
    expect(notes.map(({ message }) => message)).toEqual(["'list ruleset' was ignored: it changes nothing"]);
    expect(warnings.map(({ location }) => location.line)).toEqual([5, 5]);
  });
});
