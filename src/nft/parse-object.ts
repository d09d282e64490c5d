// Named stateful objects: counter, quota, limit, ct helper, ct timeout, ct expectation, secmark, synproxy
// (nft(8), "STATEFUL OBJECTS" and "CONNTRACK").
import type { ObjectType } from '../bytecode/expression.ts';
import type { Family } from '../bytecode/ruleset.ts';
import type { Span } from './ast.ts';
import type { Name, ObjectBlock, ObjectBody } from './ast-commands.ts';
import { parseComment } from './parse-expression.ts';
import { parseCounter, parseLimit, parseQuota, parseTime } from './parse-stateful.ts';
import type { Parser } from './parser.ts';

export const FAMILIES = new Set(['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev']);
const MAX_HELPER_NAME = 15;

/** The words that start an object: `counter`, `ct helper`, … Undefined when none stands here. */
export function atObject(p: Parser): ObjectType | undefined {
  if (p.at('ct')) {
    const second = p.peek(1).text;
    return second === 'helper' || second === 'timeout' || second === 'expectation' ? `ct ${second}` : undefined;
  }
  const text = p.peek().kind === 'word' ? p.peek().text : '';
  return ['counter', 'quota', 'limit', 'secmark', 'synproxy'].includes(text) ? (text as ObjectType) : undefined;
}

/** Takes the words that atObject saw. */
export function skipObjectWords(p: Parser): void {
  if (p.next().text === 'ct') p.next();
}

/**
 * The rest of an object's declaration after its name: a block, or its configuration in line. `readCommon` reads what may
 * stand in any block (`include`, `define`, separators) and says whether it did.
 */
export function parseObject(p: Parser, type: ObjectType, name: Name, readCommon: () => boolean): ObjectBlock {
  const start: Span = name.span;
  const draft: Draft = { body: emptyBody(type), states: [] };
  if (p.accept('{')) {
    const before = p.sources.faults.count;
    p.block(`${type} '${name.text}'`, start, 'items', () => {
      if (readCommon()) return;
      if (p.at('comment')) {
        if (draft.comment !== undefined)
          throw p.error('You can only specify this once. This statement is duplicated.', p.peek());
        draft.comment = parseComment(p);
      } else if (!parseConfig(p, draft)) throw p.unexpected("a setting of the object or '}'");
    });
    if (p.sources.faults.count > before) throw p.sources.consequence(start);
  } else {
    while (!p.atSeparator() && p.peek().kind !== 'end') if (!parseConfig(p, draft)) throw p.unexpected("'{'");
  }
  const block: ObjectBlock = { ...draft.body, name, span: p.spanFrom(start) };
  if (draft.comment !== undefined) block.comment = draft.comment;
  if (draft.states.length > 0) block.states = draft.states;
  return block;
}

interface Draft {
  body: ObjectBody;
  comment?: string;
  states: { name: Name; seconds: number }[];
}

function emptyBody(type: ObjectType): ObjectBody {
  switch (type) {
    case 'counter':
      return { type, packets: 0, bytes: 0 };
    case 'quota':
      return { type, bytes: 0, consumedBytes: 0, invert: false };
    case 'limit':
      return { type, limit: { type: 'packets', rate: 0, unit: 'second', burst: 0, invert: false } };
    case 'ct helper':
      return { type, helper: '', protocol: 0 };
    case 'ct timeout':
      return { type, protocol: 0, policy: {} };
    case 'ct expectation':
      return { type, protocol: 0, dport: 0, timeoutMs: 0, size: 0 };
    case 'secmark':
      return { type, context: '' };
    case 'synproxy':
      return { type, mss: 0, wscale: 0, flags: 0 };
  }
}

