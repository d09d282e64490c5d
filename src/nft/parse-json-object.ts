// Named stateful objects from JSON (libnftables-json(5), "RULESET ELEMENTS"; nftables src/parser_json.c, json_parse_cmd_add_object).
import type { ObjectType } from '../bytecode/expression.ts';
import type { Family } from '../bytecode/ruleset.ts';
import type { Name, ObjectBlock, ObjectBody } from './ast-commands.ts';
import type { JsonInput } from './json-input.ts';
import type { JsonObjectNode } from './json-reader.ts';
import { readLimit } from './parse-json-stateful.ts';

const SAFE = Number.MAX_SAFE_INTEGER;
const U32 = 0xffffffff;
const FAMILIES: readonly Family[] = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'];

/** The stateful object that the node declares. Throws NftError. */
export function readObject(input: JsonInput, type: ObjectType, object: JsonObjectNode, name: Name): ObjectBlock {
  const block: ObjectBlock = { ...readBody(input, type, object), name, span: object.span };
  const comment = input.comment(object);
  if (comment !== undefined) block.comment = comment;
  if (type === 'ct timeout') block.states = readStates(input, object);
  return block;
}

function readBody(input: JsonInput, type: ObjectType, object: JsonObjectNode): ObjectBody {
  const what = `'${type}'`;
  const number = (key: string, max = SAFE): number => input.optionalInteger(object, key, what, max) ?? 0;
  switch (type) {
    case 'counter':
      return { type, packets: number('packets'), bytes: number('bytes') };
    case 'quota': {
      const invert = input.optionalBoolean(object, 'inv');
      return { type, bytes: number('bytes'), consumedBytes: number('used'), invert };
    }
    case 'limit':
      return { type, limit: readLimit(input, object, false) };
    case 'secmark': {
      const context = input.optionalString(object, 'context');
      if (context !== undefined && context.value.length > 255)
        throw input.error(`invalid context '${context.value}', max length is 256`, context);
      return { type, context: context?.value ?? '' };
    }
    case 'synproxy': {
      const flags = input.flags(object, 'flags', what, ['timestamp', 'sack-perm']);
      const bits = (flags.includes('timestamp') ? 8 : 0) | (flags.includes('sack-perm') ? 4 : 0);
      const mss = input.integer(object, 'mss', what, 0xffff);
      return { type, mss, wscale: input.integer(object, 'wscale', what, 0xff), flags: 3 | bits };
    }
    case 'ct helper': {
      const helper = input.optionalString(object, 'type');
      if (helper !== undefined && helper.value.length > 15)
        throw input.error(`invalid name '${helper.value}', max length is 16`, helper);
      return { type, helper: helper?.value ?? '', ...readProtocols(input, object, what) };
    }
    case 'ct timeout':
      return { type, policy: {}, ...readProtocols(input, object, what) };
    case 'ct expectation':
      return {
        type,
        ...readProtocols(input, object, what),
        dport: number('dport', 0xffff),
        timeoutMs: number('timeout', U32),
        size: number('size', 0xff),
      };
  }
}

function readProtocols(input: JsonInput, object: JsonObjectNode, what: string): { protocol: number; l3proto?: Family } {
  const word = input.optionalWord(object, 'protocol', what, ['tcp', 'udp']);
  const l3proto = input.optionalWord(object, 'l3proto', what, FAMILIES);
  const protocol = word === 'tcp' ? 6 : word === 'udp' ? 17 : 0;
  return l3proto === undefined ? { protocol } : { protocol, l3proto };
}

/** `"policy": {STATE: seconds, …}` */
function readStates(input: JsonInput, object: JsonObjectNode): { name: Name; seconds: number }[] {
  const policy = object.members.get('policy');
  if (policy === undefined) return [];
  const states = input.asObject(policy, "'policy' of 'ct timeout'");
  return [...states.members].map(([text, node]) => ({
    name: { text, span: node.span },
    seconds: input.integer(states, text, "'policy'", U32),
  }));
}