/** One setting. Returns false when none starts here. */
function parseConfig(p: Parser, draft: Draft): boolean {
  const body = draft.body;
  switch (body.type) {
    case 'counter':
      if (!p.at('packets')) return false;
      Object.assign(body, parseCounter(p));
      return true;
    case 'quota': {
      if (!p.at('over') && !p.at('until') && p.peek().kind !== 'number') return false;
      const { bytes, usedBytes, invert } = parseQuota(p);
      draft.body = { ...body, bytes, consumedBytes: usedBytes, invert };
      return true;
    }
    case 'limit':
      if (!p.at('rate')) return false;
      body.limit = parseLimit(p, false);
      return true;
    case 'secmark': {
      if (p.peek().kind !== 'quoted' && p.peek().kind !== 'word') return false;
      const token = p.string('a security context');
      if (token.text === '' || token.text.length > 255)
        throw p.error(`invalid context '${token.text}', max length is 256`, token);
      body.context = token.text;
      return true;
    }
    case 'synproxy':
      return parseSynproxyConfig(p, body);
    default:
      return parseConntrackConfig(p, draft);
  }
}

/** `mss N wscale N [timestamp] [sack-perm]`, in one line or several. */
function parseSynproxyConfig(p: Parser, body: { mss: number; wscale: number; flags: number }): boolean {
  if (p.accept('mss') || p.accept('maxseg')) {
    body.mss = p.number('number', 0xffff);
    body.flags |= 1;
  } else if (p.accept('wscale')) {
    body.wscale = p.number('number', 0xff);
    body.flags |= 2;
  } else if (p.accept('timestamp')) body.flags |= 8;
  else if (p.accept('sack-perm') || p.accept('sack-permitted')) body.flags |= 4;
  else return false;
  return true;
}

function parseConntrackConfig(p: Parser, draft: Draft): boolean {
  const body = draft.body;
  if (body.type !== 'ct helper' && body.type !== 'ct timeout' && body.type !== 'ct expectation') return false;
  if (p.accept('l3proto')) {
    if (!p.atAny(FAMILIES)) throw p.unexpected('a family', FAMILIES);
    body.l3proto = p.next().text as Family;
    return true;
  }
  if (body.type === 'ct helper') {
    if (!p.accept('type')) return false;
    const token = p.peek();
    if (token.kind !== 'quoted') throw p.unexpected('the quoted name of a helper');
    p.next();
    if (body.protocol !== 0)
      throw p.error(`You can only specify this once. This statement is already set for ${body.helper}.`, token);
    if (token.text === '' || token.text.length > MAX_HELPER_NAME) {
      throw p.error(`invalid name '${token.text}', max length is ${MAX_HELPER_NAME + 1}`, token);
    }
    p.expect('protocol');
    body.helper = token.text;
    body.protocol = l4Protocol(p);
    return true;
  }
  if (p.accept('protocol')) {
    body.protocol = l4Protocol(p);
    return true;
  }
  if (body.type === 'ct timeout') {
    if (!p.accept('policy')) return false;
    p.expect('=');
    parseTimeoutPolicy(p, draft);
    return true;
  }
  if (p.accept('dport')) body.dport = p.number('port', 0xffff);
  else if (p.accept('timeout')) body.timeoutMs = parseTime(p);
  else if (p.accept('size')) body.size = p.number('number', 0xff);
  else return false;
  return true;
}

function l4Protocol(p: Parser): number {
  if (p.accept('tcp')) return 6;
  if (p.accept('udp')) return 17;
  throw p.unexpected("'tcp' or 'udp'", ['tcp', 'udp']);
}

/** `"{" state ":" time ("," …)* "}"`; times are seconds or like 1m. */
function parseTimeoutPolicy(p: Parser, draft: Draft): void {
  p.expect('{');
  p.skipNewlines();
  do {
    p.skipNewlines();
    const token = p.peek();
    if (token.kind !== 'word') throw p.unexpected('a connection state');
    p.next();
    p.expect(':');
    const seconds = p.peek().kind === 'number' ? p.number('seconds', 0xffffffff) : Math.floor(parseTime(p) / 1000);
    draft.states.push({ name: { text: token.text, span: token }, seconds });
    p.skipNewlines();
  } while (p.accept(','));
  p.expect('}');
}
